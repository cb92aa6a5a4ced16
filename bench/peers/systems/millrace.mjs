/** Our side of `npm run bench:peers`: one query in one process, driven as `spark.py` is. The queries say what those of `spark.py` say. */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { functions as F, Session } from "../../../dist/index.js";
import { memoryStream } from "../../../dist/testing.js";

const spec = JSON.parse(process.argv[2]);
const { cores, work } = spec;
const spark = await Session.builder()
  .master(`local[${cores}]`)
  .config("spark.sql.session.timeZone", "UTC")
  .config("spark.sql.streaming.numRecentProgressUpdates", "100000")
  .getOrCreate();

const YSB = "user_id STRING, page_id STRING, ad_id STRING, ad_type STRING, event_type STRING";
const TEXT = `${YSB}, event_time STRING, ip_address STRING`;
const COLUMNS = `${YSB}, event_time TIMESTAMP, ip_address STRING`;
const BID = "auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, dateTime TIMESTAMP, extra STRING";
const { col } = F;

const files = (part, form, schema) =>
  spark.readStream.format(form).schema(schema).option("maxFilesPerTrigger", spec.filesPerBatch).load(spec.data[part]);

function events(part) {
  if (spec.form === "parquet") return files(part, "parquet", COLUMNS);
  const parsed =
    spec.form === "text"
      ? spark.readStream
          .format("text")
          .option("maxFilesPerTrigger", spec.filesPerBatch)
          .load(spec.data[part])
          .select(F.from_json(col("value"), TEXT).as("event"))
          .select("event.*")
      : files(part, "json", TEXT);
  return parsed.withColumn("event_time", F.expr("timestamp_millis(cast(event_time AS BIGINT))"));
}

const bids = (part) => files(part, "parquet", BID);
const timedBids = (part) => bids(part).withWatermark("dateTime", "4 seconds");
const MS = "unix_millis(dateTime) as t";

/** By program: frame, output mode, how many columns are the key. */
const queries = {
  ysb(part) {
    const ads = spark.read.schema("ad_id STRING, campaign_id STRING").csv(spec.sides[part].ads);
    const views = events(part).filter("event_type = 'view'").select("ad_id", "event_time").withWatermark("event_time", "10 seconds");
    const counted = views
      .join(ads, "ad_id")
      .groupBy(F.window(col("event_time"), "10 seconds").as("w"), col("campaign_id"))
      .agg(F.count("*").as("views"), F.max("event_time").as("last"));
    return [counted.selectExpr("unix_millis(w.start) as w", "campaign_id", "views", "unix_millis(last) as last"), "update", 2];
  },
  project: (part) => [
    events(part).filter("event_type = 'view'").selectExpr("user_id", "ad_id", "unix_millis(event_time) as event_time"),
    "append",
    0,
  ],
  "count-by-key": (part) => [files(part, "parquet", "key BIGINT").groupBy("key").count(), "update", 1],
  q0: (part) => [bids(part).selectExpr("auction", "bidder", "price", MS, "extra"), "append", 0],
  q1: (part) => [bids(part).selectExpr("auction", "bidder", "0.908 * price as price", MS, "extra"), "append", 0],
  q2: (part) => [bids(part).filter("auction % 123 = 0").select("auction", "price"), "append", 0],
  q5(part) {
    const counts = timedBids(part)
      .groupBy(F.window(col("dateTime"), "10 seconds", "2 seconds").as("w"), col("auction"))
      .agg(F.count("*").as("num"));
    const best = counts.groupBy("w").agg(F.expr("max(num * 10000000000L + auction)").as("best"));
    return [best.selectExpr("unix_millis(w.start) as w", "best"), "append", 0];
  },
  q7(part) {
    const best = timedBids(part)
      .groupBy(F.window(col("dateTime"), "10 seconds").as("w"))
      .agg(F.expr("max(price * 10000000000L + auction)").as("best"));
    return [best.selectExpr("unix_millis(w.start) as w", "best"), "update", 1];
  },
  q12(part) {
    const timed = bids(part).withColumn("at", F.current_timestamp()).withWatermark("at", "0 seconds");
    const counts = timed.groupBy(col("bidder"), F.window(col("at"), "10 seconds").as("w")).count();
    return [counts.selectExpr("bidder", "unix_millis(w.start) as w", "count"), "update", 2];
  },
  q13(part) {
    const side = spark.read.schema("key BIGINT, value BIGINT").csv(spec.sides[part].side);
    const joined = bids(part).withColumn("key", F.expr("auction % 10000")).join(side, "key");
    return [joined.selectExpr("auction", "bidder", "price", MS, "value"), "append", 0];
  },
  q17(part) {
    const band = (condition) => F.expr(`count(case when ${condition} then 1 end)`);
    const counts = bids(part)
      .groupBy(col("auction"), F.expr("date_trunc('DAY', dateTime)").as("day"))
      .agg(
        F.count("*").as("n"),
        band("price < 10000").as("b0"),
        band("price >= 10000 and price < 1000000").as("b1"),
        band("price >= 1000000").as("b2"),
        F.min("price").as("least"),
        F.max("price").as("most"),
        F.sum("price").as("total"),
      );
    return [counts.selectExpr("auction", "unix_millis(day) as day", "n", "b0", "b1", "b2", "least", "most", "total"), "update", 2];
  },
};

