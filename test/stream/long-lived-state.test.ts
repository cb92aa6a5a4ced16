/** State over many batches and many keys: snapshots, logs, purging, restarts on other numbers of workers. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { functions as F } from "../../src/index.ts";
import {
  addData,
  assertOnQuery,
  checkLastBatch,
  execute,
  memoryStream,
  startStream,
  stopStream,
  testStream,
  type Step,
} from "../../src/testing.ts";
import { stateRows } from "../support/query-assertions.ts";
import { testSession } from "../support/test-session.ts";

const { count, max, sum } = F;
const spark = testSession();

/** Keys 0 … `keys` - 1, each once. */
const counted = (input: ReturnType<typeof memoryStream>, keys: number) => addData(input, ...Array.from({ length: keys }, (_, key) => key));

test("many batches: snapshots are written, logs purged, and restarts on 1, 2 and 4 workers find everything", async () => {
  const input = memoryStream(spark(), "key INT");
  const frame = input.toDF().groupBy("key").agg(count("*").as("n"));
  const conf = {
    "spark.sql.streaming.minBatchesToRetain": 3,
    "spark.sql.streaming.stateStore.maintenanceInterval": 0,
    "spark.sql.streaming.stateStore.minDeltasForSnapshot": 5,
  };
  const keys = 40;
  const all = (n: number) => checkLastBatch(...Array.from({ length: keys }, (_, key) => [key, n]));
  let batches = 0;
  const round = (workers: number): Step[] => [
    startStream({ workers }),
    ...Array.from({ length: 25 }, () => [counted(input, keys), all(++batches)]).flat(),
    // Snapshots are written in the background: as many batches of another key as they take.
    assertOnQuery(async (query, { checkpointLocation }) => {
      for (let more = 0; !existsSync(join(checkpointLocation, "state/snapshots")) && more < 1000; more++) {
        input.addData(-1);
        await query.processAllAvailable();
      }
    }, "until there is a snapshot"),
    stopStream(),
  ];
  await testStream(
    frame,
    { outputMode: "update", conf },
    ...round(2),
    execute((_query, { checkpointLocation }) => {
      expect(readdirSync(join(checkpointLocation, "state/snapshots")).length).toBeGreaterThan(0);
      expect(readdirSync(join(checkpointLocation, "commits")).filter((name) => /^\d+$/.test(name)).length).toBeLessThan(10);
    }, "snapshots and few commits"),
    ...round(1),
    ...round(4),
    startStream({ workers: 2 }),
    counted(input, keys),
    all(++batches),
  );
});

test("many keys with long texts, in several splits, restarted on more workers", async () => {
  const input = memoryStream(spark(), "key STRING, v BIGINT");
  const keys = 20_000;
  const rows = (first: number): (readonly [string, bigint])[] =>
    Array.from({ length: keys }, (_, i) => [`key number ${(i * 7919) % keys} with some text behind it`, BigInt(i + first)]);
  const inputs = [rows(0), rows(5), rows(-20_000), rows(1_000_000)];
  const expected = (batches: number): unknown[][] => {
    const groups = new Map<string, [bigint, bigint]>();
    for (const [key, value] of inputs.slice(0, batches).flat()) {
      const [n, s] = groups.get(key) ?? [0n, 0n];
      groups.set(key, [n + 1n, s + value]);
    }
    return [...groups].map(([key, [n, s]]) => [key, n, s]);
  };
  const add = (index: number) => addData(input, ...inputs[index]!);
  await testStream(
    input.toDF().groupBy("key").agg(count("*").as("n"), sum("v").as("s")),
    { outputMode: "update" },
    add(0),
    add(1),
    checkLastBatch(...expected(2)),
    stateRows({ total: keys, updated: keys }),
    stopStream(),
    startStream({ workers: 4 }),
    add(2),
    add(3),
    checkLastBatch(...expected(4)),
    stateRows({ total: keys, updated: keys }),
  );
});

test.each([1, 2, 3])(
  "state larger than a processor's cache: rows come by groups of keys, each key's in their order (%i workers)",
  async (workers) => {
    const input = memoryStream(spark(), "key STRING, v BIGINT");
    const keys = 36_000;
    // Twice each key, so far apart that they do not meet before the exchange.
    const perBatch = 2 * keys;
    const keyOf = (row: number): string => `${"long ".repeat(50)}${(row * 7919) % keys}`;
    const batches = Array.from({ length: 3 }, (_, batch) =>
      Array.from({ length: perBatch }, (__, i): readonly [string, bigint] => [keyOf(i), BigInt(batch * perBatch + i)]),
    );
    const expected = (through: number): unknown[][] => {
      const groups = new Map<string, [bigint, bigint, bigint]>();
      for (const [key, value] of batches.slice(0, through).flat()) {
        const known = groups.get(key);
        groups.set(key, known ? [known[0], value, known[2] + 1n] : [value, value, 1n]);
      }
      return [...groups].map(([key, values]) => [key, ...values]);
    };
    await testStream(
      input.toDF().groupBy("key").agg(F.first("v").as("f"), F.last("v").as("l"), count("*").as("n")),
      { outputMode: "update" },
      startStream({ workers }),
      ...batches.slice(0, 2).flatMap((rows, batch) => [addData(input, ...rows), checkLastBatch(...expected(batch + 1))]),
      stopStream(),
      startStream({ workers: 2 }),
      addData(input, ...batches[2]!),
      checkLastBatch(...expected(3)),
      stateRows({ total: keys, updated: keys }),
    );
  },
);

test("many queries at once share the workers and nothing else", async () => {
  const run = async (query: number): Promise<void> => {
    const input = memoryStream(spark(), "key INT, v INT");
    const rows = Array.from({ length: 50 }, (_, row) => [row % 10, query]);
    const answer = (batches: number) => Array.from({ length: 10 }, (_, key) => [key, 5 * batches, 5 * batches * query]);
    const batches = Array.from({ length: 6 }, (_, batch) => [addData(input, ...rows), checkLastBatch(...answer(batch + 1))]);
    await testStream(
      input.toDF().groupBy("key").agg(count("*").as("n"), sum("v").as("s")),
      { outputMode: "update" },
      ...batches.slice(0, 3).flat(),
      stopStream(),
      startStream(),
      ...batches.slice(3).flat(),
    );
  };
  await Promise.all([1, 2, 3, 4, 5].map(run));
});

test("keys and values of several hundred kilobytes", async () => {
  const input = memoryStream(spark(), "key STRING, v STRING");
  const large = "x".repeat(300_000);
  await testStream(
    input.toDF().groupBy("key").agg(max("v").as("m"), count("*").as("n")),
    { outputMode: "update" },
    addData(input, [large, "a"], ["", large]),
    checkLastBatch([large, "a", 1], ["", large, 1]),
    stopStream(),
    startStream({ workers: 4 }),
    addData(input, [large, "b"], ["", "y"]),
    checkLastBatch([large, "b", 2], ["", "y", 2]),
  );
});
