/** Shapes of stateful queries around the aggregate, what a replay sees, and what is refused. Answers by hand. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type DataFrame, functions as F } from "../../src/index.ts";
import {
  addData,
  advanceManualClock,
  assertOnQuery,
  checkAnswer,
  checkNewAnswer,
  execute,
  expectFailure,
  manualClock,
  memoryStream,
  startStream,
  stopStream,
  testStream,
} from "../../src/testing.ts";
import { everyWay, onWorkers } from "../support/every-way.ts";
import { newestWatermarkMs } from "../support/query-assertions.ts";
import { testSession } from "../support/test-session.ts";
import { withEventTime } from "../support/windowed-counts.ts";

const { col, count, sum, window } = F;
const spark = testSession();

everyWay("having: a filter above an aggregate", () => {
  const input = memoryStream(spark(), "key STRING");
  return {
    frame: input.toDF().groupBy("key").agg(count("*").as("n")).filter(col("n").geq(2)),
    options: { outputMode: "update" },
    steps: [
      addData(input, "a", "b"),
      checkNewAnswer(),
      addData(input, "a"),
      checkNewAnswer(["a", 2]),
      addData(input, "a", "b"),
      checkNewAnswer(["a", 3], ["b", 2]),
    ],
  };
});

everyWay("expressions of keys and aggregates", () => {
  const input = memoryStream(spark(), "a INT, b INT");
  return {
    frame: input
      .toDF()
      .groupBy(col("a").mod(3).as("r"))
      .agg(
        sum(col("a").multiply(col("b")))
          .plus(count("*"))
          .as("x"),
      )
      .select(col("x").minus(col("r")).as("y"), col("r")),
    options: { outputMode: "update" },
    steps: [
      addData(input, [1, 10], [2, 20], [4, 5]), // r=1: 10+20+2; r=2: 40+1
      checkNewAnswer([31, 1], [39, 2]),
      addData(input, [5, 2], [3, null]), // r=2: 50+2; r=0: null
      checkNewAnswer([50, 2], [null, 0]),
    ],
  };
});

test("complete mode keeps the order that is asked for, and limits", async () => {
  const input = memoryStream(spark(), "key STRING");
  const seen: unknown[][] = [];
  const query = await input
    .toDF()
    .groupBy("key")
    .agg(count("*").as("n"))
    .orderBy(col("n").desc(), col("key"))
    .limit(3)
    .writeStream.outputMode("complete")
    .foreachBatch(async (batch) => void seen.push((await batch.collect()).map((row) => `${row["key"]}${row["n"]}`)))
    .start();
  for (const rows of [["b", "a", "c", "d"], ["d"], ["c", "c", "e"]]) {
    input.addData(...rows);
    await query.processAllAvailable();
  }
  await query.stop();
  expect(seen).toEqual([
    ["a1", "b1", "c1"],
    ["d2", "a1", "b1"],
    ["c3", "d2", "a1"],
  ]);
});

test("a batch that runs again has the time of its first run", async () => {
  const input = memoryStream(spark(), "n INT");
  const clock = manualClock(1_000_000);
  const again = manualClock(99_000_000);
  await testStream(
    input.toDF().selectExpr("n", "unix_millis(current_timestamp())"),
    {},
    startStream({ trigger: { processingTime: 1000 }, clock }),
    addData(input, 1),
    advanceManualClock(1000),
    checkAnswer([1, 1_001_000]),
    stopStream(),
    execute((_query, { checkpointLocation, clearSink }) => {
      rmSync(join(checkpointLocation, "commits/0"));
      clearSink();
    }, "the commit is lost"),
    startStream({ trigger: { processingTime: 1000 }, clock: again }),
    advanceManualClock(1000),
    checkAnswer([1, 1_001_000]),
    addData(input, 2),
    advanceManualClock(1000),
    checkAnswer([1, 1_001_000], [2, 99_002_000]),
  );
});

const CHANGES: Readonly<Record<string, (input: DataFrame<any>) => DataFrame<any>>> = {
  aggregates: (input) => input.groupBy("k").agg(sum("v").as("s"), F.max("v").as("m")),
  "the type of an aggregate": (input) => input.groupBy("k").agg(sum(col("v").cast("double")).as("s")),
};
for (const [what, changed] of Object.entries(CHANGES)) {
  onWorkers(`changing schema of state when restarting query: ${what}`, async (nextWorkers) => {
    const input = memoryStream(spark(), "k INT, v INT");
    const checkpointLocation = mkdtempSync(join(tmpdir(), "millrace-schema-"));
    const options = { outputMode: "update", checkpointLocation } as const;
    try {
      await testStream(
        input.toDF().groupBy("k").agg(sum("v").as("s")),
        { ...options, workers: nextWorkers() },
        addData(input, [1, 1]),
        checkNewAnswer([1, 1]),
      );
      await testStream(
        changed(input.toDF()),
        { ...options, workers: nextWorkers() },
        startStream(),
        addData(input, [2, 1]),
        expectFailure({ condition: "STATE_STORE_VALUE_SCHEMA_NOT_COMPATIBLE", message: "does not match existing" }),
      );
    } finally {
      rmSync(checkpointLocation, { recursive: true });
    }
  });
}

test("delay in months: a month has 31 days", async () => {
  const input = memoryStream(spark(), "value INT");
  const frame = withEventTime(input, "1 month 5 days")
    .groupBy(window(col("eventTime"), "5 seconds"))
    .agg(count("*"));
  await testStream(
    frame,
    {},
    addData(input, 100 * 86_400),
    checkNewAnswer(),
    assertOnQuery(async (query) => expect(await newestWatermarkMs(query)).toBe((100 - 36) * 86_400_000), "36 days behind"),
  );
});

test("a watermark does nothing to rows without state", async () => {
  const input = memoryStream(spark(), "value INT");
  await testStream(
    withEventTime(input, "1 second").select("value"),
    {},
    addData(input, 100),
    checkNewAnswer(100),
    addData(input, 1, 2),
    checkNewAnswer(1, 2),
  );
});

test.each([
  ["append", "aggregations without watermark", (frame: any) => frame.groupBy("k").count(), "STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION"],
  ["complete", "no aggregation", (frame: any) => frame, "STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION"],
  ["update", "orderBy", (frame: any) => frame.groupBy("k").count().orderBy("k"), "_LEGACY_ERROR_TEMP_3102"],
] as const)("refused in %s mode: %s", async (outputMode, _what, shape, condition) => {
  const input = memoryStream(spark(), "k INT");
  await testStream(shape(input.toDF()), { outputMode }, startStream(), expectFailure({ condition }));
});
