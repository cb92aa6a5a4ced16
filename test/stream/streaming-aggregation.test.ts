/** Cases of Spark's StreamingAggregationSuite, titles kept. */
import { afterAll, beforeAll } from "vitest";
import { Session } from "../../src/index.ts";
import { addData, checkNewAnswer, memoryStream, startStream, stopStream } from "../../src/testing.ts";
import { everyWay } from "../support/every-way.ts";

let spark: Session;
beforeAll(async () => void (spark = await Session.builder().master("local[2]").create()));
afterAll(() => spark.stop());

everyWay("simple count, update mode", () => {
  const input = memoryStream(spark, "value INT");
  return {
    frame: input.toDF().groupBy("value").count(),
    options: { outputMode: "update" },
    steps: [
      addData(input, 3),
      checkNewAnswer([3, 1]),
      addData(input, 3, 2),
      checkNewAnswer([3, 2], [2, 1]),
      stopStream(),
      startStream(),
      addData(input, 3, 2, 1),
      checkNewAnswer([3, 3], [2, 2], [1, 1]),
      addData(input, 4, 4, 4, 4),
      checkNewAnswer([4, 4]),
    ],
  };
});

everyWay("simple count, complete mode", () => {
  const input = memoryStream(spark, "value INT");
  return {
    frame: input.toDF().groupBy("value").count(),
    options: { outputMode: "complete" },
    steps: [
      addData(input, 3),
      checkNewAnswer([3, 1]),
      addData(input, 2),
      checkNewAnswer([3, 1], [2, 1]),
      stopStream(),
      startStream(),
      addData(input, 3, 2, 1),
      checkNewAnswer([3, 2], [2, 2], [1, 1]),
      addData(input, 4, 4, 4, 4),
      checkNewAnswer([4, 4], [3, 2], [2, 2], [1, 1]),
    ],
  };
});
