/**
 * `format("statestore")` and `format("state-metadata")`: what they read is what the stream must have kept, recomputed here in plain TypeScript, after every
 * batch, for several numbers of workers, with nulls and every kind of field; and the change feed leads from one batch to the next.
 */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { nodePorts } from "../../src/base/node-ports.ts";
import { CheckpointReader } from "../../src/checkpoint/checkpoint-reader.ts";
import { functions as F, type Session } from "../../src/index.ts";
import { addData, memoryStream, processAllAvailable, startStream, stopStream, testStream, type Step } from "../../src/testing.ts";
import { seededRandom } from "../support/test-ports.ts";
import { testSession } from "../support/test-session.ts";

const { avg, col, collect_list, count, max, sum, window } = F;
const spark = testSession({
  "spark.sql.shuffle.partitions": "5",
  "spark.sql.streaming.stateStore.maintenanceInterval": "0ms",
  "spark.sql.streaming.stateStore.minDeltasForSnapshot": "1",
});

const directories: string[] = [];
function checkpoint(): string {
  directories.push(mkdtempSync(join(tmpdir(), "millrace-test-")));
  return directories.at(-1)!;
}
afterAll(() => {
  for (const directory of directories) rmSync(directory, { recursive: true });
});

/** Rows as text by their key: bigint, Decimal and Timestamp by their own `toString`. */
type State = ReadonlyMap<string, string>;
const text = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) => {
    if (inner === null || typeof inner !== "object" || Array.isArray(inner)) return typeof inner === "bigint" ? `${inner}n` : inner;
    return Object.getPrototypeOf(inner) === Object.prototype ? inner : String(inner);
  });

async function readState(session: Session, path: string, options: Record<string, string | number | boolean> = {}): Promise<State> {
  const rows = await session.read.format("statestore").options(options).load(path).select("key", "value").collect();
  const state = new Map(rows.map(({ key, value }) => [text(key), text(value)]));
  expect(state.size).toBe(rows.length);
  return state;
}

interface Change {
  readonly batch_id: bigint;
  readonly change_type: string;
  readonly key: unknown;
  readonly value: unknown;
}

async function readChanges(session: Session, path: string, from: number, to: number): Promise<readonly Change[]> {
  const options = { readChangeFeed: true, changeStartBatchId: from, changeEndBatchId: to };
  return (await session.read.format("statestore").options(options).load(path).collect()) as unknown as readonly Change[];
}

function applied(before: State, changes: readonly Change[]): State {
  const state = new Map(before);
  const inOrder = [...changes].sort((a, b) => Number(a.batch_id - b.batch_id) || a.change_type.localeCompare(b.change_type));
  for (const { change_type, key, value } of inOrder) {
    if (change_type === "update") state.set(text(key), text(value));
    else {
      expect(state.delete(text(key)), `deleted ${text(key)}`).toBe(true);
      expect(value).toBeNull();
    }
  }
  return state;
}

interface Group {
  readonly n: bigint;
  readonly v: bigint;
  readonly cents: bigint | null;
  readonly name: string | null;
}

/** What is compared of a state row, from the group. */
function expectedRow({ n, v, cents, name }: Group): string {
  const decimal = cents === null ? null : `${cents / 100n}.${String(cents % 100n).padStart(2, "0")}`;
  return text([n, v, decimal, name, Number(v), n]);
}

/** The same from what was read. */
function observed(state: State): State {
  interface Value {
    readonly count: string;
    readonly sum: string;
    readonly sum_2: string | null;
    readonly max: string | null;
    readonly avg: { readonly sum: number; readonly count: string };
  }
  return new Map(
    [...state].map(([key, value]) => {
      const row = JSON.parse(value) as Value;
      return [key, text([row.count, row.sum, row.sum_2, row.max, row.avg.sum, row.avg.count])];
    }),
  );
}

