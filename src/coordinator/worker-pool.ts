/**
 * The worker threads of a session, one per slot: commands to them, replies, and a new thread where one died. Main thread.
 */
import { MillraceError } from "../base/errors.ts";
import { compileKernels, createMemory } from "../kernels/load.ts";
import type { Command, Replies, Reply } from "../protocol/messages.ts";
import type { StartWorkerThread, WorkerThread } from "./worker-thread.ts";

type ReplyOf<C extends Command> = Replies[C["kind"]];

/** Something that executes commands for one worker slot, in order. */
export interface WorkerHandle {
  readonly index: number;
  send<C extends Command>(command: C): Promise<ReplyOf<C>>;
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
  readonly #slots: Slot[];
  /** Started with the first command to it. */
  readonly #writer: Slot;
  #idleMemories: MemorySet[] = [];
  #nextMemorySet = 0;

  constructor(size: number, startThread: StartWorkerThread) {
    this.size = size;
    this.#slots = Array.from({ length: size }, (_, index) => new Slot(index, size, startThread));
    this.#writer = new Slot(size, size, startThread);
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

  async stop(): Promise<void> {
    await Promise.all([...this.#slots, this.#writer].map((slot) => slot.stop()));
  }
}

async function settle<T>(replies: readonly Promise<T>[]): Promise<T[]> {
  const results = await Promise.allSettled(replies);
  // A dead worker comes first: its error decides that state has to be loaded again.
  const failures = results.flatMap((result) => (result.status === "rejected" ? [result.reason as unknown] : []));
  const death = failures.find((failure) => failure instanceof MillraceError && failure.condition === "WORKER_DIED");
  if (failures.length > 0) throw death ?? failures[0];
  return results.map((result) => (result as PromiseFulfilledResult<T>).value);
}

interface Waiting {
  resolve(value: never): void;
  reject(error: unknown): void;
}

class Slot implements WorkerHandle {
  readonly index: number;
  readonly #workerCount: number;
  readonly #startThread: StartWorkerThread;
  #thread: WorkerThread | null = null;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 0;
  #stopping = false;
  deaths = 0;

  constructor(index: number, workerCount: number, startThread: StartWorkerThread) {
    this.index = index;
    this.#workerCount = workerCount;
    this.#startThread = startThread;
  }

  start(): WorkerThread {
    return (this.#thread ??= this.#startThread(
      { workerIndex: this.index, workerCount: this.#workerCount },
      { answered: (reply) => this.#answer(reply), ended: (cause) => this.#ended(cause) },
    ));
  }

  send<C extends Command>(command: C): Promise<ReplyOf<C>> {
    const thread = this.start();
    const id = this.#nextId++;
    return new Promise<ReplyOf<C>>((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as Waiting["resolve"], reject });
      thread.post({ id, command });
    });
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#thread?.stop();
  }

  #answer(reply: Reply): void {
    const waiting = this.#waiting.get(reply.id);
    if (!waiting) return;
    this.#waiting.delete(reply.id);
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
  }
}
