/**
 * Restart with state: aggregates per key are filled and then changed at full speed, the query stops wherever its background copies are, and a new
 * one starts from its checkpoint: the time until its first batch is committed, first from the chunk store, then without it, from snapshot and
 * change files. Also how long copies keep workers from a batch, and what they cost the batches in which they go on. At full size 1 GB of state.
 * The answer is what a sample of the keys has after all of it.
 */
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { batchColumnPlace, encodeColumnBatch } from "../../dist/columnar/column-batch.js";
import { parseSchema } from "../../dist/sql/parser.js";
import { digestOfLines } from "../harness/digest.mjs";
import { batchesIn, F, PoolStream, tableRows, timed, withSession } from "../harness/engine.mjs";
import { Random } from "../harness/random.mjs";
import { median, percentile } from "../harness/statistics.mjs";

const SCHEMA = parseSchema("key BIGINT");
const BATCH_ROWS_MAX = 1_000_000;
const FILLS = 2;
const HOT_POOL = 4;
const HOT_BATCHES = 40;
const SAMPLE_KEYS_MAX = 10_000;

export const suite = {
  name: "restart",
  group: "state",
  title: "Restart with state",
  kind: "latency",
  events: 8_000_000,
  about: { source: "columns in memory", sink: "noop, then memory, update", checkpoint: "every batch", rate: "no event time" },

  prepare({ events }) {
    // Whole batches.
    const keys = events > BATCH_ROWS_MAX ? events - (events % BATCH_ROWS_MAX) : events;
    const sample = sampleOf(keys);
    const counts = new Map([...sample].map((key) => [key, FILLS]));
    const drawn = hotKeys(keys);
    for (let batch = 0; batch < HOT_BATCHES; batch++) {
      for (const key of drawn[batch % HOT_POOL]) if (counts.has(key)) counts.set(key, counts.get(key) + 1);
    }
    const lines = [1, 2].flatMap((start) => [...counts].map(([key, count]) => `${key},${count + start},${BigInt(count + start) * key}`));
    return { keys, expected: digestOfLines(lines), generatorSeconds: 0 };
  },

  async run({ keys }, { workers }) {
    return await withSession(workers, async (spark, directory) => {
      const rows = Math.min(keys, BATCH_ROWS_MAX);
      const like = encodeColumnBatch(
        SCHEMA,
        Array.from({ length: rows }, () => [0n]),
      );
      const fills = Array.from({ length: Math.ceil(keys / rows) }, (_, batch) =>
        batchOf(
          like,
          BigInt64Array.from({ length: rows }, (__, i) => BigInt(batch * rows + i)),
        ),
      );
      const hot = hotKeys(keys).map((drawn) => batchOf(like, drawn));
      const stream = new PoolStream(SCHEMA, [
        ...Array.from({ length: FILLS }, () => fills).flat(),
        ...Array.from({ length: HOT_BATCHES }, (_, batch) => hot[batch % HOT_POOL]),
        ...[1, 2].map(() =>
          batchOf(
            encodeColumnBatch(
              SCHEMA,
              Array.from(sampleOf(keys), (key) => [key]),
            ),
            sampleOf(keys),
          ),
        ),
      ]);
      const checkpoint = join(directory, "checkpoint");
      const aggregates = [F.count("*"), F.sum("key"), F.min("key"), F.max("key"), F.avg("key")];
      const frame = stream
        .toFrame(spark)
        .groupBy("key")
        .agg(...aggregates);
      const start = (name, format) =>
        frame.writeStream.outputMode("update").format(format).queryName(name).option("checkpointLocation", checkpoint).start();

      const query = await start("filled", "noop");
      const batches = [];
      for (let batch = 0; batch < FILLS * fills.length + HOT_BATCHES; batch++) {
        const { seconds } = await timed(async () => {
          stream.addNext();
          await query.processAllAvailable();
        });
        const { stateOperators } = await query.lastProgress();
        batches.push({ ms: 1000 * seconds, pauseMs: (stateOperators[0].customMetrics.chunkCopyPauseMicros ?? 0) / 1000 });
      }
      const [{ memoryUsedBytes }] = (await query.lastProgress()).stateOperators;
      await query.stop();

      const restarted = async (name) => {
        let again;
        const { seconds } = await timed(async () => {
          again = await start(name, "memory");
          stream.addNext();
          await again.processAllAvailable();
        });
        await again.stop();
        return 1000 * seconds;
      };
      const restartMs = await restarted("fromChunks");
      rmSync(join(checkpoint, "state/chunks"), { recursive: true, force: true });
      const fileMb = stateFileMb(checkpoint);
      const rebuildMs = await restarted("fromFiles");

      const hotBatches = batches.slice(-HOT_BATCHES);
      const pauses = batches.map(({ pauseMs }) => pauseMs).filter((ms) => ms > 0);
      const [copying, others] = [true, false].map((isCopying) => hotBatches.filter(({ pauseMs }) => pauseMs > 0 === isCopying));
      const isComparable = copying.length > 2 && others.length > 2;
      const ms = (some) => median(some.map((batch) => batch.ms));
      return {
        stateMb: memoryUsedBytes / 2 ** 20,
        restartMs,
        rebuildMs,
        rebuildMbPerSecond: (1000 * fileMb) / rebuildMs,
        pauseP99Ms: pauses.length > 0 ? percentile(pauses, 99) : 0,
        ...(isComparable && { copyingCostPercent: 100 * (ms(copying) / ms(others) - 1) }),
        digest: digestOfLines(
          ["fromChunks", "fromFiles"].flatMap((name) => tableRows(spark, name).map(([key, n, sum]) => `${key},${n},${sum}`)),
        ),
      };
    });
  },
};

/** Keys spread over all there are. */
function sampleOf(keys) {
  const count = Math.min(keys, SAMPLE_KEYS_MAX);
  return BigInt64Array.from({ length: count }, (_, i) => BigInt(Math.floor((i * keys) / count)));
}

function hotKeys(keys) {
  return Array.from({ length: HOT_POOL }, (_, batch) => {
    const random = new Random(500 + batch);
    return BigInt64Array.from({ length: Math.min(keys, BATCH_ROWS_MAX) }, () => BigInt(random.below(keys)));
  });
}

/** A copy of a batch of as many rows, with other keys. */
function batchOf(like, keys) {
  const [batch] = batchesIn(like);
  new BigInt64Array(batch.buffer, batch.byteOffset + batchColumnPlace(batch, 0).values, keys.length).set(keys);
  return batch;
}

/** Of the files that the newest commit names: the newest snapshot and the changes after it, or all changes. */
function stateFileMb(checkpoint) {
  const commits = readdirSync(join(checkpoint, "commits")).filter((name) => /^\d+$/.test(name));
  const newest = Math.max(...commits.map(Number));
  const { snapshots, changes } = JSON.parse(readFileSync(join(checkpoint, "commits", String(newest)), "utf8").split("\n")[1]).millrace;
  const [after, files] = snapshots.at(-1) ?? [-1, []];
  const needed = [...files, ...changes.filter(([batch]) => batch > after).flatMap(([, some]) => some)];
  return needed.reduce((bytes, [, length]) => bytes + length, 0) / 2 ** 20;
}