test("the state of an unbounded aggregation, by a nullable text and a nullable struct, read back as of every batch", async () => {
  const random = seededRandom(7);
  const path = checkpoint();
  const input = memoryStream(spark(), "name STRING, big DECIMAL(30, 2), v INT");
  const frame = input
    .toDF()
    .withColumn("s", F.expr("CASE WHEN v % 7 = 0 THEN NULL ELSE named_struct('name', name, 'big', big) END"))
    .groupBy("name", "s")
    .agg(count("*").as("n"), sum("v").as("a"), sum("big").as("b"), max("name").as("m"), avg("v").as("c"));
  const names = ["ä", "bb", "", "a longer name than fits into a word"];
  const groups = new Map<string, Group>();
  const expected: State[] = [];
  const steps: Step[] = [];
  for (let batch = 0; batch < 12; batch++) {
    const rows = Array.from({ length: 20 }, () => {
      const name = random.next() < 0.2 ? null : names[Math.floor(random.next() * names.length)]!;
      const big = random.next() < 0.3 ? null : `${1 + Math.floor(random.next() * 3)}12345678901234567890.25`;
      return [name, big, Math.floor(random.next() * 20)] as const;
    });
    for (const [name, big, v] of rows) {
      const key = text({ name, s: v % 7 === 0 ? null : { name, big } });
      const before = groups.get(key) ?? { n: 0n, v: 0n, cents: null, name };
      const cents = big === null ? before.cents : (before.cents ?? 0n) + BigInt(big.replace(".", ""));
      groups.set(key, { n: before.n + 1n, v: before.v + BigInt(v), cents, name });
    }
    expected.push(new Map([...groups].map(([key, group]) => [key, expectedRow(group)])));
    steps.push(addData(input, ...rows), processAllAvailable());
    if (batch % 4 === 3) steps.push(stopStream(), startStream({ workers: (batch % 3) + 1, checkpointLocation: path }));
  }
  await testStream(frame, { outputMode: "update" }, startStream({ workers: 2, checkpointLocation: path }), ...steps);

  const batches = readdirSync(join(path, "commits")).filter((name) => /^\d+$/.test(name)).length;
  expect(batches).toBe(expected.length);
  for (const [batchId, state] of expected.entries())
    expect(observed(await readState(spark(), path, { batchId })), `batch ${batchId}`).toEqual(state);
  expect(observed(await readState(spark(), path))).toEqual(expected.at(-1));
});

test("windows come and go: the change feed leads from the state of one batch to that of another", async () => {
  const random = seededRandom(11);
  const path = checkpoint();
  const input = memoryStream(spark(), "t LONG, k STRING");
  const frame = input
    .toDF()
    .withColumn("time", F.expr("timestamp_seconds(t)"))
    .withWatermark("time", "10 seconds")
    .groupBy(window(col("time"), "5 seconds"), "k")
    .agg(count("*"), collect_list("k"));
  const steps: Step[] = [];
  for (let batch = 0; batch < 15; batch++) {
    const rows = Array.from({ length: 12 }, () => {
      return [batch * 6 + Math.floor(random.next() * 20), random.next() < 0.1 ? null : "abc"[Math.floor(random.next() * 3)]!];
    });
    steps.push(addData(input, ...rows), processAllAvailable());
    if (batch === 7) steps.push(stopStream(), startStream({ workers: 4, checkpointLocation: path }));
  }
  await testStream(frame, { outputMode: "append" }, startStream({ workers: 2, checkpointLocation: path }), ...steps);
  const last = Math.max(
    ...readdirSync(join(path, "commits"))
      .map(Number)
      .filter((id) => id >= 0),
  );
  const states: State[] = [];
  for (let batchId = 0; batchId <= last; batchId++) states.push(await readState(spark(), path, { batchId }));
  expect(states.some((state, i) => i > 0 && state.size < states[i - 1]!.size)).toBe(true);
  for (const [from, to] of [
    [0, last],
    [1, 1],
    [3, 9],
    [last - 2, last],
  ] as const) {
    const changes = await readChanges(spark(), path, from, to);
    expect(changes.filter(({ batch_id }) => batch_id < from || batch_id > to)).toEqual([]);
    expect(applied(states[from - 1] ?? new Map(), changes), `${from} to ${to}`).toEqual(states[to]);
  }
});

