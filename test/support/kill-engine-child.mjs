/**
 * A whole query in a process of its own, for tests that kill it: JSON files, one per trigger → counts per window and key under a watermark →
 * JSON files. `node kill-engine-child.mjs <directory>`, with the input in `<directory>/in`.
 */
import { join } from "node:path";
import { functions, Session } from "../../dist/index.js";

const directory = process.argv[2];
const spark = await Session.builder().config("spark.sql.streaming.minBatchesToRetain", "1").getOrCreate();
const query = await spark.readStream
  .schema("ts TIMESTAMP, key STRING")
  .option("maxFilesPerTrigger", "1")
  .json(join(directory, "in"))
  .withWatermark("ts", "5 seconds")
  .groupBy(functions.window("ts", "10 seconds"), "key")
  .agg(functions.count("*").as("n"))
  .select("window.start", "key", "n")
  .writeStream.format("json")
  .option("checkpointLocation", join(directory, "checkpoint"))
  .option("path", join(directory, "out"))
  .trigger({ availableNow: true })
  .start();
await query.awaitTermination();
await spark.stop();
