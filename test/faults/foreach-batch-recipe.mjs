/**
 * The recipe of `examples/foreach-batch.mjs` with a database that outlives the process: `database.json`, in which rows and the last batch change in one
 * step. `node foreach-batch-recipe.mjs <directory>` counts the numbers in `in/` by what they leave when divided by 5, a file a batch.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Session } from "../../dist/index.js";

const directory = process.argv[2];
const file = join(directory, "database.json");
const database = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : { lastBatch: -1, changes: [] };

const spark = await Session.builder().master("local[2]").config("spark.sql.shuffle.partitions", 2).getOrCreate();
const query = await spark.readStream
  .schema("n INT")
  .option("maxFilesPerTrigger", 1)
  .json(join(directory, "in"))
  .selectExpr("n % 5 AS rest")
  .groupBy("rest")
  .count()
  .writeStream.outputMode("update")
  .foreachBatch(async (batch, batchId) => {
    if (batchId <= database.lastBatch) return;
    for (const { rest, count } of await batch.collect()) database.changes.push([batchId, rest, Number(count)]);
    database.lastBatch = batchId;
    writeFileSync(`${file}.new`, JSON.stringify(database));
    renameSync(`${file}.new`, file);
  })
  .option("checkpointLocation", join(directory, "checkpoint"))
  .trigger({ availableNow: true })
  .start();
await query.awaitTermination();
await spark.stop();
