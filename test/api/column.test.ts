/** Columns and functions build expressions; nothing is computed. */
import { describe, expect, test } from "vitest";
import { Column, Decimal, functions as F, LocalDate, Timestamp, types as T } from "../../src/index.ts";
import { functionRegistry } from "../../src/functions/registry.ts";
import { parseAttributeName } from "../../src/sql/attribute-name.ts";
import { printExpression } from "../sql/print-expression.ts";

const { col, lit, when } = F;
const print = (column: Column): string => printExpression(column.expression);

describe("operators", () => {
  const a = col("a");
  test.each<[string, Column, string]>([
    ["plus", a.plus(1), "+(a, 1:int)"],
    ["minus", a.minus(col("b")), "-(a, b)"],
    ["multiply", a.multiply(2.5), "*(a, 2.5:double)"],
    ["divide", a.divide(2n), "/(a, 2:bigint)"],
    ["mod", a.mod(2), "%(a, 2:int)"],
    ["unary_minus", a.unary_minus(), "negative(a)"],
    ["bitwiseAND", a.bitwiseAND(1), "&(a, 1:int)"],
    ["equalTo", a.equalTo("x"), '=(a, "x":string)'],
    ["notEqual", a.notEqual(null), "!=(a, null:void)"],
    ["eqNullSafe", a.eqNullSafe(null), "<=>(a, null:void)"],
    ["gt", a.gt(1), ">(a, 1:int)"],
    ["leq", a.leq(1), "<=(a, 1:int)"],
    ["and, or, not", a.and(col("b")).or(col("c").not()), "or(and(a, b), not(c))"],
    ["isNull", a.isNull(), "isnull(a)"],
    ["isin", a.isin(1, 2), "in(a, 1:int, 2:int)"],
    ["isin with an array", a.isin(["x", "y"]), 'in(a, "x":string, "y":string)'],
    ["between", a.between(1, col("b")), "between(a, 1:int, b)"],
    ["like", a.like("x%"), 'like(a, "x%":string)'],
    ["startsWith", a.startsWith("x"), 'startswith(a, "x":string)'],
    ["substr", a.substr(1, 3), "substr(a, 1:int, 3:int)"],
    ["cast", a.cast("decimal(10, 2)"), "cast(a to decimal(10,2))"],
    ["cast to a type", a.cast(T.LongType), "cast(a to bigint)"],
    ["try_cast", a.try_cast("int"), "try_cast(a to int)"],
    ["as", a.as("x y"), "a as x y"],
    ["getField", a.getField("x"), 'a["x":string]'],
    ["getItem", a.getItem(0), "a[0:int]"],
    ["desc", a.desc(), "a desc nulls last"],
    ["asc_nulls_last", a.asc_nulls_last(), "a asc nulls last"],
    [
      "when",
      when(a.gt(1), "x").when(a.gt(0), "y").otherwise("z"),
      'case(when >(a, 1:int) then "x":string when >(a, 0:int) then "y":string else "z":string)',
    ],
  ])("%s", (_, column, expected) => expect(print(column)).toBe(expected));

  test("refusals", () => {
    expect(() => a.when(a, 1)).toThrow(expect.objectContaining({ condition: "INVALID_WHEN_USAGE" }));
    expect(() => when(a, 1).otherwise(2).otherwise(3)).toThrow(expect.objectContaining({ condition: "INVALID_WHEN_USAGE" }));
    expect(() => a.over()).toThrow(expect.objectContaining({ condition: "UNSUPPORTED_FEATURE.NOT_YET" }));
    expect(() => a.cast("uuid")).toThrow(expect.objectContaining({ condition: "UNSUPPORTED_DATATYPE" }));
  });
});

