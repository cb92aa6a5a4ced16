/** Keys that share a name, and limits beyond 32 bits: what is looked up by name or narrowed to a word must not change an answer. */
import { expect, test } from "vitest";
import { functions as F } from "../../src/index.ts";
import { addData, assertOnQuery, checkNewAnswer, memoryStream, testStream } from "../../src/testing.ts";
import { testSession } from "../support/test-session.ts";

const spark = testSession();

test("a deduplication whose keys have one name twice goes by the event time, not by its namesake", async () => {
  const events = memoryStream(spark(), "t LONG, k STRING");
  const names = spark().createDataFrame([["a", "zzz"]], "k STRING, time STRING");
  const stream = events.toDF().select(F.expr("timestamp_seconds(t)").as("time"), "k").withWatermark("time", "10 seconds");
  await testStream(
    names.join(stream, "k").distinct().select("k"),
    { outputMode: "append" },
    addData(events, [1, "a"], [1, "a"], [2, "a"]),
    checkNewAnswer(["a"], ["a"]),
    addData(events, [30, "a"]),
    checkNewAnswer(["a"]),
    // Late: the watermark is at 20 seconds.
    addData(events, [5, "a"]),
    checkNewAnswer(),
    assertOnQuery(async (query) => {
      expect((await query.lastProgress())!["stateOperators"][0].numRowsTotal).toBe(1);
    }),
  );
});

test("a limit beyond 32 bits lets everything pass", async () => {
  const events = memoryStream(spark(), "v INT");
  await testStream(events.toDF().limit(2 ** 32), {}, addData(events, 1, 2), checkNewAnswer([1], [2]));
});

test("equal calls of a function of the program are one expression; what only aggregates take is refused", async () => {
  spark().udf.register("twice", (v: number) => v * 2, "INT");
  const frame = spark().createDataFrame([[1], [1], [2]], "v INT");
  const twice = () => F.expr("twice(v)");
  const rows = await frame.groupBy(twice().as("w")).count().orderBy("w").collect();
  expect(rows.map((row) => [row["w"], row["count"]])).toEqual([
    [2, 2n],
    [4, 1n],
  ]);
  expect((await frame.groupBy(twice()).agg(F.count("*").as("n")).orderBy(twice()).collect()).map(({ n }) => n)).toEqual([2n, 1n]);
  for (const text of ["twice(DISTINCT v)", "twice(v) FILTER (WHERE v > 1)"])
    await expect(frame.select(F.expr(text)).collect()).rejects.toMatchObject({
      condition: "INVALID_SQL_SYNTAX.FUNCTION_WITH_UNSUPPORTED_SYNTAX",
    });
});
