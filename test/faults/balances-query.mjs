/**
 * Transfers between accounts in `<directory>/in` → the balance of each account, once in complete and once in update mode, in a process of its own, for
 * `balances.test.ts`. `node balances-query.mjs <directory> <workers>`: every output of a batch becomes a file `<directory>/<mode>/<batch>.json`, whole or not
 * at all. Ends with exit code 0 when all files that were there are through.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { functions as F, Session } from "../../dist/index.js";

const [, , directory, workers] = process.argv;
const settings = {
  "spark.sql.streaming.minBatchesToRetain": "2",
  "spark.sql.streaming.stateStore.maintenanceInterval": "0",
  "spark.sql.streaming.stateStore.minDeltasForSnapshot": "2",
};
const spark = await Session.builder().master(`local[${workers}]`).config(settings).getOrCreate();
const signs = spark.createDataFrame([[1n], [-1n]], "sign BIGINT");

async function start(mode) {
  const output = join(directory, mode);
  mkdirSync(output, { recursive: true });
  return await spark.readStream
    .schema("id BIGINT, from_account INT, to_account INT, amount BIGINT")
    .option("maxFilesPerTrigger", 1)
    .json(join(directory, "in"))
    .crossJoin(signs)
    .groupBy(F.expr("if(sign = 1, to_account, from_account)").as("account"))
    .agg(F.expr("sum(sign * amount)").as("balance"))
    .writeStream.outputMode(mode)
    .option("checkpointLocation", join(directory, `checkpoint-${mode}`))
    .foreachBatch(async (frame, batchId) => {
      const rows = await frame.collect();
      const text = JSON.stringify(rows.map(({ account, balance }) => [account, String(balance)]).sort(([a], [b]) => a - b));
      const path = join(output, `${batchId}.json`);
      // A batch that comes again after a crash must be the same.
      if (existsSync(path) && readFileSync(path, "utf8") !== text) throw new Error(`batch ${batchId} of ${mode} has changed`);
      writeFileSync(`${path}.new`, text);
      renameSync(`${path}.new`, path);
    })
    .trigger({ availableNow: true })
    .start();
}

const queries = [await start("complete"), await start("update")];
await Promise.all(queries.map((query) => query.awaitTermination()));
await spark.stop();
