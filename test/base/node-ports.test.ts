import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { manualClock } from "../../src/base/manual-clock.ts";
import { nodePorts } from "../../src/base/node-ports.ts";

const { files, scheduler, clock, random } = nodePorts();
let directory: string;
beforeEach(() => void (directory = mkdtempSync(join(tmpdir(), "millrace-ports-"))));
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test("a new file is written once; what exists is not overwritten, neither by writing nor by linking", async () => {
  const path = join(directory, "a");
  await files.writeNew(path, Buffer.from("one"));
  await expect(files.writeNew(path, Buffer.from("two"))).rejects.toMatchObject({ code: "EEXIST" });
  await files.link(path, join(directory, "b"));
  await expect(files.link(path, join(directory, "b"))).rejects.toMatchObject({ code: "EEXIST" });
  await files.syncDirectory(directory);
  expect(readFileSync(join(directory, "b"), "utf8")).toBe("one");
  expect(() => files.createSync(path)).toThrow(/EEXIST/);
});

test("missing files: stat is undefined, list is empty, remove is fine, read fails", async () => {
  const missing = join(directory, "missing");
  expect(await files.stat(missing)).toBeUndefined();
  expect(await files.list(missing)).toEqual([]);
  await files.remove(missing);
  await expect(files.readFile(missing)).rejects.toMatchObject({ code: "ENOENT" });
});

test("trees are made, listed and removed", async () => {
  await files.makeDirectory(join(directory, "x/y"));
  writeFileSync(join(directory, "x/file"), "12345");
  const listed = [...(await files.list(join(directory, "x")))].sort((a, b) => (a.path < b.path ? -1 : 1));
  expect(listed.map(({ path, isDirectory }) => [path.slice(directory.length), isDirectory])).toEqual([
    ["/x/file", false],
    ["/x/y", true],
  ]);
  expect(listed[0]!.sizeBytes).toBe(5);
  await files.remove(join(directory, "x"));
  expect(await files.list(directory)).toEqual([]);
});

test("synchronous files append, sync and read at positions", () => {
  const path = join(directory, "s");
  const file = files.createSync(path);
  file.append(Buffer.from("hello "));
  file.append(Buffer.from("world"));
  file.sync();
  expect(file.sizeBytes()).toBe(11);
  file.close();
  const reader = files.openReadSync(path);
  const into = new Uint8Array(new SharedArrayBuffer(16), 4, 8);
  expect(reader.read(into, 6)).toBe(5);
  expect(Buffer.from(into.subarray(0, 5)).toString()).toBe("world");
  expect(reader.read(into, 11)).toBe(0);
  reader.close();
});

test("a directory has one lock at a time, whatever path leads to it", async () => {
  const first = await files.lockDirectory(directory);
  expect(first?.owner.pid).toBe(process.pid);
  expect(await files.lockDirectory(`${directory}/.`)).toBeNull();
  await first!.release();
  const second = await files.lockDirectory(directory);
  expect(second).not.toBeNull();
  await second!.release();
});

test("the lock of a directory that was removed is not in the way of another directory", async () => {
  const first = await files.lockDirectory(directory);
  rmSync(directory, { recursive: true });
  // A file system is free to give it the same inode.
  mkdirSync(directory);
  const second = await files.lockDirectory(directory);
  expect(second).not.toBeNull();
  await Promise.all([first!.release(), second!.release()]);
});

test("where there are no abstract sockets a file is the lock, until its owner is gone", async () => {
  const { platform } = process;
  Object.defineProperty(process, "platform", { value: "darwin" });
  try {
    const first = await files.lockDirectory(directory);
    expect(await files.lockDirectory(directory)).toBeNull();
    await first!.release();
    const { pid } = spawnSync(process.execPath, ["--version"]);
    for (const gone of [{ pid }, { bootId: "of another boot" }]) {
      writeFileSync(join(directory, ".lock"), JSON.stringify({ ...first!.owner, ...gone }));
      const taken = await files.lockDirectory(directory);
      expect(taken?.owner.pid).toBe(process.pid);
      await taken!.release();
    }
  } finally {
    Object.defineProperty(process, "platform", { value: platform });
  }
});

test("a sleep ends when its signal aborts", async () => {
  const abort = new AbortController();
  const start = clock.monotonicMs();
  const slept = scheduler.sleep(60_000, abort.signal);
  abort.abort();
  await slept;
  await scheduler.sleep(60_000, abort.signal);
  expect(clock.monotonicMs() - start).toBeLessThan(5000);
});

test("uuids are version 4 and differ", () => {
  const uuids = Array.from({ length: 100 }, () => random.uuid());
  expect(new Set(uuids).size).toBe(100);
  for (const uuid of uuids) expect(uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test("on a manual clock sleeps end in the order of their times, and only by moving it", async () => {
  const time = manualClock(1000);
  const woken: string[] = [];
  const sleeps = [
    ["late", 20],
    ["early", 10],
    ["later", 30],
  ] as const;
  for (const [name, ms] of sleeps) void time.scheduler.sleep(ms).then(() => woken.push(name));
  await time.scheduler.yield();
  expect(woken).toEqual([]);
  expect(time.earliestWakeMs()).toBe(1010);
  await time.advance(20);
  expect(woken).toEqual(["early", "late"]);
  expect(time.clock.nowMs()).toBe(1020);
  expect(time.earliestWakeMs()).toBe(1030);
});
