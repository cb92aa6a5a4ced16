/** What asynchronous progress tracking does when a log cannot be written. */
import { expect, test } from "vitest";
import { AsyncProgress } from "../../src/coordinator/async-progress.ts";

test("after a write that failed nothing more is written, so that no commit is logged without its offsets", async () => {
  const progress = new AsyncProgress({ nowMs: () => 0, monotonicMs: () => 0 }, 1000);
  const failure = new Error("ENOSPC");
  const written: string[] = [];
  progress.write(async () => void written.push("offsets 0"));
  progress.write(async () => {
    await Promise.resolve();
    throw failure;
  });
  progress.write(async () => void written.push("commits 1"));
  await expect(progress.settle()).rejects.toBe(failure);
  progress.write(async () => void written.push("offsets 2"));
  await expect(progress.settle()).rejects.toBe(failure);
  expect(written).toEqual(["offsets 0"]);
});
