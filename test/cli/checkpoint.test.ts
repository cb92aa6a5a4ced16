/** `millrace checkpoint inspect` and `verify`: of a whole checkpoint, of damaged ones, and of one whose query runs. */
import { appendFileSync, cpSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { crc32c } from "../../src/base/crc32c.ts";
import { millrace } from "../support/run-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { stateCommand } from "../../src/cli/state.ts";
import { processTerminal } from "../../src/cli/terminal.ts";
import { type CheckpointDescription, describeCheckpoint } from "../../src/cli/checkpoint-inspect.ts";
import { type MillraceError, Session } from "../../src/index.ts";
import { nodePorts } from "../../src/base/node-ports.ts";
import { type CheckpointReport, verifyCheckpoint } from "../../src/checkpoint/verify-checkpoint.ts";

/** A windowed count over three batches: 50 windows of a second each, from 100 rows a batch. */
const QUERY = `
  import { Session, functions as F } from "millrace";
  const spark = await Session.builder().master("local[2]").config("spark.sql.shuffle.partitions", 4).getOrCreate();
  const [checkpoint, batches, trigger] = [process.argv[2], Number(process.argv[3]), JSON.parse(process.argv[4])];
  const query = await spark.readStream.format("nexmark")
    .options({ table: "bid", rowsPerBatch: 1000, eventsPerSecond: 100, events: 1000 * batches })
    .load()
    .withWatermark("dateTime", "1 second")
    .groupBy(F.window(F.col("dateTime"), "1 second"), F.col("channel")).count()
    .writeStream.format("noop").outputMode("append").option("checkpointLocation", checkpoint).trigger(trigger).start();
  query.lastProgress().then(() => console.log("started"));
  await query.awaitTermination();
  await spark.stop();`;

let whole: string;

async function runQuery(checkpoint: string, batches: number): Promise<void> {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, "query.mjs"), QUERY);
  const { code, stderr } = await millrace([
    "run",
    join(directory, "query.mjs"),
    "--",
    checkpoint,
    String(batches),
    '{"availableNow":true}',
  ]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
}

beforeAll(async () => {
  whole = join(temporaryDirectory(), "checkpoint");
  await runQuery(whole, 3);
  await runQuery(whole, 4);
});

function copy(): string {
  const path = join(temporaryDirectory(), "checkpoint");
  cpSync(whole, path, { recursive: true });
  return path;
}

async function verify(path: string): Promise<{ code: number | null; report: CheckpointReport }> {
  const { code, stdout } = await millrace(["checkpoint", "verify", path, "--json"]);
  return { code, report: JSON.parse(stdout) as CheckpointReport };
}

test("inspect tells what a restart would find", async () => {
  const { code, stdout } = await millrace(["checkpoint", "inspect", whole, "--json"]);
  expect(code).toBe(0);
  const found = JSON.parse(stdout) as CheckpointDescription;
  expect(found.queryId).toBe((JSON.parse(readFileSync(join(whole, "metadata"), "utf8")) as { id: string }).id);
  expect(found).toMatchObject({ epoch: 1, unfinishedBatch: null, offsets: [4000] });
  expect(found.owner?.isAlive).toBe(false);
  // 1000 events are 10 seconds: the newest event of all is at 39.99 seconds, a second before it lies the watermark.
  expect(found.watermark).toBe("2015-07-15T00:00:38.990Z");
  expect(found.conf["spark.sql.shuffle.partitions"]).toBe("4");
  expect(found.operators).toMatchObject([{ operatorId: 0, operatorName: "stateStoreSave", partitions: 4 }]);
  expect(found.operators[0]!.keys).toEqual(["window.start", "window.end", "channel"]);
  const names = readdirSync(join(whole, "commits")).filter((name) => /^\d+$/.test(name));
  expect(found.committed).toMatchObject({ count: names.length, last: Math.max(...names.map(Number)) });
  for (const { files } of [...found.snapshots, ...found.changes])
    for (const { path, sizeBytes } of files) expect(statSync(join(whole, path)).size).toBe(sizeBytes);

  const text = (await millrace(["checkpoint", "inspect", whole])).stdout;
  expect(text).toContain(`query       ${found.queryId}\n`);
  expect(text).toContain("started     2 times, last by process");
  expect(text).toContain("offsets     source 0: 4000\n");
});

