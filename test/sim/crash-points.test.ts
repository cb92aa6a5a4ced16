/**
 * Dies at every named step of the commit protocol, in every kind of query and sink, as a process and as a machine, and once more during the
 * recovery from it. MILLRACE_LONG=1: all of it, and two places for the second death; otherwise every 23rd case.
 */
import { afterEach, expect, test } from "vitest";
import { FAILPOINTS, type FailpointName, observeFailpoints } from "../../src/base/failpoint.ts";
import { killAt } from "./kill-at.ts";
import { Gone } from "./machine.ts";
import { Scenario } from "./scenario.ts";
import { WORKLOADS, type Workload } from "./workloads.ts";

const isLong = process.env["MILLRACE_LONG"] !== undefined;
const STRIDE = isLong ? 1 : 23;
/** Enough for a snapshot and for compacted logs; the second death comes after so many calls that change the disk. */
const FILES = 12;
const SECOND_DEATHS = isLong ? [null, 3, 14] : [null, 9];

interface Case {
  readonly workload: Workload;
  readonly point: FailpointName;
  readonly hit: number;
  readonly loses: "process" | "power";
  readonly secondAfter: number | null;
}

const cases: readonly Case[] = WORKLOADS.flatMap((workload) =>
  FAILPOINTS.flatMap((point) =>
    (["process", "power"] as const).flatMap((loses) =>
      SECOND_DEATHS.flatMap((secondAfter) => [2, 11].map((hit) => ({ workload, point, hit, loses, secondAfter }))),
    ),
  ),
);

afterEach(() => observeFailpoints(null));

async function run({ workload, point, hit, loses, secondAfter }: Case, seed: number): Promise<boolean> {
  const scenario = new Scenario(workload, seed);
  const lose = (): void => {
    if (loses === "power") scenario.disk.losePower(scenario.dice, { blockBytes: 512, blocks: 0.5, names: 0.5 });
  };
  scenario.addFiles(FILES);
  // Only what an earlier death left behind can be swept.
  if (point === "during-sweep") await scenario.run({ prepare: killAt("after-change-files", 3) });
  const ended = await scenario.run({ prepare: killAt(point, point === "during-sweep" ? 1 : hit) });
  observeFailpoints(null);
  const wasReached = ended instanceof Gone;
  if (!wasReached) expect(ended).toBeNull();
  lose();
  if (secondAfter !== null) {
    scenario.addFiles(1);
    await scenario.run({ workers: 3, prepare: (process) => (process.diskFault = { kind: "kill", after: secondAfter }) });
    lose();
  }
  await scenario.expectExact();
  return wasReached;
}

test("exact after a death at every step, and another one during recovery", { timeout: 3_600_000 }, async () => {
  const reached = new Map<FailpointName, number>(FAILPOINTS.map((name) => [name, 0]));
  let ran = 0;
  for (const [index, each] of cases.entries()) {
    if (index % STRIDE !== 0) continue;
    ran++;
    const { workload, point, hit, loses, secondAfter } = each;
    const wasReached = await run(each, index).catch((error: unknown) => {
      throw new Error(`${workload.name}, ${loses} lost at ${point}:${hit}, again after ${secondAfter} calls (case ${index})`, {
        cause: error,
      });
    });
    if (wasReached) reached.set(point, reached.get(point)! + 1);
  }
  console.log(`${ran} of ${cases.length} cases; ${[...reached].map(([name, count]) => `${name} ${count}`).join(", ")}`);
  expect([...reached].filter(([, count]) => count === 0)).toEqual([]);
});
