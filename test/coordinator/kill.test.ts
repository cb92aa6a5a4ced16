/** Kills a real process at every failpoint, again while it cleans up, and checks that a third start ends with exactly the right output. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { FAILPOINTS } from "../../src/base/failpoint.ts";

const child = fileURLToPath(new URL("../support/kill-child.mjs", import.meta.url));

let directory: string;
beforeEach(() => void (directory = mkdtempSync(join(tmpdir(), "millrace-kill-"))));
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function run(failpoint: string) {
  const { status, signal, stderr } = spawnSync(process.execPath, [child, directory], {
    env: { ...process.env, MILLRACE_FAILPOINT: failpoint },
    encoding: "utf8",
  });
  return { status, signal, stderr };
}

function expectExactOutput(): void {
  const sink = join(directory, "sink");
  const batches = readdirSync(sink).filter((file) => !file.startsWith("."));
  const contents = batches
    .map(Number)
    .sort((a, b) => a - b)
    .map((batchId) => JSON.parse(readFileSync(join(sink, String(batchId)), "utf8")) as { rows: number[]; total: number });
  expect(contents.flatMap(({ rows }) => rows)).toEqual(Array.from({ length: 18 }, (_, i) => i + 1));
  expect(contents.map(({ total }) => total)).toEqual([6, 21, 45, 78, 120, 171]);
}

test.each(FAILPOINTS)("killed at %s", (name) => {
  const first = run(`${name}:2`);
  // Only a start after a failure has something to sweep.
  if (name !== "during-sweep") expect(first).toMatchObject({ signal: "SIGKILL" });
  run("during-sweep");
  expect(run("")).toEqual({ status: 0, signal: null, stderr: "" });

  expectExactOutput();
  expect(readdirSync(join(directory, "checkpoint/commits")).at(-1)).toBe("5");
});

test("of processes that start at once one has the checkpoint, the others say so", async () => {
  const results = await Promise.all(
    Array.from({ length: 5 }, async () => {
      const started = spawn(process.execPath, [child, directory]);
      let stderr = "";
      started.stderr.on("data", (chunk) => (stderr += String(chunk)));
      const [status] = (await once(started, "close")) as [number | null];
      return { status, stderr };
    }),
  );
  expect(results.some(({ status }) => status === 0)).toBe(true);
  for (const { status, stderr } of results) if (status !== 0) expect(stderr).toContain("CONCURRENT_CHECKPOINT_USE");
  expectExactOutput();
});

test("nothing is killed without being asked", () => {
  expect(run("")).toEqual({ status: 0, signal: null, stderr: "" });
});
