/**
 * The query of the tests in this folder: JSON files → count and sum per 10-second window and key under a watermark → files. Input in
 * `<directory>/in`, output in `<directory>/out`, checkpoint in `<directory>/checkpoint`.
 */
import { join } from "node:path";
import { functions as F } from "../../dist/index.js";

/** Starts it over all files that are there, one per trigger unless `read` says otherwise. */
export async function startWindows(spark, directory, { format = "json", read = {}, stays = false } = {}) {
  return await spark.readStream
    .schema("ts TIMESTAMP, key STRING, value BIGINT")
    .options({ maxFilesPerTrigger: 1, ...read })
    .json(join(directory, "in"))
    .withWatermark("ts", "5 seconds")
    .groupBy(F.window("ts", "10 seconds"), "key")
    .agg(F.count("*").as("n"), F.sum("value").as("total"))
    .select("window.start", "key", "n", "total")
    .writeStream.format(format)
    .option("checkpointLocation", join(directory, "checkpoint"))
    .option("path", join(directory, "out"))
    .trigger(stays ? { processingTime: "1 hour" } : { availableNow: true })
    .start();
}
