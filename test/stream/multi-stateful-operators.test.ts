/** Cases of Spark's MultiStatefulOperatorsSuite, titles kept. Times are event seconds. */
import { functions as F } from "../../src/index.ts";
import { addData, checkNewAnswer, memoryStream } from "../../src/testing.ts";
import { everyWay } from "../support/every-way.ts";
import { stateRows } from "../support/query-assertions.ts";
import { testSession } from "../support/test-session.ts";
import { withEventTime } from "../support/windowed-counts.ts";

const { col, count, sum, window } = F;
const spark = testSession();
const between = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, index) => first + index);

everyWay("agg -> agg -> agg, append mode", () => {
  const input = memoryStream(spark(), "value INT");
  const frame = withEventTime(input, "0 seconds")
    .groupBy(window(col("eventTime"), "5 seconds").as("window"))
    .agg(count("*").as("count"))
    .groupBy(window(col("window"), "10 seconds"))
    .agg(count("*").as("count"), sum("count").as("sum"))
    .groupBy(window(col("window"), "20 seconds"))
    .agg(count("*").as("count"), sum("sum").as("sum"))
    .select(
      col("window").getField("start").cast("long").as("start"),
      col("window").getField("end").cast("long").as("end"),
      col("count"),
      col("sum"),
    );
  return {
    frame,
    steps: [
      addData(input, ...between(0, 37)),
      checkNewAnswer([0, 20, 2, 20]),
      // Windows of 5 s: 35-40. Of 10 s: 30-40. Of 20 s: 20-40.
      stateRows({ total: 1, dropped: 0 }, 2),
      stateRows({ total: 1, dropped: 0 }, 1),
      stateRows({ total: 1, dropped: 0 }, 0),
      addData(input, ...between(30, 60)),
      checkNewAnswer([20, 40, 2, 23], [40, 60, 2, 20]),
      stateRows({ total: 1, dropped: 1 }, 2),
      stateRows({ total: 0, dropped: 0 }, 1),
      stateRows({ total: 0, dropped: 0 }, 0),
    ],
  };
});
