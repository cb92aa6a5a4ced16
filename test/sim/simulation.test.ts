/**
 * Many simulated lives. MILLRACE_SEED=<seed> replays one, MILLRACE_SEED=<first>-<last> some; MILLRACE_LONG=1 runs many more.
 */
import { expect, test } from "vitest";
import { simulate } from "./simulation.ts";

const [first, last = first] = (process.env["MILLRACE_SEED"] ?? (process.env["MILLRACE_LONG"] ? "1-3000" : "1-30"))
  .split("-")
  .map(Number) as [number, number?];

test("every seed gives exact output", { timeout: 3_600_000 }, async () => {
  for (let seed = first; seed <= last; seed++) await simulate(seed);
});

test("the same seed gives the same life", { timeout: 180_000 }, async () => {
  for (const seed of [first, first + 1]) expect(await simulate(seed)).toEqual(await simulate(seed));
});
