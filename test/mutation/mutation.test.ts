/**
 * Plants bugs in the commit protocol, one at a time, and has them found: tests of the tests. A bug has to be found by the simulator
 * (`test/sim/hunt.ts`) or by the tests of the file that it is in. MILLRACE_LONG=1: every bug; MILLRACE_MUTANT=<regular expression>: those; otherwise a few
 * that are quickly found.
 */
import { beforeAll, expect, test } from "vitest";
import { findMutants, type Mutant, PROTOCOL_FILES } from "./mutants.ts";
import { failureIn, type Outcome, PlantedEngine } from "./planted-engine.ts";

const isLong = process.env["MILLRACE_LONG"] !== undefined;
const only = process.env["MILLRACE_MUTANT"];
const SAMPLE = [
  "checkpoint/atomic-file.js: a sync is left out: opened.",
  "checkpoint/log-file.js: an error is not raised: if (computed",
  "coordinator/batch-execution.js: the batch is committed before",
  "base/node-ports.js: a sync is left out: fdatasyncSync",
];
const SHOWN: Readonly<Record<Outcome["kind"], string>> = { found: "found", nothing: "SURVIVES", "timed out": "TIMED OUT" };
/** Most bugs are found in the first rounds, many of the others by the tests. */
const [QUICK_ROUNDS, ROUNDS] = [3, 30];

let engine: PlantedEngine;
beforeAll(() => void (engine = new PlantedEngine()));

function wanted(mutants: readonly Mutant[]): readonly Mutant[] {
  if (only !== undefined) return mutants.filter(({ name }) => new RegExp(only).test(name));
  return isLong ? mutants : mutants.filter(({ name }) => SAMPLE.some((start) => name.startsWith(start)));
}

/** Who has found the bug, and what; otherwise whether all of them have come to an end. */
async function find({ file }: Mutant): Promise<Outcome> {
  const searches: readonly (readonly [name: string, search: () => Promise<Outcome>])[] = [
    ["simulator", () => engine.hunt(1, QUICK_ROUNDS)],
    ["tests", () => engine.examine(PROTOCOL_FILES[file])],
    ["simulator", () => engine.hunt(QUICK_ROUNDS + 1, ROUNDS)],
  ];
  let kind: "nothing" | "timed out" = "nothing";
  for (const [name, search] of searches) {
    const outcome = await search();
    if (outcome.kind === "found") return { kind: "found", what: `${name}: ${outcome.what}` };
    if (outcome.kind === "timed out") kind = "timed out";
  }
  return { kind };
}

test("every planted bug is found, and none in the engine as it is", { timeout: 36_000_000 }, async () => {
  const mutants = findMutants(engine.source);
  expect(mutants.length).toBeGreaterThan(100);
  const planted = wanted(mutants);
  expect(planted.length).toBeGreaterThanOrEqual(only === undefined ? SAMPLE.length : 1);
  const nothing: Outcome = { kind: "nothing" };
  expect(await engine.hunt(1, isLong ? ROUNDS : QUICK_ROUNDS), "the simulator without a bug").toEqual(nothing);
  expect(await engine.examine([...new Set(planted.flatMap(({ file }) => PROTOCOL_FILES[file]))]), "the tests without a bug").toEqual(
    nothing,
  );
  const outcomes: Record<Outcome["kind"], string[]> = { found: [], nothing: [], "timed out": [] };
  for (const mutant of planted) {
    const outcome = await engine.with(mutant, () => find(mutant));
    const { kind } = outcome;
    outcomes[kind].push(mutant.name);
    if (isLong || only !== undefined)
      console.log(`${SHOWN[kind].padEnd(9)} ${mutant.name}${kind === "found" ? ` → ${outcome.what.slice(0, 140)}` : ""}`);
  }
  const { found, nothing: survivors, "timed out": slow } = outcomes;
  console.log(`${planted.length} of ${mutants.length} planted, ${found.length} found, ${slow.length} timed out`);
  expect({ survivors, "timed out": slow }).toEqual({ survivors: [], "timed out": [] });
});

test("a test that was too slow is not one that found something", () => {
  const slow = " FAIL  a.test.ts > one\n FAIL  a.test.ts > two\nError: Test timed out in 5000ms.\n    at a.test.ts\n";
  expect(failureIn(slow)).toBeNull();
  expect(failureIn(`${slow}\n FAIL  b.test.ts > three\nAssertionError: expected 1 to be 2\n`)).toBe("FAIL  b.test.ts > three");
  expect(failureIn("Unhandled Rejection")).toBe("Unhandled Rejection");
});
