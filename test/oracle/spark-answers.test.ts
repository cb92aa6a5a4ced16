/**
 * Expressions with the answers of real Spark (`record-spark-answers.py`): every cast between flat types with edge values, and functions and
 * operators over a grid of arguments. Each as users run it, with what it has of constants folded, and with its literals in columns of a row.
 */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { RuntimeConf } from "../../src/api/runtime-conf.ts";
import { decodeColumnBatch } from "../../src/columnar/column-batch.ts";
import { MillraceError, Session } from "../../src/index.ts";
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

const cases = readFileSync(new URL("spark-answers.txt", import.meta.url), "utf8")
  .trimEnd()
  .split("\n")
  .map((line) => line.split("\t") as [expression: string, answer: string])
  .filter(([expression]) => !DIFFERENT.some(([pattern]) => pattern.test(expression)));

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

async function answerOf(expression: string): Promise<string> {
  try {
    const { plan } = session.range(1).selectExpr(`cast((${expression}) as string) as r`);
    const { schema, batches } = await executor.collect(plan);
    const [[value]] = decodeColumnBatch(schema, batches[0]!) as [[string | null]];
    return value ?? "NULL";
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
  for (const [expression, expected] of cases) {
    const actual = await answerOf(expression);
    if (actual !== expected && !isSameNumber(actual, expected, expression)) different.push(`${expression}: ${actual}, Spark ${expected}`);
  }
  expect(different).toEqual([]);
  expect(cases.length).toBeGreaterThan(3500);
});
