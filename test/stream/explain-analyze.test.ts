/** `explain("analyze")` of a running query: rows behind every operator of the last batches, counted by the generated code. Answers by hand. */
import { expect, test } from "vitest";
import { printedBy } from "../support/printed.ts";
import type { StreamingQuery } from "../../src/index.ts";
import { memoryStream } from "../../src/testing.ts";
import { testSession } from "../support/test-session.ts";

const spark = testSession();

const analyzed = (query: StreamingQuery): Promise<string> => printedBy(() => query.explain("analyze"));

/** The rows that stand behind each operator, by its first word. */
const rowsOf = (text: string): [string, number][] =>
  [...text.matchAll(/(?:\+- |: )(\w+).*? {2}\((?:.*?)rows=([\d,]+)/g)].map(([, name, rows]) => [name!, Number(rows!.replaceAll(",", ""))]);

test("filters, joins, windows, unions and groups, summed over the batches", async () => {
  const input = memoryStream(spark(), "k INT, ts TIMESTAMP");
  const names = spark().createDataFrame(
    [
      [1, "one"],
      [1, "uno"],
      [2, "two"],
    ],
    "k INT, name STRING",
  );
  const joined = input.toDF().filter("k < 3").join(names, "k");
  const query = await joined
    .union(joined.filter("name = 'two'"))
    .groupBy("name")
    .count()
    .writeStream.format("noop")
    .outputMode("update")
    .start();
  const ts = new Date(0);
  input.addData([1, ts], [2, ts], [3, ts], [null, ts]);
  await query.processAllAvailable();
  expect(await analyzed(query)).toMatch(/^== Physical Plan, last batch ==\n/);
  input.addData([1, ts], [4, ts]);
  await query.processAllAvailable();
  const text = await analyzed(query);
  await query.stop();
  expect(text).toMatch(/^== Physical Plan, last 2 batches ==\n/);
  expect(rowsOf(text)).toEqual([
    ["Output", 5], // one, uno, two; one, uno
    ["MergeAggregate", 5],
    // The first input of the union, then the second, each from its end to the source.
    ["BroadcastHashJoin", 5],
    ["Filter", 3],
    ["Scan", 6],
    ["BroadcastHashJoin", 1],
    ["Filter", 3],
    ["Scan", 6],
  ]);
  expect(text).toMatch(/Stage 0: ShuffleWrite .* {2}\(exchange=[1-9]\d* B time=[\d.]+ ms skew=[\d.]+ tasks=4 blocks=4 calls=\d+\)/);
  expect(text).toMatch(/MergeAggregate .* bytes=[1-9]\d*\)/);
});

test("windows and what a filter above the aggregate lets through", async () => {
  const input = memoryStream(spark(), "n INT, ts TIMESTAMP");
  const frame = input.toDF().selectExpr("n", "ts").groupBy("n").count().filter("count > 1");
  const query = await frame.writeStream.format("noop").outputMode("complete").start();
  input.addData(...[1, 1, 2, 3, 3].map((n) => [n, new Date(0)]));
  await query.processAllAvailable();
  const text = await analyzed(query);
  await query.stop();
  expect(rowsOf(text)).toEqual([
    ["Output", 2],
    ["Filter", 2],
    ["MergeAggregate", 3],
    ["Scan", 5],
  ]);
});

test("before the first batch it shows the plan alone", async () => {
  const query = await memoryStream(spark(), "n INT").toDF().writeStream.format("noop").start();
  expect(await analyzed(query)).toMatch(/^== Physical Plan ==\nStage 0: Output\n/);
  await query.stop();
});
