/**
 * What goes wrong outside of the engine ends in a typed error that says what and where, and leaves a checkpoint that goes on exactly when the
 * cause is gone: input that is missing, changed or malformed, names that do not exist, foreign and damaged checkpoints, user code that throws.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeEach, describe, expect, test, vi } from "vitest";
import { nodePorts } from "../../src/base/node-ports.ts";
import { copyCheckpoint } from "../../src/checkpoint/copy-checkpoint.ts";
import { verifyCheckpoint } from "../../src/checkpoint/verify-checkpoint.ts";
import { type Session as SessionType, functions as F, Session } from "../../src/index.ts";
import { EventStream, seededNumbers } from "./event-stream.ts";
import { jsonRows } from "./sink-directory.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { startWindows, type WindowsOptions } from "./windows.mjs";

const program = fileURLToPath(new URL("window-query.mjs", import.meta.url));
const schema = "ts TIMESTAMP, key STRING, value BIGINT";
// Background copies of the state as often as can be.
const settings = {
  "spark.sql.streaming.stateStore.maintenanceInterval": "0",
  "spark.sql.streaming.stateStore.minDeltasForSnapshot": "5",
};
const spark: SessionType = await Session.builder().master("local[1]").config(settings).create();
afterAll(() => spark.stop());

let directory: string;
let stream: EventStream;
beforeEach(() => {
  directory = temporaryDirectory("bad-input");
  stream = new EventStream(directory, seededNumbers(11));
  stream.add(3, 20);
});

async function run(options?: WindowsOptions): Promise<void> {
  const query = await startWindows(spark, directory, options);
  await query.awaitTermination();
}

/** The rest of the input, and the proof that everything that was committed before counts once. */
async function expectExactContinuation(options?: WindowsOptions): Promise<void> {
  stream.add(2, 20);
  stream.finish();
  await run(options);
  expect(jsonRows(join(directory, "out"))).toEqual(stream.expected());
}

/** Runs the query in a process that dies when the offsets of its second batch are durable. */
function dieWithBatchPlanned(): void {
  const env = { ...process.env, MILLRACE_FAILPOINT: "after-offsets-log:2" };
  expect(spawnSync(process.execPath, [program, directory, "json", "1"], { env }).signal).toBe("SIGKILL");
}

const streamFailed = (condition: string, text: string | RegExp = "") => ({
  condition: "STREAM_FAILED",
  cause: { condition, message: text instanceof RegExp ? expect.stringMatching(text) : expect.stringContaining(text) },
});
const inputFile = (index: number): string => join(directory, `in/0000${index}.json`);

describe("input files", () => {
  test("a path that does not exist", async () => {
    renameSync(join(directory, "in"), join(directory, "elsewhere"));
    await expect(run()).rejects.toMatchObject({ condition: "PATH_NOT_FOUND", message: expect.stringContaining(join(directory, "in")) });
    expect(existsSync(join(directory, "checkpoint"))).toBe(false);
    renameSync(join(directory, "elsewhere"), join(directory, "in"));
    await expectExactContinuation();
  });

  test("a file that the system will not open", async () => {
    symlinkSync(join(directory, "in/loop.json"), join(directory, "in/loop.json"));
    await expect(run()).rejects.toMatchObject({
      condition: "FAILED_READ_FILE.NO_HINT",
      message: expect.stringContaining("loop.json: ELOOP"),
    });
    rmSync(join(directory, "in/loop.json"));
    await expectExactContinuation();
  });

  test.each([
    ["truncated", () => truncateSync(inputFile(1), 100), "FAILED_READ_FILE.FILE_CHANGED"],
    ["longer", () => writeFileSync(inputFile(1), "\n", { flag: "a" }), "FAILED_READ_FILE.FILE_CHANGED"],
    ["gone", () => rmSync(inputFile(1)), "FAILED_READ_FILE.FILE_NOT_EXIST"],
    ["a directory now", () => (rmSync(inputFile(1)), mkdirSync(inputFile(1))), "FAILED_READ_FILE.FILE_CHANGED"],
  ])("a file that is %s between planning and reading", async (_what, change, condition) => {
    dieWithBatchPlanned();
    const content = readFileSync(inputFile(1));
    change();
    await expect(run()).rejects.toMatchObject(streamFailed(condition, "/in/00001.json"));
    rmSync(inputFile(1), { recursive: true, force: true });
    writeFileSync(inputFile(1), content);
    await expectExactContinuation();
  });

  test.each([
    ["is cut off", '{"ts":"2023-11-14T22:13:25Z","key":'],
    ["has a value of another type", '{"ts":"2023-11-14T22:13:25Z","key":"a","value":"many"}'],
  ])("FAILFAST and a line that %s: file, line and offset are named, another mode goes on", async (_what, line) => {
    const before = '{"ts":"2023-11-14T22:13:20Z","key":null}\n'.length;
    writeFileSync(join(directory, "in/x.json"), `{"ts":"2023-11-14T22:13:20Z","key":null}\n${line}\n`);
    // The oldest file: it is read before the watermark moves.
    utimesSync(join(directory, "in/x.json"), 1_600_000_000, 1_699_999_999);
    await expect(run({ read: { mode: "FAILFAST" } })).rejects.toMatchObject(
      streamFailed("MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION", `${line} (${directory}/in/x.json, line 2, byte ${before})`),
    );
    stream.count({ ts: "2023-11-14T22:13:20Z", key: null, value: null });
    await expectExactContinuation({ read: { mode: "DROPMALFORMED" } });
  });
});

