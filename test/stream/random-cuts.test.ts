/**
 * Random input, cut into random batches, with restarts on random numbers of workers in between: every answer equals a plain recomputation.
 * A failure prints its seed; more runs with MILLRACE_LONG=1.
 */
import fc from "fast-check";
import { test } from "vitest";
import { functions as F } from "../../src/index.ts";
import { addData, checkNewAnswer, memoryStream, startStream, stopStream, testStream, type Step } from "../../src/testing.ts";
import { testSession } from "../support/test-session.ts";

const { col, count, window } = F;
const spark = testSession();
const numRuns = process.env["MILLRACE_LONG"] ? 500 : 15;
const options = { timeout: process.env["MILLRACE_LONG"] ? 1_800_000 : 60_000 };

const workers = fc.constantFrom(1, 2, 4);
/** What comes before a batch: nothing, or a restart with so many workers. */
const maybeWorkers = fc.option(workers, { freq: 2 });

const restart = (wanted: number | null): Step[] => (wanted === null ? [] : [stopStream(), startStream({ workers: wanted })]);

interface Totals {
  rows: bigint;
  values: bigint;
  sum: bigint;
  least: number | null;
  texts: string | null;
}

const keyedRow = fc.tuple(
  fc.oneof(fc.constantFrom("a", "b", null), fc.string({ maxLength: 3 }), fc.string({ minLength: 12, maxLength: 40 })),
  fc.option(fc.integer({ min: -1000, max: 1000 })),
);
const keyedBatch = fc.record({
  restartWorkers: maybeWorkers,
  adds: fc.array(fc.array(keyedRow, { maxLength: 25 }), { minLength: 1, maxLength: 3 }),
});

test("keyed counts, sums and extremes", options, async () => {
  await fc.assert(
    fc.asyncProperty(
      workers,
      fc.integer({ min: 1, max: 9 }),
      fc.array(keyedBatch, { minLength: 1, maxLength: 8 }),
      async (first, partitions, batches) => {
        const input = memoryStream(spark(), "k STRING, v INT");
        const totals = new Map<string | null, Totals>();
        const steps = batches.flatMap(({ restartWorkers, adds }): Step[] => {
          const changed = new Set<string | null>();
          for (const [key, value] of adds.flat()) {
            const group = totals.get(key) ?? { rows: 0n, values: 0n, sum: 0n, least: null, texts: null };
            totals.set(key, group);
            changed.add(key);
            group.rows++;
            if (value === null) continue;
            group.values++;
            group.sum += BigInt(value);
            group.least = group.least === null || value < group.least ? value : group.least;
            const text = String(value);
            group.texts = group.texts === null || text > group.texts ? text : group.texts;
          }
          const expected = [...changed].map((key) => {
            const { rows, values, sum, least, texts } = totals.get(key)!;
            return [key, rows, values, values === 0n ? null : sum, least, texts];
          });
          return [...restart(restartWorkers), ...adds.map((rows) => addData(input, ...rows)), checkNewAnswer(...expected)];
        });
        const frame = input
          .toDF()
          .groupBy("k")
          .agg(
            count("*").as("rows"),
            count("v").as("n"),
            F.sum("v").as("sum"),
            F.min("v").as("least"),
            F.max(col("v").cast("string")).as("text"),
          );
        await testStream(frame, { outputMode: "update", workers: first, conf: { "spark.sql.shuffle.partitions": partitions } }, ...steps);
      },
    ),
    { numRuns },
  );
});

const WINDOW_S = 10;
const SLIDE_S = 5;
const DELAY_S = 7;

/** Spark's rules in event seconds, one batch after the other (watermark 0 = not set). */
class WindowModel {
  readonly #counts = new Map<string, { start: number; key: string; n: bigint }>();
  #previousWatermark = 0;
  #watermark = 0;

  /** Rows that the batch emits, and the batch without data that may follow. */
  add(rows: readonly (readonly [number, string])[]): unknown[][] {
    for (const [second, key] of rows) {
      const last = Math.floor(second / SLIDE_S) * SLIDE_S;
      for (let start = last; start > second - WINDOW_S; start -= SLIDE_S) {
        if (this.#previousWatermark > 0 && start + WINDOW_S <= this.#previousWatermark) continue;
        const id = `${start} ${key}`;
        const group = this.#counts.get(id) ?? { start, key, n: 0n };
        this.#counts.set(id, { ...group, n: group.n + 1n });
      }
    }
    const emitted = this.#evict();
    this.#previousWatermark = this.#watermark;
    this.#watermark = Math.max(this.#watermark, ...rows.map(([second]) => second - DELAY_S));
    if (this.#watermark > this.#previousWatermark) {
      emitted.push(...this.#evict());
      this.#previousWatermark = this.#watermark;
    }
    return emitted;
  }

  #evict(): unknown[][] {
    const due = [...this.#counts].filter(([, { start }]) => this.#watermark > 0 && start + WINDOW_S <= this.#watermark);
    for (const [id] of due) this.#counts.delete(id);
    return due.map(([, { start, key, n }]) => [start, key, n]);
  }
}

const timedBatch = fc.record({
  restartWorkers: maybeWorkers,
  advance: fc.integer({ min: 0, max: 20 }),
  rows: fc.array(fc.tuple(fc.integer({ min: -25, max: 5 }), fc.constantFrom("a", "b", "c")), { minLength: 1, maxLength: 30 }),
});

test("overlapping windows under a watermark, append mode", options, async () => {
  await fc.assert(
    fc.asyncProperty(workers, fc.array(timedBatch, { minLength: 1, maxLength: 10 }), async (first, batches) => {
      const input = memoryStream(spark(), "value INT, key STRING");
      const model = new WindowModel();
      let now = 30;
      const steps = batches.flatMap(({ restartWorkers, advance, rows }): Step[] => {
        now += advance;
        const timed = rows.map(([offset, key]) => [now + offset, key] as const);
        return [...restart(restartWorkers), addData(input, ...timed.map((row) => [...row])), checkNewAnswer(...model.add(timed))];
      });
      const frame = input
        .toDF()
        .withColumn("time", F.timestamp_seconds(col("value")))
        .withWatermark("time", `${DELAY_S} seconds`)
        .groupBy(window(col("time"), `${WINDOW_S} seconds`, `${SLIDE_S} seconds`).as("window"), col("key"))
        .agg(count("*").as("n"))
        .select(col("window").getField("start").cast("long"), col("key"), col("n"));
      await testStream(frame, { workers: first }, ...steps);
    }),
    { numRuns },
  );
});
