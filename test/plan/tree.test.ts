import { describe, expect, test } from "vitest";
import { DayTimeIntervalType, IntegerType, intervalType, LongType, YearMonthIntervalType } from "../../src/columnar/types.ts";
import { expressionKey } from "../../src/plan/expr/expression-key.ts";
import { alias, call, literal, type Attribute, type Expression } from "../../src/plan/expr/expression.ts";
import { literalText, prettyName, quotedName } from "../../src/plan/expr/sql-text.ts";
import { formatLocalTimestamp } from "../../src/columnar/format.ts";
import {
  childrenOf,
  contains,
  expressionsOf,
  inputsOf,
  mapChildren,
  transformDown,
  transformPlanUp,
  transformUp,
  walk,
} from "../../src/plan/tree.ts";
import { parseExpression } from "../../src/sql/parser.ts";
import { join, read, select, sort, where } from "./fixtures.ts";

const attribute = (id: number, name: string): Attribute => ({ kind: "attribute", id, name, dataType: IntegerType, nullable: true });
const one = literal(1, IntegerType);
const plusOne = call("+", [attribute(1, "a"), one], IntegerType, true);

describe("trees", () => {
  test("children of every shape of field", () => {
    const text = (expression: Expression): string[] => childrenOf(expression).map(prettyName);
    expect(text(parseExpression("CASE WHEN a THEN b WHEN c THEN d ELSE e END"))).toEqual(["a", "b", "c", "d", "e"]);
    expect(text(parseExpression("sum(a) FILTER (WHERE b)"))).toEqual(["a", "b"]);
    expect(text(parseExpression("a[b]"))).toEqual(["a", "b"]);
    const plan = sort(join(where(read(), "x > 1"), select(read(), "k, x"), "a = b"), "c");
    expect(expressionsOf(plan).map(prettyName)).toEqual(["c ASC NULLS FIRST"]);
    expect(inputsOf(inputsOf(plan)[0]!).map((input) => input.kind)).toEqual(["filter", "project"]);
  });

  test("a rewrite that changes nothing returns the same object", () => {
    const plan = where(select(read(), "k, x + 1 AS y"), "y > 1");
    const expression = parseExpression("CASE WHEN a > 1 THEN b ELSE c END");
    expect(transformUp(expression, (node) => node)).toBe(expression);
    expect(transformDown(expression, (node) => node)).toBe(expression);
    expect(transformPlanUp(plan, (node) => node)).toBe(plan);
    expect(mapChildren(one, () => plusOne)).toBe(one);
  });

  test("a rewrite copies the way to what it changed, and freezes it", () => {
    const rewritten = transformUp(plusOne, (node) => (node === one ? literal(2, IntegerType) : node));
    expect(prettyName(rewritten)).toBe("(a + 2)");
    expect(Object.isFrozen(rewritten)).toBe(true);
    expect(prettyName(plusOne)).toBe("(a + 1)");
  });

  test("walk visits parents first", () => {
    expect([...walk(plusOne)].map((node) => node.kind)).toEqual(["call", "attribute", "literal"]);
    expect(contains(plusOne, (node) => node === one)).toBe(true);
  });
});

describe("equality of expressions", () => {
  test("names do not count, ids, values and types do", () => {
    const key = (expression: Expression): string => expressionKey(expression);
    expect(key(call("+", [attribute(1, "A"), one], IntegerType, true))).toBe(key(plusOne));
    expect(key(alias(plusOne, "x", 1))).toBe(key(alias(plusOne, "y", 2)));
    const different = [
      plusOne,
      call("-", [attribute(1, "a"), one], IntegerType, true),
      call("+", [attribute(2, "a"), one], IntegerType, true),
      call("+", [attribute(1, "a"), literal(1n, LongType)], IntegerType, true),
      literal("1", { kind: "string" }),
      literal(1, { kind: "double" }),
      literal(0, { kind: "double" }),
      literal(-0, { kind: "double" }),
      literal(Number.NaN, { kind: "double" }),
      literal(null, { kind: "double" }),
    ];
    expect(new Set(different.map(key)).size).toBe(different.length);
  });
});

describe("texts", () => {
  test.each([
    [1.5, "double", "1.5"],
    [1, "double", "1.0"],
    [1e10, "double", "1.0E10"],
    [1.25e-5, "double", "1.25E-5"],
    [0, "date", "DATE '1970-01-01'"],
    [-719_162, "date", "DATE '0001-01-01'"],
    [1_704_067_200_000_000n, "timestamp", "TIMESTAMP '2024-01-01 00:00:00'"],
    [-1n, "timestamp", "TIMESTAMP '1969-12-31 23:59:59.999999'"],
    [Uint8Array.of(1, 255), "binary", "X'01FF'"],
    ["it's", "string", "'it\\'s'"],
    [true, "boolean", "true"],
    [null, "string", "NULL"],
  ] as const)("%s as %s is %s", (value, kind, text) => {
    expect(literalText(value, { kind })).toBe(text);
  });

  test("intervals with their fields", () => {
    expect(literalText(90_061_500_000n, DayTimeIntervalType)).toBe("INTERVAL '1 01:01:01.5' DAY TO SECOND");
    expect(literalText(-14, YearMonthIntervalType)).toBe("INTERVAL '-1-2' YEAR TO MONTH");
    expect(literalText(7_200_000_000n, intervalType("day_time_interval", 1, 1))).toBe("INTERVAL '02' HOUR");
  });

  test("decimals, names, leap years", () => {
    expect(literalText(-5n, { kind: "decimal", precision: 5, scale: 2 })).toBe("-0.05");
    expect(quotedName(["a", "b`c"])).toBe("`a`.`b``c`");
    for (const iso of ["2000-02-29", "1900-03-01", "2023-12-31", "1600-02-29"]) {
      expect(formatLocalTimestamp(BigInt(Date.parse(`${iso}T12:34:56Z`)) * 1000n)).toBe(`${iso} 12:34:56`);
    }
  });
});
