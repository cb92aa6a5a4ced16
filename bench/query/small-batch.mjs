/**
 * How long a trigger of 100 rows takes: a windowed count, made durable. Reports the trigger by this process's clock, its phases from the
 * query's own progress, and beside them the disk's part: the same files, sizes and barriers, written once more with plain `node:fs`.
 */
import { closeSync, fdatasyncSync, fsyncSync, linkSync, mkdirSync, openSync, readdirSync, statSync, unlinkSync, writeSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { encodeColumnBatch } from "../../dist/columnar/column-batch.js";
import { parseSchema } from "../../dist/sql/parser.js";
import { digestOfLines } from "../harness/digest.mjs";
import { F, PoolStream, tableRows, timed, withSession } from "../harness/engine.mjs";
import { percentile } from "../harness/statistics.mjs";

const ROWS = 100;
const WARM_UP_BATCHES_MAX = 200;
const SCHEMA = parseSchema("time TIMESTAMP");
const FIRST_SECOND = 1_700_000_000;
const WINDOW_SECONDS = 5;
const PHASES = ["latestOffset", "walCommit", "getBatch", "addBatch", "commitOffsets"];

export const suite = {
  name: "small-batch",
  group: "latency",
  title: "Trigger time of 100 rows, windowed count",
  kind: "latency",
  about: { source: "columns in memory, 8 bytes an event", sink: "memory, update", checkpoint: "every batch of 100 rows", rate: "100/s" },
  events: 40_000,

  prepare({ events }) {
    const batches = Math.max(10, Math.round(events / ROWS));
    const warmUp = Math.min(WARM_UP_BATCHES_MAX, batches);
    return { batches, warmUp, expected: expectedDigest(warmUp + batches), generatorSeconds: 0 };
  },

  async run({ batches, warmUp }, { workers }) {
    return await withSession(workers, async (spark, directory) => {
      spark.conf.set("spark.sql.streaming.noDataMicroBatches.enabled", "false");
      const checkpoint = join(directory, "checkpoint");
      const calls = new CallRecorder(spark.executor.ports.files);
      const stream = new PoolStream(
        SCHEMA,
        Array.from({ length: warmUp + batches }, (_, second) => batchOf(second)),
      );
      const query = await stream
        .toFrame(spark)
        .withWatermark("time", "10 seconds")
        .groupBy(F.window(F.col("time"), `${WINDOW_SECONDS} seconds`))
        .count()
        .writeStream.outputMode("update")
        .format("memory")
        .queryName("counts")
        .option("checkpointLocation", checkpoint)
        .start();
      const trigger = async () => {
        const start = performance.now();
        stream.addNext();
        await query.processAllAvailable();
        return performance.now() - start;
      };
      for (let batch = 0; batch < warmUp; batch++) await trigger();
      calls.forget();
      const device = new Device(join(directory, "device"));
      const triggers = [];
      const writes = [];
      let cpuMs = 0;
      for (let batch = 0; batch < batches; batch++) {
        const cost = await timed(async () => triggers.push(await trigger()));
        cpuMs += cost.cpuSeconds * 1000;
        writes.push(device.time(calls.take(), newestStateFileBytes(checkpoint, warmUp + batch)));
      }
      calls.stop();
      const progress = (await query.recentProgress()).filter(({ numInputRows }) => numInputRows > 0).slice(-batches);
      await query.stop();
      const split = Object.fromEntries(PHASES.map((phase) => [phase, mean(progress.map(({ durationMs }) => durationMs[phase] ?? 0))]));
      return {
        p50Ms: percentile(triggers, 50),
        p99Ms: percentile(triggers, 99),
        deviceP50Ms: percentile(writes, 50),
        deviceP99Ms: percentile(writes, 99),
        aboveDeviceP50Ms: percentile(
          triggers.map((ms, batch) => ms - writes[batch]),
          50,
        ),
        cpuMsPerTrigger: cpuMs / batches,
        split,
        filesPerTrigger: calls.filesTaken / batches + 1,
        digest: outputDigest(tableRows(spark, "counts")),
      };
    });
  },
};

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** A batch moves on by one second and reaches back over the five before. */
const secondOf = (batch, row) => FIRST_SECOND + batch - (row % 5);

function batchOf(batch) {
  return encodeColumnBatch(
    SCHEMA,
    Array.from({ length: ROWS }, (_, row) => [BigInt(secondOf(batch, row)) * 1_000_000n]),
  );
}

function expectedDigest(batches) {
  const counts = new Map();
  for (let batch = 0; batch < batches; batch++) {
    for (let row = 0; row < ROWS; row++) {
      const start = Math.floor(secondOf(batch, row) / WINDOW_SECONDS) * WINDOW_SECONDS;
      counts.set(start, (counts.get(start) ?? 0) + 1);
    }
  }
  return digestOfLines([...counts].map(([start, count]) => `${start},${count}`));
}

function outputDigest(rows) {
  const latest = new Map(rows.map(([window, count]) => [window[0] / 1_000_000n, count]));
  return digestOfLines([...latest].map(([start, count]) => `${start},${count}`));
}

/** Notes what the main thread asks of the disk, in order; a new file when it is written. */
class CallRecorder {
  filesTaken = 0;
  #files;
  #originals;
  #calls = [];

  constructor(files) {
    this.#files = files;
    const { createNew, link, remove, syncDirectory, openDirectory } = files;
    this.#originals = { createNew, link, remove, syncDirectory, openDirectory };
    const noted = (method, path, work) => (second) => {
      this.#calls.push({ method, path, second });
      return work(second);
    };
    files.createNew = async (path) => {
      const file = await createNew.call(files, path);
      return { ...file, write: noted("writeNew", path, (bytes) => file.write(bytes)) };
    };
    files.openDirectory = async (path) => {
      const directory = await openDirectory.call(files, path);
      return { ...directory, sync: noted("syncDirectory", path, () => directory.sync()) };
    };
    files.syncDirectory = (path) => noted("syncDirectory", path, () => syncDirectory.call(files, path))();
    files.remove = (path) => noted("remove", path, () => remove.call(files, path))();
    files.link = (from, to) => noted("link", from, () => link.call(files, from, to))(to);
  }

  forget() {
    this.#calls = [];
  }

  /** What was noted since the last call. */
  take() {
    this.filesTaken += this.#calls.filter(({ method }) => method === "writeNew").length;
    return this.#calls.splice(0);
  }

  stop() {
    Object.assign(this.#files, this.#originals);
  }
}

/** Size of the change file that the worker wrote for a batch, which the main thread does not see. */
function newestStateFileBytes(checkpoint, batch) {
  const changes = join(checkpoint, "state", "changes");
  const name = readdirSync(changes).find((file) => Number.parseInt(file) === batch);
  if (name === undefined) throw new Error(`batch ${batch} left no change file in ${changes}`);
  return statSync(join(changes, name)).size;
}

/** Does what was noted once more, in directories of its own, with nothing in between. */
class Device {
  #directory;
  #batches = 0;

  constructor(directory) {
    this.#directory = directory;
    for (const folder of ["checkpoint", "offsets", "commits", "state", "changes", "index"]) {
      mkdirSync(join(directory, folder), { recursive: true });
    }
  }

  /** Milliseconds for the calls of one batch and its change file. */
  time(calls, stateBytes) {
    const state = Buffer.alloc(stateBytes, "s");
    const start = performance.now();
    for (const call of calls) this.#again(call);
    writeDurably(join(this.#directory, "state", `${this.#batches++}.changes`), state);
    syncFolder(join(this.#directory, "state"));
    return performance.now() - start;
  }

  #again({ method, path, second }) {
    switch (method) {
      case "writeNew":
        return writeDurably(this.#place(path), second);
      case "link":
        return linkSync(this.#place(path), this.#place(second));
      case "remove":
        return unlinkIfThere(this.#place(path));
      case "syncDirectory":
        return syncFolder(join(this.#directory, basename(path)));
    }
  }

  #place(path) {
    return join(this.#directory, basename(dirname(path)), basename(path));
  }
}

function writeDurably(path, bytes) {
  const descriptor = openSync(path, "wx");
  writeSync(descriptor, bytes);
  fdatasyncSync(descriptor);
  closeSync(descriptor);
}

function syncFolder(path) {
  const descriptor = openSync(path, "r");
  fsyncSync(descriptor);
  closeSync(descriptor);
}

/** Files of the warm-up are purged too, and were never written here. */
function unlinkIfThere(path) {
  try {
    unlinkSync(path);
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
  }
}
