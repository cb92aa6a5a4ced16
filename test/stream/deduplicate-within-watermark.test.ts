/** Cases of Spark's StreamingDeduplicationWithinWatermarkSuite, titles kept. Times are event seconds. */
import { expect, test } from "vitest";
import { functions as F } from "../../src/index.ts";
import { addData, assertOnQuery, checkNewAnswer, memoryStream, testStream } from "../../src/testing.ts";
import { everyWay } from "../support/every-way.ts";
import { stateRows } from "../support/query-assertions.ts";
import { testSession } from "../support/test-session.ts";
import { withEventTime } from "../support/windowed-counts.ts";

const { col } = F;
const spark = testSession();
const between = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, index) => first + index);

test("deduplicate without event time column should result in error", async () => {
  const input = memoryStream(spark(), "value INT");
  const start = input.toDF().dropDuplicatesWithinWatermark().writeStream.format("noop").start();
  await expect(start).rejects.toThrow("dropDuplicatesWithinWatermark is not supported on streaming DataFrames/DataSets without watermark");
});

everyWay("deduplicate with all columns with event time column in DataFrame", () => {
  const input = memoryStream(spark(), "value INT");
  return {
    frame: withEventTime(input, "10 seconds").dropDuplicatesWithinWatermark().select(col("eventTime").cast("long")),
    steps: [
      addData(input, ...Array.from({ length: 5 }, () => between(10, 15)).flat()),
      checkNewAnswer(...between(10, 15)),
      stateRows({ total: 6, updated: 6 }),
      addData(input, ...between(13, 17)),
      checkNewAnswer(16, 17),
      stateRows({ total: 8, updated: 2 }),
      addData(input, 5), // late
      checkNewAnswer(),
      stateRows({ total: 8, updated: 0, dropped: 1 }),
      addData(input, 35), // the watermark moves to 25: keys kept until 25 or earlier go
      checkNewAnswer(35),
      stateRows({ total: 3, updated: 1 }),
      addData(input, 55),
      checkNewAnswer(55),
      stateRows({ total: 1, updated: 1 }),
    ],
  };
});

everyWay("deduplicate with subset of columns which event time column is not in subset", () => {
  const input = memoryStream(spark(), "name STRING, value INT");
  return {
    frame: withEventTime(input, "2 seconds").dropDuplicatesWithinWatermark("name").select(col("name"), col("eventTime").cast("long")),
    options: { outputMode: "update" },
    steps: [
      addData(input, ["a", 17]), // kept until 19
      checkNewAnswer(["a", 17]),
      stateRows({ total: 1, updated: 1 }),
      addData(input, ["a", 16]), // the watermark is 15
      checkNewAnswer(),
      stateRows({ total: 1, updated: 0, dropped: 0 }),
      addData(input, ["a", 13]),
      checkNewAnswer(),
      stateRows({ total: 1, updated: 0, dropped: 1 }),
      addData(input, ["b", 22], ["c", 21]),
      checkNewAnswer(["b", 22], ["c", 21]),
      stateRows({ total: 2, updated: 2 }), // the watermark is 20: "a" is gone
      addData(input, ["a", 21]),
      checkNewAnswer(["a", 21]),
      stateRows({ total: 3, updated: 1 }),
      addData(input, ["d", 25]), // the watermark is 23
      checkNewAnswer(["d", 25]),
      stateRows({ total: 2, updated: 1 }),
    ],
  };
});

test("progress has Spark's numbers of the operator", async () => {
  const input = memoryStream(spark(), "name STRING, value INT");
  await testStream(
    withEventTime(input, "2 seconds").dropDuplicatesWithinWatermark("name"),
    {},
    addData(input, ["a", 1], ["a", 2], ["b", 3], ["a", 4]),
    assertOnQuery(async (query) => {
      const progress = (await query.recentProgress()).find(({ numInputRows }) => numInputRows > 0)!;
      const [operator] = progress["stateOperators"];
      expect(operator.operatorName).toBe("dedupeWithinWatermark");
      expect(operator.customMetrics.numDroppedDuplicateRows).toBe(2);
    }),
  );
});

test("a row without a time is kept from the epoch on, as in Spark", async () => {
  const input = memoryStream(spark(), "name STRING, value INT");
  await testStream(
    withEventTime(input, "2 seconds").dropDuplicatesWithinWatermark("name").select("name", "value"),
    {},
    addData(input, ["a", null], ["a", null]),
    checkNewAnswer(["a", null]),
    addData(input, ["b", 100]), // the watermark moves to 98, far beyond 2
    checkNewAnswer(["b", 100]),
    addData(input, ["a", null]),
    checkNewAnswer(["a", null]),
  );
});