async function start(part, sink) {
  const [frame, mode, keys] = queries[spec.program](part);
  const checkpoint = join(work, "checkpoint");
  for (const leftover of [checkpoint, join(work, "out")]) rmSync(leftover, { recursive: true, force: true });
  const writer = frame.writeStream.outputMode(mode).option("checkpointLocation", checkpoint).trigger({ availableNow: true });
  const query = await sink(writer, keys);
  await query.awaitTermination();
  return await query.recentProgress();
}

const commands = {
  /** Lines of the answer; in update mode the last row of every key. */
  async check() {
    const rows = new Map();
    await start("check", (writer, keys) =>
      writer
        .foreachBatch(async (batch) => {
          for (const row of await batch.collect()) {
            const values = Object.values(row).map(String);
            rows.set(keys === 0 ? rows.size : values.slice(0, keys).join(","), values.join(","));
          }
        })
        .start(),
    );
    writeFileSync(spec.answer, [...rows.values()].map((line) => `${line}\n`).join(""));
    return {};
  },

  async run() {
    const begin = performance.now();
    const progress = await start("full", (writer) =>
      spec.sink === "parquet" ? writer.format("parquet").start(join(work, "out")) : writer.format("noop").start(),
    );
    const seconds = (performance.now() - begin) / 1000;
    return { seconds, events: progress.reduce((sum, { numInputRows }) => sum + Number(numInputRows), 0), batches: progress.length };
  },

  async latency() {
    const stream = memoryStream(spark, "value BIGINT, timestamp TIMESTAMP");
    const rows = spec.rowsPerBatch;
    let frame = stream.toDF().filter("value % 3 = 0").select("timestamp", "value");
    if (spec.program === "windowed") {
      const timed = stream.toDF().withColumn("key", F.expr("value % 100")).withWatermark("timestamp", "1 second");
      frame = timed.groupBy(F.window(col("timestamp"), "10 seconds"), col("key")).count();
    }
    rmSync(join(work, "checkpoint"), { recursive: true, force: true });
    const writer = frame.writeStream.outputMode(spec.program === "windowed" ? "update" : "append").format("noop");
    const query = await writer.option("checkpointLocation", join(work, "checkpoint")).start();
    const times = [];
    const end = performance.now() + spec.latencySeconds * 1000;
    for (let batch = 0; performance.now() < end; batch++) {
      const time = new Date(1_700_000_000_000 + batch * 10);
      stream.addData(...Array.from({ length: rows }, (_, row) => [BigInt(batch * rows + row), time]));
      const begin = performance.now();
      await query.processAllAvailable();
      times.push(performance.now() - begin);
    }
    await query.stop();
    return { triggerMs: times.slice(times.length >> 1) };
  },
};

const answer = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
answer({ pid: process.pid, version: process.version });
for await (const line of createInterface({ input: process.stdin })) answer(await commands[line.trim()]());
await spark.stop();
