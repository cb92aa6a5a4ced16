/** Unions whose inputs are streaming aggregations: each keeps its state, their rows meet in the output or in another aggregation. */
import { describe, expect, test } from "vitest";
import { type DataFrame, functions as F } from "../../src/index.ts";
import {
  addData,
  assertOnQuery,
  checkLastBatch,
  checkNewAnswer,
  memoryStream,
  multiAddData,
  testStream,
  type MemoryInput,
} from "../../src/testing.ts";
import { everyWay } from "../support/every-way.ts";
import { stateRows } from "../support/query-assertions.ts";
import { testSession } from "../support/test-session.ts";
import { windowedCounts, withEventTime } from "../support/windowed-counts.ts";

const { col, count, sum, window } = F;
const spark = testSession();

const twoInputs = () => [memoryStream(spark(), "value INT"), memoryStream(spark(), "value INT")] as const;

/** Counts per window of 5 s, with the window. */
const counts = (input: MemoryInput<any>): DataFrame<any> =>
  withEventTime(input, "10 seconds")
    .groupBy(window(col("eventTime"), "5 seconds").as("window"))
    .agg(count("*").as("n"));

everyWay("append: an aggregation in union with itself gives every window twice", () => {
  const input = memoryStream(spark(), "value INT");
  const frame = windowedCounts(input);
  return {
    frame: frame.union(frame),
    steps: [
      addData(input, 10, 11, 12, 13, 14, 15),
      checkNewAnswer(),
      addData(input, 25),
      checkNewAnswer([10, 5], [10, 5]),
      stateRows({ total: 2 }, 0),
      stateRows({ total: 2 }, 1),
      addData(input, 10),
      checkNewAnswer(),
      stateRows({ total: 2, dropped: 1 }, 0),
      stateRows({ total: 2, dropped: 1 }, 1),
    ],
  };
});

everyWay("append: aggregations of two streams wait for the slower watermark", () => {
  const [a, b] = twoInputs();
  return {
    frame: windowedCounts(a).union(windowedCounts(b)),
    steps: [
      multiAddData(addData(a, 10, 11, 12), addData(b, 10)),
      checkNewAnswer(),
      multiAddData(addData(a, 100), addData(b, 20)), // min(90, 10): the windows end at 15
      checkNewAnswer(),
      multiAddData(addData(a, 100), addData(b, 31)), // min(90, 21)
      checkNewAnswer([10, 3], [10, 1]),
      multiAddData(addData(a, 101), addData(b, 45)), // min(91, 35)
      checkNewAnswer([20, 1], [30, 1]),
    ],
  };
});

everyWay("update: changed groups of both, and rows that are not aggregated", () => {
  const [a, b] = twoInputs();
  const grouped = (input: MemoryInput<any>) => input.toDF().groupBy("value").count();
  return {
    frame: grouped(a).union(grouped(b)).union(b.toDF().selectExpr("value", "CAST(0 AS BIGINT)")),
    options: { outputMode: "update" },
    steps: [
      multiAddData(addData(a, 1, 1, 2), addData(b, 2)),
      checkNewAnswer([1, 2], [2, 1], [2, 1], [2, 0]),
      addData(a, 2),
      checkNewAnswer([2, 2]),
      addData(b, 2, 3),
      checkNewAnswer([2, 2], [3, 1], [2, 0], [3, 0]),
      stateRows({ total: 2 }, 0),
      stateRows({ total: 2 }, 1),
    ],
  };
});

everyWay("complete: all groups of both in every batch", () => {
  const [a, b] = twoInputs();
  return {
    frame: a
      .toDF()
      .groupBy("value")
      .count()
      .union(b.toDF().agg(count("*").as("value"), sum("value").as("n"))),
    options: { outputMode: "complete" },
    steps: [
      multiAddData(addData(a, 1, 2), addData(b, 5, 6)),
      checkLastBatch([1, 1], [2, 1], [2, 11]),
      addData(a, 1),
      checkLastBatch([1, 2], [2, 1], [2, 11]),
      addData(b, 4),
      checkLastBatch([1, 2], [2, 1], [3, 15]),
    ],
  };
});

everyWay("append: an aggregation over a union of aggregations", () => {
  const [a, b] = twoInputs();
  return {
    frame: counts(a)
      .union(counts(b))
      .groupBy(window(col("window"), "10 seconds").as("wide"))
      .agg(sum("n").as("n"), count("*").as("windows"))
      .select(col("wide").getField("start").cast("long").as("start"), col("n"), col("windows")),
    steps: [
      multiAddData(addData(a, 1, 2, 3), addData(b, 4, 6)),
      checkNewAnswer(),
      multiAddData(addData(a, 30), addData(b, 30)), // 20
      checkNewAnswer([0, 5, 3]),
      multiAddData(addData(a, 31, 50), addData(b, 55)), // 40
      checkNewAnswer([30, 3, 2]),
    ],
  };
});

describe("in progress and plan", () => {
  test("operators are listed from the output to the sources, inputs of a union from left to right", async () => {
    const [a, b] = twoInputs();
    const frame = a.toDF().agg(count("*").as("n")).union(b.toDF().groupBy("value").count().select("count"));
    await testStream(
      frame,
      { outputMode: "update" },
      multiAddData(addData(a, 1, 2, 3), addData(b, 1, 2, 3)),
      checkNewAnswer([3], [1], [1], [1]),
      assertOnQuery(async (query) => {
        const { stateOperators, numInputRows } = (await query.lastProgress())!;
        expect(stateOperators.map(({ numRowsTotal }: { numRowsTotal: number }) => numRowsTotal)).toEqual([1, 3]);
        expect(numInputRows).toBe(6);
      }, "order"),
    );
  });

  test("append mode needs a watermark on every aggregation", async () => {
    const [a, b] = twoInputs();
    const frame = windowedCounts(a).union(b.toDF().groupBy("value").count());
    await expect(frame.writeStream.format("noop").start()).rejects.toMatchObject({
      condition: "STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION",
    });
  });
});
