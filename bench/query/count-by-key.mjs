/**
 * Counts per key over a million BIGINT keys in random order, update mode: a million rows of state, of which each batch changes and makes
 * durable about two thirds. The state is checked by starting the query again from its checkpoint, with one more event per key.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { batchColumnPlace, columnBatchRowCount, encodeColumnBatch } from "../../dist/columnar/column-batch.js";
import { parseSchema } from "../../dist/sql/parser.js";
import { KEY_STRIDE } from "../data/sets.mjs";
import { digestOfNumbers } from "../harness/digest.mjs";
import { batchesIn, PoolStream, tableRows, timed, withSession } from "../harness/engine.mjs";
import { Random } from "../harness/random.mjs";
import { prepareFile } from "./ysb.mjs";

const POOL_BATCHES = 8;
const KEYS_MAX = 1_000_000;
const schema = parseSchema("key BIGINT");

export const suite = {
  name: "count-by-key",
  group: "state",
  title: "Count by key, 1 M keys, update mode",
  kind: "throughput",
  about: {
    source: "columns in memory, 8 bytes an event",
    sink: "noop, update",
    checkpoint: "every batch of 1 M events",
    rate: "no event time",
  },
  scalesTo: [1, 2],
  events: 16_000_000,

  prepare({ directory, events }) {
    mkdirSync(directory, { recursive: true });
    const keys = Math.max(1, Math.min(KEYS_MAX, Math.floor(events / 8)));
    const pool = join(directory, `keys-${keys}.bin`);
    const answer = join(directory, `keys-${keys}.json`);
    let generatorSeconds = 0;
    if (!existsSync(answer)) {
      let perBatch;
      generatorSeconds += prepareFile(pool, (file) => (perBatch = writePool(file, keys)));
      prepareFile(answer, (file) => writeFileSync(file, JSON.stringify(perBatch.map((counts) => [...counts]))));
    }
    const batches = Math.max(1, Math.round(events / keys));
    return { pool, keys, batches, expected: expectedDigest(JSON.parse(readFileSync(answer, "utf8")), keys, batches), generatorSeconds };
  },

  async run({ pool, keys, batches }, { workers }) {
    return await withSession(workers, async (spark, directory) => {
      const checkpoint = join(directory, "checkpoint");
      const data = batchesIn(readFileSync(pool));
      const stream = new PoolStream(schema, data);
      const counts = stream.toFrame(spark).groupBy("key").count();
      const start = (format) =>
        counts.writeStream.outputMode("update").format(format).queryName("counts").option("checkpointLocation", checkpoint).start();
      const query = await start("noop");
      const runBatches = async (count) => {
        for (let batch = 0; batch < count; batch++) {
          stream.addNext();
          await query.processAllAvailable();
        }
      };
      await runBatches(POOL_BATCHES);
      const cost = await timed(() => runBatches(batches));
      await query.stop();
      setKeys(data, keys);
      const check = await start("memory");
      stream.addNext();
      await check.processAllAvailable();
      await check.stop();
      return { ...cost, events: batches * keys, digest: outputDigest(tableRows(spark, "counts"), keys) };
    });
  },

  native: ({ pool, keys, batches }) => ["count-by-key", pool, keys, POOL_BATCHES, batches],
};

function writePool(file, keys) {
  return Array.from({ length: POOL_BATCHES }, (_, batch) => {
    const random = new Random(3000 + batch);
    const counts = new Uint32Array(keys);
    const rows = Array.from({ length: keys }, () => {
      const key = random.below(keys);
      counts[key]++;
      return [BigInt(key * KEY_STRIDE)];
    });
    const encoded = encodeColumnBatch(schema, rows);
    const padded = Buffer.alloc(Math.ceil(encoded.length / 8) * 8);
    padded.set(encoded);
    writeFileSync(file, padded, { flag: "a" });
    return counts;
  });
}

/** Makes every batch of the pool hold every key once. */
function setKeys(batches, keys) {
  for (const batch of batches) {
    const { values } = batchColumnPlace(batch, 0);
    const column = new BigInt64Array(batch.buffer, batch.byteOffset + values, columnBatchRowCount(batch));
    for (let key = 0; key < keys; key++) column[key] = BigInt(key * KEY_STRIDE);
  }
}

/** Digest of the counts in the order of the keys. Warm-up, measured batches and the check count. */
function expectedDigest(perBatch, keys, batches) {
  const total = new Float64Array(keys).fill(1);
  for (let batch = 0; batch < POOL_BATCHES + batches; batch++) {
    const counts = perBatch[batch % POOL_BATCHES];
    for (let key = 0; key < keys; key++) total[key] += counts[key];
  }
  return digestOfNumbers(total);
}

function outputDigest(rows, keys) {
  const total = new Float64Array(keys);
  for (const [key, count] of rows) total[Number(key) / KEY_STRIDE] = Number(count);
  return digestOfNumbers(total);
}
