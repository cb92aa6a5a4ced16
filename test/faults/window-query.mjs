/**
 * A whole query in a process of its own, for tests that kill it: JSON files, one per trigger → count and sum per 10-second window and key under a
 * watermark → files. `node window-query.mjs <directory> <format> <workers>`: input in `<directory>/in`, output in `<directory>/out`; one query
 * for each directory of a list with commas. Says `running` when the queries have started; ends with exit code 0 when all files that were
 * there are through, with 3 when a query failed: then the last line is the error as JSON.
 */
import { join } from "node:path";
import { functions as F, Session } from "../../dist/index.js";

const [, , directories, format, workers] = process.argv;
const spark = await Session.builder().master(`local[${workers}]`).config("spark.sql.streaming.minBatchesToRetain", "1").getOrCreate();

async function start(directory) {
  return await spark.readStream
    .schema("ts TIMESTAMP, key STRING, value BIGINT")
    .option("maxFilesPerTrigger", "1")
    .json(join(directory, "in"))
    .withWatermark("ts", "5 seconds")
    .groupBy(F.window("ts", "10 seconds"), "key")
    .agg(F.count("*").as("n"), F.sum("value").as("total"))
    .select("window.start", "key", "n", "total")
    .writeStream.format(format)
    .option("checkpointLocation", join(directory, "checkpoint"))
    .option("path", join(directory, "out"))
    .trigger({ availableNow: true })
    .start();
}

try {
  const queries = await Promise.all(directories.split(",").map(start));
  process.stdout.write("running\n");
  await Promise.all(queries.map((query) => query.awaitTermination()));
} catch (error) {
  const { condition, message, cause } = error;
  process.stdout.write(`${JSON.stringify({ condition, message, cause: cause?.condition })}\n`);
  process.exitCode = 3;
}
await spark.stop();