test("verify finds nothing in a whole checkpoint, and changes nothing", async () => {
  const before = readdirSync(whole, { recursive: true }).sort();
  const { code, stdout } = await millrace(["checkpoint", "verify", whole]);
  expect({ code, verdict: stdout.trimEnd().split("\n").at(-1) }).toEqual({ code: 0, verdict: "The checkpoint is whole." });
  expect(readdirSync(whole, { recursive: true }).sort()).toEqual(before);
  const { report } = await verify(whole);
  expect(report.stateFiles).toBeGreaterThan(0);
  expect(report.stateFrames).toBeGreaterThan(0);
});

/** Flips one bit, in the middle of the file if not told where. */
function damage(path: string, at?: number): void {
  const bytes = readFileSync(path);
  const position = at ?? bytes.length >> 1;
  bytes[position]! ^= 4;
  rmSync(path);
  writeFileSync(path, bytes);
}

test("verify calls a file of a newer version so, and not damaged", async () => {
  const path = copy();
  const file = join(path, "state/changes", readdirSync(join(path, "state/changes")).sort()[0]!);
  const bytes = readFileSync(file);
  const crcAt = 16 + bytes.readUInt32LE(12);
  bytes.writeUInt32LE(2, 8);
  bytes.writeUInt32LE(crc32c(bytes.subarray(0, crcAt)), crcAt);
  rmSync(file);
  writeFileSync(file, bytes);
  const { code, stdout } = await millrace(["checkpoint", "verify", path]);
  expect(code).toBe(2);
  expect(stdout).toMatch(/newer version and cannot be read by this one. Use that version, or restore a backup/);
  expect(stdout).toContain("1 problem found: the checkpoint is of a newer version of Millrace.");
});

test("verify finds a flipped bit anywhere in a state file, and says where", async () => {
  const path = copy();
  const file = readdirSync(join(path, "state/changes")).sort()[0]!;
  const name = `state/changes/${file}`;
  const size = statSync(join(path, name)).size;
  // Header, its checksum, first frame, its payload, the footer.
  for (const at of [3, 20, 200, size >> 1, size - 20, size - 5]) {
    damage(join(path, name), at);
    const report = await verifyCheckpoint(nodePorts(), path);
    expect(report.problems, `bit at ${at} of ${size}`).toHaveLength(1);
    expect(report.problems[0]!.file).toBe(name);
    expect(report.problems[0]!.offset).toBeLessThanOrEqual(at);
    damage(join(path, name), at);
  }
  expect((await verifyCheckpoint(nodePorts(), path)).problems).toEqual([]);
});

test("verify finds damaged logs, missing, cut and foreign files", async () => {
  const cases: readonly (readonly [string, (path: string) => string])[] = [
    ["a damaged offset record", (path) => (damage(join(path, "offsets/1")), "offsets/1")],
    ["a damaged commit record", (path) => (damage(join(path, "commits/1")), "commits/1")],
    ["an empty commit record", (path) => (writeFileSync(join(path, "commits/2"), ""), "commits/2")],
    ["a record under another number", (path) => (cpSync(join(path, "offsets/1"), join(path, "offsets/9")), "offsets/9")],
    [
      "a missing state file",
      (path) => {
        const name = `state/changes/${readdirSync(join(path, "state/changes")).sort()[0]!}`;
        rmSync(join(path, name));
        return name;
      },
    ],
    [
      "a state file that is cut off",
      (path) => {
        const name = `state/changes/${readdirSync(join(path, "state/changes")).sort()[0]!}`;
        const bytes = readFileSync(join(path, name));
        writeFileSync(join(path, name), bytes.subarray(0, bytes.length - 100));
        return name;
      },
    ],
    [
      "a state file of another batch",
      (path) => {
        const [first, second] = readdirSync(join(path, "state/changes")).sort();
        renameSync(join(path, "state/changes", second!), join(path, "state/changes", first!));
        return `state/changes/${first!}`;
      },
    ],
    ["a damaged description of the state", (path) => (appendFileSync(join(path, "operators/state"), "}"), "operators/state")],
  ];
  for (const [what, prepare] of cases) {
    const path = copy();
    const file = prepare(path);
    const { problems } = await verifyCheckpoint(nodePorts(), path);
    expect(
      problems.map((problem) => problem.file),
      what,
    ).toContain(file);
  }
  const path = copy();
  damage(join(path, "offsets/0"));
  const { code, stdout } = await millrace(["checkpoint", "verify", path]);
  expect(code).toBe(2);
  expect(stdout).toMatch(/^offsets\/0 at byte \d+: .*\[CHECKPOINT_FILE_CHECKSUM_VERIFICATION_FAILED\]\n/);
  expect(stdout).toContain("1 problem found.\n");
});

