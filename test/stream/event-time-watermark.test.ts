/** Cases of Spark's EventTimeWatermarkSuite, titles kept. Times are event seconds. */
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { functions as F, type StreamingQuery } from "../../src/index.ts";
import {
  addData,
  assertOnQuery,
  checkNewAnswer,
  execute,
  expectFailure,
  memoryStream,
  multiAddData,
  processAllAvailable,
  startStream,
  stopStream,
  testStream,
  type MemoryInput,
  type Step,
} from "../../src/testing.ts";
import { everyWay, onWorkers } from "../support/every-way.ts";
import { eventSeconds, newestWatermarkMs, stateRows } from "../support/query-assertions.ts";
import { testSession } from "../support/test-session.ts";
import { windowedCounts, withEventTime } from "../support/windowed-counts.ts";

const { col, count } = F;
const spark = testSession();

everyWay("event time and watermark metrics", () => {
  const input = memoryStream(spark(), "value INT");
  return {
    frame: windowedCounts(input),
    steps: [
      addData(input, 15),
      checkNewAnswer(),
      eventSeconds({ min: 15, max: 15, avg: 15, watermark: 0 }),
      addData(input, 10, 12, 14),
      checkNewAnswer(),
      eventSeconds({ min: 10, max: 14, avg: 12, watermark: 5 }),
      addData(input, 25),
      checkNewAnswer([10, 3]),
      eventSeconds({ min: 25, max: 25, avg: 25, watermark: 5 }),
    ],
  };
});

everyWay("append mode", () => {
  const input = memoryStream(spark(), "value INT");
  return {
    frame: windowedCounts(input),
    steps: [
      addData(input, 10, 11, 12, 13, 14, 15),
      checkNewAnswer(),
      addData(input, 25),
      checkNewAnswer([10, 5]),
      stateRows({ total: 2 }),
      addData(input, 10),
      checkNewAnswer(),
      stateRows({ total: 2, dropped: 1 }),
    ],
  };
});

everyWay("update mode", () => {
  const input = memoryStream(spark(), "value INT");
  return {
    frame: windowedCounts(input),
    options: { outputMode: "update" },
    steps: [
      addData(input, 10, 11, 12, 13, 14, 15),
      checkNewAnswer([10, 5], [15, 1]),
      addData(input, 25),
      checkNewAnswer([25, 1]),
      stateRows({ total: 2 }),
      addData(input, 10, 25),
      checkNewAnswer([25, 2]),
      stateRows({ total: 2, dropped: 1 }),
    ],
  };
});

test.each([
  { workers: 2, later: 2 },
  { workers: 1, later: 4 },
  { workers: 4, later: 1 },
])("recovery: $workers workers, then $later", async ({ workers, later }) => {
  const input = memoryStream(spark(), "value INT");
  await testStream(
    windowedCounts(input),
    { workers },
    addData(input, 10, 11, 12, 13, 14, 15),
    checkNewAnswer(),
    addData(input, 25),
    checkNewAnswer([10, 5]),
    stopStream(),
    execute((_query, { checkpointLocation, clearSink }) => {
      removeAllButNewest(join(checkpointLocation, "commits"));
      clearSink();
    }, "purge all commits but the last, clear the sink"),
    startStream({ workers: later }),
    addData(input, 10, 27, 30), // The watermark goes to 20; 10 is late.
    checkNewAnswer([15, 1]),
    stopStream(),
    startStream({ workers }),
    addData(input, 17), // The watermark is still 20.
    checkNewAnswer(),
    addData(input, 40), // The watermark goes to 30.
    checkNewAnswer([25, 2]),
  );
});

function removeAllButNewest(directory: string): void {
  const ids = readdirSync(directory)
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .sort((a, b) => a - b);
  for (const id of ids.slice(0, -1)) rmSync(join(directory, String(id)));
}

/** Adds to one or both inputs; the next batch, of a row that moves nothing, must see this watermark. */
function watermarkAfter(adds: readonly (readonly [MemoryInput<any>, ...number[]])[], idle: MemoryInput<any>, expectedMs: number): Step[] {
  const check = async (query: StreamingQuery) => expect(await newestWatermarkMs(query)).toBe(expectedMs);
  return [
    multiAddData(...adds.map(([input, ...rows]) => addData(input, ...rows))),
    checkOnly(),
    addData(idle, 0),
    assertOnQuery(check, `watermark ${expectedMs} after ${JSON.stringify(adds.map(([, ...rows]) => rows))}`),
  ];
}

const checkOnly = (): Step => assertOnQuery(() => {}, "everything is processed");

