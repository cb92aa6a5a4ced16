/**
 * Entry point of a worker thread. The Piscina task ends at once, so that an idle thread does not keep the process alive; what it leaves
 * behind is a loop that blocks until the coordinator has posted a command, handles it and replies. Timers and promises do not run here.
 */
import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import { MillraceError } from "../base/errors.ts";
import { nodePorts } from "../base/node-ports.ts";
import { type Command, type Envelope, type Reply, STOP, WAKE } from "../protocol/messages.ts";
import { loadUserModule } from "../functions/user-function.ts";
import { beat, startHeartbeat } from "./heartbeat.ts";
import { WorkerRuntime } from "./runtime.ts";

export interface WorkerTask {
  readonly workerIndex: number;
  readonly workerCount: number;
  readonly port: MessagePort;
  readonly control: Int32Array;
}

export default function work(task: WorkerTask): void {
  setImmediate(() => void serve(task));
}

async function serve({ workerIndex, workerCount, port, control }: WorkerTask): Promise<void> {
  startHeartbeat(control);
  const runtime = new WorkerRuntime(workerIndex, workerCount, nodePorts());
  for (;;) {
    const seen = Atomics.load(control, WAKE);
    for (let received = receiveMessageOnPort(port); received; received = receiveMessageOnPort(port)) {
      const envelope = received.message as Envelope;
      const failed = envelope.command.kind === "load" ? await importModules(envelope.command) : null;
      port.postMessage(failed ? reject(envelope.id, failed.error) : answer(runtime, envelope));
      beat();
    }
    if (Atomics.load(control, STOP) === 1) {
      port.close();
      return;
    }
    Atomics.wait(control, WAKE, seen);
  }
}

/** Brings in the modules of user functions, the one thing that takes a turn of the event loop. Null: all are there. */
async function importModules({ program }: Extract<Command, { kind: "load" }>): Promise<{ error: unknown } | null> {
  try {
    for (const { module } of program.userFunctions) await loadUserModule(module);
    return null;
  } catch (error) {
    return { error };
  }
}

export function answer(runtime: WorkerRuntime, { id, command }: Envelope): Reply {
  try {
    return { id, value: runtime.handle(command) };
  } catch (error) {
    return reject(id, error);
  }
}

function reject(id: number, error: unknown): Reply {
  if (error instanceof MillraceError) return { id, error: error.toTransfer() };
  return { id, error: { internal: String((error as Error)?.message ?? error), stack: (error as Error)?.stack } };
}
