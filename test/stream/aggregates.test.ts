/** Aggregates of all kinds, kept in state over batches and restarts. Answers by hand or by plain recomputation. */
import { Decimal, functions as F } from "../../src/index.ts";
import { addData, checkNewAnswer, memoryStream } from "../../src/testing.ts";
import { everyWay } from "../support/every-way.ts";
import { testSession } from "../support/test-session.ts";

const { col, count, sum, avg, min, max } = F;
const spark = testSession();

everyWay("numbers: count, sum, avg, min, max, decimals and doubles", () => {
  const input = memoryStream(spark(), "k INT, n INT, d DOUBLE, p DECIMAL(10, 2)");
  const frame = input
    .toDF()
    .groupBy("k")
    .agg(
      count("*").as("rows"),
      count("n").as("n"),
      sum("n").as("s"),
      avg("n").as("a"),
      min("d").as("lo"),
      max("d").as("hi"),
      sum("p").as("p"),
    );
  return {
    frame,
    options: { outputMode: "update" },
    steps: [
      addData(input, [1, 10, 1.5, "0.10"], [1, null, -0.5, "0.20"], [2, null, null, null]),
      checkNewAnswer([1, 2, 1, 10, 10, -0.5, 1.5, "0.30"], [2, 1, 0, null, null, null, null, null]),
      addData(input, [2, 2147483647, Number.NaN, "99999999.99"], [2, 2147483647, 1e300, "99999999.99"]),
      checkNewAnswer([2, 3, 2, 4294967294n, 2147483647, 1e300, Number.NaN, "199999999.98"]),
      addData(input, [1, -31, Number.NEGATIVE_INFINITY, new Decimal(-31n, 2)]),
      checkNewAnswer([1, 3, 2, -21, -10.5, Number.NEGATIVE_INFINITY, 1.5, "-0.01"]),
    ],
  };
});

const LONG = "a text of more than a few bytes, so that it does not fit into a view";

everyWay("texts: min, max, first, last, by another column", () => {
  const input = memoryStream(spark(), "k STRING, s STRING, n INT");
  const frame = input
    .toDF()
    .groupBy("k")
    .agg(
      min("s").as("lo"),
      max("s").as("hi"),
      F.first("s").as("first"),
      F.last("s", true).as("last"),
      F.min_by("s", "n").as("least"),
      F.max_by("s", "n").as("most"),
    );
  return {
    frame,
    options: { outputMode: "update" },
    steps: [
      addData(input, ["x", "pear", 3], ["x", "", 5], ["y", null, 1]),
      checkNewAnswer(["x", "", "pear", "pear", "", "pear", ""], ["y", null, null, null, null, null, null]),
      addData(input, ["x", LONG, 9], ["y", "ß", 7], ["y", "𝄞", 7]),
      checkNewAnswer(["x", "", "pear", "pear", LONG, "pear", LONG], ["y", "ß", "𝄞", null, "𝄞", null, "𝄞"]),
      addData(input, ["x", "apple", 1], [LONG, LONG, 1]),
      checkNewAnswer(["x", "", "pear", "pear", "apple", "apple", LONG], [LONG, LONG, LONG, LONG, LONG, LONG, LONG]),
      addData(input, [LONG, null, 0], ["x", null, 100]),
      checkNewAnswer(["x", "", "pear", "pear", "apple", "apple", null], [LONG, LONG, LONG, LONG, LONG, null, LONG]),
    ],
  };
});

everyWay("arguments that several aggregates compute alike, with and without filters", () => {
  const input = memoryStream(spark(), "k INT, n INT, m INT, s STRING");
  const frame = input.toDF().groupBy("k").agg(
    F.expr("max(n) FILTER (WHERE n * 2 + m > 100)").as("filtered"),
    F.expr("sum(n * 2 + m) FILTER (WHERE m > 0)").as("some"),
    F.expr("sum(n * 2 + m)").as("all"),
    F.expr("max_by(s || '!', n * 2 + m)").as("most"),
    F.expr("min_by(m, n * 2 + m)").as("least"),
    // The quotient is never computed where the ordering is null.
    F.expr("max_by(10 div m, n * 2 + m)").as("quotient"),
  );
  return {
    frame,
    options: { outputMode: "update" },
    steps: [
      addData(input, [1, 5, 1, "a"], [1, 50, 2, "b"], [1, null, 0, "c"], [2, null, 3, "d"]),
      checkNewAnswer([1, 50, 113, 113, "b!", 1, 5], [2, null, null, null, null, null, null]),
      addData(input, [1, -60, 5, "e"], [2, 1, -1, null]),
      checkNewAnswer([1, 50, -2, -2, "b!", 5, 5], [2, null, null, 1, null, -1, -10]),
    ],
  };
});

