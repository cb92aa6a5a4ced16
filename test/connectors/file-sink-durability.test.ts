/** What a file sink says is there is there after a power loss, also when its own calls failed half-way. On the simulator's disk. */
import { expect, test } from "vitest";
import type { Ports } from "../../src/base/ports.ts";
import { AtomicFiles } from "../../src/checkpoint/atomic-file.ts";
import { DirectoryLogStore } from "../../src/checkpoint/log-store.ts";
import { LongType, structField, structType } from "../../src/columnar/types.ts";
import { fileSink } from "../../src/connectors/file/file-sink.ts";
import { ConnectorOptions } from "../../src/connectors/options.ts";
import type { SinkContext } from "../../src/connectors/sink.ts";
import { Dice } from "../sim/dice.ts";
import { Disk } from "../sim/disk.ts";
import { EventLoop } from "../sim/event-loop.ts";
import { Machine } from "../sim/machine.ts";
import { lineFormat } from "./line-format.ts";

const provider = fileSink(lineFormat);
const OUTPUT = "/data/out";
const attempt = { batchId: 0, attempt: "a0", epoch: 1 };
const nothing = { messages: [], batches: [], rows: 0 };

function world() {
  const dice = new Dice(1);
  const disk = new Disk();
  const loop = new EventLoop(dice);
  const machine = new Machine(disk, loop, dice);
  const context = (ports: Ports): SinkContext => ({
    ports,
    options: new ConnectorOptions("lines", {}, provider.options),
    path: OUTPUT,
    schema: structType([structField("n", LongType)]),
    partitionBy: [],
    outputMode: "append",
    queryName: null,
    queryId: "query-1",
    attachments: {},
    timeZone: "UTC",
    openLog: (path) => new DirectoryLogStore(ports.files, new AtomicFiles(ports, path), path),
  });
  return {
    disk,
    finish: <T>(promise: Promise<T>) => loop.finish(promise),
    start: () => machine.start("host").ports,
    context,
    losePower: () => disk.losePower(dice, { blockBytes: 512, blocks: 0, names: 0 }),
  };
}

test("a batch that lookup finds after its commit failed is durable", async () => {
  const { finish, start, context, losePower } = world();
  const ports = start();
  let isBroken = false;
  // Behind the entry's link one call fails before the sync has been made.
  const files = Object.assign(Object.create(ports.files) as Ports["files"], {
    remove: (path: string) => (isBroken ? Promise.reject(new Error("EIO")) : ports.files.remove(path)),
    syncDirectory: (path: string) => (isBroken ? Promise.reject(new Error("EIO")) : ports.files.syncDirectory(path)),
  });
  const sink = await finish(provider.create!(context({ ...ports, files })));
  await finish(sink.commit(attempt, nothing));
  expect(await finish(sink.lookup(0))).toBe("a0");
  isBroken = true;
  await expect(finish(sink.commit({ ...attempt, batchId: 1, attempt: "a1" }, nothing))).rejects.toMatchObject({
    condition: "CHECKPOINT_WRITE_FAILED",
  });
  isBroken = false;
  expect(await finish(sink.lookup(1))).toBe("a1");
  losePower();
  const next = await finish(provider.create!(context(start())));
  expect(await finish(next.lookup(1))).toBe("a1");
});

test("a batch write is durable when it is over", async () => {
  const { disk, finish, start, context, losePower } = world();
  const sink = await finish(provider.createBatch!(context(start()), "errorifexists"));
  await finish(sink!.commit(attempt, nothing));
  losePower();
  expect(disk.stat(`${OUTPUT}/_SUCCESS`)).toBeDefined();
});

test("a part file that is not as long as its writer said is not published", async () => {
  const { disk, finish, start, context } = world();
  const sink = await finish(provider.create!(context(start())));
  disk.put(`${OUTPUT}/part`, Buffer.from("12345"), 0);
  for (const sizeBytes of [4, 6]) {
    const output = { ...nothing, messages: [{ files: [{ path: `${OUTPUT}/part`, sizeBytes }] }] };
    await expect(finish(sink.commit(attempt, output))).rejects.toMatchObject({ condition: "TASK_WRITE_FAILED" });
  }
  await expect(
    finish(sink.commit(attempt, { ...nothing, messages: [{ files: [{ path: `${OUTPUT}/gone`, sizeBytes: 1 }] }] })),
  ).rejects.toMatchObject({
    condition: "TASK_WRITE_FAILED",
  });
  expect(await finish(sink.lookup(0))).toBe(null);
});
