/**
 * The sign of life of a worker thread: a counter in shared memory that goes on with every command and every call into generated code. The
 * coordinator takes a worker whose counter stands still for dead (`coordinator/worker-pool.ts`). Written by its own thread only.
 */
import { HEARTBEAT } from "../protocol/messages.ts";

let control: Int32Array | null = null;

/** From here on this thread beats into `words`. Without it (one thread under a simulator) `beat` does nothing. */
export function startHeartbeat(words: Int32Array): void {
  control = words;
}

export function beat(): void {
  if (control) Atomics.add(control, HEARTBEAT, 1);
}
