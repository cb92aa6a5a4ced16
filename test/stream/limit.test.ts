/** Streaming limits: cases of Spark's StreamSuite, titles kept where they are Spark's. */
import { expect, test } from "vitest";
import { functions as F } from "../../src/index.ts";
import { localExecutor } from "../../src/testing/memory-input.ts";
import { addData, assertOnQuery, checkAnswer, checkLastBatch, checkNewAnswer, memoryStream, testStream } from "../../src/testing.ts";
import { everyWay } from "../support/every-way.ts";
import { stateRows } from "../support/query-assertions.ts";
import { testSession } from "../support/test-session.ts";
import { windowedCounts } from "../support/windowed-counts.ts";

const { col, count } = F;
const spark = testSession();

everyWay("SPARK-30658: streaming limit before agg in complete mode", () => {
  const input = memoryStream(spark(), "value INT");
  return {
    frame: input.toDF().limit(5).groupBy("value").agg(count("*")),
    options: { outputMode: "complete" },
    steps: [
      addData(input, 1, 2, 3),
      checkLastBatch([1, 1], [2, 1], [3, 1]),
      addData(input, 1, 2, 3, 4, 5, 6, 7, 8, 9),
      checkLastBatch([1, 2], [2, 2], [3, 1]),
      addData(input, 1, 2, 3),
      checkLastBatch([1, 2], [2, 2], [3, 1]),
    ],
  };
});

everyWay("streaming limit in append mode", () => {
  const input = memoryStream(spark(), "value INT");
  return {
    frame: input.toDF().limit(4),
    steps: [
      addData(input, 1, 2, 3),
      checkNewAnswer(1, 2, 3),
      stateRows({ total: 1, updated: 1 }),
      addData(input, 4, 5, 6),
      checkNewAnswer(4),
      stateRows({ total: 1, updated: 1 }),
      addData(input, 7, 8, 9),
      checkNewAnswer(),
      stateRows({ total: 1, updated: 0 }),
    ],
  };
});

everyWay("SPARK-30658: streaming limit before and after agg in complete mode", () => {
  const input = memoryStream(spark(), "value INT");
  return {
    frame: input.toDF().limit(4).groupBy("value").agg(count("*")).orderBy("value").limit(3),
    options: { outputMode: "complete" },
    steps: [
      addData(input, 1, 2, 3, 4, 5, 6, 7, 8, 9),
      checkLastBatch([1, 1], [2, 1], [3, 1]),
      addData(input, 2, 3),
      checkLastBatch([1, 1], [2, 1], [3, 1]),
    ],
  };
});

everyWay("streaming limit after an aggregation in append mode", () => {
  const input = memoryStream(spark(), "value INT");
  return {
    frame: windowedCounts(input).limit(1),
    steps: [
      addData(input, 10, 11, 12, 13, 14, 15),
      checkNewAnswer(),
      addData(input, 25),
      checkNewAnswer([10, 5]),
      addData(input, 100),
      checkNewAnswer(),
      checkAnswer([10, 5]),
    ],
  };
});

everyWay("streaming limit in multiple limits in append mode", () => {
  const input = memoryStream(spark(), "value INT");
  return {
    frame: input.toDF().limit(4).filter("value % 2 = 0").limit(1),
    steps: [addData(input, 1, 3), checkNewAnswer(), addData(input, 5, 6, 8), checkNewAnswer(6), addData(input, 10), checkNewAnswer()],
  };
});

everyWay("nothing passes a limit of 0", () => {
  const input = memoryStream(spark(), "value INT");
  return { frame: input.toDF().limit(0), steps: [addData(input, 1, 2), checkNewAnswer(), addData(input, 3), checkNewAnswer()] };
});

test("progress has Spark's numbers of the operator", async () => {
  const input = memoryStream(spark(), "value INT");
  await testStream(
    input.toDF().limit(2),
    { workers: 4 },
    addData(input, 1, 2, 3),
    checkNewAnswer(1, 2),
    assertOnQuery(async (query) => {
      const [operator] = (await query.lastProgress())!["stateOperators"];
      expect(operator).toMatchObject({
        operatorName: "globalLimit",
        numRowsTotal: 1,
        numRowsUpdated: 1,
        numShufflePartitions: 1,
        numStateStoreInstances: 1,
      });
    }),
  );
});

test("explain shows where rows are counted", async () => {
  const input = memoryStream(spark(), "value INT");
  const frame = input.toDF().limit(2).filter(col("value").gt(1));
  const text = await localExecutor(spark().executor).explain(frame.plan, "simple");
  expect(text).toContain("StreamingGlobalLimit 2 operator=0");
  expect(text).toContain("StreamingLocalLimit 2");
});