test.each([
  ["format", () => spark.readStream.format("jsn").load("/tmp").schema(), "DATA_SOURCE_NOT_FOUND", "json"],
  ["option", () => run({ read: { maxFilePerTrigger: 1 } }), "DATA_SOURCE_OPTION_UNKNOWN", "maxFilesPerTrigger"],
  ["option value", () => run({ read: { maxFilesPerTrigger: "many" } }), "DATA_SOURCE_OPTION_INVALID", "many"],
  [
    "column",
    () =>
      spark
        .range(3)
        .select("idd" as "id")
        .collect(),
    "UNRESOLVED_COLUMN.WITH_SUGGESTION",
    "`id`",
  ],
  ["function", () => spark.range(3).select(F.expr("upperr(id)")).collect(), "UNRESOLVED_ROUTINE", "upper,"],
  ["key", () => spark.conf.set("spark.sql.shufle.partitions", 3), "SQL_CONF_NOT_FOUND", "spark.sql.shuffle.partitions"],
])("an unknown %s: the error suggests what was meant", async (_what, use, condition, suggestion) => {
  await expect(use()).rejects.toMatchObject({ condition, message: expect.stringContaining(suggestion) });
});

test("a wrong pattern of LIKE is named", async () => {
  for (const [pattern, condition] of [
    ["0\\\\", "ESC_AT_THE_END"],
    ["0\\\\a", "ESC_IN_THE_MIDDLE"],
  ])
    for (const operator of ["LIKE", "ILIKE"])
      await expect(
        spark
          .range(3)
          .select(F.expr(`string(id) ${operator} '${pattern}'`))
          .collect(),
      ).rejects.toMatchObject({
        condition: `INVALID_FORMAT.${condition}`,
        message: expect.stringContaining("'0\\"),
      });
});

