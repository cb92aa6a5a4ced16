/** The chunk store cannot be written for a while: the query goes on exactly, says so, and copies its state once it can. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { CHECKPOINT } from "./history.ts";
import { Scenario } from "./scenario.ts";
import { WORKLOADS } from "./workloads.ts";

const FILES = 12;
const FAULTS = [1, 2, 3, Number.POSITIVE_INFINITY];
const stateful = WORKLOADS.filter(({ name }) => !name.startsWith("filter"));

let warnings: Error[] = [];
const warned = (warning: Error): void => void warnings.push(warning);
/** They print. */
const listeners = process.listeners("warning");
beforeEach(() => void process.removeAllListeners("warning").on("warning", warned));
afterEach(() => {
  process.off("warning", warned);
  for (const listener of listeners) process.on("warning", listener);
});

test.each(stateful.map((workload) => [workload.name, workload] as const))("%s", async (_name, workload) => {
  for (const [seed, faults] of FAULTS.entries()) {
    warnings = [];
    const scenario = new Scenario(workload, seed);
    scenario.addFiles(FILES);
    const ended = await scenario.run({ prepare: (process) => (process.chunkFaults = faults) });
    expect(ended, `seed ${seed}`).toBeNull();
    expect(warnings, `seed ${seed}`).toMatchObject([{ name: "MillraceWarning", code: "STATE_CHUNK_STORE_FAILED" }]);
    expect(warnings[0]!.message).toContain(`${CHECKPOINT}/state/chunks cannot be written`);
    const failures = scenario.lastProgress!.stateOperators.map(
      ({ customMetrics }: { customMetrics: Record<string, number> }) => customMetrics["numChunkStoreFailures"],
    );
    if (Number.isFinite(faults)) expect(failures, `seed ${seed}`).toEqual(failures.map(() => faults));
    else expect(Math.min(...failures.map(Number)), `seed ${seed}`).toBeGreaterThan(3);
    const snapshots = scenario.disk.files().filter((path) => path.startsWith(`${CHECKPOINT}/state/snapshots/`));
    expect(snapshots.length > 0, `seed ${seed}: snapshot files`).toBe(Number.isFinite(faults));
    await scenario.expectExact(3);
  }
});
