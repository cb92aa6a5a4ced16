/**
 * The worker threads of a session, one per slot: commands to them, replies, and a new thread where one died. Main thread.
 */
import { MillraceError } from "../base/errors.ts";
import type { Clock, Scheduler } from "../base/ports.ts";
import { compileKernels, createMemory } from "../kernels/load.ts";
import type { Command, QueryNumber, Replies, Reply } from "../protocol/messages.ts";
import type { StartWorkerThread, WorkerThread } from "./worker-thread.ts";

type ReplyOf<C extends Command> = Replies[C["kind"]];

/** Something that executes commands for one worker slot, in order. */
export interface WorkerHandle {
  readonly index: number;
  send<C extends Command>(command: C): Promise<ReplyOf<C>>;
}

/** Looks at a heartbeat before a worker counts as dead: a process that was asleep for a while has missed one only. */
const HEARTBEAT_CHECKS = 4;
const IDLE = "no worker works";
/** Waiting for less is nothing to speak of. */
const WAIT_SHOWN_MS = 1000;

export interface WorkerPoolParts {
  readonly size: number;
  readonly startThread: StartWorkerThread;
  /** Real time, also where queries have a clock of their own. */
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  /** How long a worker may work without a sign of life, ms; 0 = for ever. Asked at every look. */
  readonly timeoutMs: () => number;
}

/** Memories, by worker; address space is scarce (each reserves about 10 GB of it), so those of ended queries are used again. */
export interface MemorySet {
  readonly id: number;
  /** Of the pool when they were made: after a worker's death the kernels of the others may be in any state. */
  readonly generation: number;
  readonly memories: readonly WebAssembly.Memory[];
}

export class WorkerPool {
  readonly size: number;
  readonly kernels: WebAssembly.Module = compileKernels();
  readonly #parts: WorkerPoolParts;
  readonly #slots: Slot[];
  /** Started with the first command to it. */
  readonly #writer: Slot;
  #watch: AbortController | null = null;
  #idleMemories: MemorySet[] = [];
  #nextMemorySet = 0;

  constructor(parts: WorkerPoolParts) {
    this.#parts = parts;
    this.size = parts.size;
    this.#slots = Array.from({ length: parts.size }, (_, index) => new Slot(index, parts, () => this.#busyChanged()));
    this.#writer = new Slot(parts.size, parts, () => this.#busyChanged());
  }

  /** Lets other work of the main thread run. */
  async yieldThread(): Promise<void> {
    await this.#parts.scheduler.yield();
  }

  /** Starts the threads now, in the background, so that the first query finds them ready. */
  warmUp(): void {
    for (const slot of this.#slots) slot.start();
  }

  /** One memory per worker for a query. */
  takeMemories(): MemorySet {
    this.#idleMemories = this.#idleMemories.filter(({ generation }) => generation === this.generation);
    return (
      this.#idleMemories.pop() ?? {
        id: this.#nextMemorySet++,
        generation: this.generation,
        memories: Array.from({ length: this.size }, createMemory),
      }
    );
  }

  /** Memories whose workers keep the kernels for them (`unload` with `keepMemory`). */
  returnMemories(set: MemorySet): void {
    if (set.generation === this.generation) this.#idleMemories.push(set);
  }

  worker(index: number): WorkerHandle {
    return this.#slots[index]!;
  }

  /** The thread that writes chunk stores; it belongs to no slot and knows no query. */
  get writer(): WorkerHandle {
    return this.#writer;
  }

  /** The same command to all workers; rejects with the first error after every worker has answered. */
  async all<C extends Command>(command: C): Promise<ReplyOf<C>[]> {
    return settle(this.#slots.map((slot) => slot.send(command)));
  }

  /** A command of its own for every worker. */
  async each<C extends Command>(command: (index: number) => C): Promise<ReplyOf<C>[]> {
    return settle(this.#slots.map((slot) => slot.send(command(slot.index))));
  }

  /** How many workers have died. */
  get generation(): number {
    return this.#slots.reduce((sum, { deaths }) => sum + deaths, 0);
  }

  /** What a query has been waiting for for a while: "3 s for worker 1 (scan)"; null = nothing. */
  waitingFor(query: QueryNumber): string | null {
    const waits = this.#slots.flatMap((slot) => {
      const oldest = slot.oldest(query);
      return oldest ? [{ ...oldest, worker: slot.index }] : [];
    });
    const [longest] = waits.sort((a, b) => a.sinceMs - b.sinceMs);
    const waitedMs = longest ? this.#parts.clock.monotonicMs() - longest.sinceMs : 0;
    return longest && waitedMs >= WAIT_SHOWN_MS ? `${Math.floor(waitedMs / 1000)} s for worker ${longest.worker} (${longest.kind})` : null;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#slots, this.#writer].map((slot) => slot.stop()));
  }

