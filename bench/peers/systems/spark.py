"""Spark's side of `npm run bench:peers`: one query in one JVM. Started by `run-system.mjs` with a JSON specification as its only argument; answers
each command on standard input with a line of JSON (`README.md`, "How systems are driven")."""
import json
import os
import shutil
import sys
import time

from pyspark.sql import SparkSession, functions as F

spec = json.loads(sys.argv[1])
cores, work = spec["cores"], spec["work"]
ROCKSDB = "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"

builder = (
    SparkSession.builder.master(f"local[{cores}]")
    .appName("bench-peers")
    .config("spark.driver.memory", f"{spec['heapMb']}m")
    .config("spark.driver.extraJavaOptions", "-XX:+UseG1GC")
    .config("spark.ui.enabled", "false")
    .config("spark.ui.showConsoleProgress", "false")
    .config("spark.driver.host", "127.0.0.1")
    .config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.local.dir", f"{work}/local")
    .config("spark.sql.session.timeZone", "UTC")
    .config("spark.sql.shuffle.partitions", str(cores))
    .config("spark.sql.streaming.numRecentProgressUpdates", "100000")
)
if spec["state"] == "rocksdb":
    builder = builder.config("spark.sql.streaming.stateStore.providerClass", ROCKSDB)
    builder = builder.config("spark.sql.streaming.stateStore.rocksdb.changelogCheckpointing.enabled", "true")
spark = builder.getOrCreate()
spark.sparkContext.setLogLevel("ERROR")

YSB = "user_id string, page_id string, ad_id string, ad_type string, event_type string"
TEXT = f"{YSB}, event_time string, ip_address string"
COLUMNS = f"{YSB}, event_time timestamp, ip_address string"
BID = "auction bigint, bidder bigint, price bigint, channel string, url string, dateTime timestamp, extra string"
MS = F.timestamp_millis


def files(part, form, schema=None):
    reader = spark.readStream.format(form).option("maxFilesPerTrigger", spec["filesPerBatch"])
    return (reader.schema(schema) if schema else reader).load(spec["data"][part])


def events(part):
    """YSB's events from the form that the query asks for, with `event_time` as a timestamp."""
    if spec["form"] == "parquet":
        return files(part, "parquet", COLUMNS)
    if spec["form"] == "text":
        parsed = files(part, "text").select(F.from_json("value", TEXT).alias("event")).select("event.*")
    else:
        parsed = files(part, "json", TEXT)
    return parsed.withColumn("event_time", MS(F.col("event_time").cast("bigint")))


def ysb(part):
    ads = spark.read.schema("ad_id string, campaign_id string").csv(spec["sides"][part]["ads"]).cache()
    ads.count()
    views = events(part).where("event_type = 'view'").select("ad_id", "event_time").withWatermark("event_time", "10 seconds")
    counted = views.join(F.broadcast(ads), "ad_id").groupBy(F.window("event_time", "10 seconds").alias("w"), "campaign_id")
    counted = counted.agg(F.count("*").alias("views"), F.max("event_time").alias("last"))
    return counted.selectExpr("unix_millis(w.start) as w", "campaign_id", "views", "unix_millis(last) as last"), "update", 2


def project(part):
    return events(part).where("event_type = 'view'").selectExpr("user_id", "ad_id", "unix_millis(event_time) as event_time"), "append", 0


def count_by_key(part):
    return files(part, "parquet", "key bigint").groupBy("key").count(), "update", 1


def bids(part):
    return files(part, "parquet", BID)


def q0(part):
    return bids(part).selectExpr("auction", "bidder", "price", "unix_millis(dateTime) as t", "extra"), "append", 0


def q1(part):
    return bids(part).selectExpr("auction", "bidder", "0.908 * price as price", "unix_millis(dateTime) as t", "extra"), "append", 0


def q2(part):
    return bids(part).where("auction % 123 = 0").select("auction", "price"), "append", 0


def timed_bids(part):
    return bids(part).withWatermark("dateTime", "4 seconds")


def q5(part):
    """The auction with most bids per sliding window; number and auction in one integer, so that ties have one answer."""
    counts = timed_bids(part).groupBy(F.window("dateTime", "10 seconds", "2 seconds").alias("w"), "auction").agg(F.count("*").alias("num"))
    best = counts.groupBy("w").agg(F.expr("max(num * 10000000000L + auction)").alias("best"))
    return best.selectExpr("unix_millis(w.start) as w", "best"), "append", 0


def q7(part):
    """The highest price per window and its auction, as one integer."""
    best = timed_bids(part).groupBy(F.window("dateTime", "10 seconds").alias("w")).agg(F.expr("max(price * 10000000000L + auction)").alias("best"))
    return best.selectExpr("unix_millis(w.start) as w", "best"), "update", 1