test("verify misses records, indexes and entries of source logs that are gone, and finds every kind of file that has changed", async () => {
  const problemsOf = async (path: string): Promise<readonly string[]> => {
    const { problems } = await verifyCheckpoint(nodePorts(), path);
    return problems.map(({ file, reason }) => `${file}: ${reason}`);
  };
  const path = copy();
  rmSync(join(path, "offsets/2"));
  expect(await problemsOf(path)).toEqual(["offsets/2: the file is missing"]);

  const long = join(temporaryDirectory(), "checkpoint");
  await runLongQuery(long);
  expect(await problemsOf(long)).toEqual([]);
  const index = `state/index/${readdirSync(join(long, "state/index"))[0]!}`;
  const entry = `sources/0/${readdirSync(join(long, "sources/0")).find((name) => /^\d+$/.test(name))!}`;
  for (const name of ["metadata", `epoch/${readdirSync(join(long, "epoch"))[0]!}`, index, entry, "operators/state"]) {
    const bytes = readFileSync(join(long, name));
    // In the middle of a value, where the text stays well-formed.
    const at = name === "metadata" ? bytes.indexOf('"') : undefined;
    damage(join(long, name), at);
    expect((await problemsOf(long)).filter((problem) => problem.startsWith(`${name}: `)).length, name).toBeGreaterThan(0);
    writeFileSync(join(long, name), bytes);
  }
  expect((await millrace(["checkpoint", "verify", long])).code).toBe(0);
  rmSync(join(long, index));
  expect(await problemsOf(long)).toContain(`${index}: the file is missing`);
});

/** Files one at a time, counted: so many batches that change files are listed by an index. */
async function runLongQuery(checkpoint: string): Promise<void> {
  const input = temporaryDirectory();
  const files = 140;
  for (let file = 0; file < files; file++) writeFileSync(join(input, `${file}.json`), `{"n":${file % 7}}\n`);
  await using session = await Session.builder().master("local[1]").config("spark.sql.shuffle.partitions", "1").create();
  const counts = session.readStream.format("json").schema("n INT").option("maxFilesPerTrigger", 1).load(input).groupBy("n").count();
  session.conf.set("spark.sql.streaming.stateStore.minDeltasForSnapshot", "100000");
  const query = await counts.writeStream
    .format("noop")
    .outputMode("update")
    .option("checkpointLocation", checkpoint)
    .trigger({ availableNow: true })
    .start();
  await query.awaitTermination();
}

test("a checkpoint without its metadata is not taken for none, and damaged metadata is damage", async () => {
  const path = copy();
  rmSync(join(path, "metadata"));
  for (const command of ["inspect", "verify"]) {
    const { code, stderr } = await millrace(["checkpoint", command, path]);
    expect({ code, condition: /^\[([A-Z_.]+)\]/.exec(stderr)?.[1] }).toEqual({
      code: 1,
      condition: "STREAMING_CHECKPOINT_MISSING_METADATA_FILE",
    });
  }
  writeFileSync(join(path, "metadata"), '{"id":"');
  const { code, stdout } = await millrace(["checkpoint", "verify", path]);
  expect({ code, first: stdout.split(" ")[0] }).toEqual({ code: 2, first: "metadata" });
});

test("without a checkpoint there is nothing to inspect or verify", async () => {
  for (const command of ["inspect", "verify"]) {
    const file = join(whole, "metadata");
    for (const path of [temporaryDirectory(), "/nowhere", file, join(file, "below")]) {
      const { code, stderr } = await millrace(["checkpoint", command, path]);
      expect(code).toBe(1);
      expect(stderr).toMatch(/^\[NO_CHECKPOINT\]/);
    }
  }
});

