/** Moving, cutting and making dates and timestamps. */
import { ArithmeticError } from "../../base/errors.ts";
import {
  addMonths,
  civilFromDays,
  daysFromCivil,
  daysInMonth,
  floorMod,
  isoDayOfWeek,
  isValidDate,
  MICROS_PER_DAY,
  MICROS_PER_HOUR,
  MICROS_PER_MINUTE,
} from "../../columnar/civil-date.ts";
import { localParts, startOfDay, timeZone, type TimeZone } from "../../columnar/time-zone.ts";
import { DateType, decimalType, IntegerType, TimestampType } from "../../columnar/types.ts";
import type { ScalarFunction } from "../../plan/expr/function-registry.ts";
import { ANSI_CONFIG, arithmeticOverflow } from "../arithmetic-errors.ts";
import { DATE, exactly, INTEGER, only, STRING, strict, TIMESTAMP, type TypeSpec } from "../signature.ts";

/** A number of days: whole numbers up to int; bigint is refused, as in Spark. */
const DAY_COUNT: TypeSpec = {
  required: '("INT" or "SMALLINT" or "TINYINT")',
  coerce: (type) => (["integer", "short", "byte", "string", "void"].includes(type.kind) ? IntegerType : undefined),
};

/** Units by every name they have, from coarse to fine. */
const UNITS: Readonly<Record<string, string>> = {
  YEAR: "year",
  YYYY: "year",
  YY: "year",
  QUARTER: "quarter",
  MONTH: "month",
  MM: "month",
  MON: "month",
  WEEK: "week",
  DAY: "day",
  DD: "day",
  HOUR: "hour",
  MINUTE: "minute",
  SECOND: "second",
  MILLISECOND: "millisecond",
  MICROSECOND: "microsecond",
};

/** First day of the year, quarter, month or week that `days` lies in; undefined for finer or unknown units. */
function truncateDate(days: number, unit: string | undefined): number | undefined {
  const { year, month } = civilFromDays(days);
  switch (unit) {
    case "year":
      return daysFromCivil(year, 1, 1);
    case "quarter":
      return daysFromCivil(year, month - ((month - 1) % 3), 1);
    case "month":
      return daysFromCivil(year, month, 1);
    case "week":
      return days - isoDayOfWeek(days) + 1;
    default:
      return undefined;
  }
}

const FINE_UNITS: Readonly<Record<string, bigint>> = {
  hour: MICROS_PER_HOUR,
  minute: MICROS_PER_MINUTE,
  second: 1_000_000n,
  millisecond: 1000n,
  microsecond: 1n,
};

function truncateTimestamp(micros: bigint, unitName: string, zone: TimeZone): bigint | null {
  const unit = UNITS[unitName.toUpperCase()];
  if (unit === undefined) return null;
  const length = FINE_UNITS[unit];
  if (length !== undefined) return micros - floorMod(micros + zone.offsetMicrosAt(micros), length);
  const { days } = localParts(micros, zone);
  return startOfDay(unit === "day" ? days : truncateDate(days, unit)!, zone);
}

function outOfBounds(message: string): ArithmeticError {
  return new ArithmeticError("DATETIME_FIELD_OUT_OF_BOUNDS.WITH_SUGGESTION", { rangeMessage: message, ansiConfig: ANSI_CONFIG });
}

/** Throws DATETIME_FIELD_OUT_OF_BOUNDS for dates that do not exist. */
function checkedDays(year: number, month: number, day: number): number {
  if (month < 1 || month > 12) throw outOfBounds(`Invalid value for MonthOfYear (valid values 1 - 12): ${month}`);
  if (day < 1 || day > 31) throw outOfBounds(`Invalid value for DayOfMonth (valid values 1 - 28/31): ${day}`);
  if (!isValidDate(year, month, day))
    throw outOfBounds(
      month === 2 && day === 29
        ? `Invalid date 'February 29' as '${year}' is not a leap year`
        : `Invalid date '${MONTH_NAMES[month - 1]} ${day}'`,
    );
  return daysFromCivil(year, month, day);
}

const MONTH_NAMES = "JANUARY FEBRUARY MARCH APRIL MAY JUNE JULY AUGUST SEPTEMBER OCTOBER NOVEMBER DECEMBER".split(" ");

/** `secondMicros` is the second with its fraction; 60 exactly means the next minute. */
function checkedTimestamp(days: number, hour: number, minute: number, secondMicros: bigint, zone: TimeZone): bigint {
  if (hour < 0 || hour > 23) throw outOfBounds(`Invalid value for HourOfDay (valid values 0 - 23): ${hour}`);
  if (minute < 0 || minute > 59) throw outOfBounds(`Invalid value for MinuteOfHour (valid values 0 - 59): ${minute}`);
  if (secondMicros === MICROS_PER_MINUTE || (secondMicros >= 0n && secondMicros < MICROS_PER_MINUTE))
    return zone.localToUtc(
      BigInt(days) * MICROS_PER_DAY + BigInt(hour) * MICROS_PER_HOUR + BigInt(minute) * MICROS_PER_MINUTE + secondMicros,
    );
  if (secondMicros > MICROS_PER_MINUTE && secondMicros < MICROS_PER_MINUTE + 1_000_000n)
    throw new ArithmeticError("INVALID_FRACTION_OF_SECOND", { secAndMicros: String(Number(secondMicros) / 1e6) });
  throw outOfBounds(`Invalid value for SecondOfMinute (valid values 0 - 59): ${secondMicros / 1_000_000n}`);
}

