/**
 * Sliding windows by panes against one state row per window: the same rows and the same numbers in every batch, for random times, windows,
 * batches, restarts and numbers of workers. And both against windows computed here.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { DataStreamWriter } from "../../src/api/data-stream-writer.ts";
import { RuntimeConf } from "../../src/api/runtime-conf.ts";
import { functions as F, type DataFrame } from "../../src/index.ts";
import { addData, checkNewAnswer, expectFailure, memoryStream, processAllAvailable, startStream, testStream } from "../../src/testing.ts";
import { localExecutor } from "../../src/testing/memory-input.ts";
import { testSession } from "../support/test-session.ts";

const session = testSession();

interface Shape {
  readonly size: number;
  readonly slide: number;
  readonly offset: number;
  /** Seconds; null: no watermark. */
  readonly delay: number | null;
  readonly mode: "append" | "update" | "complete";
  readonly partitions: number;
  /** 0: no key besides the window. */
  readonly keys: number;
  /** Aggregates with buffers of variable length. */
  readonly strings: boolean;
}

interface Step {
  /** Times in seconds, with a number that gives key and value. */
  readonly rows: readonly (readonly [time: number, seed: number])[];
  /** Restart before this step with so many workers. */
  readonly restart: 0 | 1 | 2 | 4;
}

interface Batch {
  readonly rows: readonly string[];
  readonly total: number;
  readonly updated: number;
  readonly removed: number;
  readonly dropped: number;
}

function windowed(input: DataFrame<any>, { size, slide, offset, delay, keys, strings }: Shape): DataFrame<any> {
  const { col } = F;
  const times: DataFrame<any> = input.withColumn("t", F.timestamp_millis(col("time")));
  const marked = delay === null ? times : times.withWatermark("t", `${delay} milliseconds`);
  const window = F.window(col("t"), `${size} milliseconds`, `${slide} milliseconds`, `${offset} milliseconds`);
  return marked
    .groupBy(...(keys > 0 ? [col("key"), window] : [window]))
    .agg(
      F.count("*").as("n"),
      F.sum("value").as("sum"),
      F.avg("value").as("avg"),
      F.min("value").as("min"),
      F.approx_count_distinct("value").as("distinct"),
      ...(strings ? [F.max("name").as("max_name"), F.min("name").as("min_name")] : []),
    );
}

const keyOf = (seed: number, keys: number): string => `key ${seed % (keys || 3)}`;

const inputRow = ([time, seed]: readonly [number, number], keys: number): object => ({
  time: BigInt(time),
  key: keyOf(seed, keys),
  value: seed,
  name: `a name of ${(seed * 7) % 11}`,
});

const text = (row: unknown): string => JSON.stringify(row, (_, value: unknown) => (typeof value === "bigint" ? Number(value) : value));

/** So little that most of the state of hundreds of groups is on disk. */
const TIGHT_WORKER_BYTES = 1_600_000;

/** Runs the steps with panes or without and returns what the batches of each step did. */
async function run(shape: Shape, steps: readonly Step[], panes: boolean, isTight = false): Promise<Batch[][]> {
  const spark = session();
  const origin = localExecutor(spark.executor);
  const input = memoryStream(spark, "time BIGINT, key STRING, value INT, name STRING");
  const frame = windowed(input.toDF(), shape);
  const checkpoint = mkdtempSync(join(tmpdir(), "millrace-panes-"));
  const rows = new Map<number, string[]>();
  const batches: Batch[][] = [];
  let lastBatch = -1;
  const start = (workers: number) => {
    const conf = new RuntimeConf();
    for (const [key, value] of origin.settings.conf.entries()) conf.set(key, value);
    conf.set("spark.sql.shuffle.partitions", String(shape.partitions));
    conf.set("millrace.windowPanes.enabled", String(panes));
    if (isTight) {
      conf.set("millrace.memory.limit", String(TIGHT_WORKER_BYTES * workers));
      conf.set("spark.sql.streaming.stateStore.maintenanceInterval", "0");
    }
    const executor = origin.beside({ ...origin.settings, workers, conf }, origin.ports);
    return new DataStreamWriter<any>({ ...frame.session, executor }, frame.plan)
      .outputMode(shape.mode)
      .option("checkpointLocation", checkpoint)
      .foreachBatch(async (batch, id) => void rows.set(id, (await batch.collect()).map(text).sort()))
      .start();
  };
  let query = await start(2);
  try {
    for (const step of steps) {
      if (step.restart > 0) {
        await query.stop();
        query = await start(step.restart);
      }
      input.addData(...step.rows.map((row) => inputRow(row, shape.keys)));
      await query.processAllAvailable();
      const done = (await query.recentProgress()).filter(({ batchId, durationMs }) => "addBatch" in durationMs && batchId > lastBatch);
      lastBatch = done.at(-1)?.batchId ?? lastBatch;
      batches.push(
        done.map(({ batchId, stateOperators: [state] }) => ({
          rows: rows.get(batchId)!,
          total: state.numRowsTotal,
          updated: state.numRowsUpdated,
          removed: state.numRowsRemoved,
          dropped: state.numRowsDroppedByWatermark,
        })),
      );
    }
  } finally {
    await query.stop();
    rmSync(checkpoint, { recursive: true, force: true });
  }
  return batches;
}

