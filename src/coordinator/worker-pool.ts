/**
 * The worker threads of a session: one Piscina pool of one thread per slot, each running one long task (`worker/main.ts`). Commands go through a
 * MessagePort, and a counter in shared memory wakes the worker. Main thread.
 */
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { Piscina } from "piscina";
import { MillraceError } from "../base/errors.ts";
import { compileKernels, createMemory } from "../kernels/load.ts";
import { type Command, CONTROL_WORDS, type Envelope, type Replies, type Reply, STOP, WAKE } from "../protocol/messages.ts";

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
  #idleMemories: MemorySet[] = [];
  #nextMemorySet = 0;

  constructor(size: number) {
    this.size = size;
    this.#slots = Array.from({ length: size }, (_, index) => new Slot(index, size));
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
    await Promise.all(this.#slots.map((slot) => slot.stop()));
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

interface Thread {
  readonly pool: Piscina;
  readonly port: MessagePort;
  readonly control: Int32Array;
}

interface Waiting {
  resolve(value: never): void;
  reject(error: unknown): void;
}

class Slot implements WorkerHandle {
  readonly index: number;
  readonly #workerCount: number;
  #thread: Thread | null = null;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 0;
  #stopping = false;
  deaths = 0;

  constructor(index: number, workerCount: number) {
    this.index = index;
    this.#workerCount = workerCount;
  }

  start(): Thread {
    return (this.#thread ??= this.#start());
  }

  send<C extends Command>(command: C): Promise<ReplyOf<C>> {
    const { port, control } = this.start();
    const id = this.#nextId++;
    return new Promise<ReplyOf<C>>((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as Waiting["resolve"], reject });
      const envelope: Envelope = { id, command };
      port.postMessage(envelope);
      Atomics.add(control, WAKE, 1);
      Atomics.notify(control, WAKE);
    });
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    const thread = this.#thread;
    if (!thread) return;
    Atomics.store(thread.control, STOP, 1);
    Atomics.add(thread.control, WAKE, 1);
    Atomics.notify(thread.control, WAKE);
    await thread.pool.close({ force: true });
    thread.port.close();
  }

  #start(): Thread {
    const { port1, port2 } = new MessageChannel();
    const control = new Int32Array(new SharedArrayBuffer(4 * CONTROL_WORDS));
    const pool = new Piscina({
      filename: new URL("../worker/main.js", import.meta.url).href,
      minThreads: 1,
      maxThreads: 1,
      idleTimeout: Number.POSITIVE_INFINITY,
      atomics: "disabled",
    });
    port1.on("message", (reply: Reply) => this.#answer(reply));
    const task = { workerIndex: this.index, workerCount: this.#workerCount, port: port2, control };
    pool.run(task, { transferList: [port2] }).then(
      () => this.#ended(new Error("the worker left its loop")),
      (error: unknown) => this.#ended(error),
    );
    return { pool, port: port1, control };
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
    if (!this.#stopping) {
      thread?.port.close();
      void thread?.pool.destroy().catch(() => {});
    }
    for (const { reject } of this.#waiting.values()) {
      reject(
        new MillraceError("WORKER_DIED", { worker: String(this.index), reason: String((cause as Error)?.message ?? cause) }, { cause }),
      );
    }
    this.#waiting.clear();
  }
}