everyWay("lists grow over batches", () => {
  const input = memoryStream(spark(), "k INT, s STRING, n INT");
  return {
    frame: input.toDF().groupBy("k").agg(F.collect_list("s").as("texts"), F.collect_list("n").as("numbers")),
    options: { outputMode: "update" },
    steps: [
      addData(input, [1, "a", 1], [1, null, 2], [2, null, null]),
      checkNewAnswer([1, ["a"], [1, 2]], [2, [], []]),
      addData(input, [1, LONG, null], [3, "z", 26]),
      checkNewAnswer([1, ["a", LONG], [1, 2]], [3, ["z"], [26]]),
      addData(input, [1, "b", 3], [2, "c", 4]),
      checkNewAnswer([1, ["a", LONG, "b"], [1, 2, 3]], [2, ["c"], [4]]),
    ],
  };
});

everyWay("variance, conditional counts, booleans, filters", () => {
  const input = memoryStream(spark(), "k INT, n DOUBLE");
  const frame = input
    .toDF()
    .groupBy("k")
    .agg(
      F.var_pop("n").as("variance"),
      F.stddev("n").as("deviation"),
      F.count_if(col("n").gt(2)).as("above"),
      F.bool_and(col("n").gt(1)).as("all"),
      F.bool_or(col("n").gt(4)).as("any"),
      F.expr("sum(n) FILTER (WHERE n < 4)").as("small"),
    );
  return {
    frame,
    options: { outputMode: "complete" },
    steps: [
      addData(input, [1, 2], [1, 4]),
      checkNewAnswer([1, 1, Math.SQRT2, 1, true, false, 2]),
      // 2 4 6 8: mean 5, squares 9 1 1 9; with one more decimal power the sample variance is 20/3.
      addData(input, [1, 6], [1, 8]),
      checkNewAnswer([1, 5, Math.sqrt(20 / 3), 3, true, true, 2]),
      addData(input, [2, 1]),
      checkNewAnswer([1, 5, Math.sqrt(20 / 3), 3, true, true, 2], [2, 0, null, 0, false, false, 1]),
    ],
  };
});

everyWay("an aggregate without keys has a row in every batch, also without input", () => {
  const input = memoryStream(spark(), "n INT");
  return {
    frame: input.toDF().filter(col("n").gt(10)).groupBy().agg(count("*").as("count"), sum("n").as("sum")),
    options: { outputMode: "update" },
    steps: [
      addData(input, 1),
      checkNewAnswer([0, null]),
      addData(input, 11, 12),
      checkNewAnswer([2, 23]),
      addData(input, 2),
      checkNewAnswer([2, 23]),
    ],
  };
});

everyWay("keys of many types, nulls and special numbers are groups of their own", () => {
  const input = memoryStream(spark(), "a DOUBLE, b DATE, c BOOLEAN, d DECIMAL(20, 3)");
  return {
    frame: input.toDF().groupBy("a", "b", "c", "d").count(),
    options: { outputMode: "update" },
    steps: [
      addData(input, [0, "2024-02-29", true, "1.5"], [-0, "2024-02-29", true, "1.500"], [Number.NaN, null, null, null]),
      checkNewAnswer([0, "2024-02-29", true, "1.5", 2], [Number.NaN, null, null, null, 1]),
      addData(input, [Number.NaN, null, null, null], [null, null, null, null], [-0, "2024-02-29", false, "1.5"]),
      checkNewAnswer([Number.NaN, null, null, null, 2], [null, null, null, null, 1], [0, "2024-02-29", false, "1.5", 1]),
    ],
  };
});