interface Group {
  readonly key: string;
  readonly start: number;
  readonly values: number[];
}

/** What each step puts out and drops by the rules of Spark's documentation: windows kept one by one, and two watermarks per batch. */
function recompute({ size, slide, offset, delay, mode, keys }: Shape, steps: readonly Step[]): { rows: string[]; dropped: number }[] {
  const live = new Map<string, Group>();
  let [watermark, evicted] = [0, 0];
  const print = ({ key, start, values }: Group): string =>
    JSON.stringify([...(keys > 0 ? [key] : []), start, values.length, values.reduce((sum, value) => sum + value, 0)]);
  return steps.map(({ rows: input }) => {
    const rows: string[] = [];
    const dropped = new Set<string>();
    const batch = (data: Step["rows"]): void => {
      const late = evicted;
      evicted = watermark;
      const touched = new Set<string>();
      for (const [time, seed] of data) {
        const key = keyOf(seed, keys);
        const newest = time - ((((time - offset) % slide) + slide) % slide);
        for (let start = newest; start + size > time; start -= slide) {
          const id = `${keys > 0 ? key : ""} ${start}`;
          if (mode !== "complete" && late > 0 && start + size <= late) {
            dropped.add(id);
            continue;
          }
          if (!live.has(id)) live.set(id, { key, start, values: [] });
          live.get(id)!.values.push(seed);
          touched.add(id);
        }
      }
      for (const [id, group] of live) {
        const isClosed = evicted > 0 && group.start + size <= evicted;
        if (mode === "complete" || (mode === "append" ? isClosed : touched.has(id))) rows.push(print(group));
        if (isClosed && mode !== "complete") live.delete(id);
      }
    };
    batch(input);
    if (delay !== null) for (const [time] of input) watermark = Math.max(watermark, time - delay);
    if (watermark > evicted && mode !== "complete") batch([]);
    return { rows: rows.sort(), dropped: dropped.size };
  });
}

/** Of the rows of a query, what `recompute` knows. */
function comparable(batches: readonly Batch[], keys: number): { rows: string[]; dropped: number } {
  const rows = batches.flatMap((batch) =>
    batch.rows.map((row) => {
      const { key, window, n, sum } = JSON.parse(row) as { key: string; window: { start: string }; n: number; sum: number };
      return JSON.stringify([...(keys > 0 ? [key] : []), Date.parse(window.start), n, sum]);
    }),
  );
  return { rows: rows.sort(), dropped: batches.reduce((sum, { dropped }) => sum + dropped, 0) };
}

