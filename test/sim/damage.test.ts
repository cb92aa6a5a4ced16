/**
 * Flipped bits and cut files, of every file that a start reads. MILLRACE_LONG=1: 6000 of them instead of 80; MILLRACE_SEED=<first>-<last>: these.
 * The decoders themselves are tried with every bit and every length (`test/checkpoint`, `test/connectors`, `test/state`).
 */
import { expect, test } from "vitest";
import { Dice } from "./dice.ts";
import { brokenOff, drawDamage, survive } from "./damage.ts";
import { seeds } from "./seeds.ts";

const cases = seeds(0, { short: 80, long: 6000 });

test("no damage goes unnoticed: the query refuses, or the output is exact", { timeout: 3_600_000 }, async () => {
  let refused = 0;
  const kinds = new Map<string, number>();
  for (const seed of cases) {
    const dice = new Dice(seed);
    const scenario = await brokenOff(seed % 97);
    const damage = drawDamage(scenario, dice);
    if (damage === null) continue;
    const wasRefused = await survive(scenario, damage).catch((error: unknown) => {
      throw new Error(`seed ${seed}`, { cause: error });
    });
    if (wasRefused) refused++;
    const folder = damage.path.slice(0, damage.path.lastIndexOf("/"));
    kinds.set(folder, (kinds.get(folder) ?? 0) + 1);
  }
  console.log(
    `seeds ${cases[0]} to ${cases.at(-1)}: ${refused} refused; ${[...kinds].map(([folder, count]) => `${folder} ${count}`).join(", ")}`,
  );
  expect(refused).toBeGreaterThan(cases.length / 10 - 5);
});
