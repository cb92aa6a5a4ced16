/** Directories of their own for tests, many of which sync hundreds of files. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, type RunnerTestCase, type RunnerTestSuite } from "vitest";

const made: string[] = [];

/**
 * A new directory; in memory, where the system has such a place, unless it is to be on a `realDisk`. It is gone when the tests of the file are
 * over; if one of them failed it stays, to be looked at.
 */
export function temporaryDirectory(name = "test", realDisk = false): string {
  const directory = mkdtempSync(join(!realDisk && existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), `millrace-${name}-`));
  made.push(directory);
  return directory;
}

function hasFailed(task: RunnerTestCase | RunnerTestSuite): boolean {
  return task.result?.state === "fail" || ("tasks" in task && task.tasks.some(hasFailed));
}

// oxlint-disable-next-line no-empty-pattern
afterAll(({}, file) => {
  if (hasFailed(file)) console.log(`kept: ${made.join(" ")}`);
  else for (const directory of made) rmSync(directory, { recursive: true, force: true });
});
