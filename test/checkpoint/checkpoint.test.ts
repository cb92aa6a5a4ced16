import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { nodePorts } from "../../src/base/node-ports.ts";
import { Checkpoint } from "../../src/checkpoint/checkpoint.ts";
import { batchIdsAmong } from "../../src/checkpoint/metadata-log.ts";
import { encodeLogFile } from "../../src/checkpoint/log-file.ts";
import { effectiveConf, type OffsetRecord } from "../../src/checkpoint/offset-log.ts";
import { MemoryFileSystem } from "../support/memory-file-system.ts";
import { testPorts } from "../support/test-ports.ts";

let directory: string;
beforeEach(() => void (directory = mkdtempSync(join(tmpdir(), "millrace-checkpoint-"))));
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const offsetsOf = (batchId: number, epoch = 0): OffsetRecord => ({
  batchId,
  epoch,
  batchWatermarkMs: batchId * 1000,
  batchTimestampMs: 1_700_000_000_000 + batchId,
  conf: { "spark.sql.shuffle.partitions": "16" },
  offsets: [{ logOffset: batchId }, null],
  splits: [[{ reader: "file", path: "ä.json", end: 10 }], []],
});

async function runBatch(
  checkpoint: Checkpoint,
  batchId: number,
  files: readonly { path: string; lengthBytes: number; crc32c: number }[] = [],
) {
  await checkpoint.addOffsets(offsetsOf(batchId, checkpoint.epoch));
  const record = await checkpoint.commitRecord(
    { batchId, attempt: `a${batchId}`, nextBatchWatermarkMs: 5000, receipt: { rows: 3 } },
    files,
  );
  await checkpoint.prepareCommit(record, true);
  await checkpoint.commit(record);
}

test("a batch leaves Spark's files, which read back", async () => {
  const checkpoint = await Checkpoint.open(nodePorts(), directory);
  await runBatch(checkpoint, 0);
  expect(await checkpoint.offsets.get(0)).toEqual(offsetsOf(0));
  expect((await checkpoint.commits.latest())?.nextBatchWatermarkMs).toBe(5000);
  await checkpoint.close();

  expect(JSON.parse(readFileSync(join(directory, "metadata"), "utf8"))).toEqual({ id: checkpoint.queryId });
  const [version, metadata, ...offsets] = readFileSync(join(directory, "offsets/0"), "utf8").split("\n");
  expect(version).toBe("v1");
  expect(JSON.parse(metadata!)).toMatchObject({ batchWatermarkMs: 0, batchTimestampMs: 1_700_000_000_000, millrace: { batchId: 0 } });
  expect(offsets).toEqual(['{"logOffset":0}', "-"]);
  expect(readdirSync(join(directory, "commits"))).toEqual(["0"]);
  expect(readdirSync(join(directory, "offsets"))).toEqual(["0"]);
});

test("the id stays and the epoch rises with every start", async () => {
  const first = await Checkpoint.open(nodePorts(), directory);
  await first.close();
  const second = await Checkpoint.open(nodePorts(), directory);
  expect(second.queryId).toBe(first.queryId);
  expect([first.epoch, second.epoch]).toEqual([0, 1]);
  await second.close();
});

test("of twenty concurrent starts exactly one wins, the others fail at once", async () => {
  const sleep = (): Promise<void> => expect.fail("a start waits for the lock");
  const impatient = { ...nodePorts(), scheduler: { ...nodePorts().scheduler, sleep } };
  const starts = await Promise.allSettled(Array.from({ length: 20 }, () => Checkpoint.open(impatient, directory)));
  const winners = starts.filter((start) => start.status === "fulfilled");
  expect(winners).toHaveLength(1);
  for (const start of starts)
    if (start.status === "rejected") expect(start.reason).toMatchObject({ condition: "CONCURRENT_CHECKPOINT_USE" });
  await winners[0]!.value.close();
});

test("files made ready for a batch become its records, or go with the end of the run; those of a dead run are swept", async () => {
  const files = new MemoryFileSystem();
  const hidden = () => files.paths().filter((path) => /\/(offsets|commits)\/\./.test(path));
  const first = await Checkpoint.open(testPorts(files), "/checkpoint");
  await runBatch(first, 0);
  first.makeReady({ batchId: 1, attempt: "a1" });
  expect(hidden()).toHaveLength(2);
  await runBatch(first, 1);
  expect(hidden()).toEqual([]);
  first.makeReady({ batchId: 2, attempt: "a2" });
  await first.close();
  expect(hidden()).toEqual([]);

  const second = await Checkpoint.open(testPorts(files), "/checkpoint");
  await runBatch(second, 2);
  second.makeReady({ batchId: 3, attempt: "dead" });
  expect(hidden()).toHaveLength(2);
  files.restart();
  const third = await Checkpoint.open(testPorts(files), "/checkpoint");
  expect(await third.adoptable(3, "dead")).toBeNull();
  await runBatch(third, 3);
  await third.close();
  expect(hidden()).toEqual([]);
  expect(await third.offsets.list()).toEqual([0, 1, 2, 3]);
});

