/**
 * What the micro-batch loop costs by itself: batches of nothing through a no-op source, runner and sink, on a real disk.
 * Reports the whole trigger, the share of it spent in durable writes (the device's cost), and the JavaScript time between.
 *
 *     node bench/micro/commit.mjs [batches] [directory]
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nodePorts } from "../../dist/base/node-ports.js";
import { Checkpoint } from "../../dist/checkpoint/checkpoint.js";
import { MicroBatchExecution } from "../../dist/coordinator/micro-batch-execution.js";
import { ListenerBus } from "../../dist/metrics/listener-bus.js";

const batches = Number(process.argv[2] ?? 500);
const directory = mkdtempSync(join(process.argv[3] ?? tmpdir(), "millrace-commit-"));

/** Ports whose files add up the time of every call; calls of one batch do not overlap except for unlink beside fsync. */
function timedPorts() {
  const ports = nodePorts();
  const times = { durable: 0, other: 0 };
  const timed =
    (method, kind) =>
    async (...args) => {
      const start = performance.now();
      try {
        return await ports.files[method](...args);
      } finally {
        times[kind] += performance.now() - start;
      }
    };
  const files = Object.create(ports.files);
  for (const method of ["writeNew", "syncDirectory"]) files[method] = timed(method, "durable");
  for (const method of ["link", "stat", "list", "readFile"]) files[method] = timed(method, "other");
  return { ports: { ...ports, files }, times };
}

const percentile = (sorted, p) => sorted[Math.min(sorted.length - 1, Math.floor((p / 100) * sorted.length))].toFixed(2);

async function measure(remembersCommits) {
  const { ports, times } = timedPorts();
  const checkpoint = await Checkpoint.open(ports, join(directory, String(remembersCommits)));
  let next = 0;
  const source = {
    description: "counter",
    defaultLimit: { kind: "all_available" },
    supportsAvailableNow: false,
    latestOffset: async () => (next < batches ? ++next : next),
    reportLatest: async () => next,
    plan: async (start, end) => [{ reader: "noop", start, end }],
    commit: async () => {},
    stop: async () => {},
  };
  const samples = [];
  let started = performance.now();
  const runner = {
    restore: async () => {},
    run: async () => ({
      sink: { messages: [], batches: [], rows: 0 },
      inputRows: [1],
      eventTime: [],
      stateOperators: [],
      observedMetrics: {},
      changeFiles: [],
    }),
    commit: async () => {},
    abort: async () => {},
    snapshot: async () => {
      const now = performance.now();
      samples.push({ total: now - started, durable: times.durable, other: times.other });
      times.durable = times.other = 0;
      started = now;
      return null;
    },
    needsBatchWithoutData: () => false,
    stop: async () => {},
  };
  const sink = {
    description: "noop",
    remembersCommits,
    delivery: { kind: "main" },
    lookup: async () => null,
    commit: async () => {},
    abort: async () => {},
    stop: async () => {},
  };
  const query = new MicroBatchExecution({
    ports,
    checkpoint,
    sources: [source],
    sink,
    runner,
    trigger: { kind: "processing_time", intervalMs: 0 },
    conf: new Map([["spark.sql.shuffle.partitions", "16"]]),
    name: "bench",
    watermarkDelaysMs: [],
    listeners: new ListenerBus(ports.scheduler, (error) => console.error(error)),
  });
  query.start();
  await query.processAllAvailable();
  await query.stop();
  if (samples.length !== batches) throw new Error(`${samples.length} batches ran instead of ${batches}`);
  const warm = samples.slice(Math.min(50, batches >> 1));
  const column = (value) => warm.map(value).sort((a, b) => a - b);
  const total = column((sample) => sample.total);
  const durable = column((sample) => sample.durable);
  const own = column((sample) => sample.total - sample.durable - sample.other);
  console.log(
    `${remembersCommits ? "exactly-once sink" : "forgetful sink   "}  batch p50 ${percentile(total, 50)} p99 ${percentile(total, 99)} ms` +
      `   durable writes p50 ${percentile(durable, 50)} ms   other than files p50 ${percentile(own, 50)} ms`,
  );
}

try {
  for (const remembersCommits of [true, false]) await measure(remembersCommits);
} finally {
  rmSync(directory, { recursive: true });
}
