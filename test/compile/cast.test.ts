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
  StringType,
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
    ["wide decimals too", [MAX * 10n + 9n, MIN * 10n - 9n, -19n, 9n, null], D(38, 1), LongType, [MAX, MIN, -1n, 0n, null]],
    [
      "with more digits behind the point than 64 bits hold",
      [123456789012345678901234567890n, -(10n ** 29n)],
      D(38, 28),
      ByteType,
      [12, -10],
    ],
    ["and nothing else", [10n ** 38n - 1n], D(38, 38), LongType, [0n]],
    [
      "wide decimals to doubles",
      [12345n, 10n ** 37n + 1n, 2n ** 53n + 1n, -(2n ** 53n)],
      D(38, 2),
      DoubleType,
      [123.45, 1e35, 90071992547409.94, -90071992547409.92],
    ],
    ["of any scale", [1n, 10n ** 37n], D(38, 30), DoubleType, [1e-30, 1e7]],
    ["to floats", [12345n], D(25, 2), FloatType, [Math.fround(123.45)]],
    ["and to booleans", [0n, 1n, 2n ** 64n, -(2n ** 64n)], D(38, 5), BooleanType, [false, true, true, true]],
    [
      "to texts",
      [-5n, 0n, 10n ** 18n, -(10n ** 37n)],
      D(38, 3),
      StringType,
      ["-0.005", "0.000", "1000000000000000.000", `-1${"0".repeat(34)}.000`],
    ],
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
    [MAX + 1n, D(38, 0), LongType, "CAST_OVERFLOW"],
    [(MIN - 1n) * 1000n, D(38, 3), LongType, "CAST_OVERFLOW"],
    [10n ** 37n, D(38, 0), LongType, "CAST_OVERFLOW"],
    [128000n, D(25, 3), ByteType, "CAST_OVERFLOW"],
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
