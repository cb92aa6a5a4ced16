/**
 * Expressions and aggregates with the answers of real Spark (`answers/record.py`): every cast between flat types with edge values, functions and
 * operators over a grid of arguments, aggregates of columns of every flat type. Expressions run as users run them, with what they have of constants
 * folded, and with their literals in columns of a row.
 */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { RuntimeConf } from "../../src/api/runtime-conf.ts";
import { decodeColumnBatch } from "../../src/columnar/column-batch.ts";
import { type DataFrame, functions as F, MillraceError, Session } from "../../src/index.ts";
import { OracleExecutor } from "./support/recorded-run.ts";

/** Where the answer is another, with the reason. */
const DIFFERENT: readonly (readonly [pattern: RegExp, reason: string])[] = [
  [/interval '(?:-0-13|1-13|1 24:00:00|x|1'|1 2')/, "another condition for a literal that is no interval"],
  [/'1 25' as interval|'1 02:60' as interval/, "Spark names no condition"],
  [/^sign(?:um)?\(interval/, "signs of intervals"],
  [/'12:30:00'|'epoch'/, "texts that stand for a moment by name, or for today"],
  [/^date_format\(.*'(?:g+|F+|v|vvvv|zzzz)'\)/, "letters that are not read, names of time zones"],
  [/^(?:exp|pow)\(/, "the last digit"],
  [/^shiftleft\(.*,cast\(null/, "constants are cast before anybody knows that they are not needed"],
  [/^(?:try_)?cast\(-9{38} as timestamp\)/, "a product that Spark rounds to 34 digits before it overflows"],
  [/^case when null then/, "an untyped null as a condition"],
];

const linesOf = (name: string): string[][] =>
  readFileSync(new URL(`answers/${name}`, import.meta.url), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => line.split("\t"));
const expressions = linesOf("expressions.txt").filter(([expression]) => !DIFFERENT.some(([pattern]) => pattern.test(expression!)));

let session: Session;
let executor: OracleExecutor;
beforeAll(async () => {
  session = await Session.builder().master("local[1]").config("spark.sql.session.timeZone", "UTC").create();
  const conf = new RuntimeConf();
  conf.set("spark.sql.session.timeZone", "UTC");
  executor = new OracleExecutor({ appName: "oracle", workers: 1, conf });
});
afterAll(async () => {
  await executor.stop();
  await session.stop();
});

/** The values of the first column, in order, or the condition of the error. */
async function answerOf(frame: DataFrame<any>): Promise<string> {
  try {
    const { schema, batches } = await executor.collect(frame.plan);
    const rows = batches.flatMap((batch) => decodeColumnBatch(schema, batch));
    return rows
      .map(([value]) => (value as string | null) ?? "NULL")
      .sort()
      .join(" | ");
  } catch (error) {
    if (error instanceof MillraceError) return `ERR ${error.condition}`;
    throw error;
  }
}

/** JDK 17 writes some numbers with more digits than it takes to tell them apart. */
function isSameNumber(a: string, b: string, expression: string): boolean {
  if (!/E-?\d+$/.test(a) || !/E-?\d+$/.test(b)) return false;
  const isFloat = / as float\)$|^try_multiply\(0\.1f|^\(0\.1f\) \*/.test(expression);
  return isFloat ? Math.fround(Number(a)) === Math.fround(Number(b)) : Number(a) === Number(b);
}

test.each(["folded", "columns"] as const)("the answers of Spark, %s", async (way) => {
  executor.way = way;
  const different: string[] = [];
  for (const [expression, expected] of expressions as [string, string][]) {
    const actual = await answerOf(session.range(1).selectExpr(`cast((${expression}) as string) as r`));
    if (actual !== expected && !isSameNumber(actual, expected, expression)) different.push(`${expression}: ${actual}, Spark ${expected}`);
  }
  expect(different).toEqual([]);
  expect(expressions.length).toBeGreaterThan(4000);
});

/** Sums of squares differ in the last digits with the order in which parts are merged. */
function isClose(actual: string, expected: string): boolean {
  const [a, b] = [actual, expected].map((text) => text.split(/[|:]/).map(Number)) as [number[], number[]];
  return a.length === b.length && a.every((value, i) => Object.is(value, b[i]) || Math.abs(value - b[i]!) <= 1e-12 * Math.abs(b[i]!));
}

test("the aggregates of Spark: of all rows, of none, by group", async () => {
  executor.way = "folded";
  const columns = linesOf("columns.txt").map(([column]) => column!);
  const table = session.range(0, 6, 1).selectExpr("id", ...columns);
  const frames = { all: table.groupBy(), empty: table.filter("id > 100").groupBy(), k: table.groupBy("k") };
  const different: string[] = [];
  for (const [group, aggregate, expected] of linesOf("aggregates.txt") as [keyof typeof frames, string, string][]) {
    const text = `cast(${aggregate} as string)`;
    const frame = frames[group].agg(F.expr(group === "k" ? `concat(string(k), ':', coalesce(${text}, 'NULL'))` : text).as("r"));
    const actual = await answerOf(frame.select("r"));
    if (actual !== expected && !isClose(actual, expected)) different.push(`${group}: ${aggregate}: ${actual}, Spark ${expected}`);
  }
  expect(different).toEqual([]);
});