test("an owner that was overtaken publishes nothing", async () => {
  const files = new MemoryFileSystem();
  const zombie = await Checkpoint.open(testPorts(files), "/checkpoint");
  await zombie.addOffsets(offsetsOf(0));
  const record = await zombie.commitRecord({ batchId: 0, attempt: "z", nextBatchWatermarkMs: 0, receipt: { rows: 0 } }, []);
  await zombie.prepareCommit(record, true);
  files.restart();
  await Checkpoint.open(testPorts(files), "/checkpoint");
  await expect(zombie.commit(record)).rejects.toMatchObject({ condition: "CONCURRENT_CHECKPOINT_USE" });
  await expect(zombie.addOffsets(offsetsOf(1))).rejects.toMatchObject({ condition: "CONCURRENT_CHECKPOINT_USE" });
  await expect(zombie.offsets.add(offsetsOf(0))).rejects.toMatchObject({ condition: "CONCURRENT_STREAM_LOG_UPDATE" });
});

test("an owner that was away for several starts knows it", async () => {
  const away = await Checkpoint.open(nodePorts(), directory);
  await away.close();
  for (let start = 0; start < 4; start++) await (await Checkpoint.open(nodePorts(), directory)).close();
  await expect(away.checkOwner()).rejects.toMatchObject({ condition: "CONCURRENT_CHECKPOINT_USE" });
  await expect(away.addOffsets(offsetsOf(0))).rejects.toMatchObject({ condition: "CONCURRENT_CHECKPOINT_USE" });
});

test("every truncation and every flipped bit of a log file is found", async () => {
  const checkpoint = await Checkpoint.open(nodePorts(), directory);
  await runBatch(checkpoint, 0);
  const path = join(directory, "offsets/0");
  const whole = readFileSync(path);
  for (let length = 0; length < whole.length; length++) {
    expect(() => checkpoint.offsets.decode(path, whole.subarray(0, length), 0), `cut at ${length}`).toThrow(/offsets\/0/);
  }
  for (let bit = 0; bit < whole.length * 8; bit++) {
    const flipped = Buffer.from(whole);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    expect(() => checkpoint.offsets.decode(path, flipped, 0), `bit ${bit}`).toThrow(/offsets\/0/);
  }
  await checkpoint.close();
});

test("damage names the file, the offset and the reason", async () => {
  const checkpoint = await Checkpoint.open(nodePorts(), directory);
  await runBatch(checkpoint, 0);
  const path = join(directory, "commits/0");
  writeFileSync(path, readFileSync(path, "utf8").replace("5000", "6000"));
  await expect(checkpoint.commits.get(0)).rejects.toMatchObject({
    condition: "CHECKPOINT_FILE_CHECKSUM_VERIFICATION_FAILED",
    messageParameters: { fileName: path },
  });
  await checkpoint.close();
});

test("files of another query or batch, Spark's files and newer files are refused by name", async () => {
  const checkpoint = await Checkpoint.open(nodePorts(), directory);
  const decode = (bytes: Uint8Array) => () => checkpoint.commits.decode("commits/1", bytes, 1);
  const identity = { queryId: checkpoint.queryId, batchId: 1 };
  expect(decode(encodeLogFile({}, { ...identity, queryId: "other" }, {}, []))).toThrow(/belongs to query other/);
  expect(decode(encodeLogFile({}, { ...identity, batchId: 2 }, {}, []))).toThrow(/record of batch 2/);
  expect(decode(Buffer.from('v1\n{"nextBatchWatermarkMs":5000}'))).toThrow(/CHECKPOINT_FOREIGN/);
  expect(decode(Buffer.from('v2\n{"nextBatchWatermarkMs":5000}'))).toThrow(/UNSUPPORTED_LOG_VERSION/);
  await checkpoint.close();
});

test("logs without metadata are refused", async () => {
  const checkpoint = await Checkpoint.open(nodePorts(), directory);
  await runBatch(checkpoint, 0);
  await checkpoint.close();
  rmSync(join(directory, "metadata"));
  await expect(Checkpoint.open(nodePorts(), directory)).rejects.toMatchObject({ condition: "STREAMING_CHECKPOINT_MISSING_METADATA_FILE" });
});