describe("a checkpoint of", () => {
  const start = async (build: (frame: ReturnType<typeof read>) => { readonly writeStream: any }) => {
    const query = await build(read("in"))
      .writeStream.format("json")
      .option("checkpointLocation", join(directory, "checkpoint"))
      .option("path", join(directory, "out"))
      .trigger({ availableNow: true })
      .start();
    await query.awaitTermination();
  };
  const read = (name: string) => spark.readStream.schema(schema).json(join(directory, name));
  const windows = (frame: ReturnType<typeof read>, ...keys: "key"[]) =>
    frame
      .withWatermark("ts", "5 seconds")
      .groupBy(F.window("ts", "10 seconds"), ...keys)
      .agg(F.count("*").as("n"), F.sum("value").as("total"))
      .select("window.start", "n", "total");

  test.each([
    ["other keys", () => start((frame) => windows(frame)), { condition: "STATE_STORE_KEY_SCHEMA_NOT_COMPATIBLE" }],
    [
      "other operators",
      () => start((frame) => frame.select("key")),
      { condition: "STREAMING_STATEFUL_OPERATOR_NOT_MATCH_IN_STATE_METADATA" },
    ],
    [
      "other sources",
      () => start((frame) => windows(frame.union(read("second")), "key")),
      streamFailed("STREAMING_SOURCE_COUNT_CHANGED", "1 streaming sources"),
    ],
  ])("a query with %s is refused", async (_what, other, error) => {
    await run();
    mkdirSync(join(directory, "second"));
    await expect(other()).rejects.toMatchObject(error);
    await expectExactContinuation();
  });

  test("a query that runs in another process is refused", async () => {
    const waiting = spawn(process.execPath, ["--unhandled-rejections=strict", program, directory, "json", "1", "stay"]);
    await once(waiting.stdout, "data");
    await expect(run()).rejects.toMatchObject({ condition: "CONCURRENT_CHECKPOINT_USE" });
    waiting.kill("SIGKILL");
    await once(waiting, "close");
    await expectExactContinuation();
  });

  test("somebody who keeps files of their own in it: they stay, and are no damage", async () => {
    await run();
    const checkpoint = join(directory, "checkpoint");
    const folders = ["", "offsets", "commits", "epoch", "operators", "sources", "sources/0", "state", "state/changes", "state/snapshots"];
    mkdirSync(join(checkpoint, "sources/elsewhere"));
    mkdirSync(join(checkpoint, "state/snapshots"), { recursive: true });
    const foreign = folders.flatMap((folder) => [".DS_Store", "notes.txt"].map((name) => join(checkpoint, folder, name)));
    for (const path of foreign) writeFileSync(path, "not of Millrace");
    expect((await verifyCheckpoint(nodePorts(), checkpoint)).problems).toEqual([]);
    await copyCheckpoint(nodePorts(), checkpoint, join(directory, "backup"));
    await expectExactContinuation();
    for (const path of foreign) expect(existsSync(path), path).toBe(true);
  });

  test("two queries that start at once: one runs", async () => {
    const results = await Promise.allSettled([run(), run(), run()]);
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    for (const result of results)
      if (result.status === "rejected") expect(result.reason).toMatchObject({ condition: "CONCURRENT_CHECKPOINT_USE" });
    await expectExactContinuation();
  });
});

describe("a damaged checkpoint", () => {
  const newest = (folder: string): string => {
    const names = readdirSync(join(directory, "checkpoint", folder)).filter((name) => !name.startsWith("."));
    return join(directory, "checkpoint", folder, names.sort((a, b) => Number.parseInt(a) - Number.parseInt(b)).at(-1)!);
  };
  const damages: readonly (readonly [string, (bytes: Buffer) => Buffer])[] = [
    ["a flipped bit", (bytes) => Buffer.concat([bytes.subarray(0, -9), Buffer.from([bytes.at(-9)! ^ 4]), bytes.subarray(-8)])],
    ["half of it lost", (bytes) => bytes.subarray(0, bytes.length >> 1)],
    ["nothing in it", () => Buffer.alloc(0)],
  ];
  const files: readonly (readonly [string, RegExp])[] = [
    ["offsets", /CHECKPOINT/],
    ["commits", /CHECKPOINT/],
    ["state/changes", /CHECKPOINT_FILE_CHECKSUM_VERIFICATION_FAILED|STATE_CHANGE_FILE_CORRUPT/],
    ["operators", /CHECKPOINT|STATE_METADATA_CORRUPT/],
    ["sources/0", /DATA_SOURCE_LOG_MALFORMED/],
  ];
  test.each(files.flatMap(([folder, condition]) => damages.map(([what, damage]) => ({ folder, what, condition, damage }))))(
    "$folder: $what",
    async ({ folder, condition, damage }) => {
      await run();
      // What is in there needs no change file.
      rmSync(join(directory, "checkpoint/state/chunks"), { recursive: true });
      const path = newest(folder);
      const content = readFileSync(path);
      writeFileSync(path, damage(content));
      const error: { message?: string; condition?: string; cause?: { condition?: string } } | null = await run().then(
        () => null,
        (reason) => reason,
      );
      expect(error?.cause?.condition ?? error?.condition).toMatch(condition);
      expect(error?.message).toContain(path.slice(directory.length));
      expect(error?.message).toContain("millrace checkpoint restore");
      writeFileSync(path, content);
      await expectExactContinuation();
    },
  );

  test.each([
    ["sources/0/0", "FILE_LOG_ENTRY_MISSING"],
    ["sources/0/1", "FILE_LOG_ENTRY_MISSING"],
    ["sources/0/2", "FILE_LOG_ENTRY_MISSING"],
    ["operators/state", "STREAMING_STATEFUL_OPERATOR_MISSING_STATE_DIRECTORY"],
  ])("%s is gone: a start is refused, verify says so, and no file is read twice or left out", async (name, condition) => {
    await run();
    const path = join(directory, "checkpoint", name);
    const content = readFileSync(path);
    rmSync(path);
    stream.add(1, 20);
    const error = await run().then(
      () => null,
      (reason: { condition?: string; message: string; cause?: { condition?: string } }) => reason,
    );
    expect(error?.cause?.condition ?? error?.condition).toBe(condition);
    if (name !== "operators/state") expect(error?.message).toContain(path);
    const { problems } = await verifyCheckpoint(nodePorts(), join(directory, "checkpoint"));
    expect(problems.map(({ file, reason }) => `${file}: ${reason}`)).toEqual([`${name}: the file is missing`]);
    writeFileSync(path, content);
    await expectExactContinuation();
  });

  test("the newest snapshot is damaged: the one before and the changes after it take its place", async () => {
    stream.add(27, 20);
    await run();
    rmSync(join(directory, "checkpoint/state/chunks"), { recursive: true });
    const path = newest("state/snapshots");
    const content = readFileSync(path);
    content[content.length >> 1]! ^= 1;
    writeFileSync(path, content);
    await expectExactContinuation();
  });

  test.each([
    ["gone", (path: string) => rmSync(path)],
    ["cut", (path: string) => truncateSync(path, statSync(path).size >> 1)],
    ["empty", (path: string) => truncateSync(path, 0)],
    ["another file", (path: string) => writeFileSync(path, Buffer.alloc(100_000, "text "))],
  ])("the chunk store is %s: snapshots and changes take its place", async (_what, damage) => {
    stream.add(17, 20);
    await run();
    damage(join(directory, "checkpoint/state/chunks/data.mdb"));
    await expectExactContinuation();
  });

  test("a file of a later version is refused by name", async () => {
    await run();
    const path = newest("offsets");
    const content = readFileSync(path, "utf8");
    writeFileSync(path, content.replace(/^v1/, "v9"));
    await expect(run()).rejects.toMatchObject({
      condition: "CHECKPOINT_FILE_CHECKSUM_VERIFICATION_FAILED",
      message: expect.stringContaining(path),
    });
    writeFileSync(path, content);
    await expectExactContinuation();
  });

  test("a directory that cannot be made", async () => {
    writeFileSync(join(directory, "checkpoint"), "a file");
    await expect(run()).rejects.toMatchObject({ condition: "CHECKPOINT_WRITE_FAILED", message: expect.stringContaining("checkpoint") });
    expect(existsSync(join(directory, "out"))).toBe(false);
    rmSync(join(directory, "checkpoint"));
    await expectExactContinuation();
  });
});

