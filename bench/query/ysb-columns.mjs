/** YSB from columns in memory: the query itself, without parsing. One batch holds one second of event time and is committed durably. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { batchColumnPlace, columnBatchRowCount } from "../../dist/columnar/column-batch.js";
import { parseSchema } from "../../dist/sql/parser.js";
import { columnSchema } from "../data/ysb.mjs";
import { batchesIn, PoolStream, tableRows, timed, withSession } from "../harness/engine.mjs";
import { outputDigest, poolAnswer, prepareAds, preparePool, setSecond, ysbQuery } from "./ysb.mjs";

/** Where `event_time` is among the columns. */
const EVENT_TIME_COLUMN = 5;
const POOL_BATCHES = 8;
const POOL_BATCH_ROWS_MAX = 1 << 17;
const MEASURED_SECONDS = 6;
const WARM_UP_SECONDS = 3;
const USES = 24;

export const suite = {
  name: "ysb-columns",
  group: "ysb",
  title: "YSB from columns in memory",
  kind: "throughput",
  about: {
    source: "columns in memory, 140 bytes an event",
    sink: "memory, update",
    checkpoint: "every batch, one second of events",
    rate: "25 M/s",
  },
  scalesTo: [1, 2, 4, 8],
  events: MEASURED_SECONDS * USES * POOL_BATCHES * POOL_BATCH_ROWS_MAX,

  prepare({ directory, events }) {
    const rows = Math.max(1, Math.min(POOL_BATCH_ROWS_MAX, Math.round(events / (MEASURED_SECONDS * USES * POOL_BATCHES))));
    const measured = Math.max(1, Math.round(events / (USES * POOL_BATCHES * rows)));
    return prepareSeconds({ directory, rows, measured, uses: USES });
  },

  async run({ pool, measured, uses }, { workers }) {
    return await withSession(workers, async (spark, directory) => {
      const { stream, advance, rows } = secondsStream(pool, uses);
      const query = await startYsb(spark, stream, directory);
      for (let second = 0; second < WARM_UP_SECONDS; second++) {
        advance(second);
        await query.processAllAvailable();
      }
      const cost = await timed(async () => {
        for (let second = WARM_UP_SECONDS; second < WARM_UP_SECONDS + measured; second++) {
          advance(second);
          await query.processAllAvailable();
        }
      });
      await query.stop();
      return { ...cost, events: measured * uses * rows, digest: outputDigest(tableRows(spark, "ysb")) };
    });
  },

  native: ({ pool, ads, measured, uses }) => ["ysb-columns", pool, ads, WARM_UP_SECONDS, measured, uses],
};

/** Data and answer for `measured` seconds in batches of `uses` times the pool. */
export function prepareSeconds({ directory, rows, measured, uses }) {
  const { pool, answers, seconds } = preparePool(directory, rows);
  const expected = poolAnswer(answers, WARM_UP_SECONDS + measured, uses);
  return { pool, ads: prepareAds(directory), measured, uses, expected, generatorSeconds: seconds };
}

/** The stream over the pool; `advance(second)` lets one more second of events arrive. */
export function secondsStream(pool, uses) {
  const batches = batchesIn(readFileSync(pool));
  const rowCounts = batches.map(columnBatchRowCount);
  const timeColumns = batches.map((batch, index) => {
    const { values } = batchColumnPlace(batch, EVENT_TIME_COLUMN);
    return new BigInt64Array(batch.buffer, batch.byteOffset + values, rowCounts[index]);
  });
  const stream = new PoolStream(parseSchema(columnSchema), batches);
  const advance = (second) => {
    setSecond(timeColumns, second);
    stream.addPool(uses);
  };
  return { stream, advance, rows: rowCounts.reduce((sum, count) => sum + count, 0) };
}

/** The query over views in `stream`; its results are kept in the table `name`, so that they can be checked. */
export async function startYsb(spark, stream, directory, name = "ysb") {
  const views = stream.toFrame(spark).filter("event_type = 'view'").select("ad_id", "event_time");
  return await ysbQuery(spark, views)
    .writeStream.outputMode("update")
    .format("memory")
    .queryName(name)
    .option("checkpointLocation", join(directory, "checkpoint"))
    .start();
}