const shapes: fc.Arbitrary<Shape> = fc
  .record({
    size: fc.integer({ min: 2, max: 24 }),
    slide: fc.integer({ min: 1, max: 23 }),
    offset: fc.integer({ min: -22, max: 22 }),
    unit: fc.constantFrom(1, 100, 1000),
    delay: fc.option(fc.integer({ min: 0, max: 40 }), { freq: 6 }),
    mode: fc.constantFrom("append", "update", "complete"),
    partitions: fc.constantFrom(1, 4, 5, 8),
    keys: fc.constantFrom(0, 3),
    strings: fc.boolean(),
  })
  .map(({ size, slide, offset, unit, delay, mode, strings, ...rest }): Shape => {
    const step = Math.min(slide, size - 1);
    return {
      ...rest,
      size: size * unit,
      slide: step * unit,
      offset: (offset % step) * unit,
      delay: delay === null ? null : delay * unit,
      mode: delay === null && mode === "append" ? "update" : (mode as Shape["mode"]),
      strings,
    };
  });

/** Times go forward by and large, with late ones, and now and then far ahead. */
const stepsOf = (unit: number): fc.Arbitrary<Step[]> =>
  fc
    .array(
      fc.record({
        rows: fc.array(fc.tuple(fc.integer({ min: -3000, max: 1000 }), fc.nat(200)), { minLength: 1, maxLength: 12 }),
        restart: fc.constantFrom(0 as const, 0 as const, 0 as const, 1 as const, 2 as const, 4 as const),
      }),
      { minLength: 2, maxLength: 7 },
    )
    .map((steps) =>
      steps.map((step, i) => ({
        ...step,
        rows: step.rows.map(([spread, seed]) => [Math.round(unit * (i * 0.8 + spread / 1000)), seed] as const),
      })),
    );

test("the same rows and numbers in every batch as with a row per window", { timeout: 600_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(
      shapes.chain((shape) => stepsOf(shape.size).map((steps) => ({ shape, steps }))),
      async ({ shape, steps }) => {
        const plain = await run(shape, steps, false);
        const panes = await run(shape, steps, true);
        expect(panes).toEqual(plain);
        expect(panes.map((batches) => comparable(batches, shape.keys))).toEqual(recompute(shape, steps));
      },
    ),
    { numRuns: Number(process.env["PANES_RUNS"] ?? 8), interruptAfterTimeLimit: 500_000 },
  );
});

/**
 * Hundreds of groups, in panes that are thousands of panes apart: more windows than are made at a time, and starts that take more than one round
 * of sorting. With room for all of the state, and for little of it.
 */
test("the same for many groups in panes far from each other", { timeout: 600_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(
      shapes,
      fc.array(
        fc.record({
          rows: fc.array(fc.tuple(fc.nat(999_999), fc.nat(999_999)), { minLength: 300, maxLength: 900 }),
          slides: fc.constantFrom(3, 40, 20_000),
        }),
        { minLength: 2, maxLength: 3 },
      ),
      fc.boolean(),
      async (anyShape, batches, isTight) => {
        const shape = { ...anyShape, keys: 400 };
        let start = 0;
        const steps = batches.map(({ rows, slides }): Step => {
          const from = start;
          const span = slides * shape.slide;
          start += span / 2;
          return { rows: rows.map(([part, seed]) => [Math.floor(from + (part * span) / 1e6), seed] as const), restart: 0 };
        });
        const plain = await run(shape, steps, false);
        const panes = await run(shape, steps, true, isTight);
        expect(panes).toEqual(plain);
        expect(panes.map((of) => comparable(of, shape.keys))).toEqual(recompute(shape, steps));
      },
    ),
    { numRuns: Number(process.env["PANES_RUNS"] ?? 4), interruptAfterTimeLimit: 500_000 },
  );
});

async function physicalPlan(frame: DataFrame<any>): Promise<string> {
  const spark = session();
  return localExecutor(spark.executor).explain(frame.plan, "simple");
}

