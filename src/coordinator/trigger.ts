/** When batches start (Spark's Trigger and TriggerExecutor). Used by the micro-batch loop on the main thread. */
import type { Ports } from "../base/ports.ts";

export type Trigger =
  /** `intervalMs` 0: the next batch starts as soon as there is data. */
  | { readonly kind: "processing_time"; readonly intervalMs: number }
  /** One batch over everything there is. */
  | { readonly kind: "once" }
  /** Batches under the read limits until everything that was there at the start is done. */
  | { readonly kind: "available_now" };

/** The first multiple of `intervalMs` after `nowMs` (epoch ms). */
export function nextBoundaryMs(nowMs: number, intervalMs: number): number {
  return intervalMs === 0 ? nowMs : Math.floor(nowMs / intervalMs) * intervalMs + intervalMs;
}

/**
 * Calls `fire` until it returns false, the trigger is through, or `stop` aborts. A batch that overruns its boundary is followed by the
 * next one at once; missed boundaries are not made up for.
 */
export async function runTrigger(
  trigger: Trigger,
  { clock, scheduler }: Pick<Ports, "clock" | "scheduler">,
  stop: AbortSignal,
  fire: () => Promise<boolean>,
): Promise<void> {
  if (trigger.kind === "once") {
    await fire();
    return;
  }
  const intervalMs = trigger.kind === "processing_time" ? trigger.intervalMs : 0;
  for (;;) {
    const boundaryMs = nextBoundaryMs(clock.nowMs(), intervalMs);
    if (!(await fire()) || stop.aborted) return;
    // A timer may ring a little early by the wall clock; a clock that was set back must not make us wait longer than the interval.
    for (let waitMs = boundaryMs - clock.nowMs(); waitMs > 0 && waitMs <= intervalMs; waitMs = boundaryMs - clock.nowMs()) {
      await scheduler.sleep(waitMs, stop);
      if (stop.aborted) return;
    }
  }
}