test("every batch that is kept can be read, and the feed begins with the oldest of them", async () => {
  const path = checkpoint();
  const input = memoryStream(spark(), "k STRING");
  const batches = 12;
  const steps: Step[] = [];
  for (let batch = 0; batch < batches; batch++) steps.push(addData(input, ["ab"[batch % 2]!], ["c"]), processAllAvailable());
  const conf = { "spark.sql.streaming.minBatchesToRetain": "2" };
  const frame = input.toDF().groupBy("k").agg(count("*"));
  await testStream(frame, { outputMode: "update", conf }, startStream({ checkpointLocation: path }), ...steps);
  const kept = (await (await CheckpointReader.open(nodePorts(), path)).commits.list()) as number[];
  expect(kept[0]).toBeGreaterThan(5);
  for (const batchId of kept) {
    const odd = text({ count: BigInt((batchId + 1) >> 1) });
    const even = text({ count: BigInt((batchId + 2) >> 1) });
    const expected = { [text({ k: "a" })]: even, [text({ k: "b" })]: odd, [text({ k: "c" })]: text({ count: BigInt(batchId + 1) }) };
    expect(Object.fromEntries(await readState(spark(), path, { batchId })), `batch ${batchId}`).toEqual(expected);
  }
  const changes = await readChanges(spark(), path, kept[0]!, batches - 1);
  expect(changes.map(({ batch_id, key, value }) => text([Number(batch_id), key, value])).sort()).toEqual(
    kept
      .flatMap((batchId) => [
        text([batchId, { k: "ab"[batchId % 2] }, { count: BigInt((batchId >> 1) + 1) }]),
        text([batchId, { k: "c" }, { count: BigInt(batchId + 1) }]),
      ])
      .sort(),
  );
  await expect(readChanges(spark(), path, kept[0]! - 1, batches - 1)).rejects.toMatchObject({
    condition: "STDS_COMMITTED_BATCH_UNAVAILABLE",
  });
});

test.each([
  ["30 seconds", "5 seconds", 5],
  ["30 seconds", "20 seconds", 10],
])("windows of %s every %s share panes: a row is a pane, as long as it is, and adds up to its windows", async (size, slide, pane) => {
  const path = checkpoint();
  const input = memoryStream(spark(), "t LONG");
  const frame = input
    .toDF()
    .withColumn("time", F.expr("timestamp_seconds(t)"))
    .withWatermark("time", "1 hour")
    .groupBy(window(col("time"), size, slide))
    .agg(count("*"));
  const times = [100, 101, 107, 119, 120, 121, 138];
  const data = addData(input, ...times.map((time) => [time]));
  await testStream(frame, { outputMode: "update" }, startStream({ checkpointLocation: path }), data, processAllAvailable());
  const seconds = (second: number): string => new Date(1000 * second).toISOString();
  const starts = [...new Set(times.map((time) => time - (time % pane)))];
  const expected = starts.map((start) => [
    text({ window: { start: seconds(start), end: seconds(start + pane) } }),
    text({ count: BigInt(times.filter((time) => time - (time % pane) === start).length) }),
  ]);
  expect(Object.fromEntries(await readState(spark(), path))).toEqual(Object.fromEntries(expected));
  const [operator] = await spark().read.format("state-metadata").load(path).collect();
  expect(JSON.parse(operator!["operatorProperties"] as string)).toMatchObject({ paneMicros: 1e6 * pane, windowMicros: 30e6 });
});

test("only the columns that are asked for are read; filters and aggregates work", async () => {
  const path = directories[0]!;
  const table = spark().read.format("statestore").load(path);
  const total = BigInt((await readState(spark(), path)).size);
  expect(await table.count()).toBe(total);
  const perPartition = await table.groupBy("partition_id").count().collect();
  expect(perPartition.reduce((rows, { count: n }) => rows + (n as bigint), 0n)).toBe(total);
  expect(perPartition.length).toBe(5);
  const named = await table.filter("key.name = 'bb'").select("key.name", "value.count").collect();
  expect(named.length).toBeGreaterThan(0);
  expect(named.every((row) => row["name"] === "bb")).toBe(true);
});