test("explain tells panes; what looks at a window or at the order of rows keeps a row per window", async () => {
  const { col } = F;
  const times = memoryStream(session(), "t TIMESTAMP, v INT").toDF().withWatermark("t", "10 seconds");
  const sliding = F.window(col("t"), "10 minutes", "4 minutes");
  expect(await physicalPlan(times.groupBy(sliding).agg(F.sum("v")))).toContain("slide=240000ms panes=5");
  expect(await physicalPlan(times.groupBy(sliding.as("w"), "v").count())).toContain("panes=5");
  expect(await physicalPlan(times.groupBy(sliding).agg(F.first("v")))).not.toContain("panes=");
  expect(await physicalPlan(times.groupBy(sliding).agg(F.collect_list("v")))).not.toContain("panes=");
  const withWindow = times.withColumn("w", sliding);
  expect(await physicalPlan(withWindow.groupBy("w").count())).toContain("panes=5");
  expect(await physicalPlan(withWindow.groupBy("w").agg(F.max(col("w").getField("end"))))).not.toContain("panes=");
  expect(await physicalPlan(withWindow.filter(F.expr("w.end > t + INTERVAL 1 MINUTE")).groupBy("w").count())).not.toContain("panes=");
  expect(await physicalPlan(times.groupBy(F.window(col("t"), "10 minutes")).count())).not.toContain("panes=");
  expect(await physicalPlan(times.groupBy(F.window(col("t"), "65 seconds", "1 second")).count())).not.toContain("panes=");
});

test("a batch query over sliding windows", async () => {
  const shape: Shape = { size: 600, slide: 400, offset: 100, delay: null, mode: "complete", partitions: 4, keys: 3, strings: true };
  const rows = Array.from({ length: 500 }, (_, i) => [(i * 7919) % 5000, i] as const);
  const frame = session().createDataFrame(
    rows.map((row) => inputRow(row, shape.keys)),
    "time BIGINT, key STRING, value INT, name STRING",
  );
  const windows = windowed(frame, shape);
  expect(await physicalPlan(windows)).toContain("panes=3");
  const batch = { rows: (await windows.collect()).map(text), total: 0, updated: 0, removed: 0, dropped: 0 };
  expect(comparable([batch], shape.keys)).toEqual(recompute(shape, [{ rows, restart: 0 }])[0]);
});

test("windows of windows: a second aggregation takes the windows that the first emits", async () => {
  const { col } = F;
  const input = memoryStream(session(), "value INT");
  const inner = input
    .toDF()
    .withColumn("t", F.timestamp_seconds(col("value")))
    .withWatermark("t", "0 seconds")
    .groupBy(F.window(col("t"), "4 seconds", "2 seconds"))
    .agg(F.count("*").as("n"));
  const outer = inner
    .groupBy(F.window(F.window_time(col("window")), "8 seconds", "4 seconds").as("outer"))
    .agg(F.sum("n").as("n"))
    .select(col("outer").getField("start").cast("long").as("start"), col("n"));
  expect((await physicalPlan(outer)).match(/panes=2/g)).toHaveLength(2);
  await testStream(
    outer,
    {},
    addData(input, 10, 11, 12, 13),
    // Watermark 13 s: inner [8, 12) with 2 rows, at 11.9 s, in outer [4, 12) and [8, 16), of which the first is closed.
    checkNewAnswer([4, 2]),
    // Watermark 40 s: inner [10, 14) with 4 and [12, 16) with 2, at 13.9 and 15.9 s, both in outer [8, 16) and [12, 20).
    addData(input, 40),
    checkNewAnswer([8, 8], [12, 6]),
  );
});

test("a checkpoint with other panes, or with none, is refused", async () => {
  const input = memoryStream(session(), "value INT");
  const query = (size: string): DataFrame<any> =>
    input
      .toDF()
      .withColumn("t", F.timestamp_seconds(F.col("value")))
      .withWatermark("t", "10 seconds")
      .groupBy(F.window(F.col("t"), size, "5 seconds"))
      .count();
  const checkpointLocation = mkdtempSync(join(tmpdir(), "millrace-panes-"));
  try {
    await testStream(query("10 seconds"), { checkpointLocation }, addData(input, 1), processAllAvailable());
    const refused = expectFailure({ condition: "STATE_STORE_KEY_SCHEMA_NOT_COMPATIBLE", message: "in panes of 5000000 microseconds" });
    await testStream(query("15 seconds"), { checkpointLocation }, startStream(), refused);
    await testStream(query("5 seconds"), { checkpointLocation }, startStream(), refused);
  } finally {
    rmSync(checkpointLocation, { recursive: true, force: true });
  }
});