def q12(part):
    timed = bids(part).withColumn("at", F.current_timestamp()).withWatermark("at", "0 seconds")
    counts = timed.groupBy("bidder", F.window("at", "10 seconds").alias("w")).count()
    return counts.selectExpr("bidder", "unix_millis(w.start) as w", "count"), "update", 2


def q13(part):
    side = spark.read.schema("key bigint, value bigint").csv(spec["sides"][part]["side"]).cache()
    side.count()
    joined = bids(part).withColumn("key", F.expr("auction % 10000")).join(F.broadcast(side), "key")
    return joined.selectExpr("auction", "bidder", "price", "unix_millis(dateTime) as t", "value"), "append", 0


def q17(part):
    bands = [f"count(case when {band} then 1 end) as b{n}" for n, band in enumerate(("price < 10000", "price >= 10000 and price < 1000000", "price >= 1000000"))]
    figures = [F.expr(text) for text in ["count(*) as n", *bands, "min(price) as least", "max(price) as most", "sum(price) as total"]]
    counts = bids(part).groupBy("auction", F.expr("date_trunc('DAY', dateTime)").alias("day")).agg(*figures)
    return counts.selectExpr("auction", "unix_millis(day) as day", "n", "b0", "b1", "b2", "least", "most", "total"), "update", 2


QUERIES = {"ysb": ysb, "project": project, "count-by-key": count_by_key, "q0": q0, "q1": q1, "q2": q2, "q5": q5, "q7": q7, "q12": q12, "q13": q13, "q17": q17}


def start(part, sink):
    frame, mode, keys = QUERIES[spec["program"]](part)
    checkpoint = f"{work}/checkpoint"
    for leftover in (checkpoint, f"{work}/out"):
        shutil.rmtree(leftover, ignore_errors=True)
    writer = frame.writeStream.outputMode(mode).option("checkpointLocation", checkpoint).trigger(availableNow=True)
    query = sink(writer, keys).start()
    query.awaitTermination()
    return [json.loads(progress.json) for progress in query.recentProgress]


def check():
    """Lines of the answer; in update mode the last row of every key."""
    rows = {}

    def keep(batch, _):
        for row in batch.collect():
            values = [str(value) for value in row]
            rows[",".join(values[: keys[0]]) if keys[0] else len(rows)] = values

    keys = [0]

    def sink(writer, count):
        keys[0] = count
        return writer.foreachBatch(keep)

    start("check", sink)
    with open(spec["answer"], "w") as answer:
        answer.writelines(",".join(values) + "\n" for values in rows.values())
    return {}


def run():
    to_files = lambda writer, _: writer.format("parquet").option("path", f"{work}/out")
    to_nothing = lambda writer, _: writer.format("noop")
    progress = start("full", to_files if spec["sink"] == "parquet" else to_nothing)
    seconds = sum(batch["durationMs"]["triggerExecution"] for batch in progress) / 1000
    # No count of events: Spark counts what its JSON and Parquet readers let through a pushed-down filter.
    return {"seconds": seconds, "batches": len(progress)}


def latency():
    """Triggers one after the other, each of `rowsPerBatch` rows; milliseconds of the second half."""
    rows = spec["rowsPerBatch"]
    source = spark.readStream.format("rate-micro-batch").option("rowsPerBatch", rows).option("advanceMillisPerBatch", 10)
    stream = source.option("startTimestamp", 1700000000000).option("numPartitions", cores).load()
    if spec["program"] == "windowed":
        key = (F.col("value") % 100).alias("key")
        frame, mode = stream.withWatermark("timestamp", "1 second").groupBy(F.window("timestamp", "10 seconds"), key).count(), "update"
    else:
        frame, mode = stream.where("value % 3 = 0").select("timestamp", "value"), "append"
    shutil.rmtree(f"{work}/checkpoint", ignore_errors=True)
    writer = frame.writeStream.outputMode(mode).option("checkpointLocation", f"{work}/checkpoint").format("noop")
    query = writer.trigger(processingTime="0 seconds").start()
    time.sleep(spec["latencySeconds"])
    query.stop()
    times = [json.loads(progress.json) for progress in query.recentProgress]
    times = [batch["durationMs"]["triggerExecution"] for batch in times if batch["numInputRows"] > 0]
    return {"triggerMs": times[len(times) // 2 :]}


pid = spark._jvm.java.lang.ProcessHandle.current().pid()
print(json.dumps({"pid": int(pid), "version": spark.version}), flush=True)
for line in sys.stdin:
    command = line.strip()
    print(json.dumps({"check": check, "run": run, "latency": latency}[command]()), flush=True)
# The streams are all ended; Spark's own shutdown waits for its threads.
os._exit(0)