test("a snapshot to start from, and one partition", async () => {
  const path = directories[1]!;
  const whole = await spark().read.format("statestore").load(path).collect();
  const { snapshots } = (await (await CheckpointReader.open(nodePorts(), path)).commits.latest())!;
  const options = { snapshotStartBatchId: snapshots.at(-1)!.batchId, snapshotPartitionId: 3 };
  const rows = await spark().read.format("statestore").options(options).load(path).collect();
  const sorted = (some: typeof rows) => some.map(text).sort();
  expect(sorted(rows)).toEqual(sorted(whole.filter(({ partition_id }) => partition_id === 3)));
  expect(rows.length).toBeGreaterThan(0);
});

test("state-metadata lists the operators with Spark's columns", async () => {
  const rows = await spark().read.format("state-metadata").load(directories[1]!).collect();
  const { maxBatchId, ...first } = rows[0]!;
  expect(rows.length).toBe(1);
  expect(maxBatchId).toBeGreaterThan(10n);
  expect(Object.entries(first)).toEqual([
    ["operatorId", 0n],
    ["operatorName", "stateStoreSave"],
    ["stateStoreName", "default"],
    ["numPartitions", 5],
    ["minBatchId", 0n],
    ["operatorProperties", null],
  ]);
});

test.each([
  [{}, "STDS_REQUIRED_OPTION_UNSPECIFIED", "path"],
  [{ path: "/nowhere" }, "NO_CHECKPOINT", "/nowhere"],
  [{ operatorId: 1 }, "STDS_INVALID_OPTION_VALUE.WITH_MESSAGE", "it has 0 (stateStoreSave)"],
  [{ operatorId: -1 }, "STDS_INVALID_OPTION_VALUE.IS_NEGATIVE", "operatorId"],
  [{ batchId: -1 }, "STDS_INVALID_OPTION_VALUE.IS_NEGATIVE", "batchId"],
  [{ batchId: "x" }, "STDS_INVALID_OPTION_VALUE.WITH_MESSAGE", "batchId"],
  [{ storeName: "" }, "STDS_INVALID_OPTION_VALUE.IS_EMPTY", "storeName"],
  [{ joinSide: "middle" }, "STDS_INVALID_OPTION_VALUE.WITH_MESSAGE", "left, right, none"],
  [{ flattenCollectionTypes: "x" }, "STDS_INVALID_OPTION_VALUE.WITH_MESSAGE", "flattenCollectionTypes"],
  [{ storeName: "left" }, "STDS_INVALID_OPTION_VALUE.WITH_MESSAGE", "storeName"],
  [{ joinSide: "left" }, "STDS_INVALID_OPTION_VALUE.WITH_MESSAGE", "joinSide"],
  [{ joinSide: "left", storeName: "x" }, "STDS_CONFLICT_OPTIONS", "['joinSide', 'storeName']"],
  [{ stateVarName: "x" }, "STDS_INVALID_OPTION_VALUE.WITH_MESSAGE", "transformWithState"],
  [{ readRegisteredTimers: true }, "STDS_INVALID_OPTION_VALUE.WITH_MESSAGE", "transformWithState"],
  [{ stateVarName: "x", readRegisteredTimers: true }, "STDS_CONFLICT_OPTIONS", "'readRegisteredTimers', 'stateVarName'"],
  [{ batchId: 99 }, "STDS_COMMITTED_BATCH_UNAVAILABLE", "Batch 99 is not among those that are kept, 0 to "],
  [{ readChangeFeed: true, changeStartBatchId: 0, changeEndBatchId: 99 }, "STDS_COMMITTED_BATCH_UNAVAILABLE", "99"],
  [{ readChangeFeed: true }, "STDS_REQUIRED_OPTION_UNSPECIFIED", "changeStartBatchId"],
  [{ readChangeFeed: true, changeStartBatchId: 0, batchId: 1 }, "STDS_CONFLICT_OPTIONS", "'batchId', 'readChangeFeed'"],
  [
    { readChangeFeed: true, changeStartBatchId: 3, changeEndBatchId: 2 },
    "STDS_INVALID_OPTION_VALUE.WITH_MESSAGE",
    "before changeStartBatchId",
  ],
  [{ changeEndBatchId: 2 }, "STDS_INVALID_OPTION_VALUE.WITH_MESSAGE", "readChangeFeed"],
  [
    { readChangeFeed: true, changeStartBatchId: 0, snapshotPartitionId: 1 },
    "STDS_CONFLICT_OPTIONS",
    "'snapshotPartitionId', 'readChangeFeed'",
  ],
  [{ snapshotStartBatchId: 1 }, "STDS_REQUIRED_OPTION_UNSPECIFIED", "snapshotPartitionId"],
  [{ snapshotStartBatchId: 1, snapshotPartitionId: 0 }, "STDS_INVALID_OPTION_VALUE.WITH_MESSAGE", "snapshotStartBatchId"],
  [{ snapshotStartBatchId: 1, snapshotPartitionId: -1 }, "STDS_INVALID_OPTION_VALUE.IS_NEGATIVE", "snapshotPartitionId"],
  [{ internalOnlyReadAllColumnFamilies: true }, "DATA_SOURCE_OPTION_UNKNOWN", "internalOnlyReadAllColumnFamilies"],
  [{ bachId: 1 }, "DATA_SOURCE_OPTION_UNKNOWN", "batchId"],
] as const)("options %j: %s", async (options, condition, message) => {
  const isAboutPath = Object.keys(options).length === 0 || "path" in options;
  const reader = spark().read.format("statestore").options(options);
  const table = isAboutPath ? reader.load() : reader.load(directories[0]!);
  const error = await table.count().then(
    () => null,
    (failure: unknown) => failure as Error & { condition: string },
  );
  expect(error?.condition).toBe(condition);
  expect(error?.message).toContain(message);
});

