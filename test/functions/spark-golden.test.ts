/** Spark's own recorded answers for expressions without tables, in the recording's time zone. */
import { describe, expect, test } from "vitest";
import { MillraceError } from "../../src/base/errors.ts";
import { evaluate } from "../../src/compile/interpreter.ts";
import { formatValue } from "../../src/columnar/format.ts";
import type { DataType } from "../../src/columnar/types.ts";
import type { Value } from "../../src/columnar/values.ts";
import { functionRegistry } from "../../src/functions/registry.ts";
import { typeOf } from "../../src/plan/expr/expression-type.ts";
import { OutOfScope, readSelect } from "./support/expressions.ts";
import { goldenCases, goldenFilesPresent, type GoldenCase, hiveInterval } from "./support/golden.ts";

const ZONE = "America/Los_Angeles";
const FILES = [
  "cast",
  "try_cast",
  "try_arithmetic",
  "operators",
  "comparator",
  "conditional-functions",
  "string-functions",
  "date",
  "timestamp",
  "decimalArithmeticOperations",
  "misc-functions",
  "postgreSQL/float8",
  "postgreSQL/int4",
  "typeCoercion/native/promoteStrings",
  "typeCoercion/native/binaryComparison",
  "typeCoercion/native/implicitTypeCasts",
  "typeCoercion/native/division",
  "typeCoercion/native/dateTimeOperations",
  "typeCoercion/native/inConversion",
  "typeCoercion/native/caseWhenCoercion",
];

/** Statements outside what is built, with the reason. */
const OUT_OF_SCOPE: readonly (readonly [pattern: RegExp, reason: string])[] = [
  [/make_timestamp\((?:make_date\([^)]*\)|DATE'[^']*'|NULL)[,)]/i, "make_timestamp from date and time: no TIME type"],
  [/(?:hour|minute|second)\( '10:11:12'\)/, "texts with a time only stand for today: depends on the wall clock"],
  [/(?:dateadd|date_add|date_diff|datediff)\('/i, "units of dateadd and datediff are read by the parser"],
  [/ in \(cast\('2017-12-12[^)]*\), cast\(1 as string\)\)/, "IN compares all values, Spark stops at the first that is equal"],
];

type Outcome =
  | { readonly kind: "passed" }
  | { readonly kind: "skipped"; readonly reason: string }
  | { readonly kind: "failed"; readonly detail: string };

function check(golden: GoldenCase): Outcome {
  const excluded = OUT_OF_SCOPE.find(([pattern]) => pattern.test(golden.statement));
  if (excluded) return { kind: "skipped", reason: excluded[1] };
  try {
    const items = readSelect(golden.statement.replace(/\s+FROM\s+t\s*$/i, ""), ZONE);
    const actual = items
      .map(({ expression }) => {
        const value = evaluate(expression, () => null, functionRegistry, { batchTimestampMicros: 0n, timeZone: ZONE });
        return recorded(value, typeOf(expression));
      })
      .join("\t");
    if (golden.error) return { kind: "failed", detail: `${golden.error.condition} expected, got ${actual}` };
    if (golden.rows.join("\n").trimEnd() === actual.trimEnd()) return { kind: "passed" };
    return { kind: "failed", detail: `expected ${golden.rows.join("\\n")} got ${actual}` };
  } catch (error) {
    if (error instanceof OutOfScope) return { kind: "skipped", reason: error.message };
    const expected = golden.error?.condition ?? (golden.rows[0] === "java.lang.ArithmeticException" ? "ARITHMETIC_OVERFLOW" : undefined);
    if (error instanceof MillraceError && error.condition === expected) {
      const wrong = RUN_TIME_CONDITIONS.has(expected) ? differingParameters(error.messageParameters, golden.error?.parameters ?? {}) : [];
      return wrong.length === 0 ? { kind: "passed" } : { kind: "failed", detail: `${expected}: ${wrong.join("; ")}` };
    }
    return { kind: "failed", detail: `expected ${expected ?? golden.rows.join("\\n")} got ${String(error)}` };
  }
}

/** Conditions whose parameters depend on values, not on how the analyzer prints expressions. */
const RUN_TIME_CONDITIONS = new Set([
  "ARITHMETIC_OVERFLOW",
  "BINARY_ARITHMETIC_OVERFLOW",
  "CAST_INVALID_INPUT",
  "CAST_OVERFLOW",
  "DIVIDE_BY_ZERO",
  "REMAINDER_BY_ZERO",
  "NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION",
  "DATETIME_FIELD_OUT_OF_BOUNDS.WITH_SUGGESTION",
  "INVALID_FRACTION_OF_SECOND",
  "INTERVAL_DIVIDED_BY_ZERO",
]);

function differingParameters(actual: Readonly<Record<string, string>>, expected: Readonly<Record<string, string>>): string[] {
  return Object.entries(expected).flatMap(([name, value]) =>
    actual[name] === value ? [] : [`${name} is ${actual[name]}, expected ${value}`],
  );
}

/** A value as the recording prints it: as a cast to string, but intervals in Hive's form. */
function recorded(value: Value, type: DataType): string {
  if (value === null) return "NULL";
  const isInterval = type.kind === "year_month_interval" || type.kind === "day_time_interval";
  return isInterval ? hiveInterval(value as bigint | number, type.kind) : formatValue(value, type, ZONE);
}

/** Statements before the first SET: what follows was recorded under other settings. */
function defaultCases(file: string): GoldenCase[] {
  const cases = goldenCases(file);
  const end = cases.findIndex(({ statement }) => /^set\s/i.test(statement));
  return end < 0 ? cases : cases.slice(0, end);
}

const title = goldenFilesPresent
  ? "Spark's recorded results"
  : "Spark's recorded results (skipped: ../shared/spark-sql-tests is not there)";

describe.skipIf(!goldenFilesPresent)(title, () => {
  test.each(FILES)("%s", (file) => {
    const outcomes = defaultCases(file).map((golden) => ({ statement: golden.statement, outcome: check(golden) }));
    const failed = outcomes.flatMap(({ statement, outcome }) => (outcome.kind === "failed" ? [`${statement} => ${outcome.detail}`] : []));
    expect(failed).toEqual([]);
    expect(outcomes.filter(({ outcome }) => outcome.kind === "passed").length).toBeGreaterThan(0);
  });
});
