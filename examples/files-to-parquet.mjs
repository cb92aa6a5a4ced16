// JSON files → views per page and minute → Parquet, exactly once. Run it again: nothing is counted twice.
//   node examples/files-to-parquet.mjs [directory]
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Session, functions as F } from "millrace";
const { col, count, window } = F;

const root = process.argv[2] ?? "out/files-to-parquet";
const clicks = join(root, "clicks");
mkdirSync(clicks, { recursive: true });
// Three files of 600 clicks, ten clicks a second. The last line is cut off: it does not stop the query.
for (let file = 0; file < 3; file++) {
  const lines = Array.from({ length: 600 }, (_, i) => {
    const ts = new Date(Date.UTC(2026, 0, 1, 12, file, 0) + i * 100).toISOString();
    return JSON.stringify({ user: `u${i % 7}`, url: i % 3 === 0 ? "/pricing" : "/docs", ts });
  });
  writeFileSync(join(clicks, `${file}.json`), `${lines.join("\n")}\n{"user": "u1", "ur\n`);
}

const spark = await Session.builder().appName("files-to-parquet").config("spark.sql.session.timeZone", "UTC").getOrCreate();

const query = await spark.readStream
  .schema("user STRING, url STRING, ts TIMESTAMP")
  .option("mode", "DROPMALFORMED")
  .json(clicks)
  .withWatermark("ts", "10 seconds")
  .groupBy(window(col("ts"), "1 minute"), col("url"))
  .agg(count("*").as("views"))
  .select(col("window.start").as("minute"), col("url"), col("views"))
  .writeStream.outputMode("append")
  .format("parquet")
  .option("checkpointLocation", join(root, "checkpoint"))
  .trigger({ availableNow: true }) // everything that is there now, then the end
  .start(join(root, "views"));
await query.awaitTermination();

// The last minute is still open: the watermark has not passed its end.
await spark.read.parquet(join(root, "views")).orderBy("minute", "url").show(20, false);
await spark.stop();
