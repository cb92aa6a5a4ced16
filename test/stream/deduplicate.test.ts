/** Cases of Spark's StreamingDeduplicationSuite, titles kept, and of MultiStatefulOperatorsSuite where they deduplicate. Times are event seconds. */
import { describe, expect, test } from "vitest";
import { type DataFrame, functions as F } from "../../src/index.ts";
import { addData, assertOnQuery, checkAnswer, checkLastBatch, checkNewAnswer, memoryStream, testStream } from "../../src/testing.ts";
import { everyWay } from "../support/every-way.ts";
import { stateRows } from "../support/query-assertions.ts";
import { testSession } from "../support/test-session.ts";
import { withEventTime } from "../support/windowed-counts.ts";

const { col, count, sum, window } = F;
const spark = testSession();
const between = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, index) => first + index);
const repeated = (times: number, values: readonly number[]) => Array.from({ length: times }, () => values).flat();

everyWay("deduplicate with all columns", () => {
  const input = memoryStream(spark(), "value STRING");
  return {
    frame: input.toDF().distinct(),
    steps: [
      addData(input, "a"),
      checkNewAnswer(["a"]),
      stateRows({ total: 1, updated: 1 }),
      addData(input, "a"),
      checkNewAnswer(),
      stateRows({ total: 1, updated: 0 }),
      addData(input, "b"),
      checkNewAnswer(["b"]),
      stateRows({ total: 2, updated: 1 }),
    ],
  };
});

everyWay("deduplicate with some columns", () => {
  const input = memoryStream(spark(), "a STRING, b INT");
  return {
    frame: input.toDF().dropDuplicates("a"),
    options: { outputMode: "update" },
    steps: [
      addData(input, ["a", 1]),
      checkNewAnswer(["a", 1]),
      stateRows({ total: 1, updated: 1 }),
      addData(input, ["a", 2]),
      checkNewAnswer(),
      stateRows({ total: 1, updated: 0 }),
      addData(input, ["b", 1]),
      checkNewAnswer(["b", 1]),
      stateRows({ total: 2, updated: 1 }),
    ],
  };
});

everyWay("multiple deduplicates", () => {
  const input = memoryStream(spark(), "a STRING, b INT");
  return {
    frame: input.toDF().dropDuplicates().dropDuplicates("a"),
    steps: [
      addData(input, ["a", 1]),
      checkLastBatch(["a", 1]),
      stateRows({ total: 1, updated: 1 }),
      stateRows({ total: 1, updated: 1 }, 1),
      addData(input, ["a", 2]), // dropped by the second
      checkLastBatch(),
      stateRows({ total: 1, updated: 0 }),
      stateRows({ total: 2, updated: 1 }, 1),
      addData(input, ["b", 1]),
      checkLastBatch(["b", 1]),
      stateRows({ total: 2, updated: 1 }),
      stateRows({ total: 3, updated: 1 }, 1),
    ],
  };
});

everyWay("deduplicate with watermark", () => {
  const input = memoryStream(spark(), "value INT");
  return {
    frame: withEventTime(input, "10 seconds").dropDuplicates().select(col("eventTime").cast("long")),
    steps: [
      addData(input, ...repeated(5, between(10, 15))),
      checkNewAnswer(...between(10, 15)),
      stateRows({ total: 6, updated: 6 }),
      addData(input, 25), // the watermark moves to 15, the batch without data drops what is at or before it
      checkNewAnswer(25),
      stateRows({ total: 1, updated: 1, removed: 6 }),
      addData(input, 10), // late
      checkNewAnswer(),
      stateRows({ total: 1, updated: 0, dropped: 1 }),
      addData(input, 45),
      checkNewAnswer(45),
      stateRows({ total: 1, updated: 1 }),
    ],
  };
});

everyWay("deduplicate with aggregate - append mode", () => {
  const input = memoryStream(spark(), "value INT");
  return {
    frame: withEventTime(input, "10 seconds")
      .dropDuplicates()
      .groupBy(window(col("eventTime"), "5 seconds").as("window"))
      .agg(count("*").as("count"))
      .select(col("window").getField("start").cast("long"), col("count")),
    steps: [
      addData(input, ...repeated(5, between(10, 15))),
      checkLastBatch(),
      stateRows({ total: 2, updated: 2 }),
      stateRows({ total: 6, updated: 6 }, 1),
      addData(input, 25),
      checkLastBatch([10, 5]),
      stateRows({ total: 2, updated: 1 }),
      stateRows({ total: 1, updated: 1 }, 1),
      addData(input, 10),
      checkLastBatch(),
      stateRows({ total: 2, updated: 0, dropped: 0 }),
      stateRows({ total: 1, updated: 0, dropped: 1 }, 1),
      addData(input, 40),
      checkLastBatch([15, 1], [25, 1]),
      stateRows({ total: 1, updated: 1 }),
      stateRows({ total: 1, updated: 1 }, 1),
    ],
  };
});

