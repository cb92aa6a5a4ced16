/** Cases of Spark's EventTimeWatermarkSuite, titles kept. Times are event seconds. */
import { afterAll, beforeAll } from "vitest";
import { functions as F, Session, type DataFrame } from "../../src/index.ts";
import { addData, checkNewAnswer, memoryStream, type MemoryInput } from "../../src/testing.ts";
import { everyWay } from "../support/every-way.ts";
import { stateRows } from "../support/query-assertions.ts";

const { col, count, window } = F;

let spark: Session;
beforeAll(async () => void (spark = await Session.builder().master("local[2]").config("spark.sql.session.timeZone", "UTC").create()));
afterAll(() => spark.stop());

/** The values as seconds, watermark 10 s, counted in windows of 5 s: start of the window and count. */
function windowedCounts(input: MemoryInput<any>): DataFrame<any> {
  return input
    .toDF()
    .withColumn("eventTime", F.timestamp_seconds(col("value")))
    .withWatermark("eventTime", "10 seconds")
    .groupBy(window(col("eventTime"), "5 seconds").as("window"))
    .agg(count("*").as("count"))
    .select(col("window").getField("start").cast("long").as("start"), col("count"));
}

everyWay("append mode", () => {
  const input = memoryStream(spark, "value INT");
  return {
    frame: windowedCounts(input),
    steps: [
      addData(input, 10, 11, 12, 13, 14, 15),
      checkNewAnswer(),
      addData(input, 25),
      checkNewAnswer([10, 5]),
      stateRows({ total: 2 }),
      addData(input, 10),
      checkNewAnswer(),
      stateRows({ total: 2, dropped: 1 }),
    ],
  };
});

everyWay("update mode", () => {
  const input = memoryStream(spark, "value INT");
  return {
    frame: windowedCounts(input),
    options: { outputMode: "update" },
    steps: [
      addData(input, 10, 11, 12, 13, 14, 15),
      checkNewAnswer([10, 5], [15, 1]),
      addData(input, 25),
      checkNewAnswer([25, 1]),
      stateRows({ total: 2 }),
      addData(input, 10, 25),
      checkNewAnswer([25, 2]),
      stateRows({ total: 2, dropped: 1 }),
    ],
  };
});
