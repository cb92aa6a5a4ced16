/**
 * Plants bugs in the commit protocol, one at a time, and has them found: tests of the tests. A bug has to be found by the simulator
 * (`test/sim/hunt.ts`) or by the tests of the file that it is in. MILLRACE_LONG=1: every bug; MILLRACE_MUTANT=<regular expression>: those; otherwise a few
 * that are quickly found.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { findMutants, type Mutant, PROTOCOL_FILES } from "./mutants.ts";
import { PlantedEngine } from "./planted-engine.ts";

const isLong = process.env["MILLRACE_LONG"] !== undefined;
const only = process.env["MILLRACE_MUTANT"];
const SAMPLE = [
  "checkpoint/atomic-file.js: a sync is left out: files.",
  "checkpoint/log-file.js: an error is not raised: if (computed",
  "coordinator/batch-execution.js: the batch is committed before",
  "base/node-ports.js: a sync is left out: fdatasyncSync",
];
/** Most bugs are found in the first rounds, many of the others by the tests. */
const [QUICK_ROUNDS, ROUNDS] = [3, 30];

let engine: PlantedEngine;
beforeAll(() => void (engine = new PlantedEngine()));
afterAll(() => engine.remove());

function wanted(mutants: readonly Mutant[]): readonly Mutant[] {
  if (only !== undefined) return mutants.filter(({ name }) => new RegExp(only).test(name));
  return isLong ? mutants : mutants.filter(({ name }) => SAMPLE.some((start) => name.startsWith(start)));
}

/** Who has found the bug, and what; null: nobody. */
async function find({ file }: Mutant): Promise<string | null> {
  const quick = await engine.hunt(1, QUICK_ROUNDS);
  if (quick !== null) return `simulator: ${quick}`;
  const examined = await engine.examine(PROTOCOL_FILES[file]);
  if (examined !== null) return `tests: ${examined}`;
  const found = await engine.hunt(QUICK_ROUNDS + 1, ROUNDS);
  return found && `simulator: ${found}`;
}

test("every planted bug is found, and none in the engine as it is", { timeout: 36_000_000 }, async () => {
  const mutants = findMutants(engine.source);
  expect(mutants.length).toBeGreaterThan(100);
  const planted = wanted(mutants);
  expect(planted.length).toBeGreaterThanOrEqual(only === undefined ? SAMPLE.length : 1);
  expect(await engine.hunt(1, isLong ? ROUNDS : QUICK_ROUNDS), "the simulator without a bug").toBeNull();
  expect(await engine.examine([...new Set(planted.flatMap(({ file }) => PROTOCOL_FILES[file]))]), "the tests without a bug").toBeNull();
  const survivors: string[] = [];
  for (const mutant of planted) {
    const found = await engine.with(mutant, () => find(mutant));
    if (isLong || only !== undefined) console.log(`${found === null ? "SURVIVES" : "found   "} ${mutant.name} → ${found?.slice(0, 140)}`);
    if (found === null) survivors.push(mutant.name);
  }
  console.log(`${planted.length} of ${mutants.length} planted, ${planted.length - survivors.length} found`);
  expect(survivors).toEqual([]);
});
