/**
 * Many simulated lives. MILLRACE_SEED=<seed> replays one, MILLRACE_SEED=<first>-<last> some; MILLRACE_LONG=1: 3000 instead of 30.
 */
import { expect, test } from "vitest";
import { seeds } from "./seeds.ts";
import { simulate } from "./simulation.ts";

const lives = seeds(1, { short: 30, long: 3000 });

test("every seed gives exact output", { timeout: 3_600_000 }, async () => {
  let [batches, starts, faults] = [0, 0, 0];
  for (const seed of lives) {
    const life = await simulate(seed);
    batches += life.batches;
    starts += life.starts;
    faults += Object.values(life.faults).reduce((sum, count) => sum + count, 0);
  }
  console.log(`seeds ${lives[0]} to ${lives.at(-1)}: ${batches} batches, ${starts} starts, ${faults} faults`);
});

test("the same seed gives the same life", { timeout: 180_000 }, async () => {
  for (const seed of lives.slice(0, 2)) expect(await simulate(seed)).toEqual(await simulate(seed));
});
