/**
 * Queries whose checkpoints are kept from one version to the next (`released/<version>/<query>`), and what each batch puts out, computed in plain
 * JavaScript from the rows of the rate source, which follow from the batch's number.
 */
import { functions as F, Session } from "../../dist/index.js";

const ROWS = 20;
const STEP_S = 5;
const START_S = 1_700_000_000;
const DELAY_S = 10;
const WINDOW_S = 15;

const valuesOf = (batch) => Array.from({ length: ROWS }, (_, row) => batch * ROWS + row);
const timeOf = (batch) => START_S + batch * STEP_S;
/** What the batch evicts by: it saw the batches before it. */
const watermarkOf = (batch) => timeOf(batch - 1) - DELAY_S;
const upTo = (batch) => Array.from({ length: batch + 1 }, (_, id) => id);

const windowOf = (batch) => Math.floor(timeOf(batch) / WINDOW_S) * WINDOW_S;

export const queries = {
  windows: {
    outputMode: "append",
    build: (rows) =>
      rows
        .withWatermark("timestamp", `${DELAY_S} seconds`)
        .groupBy(F.window("timestamp", `${WINDOW_S} seconds`).as("window"), F.expr("value % 7").as("key"))
        .agg(F.count("*").as("n"), F.sum("value").as("sum"))
        .selectExpr("CAST(window.start AS BIGINT) AS start", "key", "n", "sum"),
    expected(batch) {
      const isDue = (start) => start + WINDOW_S <= watermarkOf(batch) && start + WINDOW_S > watermarkOf(batch - 1);
      const groups = new Map();
      for (const earlier of upTo(batch)) {
        const start = windowOf(earlier);
        if (!isDue(start)) continue;
        for (const value of valuesOf(earlier)) {
          const [, , n, sum] = groups.get(`${start} ${value % 7}`) ?? [start, value % 7, 0, 0];
          groups.set(`${start} ${value % 7}`, [start, value % 7, n + 1, sum + value]);
        }
      }
      return [...groups.values()];
    },
  },
  totals: {
    outputMode: "update",
    build: (rows) =>
      rows
        .groupBy(F.expr("value % 5").as("key"))
        .agg(F.count("*").as("n"), F.avg("value").as("mean"), F.expr("max(concat('the text of ', value))").as("last")),
    expected: (batch) =>
      [0, 1, 2, 3, 4].map((key) => {
        const values = upTo(batch)
          .flatMap(valuesOf)
          .filter((value) => value % 5 === key);
        const texts = values.map((value) => `the text of ${value}`).sort();
        return [key, values.length, values.reduce((sum, value) => sum + value, 0) / values.length, texts.at(-1)];
      }),
  },
  duplicates: {
    outputMode: "append",
    build: (rows) =>
      rows
        .withWatermark("timestamp", `${DELAY_S} seconds`)
        .selectExpr("value % 50 AS id", "value", "timestamp")
        .dropDuplicatesWithinWatermark("id")
        .select("id", "value"),
    expected(batch) {
      const kept = new Map();
      let passed = [];
      for (const earlier of upTo(batch)) {
        passed = valuesOf(earlier).filter((value) => !kept.has(value % 50));
        for (const value of passed) kept.set(value % 50, timeOf(earlier) + DELAY_S);
        for (const [id, expiry] of kept) if (earlier > 0 && expiry <= watermarkOf(earlier)) kept.delete(id);
      }
      return passed.map((value) => [value % 50, value]);
    },
  },
};

const settings = {
  "spark.sql.session.timeZone": "UTC",
  "spark.sql.shuffle.partitions": "3",
  "spark.sql.streaming.minBatchesToRetain": "2",
  "spark.sql.streaming.stateStore.maintenanceInterval": "0",
  "spark.sql.streaming.stateStore.minDeltasForSnapshot": "3",
};

/** Goes on over the checkpoint up to batch `last`; the rows of each batch, numbers as they are. */
export async function goOn(name, checkpoint, workers, last) {
  const spark = await Session.builder().master(`local[${workers}]`).config(settings).create();
  try {
    const { build, outputMode } = queries[name];
    const options = { rowsPerBatch: ROWS, startTimestamp: START_S * 1000, advanceMillisPerBatch: STEP_S * 1000, numPartitions: 2 };
    const output = new Map();
    const query = await build(spark.readStream.format("rate-micro-batch").options(options).load())
      .writeStream.outputMode(outputMode)
      .option("checkpointLocation", checkpoint)
      .foreachBatch(async (frame, batchId) => {
        const rows = await frame.collect();
        output.set(
          batchId,
          rows.map((row) => Object.values(row).map((value) => (typeof value === "bigint" ? Number(value) : value))),
        );
        if (batchId === last) await query.stop();
      })
      .trigger({ processingTime: 0 })
      .start();
    await query.awaitTermination();
    return output;
  } finally {
    await spark.stop();
  }
}