test.each(["fdatasync", "fsync"])("a failed %s poisons the checkpoint: nothing is written any more", async (operation) => {
  const files = new MemoryFileSystem();
  const checkpoint = await Checkpoint.open(testPorts(files), "/checkpoint");
  files.calls = [];
  await checkpoint.addOffsets(offsetsOf(0));
  const at = files.calls.findIndex((call) => call.startsWith(`${operation} `));
  files.calls = [];
  files.fault = { at, kind: "EIO" };
  await expect(checkpoint.addOffsets(offsetsOf(1))).rejects.toMatchObject({ condition: "CHECKPOINT_POISONED" });
  const callsBefore = files.calls.length;
  await expect(checkpoint.addOffsets(offsetsOf(2))).rejects.toMatchObject({ condition: "CHECKPOINT_POISONED" });
  expect(files.calls.slice(callsBefore).filter((call) => !call.startsWith("stat "))).toEqual([]);
});

test("the settings that state depends on come from the checkpoint", async () => {
  const session = new Map([
    ["spark.sql.shuffle.partitions", "200"],
    ["spark.sql.session.timeZone", "UTC"],
  ]);
  const conf = effectiveConf(session, offsetsOf(0).conf);
  expect([...conf]).toEqual([
    ["spark.sql.shuffle.partitions", "16"],
    ["spark.sql.session.timeZone", "UTC"],
  ]);
});

test("purging keeps what the retained commits need, and the newest record alone tells the whole state", async () => {
  const files = new MemoryFileSystem();
  const checkpoint = await Checkpoint.open(testPorts(files), "/c");
  await files.makeDirectory("/c/state/changes");
  await files.makeDirectory("/c/state/snapshots");
  const stateFile = async (path: string) => {
    await files.writeNew(`/c/${path}`, Buffer.from("x"));
    return { path, lengthBytes: 1, crc32c: 0 };
  };
  for (let batchId = 0; batchId < 12; batchId++) {
    await runBatch(checkpoint, batchId, [await stateFile(`state/changes/${batchId}`)]);
    if (batchId % 4 === 3) checkpoint.addSnapshot({ batchId, files: [await stateFile(`state/snapshots/${batchId}`)] });
    checkpoint.retain(1, batchId);
  }
  await runBatch(checkpoint, 12, [await stateFile("state/changes/12")]);
  await files.writeNew("/c/state/changes/3-0-unlisted", Buffer.from("x"));
  await checkpoint.close();
  // Record 10 is the oldest kept: snapshots after 3 and 7, changes 4 to 10.
  const stateFiles = files.paths().filter((path) => path.startsWith("/c/state/"));
  expect(stateFiles.filter((path) => path.includes("snapshots"))).toEqual([
    "/c/state/snapshots/3",
    "/c/state/snapshots/7",
    "/c/state/snapshots/11",
  ]);
  expect(stateFiles.filter((path) => path.includes("changes")).map((path) => path.slice(17))).toEqual([
    ..."456789",
    "10",
    "11",
    "12",
    "3-0-unlisted",
  ]);

  const reopened = await Checkpoint.open(testPorts(files), "/c");
  expect(reopened.inventory.commitBatches).toEqual([10, 11, 12]);
  reopened.resumeFrom((await reopened.commits.get(12))!);
  const start = await reopened.stateStart(12);
  expect(start.snapshot?.batchId).toBe(11);
  expect(start.changes.map(({ batchId }) => batchId)).toEqual([12]);
  files.removeSync("/c/state/snapshots/11");
  const older = await reopened.stateStart(12);
  expect(older.snapshot?.batchId).toBe(7);
  expect(older.changes.map(({ batchId }) => batchId)).toEqual([8, 9, 10, 11, 12]);

  await runBatch(reopened, 13);
  await reopened.close();
  expect(files.paths()).not.toContain("/c/state/changes/3-0-unlisted");
});

test("where many batches stay, some are purged at a time, and never one too many", async () => {
  const files = new MemoryFileSystem();
  const checkpoint = await Checkpoint.open(testPorts(files), "/c");
  const counts = new Set<number>();
  for (let batchId = 0; batchId < 150; batchId++) {
    await runBatch(checkpoint, batchId);
    checkpoint.retain(40, batchId);
    await new Promise((resolve) => setImmediate(resolve));
    counts.add(batchIdsAmong(await files.list("/c/commits")).length);
  }
  await checkpoint.close();
  expect(Math.max(...counts)).toBeLessThan(40 + 8);
  expect(batchIdsAmong(await files.list("/c/offsets"))).toEqual(Array.from({ length: 45 }, (_, i) => 105 + i));
});

