/**
 * Counts per key with four times more state than `millrace.memory.limit`: every batch changes random keys, so that nearly every chunk of the state
 * comes back into memory and leaves it again. The answer is the count of every sixteenth key after the query has started again from its
 * checkpoint, with one more event for each of these.
 */
import { join } from "node:path";
import { encodeColumnBatch } from "../../dist/columnar/column-batch.js";
import { parseSchema } from "../../dist/sql/parser.js";
import { KEY_STRIDE } from "../data/sets.mjs";
import { digestOfNumbers } from "../harness/digest.mjs";
import { PoolStream, tableRows, timed, withSession } from "../harness/engine.mjs";
import { Random } from "../harness/random.mjs";

const KEYS_MAX = 4_000_000;
const BATCH_ROWS_MAX = 1_000_000;
const POOL_BATCHES = 4;
const OVER = 4;
/** Of a key's row in full chunks, slots and free space included. */
const BYTES_PER_KEY = 67;
/** With fewer the smallest chunks of all partitions are more than that. */
const LIMIT_BYTES_MIN = 200_000;
const CHECKED_EVERY = 16;
const SCHEMA = parseSchema("key BIGINT");

export const suite = {
  name: "state-beyond-memory",
  group: "state",
  title: "Count by key, state 4x over the memory limit",
  kind: "throughput",
  about: {
    source: "columns in memory, 8 bytes an event",
    sink: "noop, update",
    checkpoint: "every batch of 1 M events",
    rate: "no event time",
  },
  events: 16_000_000,

  prepare({ events }) {
    const keys = Math.max(CHECKED_EVERY, Math.min(KEYS_MAX, Math.floor(events / 4)));
    const batchRows = Math.min(BATCH_ROWS_MAX, keys);
    const batches = Math.max(1, Math.round(events / batchRows));
    const counts = new Float64Array(keys).fill(1);
    const pool = poolKeys(keys, batchRows);
    for (let batch = 0; batch < batches; batch++) for (const key of pool[batch % POOL_BATCHES]) counts[key]++;
    const checked = counts.filter((_, key) => key % CHECKED_EVERY === 0).map((count) => count + 1);
    return { keys, batchRows, batches, expected: digestOfNumbers(checked), generatorSeconds: 0 };
  },

  async run({ keys, batchRows, batches }, { workers }) {
    return await withSession(workers, async (spark, directory) => {
      const limit = Math.max(LIMIT_BYTES_MIN, Math.floor((keys * BYTES_PER_KEY) / OVER));
      await spark.conf.set("millrace.memory.limit", limit);
      const fills = Array.from({ length: Math.ceil(keys / batchRows) }, (_, i) => {
        const first = i * batchRows;
        return Array.from({ length: Math.min(batchRows, keys - first) }, (__, index) => first + index);
      });
      const checks = Array.from({ length: Math.ceil(keys / CHECKED_EVERY) }, (_, index) => index * CHECKED_EVERY);
      const pool = poolKeys(keys, batchRows).map(encoded);
      const measured = Array.from({ length: batches }, (_, batch) => pool[batch % POOL_BATCHES]);
      const stream = new PoolStream(SCHEMA, [...fills.map(encoded), ...measured, encoded(checks)]);
      const frame = stream.toFrame(spark).groupBy("key").count();
      const start = (format) =>
        frame.writeStream
          .outputMode("update")
          .format(format)
          .queryName("counts")
          .option("checkpointLocation", join(directory, "checkpoint"))
          .start();
      const query = await start("noop");
      const run = async (count) => {
        for (let batch = 0; batch < count; batch++) {
          stream.addNext();
          await query.processAllAvailable();
        }
      };
      await run(fills.length);
      const cost = await timed(() => run(batches));
      const [{ memoryUsedBytes }] = (await query.lastProgress()).stateOperators;
      if (memoryUsedBytes > limit) throw new Error(`the state takes ${memoryUsedBytes} bytes of memory, more than ${limit}`);
      await query.stop();
      const check = await start("memory");
      stream.addNext();
      await check.processAllAvailable();
      await check.stop();
      const counts = new Float64Array(checks.length);
      for (const [key, count] of tableRows(spark, "counts")) counts[Number(key) / KEY_STRIDE / CHECKED_EVERY] = Number(count);
      return { ...cost, events: batches * batchRows, digest: digestOfNumbers(counts) };
    });
  },
};

const poolKeys = (keys, rows) =>
  Array.from({ length: POOL_BATCHES }, (_, batch) => {
    const random = new Random(7000 + batch);
    return Array.from({ length: rows }, () => random.below(keys));
  });

function encoded(keys) {
  return encodeColumnBatch(
    SCHEMA,
    keys.map((key) => [BigInt(key * KEY_STRIDE)]),
  );
}