test("literals have Spark's types", () => {
  const cases: [unknown, string][] = [
    [1, "1:int"],
    [2147483648, "2147483648:bigint"],
    [-2147483648, "-2147483648:int"],
    [2 ** 53, "9007199254740992:double"],
    [0.5, "0.5:double"],
    [-0, "0:double"],
    [Number.NaN, "NaN:double"],
    [1n, "1:bigint"],
    ["a", '"a":string'],
    [true, "true:boolean"],
    [null, "null:void"],
    [undefined, "null:void"],
    [new Uint8Array([255]), "ff:binary"],
    [new Date(1), "1000:timestamp"],
    [new Timestamp(1n), "1:timestamp"],
    [LocalDate.of(1970, 1, 2), "1:date"],
    [Decimal.parse("1.50"), "150:decimal(3,2)"],
    [[1, 2n, null], "1,2,:array<bigint>"],
  ];
  for (const [value, expected] of cases) expect(print(lit(value))).toBe(expected);
  expect(() => lit(Symbol("x"))).toThrow(expect.objectContaining({ condition: "UNSUPPORTED_FEATURE.LITERAL_TYPE" }));
  expect(() => lit(1n << 63n)).toThrow(expect.objectContaining({ condition: "INVALID_EXTERNAL_TYPE" }));
});

test("names", () => {
  expect(parseAttributeName("a.b.`c.d`")).toEqual(["a", "b", "c.d"]);
  expect(parseAttributeName("sum(a b)")).toEqual(["sum(a b)"]);
  expect(parseAttributeName("`a``b`")).toEqual(["a`b"]);
  for (const wrong of ["", "a.", ".a", "`a", "a`b`", "`a`b", "``"])
    expect(() => parseAttributeName(wrong)).toThrow(expect.objectContaining({ condition: "INVALID_ATTRIBUTE_NAME_SYNTAX" }));
  expect(print(col("t.*"))).toBe("t.*");
  expect(print(col("__proto__"))).toBe("__proto__");
});

describe("functions", () => {
  test.each<[string, Column, string]>([
    ["count star", F.count("*"), "count(1:int)"],
    ["count", F.count("a"), "count(a)"],
    ["count_distinct", F.count_distinct("a", col("b")), "count(distinct a, b)"],
    ["sum", F.sum("a.b"), "sum(a.b)"],
    ["first", F.first("a", true), "first(a ignore nulls)"],
    ["window", F.window("ts", "10 minutes"), 'window(ts, "10 minutes":string)'],
    [
      "window with slide and start",
      F.window("ts", "10 minutes", "5 minutes", "1 minute"),
      'window(ts, "10 minutes":string, "5 minutes":string, "1 minute":string)',
    ],
    ["concat_ws", F.concat_ws("-", "a", "b"), 'concat_ws("-":string, a, b)'],
    ["substring", F.substring("a", 1, 2), "substring(a, 1:int, 2:int)"],
    ["trim", F.trim("a", "x"), 'trim("x":string, a)'],
    ["date_trunc", F.date_trunc("hour", "ts"), 'date_trunc("hour":string, ts)'],
    ["to_timestamp", F.to_timestamp("a"), "to_timestamp(a)"],
    ["unix_timestamp", F.unix_timestamp(), "unix_timestamp()"],
    ["from_json", F.from_json("a", "x INT", { mode: "FAILFAST" }), 'from_json(a, "x INT":string, map("mode":string, "FAILFAST":string))'],
    ["from_json of a type", F.from_json("a", T.ArrayType(T.IntegerType)), 'from_json(a, "ARRAY<INT>":string)'],
    ["struct", F.struct("a", col("b").as("c")), "struct(a, b as c)"],
    ["expr", F.expr("a + 1"), "expr(a + 1)"],
    ["call_function", F.call_function("upper", "a"), "upper(a)"],
    ["desc", F.desc("a"), "a desc nulls last"],
  ])("%s", (_, column, expected) => expect(print(column)).toBe(expected));

  test("every name is known to the registry", () => {
    const builders = new Set(
      "asc asc_nulls_first asc_nulls_last desc desc_nulls_first desc_nulls_last broadcast call_function col column expr lit when udf".split(
        " ",
      ),
    );
    const otherNames: Record<string, string> = {
      count_distinct: "count",
      countDistinct: "count",
      sum_distinct: "sum",
      create_map: "map",
      bitwise_not: "~",
    };
    const unknown = Object.keys(F).filter((name) => !builders.has(name) && functionRegistry.find(otherNames[name] ?? name) === undefined);
    expect(unknown).toEqual([]);
  });
});
