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
  memoryStream,
  multiAddData,
  processAllAvailable,
  startStream,
  stopStream,
  testStream,
  type MemoryInput,
  type Step,
} from "../../src/testing.ts";
import { everyWay } from "../support/every-way.ts";
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

test("watermark with 2 streams", async () => {
  const [a, b] = [memoryStream(spark(), "value INT"), memoryStream(spark(), "value INT")];
  const frame = withEventTime(a, "10 seconds").select("value").union(withEventTime(b, "5 seconds").select("value"));
  await testStream(
    frame,
    {},
    ...watermarkAfter([[a, 11]], a, 0),
    ...watermarkAfter([[b, 6]], a, 1000),
    ...watermarkAfter([[b, 8]], a, 1000),
    ...watermarkAfter([[a, 21]], a, 3000),
    ...watermarkAfter([[b, 17, 28, 39]], a, 11_000),
    ...watermarkAfter([[a, 31]], a, 21_000),
    ...watermarkAfter([[a, 41]], a, 31_000),
    ...watermarkAfter([[a, 51]], a, 34_000),
    ...watermarkAfter(
      [
        [a, 100],
        [b, 100],
      ],
      a,
      90_000,
    ),
    ...watermarkAfter(
      [
        [a, 120],
        [b, 110],
      ],
      a,
      105_000,
    ),
    ...watermarkAfter(
      [
        [a, 130],
        [b, 125],
      ],
      a,
      120_000,
    ),
    ...watermarkAfter(
      [
        [a, 200],
        [b, 190],
      ],
      a,
      185_000,
    ),
    stopStream(),
    startStream(),
    // The maxima of the inputs are not kept over a restart: the watermark waits for both.
    ...watermarkAfter([[b, 200]], a, 185_000),
    ...watermarkAfter([[a, 200]], a, 190_000),
  );
});

test("MultipleWatermarkPolicy: recovery from checkpoints ignores session conf", async () => {
  const [a, b] = [memoryStream(spark(), "value INT"), memoryStream(spark(), "value INT")];
  const policy = (value: string) => ({ conf: { "spark.sql.streaming.multipleWatermarkPolicy": value } });
  const frame = withEventTime(a, "10 seconds").select("value").union(withEventTime(b, "10 seconds").select("value"));
  await testStream(
    frame,
    {},
    startStream(policy("max")),
    ...watermarkAfter(
      [
        [a, 20],
        [b, 30],
      ],
      a,
      20_000,
    ),
    stopStream(),
    startStream(policy("min")),
    ...watermarkAfter(
      [
        [a, 120],
        [b, 100],
      ],
      a,
      110_000,
    ),
  );
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

test("overriding watermark should not be allowed by default", async () => {
  const input = memoryStream(spark(), "value INT");
  const frame = withEventTime(input, "10 seconds").withWatermark("eventTime", "20 seconds");
  await expect(testStream(frame, {}, addData(input, 1))).rejects.toThrow("Redefining watermark is disallowed.");
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
