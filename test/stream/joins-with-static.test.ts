/** Streams joined with tables that do not stream, unions of streams, and what passes through without state. Answers by hand. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { functions as F } from "../../src/index.ts";
import {
  addData,
  advanceManualClock,
  assertOnQuery,
  checkAnswer,
  checkNewAnswer,
  execute,
  manualClock,
  memoryStream,
  multiAddData,
  startStream,
  stopStream,
  testStream,
} from "../../src/testing.ts";
import { everyWay } from "../support/every-way.ts";
import { testSession } from "../support/test-session.ts";

const { col, count } = F;
const spark = testSession();

const people = () =>
  spark().createDataFrame(
    [
      [1, "ann"],
      [2, "bob"],
      [2, "bill"],
      [null, "nobody"],
    ],
    "id INT, name STRING",
  );

const joined = (type: "inner" | "left_outer" | "left_semi" | "left_anti") => () => {
  const input = memoryStream(spark(), "id INT");
  const answers = {
    inner: [
      [
        [1, "ann"],
        [2, "bob"],
        [2, "bill"],
      ],
      [
        [2, "bob"],
        [2, "bill"],
      ],
    ],
    left_outer: [
      [
        [1, "ann"],
        [2, "bob"],
        [2, "bill"],
        [3, null],
        [null, null],
      ],
      [
        [2, "bob"],
        [2, "bill"],
        [9, null],
      ],
    ],
    left_semi: [[1, 2], [2]],
    left_anti: [[3, null], [9]],
  }[type];
  const steps = [addData(input, 1, 2, 3, null), checkNewAnswer(...answers[0]!), addData(input, 2, 9), checkNewAnswer(...answers[1]!)];
  return { frame: input.toDF().join(people(), "id", type), steps };
};
everyWay("stream inner static", joined("inner"));
everyWay("stream left outer static", joined("left_outer"));
everyWay("stream left semi static", joined("left_semi"));
everyWay("stream left anti static", joined("left_anti"));

everyWay("static inner stream, and a condition beside the key", () => {
  const input = memoryStream(spark(), "id INT, least STRING");
  const [left, right] = [people().as("p"), input.toDF().as("s")];
  return {
    frame: left
      .join(
        right,
        col("p.id")
          .equalTo(col("s.id"))
          .and(col("p.name").geq(col("s.least"))),
        "inner",
      )
      .select("s.id", "name"),
    steps: [
      addData(input, [2, "bo"], [1, "b"]),
      checkNewAnswer([2, "bob"]),
      addData(input, [2, ""]),
      checkNewAnswer([2, "bob"], [2, "bill"]),
    ],
  };
});

everyWay("static right outer stream", () => {
  const input = memoryStream(spark(), "id INT");
  return {
    frame: people().join(input.toDF(), "id", "right_outer").select("id", "name"),
    steps: [addData(input, 1, 7), checkNewAnswer([1, "ann"], [7, null]), addData(input, null), checkNewAnswer([null, null])],
  };
});

everyWay("a join below an aggregate in state", () => {
  const input = memoryStream(spark(), "id INT");
  return {
    frame: input.toDF().join(people(), "id").groupBy("name").agg(count("*").as("n")),
    options: { outputMode: "update" },
    steps: [
      addData(input, 1, 2, 2),
      checkNewAnswer(["ann", 1], ["bob", 2], ["bill", 2]),
      addData(input, 2, 5),
      checkNewAnswer(["bob", 3], ["bill", 3]),
    ],
  };
});

everyWay("union of two streams", () => {
  const [a, b] = [memoryStream(spark(), "value INT"), memoryStream(spark(), "value INT")];
  return {
    frame: a.toDF().union(b.toDF().selectExpr("value * 10 AS value")),
    steps: [
      addData(a, 1, 2),
      checkNewAnswer(1, 2),
      addData(b, 3),
      checkNewAnswer(30),
      multiAddData(addData(a, 4), addData(b, 5, 6)),
      checkNewAnswer(4, 50, 60),
    ],
  };
});

everyWay("one stream twice in a union is read once and counted twice", () => {
  const input = memoryStream(spark(), "value INT");
  return {
    frame: input.toDF().union(input.toDF()).groupBy("value").count(),
    options: { outputMode: "update" },
    steps: [
      addData(input, 1, 2),
      checkNewAnswer([1, 2], [2, 2]),
      assertOnQuery(async (query) => expect((await query.lastProgress())!["numInputRows"]).toBe(2), "two rows read"),
      addData(input, 1),
      checkNewAnswer([1, 4]),
    ],
  };
});

test("map with recovery", async () => {
  const input = memoryStream(spark(), "value INT");
  await testStream(
    input.toDF().select(col("value").plus(1)),
    {},
    addData(input, 1, 2, 3),
    startStream(),
    checkAnswer(2, 3, 4),
    stopStream(),
    addData(input, 4, 5, 6),
    startStream(),
    checkAnswer(2, 3, 4, 5, 6, 7),
  );
});

everyWay("observe: metrics of every batch in its progress", () => {
  const input = memoryStream(spark(), "value INT");
  const observed = (expected: Readonly<Record<string, unknown>>) =>
    assertOnQuery(
      async (query) => {
        const withData = (await query.recentProgress()).findLast(({ numInputRows }) => numInputRows > 0)!;
        expect(withData["observedMetrics"]).toEqual({ event: expected });
      },
      `observed(${JSON.stringify(expected)})`,
    );
  return {
    frame: input
      .toDF()
      .observe(
        "event",
        count("*").as("rows"),
        F.max("value").as("most"),
        F.sum(col("value").cast("double")).as("sum"),
        F.min(col("value").cast("string")).as("text"),
      )
      .filter(col("value").gt(5)),
    steps: [
      addData(input, 1, 7, 9),
      checkNewAnswer(7, 9),
      observed({ rows: 3, most: 9, sum: 17, text: "1" }),
      addData(input, 3),
      checkNewAnswer(),
      observed({ rows: 1, most: 3, sum: 3, text: "3" }),
    ],
  };
});

describe("millrace.staticRefreshInterval", () => {
  const prepare = (conf: Readonly<Record<string, string>>) => {
    const directory = mkdtempSync(join(tmpdir(), "millrace-static-"));
    const put = (name: string) => writeFileSync(join(directory, "people.json"), JSON.stringify({ id: 1, name }));
    put("ann");
    const input = memoryStream(spark(), "id INT");
    const clock = manualClock(0);
    const start = (workers: number) => startStream({ trigger: { processingTime: "1 second" }, clock, conf, workers });
    const table = spark().read.schema("id INT, name STRING").json(directory);
    const versions: (string | undefined)[] = [];
    const noteVersion = execute((_query, { checkpointLocation }) => {
      const offsets = join(checkpointLocation, "offsets");
      const newest = Math.max(
        ...readdirSync(offsets)
          .filter((name) => /^\d+$/.test(name))
          .map(Number),
      );
      versions.push(/"staticVersions":\["(\w{8})"\]/.exec(readFileSync(join(offsets, String(newest)), "utf8"))?.[1]);
    }, "note the version");
    return { directory, put, input, start, versions, noteVersion, frame: input.toDF().join(table, "id").groupBy("name").count() };
  };

  test("the table is read again between batches once it is older; the state stays, the version is in offsets/N", async () => {
    const { directory, put, input, start, versions, noteVersion, frame } = prepare({ "millrace.staticRefreshInterval": "10s" });
    await testStream(
      frame,
      { outputMode: "update" },
      start(2),
      addData(input, 1),
      advanceManualClock(1000),
      checkNewAnswer(["ann", 1]),
      noteVersion,
      execute(() => put("bea"), "another table"),
      addData(input, 1),
      advanceManualClock(5000),
      checkNewAnswer(["ann", 2]),
      noteVersion,
      addData(input, 1),
      advanceManualClock(5000),
      checkNewAnswer(["bea", 1]),
      noteVersion,
      addData(input, 1),
      advanceManualClock(60_000),
      checkNewAnswer(["bea", 2]),
      noteVersion,
      execute(() => put("ann"), "the first table"),
      addData(input, 1),
      advanceManualClock(10_000),
      checkNewAnswer(["ann", 3]),
      stopStream(),
      execute(() => put("cleo"), "a third table"),
      start(4),
      addData(input, 1),
      advanceManualClock(1000),
      checkNewAnswer(["cleo", 1]),
    );
    expect(versions[0]).toMatch(/^[0-9a-f]{8}$/);
    expect(versions[1]).toBe(versions[0]);
    expect(versions[2]).not.toBe(versions[0]);
    expect(versions[3]).toBe(versions[2]);
    rmSync(directory, { recursive: true });
  });

  test("without it the table stays as it was at the start", async () => {
    const { directory, put, input, start, frame } = prepare({});
    await testStream(
      frame,
      { outputMode: "update" },
      start(2),
      addData(input, 1),
      advanceManualClock(1000),
      checkNewAnswer(["ann", 1]),
      execute(() => put("bea"), "another table"),
      addData(input, 1),
      advanceManualClock(3_600_000),
      checkNewAnswer(["ann", 2]),
    );
    rmSync(directory, { recursive: true });
  });

  test("a table that cannot be read again ends the query with its error", async () => {
    const { directory, input, start, frame } = prepare({ "millrace.staticRefreshInterval": "1s" });
    const run = testStream(
      frame,
      { outputMode: "update" },
      start(2),
      addData(input, 1),
      advanceManualClock(1000),
      checkNewAnswer(["ann", 1]),
      execute(() => rmSync(directory, { recursive: true }), "no table"),
      addData(input, 1),
      advanceManualClock(5000),
    );
    await expect(run).rejects.toThrow(`[PATH_NOT_FOUND] Path does not exist: file://${directory}`);
  });
});
