/**
 * The demo's queries, written as any program would write them: two streams and a static table, one windowed aggregation kept up to
 * date on the screen, another one exactly once in Parquet files.
 */
import type { DataFrame } from "../../api/dataframe.ts";
import * as F from "../../api/functions.ts";
import type { Timestamp } from "../../columnar/row-values.ts";
import type { Session } from "../../api/session.ts";
import type { StreamingQuery } from "../../api/streaming-query.ts";
import type { TimeWindow } from "../../api/functions/datetime.ts";

const { avg, col, count, lit, max, sum, window } = F;

/** Where the demo keeps what; all inside its directory. */
export interface DemoPaths {
  readonly events: string;
  readonly output: string;
  readonly liveCheckpoint: string;
  readonly archiveCheckpoint: string;
}

export interface DemoSize {
  /** Events of the auction site in all, from the first run on. */
  readonly events: number;
  readonly eventsPerBatch: number;
}

/** A row of the live query. */
export interface MediumRow {
  readonly window: TimeWindow;
  readonly medium: string;
  readonly bids: bigint;
  readonly average: number;
}

type Activity = DataFrame<{ auction: bigint; medium: string | null; price: bigint; ts: Timestamp }>;

/** Bids and orders that came through a known channel. */
function activity(spark: Session, paths: DemoPaths, size: DemoSize): Activity {
  const bids = spark.readStream
    .format("nexmark")
    .option("table", "bid")
    .option("events", size.events)
    .option("rowsPerBatch", size.eventsPerBatch)
    .load()
    .select(col("auction"), col("channel"), col("price"), col("dateTime").as("ts"));

  const orders = spark.readStream
    .format("json")
    .schema("auction BIGINT, channel STRING, price BIGINT, ts TIMESTAMP, _corrupt_record STRING")
    .option("mode", "PERMISSIVE")
    .option("maxFilesPerTrigger", 1)
    .load(paths.events)
    .observe("orders", count(lit(1)).as("lines"), count(col("_corrupt_record")).as("malformed"))
    .filter(col("_corrupt_record").isNull())
    .select("auction", "channel", "price", "ts");

  const channels = spark.createDataFrame(
    [
      ["Google", "search"],
      ["Baidu", "search"],
      ["Facebook", "social"],
      ["Apple", "app store"],
      ["newsletter", "mail"],
    ],
    "channel STRING, medium STRING",
  );

  return bids
    .unionByName(orders)
    .filter(col("price").geq(100))
    .join(channels, "channel")
    .withWatermark("ts", "5 seconds") as unknown as Activity;
}

/** Update mode: bids per window and medium; `onRow` gets every row that a batch changed, `onBatch` hears when there are no more. */
export function startLive(spark: Session, paths: DemoPaths, size: DemoSize, onRow: (row: MediumRow) => void): Promise<StreamingQuery> {
  return activity(spark, paths, size)
    .groupBy(window(col("ts"), "10 seconds"), col("medium"))
    .agg(count("*").as("bids"), avg("price").as("average"))
    .writeStream.queryName("live")
    .outputMode("update")
    .foreach((row) => onRow(row as unknown as MediumRow))
    .option("checkpointLocation", paths.liveCheckpoint)
    .trigger({ availableNow: true })
    .start();
}

/** Append mode: one row per window and auction, written once, when the watermark has passed the window's end. */
export function startArchive(spark: Session, paths: DemoPaths, size: DemoSize): Promise<StreamingQuery> {
  return activity(spark, paths, size)
    .groupBy(window(col("ts"), "10 seconds"), col("auction"))
    .agg(count("*").as("bids"), sum("price").as("volume"), max("price").as("highest"))
    .writeStream.queryName("archive")
    .outputMode("append")
    .format("parquet")
    .option("checkpointLocation", paths.archiveCheckpoint)
    .trigger({ availableNow: true })
    .start(paths.output);
}

/** Bids in the Parquet files, by start of the window in epoch microseconds. */
export async function archivedBids(spark: Session, paths: DemoPaths): Promise<ReadonlyMap<bigint, bigint>> {
  const perWindow = spark.read.parquet(paths.output).groupBy("window").agg(sum("bids").as("bids"));
  const rows = (await perWindow.collect()) as unknown as { window: TimeWindow; bids: bigint }[];
  return new Map(rows.map((row) => [row.window.start.epochMicros, row.bids]));
}
