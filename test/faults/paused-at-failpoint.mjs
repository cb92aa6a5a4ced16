/**
 * Preloaded into a process (`node --import`): at the MILLRACE_TEST_PAUSE=<failpoint>:<hit> it says `paused` and waits for a line on its standard input, so
 * that a test can stop it there.
 */
import { readSync, writeSync } from "node:fs";
import { isMainThread } from "node:worker_threads";

const [wanted, hit] = process.env.MILLRACE_TEST_PAUSE.split(":");
let left = Number(hit);

if (isMainThread) {
  const { observeFailpoints } = await import("../../dist/base/failpoint.js");
  observeFailpoints((name) => {
    if (name !== wanted || --left !== 0) return;
    writeSync(1, "paused\n");
    readSync(0, Buffer.alloc(1));
  });
}
