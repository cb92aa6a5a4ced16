/** What the queries of the benchmark share inside the measured process: a session, a place for checkpoints, clocks. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { functions, Session } from "../../dist/index.js";

export const F = functions;

/** Runs `work(spark, directory)` with a session of `workers` threads and an empty directory on disk; ends and removes both. */
export async function withSession(workers, work) {
  const directory = mkdtempSync(join(tmpdir(), "millrace-bench-run-"));
  const spark = await Session.builder()
    .master(`local[${workers}]`)
    .config("spark.sql.streaming.numRecentProgressUpdates", "100000")
    .getOrCreate();
  try {
    return await work(spark, directory);
  } finally {
    await spark.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Wall and CPU seconds of this process (all threads) that `work` took. */
export async function timed(work) {
  const cpuStart = process.cpuUsage();
  const start = performance.now();
  await work();
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpuStart);
  return { seconds, cpuSeconds: (user + system) / 1e6 };
}

const WARM_UP = { rounds: 2, seconds: 1 };
const MEASURED = { rounds: 1, seconds: 1 };
const ROUNDS_MAX = 8;

/**
 * Runs a query over all `events` of its files again and again, first to warm up, then measured: `{ events, seconds, cpuSeconds }` of all
 * measured runs together, as in a turn of the peers (`peers/compare.mjs`). A short run would show how a process starts and compiles. Tiny
 * inputs, those of tests, are not run for so long.
 */
export async function timedRounds(events, runOnce) {
  const fullEvents = 1_000_000;
  const repeat = async ({ rounds, seconds }) => {
    const total = { events: 0, seconds: 0, cpuSeconds: 0 };
    const wanted = seconds * Math.min(1, events / fullEvents);
    for (let round = 0; round < ROUNDS_MAX && (round < rounds || total.seconds < wanted); round++) {
      const cost = await timed(runOnce);
      total.events += events;
      total.seconds += cost.seconds;
      total.cpuSeconds += cost.cpuSeconds;
    }
    return total;
  };
  await repeat(WARM_UP);
  return await repeat(MEASURED);
}

/** Rows of the in-memory table that a `memory` sink keeps under `name`, as arrays of values. */
export function tableRows(spark, name) {
  return spark.executor.memoryTables.get(name).rows();
}

/**
 * A memory stream over encoded batches that exist once and are read as often as they are added, so that a run may be larger than memory.
 * Stands where a `MemoryStream` stands.
 */
export class PoolStream {
  #pool;
  #added = 0;

  constructor(schema, pool) {
    this.schema = schema;
    this.#pool = pool;
  }

  /** Makes the whole pool available, `times` times. */
  addPool(times = 1) {
    this.#added += times * this.#pool.length;
  }

  /** Makes the next batch of the pool available. */
  addNext() {
    this.#added++;
  }

  get latest() {
    return this.#added - 1;
  }

  batch(offset) {
    return this.#pool[offset % this.#pool.length];
  }

  /** A streaming frame over this stream. */
  toFrame(spark) {
    return spark.readStream.format("memory").option("stream", spark.executor.addMemoryStream(this)).load();
  }
}

/** The encoded batches in `bytes`, which hold one after the other; each at a multiple of 8 on one SharedArrayBuffer. */
export function batchesIn(bytes) {
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  const view = new DataView(shared.buffer);
  const batches = [];
  for (let at = 0; at < shared.length;) {
    const length = view.getUint32(at + 16, true);
    batches.push(shared.subarray(at, at + length));
    at += Math.ceil(length / 8) * 8;
  }
  return batches;
}
