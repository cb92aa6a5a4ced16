/**
 * State beyond the memory limit: chunks that come back damaged from the spill file cost attempts of a batch, and never go into a result; a disk
 * that does not take them ends the query, which goes on exactly.
 */
import { expect, test } from "vitest";
import { conditionOf } from "./history.ts";
import { Gone, type Process } from "./machine.ts";
import { Scenario } from "./scenario.ts";
import { WORKLOADS } from "./workloads.ts";

const FILES = 12;
/** Little enough for the state of windows; chunks that each partition has one of do not leave. */
const MEMORY_LIMIT = "20k";
const windowed = WORKLOADS.filter(({ name }) => /windows|time/.test(name));

test.each(windowed.map((workload) => [workload.name, workload] as const))("%s", async (_name, workload) => {
  for (const damaged of [1, Number.POSITIVE_INFINITY]) {
    const scenario = new Scenario(workload, 1, MEMORY_LIMIT);
    scenario.addFiles(FILES);
    let started: Process | null = null;
    const ended = await scenario.run({
      prepare: (process) => {
        started = process;
        process.spillFaults = damaged;
      },
    });
    const { spillFaults } = started as unknown as Process;
    if (damaged === 1) expect([spillFaults, ended]).toEqual([0, null]);
    else expect(conditionOf(ended)).toBe("STATE_SPILL_DAMAGED");
    await scenario.expectExact(3);
  }
});

test.each(["ENOSPC", "kill"] as const)("%s when a chunk leaves memory: a typed error, or a death, and exact after that", async (kind) => {
  for (const after of [0, 1, 7]) {
    const scenario = new Scenario(windowed[0]!, after, MEMORY_LIMIT);
    scenario.addFiles(FILES);
    const ended = await scenario.run({ prepare: (process) => (process.diskFault = { kind, after, path: /spill-/ }) });
    if (kind === "kill") expect(ended).toBeInstanceOf(Gone);
    else expect(conditionOf(ended)).toBe("STATE_SPILL_FAILED");
    await scenario.expectExact(3);
  }
});