  /**
   * The heartbeats are watched while any worker works. That also keeps the process alive until a thread that died is known to have: its port
   * closes before it ends, and nothing else may be left to wait for.
   */
  #busyChanged(): void {
    const isBusy = [...this.#slots, this.#writer].some((slot) => slot.isBusy);
    if (isBusy === (this.#watch !== null)) return;
    // A reason that is there already: making an exception costs more than the rest of a command.
    this.#watch?.abort(IDLE);
    this.#watch = isBusy ? new AbortController() : null;
    if (this.#watch) void this.#watchHeartbeats(this.#watch.signal);
  }

  async #watchHeartbeats(signal: AbortSignal): Promise<void> {
    const { scheduler } = this.#parts;
    for (let timeoutMs = this.#parts.timeoutMs(); timeoutMs > 0; timeoutMs = this.#parts.timeoutMs()) {
      await scheduler.sleep(timeoutMs / HEARTBEAT_CHECKS, signal);
      if (signal.aborted) return;
      for (const slot of this.#slots) slot.checkHeartbeat(HEARTBEAT_CHECKS, timeoutMs);
    }
  }
}

/** What the disk holds is not known, so the query ends, whatever else failed; a death decides that state has to be loaded again. */
const FAILED_FIRST = ["CHECKPOINT_WRITE_FAILED", "WORKER_DIED"];
const isOf = (condition: string) => (failure: unknown) => failure instanceof MillraceError && failure.condition === condition;

/** All values; rejects only after everything has settled, with the gravest failure, or the first in the order given. */
export async function settle<T extends readonly unknown[]>(replies: { readonly [K in keyof T]: Promise<T[K]> }): Promise<T> {
  const results = await Promise.allSettled(replies);
  const failures = results.flatMap((result) => (result.status === "rejected" ? [result.reason as unknown] : []));
  if (failures.length > 0) throw FAILED_FIRST.map((condition) => failures.find(isOf(condition))).find(Boolean) ?? failures[0];
  return results.map((result) => (result as PromiseFulfilledResult<unknown>).value) as unknown as T;
}

/** A command without a reply. */
interface Waiting {
  readonly kind: Command["kind"];
  readonly query: QueryNumber;
  /** When it was sent; monotonic ms. */
  readonly sinceMs: number;
  resolve(value: never): void;
  reject(error: unknown): void;
}

class Slot implements WorkerHandle {
  readonly index: number;
  readonly #parts: WorkerPoolParts;
  /** Called when the first command goes out, and when the last one has its reply. */
  readonly #busyChanged: () => void;
  #thread: WorkerThread | null = null;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 0;
  #stopping = false;
  #lastBeat = 0;
  #looksInVain = 0;
  deaths = 0;

  constructor(index: number, parts: WorkerPoolParts, busyChanged: () => void) {
    this.index = index;
    this.#parts = parts;
    this.#busyChanged = busyChanged;
  }

  start(): WorkerThread {
    return (this.#thread ??= this.#parts.startThread(
      { workerIndex: this.index, workerCount: this.#parts.size },
      { answered: (reply) => this.#answer(reply), ended: (cause) => this.#ended(cause) },
    ));
  }

  send<C extends Command>(command: C): Promise<ReplyOf<C>> {
    const thread = this.start();
    const id = this.#nextId++;
    return new Promise<ReplyOf<C>>((resolve, reject) => {
      const { kind, query } = command;
      const sinceMs = this.#parts.clock.monotonicMs();
      this.#waiting.set(id, { kind, query, sinceMs, resolve: resolve as Waiting["resolve"], reject });
      if (this.#waiting.size === 1) {
        this.#looksInVain = 0;
        this.#busyChanged();
      }
      thread.post({ id, command });
    });
  }

  get isBusy(): boolean {
    return this.#waiting.size > 0;
  }

  /** The command of a query that was sent first among those without a reply. */
  oldest(query: QueryNumber): Pick<Waiting, "kind" | "sinceMs"> | null {
    return [...this.#waiting.values()].find((waiting) => waiting.query === query) ?? null;
  }

  /** Looks for a sign of life since the last look. After `looksMax` in vain the thread counts as dead. */
  checkHeartbeat(looksMax: number, timeoutMs: number): void {
    const beat = this.#thread?.heartbeat?.();
    if (beat === undefined || !this.isBusy) return;
    this.#looksInVain = beat === this.#lastBeat ? this.#looksInVain + 1 : 0;
    this.#lastBeat = beat;
    if (this.#looksInVain < looksMax) return;
    const { kind } = this.#waiting.values().next().value!;
    this.#ended(new Error(`no sign of life for ${timeoutMs / 1000} s in the command ${kind} (millrace.workerTimeout)`));
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#thread?.stop();
  }

  #answer(reply: Reply): void {
    const waiting = this.#waiting.get(reply.id);
    if (!waiting) return;
    this.#waiting.delete(reply.id);
    if (!this.isBusy) this.#busyChanged();
    if ("value" in reply) waiting.resolve(reply.value as never);
    else if ("internal" in reply.error) {
      const error = new MillraceError("INTERNAL_ERROR", { message: reply.error.internal });
      if (reply.error.stack !== undefined) error.stack = reply.error.stack;
      waiting.reject(error);
    } else waiting.reject(MillraceError.revive(reply.error));
  }

  /** The thread is gone: everything that waits for it fails, the next command starts a new one. */
  #ended(cause: unknown): void {
    const thread = this.#thread;
    this.#thread = null;
    this.deaths++;
    if (!this.#stopping) thread?.kill();
    for (const { reject } of this.#waiting.values()) {
      reject(
        new MillraceError("WORKER_DIED", { worker: String(this.index), reason: String((cause as Error)?.message ?? cause) }, { cause }),
      );
    }
    this.#waiting.clear();
    this.#busyChanged();
  }
}
