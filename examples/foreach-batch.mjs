// Every micro-batch as a frame: keeps a table of the program's own up to date, exactly once thanks to the batch's number.
//   node examples/foreach-batch.mjs
import { Session, functions as F } from "millrace";
const { col, count } = F;

const spark = await Session.builder().appName("foreach-batch").getOrCreate();

// Stands for a database: rows and the last batch change in one transaction.
const database = { lastBatch: -1, bids: new Map() };

const query = await spark.readStream
  .format("nexmark")
  .options({ table: "bid", events: 30_000, rowsPerBatch: 10_000 })
  .load()
  .groupBy("channel")
  .agg(count("*").as("bids"))
  .filter(col("channel").isin("Apple", "Google", "Facebook", "Baidu"))
  .writeStream.outputMode("update")
  .foreachBatch(async (batch, batchId) => {
    if (batchId <= database.lastBatch) return; // seen before a restart
    const rows = await batch.collect();
    for (const { channel, bids } of rows) database.bids.set(channel, bids);
    database.lastBatch = batchId;
    console.log(`batch ${batchId}: ${rows.length} rows changed`);
  })
  .trigger({ availableNow: true })
  .start();

await query.awaitTermination();
console.log(Object.fromEntries([...database.bids].sort()));
await spark.stop();