for (const outputMode of ["update", "complete"] as const) {
  everyWay(`deduplicate with aggregate - ${outputMode} mode`, () => {
    const input = memoryStream(spark(), "str STRING, num INT");
    const all = outputMode === "complete";
    return {
      frame: input.toDF().dropDuplicates().groupBy("str").agg(sum("num")),
      options: { outputMode },
      steps: [
        addData(input, ["a", 1]),
        checkLastBatch(["a", 1]),
        stateRows({ total: 1, updated: 1 }),
        stateRows({ total: 1, updated: 1 }, 1),
        addData(input, ["a", 1]),
        checkLastBatch(...(all ? [["a", 1]] : [])),
        stateRows({ total: 1, updated: 0 }),
        stateRows({ total: 1, updated: 0 }, 1),
        addData(input, ["a", 2]),
        checkLastBatch(["a", 3]),
        stateRows({ total: 1, updated: 1 }),
        stateRows({ total: 2, updated: 1 }, 1),
        addData(input, ["b", 1]),
        checkLastBatch(...(all ? [["a", 3]] : []), ["b", 1]),
        stateRows({ total: 2, updated: 1 }),
        stateRows({ total: 3, updated: 1 }, 1),
      ],
    };
  });
}

everyWay("SPARK-19841: watermarkPredicate should filter based on keys", () => {
  const input = memoryStream(spark(), "time INT, id INT");
  return {
    frame: input
      .toDF()
      .withColumn("time", F.timestamp_seconds(col("time")))
      .withWatermark("time", "1 second")
      .dropDuplicates("id", "time") // another order than that of the columns
      .select("id"),
    steps: [
      addData(input, [1, 1], [1, 1], [1, 2]),
      checkNewAnswer(1, 2),
      addData(input, [1, 1], [2, 3], [2, 4]),
      checkNewAnswer(3, 4),
      addData(input, [1, 0], [1, 1], [3, 5], [3, 6]), // the first two are late
      checkNewAnswer(5, 6),
      addData(input, [1, 0], [4, 7]),
      checkNewAnswer(7),
    ],
  };
});

everyWay("SPARK-21546: dropDuplicates should ignore watermark when it's not a key", () => {
  const input = memoryStream(spark(), "id INT, time INT");
  return {
    frame: input
      .toDF()
      .withColumn("time", F.timestamp_seconds(col("time")))
      .withWatermark("time", "1 second")
      .dropDuplicates("id")
      .select(col("id"), col("time").cast("long")),
    steps: [
      addData(input, [1, 1], [1, 2], [2, 2]),
      checkAnswer([1, 1], [2, 2]),
      stateRows({ total: 2, updated: 2 }),
      // Nothing is forgotten; late rows are dropped all the same, whatever their id.
      addData(input, [9, 100]),
      checkNewAnswer([9, 100]),
      stateRows({ total: 3, updated: 1, removed: 0 }),
      addData(input, [3, 50], [1, 200], [4, 100]),
      checkNewAnswer([4, 100]),
      stateRows({ total: 4, updated: 1, dropped: 1 }),
    ],
  };
});

test("test no-data flag", async () => {
  for (const enabled of [true, false]) {
    const input = memoryStream(spark(), "value INT");
    await testStream(
      withEventTime(input, "10 seconds").dropDuplicates().select(col("eventTime").cast("long")),
      { conf: { "spark.sql.streaming.noDataMicroBatches.enabled": enabled } },
      addData(input, ...between(10, 15)),
      checkNewAnswer(...between(10, 15)),
      stateRows({ total: 6, updated: 6 }),
      addData(input, 25),
      checkNewAnswer(25),
      stateRows(enabled ? { total: 1, updated: 1 } : { total: 7, updated: 1 }),
    );
  }
});

everyWay("stream deduplication -> aggregation, append mode", () => {
  const input = memoryStream(spark(), "value INT");
  return {
    frame: withEventTime(input, "10 seconds")
      .dropDuplicates("value", "eventTime")
      .groupBy(window(col("eventTime"), "5 seconds").as("window"))
      .agg(count("*").as("count"), sum("value").as("sum"))
      .select(col("window").getField("start").cast("long"), col("count")),
    steps: [
      addData(input, ...between(1, 15)),
      checkNewAnswer([0, 4]),
      stateRows({ total: 3, dropped: 0 }),
      stateRows({ total: 10, dropped: 0 }, 1),
    ],
  };
});

everyWay("aggregation -> deduplication, append mode: windows that leave are compared", () => {
  const input = memoryStream(spark(), "value INT");
  return {
    frame: withEventTime(input, "0 seconds")
      .groupBy(window(col("eventTime"), "5 seconds").as("window"))
      .agg(count("*").as("count"))
      .dropDuplicates("count")
      .select("count"),
    steps: [
      addData(input, ...between(0, 20)), // four windows of five, one is open
      assertOnQuery(async (query) => {
        const names = (await query.lastProgress())!["stateOperators"].map((operator: { operatorName: string }) => operator.operatorName);
        expect(names).toEqual(["dedupe", "stateStoreSave"]);
      }),
      stateRows({ total: 1 }),
      stateRows({ total: 1 }, 1),
      addData(input, 21, 22, 30),
      checkNewAnswer(5, 3),
    ],
  };
});

