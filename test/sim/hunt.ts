/**
 * Looks for a bug in the engine that this file was built with: simulated lives, power losses, damage, races, in rounds of rising seeds.
 * `node hunt.js <first> <last>` does these rounds; ends with code 0 when it found none, else prints what went wrong and ends with 1. Run by
 * `test/mutation` over engines with a bug in them.
 */
import { Dice } from "./dice.ts";
import { brokenOff, drawDamage, survive } from "./damage.ts";
import { Scenario } from "./scenario.ts";
import { simulate } from "./simulation.ts";
import { WORKLOADS } from "./workloads.ts";

/** Damage is a matter of one file, so that many of them cost as much as one life. */
const DAMAGED_PER_ROUND = 6;

const POWER_LOSSES_PER_ROUND = 6;

/** A short life that dies, whose machine loses power, and that goes on. */
async function losePower(seed: number): Promise<void> {
  const dice = new Dice(seed);
  const scenario = new Scenario(WORKLOADS[seed % WORKLOADS.length]!, seed);
  scenario.addFiles(6);
  const after = dice.between(5, 250);
  await scenario.run({ prepare: (process) => (process.diskFault = { kind: "kill", after }) });
  scenario.disk.losePower(dice, { blockBytes: 512, blocks: dice.pick([0, 0.5]), names: dice.pick([0, 0.5]) });
  await scenario.expectExact();
}

async function round(seed: number): Promise<void> {
  await simulate(seed);
  for (let each = 0; each < POWER_LOSSES_PER_ROUND; each++) await losePower(seed * POWER_LOSSES_PER_ROUND + each);
  for (let each = 0; each < DAMAGED_PER_ROUND; each++) {
    const dice = new Dice(seed * DAMAGED_PER_ROUND + each);
    const scenario = await brokenOff(dice.below(97));
    const damage = drawDamage(scenario, dice);
    if (damage) await survive(scenario, damage);
  }
  const race = new Scenario(WORKLOADS[seed % WORKLOADS.length]!, seed);
  race.addFiles(3);
  const refused = (await race.race(seed % 2 === 0 ? ["a", "a"] : ["a", "b"])).filter((error) => error !== null);
  if (seed % 2 === 0 && refused.length > 1) throw new Error("a race without a winner");
  await race.expectExact();
}

process.once("unhandledRejection", (error) => {
  console.log(`unhandled: ${String(error)}`);
  process.exit(1);
});
try {
  for (let seed = Number(process.argv[2]); seed <= Number(process.argv[3]); seed++) {
    await round(seed).catch((error: unknown) => {
      throw new Error(`round ${seed}: ${String(error)}`, { cause: error });
    });
  }
} catch (error) {
  console.log(String(error).slice(0, 300));
  process.exitCode = 1;
}