/** Steps of the case: rows for either or both inputs. */
interface TwoStreamStep {
  readonly a?: readonly number[];
  readonly b?: readonly number[];
  /** The global watermark afterwards, ms; and when the query was stopped and started just before. */
  readonly watermarkMs: number;
  readonly restartedMs: number;
}

// After a restart the watermark is as old as the checkpoint says, but the maxima of the inputs start empty, and an input without data counts
// as 0: the minimum moves only when both have data in one run.
const TWO_STREAMS: readonly TwoStreamStep[] = [
  { a: [11], watermarkMs: 0, restartedMs: 0 },
  { b: [6], watermarkMs: 1000, restartedMs: 0 },
  { b: [8], watermarkMs: 1000, restartedMs: 0 },
  { a: [21], watermarkMs: 3000, restartedMs: 0 },
  { b: [17, 28, 39], watermarkMs: 11_000, restartedMs: 0 },
  { a: [31], watermarkMs: 21_000, restartedMs: 0 },
  { a: [41], watermarkMs: 31_000, restartedMs: 0 },
  { a: [51], watermarkMs: 34_000, restartedMs: 0 },
  { a: [100], b: [100], watermarkMs: 90_000, restartedMs: 90_000 },
  { a: [120], b: [110], watermarkMs: 105_000, restartedMs: 105_000 },
  { a: [130], b: [125], watermarkMs: 120_000, restartedMs: 120_000 },
  { a: [200], b: [190], watermarkMs: 185_000, restartedMs: 185_000 },
];

describe("watermark with 2 streams", () => {
  const prepare = () => {
    const [a, b] = [memoryStream(spark(), "value INT"), memoryStream(spark(), "value INT")];
    const frame = withEventTime(a, "10 seconds").select("value").union(withEventTime(b, "5 seconds").select("value"));
    const add = (step: TwoStreamStep, expectedMs: number): Step[] => {
      const adds = [[a, step.a] as const, [b, step.b] as const].flatMap(([input, rows]) => (rows ? [[input, ...rows] as const] : []));
      return watermarkAfter(adds, a, expectedMs);
    };
    return { a, b, frame, add };
  };

  onWorkers("as its text says", async (nextWorkers) => {
    const { a, b, frame, add } = prepare();
    await testStream(
      frame,
      { workers: nextWorkers() },
      ...TWO_STREAMS.flatMap((step) => add(step, step.watermarkMs)),
      stopStream(),
      startStream({ workers: nextWorkers() }),
      ...watermarkAfter([[b, 200]], a, 185_000),
      ...watermarkAfter([[a, 200]], a, 190_000),
    );
  });

  onWorkers("restarted before every step", async (nextWorkers) => {
    const { frame, add } = prepare();
    const steps = TWO_STREAMS.flatMap((step) => [stopStream(), startStream({ workers: nextWorkers() }), ...add(step, step.restartedMs)]);
    await testStream(frame, {}, ...steps.slice(1));
  });
});

describe("MultipleWatermarkPolicy: recovery from checkpoints ignores session conf", () => {
  const run = async (nextWorkers: () => number, isRestartedOften: boolean): Promise<void> => {
    const [a, b] = [memoryStream(spark(), "value INT"), memoryStream(spark(), "value INT")];
    const start = (policy: string) =>
      startStream({ conf: { "spark.sql.streaming.multipleWatermarkPolicy": policy }, workers: nextWorkers() });
    const frame = withEventTime(a, "10 seconds").select("value").union(withEventTime(b, "10 seconds").select("value"));
    const again = (policy: string): Step[] => (isRestartedOften ? [stopStream(), start(policy)] : []);
    await testStream(
      frame,
      {},
      start("max"),
      ...watermarkAfter(
        [
          [a, 20],
          [b, 30],
        ],
        a,
        20_000,
      ),
      ...again("max"),
      ...watermarkAfter([[a, 25]], a, 20_000),
      stopStream(),
      start("min"),
      ...watermarkAfter(
        [
          [a, 120],
          [b, 100],
        ],
        a,
        110_000,
      ),
      ...again("min"),
      ...watermarkAfter([[b, 130]], a, 120_000),
    );
  };
  onWorkers("as its text says", (nextWorkers) => run(nextWorkers, false));
  onWorkers("restarted before every step", (nextWorkers) => run(nextWorkers, true));
});

everyWay("group by on raw timestamp", () => {
  const input = memoryStream(spark(), "value INT");
  return {
    frame: withEventTime(input, "10 seconds")
      .groupBy("eventTime")
      .agg(count("*").as("count"))
      .select(col("eventTime").cast("long"), col("count")),
    steps: [addData(input, 10), checkNewAnswer(), addData(input, 25), checkNewAnswer([10, 1])],
  };
});

