/**
 * Every state in which a power loss can leave the disk: the I/O of a run is recorded, each prefix of it done again on another disk, and what
 * was not durable then dropped, torn at 512 or 4096 bytes, or kept, at random. From each state the query goes on, exactly.
 * MILLRACE_LONG=1: 8 states for every prefix; otherwise one for every eleventh.
 */
import { expect, test } from "vitest";
import type { DiskOperation, LossModel } from "./disk.ts";
import { Scenario } from "./scenario.ts";
import { isLong } from "./seeds.ts";
import { WORKLOADS, type Workload } from "./workloads.ts";

const STATES_PER_PREFIX = isLong ? 8 : 1;
const STRIDE = isLong ? 1 : 11;
const FILES = 4;

/** Queries whose output is on the disk, too. */
const workloads = WORKLOADS.filter(({ sink }) => sink === "files");

async function record(workload: Workload): Promise<readonly DiskOperation[]> {
  const scenario = new Scenario(workload, 1);
  const operations: DiskOperation[] = [];
  const { onOperation } = scenario.disk;
  scenario.disk.onOperation = (operation) => {
    operations.push(operation);
    onOperation(operation);
  };
  scenario.addFiles(FILES);
  expect(await scenario.run()).toBeNull();
  return operations;
}

async function recover(workload: Workload, operations: readonly DiskOperation[], seed: number): Promise<void> {
  const scenario = new Scenario(workload, seed);
  const { dice, disk, loop } = scenario;
  scenario.addFiles(FILES);
  for (const operation of operations) disk.redo(operation, loop.nowMs);
  const loss: LossModel = { blockBytes: dice.pick([512, 4096]), blocks: dice.pick([0, 0.3, 0.7, 1]), names: dice.pick([0, 0.3, 0.7, 1]) };
  disk.losePower(dice, loss);
  await scenario.expectExact();
}

test.each(workloads)("$name: exact from every state after a power loss", { timeout: 3_600_000 }, async (workload) => {
  const operations = await record(workload);
  let states = 0;
  for (let length = 0; length <= operations.length; length += STRIDE) {
    for (let state = 0; state < STATES_PER_PREFIX; state++, states++) {
      const seed = length * STATES_PER_PREFIX + state;
      await recover(workload, operations.slice(0, length), seed).catch((error: unknown) => {
        throw new Error(`power lost after ${length} of ${operations.length} operations, seed ${seed}`, { cause: error });
      });
    }
  }
  console.log(`${workload.name}: ${operations.length} operations, ${states} states`);
  expect(states).toBeGreaterThan(operations.length / STRIDE);
});
