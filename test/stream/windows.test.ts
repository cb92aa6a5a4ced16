/** Windows of time in streams: overlapping, shifted, before 1970, with other keys. Times are event seconds; answers by hand. */
import { functions as F, type DataFrame } from "../../src/index.ts";
import { addData, checkNewAnswer, memoryStream, type MemoryInput } from "../../src/testing.ts";
import { everyWay } from "../support/every-way.ts";
import { stateRows } from "../support/query-assertions.ts";
import { testSession } from "../support/test-session.ts";
import { withEventTime } from "../support/windowed-counts.ts";

const { col, count, window } = F;
const spark = testSession();

const startOf = col("window").getField("start").cast("long").as("start");

/** Windows of 10 s every 5 s, watermark 5 s. */
function slidingCounts(input: MemoryInput<any>): DataFrame<any> {
  return withEventTime(input, "5 seconds")
    .groupBy(window(col("eventTime"), "10 seconds", "5 seconds").as("window"))
    .agg(count("*").as("count"))
    .select(startOf, col("count"));
}

everyWay("sliding windows, append mode", () => {
  const input = memoryStream(spark(), "value INT");
  return {
    frame: slidingCounts(input),
    steps: [
      addData(input, 7, 12), // 0-10, 5-15; 5-15, 10-20
      checkNewAnswer(),
      stateRows({ total: 3 }),
      addData(input, 15), // 10-20, 15-25; the watermark goes to 10
      checkNewAnswer([0, 1]),
      stateRows({ total: 3, removed: 1 }),
      addData(input, 26), // 20-30, 25-35; the watermark goes to 21
      checkNewAnswer([5, 2], [10, 2]),
      addData(input, 13, 24), // 13 is late in both its windows; 24 in 15-25 and 20-30
      checkNewAnswer(),
      addData(input, 40), // the watermark goes to 35
      checkNewAnswer([15, 2], [20, 2], [25, 1]),
    ],
  };
});

everyWay("sliding windows, update mode", () => {
  const input = memoryStream(spark(), "value INT");
  return {
    frame: slidingCounts(input),
    options: { outputMode: "update" },
    steps: [
      addData(input, 7, 12),
      checkNewAnswer([0, 1], [5, 2], [10, 1]),
      addData(input, 15),
      checkNewAnswer([10, 2], [15, 1]),
      addData(input, 26),
      checkNewAnswer([20, 1], [25, 1]),
      addData(input, 13, 24),
      checkNewAnswer([15, 2], [20, 2]),
    ],
  };
});

everyWay("sliding windows, complete mode keeps everything and knows no late rows", () => {
  const input = memoryStream(spark(), "value INT");
  return {
    frame: slidingCounts(input),
    options: { outputMode: "complete" },
    steps: [
      addData(input, 7, 12),
      checkNewAnswer([0, 1], [5, 2], [10, 1]),
      addData(input, 26),
      checkNewAnswer([0, 1], [5, 2], [10, 1], [20, 1], [25, 1]),
      addData(input, 13),
      checkNewAnswer([0, 1], [5, 3], [10, 2], [20, 1], [25, 1]),
    ],
  };
});

everyWay("windows that start at an offset, and before 1970", () => {
  const input = memoryStream(spark(), "value INT");
  return {
    frame: withEventTime(input, "0 seconds")
      .groupBy(window(col("eventTime"), "10 seconds", "10 seconds", "3 seconds").as("window"))
      .agg(count("*").as("count"))
      .select(startOf, col("count")),
    options: { outputMode: "update" },
    steps: [addData(input, -8, -7, 2), checkNewAnswer([-17, 1], [-7, 2]), addData(input, 3, 12, 13), checkNewAnswer([3, 2], [13, 1])],
  };
});

everyWay("a slide that does not divide the duration", () => {
  const input = memoryStream(spark(), "value INT");
  return {
    frame: withEventTime(input, "0 seconds")
      .groupBy(window(col("eventTime"), "10 seconds", "4 seconds").as("window"))
      .agg(count("*").as("count"))
      .select(startOf, col("count")),
    options: { outputMode: "complete" },
    // 9 is in 0-10, 4-14 and 8-18; 10 and 11 are in 4-14 and 8-18 only.
    steps: [addData(input, 9), checkNewAnswer([0, 1], [4, 1], [8, 1]), addData(input, 10, 11), checkNewAnswer([0, 1], [4, 3], [8, 3])],
  };
});

everyWay("windows beside other keys; rows without a time are dropped", () => {
  const input = memoryStream(spark(), "key STRING, value INT");
  return {
    frame: withEventTime(input, "10 seconds")
      .groupBy(window(col("eventTime"), "5 seconds").as("window"), col("key"))
      .agg(count("*").as("count"))
      .select(startOf, col("key"), col("count")),
    steps: [
      addData(input, ["a", 1], ["b", 2], [null, 3], ["a", 4], ["a", null], ["b", 7]),
      checkNewAnswer(),
      addData(input, ["c", 16], [null, 16]),
      checkNewAnswer([0, "a", 2], [0, "b", 1], [0, null, 1]),
      addData(input, ["a", 21]),
      checkNewAnswer([5, "b", 1]),
      addData(input, ["z", 2], ["z", 40]), // late; the watermark goes to 30
      checkNewAnswer([15, "c", 1], [15, null, 1], [20, "a", 1]),
    ],
  };
});
