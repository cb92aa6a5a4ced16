/**
 * Restart with state: counts per key are filled, the query stops, and a new one starts from its checkpoint: the time until its first batch is committed. The answer
 * is every count after one more event per key.
 */
import { join } from "node:path";
import { encodeColumnBatch } from "../../dist/columnar/column-batch.js";
import { parseSchema } from "../../dist/sql/parser.js";
import { digestOfLines } from "../harness/digest.mjs";
import { PoolStream, tableRows, withSession } from "../harness/engine.mjs";

const SCHEMA = parseSchema("key BIGINT, text STRING");
const FILLS = 3;
const textOf = (key) => `the text of key ${key}, which makes its row longer`;

export const suite = {
  name: "restart",
  group: "state",
  title: "Restart with state",
  kind: "latency",
  events: 2_000_000,
  about: { source: "columns in memory", sink: "noop, then memory, update", checkpoint: "every batch", rate: "no event time" },

  prepare({ events: keys }) {
    const lines = Array.from({ length: keys }, (_, key) => `${key},${FILLS + 1}`);
    return { keys, expected: digestOfLines(lines), generatorSeconds: 0 };
  },

  async run({ keys }, { workers }) {
    return await withSession(workers, async (spark, directory) => {
      const batchKeys = Math.min(keys, 100_000);
      const batches = Array.from({ length: Math.ceil(keys / batchKeys) }, (_, batch) => {
        const first = batch * batchKeys;
        const rows = Array.from({ length: Math.min(batchKeys, keys - first) }, (__, index) => [
          BigInt(first + index),
          textOf(first + index),
        ]);
        return encodeColumnBatch(SCHEMA, rows);
      });
      const stream = new PoolStream(SCHEMA, batches);
      const counts = stream.toFrame(spark).groupBy("key", "text").count();
      const start = (format) =>
        counts.writeStream
          .outputMode("update")
          .format(format)
          .queryName("counts")
          .option("checkpointLocation", join(directory, "checkpoint"))
          .start();
      const query = await start("noop");
      for (let fill = 0; fill < FILLS; fill++) {
        stream.addPool();
        await query.processAllAvailable();
      }
      const { stateOperators } = await query.lastProgress();
      await query.stop();
      const from = performance.now();
      const again = await start("memory");
      stream.addNext();
      await again.processAllAvailable();
      const restartMs = performance.now() - from;
      for (let batch = 1; batch < batches.length; batch++) stream.addNext();
      await again.processAllAvailable();
      await again.stop();
      const lines = tableRows(spark, "counts").map(([key, , count]) => `${key},${count}`);
      return { restartMs, stateMb: stateOperators[0].memoryUsedBytes / 2 ** 20, digest: digestOfLines(lines) };
    });
  },
};
