/**
 * What a slot of the worker pool needs of a thread, and the real one: a Piscina pool of one thread with one long task (`worker/main.ts`). Commands
 * go through a MessagePort, and a counter in shared memory wakes the worker. The simulator of the tests brings another. Main thread.
 */
import { MessageChannel } from "node:worker_threads";
import { Piscina } from "piscina";
import { CONTROL_WORDS, type Envelope, type Reply, STOP, WAKE } from "../protocol/messages.ts";

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
}

export type StartWorkerThread = (slot: WorkerSlot, events: WorkerThreadEvents) => WorkerThread;

export const startPiscinaThread: StartWorkerThread = (slot, events) => {
  const { port1: port, port2 } = new MessageChannel();
  const control = new Int32Array(new SharedArrayBuffer(4 * CONTROL_WORDS));
  const pool = new Piscina({
    filename: new URL("../worker/main.js", import.meta.url).href,
    minThreads: 1,
    maxThreads: 1,
    idleTimeout: Number.POSITIVE_INFINITY,
    atomics: "disabled",
  });
  const wake = (): void => {
    Atomics.add(control, WAKE, 1);
    Atomics.notify(control, WAKE);
  };
  port.on("message", (reply: Reply) => events.answered(reply));
  pool.run({ ...slot, port: port2, control }, { transferList: [port2] }).then(
    () => events.ended(new Error("the worker left its loop")),
    (error: unknown) => events.ended(error),
  );
  return {
    post(envelope) {
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
      port.close();
      void pool.destroy().catch(() => {});
    },
  };
};
