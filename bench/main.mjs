/**
 * `npm run bench`: measures the suites of `query/`, each run in a fresh process, and fails when an answer is wrong.
 *
 *     npm run bench -- [suite …] [--events N] [--runs N] [--workers N,N] [--no-native] [--json] [--save]
 *
 * Where a suite has a native program and it is built (`npm run bench:native`), both run in pairs on the same data, the first of a pair
 * alternating.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { readArguments } from "./harness/arguments.mjs";
import { machine } from "./harness/machine.mjs";
import { measure } from "./harness/measure.mjs";
import { hasNative } from "./harness/processes.mjs";
import { markdown } from "./harness/report.mjs";
import { suites } from "./query/suites.mjs";

const settings = readArguments(process.argv.slice(2), suites);
try {
  await bench();
} catch (error) {
  console.error(`bench: ${error.message}`);
  process.exitCode = 1;
}

async function bench() {
  const results = [];
  for (const suite of settings.suites) {
    for (const workers of suite.isForOneWorker ? [1] : settings.workers) {
      results.push(await measureSuite(suite, workers));
      if (settings.isSaved) save(suite, results);
    }
  }
  const report = { machine: machine(), results };
  console.log(settings.isJson ? JSON.stringify(report, null, 2) : markdown(report));
}

async function measureSuite(suite, workers) {
  const withNative = settings.withNative && workers === 1 && suite.native !== undefined && hasNative();
  if (!settings.isJson) process.stderr.write(`${suite.name}, workers=${workers}${withNative ? ", beside the native program" : ""} …\n`);
  return await measure(suite, { ...settings, workers, withNative });
}

function save({ name }, results) {
  const directory = new URL("results/", import.meta.url);
  mkdirSync(directory, { recursive: true });
  const own = { machine: machine(), results: results.filter((result) => result.suite === name) };
  writeFileSync(new URL(`${name}.json`, directory), `${JSON.stringify(own, null, 2)}\n`);
}
