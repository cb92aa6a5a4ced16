/**
 * Entry point of a worker thread. The Piscina task ends at once, so that an idle thread does not keep the process alive; what it leaves
 * behind is a loop that blocks until the coordinator has posted a command, handles it and replies. Timers and promises do not run here.
 */
import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import { MillraceError } from "../base/errors.ts";
import { nodePorts } from "../base/node-ports.ts";
import { type Envelope, type Reply, STOP, WAKE } from "../protocol/messages.ts";
import { beat, startHeartbeat } from "./heartbeat.ts";
import { WorkerRuntime } from "./runtime.ts";

export interface WorkerTask {
  readonly workerIndex: number;
  readonly workerCount: number;
  readonly port: MessagePort;
  readonly control: Int32Array;
}

export default function work(task: WorkerTask): void {
  setImmediate(() => serve(task));
}

function serve({ workerIndex, workerCount, port, control }: WorkerTask): void {
  startHeartbeat(control);
  const runtime = new WorkerRuntime(workerIndex, workerCount, nodePorts());
  for (;;) {
    const seen = Atomics.load(control, WAKE);
    for (let received = receiveMessageOnPort(port); received; received = receiveMessageOnPort(port)) {
      port.postMessage(answer(runtime, received.message as Envelope));
      beat();
    }
    if (Atomics.load(control, STOP) === 1) {
      port.close();
      return;
    }
    Atomics.wait(control, WAKE, seen);
  }
}

export function answer(runtime: WorkerRuntime, { id, command }: Envelope): Reply {
  try {
    return { id, value: runtime.handle(command) };
  } catch (error) {
    if (error instanceof MillraceError) return { id, error: error.toTransfer() };
    return { id, error: { internal: String((error as Error)?.message ?? error), stack: (error as Error)?.stack } };
  }
}
