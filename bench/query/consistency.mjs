/**
 * Internal consistency: money moves between accounts, so the sum of all balances is zero after every batch. Each transfer becomes a credit and a debit of
 * the same batch; every output is summed, and the last one is compared with balances by DuckDB.
 */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseSchema } from "../../dist/sql/parser.js";
import { writeSet } from "../data/sets.mjs";
import { duckFiles, duckLines, keptAnswer } from "../harness/answers.mjs";
import { digestOfLines } from "../harness/digest.mjs";
import { batchesIn, F, PoolStream, timed, withSession } from "../harness/engine.mjs";

const SCHEMA = parseSchema("id BIGINT, from_account INT, to_account INT, amount BIGINT, ts TIMESTAMP");
const FILES = 10;

export const suite = {
  name: "consistency",
  group: "consistency",
  title: "Transfers between 10 accounts: total 0 at every output",
  kind: "throughput",
  events: 10_000_000,
  about: {
    source: "columns in memory, 32 bytes an event",
    sink: "foreachBatch, complete",
    checkpoint: "every batch",
    rate: "10 M in 60 s",
  },

  async prepare({ directory, events }) {
    const columns = await writeSet("transfers", { directory, form: "columns", events, files: FILES, seed: 42 });
    const expected = await keptAnswer(dirname(columns.files.transfers[0]), async () => {
      const { files } = await writeSet("transfers", { directory, form: "parquet", events, files: FILES, seed: 42 });
      const rows = `read_parquet(${duckFiles(files.transfers)})`;
      const changes = `SELECT to_account AS account, amount FROM ${rows} UNION ALL SELECT from_account, -amount FROM ${rows}`;
      return `0 wrong, ${digestOfLines(await duckLines(`SELECT account::VARCHAR, sum(amount)::BIGINT::VARCHAR FROM (${changes}) GROUP BY 1`))}`;
    });
    return { columns, expected, generatorSeconds: columns.seconds };
  },

  async run({ columns }, { workers }) {
    return await withSession(workers, async (spark, directory) => {
      const batches = columns.files.transfers.flatMap((path) => batchesIn(readFileSync(path)));
      const runOnce = async (name, wanted) => {
        const stream = new PoolStream(SCHEMA, batches);
        let wrong = 0;
        let balances = [];
        const query = await balanceOf(spark, stream.toFrame(spark))
          .writeStream.outputMode("complete")
          .foreachBatch(async (output) => {
            balances = await output.collect();
            if (balances.reduce((sum, { balance }) => sum + balance, 0n) !== 0n) wrong++;
          })
          .option("checkpointLocation", join(directory, name))
          .start();
        for (let batch = 0; batch < wanted; batch++) {
          stream.addNext();
          await query.processAllAvailable();
        }
        await query.stop();
        return `${wrong} wrong, ${digestOfLines(balances.map(({ account, balance }) => `${account},${balance}`))}`;
      };
      await runOnce("warm-up", Math.min(4, batches.length));
      let digest;
      const cost = await timed(async () => (digest = await runOnce("measured", batches.length)));
      return { ...cost, events: columns.events, digest };
    });
  },
};

/** The balance of each account. */
function balanceOf(spark, transfers) {
  const signs = spark.createDataFrame([[1n], [-1n]], "sign BIGINT");
  return transfers
    .crossJoin(signs)
    .groupBy(F.expr("if(sign = 1, to_account, from_account)").as("account"))
    .agg(F.expr("sum(sign * amount)").as("balance"));
}
