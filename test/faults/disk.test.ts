/**
 * The disk fails under a real query: every call that changes it once, a file system that is full, one that is read-only; and memory that the
 * system does not give. A typed error within seconds, and the same checkpoint goes on exactly. MILLRACE_LONG=1: every call, not every seventh.
 */
import { spawnSync } from "node:child_process";
import { closeSync, ftruncateSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Session } from "../../src/index.ts";
import { EventStream, seededNumbers } from "./event-stream.ts";
import { jsonRows } from "./sink-directory.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { startWindows } from "./windows.mjs";

const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const step = process.env["MILLRACE_LONG"] === undefined ? 7 : 1;

let directory: string;
beforeEach(() => {
  directory = temporaryDirectory("disk");
});
afterEach(() => void spawnSync("umount", [directory]));

interface SweepRun {
  readonly call: number;
  readonly directory: string;
  readonly wasHit: boolean;
  readonly wasOpen: boolean;
  readonly failedMs: number;
  readonly error: { readonly condition: string | null; readonly cause: string | null; readonly message: string } | null;
  readonly restart: string | null;
}

const WRITE_FAILURES = ["CHECKPOINT_WRITE_FAILED", "CHECKPOINT_POISONED", "TASK_WRITE_FAILED"];

test("whichever call that changes the disk fails, the error is typed and a restart is exact", { timeout: 120_000 }, () => {
  const stream = new EventStream(directory, seededNumbers(3));
  stream.add(4, 20);
  stream.finish();
  // As in Spark, only a batch with new data follows a restart: the last file comes then.
  renameSync(join(directory, "in/00004.json"), join(directory, "last.json"));
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [
      "--unhandled-rejections=strict",
      "--import",
      new URL("disk-faults.mjs", import.meta.url).href,
      file("disk-sweep.mjs"),
      join(directory, "in"),
      join(directory, "last.json"),
      join(directory, "runs"),
      String(step),
    ],
    { encoding: "utf8" },
  );
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  const runs = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as SweepRun);
  console.log(`${runs.length} runs, up to call ${runs.at(-1)!.call}; ${runs.filter(({ error }) => error).length} ended with an error`);
  expect(runs.length).toBeGreaterThan(100 / step);
  for (const run of runs) {
    if (run.error) expect(WRITE_FAILURES, `call ${run.call}: ${run.error.message}`).toContain(run.error.cause ?? run.error.condition);
    // Files are made ready for a batch that may come; whoever needs one tries again.
    else expect(run.wasHit && !run.wasOpen, `call ${run.call} failed unnoticed`).toBe(false);
    expect(run.failedMs).toBeLessThan(5000);
    expect(run.restart, `restart after call ${run.call}`).toBeNull();
    expect(jsonRows(join(run.directory, "out")), `call ${run.call}`).toEqual(stream.expected());
  }
});

/** Mounts a small file system of its own over the directory; says why not where that is not allowed. */
function mountSmallDisk(skip: (reason: string) => void): void {
  const { status, stderr } = spawnSync("mount", ["-t", "tmpfs", "-o", "size=512k", "tmpfs", directory], { encoding: "utf8" });
  if (status !== 0) skip(`a file system cannot be mounted here: ${stderr}`);
}

function fillDisk(leftKiB: number): void {
  const filling = openSync(join(directory, "filling"), "w");
  let bytes = 0;
  try {
    for (;;) bytes += writeSync(filling, Buffer.alloc(4096));
  } catch {
    ftruncateSync(filling, bytes - leftKiB * 1024);
  } finally {
    closeSync(filling);
  }
}

async function withSession(use: (run: () => Promise<void>) => Promise<void>): Promise<void> {
  await using spark = await Session.builder().master("local[1]").create();
  await use(async () => {
    const query = await startWindows(spark, directory);
    await query.awaitTermination();
  });
}

test("a full disk ends the query; when there is room again it goes on exactly", async ({ skip }) => {
  mountSmallDisk(skip);
  const stream = new EventStream(directory, seededNumbers(4));
  stream.add(4, 20);
  let failures = 0;
  await withSession(async (run) => {
    for (const leftKiB of [8, 16, 40, 60, 24, 40]) {
      fillDisk(leftKiB);
      const error: { condition?: string; cause?: { condition?: string } } = await run().then(
        () => ({}),
        (reason) => reason,
      );
      rmSync(join(directory, "filling"));
      if (error.condition === undefined) continue;
      failures++;
      expect(WRITE_FAILURES).toContain(error.cause?.condition ?? error.condition);
    }
    stream.finish();
    await run();
  });
  expect(failures).toBeGreaterThan(2);
  expect(jsonRows(join(directory, "out"))).toEqual(stream.expected());
});

test("a read-only disk is refused before anything is read", async ({ skip }) => {
  mountSmallDisk(skip);
  const stream = new EventStream(directory, seededNumbers(5));
  stream.add(2, 20);
  const remount = (how: string) => expect(spawnSync("mount", ["-o", `remount,${how}`, directory]).status).toBe(0);
  await withSession(async (run) => {
    remount("ro");
    await expect(run()).rejects.toMatchObject({ condition: "CHECKPOINT_WRITE_FAILED", message: expect.stringContaining("EROFS") });
    remount("rw");
    await run();
    stream.add(1, 20);
    stream.finish();
    remount("ro");
    await expect(run()).rejects.toMatchObject({ condition: "CHECKPOINT_WRITE_FAILED" });
    remount("rw");
    await run();
  });
  expect(jsonRows(join(directory, "out"))).toEqual(stream.expected());
});

test("memory that the system does not give", () => {
  const stream = new EventStream(directory, seededNumbers(6));
  stream.add(1, 20);
  stream.finish();
  const limited = `ulimit -v 16000000; exec "${process.execPath}" --unhandled-rejections=strict "${file("window-query.mjs")}" "${directory}" json 4`;
  const { status, stdout, stderr } = spawnSync("sh", ["-c", limited], { encoding: "utf8" });
  expect({ status, stderr }).toEqual({ status: 3, stderr: "" });
  expect(JSON.parse(stdout.trimEnd().split("\n").at(-1)!)).toMatchObject({ cause: "WORKER_MEMORY_RESERVATION_FAILED" });
  expect(spawnSync(process.execPath, [file("window-query.mjs"), directory, "json", "4"]).status).toBe(0);
  expect(jsonRows(join(directory, "out"))).toEqual(stream.expected());
});
