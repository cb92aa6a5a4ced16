/**
 * The machine goes down after every few batches, with everything on its disk, so that no chunk store is of this boot: each start redoes change
 * files, over a snapshot or over nothing, in the order of the batches and with the changes of every operator.
 */
import { expect, test } from "vitest";
import { Scenario } from "./scenario.ts";
import { WORKLOADS } from "./workloads.ts";

const STARTS = 4;
const EVERYTHING_KEPT = { blockBytes: 4096, blocks: 1, names: 1 } as const;
const stateful = WORKLOADS.filter(({ name }) => !name.startsWith("filter"));

test.each(stateful.map((workload) => [workload.name, workload] as const))("%s", async (_name, workload) => {
  for (const batches of [1, 4]) {
    const scenario = new Scenario(workload, batches);
    for (let start = 0; start < STARTS; start++) {
      scenario.addFiles(batches);
      expect(await scenario.run({ workers: 1 + (start % 3) })).toBeNull();
      scenario.disk.losePower(scenario.dice, EVERYTHING_KEPT);
    }
    await scenario.expectExact();
  }
});
