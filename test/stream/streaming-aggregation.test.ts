/** Cases of Spark's StreamingAggregationSuite, titles kept. */
import { expect } from "vitest";
import {
  addData,
  advanceManualClock,
  assertOnQuery,
  checkLastBatch,
  checkNewAnswer,
  manualClock,
  memoryStream,
  startStream,
  stopStream,
  testStream,
} from "../../src/testing.ts";
import { everyWay, onWorkers } from "../support/every-way.ts";
import { stateRows } from "../support/query-assertions.ts";
import { testSession } from "../support/test-session.ts";
import { windowedCounts } from "../support/windowed-counts.ts";

const spark = testSession();

everyWay("simple count, update mode", () => {
  const input = memoryStream(spark(), "value INT");
  return {
    frame: input.toDF().groupBy("value").count(),
    options: { outputMode: "update" },
    steps: [
      addData(input, 3),
      checkNewAnswer([3, 1]),
      addData(input, 3, 2),
      checkNewAnswer([3, 2], [2, 1]),
      stopStream(),
      startStream(),
      addData(input, 3, 2, 1),
      checkNewAnswer([3, 3], [2, 2], [1, 1]),
      addData(input, 4, 4, 4, 4),
      checkNewAnswer([4, 4]),
    ],
  };
});

everyWay("simple count, complete mode", () => {
  const input = memoryStream(spark(), "value INT");
  return {
    frame: input.toDF().groupBy("value").count(),
    options: { outputMode: "complete" },
    steps: [
      addData(input, 3),
      checkNewAnswer([3, 1]),
      addData(input, 2),
      checkNewAnswer([3, 1], [2, 1]),
      stopStream(),
      startStream(),
      addData(input, 3, 2, 1),
      checkNewAnswer([3, 2], [2, 2], [1, 1]),
      addData(input, 4, 4, 4, 4),
      checkNewAnswer([4, 4], [3, 2], [2, 2], [1, 1]),
    ],
  };
});

everyWay("state metrics - append mode", () => {
  const input = memoryStream(spark(), "value INT");
  const clock = manualClock(0);
  const sinkRows = (expected: number) =>
    assertOnQuery(async (query) => {
      const progress = (await query.recentProgress()).findLast(({ durationMs }) => "addBatch" in durationMs)!;
      expect(progress["sink"]["numOutputRows"]).toBe(expected);
    }, `sinkRows(${expected})`);
  return {
    frame: windowedCounts(input),
    steps: [
      startStream({ trigger: { processingTime: "1 second" }, clock }),
      addData(input, 15), // batch 0
      advanceManualClock(1000),
      checkNewAnswer(),
      stateRows({ total: 1, updated: 1, dropped: 0, removed: 0 }),
      sinkRows(0),
      advanceManualClock(1000), // batch 1, without data: the watermark has moved to 5
      checkNewAnswer(),
      stateRows({ total: 1, updated: 0, dropped: 0, removed: 0 }),
      sinkRows(0),
      addData(input, 10, 12, 14), // batch 2
      advanceManualClock(1000),
      checkNewAnswer(),
      stateRows({ total: 2, updated: 1, dropped: 0, removed: 0 }),
      sinkRows(0),
      addData(input, 25), // batch 3
      advanceManualClock(1000),
      checkNewAnswer(),
      stateRows({ total: 3, updated: 1, dropped: 0, removed: 0 }),
      sinkRows(0),
      advanceManualClock(1000), // batch 4, without data: the watermark has moved to 15
      checkNewAnswer([10, 3]),
      stateRows({ total: 2, updated: 0, dropped: 0, removed: 1 }),
      sinkRows(1),
    ],
  };
});

onWorkers("SPARK-19873: streaming aggregation with change in number of partitions", async (nextWorkers) => {
  const input = memoryStream(spark(), "key STRING");
  const partitions = (count: number) => startStream({ conf: { "spark.sql.shuffle.partitions": count }, workers: nextWorkers() });
  await testStream(
    input.toDF().groupBy("key").count(),
    { outputMode: "complete" },
    partitions(2),
    addData(input, "1", "2"),
    checkLastBatch(["1", 1], ["2", 1]),
    stopStream(),
    partitions(5),
    addData(input, "3", "2"),
    checkLastBatch(["1", 1], ["2", 2], ["3", 1]),
    stopStream(),
    partitions(1),
    addData(input, "3", "1"),
    checkLastBatch(["1", 2], ["2", 2], ["3", 2]),
    assertOnQuery(async (query) => {
      expect((await query.lastProgress())!["stateOperators"][0]["numShufflePartitions"]).toBe(2);
    }, "state keeps its first partition count"),
  );
});
