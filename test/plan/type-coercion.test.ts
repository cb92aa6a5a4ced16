/** Type rules of ANSI mode: the table of Spark's documentation and the decimal formulas. */
import { describe, expect, test } from "vitest";
import * as types from "../../src/columnar/types.ts";
import { simpleString, type DataType } from "../../src/columnar/types.ts";
import {
  canCast,
  decimalResult,
  implicitCast,
  tightestCommonType,
  widerTypeForTwo,
  widerTypeOf,
} from "../../src/plan/expr/type-coercion.ts";

const text = (type: DataType | undefined): string | undefined => type && simpleString(type);
const dec = types.decimalType;

describe("common types", () => {
  test.each([
    [types.IntegerType, types.LongType, "bigint"],
    [types.LongType, types.FloatType, "double"],
    [types.FloatType, types.FloatType, "float"],
    [types.IntegerType, dec(5, 2), "decimal(12,2)"],
    [types.DoubleType, dec(5, 2), "double"],
    [types.StringType, types.IntegerType, "bigint"],
    [types.StringType, dec(5, 2), "double"],
    [types.StringType, types.DateType, "date"],
    [types.DateType, types.TimestampType, "timestamp"],
    [types.VoidType, types.BooleanType, "boolean"],
    [dec(38, 10), dec(38, 0), "decimal(38,0)"],
    [types.BooleanType, types.IntegerType, undefined],
    [types.DateType, types.LongType, undefined],
    [types.arrayType(types.IntegerType), types.arrayType(types.LongType), "array<bigint>"],
  ])("%j and %j", (a, b, expected) => {
    expect(text(widerTypeForTwo(a, b))).toBe(expected);
    expect(text(widerTypeForTwo(b, a))).toBe(expected);
  });

  test("strings do not count as tight, and their place in a list does not matter", () => {
    expect(tightestCommonType(types.StringType, types.IntegerType)).toBeUndefined();
    expect(text(widerTypeOf([types.IntegerType, types.StringType, types.DoubleType]))).toBe("double");
    expect(text(widerTypeOf([types.VoidType, types.VoidType]))).toBe("void");
  });
});

describe("decimal results", () => {
  test.each([
    ["+", dec(10, 2), dec(5, 4), "decimal(13,4)"],
    ["*", dec(10, 2), dec(5, 4), "decimal(16,6)"],
    ["/", dec(10, 2), dec(5, 4), "decimal(20,8)"],
    ["%", dec(10, 2), dec(5, 4), "decimal(5,4)"],
    ["*", dec(38, 10), dec(38, 10), "decimal(38,6)"],
    ["/", dec(38, 10), dec(38, 10), "decimal(38,6)"],
    ["+", dec(38, 37), dec(38, 0), "decimal(38,6)"],
  ] as const)("%s of %j and %j", (operator, a, b, expected) => {
    expect(simpleString(decimalResult(operator, a, b))).toBe(expected);
  });
});

describe("casts", () => {
  test("unasked ones are those that store assignment allows, and from text", () => {
    expect(text(implicitCast(types.LongType, types.IntegerType))).toBe("int");
    expect(text(implicitCast(types.IntegerType, types.StringType))).toBe("string");
    expect(text(implicitCast(types.StringType, types.TimestampType))).toBe("timestamp");
    expect(implicitCast(types.BooleanType, types.IntegerType)).toBeUndefined();
    expect(implicitCast(types.DateType, types.IntegerType)).toBeUndefined();
  });

  test("explicit ones follow the ANSI matrix", () => {
    expect(canCast(types.TimestampType, types.LongType)).toBe(true);
    expect(canCast(types.BooleanType, types.TimestampType)).toBe(false);
    expect(canCast(types.DateType, types.IntegerType)).toBe(false);
    expect(canCast(types.IntegerType, types.BinaryType)).toBe(false);
    expect(canCast(types.StringType, types.BinaryType)).toBe(true);
  });
});
