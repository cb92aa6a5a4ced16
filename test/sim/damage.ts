/** Bytes of a checkpoint go bad between two starts: the next one must notice, or come out right all the same. */
import type { Dice } from "./dice.ts";
import { conditionOf, Violation } from "./history.ts";
import { Scenario } from "./scenario.ts";
import { WORKLOADS } from "./workloads.ts";

/** What damage to a checkpoint or a manifest is called. */
const REFUSALS = /^(CHECKPOINT_|STATE_|STREAMING_CHECKPOINT_|UNSUPPORTED_LOG_VERSION|DATA_SOURCE_LOG_MALFORMED|FILE_LOG_ENTRY_MISSING)/;

export interface Damage {
  readonly path: string;
  /** Bit that is flipped, or length to which the file is cut. */
  readonly bit?: number;
  readonly length?: number;
}

/** A query that died somewhere, with logs, state, and a batch to run again, as it lies on the disk; the same for the same seed. */
export async function brokenOff(seed: number): Promise<Scenario> {
  const scenario = new Scenario(WORKLOADS[seed % WORKLOADS.length]!, seed);
  scenario.addFiles(12);
  const after = scenario.dice.between(40, 420);
  await scenario.run({ prepare: (process) => (process.diskFault = { kind: "kill", after }) });
  return scenario;
}

/** Files that a start reads or a reader of the output goes by. */
function filesOf({ disk }: Scenario): readonly { readonly path: string; readonly sizeBytes: number }[] {
  return disk
    .files()
    .filter((path) => /^\/checkpoint\/(?!epoch)|^\/out\/_spark_metadata/.test(path))
    .map((path) => ({ path, sizeBytes: disk.stat(path)!.sizeBytes }));
}

/** Damage drawn by lot, to logs and state alike, however many files there are of each. Null: the file is empty. */
export function drawDamage(scenario: Scenario, dice: Dice): Damage | null {
  const files = filesOf(scenario);
  const folder = dice.pick([...new Set(files.map(({ path }) => path.slice(0, path.lastIndexOf("/"))))].sort());
  const { path, sizeBytes } = dice.pick(files.filter((file) => file.path.startsWith(`${folder}/`)));
  const damage = dice.chance(0.7) ? { path, bit: dice.below(8 * sizeBytes) } : { path, length: dice.below(sizeBytes) };
  return sizeBytes === 0 ? null : damage;
}

/** Whether the damage was refused; false: the output is exact. Throws a `Violation` otherwise. */
export async function survive(scenario: Scenario, { path, bit, length }: Damage): Promise<boolean> {
  const bytes = scenario.disk.read(path);
  if (bit !== undefined) bytes[bit >> 3]! ^= 1 << (bit & 7);
  scenario.disk.damage(path, bytes.subarray(0, length));
  const what = `${bit === undefined ? `cut to ${length} bytes` : `bit ${bit} flipped`}: ${path}`;
  scenario.addFiles(1);
  try {
    const error = await scenario.run();
    if (error === null) {
      scenario.history.check();
      if (!scenario.history.isComplete) throw new Violation("files are left over");
      return false;
    }
    if (REFUSALS.test(conditionOf(error))) return true;
    throw new Violation(String(error), { cause: error });
  } catch (error) {
    throw new Violation(`${what}: ${String(error)}`, { cause: error });
  }
}
