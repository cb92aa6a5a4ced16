/**
 * `npm run bench`: measures suites, each run in a fresh process, and fails when an answer is wrong.
 *
 *     npm run bench -- [suite or group …] [--events N] [--runs N] [--workers N,N] [--no-native] [--json] [--save]
 *     npm run bench -- --all --save                        everything, each suite with the numbers of workers that it is about; suites whose
 *                                                          runs take long have three of them
 *     npm run bench -- --all --prepare                     only writes the data and the expected answers
 *     npm run bench -- compare <commit> [suite or group …]   the engine of another commit beside this one
 *
 * Where a suite has a native program and it is built (`npm run bench:native`), it runs in turn with ours on the same data.
 */
import { readArguments } from "./harness/arguments.mjs";
import { prepareGroups } from "./harness/prepare-groups.mjs";
import { atRevision } from "./harness/revision.mjs";
import { compare, measure } from "./harness/measure.mjs";
import { machine } from "./harness/machine.mjs";
import { hasNative } from "./harness/processes.mjs";
import { comparisonTable, markdown } from "./harness/report.mjs";
import { saveResults } from "./harness/results.mjs";
import { suites } from "./query/suites.mjs";

/** Unless a suite or the command line says otherwise. */
const RUNS = 5;
const settings = readArguments(process.argv.slice(2), suites);
try {
  await (settings.compareWith === null ? bench() : benchBoth());
} catch (error) {
  console.error(`bench: ${error.message}`);
  process.exitCode = 1;
}

async function bench() {
  const results = [];
  if (settings.isAll) await prepareGroups(settings.suites, settings);
  if (settings.isAll && settings.isPrepareOnly) return;
  const withNative = settings.withNative && hasNative();
  for (const suite of settings.suites) {
    const { name, title, waitsFor, group } = suite;
    if (settings.isPrepareOnly) {
      if (!waitsFor) await reported(suite, () => suite.prepare({ directory: settings.directory, events: settings.events ?? suite.events }));
      continue;
    }
    const found = waitsFor
      ? [{ suite: name, title, waitsFor }]
      : await reported(suite, () =>
          measure(suite, { ...settings, runs: runsOf(suite), workers: workersOf(suite), withNative, withProfile: settings.isSaved }),
        );
    results.push(...found);
    if (settings.isSaved) saveResults(group, found);
  }
  if (settings.isPrepareOnly) return;
  const report = { machine: machine(), results };
  console.log(settings.isJson ? JSON.stringify(report, null, 2) : markdown(report));
}

async function benchBoth() {
  const runnable = settings.suites.filter(({ waitsFor }) => !waitsFor);
  const results = await atRevision(settings.compareWith, async (root) => {
    const compared = [];
    for (const suite of runnable)
      compared.push(await reported(suite, () => compare(suite, root, { ...settings, runs: runsOf(suite), workers: workersOf(suite) })));
    return compared;
  });
  console.log(settings.isJson ? JSON.stringify({ machine: machine(), results }, null, 2) : comparisonTable(settings.compareWith, results));
}

function runsOf({ runs }) {
  return settings.runs ?? runs ?? RUNS;
}

function workersOf({ isForOneWorker, scalesTo }) {
  if (isForOneWorker) return [1];
  return settings.workers ?? (settings.isAll ? scalesTo : undefined) ?? [1];
}

/** Runs `work` and says on standard error what and how long. */
async function reported({ name }, work) {
  const start = performance.now();
  const result = await work();
  process.stderr.write(`${name}: ${((performance.now() - start) / 1000).toFixed(0)} s\n`);
  return result;
}
