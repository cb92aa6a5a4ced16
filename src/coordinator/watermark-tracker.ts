/**
 * Event-time progress of a query (Spark's WatermarkTracker). Fed by the micro-batch loop at the end of every batch; the result is the
 * watermark of the next one. Main thread.
 */
import type { EventTimeStats } from "./batch-runner.ts";

/** How several watermark operators make one global watermark. */
export type WatermarkPolicy = "min" | "max";

export const WATERMARK_POLICY_KEY = "spark.sql.streaming.multipleWatermarkPolicy";

export class WatermarkTracker {
  readonly #policy: WatermarkPolicy;
  readonly #delaysMs: readonly number[];
  /** Per operator; null until it saw a row in this run. Only the global watermark survives a restart. */
  readonly #operatorsMs: (number | null)[];
  #globalMs: number;

  /** `delaysMs`: per watermark operator, in plan order. `globalMs`: where the checkpoint left off, 0 = not set. */
  constructor(policy: WatermarkPolicy, delaysMs: readonly number[], globalMs: number) {
    this.#policy = policy;
    this.#delaysMs = delaysMs;
    this.#operatorsMs = delaysMs.map(() => null);
    this.#globalMs = globalMs;
  }

  /** Epoch ms; 0 = not set. Never decreases. */
  get globalMs(): number {
    return this.#globalMs;
  }

  /** Takes in what each operator saw in a batch (null: no row). An operator that has seen nothing in this run counts 0. */
  update(stats: readonly (EventTimeStats | null)[]): void {
    if (this.#delaysMs.length === 0) return;
    for (const [i, seen] of stats.entries()) {
      if (seen === null || seen.rows === 0) continue;
      const watermarkMs = floorToMs(seen.maxMicros) - this.#delaysMs[i]!;
      const previousMs = this.#operatorsMs[i]!;
      if (previousMs === null || watermarkMs > previousMs) this.#operatorsMs[i] = watermarkMs;
    }
    const choose = this.#policy === "min" ? Math.min : Math.max;
    this.#globalMs = Math.max(this.#globalMs, choose(...this.#operatorsMs.map((watermarkMs) => watermarkMs ?? 0)));
  }
}

/** Milliseconds at or before a time in microseconds, also before 1970. */
export function floorToMs(micros: bigint): number {
  const quotient = micros / 1000n;
  return Number(micros % 1000n < 0n ? quotient - 1n : quotient);
}
