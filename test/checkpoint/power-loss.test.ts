/** Names that must survive power loss, whoever made them and however it ended. On the simulator's disk. */
import { expect, test } from "vitest";
import { AtomicFiles } from "../../src/checkpoint/atomic-file.ts";
import { Checkpoint } from "../../src/checkpoint/checkpoint.ts";
import { DirectoryLogStore } from "../../src/checkpoint/log-store.ts";
import { Dice } from "../sim/dice.ts";
import { Disk, type LossModel } from "../sim/disk.ts";
import { EventLoop } from "../sim/event-loop.ts";
import { Machine, type Process } from "../sim/machine.ts";

/** Only what was made durable is there afterwards. */
const ALL_LOST: LossModel = { blockBytes: 512, blocks: 0, names: 0 };
const LOG = "/data/checkpoint/sources/0";

function world() {
  const dice = new Dice(1);
  const disk = new Disk();
  const loop = new EventLoop(dice);
  const machine = new Machine(disk, loop, dice);
  return {
    disk,
    start: () => machine.start("host"),
    losePower: () => disk.losePower(dice, ALL_LOST),
    finish: <T>(promise: Promise<T>) => loop.finish(promise),
  };
}

const logOf = ({ ports }: Process) => new DirectoryLogStore(ports.files, new AtomicFiles(ports, "/data/checkpoint"), LOG);

test("an entry of a source's log survives together with the directories that it is in", async () => {
  const { start, losePower, finish } = world();
  expect(await finish(logOf(start()).putIfAbsent("0", "files"))).toBe(true);
  losePower();
  expect(await finish(logOf(start()).read("0"))).toBe("files");
});

test("an entry that a start has read survives, also when its writer died before it was durable", async () => {
  const { disk, start, losePower, finish } = world();
  const writer = start();
  disk.onOperation = ({ kind, path }) => {
    if (kind === "link" && path === `${LOG}/0`) writer.kill();
  };
  await expect(finish(logOf(writer).putIfAbsent("0", "files"))).rejects.toThrow("not going to happen");
  expect(await finish(logOf(start()).list())).toContain("0");
  losePower();
  expect(await finish(logOf(start()).read("0"))).toBe("files");
});

test("so do the offsets that a start has found", async () => {
  const { disk, start, losePower, finish } = world();
  const writer = start();
  const checkpoint = await finish(Checkpoint.open(writer.ports, "/data/checkpoint"));
  disk.onOperation = ({ kind, path }) => {
    if (kind === "link" && path.endsWith("offsets/0")) writer.kill();
  };
  const record = { batchId: 0, epoch: 0, batchWatermarkMs: 0, batchTimestampMs: 0, conf: {}, offsets: [1], splits: [[]] };
  await expect(finish(checkpoint.addOffsets(record))).rejects.toThrow("not going to happen");
  const finder = start();
  const found = await finish(Checkpoint.open(finder.ports, "/data/checkpoint"));
  expect(found.inventory.offsetBatches).toEqual([0]);
  finder.kill();
  losePower();
  const again = await finish(Checkpoint.open(start().ports, "/data/checkpoint"));
  expect(again.inventory.offsetBatches).toEqual([0]);
});

test("a power loss does not bring back the epoch of an earlier owner", async () => {
  const { disk, start, losePower, finish } = world();
  const earlier = start();
  await finish(Checkpoint.open(earlier.ports, "/data/checkpoint"));
  earlier.kill();
  await finish(Checkpoint.open(start().ports, "/data/checkpoint"));
  losePower();
  expect(disk.list("/data/checkpoint/epoch").map(({ path }) => path)).toEqual(["/data/checkpoint/epoch/1"]);
});

test("a removal that the disk refuses is a typed error", async () => {
  const { start, finish } = world();
  const process = start();
  await finish(logOf(process).putIfAbsent("state", "text"));
  process.diskFault = { kind: "ENOSPC", after: 0 };
  await expect(finish(logOf(process).remove("state"))).rejects.toMatchObject({ condition: "CHECKPOINT_WRITE_FAILED" });
});
