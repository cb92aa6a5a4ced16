/** Suites whose operator or connector is not there yet, and what they wait for. */
import { F } from "../harness/engine.mjs";

const waiting = (group, name, title, waitsFor, frame) => ({ group, name, title, waitsFor, frame, kind: "throughput" });

export const waitingSuites = [
  waiting("ysb", "ysb-kafka", "YSB c, Kafka in, Kafka out", "kafka", (spark) => spark.readStream.format("kafka").load()),
  waiting("ysb", "ysb-text", "YSB from text and from_json, the Kafka way", "from_json", (spark) =>
    spark.readStream.format("rate").load().selectExpr("from_json(cast(value AS STRING), 'a STRING')"),
  ),
  waiting("state", "stream-join", "Impressions joined with clicks within 10 seconds", "joins of two streams", (spark) => {
    const side = (id, time) =>
      spark.readStream.format("rate").load().selectExpr(`value AS ${id}`, `timestamp AS ${time}`).withWatermark(time, "2 seconds");
    return side("imp_id", "imp_time").join(side("click_id", "click_time"), F.expr("imp_id = click_id AND click_time >= imp_time"));
  }),
  waiting("nexmark", "nexmark-q7-join", "Nexmark q7, highest bid, SQL form", "joins of two streams", (spark) => {
    const bids = spark.readStream
      .format("rate")
      .load()
      .selectExpr("value AS price", "timestamp AS time")
      .withWatermark("time", "4 seconds");
    const highest = bids
      .groupBy(F.window(F.col("time"), "10 seconds"))
      .agg(F.max("price").as("most"))
      .selectExpr("window.end AS end", "most");
    return bids.join(highest, F.expr("price = most AND time >= end - INTERVAL 10 SECONDS AND time < end"));
  }),
  waiting("consistency", "consistency-join", "Left join of two streams never gives an early row", "joins of two streams", (spark) => {
    const side = (name) =>
      spark.readStream
        .format("rate")
        .load()
        .selectExpr(`value AS ${name}`, `timestamp AS ${name}_time`)
        .withWatermark(`${name}_time`, "2 seconds");
    return side("a").join(side("b"), F.expr("a = b AND b_time >= a_time AND b_time <= a_time + INTERVAL 1 SECOND"), "left");
  }),
];
