/**
 * A query in a process of its own, for tests that kill it: rows 1 … 18 in batches of 3, a running total kept in change files, a sink that is
 * a directory of one file per batch. Ends with exit code 0 when all rows are through. `node kill-child.mjs <directory>`
 */
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { crc32c } from "../../dist/base/crc32c.js";
import { failpoint } from "../../dist/base/failpoint.js";
import { nodePorts } from "../../dist/base/node-ports.js";
import { Checkpoint } from "../../dist/checkpoint/checkpoint.js";
import { MicroBatchExecution } from "../../dist/coordinator/micro-batch-execution.js";
import { ListenerBus } from "../../dist/metrics/listener-bus.js";

const ROWS = 18;
const PER_BATCH = 3;
const directory = process.argv[2];
const checkpointPath = join(directory, "checkpoint");
const sinkPath = join(directory, "sink");
mkdirSync(sinkPath, { recursive: true });

const ports = nodePorts();
const { files } = ports;
const checkpoint = await Checkpoint.open(ports, checkpointPath);

const source = {
  description: "counter",
  defaultLimit: { kind: "max_rows", rows: PER_BATCH },
  supportsAvailableNow: true,
  latestOffset: async (start) => Math.min(ROWS, (start ?? 0) + PER_BATCH),
  reportLatest: async () => ROWS,
  plan: async (start, end) => [{ reader: "counter", from: start ?? 0, to: end }],
  commit: async () => {},
  stop: async () => {},
};

let total = 0;
let committedTotal = 0;

function writeState(path) {
  const folder = join(checkpointPath, path, "..");
  files.makeDirectorySync(folder);
  const bytes = Buffer.from(String(total));
  const file = files.createSync(join(checkpointPath, path));
  file.append(bytes);
  file.sync();
  file.close();
  files.syncDirectorySync(folder);
  return { path, lengthBytes: bytes.length, crc32c: crc32c(bytes) };
}

const runner = {
  restore: async ({ snapshot, changes }) => {
    const newest = changes.at(-1)?.files[0] ?? snapshot?.files[0];
    total = committedTotal = newest ? Number(readFileSync(join(checkpointPath, newest.path), "utf8")) : 0;
  },
  run: async ({ attempt, splits }) => {
    const rows = splits[0].flatMap(({ from, to }) => Array.from({ length: to - from }, (_, i) => from + i + 1));
    for (const row of rows) total += row;
    failpoint("before-change-files");
    const changeFiles = [writeState(`state/changes/${attempt.batchId}-${attempt.attempt}`)];
    failpoint("after-change-files");
    const sink = { messages: [{ rows, total }], batches: [], rows: rows.length };
    return { sink, inputRows: [rows.length], eventTime: [], stateOperators: [], observedMetrics: {}, changeFiles };
  },
  commit: async () => void (committedTotal = total),
  abort: async () => void (total = committedTotal),
  snapshot: async (batchId) =>
    batchId % 2 === 1 ? { batchId, files: [writeState(`state/snapshots/${batchId}-${ports.random.uuid()}`)] } : null,
  needsBatchWithoutData: () => false,
  stop: async () => {},
};

const sink = {
  description: "directory",
  delivery: { kind: "main" },
  lookup: async (batchId) => {
    const path = join(sinkPath, String(batchId));
    return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")).attempt : null;
  },
  commit: async ({ batchId, attempt }, { messages }) => {
    const temporary = join(sinkPath, `.${attempt}`);
    await files.writeNew(temporary, Buffer.from(JSON.stringify({ attempt, ...messages[0] })));
    await files.rename(temporary, join(sinkPath, String(batchId)));
    await files.syncDirectory(sinkPath);
  },
  abort: async () => {},
  stop: async () => {},
};

const query = new MicroBatchExecution({
  ports,
  checkpoint,
  sources: [source],
  sink,
  runner,
  trigger: { kind: "available_now" },
  conf: new Map([["spark.sql.streaming.minBatchesToRetain", "1"]]),
  name: null,
  watermarkDelaysMs: [],
  listeners: new ListenerBus(ports.scheduler, console.error),
});
query.start();
await query.awaitTermination();
