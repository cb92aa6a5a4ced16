/** More cases of Spark's StreamingAggregationSuite, titles kept: order, time, partial state, static parts. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { functions as F } from "../../src/index.ts";
import {
  addData,
  advanceManualClock,
  checkLastBatch,
  checkNewAnswer,
  execute,
  expectFailure,
  manualClock,
  memoryStream,
  startStream,
  stopStream,
  testStream,
} from "../../src/testing.ts";
import { everyWay } from "../support/every-way.ts";
import { stateRows } from "../support/query-assertions.ts";
import { testSession } from "../support/test-session.ts";

const { col, count } = F;
const spark = testSession();

test("simple count, append mode", async () => {
  const input = memoryStream(spark(), "value INT");
  await testStream(
    input.toDF().groupBy("value").agg(count("*")),
    { outputMode: "append" },
    startStream(),
    expectFailure({ condition: "STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION", message: "append" }),
  );
});

test("sort after aggregate in complete mode", async () => {
  const input = memoryStream(spark(), "value INT");
  const batches: string[] = [];
  const query = await input
    .toDF()
    .groupBy("value")
    .agg(count("*").as("count"))
    .orderBy(col("count").desc())
    .writeStream.outputMode("complete")
    .foreachBatch(async (batch) => void batches.push((await batch.collect()).map((row) => `${row["value"]}:${row["count"]}`).join(" ")))
    .start();
  for (const rows of [[3], [2, 3], [3, 2, 1], [4, 4, 4, 4]]) {
    input.addData(...rows);
    await query.processAllAvailable();
  }
  await query.stop();
  expect(batches).toEqual(["3:1", "3:2 2:1", "3:3 2:2 1:1", "4:4 3:3 2:2 1:1"]);
});

everyWay("state metrics - update mode", () => {
  const input = memoryStream(spark(), "value INT");
  return {
    frame: input.toDF().groupBy("value").agg(count("*")),
    options: { outputMode: "update" },
    steps: [
      addData(input, 1),
      checkNewAnswer([1, 1]),
      stateRows({ total: 1, updated: 1 }),
      addData(input, 2, 3),
      checkNewAnswer([2, 1], [3, 1]),
      stateRows({ total: 3, updated: 2 }),
    ],
  };
});

everyWay("multiple keys", () => {
  const input = memoryStream(spark(), "value INT");
  return {
    frame: input.toDF().groupBy("value", col("value").plus(1)).agg(count("*")),
    options: { outputMode: "update" },
    steps: [addData(input, 1, 2), checkNewAnswer([1, 2, 1], [2, 3, 1]), addData(input, 1, 2), checkNewAnswer([1, 2, 2], [2, 3, 2])],
  };
});

test("prune results by current_time, complete mode", async () => {
  const input = memoryStream(spark(), "value BIGINT");
  const clock = manualClock(0);
  const start = () => startStream({ trigger: { processingTime: "10 seconds" }, clock });
  await testStream(
    input
      .toDF()
      .groupBy("value")
      .agg(count("*").as("n"))
      .where(col("value").geq(F.current_timestamp().cast("long"))),
    { outputMode: "complete" },
    start(),
    addData(input, 0, 5, 5, 10),
    advanceManualClock(10_000),
    checkLastBatch([10, 1]),
    addData(input, 15, 15, 20),
    advanceManualClock(10_000),
    checkLastBatch([20, 1]),
    addData(input, 0, 85),
    advanceManualClock(10_000),
    checkLastBatch([85, 1]),
    stopStream(),
    execute(async (_query, { checkpointLocation, clearSink }) => {
      clearSink();
      for (const batch of [0, 1, 2]) rmSync(join(checkpointLocation, "commits", String(batch)));
      await clock.advance(60_000);
    }, "the sink and the commits are lost, a minute passes"),
    start(),
    checkLastBatch([85, 1]),
    addData(input, 85, 90, 100, 105),
    advanceManualClock(10_000),
    checkLastBatch([100, 1], [105, 1]),
  );
});

everyWay("SPARK-19690: do not convert batch aggregation in streaming query to streaming", () => {
  const input = memoryStream(spark(), "value INT");
  const parities = spark()
    .createDataFrame([1, 2, 3, 4, 5], "value INT")
    .withColumn("parity", col("value").mod(2))
    .groupBy("parity")
    .agg(count("*").as("joinValue"));
  return {
    frame: input.toDF().join(parities, col("value").equalTo(col("parity"))),
    steps: [
      addData(input, 0, 1, 2, 3),
      checkNewAnswer([0, 0, 2], [1, 1, 3]),
      addData(input, 0, 1, 2, 3),
      checkNewAnswer([0, 0, 2], [1, 1, 3]),
    ],
  };
});

everyWay("SPARK-22230: last should change with new batches", () => {
  const input = memoryStream(spark(), "value INT");
  return {
    frame: input.toDF().groupBy().agg(F.last("value")),
    options: { outputMode: "complete" },
    steps: [addData(input, 1, 2, 3), checkNewAnswer(3), addData(input, 4, 5, 6), checkNewAnswer(6)],
  };
});
