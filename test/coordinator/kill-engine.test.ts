/**
 * Kills a process that runs a real query (JSON files → windowed counts with a watermark → JSON files) at the steps of the commit protocol, again
 * while it recovers, and compares what the sink's manifest lists with a plain recomputation. Every failpoint with MILLRACE_LONG=1.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { FAILPOINTS } from "../../src/base/failpoint.ts";

const child = fileURLToPath(new URL("../support/kill-engine-child.mjs", import.meta.url));
const START_SECOND = 1_700_000_000;
const WINDOW_S = 10;
const DELAY_S = 5;

/**
 * Six files; times overlap between neighbours. No row is ever late: after a crash the source may give two files in one batch, which moves the
 * watermark otherwise but must not change the output.
 */
const files = Array.from({ length: 6 }, (_, file) =>
  Array.from({ length: 20 }, (_unused, row) => ({ second: START_SECOND + file * 7 + ((row * 13) % 11), key: `k${(row * 7) % 3}` })),
);

/** Counts of the windows that the last watermark has passed. */
function recompute(): readonly string[] {
  const rows = files.flat();
  const watermark = Math.max(...rows.map(({ second }) => second)) - DELAY_S;
  const counts = new Map<string, number>();
  for (const { second, key } of rows) {
    const start = Math.floor(second / WINDOW_S) * WINDOW_S;
    if (start + WINDOW_S > watermark) continue;
    const id = `{"start":"${new Date(start * 1000).toISOString()}","key":"${key}","n":`;
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return [...counts].map(([id, n]) => `${id}${n}}`).sort();
}

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "millrace-kill-engine-"));
  mkdirSync(join(directory, "in"));
  for (const [i, rows] of files.entries()) {
    const path = join(directory, "in", `${i}.json`);
    writeFileSync(path, rows.map(({ second, key }) => `${JSON.stringify({ ts: new Date(second * 1000).toISOString(), key })}\n`).join(""));
    utimesSync(path, START_SECOND + i, START_SECOND + i);
  }
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function run(failpoint: string): { readonly status: number | null; readonly signal: string | null; readonly stderr: string } {
  const { status, signal, stderr } = spawnSync(process.execPath, [child, directory], {
    env: { ...process.env, MILLRACE_FAILPOINT: failpoint },
    encoding: "utf8",
  });
  return { status, signal, stderr };
}

/** Lines of the files that the manifest lists. */
function output(): readonly string[] {
  const manifest = join(directory, "out/_spark_metadata");
  const entries = readdirSync(manifest)
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readFileSync(join(manifest, name), "utf8").split("\n").slice(1))
    .map((line) => JSON.parse(line) as { path: string; isDir: boolean });
  return entries
    .filter(({ isDir }) => !isDir)
    .flatMap(({ path }) => readFileSync(fileURLToPath(path), "utf8").trimEnd().split("\n"))
    .sort();
}

const everyCommit = ["after-offsets-log", "after-change-files", "before-sink-commit", "after-sink-commit", "before-commits-log"] as const;
const failpoints = process.env["MILLRACE_LONG"] ? FAILPOINTS.filter((name) => name !== "during-sweep") : everyCommit;

test.each(failpoints)("a real query killed at %s ends with exactly the rows of an undisturbed one", (name) => {
  expect(run(`${name}:3`)).toMatchObject({ signal: "SIGKILL" });
  run(`${name}:2`);
  expect(run("")).toEqual({ status: 0, signal: null, stderr: "" });
  expect(output()).toEqual(recompute());
});