test("progress has Spark's numbers of the operator", async () => {
  const input = memoryStream(spark(), "a STRING, b INT");
  await testStream(
    input.toDF().dropDuplicates("a"),
    { workers: 2, conf: { "spark.sql.shuffle.partitions": 5 } },
    addData(input, ["a", 1], ["a", 2], ["b", 3], ["a", 4]),
    checkNewAnswer(["a", 1], ["b", 3]),
    assertOnQuery(async (query) => {
      const [operator] = (await query.lastProgress())!["stateOperators"];
      expect(operator).toMatchObject({
        operatorName: "dedupe",
        numRowsTotal: 2,
        numRowsUpdated: 2,
        numRowsRemoved: 0,
        numRowsDroppedByWatermark: 0,
        numShufflePartitions: 5,
        numStateStoreInstances: 5,
        customMetrics: { numDroppedDuplicateRows: 2 },
      });
      expect(operator.customMetrics.stateOnCurrentVersionSizeBytes).toBe(operator.memoryUsedBytes);
    }),
  );
});

test("columns of every type come through, nulls too, and equal keys are those that grouping takes for equal", async () => {
  const schema = "k DOUBLE, s STRING, d DECIMAL(30,2), b BOOLEAN, t TIMESTAMP, x BINARY, n STRUCT<a: INT, z: STRING>, i TINYINT";
  const input = memoryStream(spark(), schema);
  const long = "a string that is longer than a few words";
  const row = (k: number | null, s: string | null) => [
    k,
    s,
    "12345678901234567890123456.78",
    true,
    new Date(5),
    new Uint8Array([1, 2]),
    { a: 1, z: long },
    -3,
  ];
  const empty = [null, null, null, null, null, null, null, null];
  await testStream(
    input.toDF().dropDuplicates("k").select(col("k").cast("string"), col("s"), col("d").cast("string"), col("n").getField("z"), col("i")),
    { workers: 2 },
    addData(input, row(0, long), row(-0, "zero"), row(NaN, null), row(NaN, "nan"), empty, empty, row(1.5, "x")),
    checkNewAnswer(
      ["0.0", long, "12345678901234567890123456.78", long, -3],
      ["NaN", null, "12345678901234567890123456.78", long, -3],
      [null, null, null, null, null],
      ["1.5", "x", "12345678901234567890123456.78", long, -3],
    ),
  );
});

describe("answers recorded from Spark 4.1.1", () => {
  const batches = [
    [
      [1, 100, 0],
      [1, 101, 1],
      [2, 102, 2],
    ],
    [
      [1, 50, 3],
      [3, 95, 4],
      [4, 91, 5],
    ],
    [
      [null, null, 6],
      [null, null, 7],
      [2, 103, 8],
    ],
    [[5, 140, 9]],
    [
      [null, null, 10],
      [2, 131, 11],
      [1, 130, 12],
    ],
    [
      [6, 120, 13],
      [2, 135, 14],
    ],
  ];
  /** Per batch: values of `v` that pass, rows of state after it, late rows of it. */
  const cases: readonly [string, (frame: DataFrame<any>) => DataFrame<any>, readonly (readonly [readonly number[], number, number])[]][] = [
    [
      "id",
      (frame) => frame.dropDuplicates("id"),
      [
        [[0, 2], 2, 0],
        [[4, 5], 4, 0],
        [[6], 5, 0],
        [[9], 6, 0],
        [[], 6, 0],
        [[13], 7, 0],
      ],
    ],
    [
      "id and time",
      (frame) => frame.dropDuplicates("id", "time"),
      [
        [[0, 1, 2], 3, 0],
        [[4], 4, 2],
        [[6, 8], 6, 0],
        [[9], 2, 0],
        [[11], 3, 1],
        [[14], 4, 1],
      ],
    ],
    [
      "id within the watermark",
      (frame) => frame.dropDuplicatesWithinWatermark("id"),
      [
        [[0, 2], 2, 0],
        [[4], 3, 2],
        [[6], 3, 0],
        [[9], 1, 0],
        [[10, 11], 2, 1],
        [[], 2, 1],
      ],
    ],
  ];
  test.each(cases)("deduplicate by %s", async (_title, deduplicate, expected) => {
    const input = memoryStream(spark(), "id INT, t INT, v INT");
    const frame = input
      .toDF()
      .withColumn("time", F.timestamp_seconds(col("t")))
      .withWatermark("time", "10 seconds");
    const steps = batches.flatMap((rows, i) => {
      const [passed, total, dropped] = expected[i]!;
      return [addData(input, ...rows), checkNewAnswer(...passed), stateRows({ total, dropped })];
    });
    await testStream(deduplicate(frame).select("v"), { conf: { "spark.sql.shuffle.partitions": 2 } }, ...steps);
  });
});
