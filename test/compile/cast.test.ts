import { describe, expect, test } from "vitest";
import {
  BooleanType,
  ByteType,
  type DataType,
  DateType,
  DayTimeIntervalType,
  decimalType,
  DoubleType,
  FloatType,
  IntegerType,
  LongType,
  ShortType,
  TimestampNTZType,
  TimestampType,
} from "../../src/columnar/types.ts";
import type { Value } from "../../src/columnar/values.ts";
import { cast } from "../../src/plan/expr/expression.ts";
import { attribute, evaluateCompiled, utc } from "./harness.ts";

const D = decimalType;
const MAX = 2n ** 63n - 1n;
const MIN = -(2n ** 63n);

function castAll(values: readonly Value[], from: DataType, to: DataType, mode: "ansi" | "try" = "ansi"): Value[] {
  const column = attribute(0, from);
  return evaluateCompiled(cast(column, to, mode), [{ attribute: column, values }], values.length);
}

function conditionOf(value: Value, from: DataType, to: DataType): string {
  try {
    return `no error but ${String(castAll([value], from, to)[0])}`;
  } catch (error) {
    return (error as { condition: string }).condition;
  }
}

describe("values that fit", () => {
  test.each<[string, Value[], DataType, DataType, Value[]]>([
    ["integers widen", [-128, 127, null], ByteType, LongType, [-128n, 127n, null]],
    ["and narrow", [-32768n, 32767n], LongType, ShortType, [-32768, 32767]],
    ["long to float rounds once", [16777217n, MAX], LongType, FloatType, [16777216, 2 ** 63]],
    ["fractions are cut", [1.9, -1.9, 2147483647.5, -2147483648.9], DoubleType, IntegerType, [1, -1, 2147483647, -2147483648]],
    ["the double 2^63 is the largest long", [2 ** 63, -(2 ** 63)], DoubleType, LongType, [MAX, MIN]],
    ["numbers are true unless zero", [0, -0, NaN, 0.5], DoubleType, BooleanType, [false, false, true, true]],
    ["booleans are 0 and 1", [true, false], BooleanType, DoubleType, [1, 0]],
    ["integers to decimals", [12345, -1], IntegerType, D(8, 3), [12345000n, -1000n]],
    ["decimals gain digits", [12345n], D(5, 2), D(8, 4), [1234500n]],
    ["decimals are rounded half up", [12345n, 12344n, -12345n, 99995n], D(5, 2), D(5, 1), [1235n, 1234n, -1235n, 10000n]],
    ["decimals to doubles", [12345n, 999999999999999999n, 1n], D(18, 2), DoubleType, [123.45, 1e16, 0.01]],
    ["decimals to integers are cut", [199n, -199n], D(5, 2), IntegerType, [1, -1]],
    ["timestamps to seconds, floored", [1_999_999n, -1n], TimestampType, LongType, [1n, -1n]],
    ["seconds to timestamps", [1, -2], IntegerType, TimestampType, [1_000_000n, -2_000_000n]],
    ["beyond the range of timestamps: its ends", [MAX, MIN], LongType, TimestampType, [MAX, MIN]],
    ["timestamps to doubles", [1_500_000n], TimestampType, DoubleType, [1.5]],
    ["timestamps to dates", [86_399_999_999n, 86_400_000_000n, -1n], TimestampType, DateType, [0, 1, -1]],
    ["dates to timestamps", [1, -1], DateType, TimestampNTZType, [86_400_000_000n, -86_400_000_000n]],
    ["intervals to seconds", [-1_999_999n], DayTimeIntervalType, IntegerType, [-1]],
  ])("%s", (_, values, from, to, expected) => {
    expect(castAll(values, from, to)).toEqual(expected);
  });
});

describe("values that do not fit", () => {
  test.each<[Value, DataType, DataType, string]>([
    [128, IntegerType, ByteType, "CAST_OVERFLOW"],
    [2n ** 31n, LongType, IntegerType, "CAST_OVERFLOW"],
    [NaN, DoubleType, IntegerType, "CAST_OVERFLOW"],
    [Infinity, DoubleType, LongType, "CAST_OVERFLOW"],
    [2147483648, DoubleType, IntegerType, "CAST_OVERFLOW"],
    [1e19, FloatType, LongType, "CAST_OVERFLOW"],
    [100000, IntegerType, D(7, 2), "NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION"],
    [1234567, IntegerType, D(8, 3), "NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION"],
    [MIN, LongType, D(18, 0), "NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION"],
    [99995n, D(5, 2), D(4, 1), "NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION"],
    [1n, D(1, 0), D(2, 2), "NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION"],
    [2147483648000000n, TimestampType, IntegerType, "CAST_OVERFLOW"],
  ])("%s of %o", (value, from, to, condition) => {
    expect(conditionOf(value, from, to)).toBe(condition);
    expect(castAll([value, null], from, to, "try")).toEqual([null, null]);
  });

  test("the message names value and types", () => {
    expect(() => castAll([2147483648n], LongType, IntegerType)).toThrow(
      'The value 2147483648L of the type "BIGINT" cannot be cast to "INT"',
    );
  });
});

test("zone-dependent casts are left to the interpreter outside UTC", async () => {
  const { tierOf } = await import("../../src/compile/tier.ts");
  const expression = cast(attribute(0, TimestampType), DateType);
  expect(tierOf(expression, utc)).toBe("fused");
  expect(tierOf(expression, { ...utc, timeZone: "Europe/Berlin" })).toBe("materialize");
});
