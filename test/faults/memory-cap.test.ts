/**
 * A query whose state outgrows the memory that a control group gives it: the kernel kills the process, or a worker gets no more memory, which is
 * a typed error; a start with enough memory goes on, exactly. Skipped, with the reason, where control groups cannot be made.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const program = fileURLToPath(new URL("growing-state.mjs", import.meta.url));
const FILES = 24;
const ROWS = 12_000;
const TEXT_BYTES = 400;
/** Enough for the program and some batches, and not for all of the 60 MB of texts. */
const CAP_BYTES = 190 << 20;

/** A control group below the test's own, with the cap on its memory; the file that takes its processes. */
function cappedGroup(): { readonly path: string; readonly tasks: string } {
  const groups = readFileSync("/proc/self/cgroup", "utf8").split("\n");
  const legacy = groups.find((line) => line.split(":")[1] === "memory")?.split(":")[2];
  const [parent, limit] =
    legacy !== undefined
      ? [join("/sys/fs/cgroup/memory", legacy), "memory.limit_in_bytes"]
      : [join("/sys/fs/cgroup", groups.find((line) => line.startsWith("0::"))?.slice(3) ?? ""), "memory.max"];
  const path = join(parent, `millrace-${process.pid}`);
  mkdirSync(path);
  try {
    writeFileSync(join(path, limit), String(CAP_BYTES));
    const swap = join(path, "memory.swap.max");
    if (existsSync(swap)) writeFileSync(swap, "0");
  } catch (error) {
    rmdirSync(path);
    throw error;
  }
  return { path, tasks: join(path, "cgroup.procs") };
}

let group: ReturnType<typeof cappedGroup> | null = null;
try {
  group = cappedGroup();
} catch (error) {
  console.log(`skipped: no control group with a limit on memory: ${(error as Error).message}`);
}

const textOf = (id: number): string => `${id} `.padEnd(TEXT_BYTES, "text ");

test.runIf(group !== null)("state outgrows the memory of a control group; with more memory the query goes on", { timeout: 240_000 }, () => {
  const directory = temporaryDirectory("memory-cap", true);
  mkdirSync(join(directory, "in"));
  // Half of the texts of each file were in the file before.
  const first = (file: number): number => (file * ROWS) / 2;
  for (let file = 0; file < FILES; file++) {
    const path = join(directory, "in", `${String(file).padStart(3, "0")}.json`);
    const lines = Array.from({ length: ROWS }, (_, row) => JSON.stringify({ text: textOf(first(file) + row) }));
    writeFileSync(path, `${lines.join("\n")}\n`);
    utimesSync(path, 1_700_000_000 + file, 1_700_000_000 + file);
  }
  const { path, tasks } = group!;
  const capped = spawnSync("/bin/sh", ["-c", 'echo $$ > "$0" && exec "$@"', tasks, process.execPath, program, directory], {
    encoding: "utf8",
  });
  rmdirSync(path);
  const before = readdirSync(join(directory, "out")).filter((name) => name.endsWith(".json")).length;
  console.log(`${capped.signal ?? (capped.stdout || "it ended")} after ${before} of ${FILES} batches`);
  expect(before).toBeGreaterThan(0);
  if (capped.signal !== "SIGKILL" && before < FILES)
    expect(capped.stdout).toMatch(/^(?:WORKER_OUT_OF_MEMORY|STATE_MEMORY_EXHAUSTED|WORKER_DIED)$/);

  expect(spawnSync(process.execPath, [program, directory], { encoding: "utf8" })).toMatchObject({ status: 0, stdout: "", stderr: "" });
  const batches = readdirSync(join(directory, "out")).filter((name) => name.endsWith(".json"));
  const found = batches.map((_, batch) => JSON.parse(readFileSync(join(directory, "out", `${batch}.json`), "utf8")) as [number, number]);
  // A process that dies behind the log of the source and before that of the offsets leaves a file to the next batch, which then has two.
  let files = 0;
  for (const [keys, counts] of found) {
    const more = (2 * keys) / ROWS - 1;
    // The texts of a file are there once before, but for those of the first.
    expect(counts).toBe(((2 * more + (files === 0 ? 0 : 1)) * ROWS) / 2);
    files += more;
  }
  expect(files).toBe(FILES);
});
