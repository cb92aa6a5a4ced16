/** Fields of dates, timestamps and intervals: `year` … `second`, `extract`. */
import { AnalysisError } from "../../base/errors.ts";
import {
  civilFromDays,
  dayOfYear,
  floorDiv,
  isoDayOfWeek,
  isoWeek,
  MICROS_PER_DAY,
  MICROS_PER_HOUR,
  MICROS_PER_MINUTE,
} from "../../columnar/civil-date.ts";
import { localParts, timeZone } from "../../columnar/time-zone.ts";
import {
  DAY_TIME_FIELDS,
  decimalType,
  IntegerType,
  LongType,
  TimestampType,
  YEAR_MONTH_FIELDS,
  type DataType,
} from "../../columnar/types.ts";
import type { Value } from "../../columnar/values.ts";
import type { ScalarFunction } from "../../plan/expr/function-registry.ts";
import { anyNullable, callSql, checkCount, DATE, exactly, STRING, strict, TIMESTAMP, unexpectedInput } from "../signature.ts";

const DATE_FIELDS: Readonly<Record<string, (days: number) => number>> = {
  year: (days) => civilFromDays(days).year,
  yearofweek: (days) => isoWeek(days).weekYear,
  quarter: (days) => Math.ceil(civilFromDays(days).month / 3),
  month: (days) => civilFromDays(days).month,
  week: (days) => isoWeek(days).week,
  day: (days) => civilFromDays(days).day,
  dayofweek: (days) => (isoDayOfWeek(days) % 7) + 1,
  dayofweek_iso: isoDayOfWeek,
  doy: dayOfYear,
};

/** From microseconds of a day. */
const TIME_FIELDS: Readonly<Record<string, (micros: bigint) => number>> = {
  hour: (micros) => Number(micros / MICROS_PER_HOUR),
  minute: (micros) => Number((micros / MICROS_PER_MINUTE) % 60n),
  second: (micros) => Number((micros / 1_000_000n) % 60n),
};

const FIELD_NAMES: Readonly<Record<string, string>> = {
  y: "year",
  years: "year",
  yr: "year",
  yrs: "year",
  qtr: "quarter",
  mon: "month",
  mons: "month",
  months: "month",
  weeks: "week",
  w: "week",
  d: "day",
  days: "day",
  dow: "dayofweek",
  dow_iso: "dayofweek_iso",
  h: "hour",
  hours: "hour",
  hr: "hour",
  hrs: "hour",
  m: "minute",
  min: "minute",
  mins: "minute",
  minutes: "minute",
  s: "second",
  sec: "second",
  secs: "second",
  seconds: "second",
};

function ofDate(
  name: string,
  aliases: readonly string[],
  field: string,
  description: string,
  example: readonly [string, string],
): ScalarFunction {
  return strict({
    name,
    aliases,
    description,
    example,
    args: [DATE],
    returns: IntegerType,
    kernel: `date_${field}`,
    evaluate: ([days]) => DATE_FIELDS[field]!(days),
  });
}

function ofTime(name: string, description: string, example: readonly [string, string]): ScalarFunction {
  return strict({
    name,
    description,
    example,
    args: [TIMESTAMP],
    returns: IntegerType,
    kernel: `timestamp_${name}`,
    usesTimeZone: true,
    evaluate: ([micros], _types, _returnType, context) => TIME_FIELDS[name]!(localParts(micros, timeZone(context.timeZone)).microsOfDay),
  });
}

const SECONDS = decimalType(8, 6);

function extractFrom(field: string, value: Value, type: DataType, zone: string): Value {
  if (type.kind === "year_month_interval") return field === "year" ? Math.trunc((value as number) / 12) : (value as number) % 12;
  if (type.kind === "day_time_interval") {
    const micros = value as bigint;
    switch (field) {
      case "day":
        return Number(micros / MICROS_PER_DAY);
      case "hour":
        return Number((micros % MICROS_PER_DAY) / MICROS_PER_HOUR);
      case "minute":
        return Number((micros % MICROS_PER_HOUR) / MICROS_PER_MINUTE);
      default:
        return micros % MICROS_PER_MINUTE;
    }
  }
  const { days, microsOfDay } =
    type.kind === "date"
      ? { days: value as number, microsOfDay: 0n }
      : localParts(value as bigint, timeZone(type.kind === "timestamp" ? zone : "UTC"));
  if (field === "second") return microsOfDay % MICROS_PER_MINUTE;
  return field in DATE_FIELDS ? DATE_FIELDS[field]!(days) : TIME_FIELDS[field]!(microsOfDay);
}

/** Fields that a value of the type has. */
function fieldsOf(type: DataType): readonly string[] {
  if (type.kind === "year_month_interval") return YEAR_MONTH_FIELDS.slice(type.start, type.end + 1);
  if (type.kind === "day_time_interval") return DAY_TIME_FIELDS.slice(type.start, type.end + 1);
  return [...Object.keys(DATE_FIELDS), ...Object.keys(TIME_FIELDS)];
}

