/**
 * Runs the windows of `windows.mjs` again and again, with `disk-faults.mjs` preloaded: in run `n` the `n`-th call that changes the disk fails;
 * then the same checkpoint goes on without a fault, and with one file more. `node disk-sweep.mjs <input> <last file> <directory> <step>`: a
 * subdirectory per run. Prints one line of JSON per run, and ends after the first run that made fewer calls.
 */
import { cpSync } from "node:fs";
import { join } from "node:path";
import { Session } from "../../dist/index.js";
import { startWindows } from "./windows.mjs";

const [, , input, lastFile, base, step] = process.argv;
const spark = await Session.builder().master("local[1]").config("spark.sql.streaming.minBatchesToRetain", "1").create();
const { diskFault } = globalThis;

async function run(directory) {
  const query = await startWindows(spark, directory);
  await query.awaitTermination();
}

for (let call = 1, wasHit = true; wasHit; call += Number(step)) {
  const directory = join(base, String(call));
  cpSync(input, join(directory, "in"), { recursive: true, preserveTimestamps: true });
  const started = performance.now();
  diskFault.arm(call);
  const error = await run(directory).then(
    () => null,
    (reason) => reason,
  );
  const fault = diskFault.disarm();
  wasHit = fault.wasHit;
  const failedMs = performance.now() - started;
  cpSync(lastFile, join(directory, "in/last.json"), { preserveTimestamps: true });
  const restartError = await run(directory).then(
    () => null,
    (reason) => reason,
  );
  const told = error && {
    name: error.name,
    condition: error.condition ?? null,
    cause: error.cause?.condition ?? null,
    message: error.message,
  };
  console.log(JSON.stringify({ call, directory, ...fault, failedMs, error: told, restart: restartError && String(restartError) }));
}
await spark.stop();
