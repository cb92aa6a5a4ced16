/** Kills a real process at every failpoint, again while it cleans up, and checks that a third start ends with exactly the right output. */
import { spawnSync } from "node:child_process";
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

test.each(FAILPOINTS)("killed at %s", (name) => {
  const first = run(`${name}:2`);
  // Only a start after a failure has something to sweep.
  if (name !== "during-sweep") expect(first).toMatchObject({ signal: "SIGKILL" });
  run("during-sweep");
  expect(run("")).toEqual({ status: 0, signal: null, stderr: "" });

  const sink = join(directory, "sink");
  const batches = readdirSync(sink).filter((file) => !file.startsWith("."));
  const contents = batches
    .map(Number)
    .sort((a, b) => a - b)
    .map((batchId) => JSON.parse(readFileSync(join(sink, String(batchId)), "utf8")));
  expect(contents.flatMap(({ rows }) => rows)).toEqual(Array.from({ length: 18 }, (_, i) => i + 1));
  expect(contents.map(({ total }) => total)).toEqual([6, 21, 45, 78, 120, 171]);
  expect(readdirSync(join(directory, "checkpoint/commits")).at(-1)).toBe("5");
});

test("nothing is killed without being asked", () => {
  expect(run("")).toEqual({ status: 0, signal: null, stderr: "" });
});
