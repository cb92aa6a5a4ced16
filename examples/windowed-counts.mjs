// Counts rows per second of event time as they arrive, and prints what changed after each batch. Runs for three seconds.
//   node examples/windowed-counts.mjs
import { Session, functions as F } from "millrace";
const { col, count, max, window } = F;

const spark = await Session.builder().appName("windowed-counts").getOrCreate();

const query = await spark.readStream
  .format("rate") // columns `timestamp` and `value`
  .option("rowsPerSecond", 1000)
  .load()
  .withWatermark("timestamp", "2 seconds")
  .groupBy(window(col("timestamp"), "1 second"))
  .agg(count("*").as("rows"), max("value").as("newest"))
  .writeStream.outputMode("update")
  .format("console")
  .option("truncate", false)
  .trigger({ processingTime: "1 second" })
  .start();

await query.awaitTermination(3000);
await query.stop();
await spark.stop();
