import { describe, expect, test } from "vitest";
import {
  type DataType,
  DateType,
  DayTimeIntervalType,
  IntegerType,
  LongType,
  StringType,
  TimestampType,
} from "../../src/columnar/types.ts";
import type { Value } from "../../src/columnar/values.ts";
import { call, type Expression, literal } from "../../src/plan/expr/expression.ts";
import { attribute, evaluateCompiled } from "./harness.ts";

const DAY_MS = 86_400_000;
const date = attribute(0, DateType);
const time = attribute(1, TimestampType);

/** Days around the epoch, eras, leap days and the ends of what `Date` knows. */
const days = [
  0, -1, 1, 59, 60, 789, 10956, 11016, 11017, 19782, 19783, -719468, -719469, -25567, -141428, 2932896, 99_900_000, -99_900_000,
];
for (let day = -200_000; day < 200_000; day += 977) days.push(day);
const dates = days.map((day) => new Date(day * DAY_MS));
const times = dates.map((value, index) => BigInt(value.getTime()) * 1000n + BigInt((index * 7_919_000_017) % 86_400_000_000));

function evaluate(expression: Expression): Value[] {
  return evaluateCompiled(
    expression,
    [
      { attribute: date, values: days },
      { attribute: time, values: times },
    ],
    days.length,
  );
}
const of = (name: string, returnType: DataType, ...args: Expression[]): Value[] => evaluate(call(name, args, returnType, true));
const dayOf = (year: number, month: number, day: number): number => {
  const value = new Date(0);
  value.setUTCFullYear(year, month, day);
  return value.getTime() / DAY_MS;
};

describe("fields agree with Date", () => {
  test.each<[string, (value: Date) => number]>([
    ["year", (value) => value.getUTCFullYear()],
    ["month", (value) => value.getUTCMonth() + 1],
    ["day", (value) => value.getUTCDate()],
    ["quarter", (value) => Math.floor(value.getUTCMonth() / 3) + 1],
    ["dayofweek", (value) => value.getUTCDay() + 1],
    ["weekday", (value) => (value.getUTCDay() + 6) % 7],
    ["dayofyear", (value) => value.getTime() / DAY_MS - dayOf(value.getUTCFullYear(), 0, 1) + 1],
    ["last_day", (value) => dayOf(value.getUTCFullYear(), value.getUTCMonth() + 1, 0)],
  ])("%s", (name, expected) => {
    expect(of(name, IntegerType, date)).toEqual(dates.map(expected));
    expect(of(name, IntegerType, time)).toEqual(dates.map(expected));
  });

  test.each<[string, bigint, bigint]>([
    ["hour", 3_600_000_000n, 24n],
    ["minute", 60_000_000n, 60n],
    ["second", 1_000_000n, 60n],
  ])("%s", (name, unit, range) => {
    const expected = times.map((micros, index) => Number(((micros - BigInt(days[index]!) * 86_400_000_000n) / unit) % range));
    expect(of(name, IntegerType, time)).toEqual(expected);
  });
});

test("months are added and the day kept where the month has it", () => {
  const expected = (months: number): number[] =>
    dates.map((value) => {
      const [year, month] = [value.getUTCFullYear(), value.getUTCMonth() + months];
      return Math.min(dayOf(year, month, value.getUTCDate()), dayOf(year, month + 1, 0));
    });
  for (const months of [1, -1, 11, -13, 1200])
    expect(of("add_months", DateType, date, literal(months, IntegerType))).toEqual(expected(months));
});

describe("truncation", () => {
  const midnight = (day: number): bigint => BigInt(day) * 86_400_000_000n;
  test.each<[string, (value: Date, day: number) => number]>([
    ["YEAR", (value) => dayOf(value.getUTCFullYear(), 0, 1)],
    ["quarter", (value) => dayOf(value.getUTCFullYear(), Math.floor(value.getUTCMonth() / 3) * 3, 1)],
    ["MM", (value) => dayOf(value.getUTCFullYear(), value.getUTCMonth(), 1)],
    ["week", (value, day) => day - ((value.getUTCDay() + 6) % 7)],
  ])("%s of dates and timestamps", (unit, expected) => {
    const wanted = dates.map((value, index) => expected(value, days[index]!));
    expect(of("trunc", DateType, date, literal(unit, StringType))).toEqual(wanted);
    expect(of("date_trunc", TimestampType, literal(unit, StringType), time)).toEqual(wanted.map(midnight));
  });
  test("units of a fixed length", () => {
    for (const [unit, length] of [
      ["DAY", 86_400_000_000n],
      ["hour", 3_600_000_000n],
      ["MINUTE", 60_000_000n],
      ["millisecond", 1000n],
    ] as const) {
      const floor = (micros: bigint): bigint => micros - (((micros % length) + length) % length);
      expect(of("date_trunc", TimestampType, literal(unit, StringType), time)).toEqual(times.map(floor));
    }
  });
});

describe("sums and epochs", () => {
  test("timestamps move by intervals and differ by intervals", () => {
    const interval = literal(-90_000_000n, DayTimeIntervalType);
    expect(of("+", TimestampType, time, interval)).toEqual(times.map((micros) => micros - 90_000_000n));
    expect(of("-", DayTimeIntervalType, time, literal(5n, TimestampType))).toEqual(times.map((micros) => micros - 5n));
    expect(() => of("+", TimestampType, literal(2n ** 63n - 1n, TimestampType), literal(1n, DayTimeIntervalType))).toThrow();
  });
  test("dates move by days", () => {
    expect(of("date_add", DateType, date, literal(30, IntegerType))).toEqual(days.map((day) => day + 30));
    expect(of("datediff", IntegerType, date, literal(-5, DateType))).toEqual(days.map((day) => day + 5));
  });
  test("epoch seconds and milliseconds are floored", () => {
    expect(of("unix_seconds", LongType, literal(-1n, TimestampType))[0]).toBe(-1n);
    expect(of("unix_millis", LongType, literal(-1001n, TimestampType))[0]).toBe(-2n);
    expect(of("timestamp_seconds", TimestampType, literal(-7, IntegerType))[0]).toBe(-7_000_000n);
    expect(() => of("timestamp_seconds", TimestampType, literal(2n ** 62n, LongType))).toThrow("long overflow");
  });
});
