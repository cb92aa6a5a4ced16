/**
 * Several starts of one query at the same time: on one host the lock lets one in, on several the epoch decides, at whatever moment it is taken.
 * MILLRACE_LONG=1: 1000 races of each kind instead of 15.
 */
import { expect, test } from "vitest";
import { conditionOf } from "./history.ts";
import { Scenario } from "./scenario.ts";
import { WORKLOADS } from "./workloads.ts";

const races = process.env["MILLRACE_LONG"] ? 1000 : 15;

test("of two starts on one host one runs, the other is refused", { timeout: 3_600_000 }, async () => {
  for (let seed = 0; seed < races; seed++) {
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
  for (let seed = 0; seed < races; seed++) {
    const scenario = new Scenario(WORKLOADS[seed % WORKLOADS.length]!, seed);
    scenario.addFiles(3);
    for (const error of await scenario.race(["a", "b", "c"])) {
      if (error === null) continue;
      refusals++;
      expect(conditionOf(error), `seed ${seed}: ${String(error)}`).toMatch(/^CONCURRENT_/);
    }
    await scenario.expectExact();
  }
  expect(refusals).toBeGreaterThan(races);
});
