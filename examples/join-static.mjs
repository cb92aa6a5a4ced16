// A stream of bids joined with a table that does not change: revenue per medium, in complete mode.
//   node examples/join-static.mjs
import { Session, functions as F } from "millrace";
const { avg, count, round } = F;

const spark = await Session.builder().appName("join-static").getOrCreate();

const channels = spark.createDataFrame(
  [
    ["Google", "search"],
    ["Baidu", "search"],
    ["Facebook", "social"],
    ["Apple", "app store"],
  ],
  "channel STRING, medium STRING",
);

const query = await spark.readStream
  .format("nexmark") // the auction site of the Nexmark benchmark, generated on the workers
  .options({ table: "bid", events: 200_000, rowsPerBatch: 100_000, seed: 7 })
  .load()
  .join(channels, "channel", "left_outer") // small static sides are copied to every worker
  .groupBy("medium")
  .agg(count("*").as("bids"), round(avg("price"), 2).as("average"))
  .orderBy("medium")
  .writeStream.outputMode("complete")
  .format("console")
  .trigger({ availableNow: true })
  .start();

await query.awaitTermination();
await spark.stop();