const extract: ScalarFunction = {
  kind: "scalar",
  name: "extract",
  aliases: ["date_part", "datepart"],
  description: "A field of a date, timestamp or interval by its name; seconds with their fraction.",
  example: ["extract(YEAR FROM TIMESTAMP '2019-08-12 01:00:00')", "2019"],
  nulls: "strict",
  usesTimeZone: true,
  resolve: (args) => {
    checkCount("extract", args, 2);
    const [name, source] = [args[0]!, args[1]!];
    if (typeof name.literal !== "string") {
      if (name.literal === null)
        return { argumentTypes: [STRING.coerce(name.dataType)!, source.dataType], returnType: IntegerType, nullable: true };
      return unexpectedInput(callSql("extract", args), 0, '"STRING"', name);
    }
    const type = ["date", "timestamp_ntz", "day_time_interval", "year_month_interval"].includes(source.dataType.kind)
      ? source.dataType
      : (TIMESTAMP.coerce(source.dataType) ?? unexpectedInput(callSql("extract", args), 1, '"TIMESTAMP"', source));
    const field = fieldName(name.literal);
    if (!fieldsOf(type).includes(field))
      throw new AnalysisError("INVALID_EXTRACT_FIELD", { field: `\`${name.literal}\``, expr: `"${source.sql}"` });
    const returnType = field === "second" ? SECONDS : IntegerType;
    return { argumentTypes: [name.dataType, type], returnType, nullable: anyNullable(args) };
  },
  evaluate: (args, types, _returnType, context) => extractFrom(fieldName(args[0] as string), args[1]!, types[1]!, context.timeZone),
};

const fieldName = (text: string): string => FIELD_NAMES[text.toLowerCase()] ?? text.toLowerCase();

export const fieldFunctions: readonly ScalarFunction[] = [
  ofDate("year", [], "year", "Year of a date.", ["year(DATE '2016-07-30')", "2016"]),
  ofDate("quarter", [], "quarter", "Quarter of the year, 1 to 4.", ["quarter(DATE '2016-08-31')", "3"]),
  ofDate("month", [], "month", "Month, 1 to 12.", ["month(DATE '2016-07-30')", "7"]),
  ofDate("day", ["dayofmonth"], "day", "Day of the month.", ["day(DATE '2009-07-30')", "30"]),
  ofDate("dayofyear", [], "doy", "Day of the year, from 1.", ["dayofyear(DATE '2016-04-09')", "100"]),
  ofDate("dayofweek", [], "dayofweek", "Day of the week, 1 = Sunday to 7 = Saturday.", ["dayofweek(DATE '2009-07-30')", "5"]),
  ofDate("weekofyear", [], "week", "ISO week of the year.", ["weekofyear(DATE '2008-02-20')", "8"]),
  strict({
    name: "weekday",
    description: "Day of the week, 0 = Monday to 6 = Sunday.",
    example: ["weekday(DATE '2009-07-30')", "3"],
    args: [DATE],
    returns: IntegerType,
    kernel: "date_weekday",
    evaluate: ([days]) => isoDayOfWeek(days) - 1,
  }),
  ofTime("hour", "Hour of the day.", ["hour(TIMESTAMP '2018-02-14 12:58:59')", "12"]),
  ofTime("minute", "Minute of the hour.", ["minute(TIMESTAMP '2009-07-30 12:58:59')", "58"]),
  ofTime("second", "Second of the minute.", ["second(TIMESTAMP '2018-02-14 12:58:59')", "59"]),
  extract,
  strict({
    name: "unix_seconds",
    description: "Whole seconds since the epoch.",
    example: ["unix_seconds(TIMESTAMP '1970-01-01 00:00:01')", "1"],
    args: [exactly(TimestampType)],
    returns: LongType,
    kernel: "timestamp_unix_seconds",
    evaluate: ([micros]) => floorDiv(micros, 1_000_000n),
  }),
  strict({
    name: "unix_millis",
    description: "Whole milliseconds since the epoch.",
    example: ["unix_millis(TIMESTAMP '1970-01-01 00:00:01')", "1000"],
    args: [exactly(TimestampType)],
    returns: LongType,
    kernel: "timestamp_unix_millis",
    evaluate: ([micros]) => floorDiv(micros, 1000n),
  }),
  strict({
    name: "unix_micros",
    description: "Microseconds since the epoch.",
    example: ["unix_micros(TIMESTAMP '1970-01-01 00:00:01')", "1000000"],
    args: [exactly(TimestampType)],
    returns: LongType,
    kernel: "timestamp_unix_micros",
    evaluate: ([micros]) => micros,
  }),
];
