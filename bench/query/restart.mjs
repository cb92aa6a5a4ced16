/**
 * Restart with state. A process fills aggregates per key, goes on with short batches while its state is copied in the background, and kills itself;
 * measured is how long a fresh session takes to have its first batch committed, from the chunk store and the changes after it. Then the same with a quarter
 * of the state, without the chunk store: a rebuild from snapshot and change files, as after a power failure. Also how long copies keep a worker from a
 * batch, short batches and long ones apart. At full size 1 GB of state. The answer is what a sample of the keys has in the end.
 */
import { fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { digestOfLines } from "../harness/digest.mjs";
import { tableRows, timed, withSession } from "../harness/engine.mjs";
import { KeyStream } from "../harness/key-stream.mjs";
import { percentile } from "../harness/statistics.mjs";
import { checkpointOf, FILL_ROWS_MAX, newestCommit, shortBatchKeys, startQuery } from "./restart-state.mjs";

/** Enough for a pass of copies over all of the state. */
const shortBatchesOf = (keys) => Math.max(5, Math.min(150, Math.floor(keys / 50_000)));
const REBUILD_PART = 4;
const SAMPLE_KEYS_MAX = 10_000;

export const suite = {
  name: "restart",
  group: "state",
  title: "Restart with state",
  kind: "latency",
  // A run makes the state twice.
  runs: 1,
  events: 8_000_000,
  about: {
    source: "columns in memory",
    sink: "noop, then memory, update",
    checkpoint: "every batch of 1 M or 10,000 rows",
    rate: "no event time",
    rebuild: "a quarter of the state; passes of copies follow each other",
  },

  prepare({ events }) {
    const keys = wholeBatches(events);
    const rebuildKeys = wholeBatches(Math.ceil(keys / REBUILD_PART));
    const counts = new Map(Array.from(sampleOf(keys), (key) => [key, 2]));
    for (let batch = 0; batch < shortBatchesOf(keys); batch++) {
      for (const key of shortBatchKeys(batch, keys)) if (counts.has(key)) counts.set(key, counts.get(key) + 1);
    }
    const rebuilt = Array.from(sampleOf(rebuildKeys), (key) => [key, 2]);
    return { keys, rebuildKeys, expected: digestOf([...counts, ...rebuilt]), generatorSeconds: 0 };
  },

  async run({ keys, rebuildKeys }, { workers }) {
    return await withDirectory(async (directory) => {
      const restart = { directory: join(directory, "restart"), keys, workers };
      const filled = await killedAfter({ ...restart, shortBatches: shortBatchesOf(keys) });
      const restarted = await startAgain(restart, filled.batches);
      rmSync(restart.directory, { recursive: true });

      const rebuild = { directory: join(directory, "rebuild"), keys: rebuildKeys, workers };
      const changed = await killedAfter({ ...rebuild, isUntilSnapshot: true });
      rmSync(join(checkpointOf(rebuild), "state/chunks"), { recursive: true });
      const fileMb = stateFileMb(checkpointOf(rebuild));
      const rebuilt = await startAgain(rebuild, changed.batches);
      return {
        stateMb: filled.stateBytes / 2 ** 20,
        restartMs: restarted.sessionMs + restarted.queryMs,
        restartCpuMs: restarted.cpuMs,
        rebuildStateMb: changed.stateBytes / 2 ** 20,
        rebuildFileMb: fileMb,
        rebuildMs: rebuilt.queryMs,
        rebuildMbPerSecond: (1000 * fileMb) / rebuilt.queryMs,
        rebuildMbPerCpuSecond: (1000 * fileMb) / rebuilt.cpuMs,
        ...pauses(filled),
        digest: digestOf([...restarted.counts, ...rebuilt.counts.map(([key, count]) => [key, count - changed.rounds])]),
      };
    });
  },
};

const wholeBatches = (keys) => (keys > FILL_ROWS_MAX ? keys - (keys % FILL_ROWS_MAX) : keys);

/** Keys spread over all there are. */
function sampleOf(keys) {
  const count = Math.min(keys, SAMPLE_KEYS_MAX);
  return Uint32Array.from({ length: count }, (_, i) => Math.floor((i * keys) / count));
}

const digestOf = (counts) => digestOfLines(counts.map(([key, count]) => `${key},${count}`));

async function withDirectory(work) {
  const directory = mkdtempSync(join(tmpdir(), "millrace-bench-restart-"));
  try {
    return await work(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** What the process that makes the state says before it kills itself. */
async function killedAfter(plan) {
  return await new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(new URL("restart-state.mjs", import.meta.url)), [JSON.stringify(plan)]);
    let said;
    child.on("message", (message) => (said = message));
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      if (signal === "SIGKILL" && said) resolve(said);
      else reject(new Error(`the process that makes the state ended with ${signal ?? code}`));
    });
  });
}

/** Starts the query again after `batches` batches; its first one has the sample. */
async function startAgain(plan, batches) {
  const begun = performance.now();
  return await withSession(plan.workers, async (spark) => {
    const sessionMs = performance.now() - begun;
    const stream = new KeyStream(batches);
    const { seconds, cpuSeconds } = await timed(async () => {
      const query = await startQuery(spark, stream, plan, "memory");
      stream.add(sampleOf(plan.keys));
      await query.processAllAvailable();
    });
    const counts = tableRows(spark, "restart").map(([key, count, sum]) => {
      if (sum !== key * count) throw new Error(`the sum of key ${key} is ${sum} after ${count} rows`);
      return [Number(key), Number(count)];
    });
    return { sessionMs, queryMs: 1000 * seconds, cpuMs: 1000 * cpuSeconds, counts };
  });
}

function pauses({ long, short }) {
  const copying = (batches) => batches.filter(({ pauseMs }) => pauseMs > 0);
  const [shortOnes, longOnes] = [copying(short), copying(long)];
  return {
    ...(shortOnes.length > 0 && { pauseP99Ms: percentile(pauseOf(shortOnes), 99) }),
    ...(longOnes.length > 0 && {
      longBatchPauseP99Ms: percentile(pauseOf(longOnes), 99),
      longBatchPausePercent: percentile(
        longOnes.map(({ ms, pauseMs }) => (100 * pauseMs) / ms),
        50,
      ),
    }),
  };
}

const pauseOf = (batches) => batches.map(({ pauseMs }) => pauseMs);

/** Of the files that the newest commit names: the newest snapshot and the changes after it. */
function stateFileMb(checkpoint) {
  const { snapshots, changes } = newestCommit(checkpoint);
  if (snapshots.length === 0) throw new Error("there is no snapshot");
  const [after, files] = snapshots.at(-1);
  const needed = [...files, ...changes.filter(([batch]) => batch > after).flatMap(([, some]) => some)];
  return needed.reduce((bytes, [, length]) => bytes + length, 0) / 2 ** 20;
}
