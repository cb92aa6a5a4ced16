/** Directories of their own for tests that sync hundreds of files. */
import { existsSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A new directory; in memory, where the system has such a place, unless it is to be on a `realDisk`. */
export function temporaryDirectory(name: string, realDisk = false): string {
  return mkdtempSync(join(!realDisk && existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), `millrace-${name}-`));
}
