/**
 * What a slot of the worker pool needs of a thread, and the real one: a Piscina pool of one thread in one long loop (`worker/main.ts`). Commands
 * go through a MessagePort, and a counter in shared memory wakes the worker; another shows that it lives. The simulator of the tests brings another
 * thread. Only a command without a reply keeps the process alive. Main thread.
 */
import { MessageChannel } from "node:worker_threads";
import { Piscina } from "piscina";
import { CONTROL_WORDS, type Envelope, HEARTBEAT, type Reply, STOP, WAKE } from "../protocol/messages.ts";

export interface WorkerSlot {
  readonly workerIndex: number;
  readonly workerCount: number;
}

export interface WorkerThreadEvents {
  /** A command's reply; replies come in the order of the commands. */
  answered(reply: Reply): void;
  /** The thread is gone, whether it was stopped or died. */
  ended(cause: unknown): void;
}

/** Executes commands one at a time, in order. */
export interface WorkerThread {
  post(envelope: Envelope): void;
  /** Ends it after the command that runs; resolves when it is gone. */
  stop(): Promise<void>;
  /** Ends it at once, whatever it does; also frees what one that has died leaves behind. */
  kill(): void;
  /** A number that changes while the thread works. Absent: it cannot hang. */
  heartbeat?(): number;
}

export type StartWorkerThread = (slot: WorkerSlot, events: WorkerThreadEvents) => WorkerThread;

/** Threads without a slot. */
const booted: Piscina[] = [];

/** Starts `count` threads for the next calls of `startPiscinaThread`; they load what a worker needs meanwhile. */
export function bootThreads(count: number): void {
  for (let i = 0; i < count; i++) booted.push(boot());
}

function boot(): Piscina {
  const pool = new Piscina({
    filename: new URL("../worker/main.js", import.meta.url).href,
    minThreads: 1,
    maxThreads: 1,
    idleTimeout: Number.POSITIVE_INFINITY,
    atomics: "disabled",
  });
  // Whoever gives it work is told, too.
  pool.on("error", () => {});
  return pool;
}

export const startPiscinaThread: StartWorkerThread = (slot, events) => {
  const { port1: port, port2 } = new MessageChannel();
  const control = new Int32Array(new SharedArrayBuffer(4 * CONTROL_WORDS));
  const pool = booted.pop() ?? boot();
  const wake = (): void => {
    Atomics.add(control, WAKE, 1);
    Atomics.notify(control, WAKE);
  };
  let isGone = false;
  const ended = (cause: unknown): void => {
    if (!isGone) events.ended(cause);
    isGone = true;
  };
  let unanswered = 0;
  port.on("message", (reply: Reply) => {
    if (--unanswered === 0) port.unref();
    events.answered(reply);
  });
  port.unref();
  pool.on("error", ended);
  pool.threads[0]!.once("exit", (code) => ended(new Error(`the thread ended with exit code ${code}`)));
  pool.run({ ...slot, port: port2, control }, { transferList: [port2] }).catch(ended);
  return {
    post(envelope) {
      if (unanswered++ === 0) port.ref();
      port.postMessage(envelope);
      wake();
    },
    async stop() {
      Atomics.store(control, STOP, 1);
      wake();
      await pool.close({ force: true });
      port.close();
    },
    kill() {
      isGone = true;
      port.close();
      void pool.destroy().catch(() => {});
    },
    heartbeat: () => Atomics.load(control, HEARTBEAT),
  };
};
