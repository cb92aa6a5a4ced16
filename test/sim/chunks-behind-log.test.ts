/**
 * The chunk store is never ahead of the log: with a slow writer of chunks and a slower commit record, the process dies when all of a pass that
 * could be written is written and the record is not there. The sink does not know what it holds, so the batch runs again over the state.
 */
import { expect, test } from "vitest";
import { Gone } from "./machine.ts";
import { Scenario } from "./scenario.ts";
import { WORKLOADS, type Workload } from "./workloads.ts";

const chained = WORKLOADS.find(({ name }) => name === "windows of windows")!;
const workload: Workload = { ...chained, sink: "foreachBatch" };
const FILES = 10;

test("a batch whose commit record is missing is in no chunk", async () => {
  for (let batch = 1; batch < FILES; batch++) {
    const scenario = new Scenario(workload, batch);
    scenario.addFiles(FILES);
    // One worker; the second thread writes chunks.
    scenario.loop.last = [/^worker 1 chunks/, /^link .*\/commits\/\d+$/];
    const ended = await scenario.run({
      workers: 1,
      prepare: (process) => {
        process.msPerLook = 10;
        process.diskFault = { kind: "kill", after: batch, path: /\/commits\/\d+$/ };
      },
    });
    expect(ended).toBeInstanceOf(Gone);
    await scenario.expectExact();
  }
});
