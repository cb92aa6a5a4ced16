/** `foreachBatch` with the recipe that makes it exactly once: killed at every step around the function, each change is in the database once. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { runNode } from "../support/run-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const program = fileURLToPath(new URL("foreach-batch-recipe.mjs", import.meta.url));
const FILES = 5;
const NUMBERS = 12;

test("killed before and after the function, and around the commit record: every change is there once", { timeout: 60_000 }, async () => {
  const directory = temporaryDirectory("recipe");
  mkdirSync(join(directory, "in"));
  const counts = new Map<number, number>();
  const expected: number[][] = [];
  for (let file = 0; file < FILES; file++) {
    const numbers = Array.from({ length: NUMBERS }, (_, i) => file * NUMBERS + i);
    writeFileSync(join(directory, `in/${file}.json`), numbers.map((n) => `{"n":${n}}\n`).join(""));
    for (const n of numbers) counts.set(n % 5, (counts.get(n % 5) ?? 0) + 1);
    for (const [rest, count] of [...counts].sort(([a], [b]) => a - b)) expected.push([file, rest, count]);
  }
  for (const step of ["before-sink-commit", "after-sink-commit", "before-commits-log", "after-commits-log"]) {
    const { code } = await runNode([program, directory], { env: { MILLRACE_FAILPOINT: step } });
    expect(code, step).toBeNull();
  }
  expect(await runNode([program, directory])).toEqual({ code: 0, stdout: "", stderr: "" });
  const { changes } = JSON.parse(readFileSync(join(directory, "database.json"), "utf8")) as { changes: number[][] };
  expect(changes.sort(([b1, r1], [b2, r2]) => b1! - b2! || r1! - r2!)).toEqual(expected);
});
