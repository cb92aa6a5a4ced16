/**
 * Carries query events to the session's listeners (Spark's StreamingQueryListenerBus). `onQueryStarted` is called before `start()` returns, which
 * does not wait for what it does later; the rest follow in order, one at a time, off the batch path. Main thread.
 */
import type { Scheduler } from "../base/ports.ts";
import type { StreamingQueryProgress } from "./query-progress.ts";

export interface QueryStartedEvent {
  readonly id: string;
  readonly runId: string;
  readonly name: string | null;
  /** ISO 8601 in UTC. */
  readonly timestamp: string;
  readonly jobTags: readonly string[];
}

export interface QueryProgressEvent {
  readonly progress: StreamingQueryProgress;
}

/** Sent while a query has nothing to do, every 10 seconds by default. */
export interface QueryIdleEvent {
  readonly id: string;
  readonly runId: string;
  readonly timestamp: string;
}

export interface QueryTerminatedEvent {
  readonly id: string;
  readonly runId: string;
  /** Message of the error, or null after a normal end. */
  readonly exception: string | null;
  /** Condition of the error's cause, e.g. `DIVIDE_BY_ZERO`. */
  readonly errorClassOnException: string | null;
}

/** Any subset of Spark's callbacks. */
export interface StreamingQueryListener {
  onQueryStarted?(event: QueryStartedEvent): void | Promise<void>;
  onQueryProgress?(event: QueryProgressEvent): void | Promise<void>;
  onQueryIdle?(event: QueryIdleEvent): void | Promise<void>;
  onQueryTerminated?(event: QueryTerminatedEvent): void | Promise<void>;
}

type Delivery = (listener: StreamingQueryListener) => void | Promise<void>;

export class ListenerBus {
  readonly #scheduler: Scheduler;
  readonly #onListenerError: (error: unknown) => void;
  readonly #listeners: StreamingQueryListener[] = [];
  #tail: Promise<void> = Promise.resolve();

  /** `onListenerError` is told what a listener threw; nothing else happens: a listener cannot stop a query. */
  constructor(scheduler: Scheduler, onListenerError: (error: unknown) => void) {
    this.#scheduler = scheduler;
    this.#onListenerError = onListenerError;
  }

  add(listener: StreamingQueryListener): void {
    this.#listeners.push(listener);
  }

  remove(listener: StreamingQueryListener): void {
    const index = this.#listeners.indexOf(listener);
    if (index >= 0) this.#listeners.splice(index, 1);
  }

  list(): readonly StreamingQueryListener[] {
    return [...this.#listeners];
  }

  /** Whether somebody is told when a query ends. */
  get hearsOfTermination(): boolean {
    return this.#listeners.some((listener) => listener.onQueryTerminated);
  }

  started(event: QueryStartedEvent): void {
    for (const listener of this.list()) void this.#deliver(listener, (each) => each.onQueryStarted?.(event));
  }

  progress(event: QueryProgressEvent): void {
    this.#post((listener) => listener.onQueryProgress?.(event));
  }

  idle(event: QueryIdleEvent): void {
    this.#post((listener) => listener.onQueryIdle?.(event));
  }

  terminated(event: QueryTerminatedEvent): void {
    this.#post((listener) => listener.onQueryTerminated?.(event));
  }

  /** Resolves when everything posted so far is delivered. */
  async drain(): Promise<void> {
    await this.#tail;
  }

  #post(deliver: Delivery): void {
    const listeners = this.list();
    if (listeners.length === 0) return;
    this.#tail = this.#tail.then(async () => {
      await this.#scheduler.yield();
      for (const listener of listeners) await this.#deliver(listener, deliver);
    });
  }

  async #deliver(listener: StreamingQueryListener, deliver: Delivery): Promise<void> {
    try {
      await deliver(listener);
    } catch (error) {
      this.#onListenerError(error);
    }
  }
}