describe("test no-data flag", () => {
  everyWay("enabled", () => {
    const input = memoryStream(spark(), "value INT");
    return {
      frame: windowedCounts(input),
      steps: [addData(input, 10, 11, 12, 13, 14, 15), checkNewAnswer(), addData(input, 25), checkNewAnswer([10, 5])],
    };
  });
  everyWay("disabled", () => {
    const input = memoryStream(spark(), "value INT");
    return {
      frame: windowedCounts(input),
      options: { conf: { "spark.sql.streaming.noDataMicroBatches.enabled": false } },
      steps: [
        addData(input, 10, 11, 12, 13, 14, 15),
        checkNewAnswer(),
        addData(input, 25),
        checkNewAnswer(),
        addData(input, 25),
        checkNewAnswer([10, 5]),
      ],
    };
  });
});

onWorkers("overriding watermark should not be allowed by default", async (nextWorkers) => {
  const input = memoryStream(spark(), "value INT");
  const frame = withEventTime(input, "10 seconds").withWatermark("eventTime", "20 seconds");
  const refused = () => [startStream({ workers: nextWorkers() }), expectFailure({ message: /Redefining watermark is disallowed\./ })];
  await testStream(frame, {}, addData(input, 1), ...refused(), ...refused());
});

test("event time and watermark metrics with Trigger.Once case", async () => {
  const input = memoryStream(spark(), "value INT");
  const once = () => [startStream({ trigger: { once: true } }), processAllAvailable(), stopStream()];
  await testStream(
    windowedCounts(input),
    {},
    ...once(),
    addData(input, 15),
    ...once(),
    checkNewAnswer(),
    eventSeconds({ min: 15, max: 15, avg: 15, watermark: 0 }),
    addData(input, 10, 12, 14),
    ...once(),
    checkNewAnswer(),
    eventSeconds({ min: 10, max: 14, avg: 12, watermark: 5 }),
    addData(input, 25),
    ...once(),
    checkNewAnswer(),
    eventSeconds({ min: 25, max: 25, avg: 25, watermark: 5 }),
    addData(input, 50),
    ...once(),
    checkNewAnswer([10, 3]),
    eventSeconds({ min: 50, max: 50, avg: 50, watermark: 15 }),
  );
});

test("event time and watermark metrics with Trigger.AvailableNow case", async () => {
  const input = memoryStream(spark(), "value INT");
  const availableNow = () => [startStream({ trigger: { availableNow: true } }), processAllAvailable(), stopStream()];
  await testStream(
    windowedCounts(input),
    {},
    ...availableNow(),
    addData(input, 15),
    ...availableNow(),
    checkNewAnswer(),
    eventSeconds({ min: 15, max: 15, avg: 15, watermark: 0 }),
    addData(input, 10, 12, 14),
    ...availableNow(),
    checkNewAnswer(),
    eventSeconds({ min: 10, max: 14, avg: 12, watermark: 5 }),
    addData(input, 25),
    ...availableNow(),
    checkNewAnswer([10, 3]),
    eventSeconds({ min: 25, max: 25, avg: 25, watermark: 5 }),
    addData(input, 50),
    ...availableNow(),
    checkNewAnswer([15, 1], [25, 1]),
    eventSeconds({ min: 50, max: 50, avg: 50, watermark: 15 }),
  );
});

test("MultipleWatermarkPolicy: max", async () => {
  const [a, b] = [memoryStream(spark(), "value INT"), memoryStream(spark(), "value INT")];
  const frame = withEventTime(a, "10 seconds").select("value").union(withEventTime(b, "10 seconds").select("value"));
  await testStream(
    frame,
    { conf: { "spark.sql.streaming.multipleWatermarkPolicy": "max" } },
    ...watermarkAfter(
      [
        [a, 20],
        [b, 30],
      ],
      a,
      20_000,
    ),
    ...watermarkAfter(
      [
        [a, 120],
        [b, 50],
      ],
      a,
      110_000,
    ),
    ...watermarkAfter([[b, 150]], a, 140_000),
  );
});

test("complete mode: nothing is late, nothing is evicted", async () => {
  const input = memoryStream(spark(), "value INT");
  await testStream(
    windowedCounts(input),
    { outputMode: "complete" },
    addData(input, 10, 11, 12),
    checkNewAnswer([10, 3]),
    addData(input, 25),
    checkNewAnswer([10, 3], [25, 1]),
    addData(input, 10),
    checkNewAnswer([10, 4], [25, 1]),
  );
});
