/** Which errors new workers may cure, and how often that is tried. Main thread, by recovery and batches. */
import { type ErrorCondition, MillraceError } from "../base/errors.ts";

/** How often a step is tried when workers die under it. */
export const ATTEMPTS_MAX = 3;

/** A worker without memory counts as dead: only a new one has less in use. */
const DEATHS: readonly ErrorCondition[] = ["WORKER_DIED", "WORKER_OUT_OF_MEMORY", "STATE_MEMORY_EXHAUSTED"];

export function isWorkerDeath(error: unknown): boolean {
  return error instanceof MillraceError && DEATHS.includes(error.condition);
}
