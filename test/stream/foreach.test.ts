/** Functions of the program as sinks: what they are called with, and what happens when they throw. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { StreamingQueryError, type DataFrame, type DataStreamWriter } from "../../src/index.ts";
import { memoryStream } from "../../src/testing.ts";
import { testSession } from "../support/test-session.ts";

const spark = testSession();

let directory: string;
beforeEach(() => void (directory = mkdtempSync(join(tmpdir(), "millrace-foreach-"))));
afterEach(() => rmSync(directory, { recursive: true }));

const values = async (batch: DataFrame<any>): Promise<unknown[]> => (await batch.collect()).map((row) => Object.values(row)).sort();

test("foreachBatch gets exactly the rows of each batch, and its number", async () => {
  const input = memoryStream(spark(), "n INT, s STRING");
  const calls: [number, unknown[]][] = [];
  const query = await input
    .toDF()
    .filter("n <> 5")
    .writeStream.foreachBatch(async (batch, batchId) => void calls.push([batchId, await values(batch)]))
    .start();
  input.addData([1, "a"], [2, null]);
  await query.processAllAvailable();
  input.addData([5, "dropped"]);
  await query.processAllAvailable();
  input.addData([3, "c"]);
  input.addData([4, "d"]);
  await query.processAllAvailable();
  await query.stop();
  expect(calls).toEqual([
    [
      0,
      [
        [1, "a"],
        [2, null],
      ],
    ],
    [1, []],
    [
      2,
      [
        [3, "c"],
        [4, "d"],
      ],
    ],
  ]);
});

test("a batch is a frame like any other: it can be queried, joined and written", async () => {
  const input = memoryStream(spark(), "n INT");
  const names = spark().createDataFrame(
    [
      [1, "one"],
      [2, "two"],
    ],
    "n INT, name STRING",
  );
  const seen: unknown[] = [];
  const query = await input
    .toDF()
    .writeStream.foreachBatch(async (batch) => {
      expect(await batch.isStreaming()).toBe(false);
      seen.push(await batch.count(), await values(batch.join(names, "n").groupBy("name").count()));
    })
    .start();
  input.addData(1, 2, 2, 3);
  await query.processAllAvailable();
  await query.stop();
  expect(seen).toEqual([
    4n,
    [
      ["one", 1n],
      ["two", 2n],
    ],
  ]);
});

test("when foreachBatch throws, the query ends with the cause; a restart gives the batch again, state counted once", async () => {
  const input = memoryStream(spark(), "n INT");
  const calls: [number, unknown[]][] = [];
  let isBroken = false;
  const start = () =>
    input
      .toDF()
      .groupBy("n")
      .count()
      .writeStream.outputMode("update")
      .option("checkpointLocation", directory)
      .foreachBatch(async (batch, batchId) => {
        if (isBroken) throw new RangeError("the disk is full");
        calls.push([batchId, await values(batch)]);
      })
      .start();
  let query = await start();
  input.addData(1, 2);
  await query.processAllAvailable();
  isBroken = true;
  input.addData(2);
  input.addData(3);
  const error = await query.processAllAvailable().then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(StreamingQueryError);
  expect(error).toMatchObject({ condition: "STREAM_FAILED", message: expect.stringContaining("the disk is full") });
  expect((error as Error).cause).toMatchObject({
    condition: "FOREACH_BATCH_USER_FUNCTION_ERROR",
    cause: new RangeError("the disk is full"),
  });
  expect(await query.exception()).toBe(error);
  expect(await query.isActive()).toBe(false);
  expect((await query.status()).message).toContain("Terminated with exception");
  await expect(query.awaitTermination()).rejects.toBe(error);

  isBroken = false;
  query = await start();
  await query.processAllAvailable();
  input.addData(2);
  await query.processAllAvailable();
  await query.stop();
  expect(calls).toEqual([
    [
      0,
      [
        [1, 1n],
        [2, 1n],
      ],
    ],
    [
      1,
      [
        [2, 2n],
        [3, 1n],
      ],
    ],
    [2, [[2, 3n]]],
  ]);
});

test("foreach: open, every row, close; open may refuse", async () => {
  const input = memoryStream(spark(), "n INT");
  const events: string[] = [];
  const query = await input
    .toDF()
    .writeStream.foreach({
      open: (partition, epoch) => {
        events.push(`open ${partition} ${epoch}`);
        return epoch !== 1;
      },
      process: ({ n }) => void events.push(`row ${n}`),
      close: (error) => void events.push(`close ${error?.message}`),
    })
    .start();
  for (const value of [1, 2, 3]) {
    input.addData(value);
    await query.processAllAvailable();
  }
  await query.stop();
  expect(events).toEqual(["open 0 0", "row 1", "close undefined", "open 0 1", "close undefined", "open 0 2", "row 3", "close undefined"]);
});

test("foreach: a row that throws closes with the error and ends the query", async () => {
  const input = memoryStream(spark(), "n INT");
  const closed: unknown[] = [];
  const query = await input
    .toDF()
    .writeStream.foreach({
      process: ({ n }) => {
        if (n === 2) throw new TypeError("no twos");
      },
      close: (error) => void closed.push(error?.message ?? null),
    })
    .start();
  input.addData(1, 2, 3);
  await expect(query.processAllAvailable()).rejects.toMatchObject({
    condition: "STREAM_FAILED",
    cause: { condition: "FOREACH_USER_FUNCTION_ERROR", cause: new TypeError("no twos") },
  });
  expect(closed).toEqual(["no twos"]);
});

test("every progress says so where a batch may come again, or input may be lost", async () => {
  vi.spyOn(process.stdout, "write").mockImplementation(() => true);
  const guarantees: Record<string, unknown> = {};
  const sinks: Record<string, (writer: DataStreamWriter<any>) => DataStreamWriter<any>> = {
    noop: (writer) => writer.format("noop"),
    console: (writer) => writer.format("console"),
    foreach: (writer) => writer.foreach({ process: () => undefined }),
    foreachBatch: (writer) => writer.foreachBatch(async () => undefined),
    memory: (writer) => writer.format("memory").queryName("kept"),
    json: (writer) => writer.format("json").option("path", join(directory, "out")),
  };
  for (const [name, choose] of Object.entries(sinks)) {
    const input = memoryStream(spark(), "n INT");
    const writer = choose(input.toDF().writeStream).option("checkpointLocation", join(directory, name));
    const query = await writer.start();
    input.addData(1);
    await query.processAllAvailable();
    guarantees[name] = (await query.lastProgress())!["sink"].metrics ?? null;
    await query.stop();
  }
  vi.restoreAllMocks();
  const atLeastOnce = { guarantee: "at-least-once" };
  expect(guarantees).toEqual({
    noop: atLeastOnce,
    console: atLeastOnce,
    foreach: atLeastOnce,
    foreachBatch: atLeastOnce,
    memory: null,
    json: null,
  });
});