test("state prints the groups that are kept, their changes, and the operators; it writes them to Parquet", async () => {
  const all = await millrace(["state", whole, "--json", "--limit", "1000"]);
  expect(all).toMatchObject({ code: 0, stderr: "" });
  const rows = all.stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as StateRow);
  // Windows of the last second: the watermark has passed the others.
  expect(new Set(rows.map(({ key }) => key.window.start))).toEqual(new Set(["2015-07-15T00:00:38.000Z", "2015-07-15T00:00:39.000Z"]));
  const apple = await millrace(["state", whole, "--key", "key.channel = 'Apple'"]);
  expect(apple.stdout).toMatch(/^\+-+\+-+\+-+\+-+\+-+\+\n\| +window\.start\| +window\.end\|channel\|count\|partition_id\|\n/);
  expect(apple.stdout.match(/\| {2}Apple\|/g)).toHaveLength(rows.filter(({ key }) => key.channel === "Apple").length);

  const directory = join(temporaryDirectory(), "parquet");
  const printed: string[] = [];
  const terminal = { ...processTerminal(), write: (line: string) => void printed.push(line) };
  const given = { operator: 0, store: "default", limit: 100_000, operators: false, json: true };
  await stateCommand(whole, { ...given, changesFrom: 1, changesTo: 1 }, terminal);
  const kinds = new Set(printed.map((line) => (JSON.parse(line) as { change_type: string }).change_type));
  expect(kinds).toEqual(new Set(["delete", "update"]));
  printed.length = 0;
  await stateCommand(whole, { ...given, operators: true }, terminal);
  expect(printed.map((line) => JSON.parse(line) as object)).toMatchObject([{ operatorName: "stateStoreSave", numPartitions: 4 }]);
  await stateCommand(whole, { ...given, parquet: directory }, terminal);
  expect(readdirSync(directory)).toContain("_SUCCESS");
  for (const [options, condition] of [
    [{ operator: 7 }, "STDS_INVALID_OPTION_VALUE.WITH_MESSAGE"],
    [{ store: "x" }, "STDS_INVALID_OPTION_VALUE.WITH_MESSAGE"],
    [{ batch: 99 }, "STDS_COMMITTED_BATCH_UNAVAILABLE"],
    [{ key: "nothing = 1" }, "UNRESOLVED_COLUMN.WITH_SUGGESTION"],
  ] as const)
    await expect(stateCommand(whole, { ...given, ...options }, terminal)).rejects.toMatchObject({ condition });
  expect((await millrace(["state", whole, "--limit", "none"])).code).toBe(64);
});

interface StateRow {
  readonly key: { readonly window: { readonly start: string }; readonly channel: string };
}

/** The state as another session reads it; null if the query was faster, or has committed nothing yet. */
async function stateRows(path: string): Promise<bigint | null> {
  await using session = await Session.builder().master("local[1]").create();
  return await session.read
    .format("statestore")
    .load(path)
    .count()
    .catch((error: MillraceError) => {
      if (!["STATE_FILE_PURGED", "STDS_COMMITTED_BATCH_UNAVAILABLE"].includes(error.condition)) throw error;
      return null;
    });
}

test("all work while the query runs, and find it whole each time", async () => {
  const directory = temporaryDirectory();
  const checkpoint = join(directory, "checkpoint");
  writeFileSync(join(directory, "query.mjs"), QUERY);
  let looked: Promise<void> | undefined;
  const look = async (child: { kill(signal: "SIGTERM"): boolean }): Promise<void> => {
    try {
      for (let round = 0; round < 10; round++) {
        expect((await verifyCheckpoint(nodePorts(), checkpoint)).problems).toEqual([]);
        expect((await describeCheckpoint(checkpoint)).owner?.isAlive).toBe(true);
        await stateRows(checkpoint);
      }
    } finally {
      child.kill("SIGTERM");
    }
  };
  const conf = ["--conf", "spark.sql.streaming.minBatchesToRetain=3"];
  const args = ["run", join(directory, "query.mjs"), ...conf, "--", checkpoint, "100000", '{"processingTime":0}'];
  const { code } = await millrace(args, {
    onOutput: (_, child) => {
      looked ??= look(child);
    },
  });
  await looked;
  expect(looked).toBeDefined();
  expect(code).toBe(0);
});