test("options with the values that they have anyway change nothing", async () => {
  const options = {
    operatorId: 0,
    storeName: "default",
    joinSide: "none",
    readChangeFeed: false,
    readRegisteredTimers: false,
    flattenCollectionTypes: false,
  };
  expect(await readState(spark(), directories[0]!, options)).toEqual(await readState(spark(), directories[0]!));
});

test.each(["statestore", "state-metadata"])("%s: no other schema, one checkpoint, no stream, no writing", async (format) => {
  const path = directories[0]!;
  const reader = () => spark().read.format(format);
  const unsupported = { condition: "USER_SPECIFIED_SCHEMA_UNSUPPORTED" };
  await expect(reader().schema("key STRING").load(path).count()).rejects.toMatchObject(unsupported);
  const several = { condition: "STDS_INVALID_OPTION_VALUE.WITH_MESSAGE", messageParameters: { optionName: "path" } };
  await expect(reader().load(path, path).count()).rejects.toMatchObject(several);
  const stream = spark().readStream.format(format).load(path).writeStream.format("noop").option("checkpointLocation", checkpoint());
  await expect(stream.start()).rejects.toMatchObject({ condition: "DATA_SOURCE_UNSUPPORTED" });
  await expect(spark().range(1).write.format(format).save(path)).rejects.toMatchObject({ condition: "DATA_SOURCE_UNSUPPORTED" });
});

test("state-metadata as of a batch", async () => {
  const read = (batchId: number) => spark().read.format("state-metadata").option("batchId", batchId).load(directories[1]!).collect();
  expect(await read(1)).toEqual(await spark().read.format("state-metadata").load(directories[1]!).collect());
  await expect(read(99)).rejects.toMatchObject({ condition: "STDS_COMMITTED_BATCH_UNAVAILABLE" });
});
