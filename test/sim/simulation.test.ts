/**
 * Many simulated lives. MILLRACE_SEED=<seed> replays one; MILLRACE_LONG=1 runs many more.
 */
import { expect, test } from "vitest";
import { simulate } from "./simulation.ts";

const replayed = process.env["MILLRACE_SEED"];
const first = replayed === undefined ? 1 : Number(replayed);
const seeds = replayed !== undefined ? 1 : process.env["MILLRACE_LONG"] ? 3000 : 40;

test("every seed gives exact output", { timeout: 3_600_000 }, async () => {
  for (let seed = first; seed < first + seeds; seed++) await simulate(seed);
});

test("the same seed gives the same life", { timeout: 180_000 }, async () => {
  for (const seed of [first, first + 1]) expect(await simulate(seed)).toEqual(await simulate(seed));
});