function dayStep(
  name: string,
  aliases: readonly string[],
  sign: 1 | -1,
  description: string,
  example: readonly [string, string],
): ScalarFunction {
  return strict({
    name,
    aliases,
    description,
    example,
    args: [DATE, DAY_COUNT],
    returns: DateType,
    kernel: name,
    evaluate: ([days, count]) => {
      const result = days + sign * count;
      if ((result | 0) !== result) throw arithmeticOverflow("integer overflow");
      return result;
    },
  });
}

export const calendarFunctions: readonly ScalarFunction[] = [
  dayStep("date_add", ["dateadd"], 1, "The date some days later.", ["date_add(DATE '2016-07-30', 1)", "2016-07-31"]),
  dayStep("date_sub", [], -1, "The date some days earlier.", ["date_sub(DATE '2016-07-30', 1)", "2016-07-29"]),
  strict({
    name: "datediff",
    aliases: ["date_diff"],
    description: "Days from the second date to the first.",
    example: ["datediff(DATE '2009-07-31', DATE '2009-07-30')", "1"],
    args: [DATE, DATE],
    returns: IntegerType,
    kernel: "datediff",
    evaluate: ([end, start]) => (end - start) | 0,
  }),
  strict({
    name: "add_months",
    description: "The date some months later; a day the month lacks becomes its last day.",
    example: ["add_months(DATE '2016-08-31', 1)", "2016-09-30"],
    args: [DATE, INTEGER],
    returns: DateType,
    kernel: "add_months",
    evaluate: ([days, months]) => addMonths(days, months),
  }),
  strict({
    name: "last_day",
    description: "The last day of the month that the date lies in.",
    example: ["last_day(DATE '2009-01-12')", "2009-01-31"],
    args: [DATE],
    returns: DateType,
    kernel: "last_day",
    evaluate: ([days]) => {
      const { year, month } = civilFromDays(days);
      return daysFromCivil(year, month, daysInMonth(year, month));
    },
  }),
  strict({
    name: "trunc",
    description: "The date cut to its year, quarter, month or week; null for other units.",
    example: ["trunc(DATE '2019-08-04', 'week')", "2019-07-29"],
    args: [DATE, STRING],
    returns: DateType,
    mayReturnNull: true,
    kernel: "date_truncate",
    evaluate: ([days, unit]) => truncateDate(days, UNITS[unit.toUpperCase()]) ?? null,
  }),
  strict({
    name: "date_trunc",
    description: "The timestamp cut to a unit, from YEAR to MICROSECOND; null for unknown units.",
    example: ["date_trunc('HOUR', TIMESTAMP '2015-03-05 09:32:05.359')", "2015-03-05 09:00:00"],
    args: [STRING, TIMESTAMP],
    returns: TimestampType,
    mayReturnNull: true,
    kernel: "timestamp_truncate",
    usesTimeZone: true,
    evaluate: ([unit, micros], _types, _returnType, context) => truncateTimestamp(micros, unit, timeZone(context.timeZone)),
  }),
  strict({
    name: "make_date",
    description: "A date from year, month and day.",
    example: ["make_date(2013, 7, 15)", "2013-07-15"],
    args: [INTEGER, INTEGER, INTEGER],
    returns: DateType,
    evaluate: ([year, month, day]) => checkedDays(year, month, day),
  }),
  strict({
    name: "make_timestamp",
    description: "A timestamp from year, month, day, hour, minute, second with fraction and, if given, a time zone.",
    example: ["make_timestamp(2014, 12, 28, 6, 30, 45.887)", "2014-12-28 06:30:45.887"],
    args: [INTEGER, INTEGER, INTEGER, INTEGER, INTEGER, only(decimalType(16, 6)), STRING],
    optional: 1,
    returns: TimestampType,
    usesTimeZone: true,
    evaluate: ([year, month, day, hour, minute, second, zoneId], _types, _returnType, context) => {
      const zone = zoneId === undefined ? timeZone(context.timeZone) : timeZone(zoneId);
      return checkedTimestamp(checkedDays(year, month, day), hour, minute, second, zone);
    },
  }),
  strict({
    name: "unix_date",
    description: "Days since 1970-01-01.",
    example: ["unix_date(DATE '1970-01-02')", "1"],
    args: [exactly(DateType)],
    returns: IntegerType,
    evaluate: ([days]) => days,
  }),
  strict({
    name: "date_from_unix_date",
    description: "The date that lies some days after 1970-01-01.",
    example: ["date_from_unix_date(1)", "1970-01-02"],
    args: [INTEGER],
    returns: DateType,
    evaluate: ([days]) => days,
  }),
];
