/** From the start of a Node process to the first result: of a batch query, and of the first micro-batch of a stream. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const PROGRAM = fileURLToPath(new URL("../harness/first-result.mjs", import.meta.url));
const node = async (...args) => (await promisify(execFile)(process.execPath, args)).stdout;

export const suite = {
  name: "cold-start",
  group: "start",
  title: "From process start to the first result",
  kind: "latency",
  about: { source: "memory stream", sink: "memory, update", checkpoint: "every batch", rate: "no event time" },
  events: 1,
  isForOneWorker: true,

  prepare: () => ({ expected: "10 ids, 3 groups of values", generatorSeconds: 0 }),

  async run() {
    const start = performance.now();
    const emptyProcessCpuMs = Number(await node("-p", "const { user, system } = process.cpuUsage(); (user + system) / 1000"));
    const emptyProcessMs = performance.now() - start;
    const batch = JSON.parse(await node(PROGRAM, "batch"));
    const stream = JSON.parse(await node(PROGRAM, "stream"));
    return {
      emptyProcessMs,
      emptyProcessCpuMs,
      importMs: batch.importMs,
      importToFirstRowsMs: batch.fromImportMs,
      importToFirstMicroBatchMs: stream.fromImportMs,
      processToFirstMicroBatchMs: stream.processMs,
      firstMicroBatchCpuMs: stream.cpuMs,
      digest: `${batch.result} ids, ${stream.result} groups of values`,
    };
  },
};
