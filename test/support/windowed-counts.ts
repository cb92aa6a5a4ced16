/** The query that most cases of EventTimeWatermarkSuite are about. */
import { functions as F, type DataFrame } from "../../src/index.ts";
import type { MemoryInput } from "../../src/testing.ts";

const { col, count, window } = F;

/** Column `value` as a time, in seconds. */
export function withEventTime(input: MemoryInput<any>, delay: string): DataFrame<any> {
  return input
    .toDF()
    .withColumn("eventTime", F.timestamp_seconds(col("value")))
    .withWatermark("eventTime", delay);
}

/** Counts in windows of 5 s under a watermark of 10 s: start of the window in seconds, and the count. */
export function windowedCounts(input: MemoryInput<any>): DataFrame<any> {
  return withEventTime(input, "10 seconds")
    .groupBy(window(col("eventTime"), "5 seconds").as("window"))
    .agg(count("*").as("count"))
    .select(col("window").getField("start").cast("long").as("start"), col("count"));
}