test("a checkpoint where nothing can be made is refused, not waited for", async () => {
  const frame = spark.readStream.schema(schema).json(join(directory, "in"));
  const start = frame.writeStream.format("json").option("checkpointLocation", "/proc/none/checkpoint").start(join(directory, "out"));
  await expect(start).rejects.toMatchObject({ condition: "CHECKPOINT_WRITE_FAILED", message: expect.stringContaining("/proc/none") });
});

describe("user code that throws", () => {
  test("foreachBatch: the query ends, and the batch comes again with the same id and rows", async () => {
    const seen: { id: number; rows: number; isWhole: boolean }[] = [];
    const start = async (failsAt: number) => {
      const query = await spark.readStream
        .schema(schema)
        .option("maxFilesPerTrigger", 1)
        .json(join(directory, "in"))
        .writeStream.foreachBatch(async (frame: { count(): Promise<number | bigint> }, id: number | bigint) => {
          const rows = Number(await frame.count());
          seen.push({ id: Number(id), rows, isWhole: Number(id) !== failsAt });
          if (Number(id) === failsAt) throw new Error("the table is locked");
        })
        .option("checkpointLocation", join(directory, "checkpoint"))
        .trigger({ availableNow: true })
        .start();
      await query.awaitTermination();
    };
    await expect(start(1)).rejects.toMatchObject(streamFailed("FOREACH_BATCH_USER_FUNCTION_ERROR", "the table is locked"));
    await start(-1);
    expect(seen.map(({ id, rows }) => [id, rows])).toEqual([0, 1, 1, 2].map((id) => [id, 20]));
  });

  test("a listener: it is reported, and the query goes on", async () => {
    const reported = vi.spyOn(console, "error").mockImplementation(() => {});
    const fail = (): never => {
      throw new Error("the listener is broken");
    };
    const listener = { onQueryStarted: fail, onQueryProgress: async () => fail(), onQueryTerminated: fail };
    spark.streams.addListener(listener);
    await expectExactContinuation();
    spark.streams.removeListener(listener);
    expect(reported).toHaveBeenCalled();
  });
});
