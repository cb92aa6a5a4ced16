/** The prepared record of a commit, and taking commits back, on the simulator's disk: what a power loss or damage in between makes of them. */
import { expect, test } from "vitest";
import { crc32c } from "../../src/base/crc32c.ts";
import { Checkpoint } from "../../src/checkpoint/checkpoint.ts";
import { rollbackCheckpoint } from "../../src/checkpoint/rollback-checkpoint.ts";
import { Dice } from "../sim/dice.ts";
import { Disk } from "../sim/disk.ts";
import { EventLoop } from "../sim/event-loop.ts";
import { Machine, type Process } from "../sim/machine.ts";

const PATH = "/data/checkpoint";
const CHANGE_FILE = "state/changes/0-0-attempt-0";

function world(seed: number) {
  const dice = new Dice(seed);
  const disk = new Disk();
  const loop = new EventLoop(dice);
  const machine = new Machine(disk, loop, dice);
  return { disk, dice, start: () => machine.start("host"), finish: <T>(promise: Promise<T>) => loop.finish(promise) };
}

/** One batch with a change file, up to its prepared record. */
async function prepare({ ports }: Process, batchId = 0) {
  const checkpoint = await Checkpoint.open(ports, PATH);
  const bytes = Buffer.from("what the batch changed");
  await ports.files.makeDirectory(`${PATH}/state/changes`);
  for (const directory of [PATH, `${PATH}/state`]) await ports.files.syncDirectory(directory);
  await ports.files.writeNew(`${PATH}/${CHANGE_FILE}`, bytes);
  await ports.files.syncDirectory(`${PATH}/state/changes`);
  const fields = { batchId, attempt: "attempt-0", nextBatchWatermarkMs: 5, receipt: { rows: 1 } };
  const record = await checkpoint.commitRecord(fields, [{ path: CHANGE_FILE, lengthBytes: bytes.length, crc32c: crc32c(bytes) }]);
  await checkpoint.prepareCommit(record, true);
  return record;
}

test("a prepared record survives the power loss after it, and is adopted", async () => {
  const { disk, dice, start, finish } = world(1);
  const process = start();
  const record = await finish(prepare(process));
  process.kill();
  disk.losePower(dice, { blockBytes: 512, blocks: 0, names: 0 });
  const checkpoint = await finish(Checkpoint.open(start().ports, PATH));
  expect(await finish(checkpoint.adoptable(0, "attempt-0"))).toEqual(record);
  expect(await finish(checkpoint.adoptable(0, "attempt-1"))).toBe(null);
});

test.each<[string, (disk: Disk, path: string) => void]>([
  ["has other bytes", (disk, path) => disk.damage(path, Buffer.from("what the batch charged"))],
  ["is shorter", (disk, path) => disk.damage(path, disk.read(path).subarray(1))],
  ["is gone", (disk, path) => disk.remove(path)],
])("a prepared record is not adopted when a change file %s", async (_name, damage) => {
  const { disk, start, finish } = world(1);
  const process = start();
  await finish(prepare(process));
  process.kill();
  damage(disk, `${PATH}/${CHANGE_FILE}`);
  const checkpoint = await finish(Checkpoint.open(start().ports, PATH));
  expect(await finish(checkpoint.adoptable(0, "attempt-0"))).toBe(null);
});

async function commitBatches({ ports }: Process, count: number): Promise<void> {
  const checkpoint = await Checkpoint.open(ports, PATH);
  for (let batchId = 0; batchId < count; batchId++) {
    const { epoch } = checkpoint;
    await checkpoint.addOffsets({ batchId, epoch, batchWatermarkMs: 0, batchTimestampMs: 0, conf: {}, offsets: [batchId], splits: [[]] });
    const record = await checkpoint.commitRecord({ batchId, attempt: "a", nextBatchWatermarkMs: 0, receipt: { rows: 0 } }, []);
    await checkpoint.prepareCommit(record, false);
    await checkpoint.commit(record);
  }
  await checkpoint.close();
}

test("a rollback that loses power has forgotten the newest batches, commit before offsets, and none in between", async () => {
  const batches = 6;
  let completed = 0;
  for (let seed = 0; seed < 120; seed++) {
    const { disk, dice, start, finish } = world(seed);
    await finish(commitBatches(start(), batches));
    const process = start();
    process.diskFault = { kind: "kill", after: 6 + (seed % 24) };
    const isDone = await finish(rollbackCheckpoint(process.ports, PATH, 2)).then(
      () => true,
      () => false,
    );
    if (isDone) completed++;
    process.kill();
    disk.losePower(dice, { blockBytes: 512, blocks: 0, names: isDone ? 0 : 0.5 });
    const { inventory } = await finish(Checkpoint.open(start().ports, PATH));
    const upTo = (last: number): number[] => Array.from({ length: last + 1 }, (_, id) => id);
    const newest = inventory.offsetBatches.at(-1)!;
    expect(inventory.offsetBatches, `seed ${seed}`).toEqual(upTo(newest));
    expect([upTo(newest), upTo(newest - 1)], `seed ${seed}`).toContainEqual(inventory.commitBatches);
    if (isDone) expect([newest, inventory.commitBatches.at(-1)], `seed ${seed}`).toEqual([2, 2]);
    else expect(newest, `seed ${seed}`).toBeGreaterThanOrEqual(2);
  }
  expect(completed).toBeGreaterThan(0);
  expect(completed).toBeLessThan(120);
});
