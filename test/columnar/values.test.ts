/** Order and text of values: Java's number forms, UTF-8 order, nested values. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compareStrings, compareValues } from "../../src/columnar/compare.ts";
import { formatDouble, formatFloat, formatValue } from "../../src/columnar/format.ts";
import * as types from "../../src/columnar/types.ts";

describe("order", () => {
  test("strings go by UTF-8 bytes", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.string({ unit: "grapheme" }), (a, b) => {
        expect(Math.sign(compareStrings(a, b))).toBe(Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b))));
      }),
    );
    expect(compareStrings("\uffff", "😀")).toBeLessThan(0);
  });

  test("NaN is the greatest and equals itself, zeros are equal, nulls come first", () => {
    expect(compareValues(types.DoubleType, NaN, NaN)).toBe(0);
    expect(compareValues(types.DoubleType, Infinity, NaN)).toBeLessThan(0);
    expect(compareValues(types.DoubleType, -0, 0)).toBe(0);
    expect(compareValues(types.IntegerType, null, -1)).toBeLessThan(0);
    const pair = types.structType([types.structField("a", types.IntegerType), types.structField("b", types.StringType)]);
    expect(compareValues(pair, [1, "b"], [1, "a"])).toBeGreaterThan(0);
    expect(compareValues(pair, [1, null], [1, "a"])).toBeLessThan(0);
  });
});

describe("text", () => {
  test.each([
    [1, "1.0"],
    [0.1, "0.1"],
    [1e7, "1.0E7"],
    [9_999_999, "9999999.0"],
    [0.001, "0.001"],
    [0.000999, "9.99E-4"],
    [-1.5e300, "-1.5E300"],
    [123456.789, "123456.789"],
    [1.05, "1.05"],
    [2e23, "2.0E23"],
    [-0, "-0.0"],
    [NaN, "NaN"],
    [-Infinity, "-Infinity"],
    [4.9e-324, "4.9E-324"],
  ])("double %d is %s", (value, text) => expect(formatDouble(value)).toBe(text));

  test.each([
    [Math.fround(0.1), "0.1"],
    [Math.fround(3.4028235e38), "3.4028235E38"],
    [Math.fround(16_777_216), "1.6777216E7"],
    [Math.fround(1.4e-45), "1.4E-45"],
    [Math.fround(1.05), "1.05"],
    [Math.fround(1.17549435e-38), "1.1754944E-38"],
  ])("float %d is %s", (value, text) => expect(formatFloat(value)).toBe(text));

  test("nested values, dates beyond four digits, intervals", () => {
    const pair = types.structType([types.structField("a", types.IntegerType), types.structField("b", types.arrayType(types.StringType))]);
    expect(formatValue([1, ["x", null]], pair, "UTC")).toBe("{1, [x, null]}");
    expect(formatValue([["k", 1n]], types.mapType(types.StringType, types.LongType), "UTC")).toBe("{k -> 1}");
    expect(formatValue(4_000_000, types.DateType, "UTC")).toBe("+12921-08-18");
    expect(formatValue(-1n, types.TimestampType, "UTC")).toBe("1969-12-31 23:59:59.999999");
    expect(formatValue(1_000_000n, types.TimestampType, "Asia/Kolkata")).toBe("1970-01-01 05:30:01");
    expect(formatValue(-90_061_000_000n, types.DayTimeIntervalType, "UTC")).toBe("INTERVAL '-1 01:01:01' DAY TO SECOND");
    expect(formatValue(-5n, types.decimalType(10, 2), "UTC")).toBe("-0.05");
  });
});
