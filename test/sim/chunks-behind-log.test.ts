/**
 * The chunk store is never ahead of the log: the writer of chunks is slow, over several batches, up to a commit record that is slower still; the
 * process dies when all of a pass that could be written is written and the record is not there. The sink does not know what it holds, so the
 * batch runs again over the state.
 */
import { afterEach, expect, test } from "vitest";
import { observeFailpoints } from "../../src/base/failpoint.ts";
import { Gone } from "./machine.ts";
import { Scenario } from "./scenario.ts";
import { WORKLOADS, type Workload } from "./workloads.ts";

const chained = WORKLOADS.find(({ name }) => name === "windows of windows")!;
const workload: Workload = { ...chained, sink: "foreachBatch" };
const FILES = 10;
/** One worker; the second thread writes chunks. */
const WRITER = /^worker 1 chunks/;

afterEach(() => observeFailpoints(null));

test("a batch whose commit record is missing is in no chunk", async () => {
  for (let batch = 1; batch < FILES; batch++) {
    const scenario = new Scenario(workload, batch);
    scenario.addFiles(FILES);
    const record = new RegExp(`/commits/${batch}$`);
    scenario.loop.last = [WRITER];
    let records = 0;
    observeFailpoints((name) => {
      if (name === "before-commits-log" && records++ === batch) scenario.loop.last = [WRITER, record];
    });
    const ended = await scenario.run({
      workers: 1,
      prepare: (process) => {
        process.msPerLook = 10;
        process.diskFault = { kind: "kill", after: 0, path: record };
      },
    });
    observeFailpoints(null);
    expect(ended).toBeInstanceOf(Gone);
    scenario.loop.last = [];
    await scenario.expectExact();
  }
});
