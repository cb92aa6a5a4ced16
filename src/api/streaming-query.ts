/** A running query as programs see it, and `spark.streams`, which knows them all. Session's thread. */
import type { StreamingQueryError } from "../base/errors.ts";
import type { StreamingQueryStatus } from "../coordinator/query-status.ts";
import type { Executor, ExplainMode, ProgressJson, QueryHandle, StreamingQueryListener } from "./executor.ts";

/** A started query: status, progress, waiting for it, stopping it. A failure rejects `awaitTermination` and stays in `exception`. */
export class StreamingQuery {
  readonly #executor: Executor;
  readonly #handle: QueryHandle;

  constructor(executor: Executor, handle: QueryHandle) {
    this.#executor = executor;
    this.#handle = handle;
  }

  /** The same after a restart from the checkpoint. */
  get id(): string {
    return this.#handle.id;
  }
  /** Another one at every start. */
  get runId(): string {
    return this.#handle.runId;
  }
  get name(): string | null {
    return this.#handle.name;
  }
  async isActive(): Promise<boolean> {
    return this.#handle.isActive();
  }
  async status(): Promise<StreamingQueryStatus> {
    return this.#handle.status();
  }
  async lastProgress(): Promise<ProgressJson | null> {
    return this.#handle.recentProgress(1).at(-1) ?? null;
  }
  /** Oldest first. */
  async recentProgress(): Promise<readonly ProgressJson[]> {
    return this.#handle.recentProgress();
  }
  /** The error that ended the query, or null. */
  async exception(): Promise<StreamingQueryError | null> {
    return this.#handle.exception();
  }
  /** Resolves to true when the query has ended, to false after `timeoutMs`; rejects with the query's error. */
  async awaitTermination(timeoutMs?: number): Promise<boolean> {
    const ended = this.#handle.awaitTermination();
    if (timeoutMs !== undefined && !(await this.#executor.settledWithin(ended, timeoutMs))) return false;
    await ended;
    return true;
  }
  /** Resolves when everything that is there now has been processed and a trigger has found nothing more. */
  async processAllAvailable(): Promise<void> {
    await this.#handle.processAllAvailable();
  }
  /** Ends the query after the running batch; resolves when nothing of it runs any more. */
  async stop(): Promise<void> {
    await this.#handle.stop();
  }
  /** Prints the plan of the last batch. */
  async explain(mode: ExplainMode | boolean = "simple"): Promise<void> {
    const explainMode = mode === true ? "extended" : mode === false ? "simple" : mode;
    this.#executor.print(await this.#handle.explain(explainMode));
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** `spark.streams`. */
export class StreamingQueryManager {
  readonly #executor: Executor;
  readonly #listeners = new Set<StreamingQueryListener>();

  constructor(executor: Executor) {
    this.#executor = executor;
  }

  async active(): Promise<StreamingQuery[]> {
    return this.#executor.activeQueries().map((handle) => new StreamingQuery(this.#executor, handle));
  }
  /** The running query of that id, or null. */
  async get(id: string): Promise<StreamingQuery | null> {
    const handle = this.#executor.activeQueries().find((query) => query.id === id);
    return handle === undefined ? null : new StreamingQuery(this.#executor, handle);
  }
  /** Resolves to true when any query has ended since `resetTerminated`, to false after `timeoutMs`; rejects with its error. */
  async awaitAnyTermination(timeoutMs?: number): Promise<boolean> {
    return this.#executor.awaitAnyTermination(timeoutMs ?? null);
  }
  async resetTerminated(): Promise<void> {
    this.#executor.resetTerminated();
  }
  async addListener(listener: StreamingQueryListener): Promise<void> {
    this.#listeners.add(listener);
    this.#executor.addListener(listener);
  }
  async removeListener(listener: StreamingQueryListener): Promise<void> {
    this.#listeners.delete(listener);
    this.#executor.removeListener(listener);
  }
  async listListeners(): Promise<StreamingQueryListener[]> {
    return [...this.#listeners];
  }
}
