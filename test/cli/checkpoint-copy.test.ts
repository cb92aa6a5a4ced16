/**
 * `millrace checkpoint backup`, `restore` and `rollback` as a user works with them: a windowed count into JSON files, taken back, restored,
 * and in the end the same output as of a query that nobody disturbed.
 */
import { appendFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { copyCheckpoint } from "../../src/checkpoint/copy-checkpoint.ts";
import { verifyCheckpoint } from "../../src/checkpoint/verify-checkpoint.ts";
import { nodePorts } from "../../src/base/node-ports.ts";
import { millrace } from "../support/run-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

/** Ten seconds of events a batch, counted per second and channel. */
const QUERY = `
  import { Session, functions as F } from "millrace";
  const [directory, checkpoint, batches] = [process.argv[2], process.argv[3], Number(process.argv[4])];
  const spark = await Session.builder().master("local[2]").config("spark.sql.shuffle.partitions", 4).getOrCreate();
  const query = await spark.readStream.format("nexmark")
    .options({ table: "bid", rowsPerBatch: 1000, eventsPerSecond: 100, events: 1000 * batches })
    .load()
    .withWatermark("dateTime", "1 second")
    .groupBy(F.window(F.col("dateTime"), "1 second"), F.col("channel")).count()
    .select("window.start", "channel", "count")
    .writeStream.format("json").outputMode("append").option("checkpointLocation", checkpoint)
    .trigger({ availableNow: true }).start(directory + "/output");
  await query.awaitTermination();
  await spark.stop();`;

interface Place {
  readonly directory: string;
  readonly checkpoint: string;
}

let program: string;
/** Run over four batches, then two more. */
let whole: Place;
let wholeRows: readonly string[];

const inside = (directory: string): Place => ({ directory, checkpoint: join(directory, "checkpoint") });

async function run({ directory, checkpoint }: Place, batches: number): Promise<{ code: number | null; stderr: string }> {
  const { code, stderr } = await millrace(["run", program, "--", directory, checkpoint, String(batches)]);
  return { code, stderr };
}

function copyOf({ directory }: Place): Place {
  const copy = join(temporaryDirectory(), "copy");
  cpSync(directory, copy, { recursive: true });
  return inside(copy);
}

/** The rows that count, by the manifest. Paths in it name the first directory. */
function outputRows({ directory }: Place): readonly string[] {
  const manifest = join(directory, "output/_spark_metadata");
  const numbers = readdirSync(manifest).filter((name) => /^\d+$/.test(name));
  const entries = numbers.flatMap((name) => readFileSync(join(manifest, name), "utf8").split("\n").slice(1));
  return entries
    .map((line) => JSON.parse(line) as { path: string; isDir: boolean })
    .filter(({ isDir }) => !isDir)
    .flatMap(({ path }) =>
      readFileSync(join(directory, "output", path.slice(path.lastIndexOf("/") + 1)), "utf8")
        .trimEnd()
        .split("\n"),
    )
    .sort();
}

beforeAll(async () => {
  program = join(temporaryDirectory(), "query.mjs");
  writeFileSync(program, QUERY);
  whole = inside(temporaryDirectory());
  expect(await run(whole, 6)).toEqual({ code: 0, stderr: "" });
  wholeRows = outputRows(whole);
  expect(wholeRows.length).toBeGreaterThan(50);
});

test("rollback of checkpoint and output: the next start makes the same output again", async () => {
  const place = copyOf(whole);
  const args = ["checkpoint", "rollback", place.checkpoint, "--to", "2", "--output", join(place.directory, "output"), "--json"];
  const { code, stdout } = await millrace(args);
  const newest = Number(readdirSync(join(whole.checkpoint, "commits")).filter((name) => /^\d+$/.test(name)).length) - 1;
  expect(code).toBe(0);
  const forgotten = Array.from({ length: newest - 2 }, (_, i) => newest - i);
  expect(JSON.parse(stdout)).toEqual({ path: place.checkpoint, batchId: 2, forgotten, outputEntries: newest - 2 });
  expect(outputRows(place).length).toBeLessThan(wholeRows.length);
  expect((await verifyCheckpoint(nodePorts(), place.checkpoint)).problems).toEqual([]);
  expect(await run(place, 6)).toEqual({ code: 0, stderr: "" });
  expect(outputRows(place)).toEqual(wholeRows);
});

test("rollback without the output: the next start is refused and says what to do", async () => {
  const place = copyOf(whole);
  const { stdout } = await millrace(["checkpoint", "rollback", place.checkpoint, "--to", "2"]);
  expect(stdout).toContain("Batch 2 is the newest now.\n");
  expect(stdout).toContain("give its directory with --output");
  const { code, stderr } = await run(place, 6);
  expect(code).toBe(1);
  expect(stderr).toContain("[SINK_AHEAD_OF_CHECKPOINT]");
  expect(outputRows(place)).toEqual(wholeRows);
});

test("backup and restore: the restored checkpoint goes on from the batch of the backup", async () => {
  const place = inside(temporaryDirectory());
  expect(await run(place, 3)).toEqual({ code: 0, stderr: "" });
  const backup = join(temporaryDirectory(), "backup");
  const copied = await millrace(["checkpoint", "backup", place.checkpoint, backup, "--json"]);
  expect(copied.code).toBe(0);
  const { batchId, files, bytes } = JSON.parse(copied.stdout) as { batchId: number; files: number; bytes: number };
  const names = readdirSync(backup, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  expect(names).toHaveLength(files);
  expect(names.reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0)).toBe(bytes);

  expect(await run(place, 6)).toEqual({ code: 0, stderr: "" });
  expect(outputRows(place)).toEqual(wholeRows);
  const restored: Place = { directory: place.directory, checkpoint: join(place.directory, "restored") };
  const { code, stdout } = await millrace(["checkpoint", "restore", backup, restored.checkpoint]);
  expect(code).toBe(0);
  expect(stdout).toContain(`The next start goes on with batch ${batchId + 1}.`);
  expect((await run(restored, 6)).stderr).toContain("[SINK_AHEAD_OF_CHECKPOINT]");
  const output = join(place.directory, "output");
  const rollback = await millrace(["checkpoint", "rollback", restored.checkpoint, "--to", String(batchId), "--output", output]);
  expect(rollback).toMatchObject({ code: 0, stderr: "" });
  expect(await run(restored, 6)).toEqual({ code: 0, stderr: "" });
  expect(outputRows(place)).toEqual(wholeRows);
});

test("a backup is whole while the query runs and purges", async () => {
  const place = inside(temporaryDirectory());
  let copies: Promise<number> | undefined;
  const copyAgainAndAgain = async (child: { kill(signal: "SIGTERM"): boolean }): Promise<number> => {
    let count = 0;
    try {
      for (; count < 8; count++) {
        const to = join(place.directory, `backup-${count}`);
        await copyCheckpoint(nodePorts(), place.checkpoint, to);
        expect((await verifyCheckpoint(nodePorts(), to)).problems).toEqual([]);
      }
    } finally {
      child.kill("SIGTERM");
    }
    return count;
  };
  const endless = QUERY.replace("{ availableNow: true }", '{ processingTime: "20 milliseconds" }').replace(
    "await query.awaitTermination",
    'console.log("started"); await query.awaitTermination',
  );
  const running = join(temporaryDirectory(), "query.mjs");
  writeFileSync(running, endless);
  const conf = ["--conf", "spark.sql.streaming.minBatchesToRetain=30"];
  mkdirSync(place.directory, { recursive: true });
  const { code } = await millrace(["run", running, ...conf, "--", place.directory, place.checkpoint, "1000000"], {
    onOutput: (_, child) => {
      copies ??= untilPurged(place).then(() => copyAgainAndAgain(child));
    },
  });
  expect(await copies).toBe(8);
  expect(code).toBe(0);
});

/** Until batches have been committed, and the first is gone. */
async function untilPurged({ checkpoint }: Place): Promise<void> {
  const hasCommits = () =>
    existsSync(join(checkpoint, "commits")) && readdirSync(join(checkpoint, "commits")).some((name) => Number(name) > 3);
  while (!hasCommits() || existsSync(join(checkpoint, "offsets/0"))) await new Promise((resolve) => setImmediate(resolve));
}

test("what cannot be copied or taken back is refused by name, and nothing is left behind", async () => {
  const place = copyOf(whole);
  const directory = temporaryDirectory();
  const expectRefused = async (args: readonly string[], condition: string): Promise<void> => {
    const { code, stderr } = await millrace(["checkpoint", ...args]);
    expect({ code, condition: /^\[([A-Z_.]+)\]/.exec(stderr)?.[1] }, args.join(" ")).toEqual({ code: 1, condition });
  };
  await expectRefused(["backup", directory, join(directory, "x")], "NO_CHECKPOINT");
  await expectRefused(["backup", place.checkpoint, place.directory], "CHECKPOINT_TARGET_NOT_EMPTY");
  await expectRefused(["rollback", place.checkpoint, "--to", "99"], "CHECKPOINT_BATCH_NOT_RETAINED");
  await expectRefused(["rollback", directory, "--to", "1"], "NO_CHECKPOINT");
  expect((await millrace(["checkpoint", "rollback", place.checkpoint, "--to", "x"])).code).toBe(64);
  expect((await millrace(["checkpoint", "rollback", place.checkpoint])).code).toBe(64);

  const change = readdirSync(join(place.checkpoint, "state/changes")).sort()[0]!;
  truncateSync(join(place.checkpoint, "state/changes", change), 100);
  await expectRefused(["backup", place.checkpoint, join(directory, "x")], "CHECKPOINT_FILE_CHECKSUM_VERIFICATION_FAILED");
  appendFileSync(join(place.checkpoint, "commits/1"), "x");
  await expectRefused(["restore", place.checkpoint, join(directory, "x")], "CHECKPOINT_FILE_CHECKSUM_VERIFICATION_FAILED");
  expect(readdirSync(directory)).toEqual([]);
});

test("the output of another query is not touched", async () => {
  const [one, other] = [copyOf(whole), inside(temporaryDirectory())];
  expect(await run(other, 2)).toEqual({ code: 0, stderr: "" });
  const args = ["checkpoint", "rollback", other.checkpoint, "--to", "0", "--output", join(one.directory, "output")];
  const { code, stderr } = await millrace(args);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^\[FILE_SINK_FOREIGN_MANIFEST\]/);
  expect(outputRows(one)).toEqual(wholeRows);
  expect(readdirSync(join(other.checkpoint, "commits")).filter((name) => /^\d+$/.test(name)).length).toBeGreaterThan(1);
});
