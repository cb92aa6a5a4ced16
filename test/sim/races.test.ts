/**
 * Several starts of one query at the same time: on one host the lock lets one in, on several the epoch decides, at whatever moment it is taken.
 * MILLRACE_LONG=1: 1000 races of each kind instead of 15; MILLRACE_SEED=<first>-<last>: these.
 */
import { expect, test } from "vitest";
import { conditionOf } from "./history.ts";
import { Scenario } from "./scenario.ts";
import { seeds } from "./seeds.ts";
import { WORKLOADS } from "./workloads.ts";

const races = seeds(0, { short: 15, long: 1000 });

test("of two starts on one host one runs, the other is refused", { timeout: 3_600_000 }, async () => {
  for (const seed of races) {
    const scenario = new Scenario(WORKLOADS[seed % WORKLOADS.length]!, seed);
    scenario.addFiles(3);
    const refused = (await scenario.race(["a", "a"])).filter((error) => error !== null);
    // Both run when one comes when the other has ended.
    expect(refused.length, `seed ${seed}`).toBeLessThan(2);
    for (const error of refused) expect(conditionOf(error), `seed ${seed}`).toBe("CONCURRENT_CHECKPOINT_USE");
    await scenario.expectExact();
  }
});

test("of starts on three hosts the last runs on, or none; the output is exact", { timeout: 3_600_000 }, async () => {
  let refusals = 0;
  for (const seed of races) {
    const scenario = new Scenario(WORKLOADS[seed % WORKLOADS.length]!, seed);
    scenario.addFiles(3);
    for (const error of await scenario.race(["a", "b", "c"])) {
      if (error === null) continue;
      refusals++;
      expect(conditionOf(error), `seed ${seed}: ${String(error)}`).toMatch(/^CONCURRENT_/);
    }
    await scenario.expectExact();
  }
  console.log(`seeds ${races[0]} to ${races.at(-1)}: ${refusals} of ${3 * races.length} starts refused`);
  expect(refusals).toBeGreaterThan(races.length - 5);
});
