/** Which of several failures of one step counts. */
import { expect, test } from "vitest";
import { CheckpointError, MillraceError } from "../../src/base/errors.ts";
import { settle } from "../../src/coordinator/worker-pool.ts";

const full = new CheckpointError("CHECKPOINT_WRITE_FAILED", { path: "p", reason: "ENOSPC" });
const death = new MillraceError("WORKER_DIED", { worker: "1", reason: "gone" });
const other = new MillraceError("INTERNAL_ERROR", { message: "other" });

test.each([
  ["a disk that failed ends the query, whoever died beside it", [other, death, full], full],
  ["a death comes before what it may have caused", [other, death], death],
  ["else the first in the order given", [other, new Error("later")], other],
])("%s", async (_what, failures, expected) => {
  let isLastSettled = false;
  const last = Promise.resolve().then(() => (isLastSettled = true));
  await expect(settle([...failures.map((failure) => Promise.reject(failure)), last])).rejects.toBe(expected);
  expect(isLastSettled).toBe(true);
});

test("all values, in order", async () => {
  expect(await settle([Promise.resolve(1), Promise.resolve("two")])).toEqual([1, "two"]);
});