test("the record of a batch that runs again after it wrote an index lists that index", async () => {
  const files = new MemoryFileSystem();
  const checkpoint = await Checkpoint.open(testPorts(files), "/c");
  const change = (batchId: number) => ({ path: `state/changes/${batchId}`, lengthBytes: 1, crc32c: 0 });
  for (let batchId = 0; batchId < 128; batchId++) await runBatch(checkpoint, batchId, [change(batchId)]);
  const attempts = ["a", "b"].map((attempt) => ({ batchId: 128, attempt, nextBatchWatermarkMs: 0, receipt: { rows: 0 } }));
  for (const fields of attempts) {
    const { indexes, changes } = await checkpoint.commitRecord(fields, [change(128)]);
    expect({ indexes, changes }).toEqual({
      indexes: [{ lastBatch: 127, path: "state/index/127-0" }],
      changes: [{ batchId: 128, files: [change(128)] }],
    });
  }
  await checkpoint.close();
});

test("a commit record stays short however many batches follow a snapshot, and still tells the whole state", async () => {
  const files = new MemoryFileSystem();
  const checkpoint = await Checkpoint.open(testPorts(files), "/c");
  await files.makeDirectory("/c/state/changes");
  await files.makeDirectory("/c/state/snapshots");
  const stateFile = async (path: string) => {
    await files.writeNew(`/c/${path}`, Buffer.from("x"));
    return { path, lengthBytes: 1, crc32c: 0 };
  };
  const runTo = async (from: number, to: number) => {
    for (let batchId = from; batchId < to; batchId++) {
      await runBatch(checkpoint, batchId, [await stateFile(`state/changes/${batchId}`)]);
      checkpoint.retain(5, batchId);
    }
  };
  await runTo(0, 300);
  const newest = (await checkpoint.commits.get(299))!;
  expect(newest.changes.length).toBeLessThanOrEqual(129);
  expect(newest.indexes.map(({ lastBatch }) => lastBatch)).toEqual([127, 255]);
  const start = await checkpoint.stateStart(299);
  expect(start.changes.map(({ batchId }) => batchId)).toEqual(Array.from({ length: 300 }, (_, i) => i));
  for (const path of ["state/index/127-0", "state/changes/5", "state/changes/299"]) {
    const bytes = await files.readFile(`/c/${path}`);
    files.removeSync(`/c/${path}`);
    await expect(checkpoint.stateStart(299)).rejects.toMatchObject({
      condition: "CHECKPOINT_FILE_CHECKSUM_VERIFICATION_FAILED",
      messageParameters: { fileName: `/c/${path}`, reason: "the file is missing" },
    });
    await files.writeNew(`/c/${path}`, bytes);
  }

  for (const batchId of [299, 319]) {
    await runTo(batchId === 299 ? 300 : 310, batchId === 299 ? 310 : 320);
    checkpoint.addSnapshot({ batchId, files: [await stateFile(`state/snapshots/${batchId}`)] });
  }
  // A purge that was cut off after it had removed an index is taken up again.
  for (let batchId = 0; batchId < 128; batchId++) files.removeSync(`/c/state/changes/${batchId}`);
  files.removeSync("/c/state/index/127-0");
  await runTo(320, 330);
  await checkpoint.close();
  expect(files.paths().filter((path) => path.includes("/state/index/"))).toEqual([]);
  expect(files.paths().filter((path) => path.includes("/state/changes/"))).toHaveLength(30);
  const reopened = await Checkpoint.open(testPorts(files), "/c");
  reopened.resumeFrom((await reopened.commits.latest())!);
  expect((await reopened.stateStart(329)).changes.map(({ batchId }) => batchId)).toEqual(Array.from({ length: 10 }, (_, i) => 320 + i));
  await reopened.close();
});

test.each(["", "{", "null", "[]", "{}", '{"id":7}', '{"id":"seven"}'])("metadata that is %j is damage, named", async (text) => {
  const files = new MemoryFileSystem();
  await files.makeDirectory("/c");
  files.overwrite("/c/metadata", Buffer.from(text));
  await expect(Checkpoint.open(testPorts(files), "/c")).rejects.toMatchObject({
    condition: "CHECKPOINT_FILE_CHECKSUM_VERIFICATION_FAILED",
    messageParameters: { fileName: "/c/metadata" },
  });
});

test("who is overtaken while a record gets its name is told so, and not what became of the file", async () => {
  const files = new MemoryFileSystem();
  const checkpoint = await Checkpoint.open(testPorts(files), "/c");
  files.link = async (from, to) => {
    await files.remove("/c/epoch/0");
    throw Object.assign(new Error(`ENOENT: ${from}, ${to}`), { code: "ENOENT", syscall: "link" });
  };
  const record = { batchId: 0, epoch: 0, batchWatermarkMs: 0, batchTimestampMs: 0, conf: {}, offsets: [1], splits: [[]] };
  await expect(checkpoint.addOffsets(record)).rejects.toMatchObject({ condition: "CONCURRENT_CHECKPOINT_USE" });
});
