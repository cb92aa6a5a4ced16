/**
 * The seam between the API (frames that only describe) and what executes them. `local-executor.ts` runs queries in this process;
 * tests bring their own. Every call may cross a wire one day: plans and results are plain data but for `attachments`.
 * Called on the session's thread, several calls at a time.
 */
import type { DataType } from "../columnar/types.ts";
import type { UserImplementation } from "../plan/expr/expression.ts";
import type { StreamingQueryError } from "../base/errors.ts";
import type { StructType } from "../columnar/types.ts";
import type { OutputMode } from "../connectors/sink.ts";
import type { StreamingQueryStatus } from "../coordinator/query-status.ts";
import type { Trigger } from "../coordinator/trigger.ts";
import type { Attribute, Output } from "../plan/expr/expression.ts";
import type { LogicalPlan } from "../plan/logical/nodes.ts";

export interface AnalyzedFrame {
  readonly plan: LogicalPlan;
  readonly output: Output;
  readonly isStreaming: boolean;
}

export type ExplainMode = "simple" | "extended" | "codegen" | "cost" | "formatted" | "analyze";

/** What `df.write` describes. */
export interface WriteRequest {
  readonly format: string;
  readonly mode: SaveMode;
  readonly options: Readonly<Record<string, string>>;
  readonly path: string | null;
  readonly partitionBy: readonly string[];
}
export type SaveMode = "append" | "overwrite" | "errorifexists" | "ignore";

/** What `df.writeStream` describes. */
export interface StartRequest {
  /** Null: unnamed. */
  readonly name: string | null;
  readonly format: string;
  readonly outputMode: OutputMode;
  readonly trigger: Trigger;
  readonly options: Readonly<Record<string, string>>;
  readonly path: string | null;
  readonly partitionBy: readonly string[];
  /** Objects that sinks call back; the keys are the sinks' own (`connectors/foreach`, `connectors/foreach-batch`). */
  readonly attachments: Readonly<Record<string, unknown>>;
}

/** A progress report as plain JSON data in Spark's shape. */
export type ProgressJson = Readonly<Record<string, any>>;

/** A query that has been started. */
export interface QueryHandle {
  /** Persisted in the checkpoint: the same after a restart. */
  readonly id: string;
  readonly runId: string;
  readonly name: string | null;
  isActive(): boolean;
  status(): StreamingQueryStatus;
  /** Oldest first; not more than the newest `most`. */
  recentProgress(most?: number): readonly ProgressJson[];
  exception(): StreamingQueryError | null;
  /** Resolves when the query has stopped; rejects with its error if it failed. */
  awaitTermination(): Promise<void>;
  /** Resolves after a trigger that found nothing to do; rejects with the query's error. */
  processAllAvailable(): Promise<void>;
  /** Resolves when nothing of the query runs any more. */
  stop(): Promise<void>;
  explain(mode: ExplainMode): Promise<string>;
}

/** Spark's listener events. */
export interface StreamingQueryListener {
  /** Called before `start()` returns, which does not wait for a promise of it. */
  onQueryStarted?(event: {
    readonly id: string;
    readonly runId: string;
    readonly name: string | null;
    readonly timestamp: string;
  }): void | Promise<void>;
  onQueryProgress?(event: { readonly progress: ProgressJson }): void | Promise<void>;
  onQueryIdle?(event: { readonly id: string; readonly runId: string; readonly timestamp: string }): void | Promise<void>;
  onQueryTerminated?(event: {
    readonly id: string;
    readonly runId: string;
    readonly exception: string | null;
    readonly errorClassOnException: string | null;
  }): void | Promise<void>;
}

/** A function of the program as SQL text finds it. */
export interface NamedUserFunction {
  readonly implementation: UserImplementation;
  readonly returnType: DataType;
}

export interface Executor {
  /** Resolves names and types. Throws `AnalysisError`, `ParseError`. */
  analyze(plan: LogicalPlan): Promise<AnalyzedFrame>;
  explain(plan: LogicalPlan, mode: ExplainMode): Promise<string>;
  /** Runs a batch query; `batches` are encoded column batches of `schema`. */
  collect(plan: LogicalPlan): Promise<{ readonly schema: StructType; readonly batches: readonly Uint8Array[] }>;
  write(plan: LogicalPlan, request: WriteRequest): Promise<void>;
  /** Starts a streaming query; resolves when it is running, rejects when it cannot start. */
  start(plan: LogicalPlan, request: StartRequest): Promise<QueryHandle>;
  /** Queries that run now. */
  activeQueries(): readonly QueryHandle[];
  /**
   * Resolves to true when a query has ended since the session began or since `resetTerminated`, to false after `timeoutMs`;
   * rejects with the query's error if it failed.
   */
  awaitAnyTermination(timeoutMs: number | null): Promise<boolean>;
  resetTerminated(): void;
  addListener(listener: StreamingQueryListener): void;
  removeListener(listener: StreamingQueryListener): void;
  /** Waits until `promise` has settled or `timeoutMs` have passed; says whether it has settled. Rejections count as settled. */
  settledWithin(promise: Promise<unknown>, timeoutMs: number): Promise<boolean>;
  /** Lets other work of the thread run. */
  yieldThread(): Promise<void>;
  /** Fresh attributes for rows that the program brings. */
  newAttributes(schema: StructType): readonly Attribute[];
  /** Gives a function of the program a name for SQL text. */
  registerFunction(name: string, definition: NamedUserFunction): void;
  /** Text for the terminal: `show`, `printSchema`, `explain`. */
  print(text: string): void;
  createView(name: string, plan: LogicalPlan, replace: boolean): Promise<void>;
  /** Whether there was one. */
  dropView(name: string): Promise<boolean>;
  views(): Promise<readonly string[]>;
  /** Stops all queries and the workers. */
  stop(): Promise<void>;
}

/** What an executor is made from. */
export interface ExecutorSettings {
  readonly appName: string;
  /** Worker threads. */
  readonly workers: number;
  /** Live: `session.conf.set` shows at once. */
  readonly conf: { get(key: string): string | undefined; entries(): ReadonlyMap<string, string> };
}

export type ExecutorFactory = (settings: ExecutorSettings) => Promise<Executor>;
