/** `approx_count_distinct` against answers of Apache Spark 4.1.1: `spark.range(n).selectExpr("approx_count_distinct(id)")`. */
import { afterAll, expect, test } from "vitest";
import { functions as F, Session } from "../../src/index.ts";

const answers: readonly (readonly [rows: number, estimate: number])[] = [
  [0, 0],
  [7, 7],
  [14, 14],
  [21, 21],
  [28, 28],
  [35, 35],
  [100, 103],
  [237, 233],
  [374, 375],
  [511, 494],
  [648, 660],
  [785, 792],
  [922, 944],
  [1059, 1065],
  [1196, 1161],
  [1333, 1283],
  [1470, 1388],
  [1607, 1516],
  [1744, 1644],
  [1881, 1791],
  [2018, 1967],
  [2155, 2050],
  [2292, 2176],
  [2429, 2284],
  [2566, 2450],
  [2703, 2540],
  [2840, 2627],
  [2977, 2756],
  [3114, 2854],
  [3251, 3046],
  [3388, 3129],
  [3525, 3222],
  [3662, 3329],
  [3799, 3447],
  [3936, 3572],
];

const spark = await Session.builder().master("local[2]").getOrCreate();
afterAll(() => spark.stop());

test("estimates equal Spark's, through linear counting, bias correction and the raw range", async () => {
  for (const [rows, estimate] of answers) {
    const [row] = await spark.range(rows).agg(F.approx_count_distinct("id").as("estimate")).collect();
    expect([rows, Number(row!["estimate"])]).toEqual([rows, estimate]);
  }
});
