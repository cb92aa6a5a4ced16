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
