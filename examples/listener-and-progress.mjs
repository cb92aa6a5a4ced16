// What a query tells about itself: a listener for all queries of the session, and the progress of each batch in Spark's JSON.
//   node examples/listener-and-progress.mjs
import { Session, functions as F } from "millrace";
const { col, count, lit, window } = F;

const spark = await Session.builder().appName("listener").getOrCreate();

await spark.streams.addListener({
  onQueryStarted: ({ name }) => console.log(`${name} started`),
  onQueryProgress: ({ progress }) => {
    const { batchId, numInputRows, durationMs, observedMetrics } = progress;
    console.log(`batch ${batchId}: ${numInputRows} rows in ${durationMs.triggerExecution} ms`, observedMetrics?.quality ?? "");
  },
  onQueryTerminated: ({ exception }) => console.log(exception ?? "ended in good order"),
});

const query = await spark.readStream
  .format("nexmark")
  .options({ table: "bid", events: 300_000, rowsPerBatch: 100_000 })
  .load()
  .observe("quality", count(lit(1)).as("bids"), F.max("price").as("highest"))
  .withWatermark("dateTime", "5 seconds")
  .groupBy(window(col("dateTime"), "10 seconds"))
  .count()
  .writeStream.queryName("bids")
  .outputMode("append")
  .format("noop")
  .trigger({ availableNow: true })
  .start();

await query.awaitTermination();
const { eventTime, stateOperators } = await query.lastProgress();
console.log("watermark", eventTime.watermark, "state rows", stateOperators[0].numRowsTotal);
await spark.stop();
