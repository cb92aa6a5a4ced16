/** Between texts, numbers and timestamps: `to_timestamp`, `to_date`, `date_format`, `unix_timestamp`, `timestamp_millis`, … */
import { AnalysisError, ArithmeticError } from "../../base/errors.ts";
import { dateTimePattern, formatWithPattern, parseWithPattern } from "../../columnar/datetime-pattern.ts";
import { powerOfTen } from "../../columnar/decimal.ts";
import { localParts, timeZone } from "../../columnar/time-zone.ts";
import { DateType, DoubleType, LongType, StringType, TimestampType, type DataType } from "../../columnar/types.ts";
import type { Value } from "../../columnar/values.ts";
import type { EvaluationContext, ScalarFunction } from "../../plan/expr/function-registry.ts";
import { isNumeric } from "../../plan/expr/type-coercion.ts";
import { arithmeticOverflow } from "../arithmetic-errors.ts";
import { castValue } from "../cast.ts";
import { LONG, STRING, strict, TIMESTAMP, type TypeSpec } from "../signature.ts";

const DEFAULT_PATTERN = "yyyy-MM-dd HH:mm:ss";

/** Texts, dates and timestamps as they are. */
const TIME_LIKE: TypeSpec = {
  required: '("STRING" or "DATE" or "TIMESTAMP" or "TIMESTAMP WITHOUT TIME ZONE")',
  coerce: (type) =>
    ["string", "date", "timestamp", "timestamp_ntz"].includes(type.kind) ? type : type.kind === "void" ? StringType : undefined,
};
const TIME_LIKE_OR_NUMBER: TypeSpec = {
  required: '("STRING" or "DATE" or "TIMESTAMP" or "NUMERIC")',
  coerce: (type) => TIME_LIKE.coerce(type) ?? (isNumeric(type) ? type : undefined),
};

/** Throws CANNOT_PARSE_TIMESTAMP where the text does not fit the pattern. */
function parsed(text: string, pattern: string, suggestion: string, zone: string): bigint {
  const micros = parseWithPattern(text, dateTimePattern(pattern), timeZone(zone));
  if (micros === undefined)
    throw new ArithmeticError("CANNOT_PARSE_TIMESTAMP", {
      message: `Text '${text}' does not match the pattern ${pattern}`,
      func: `\`${suggestion}\``,
    });
  return micros;
}

/** The moment that a text, date or timestamp stands for. */
function momentOf(value: Value, type: DataType, pattern: string | undefined, suggestion: string, zone: string): bigint {
  if (type.kind === "string" && pattern !== undefined) return parsed(value as string, pattern, suggestion, zone);
  return castValue(value, type, TimestampType, "ansi", zone) as bigint;
}

function toUnixSeconds(name: string): ScalarFunction {
  return strict({
    name,
    description: "Seconds since the epoch of a timestamp, date, or text in a pattern (yyyy-MM-dd HH:mm:ss).",
    example: [`${name}('2016-04-08', 'yyyy-MM-dd')`, "1460073600"],
    args: [TIME_LIKE, STRING],
    optional: 1,
    returns: LongType,
    usesTimeZone: true,
    evaluate: ([value, pattern = DEFAULT_PATTERN], [type], _returnType, context) =>
      // Cut, not rounded down: half a second before the epoch is 0.
      momentOf(value, type!, pattern, "try_to_timestamp", context.timeZone) / 1_000_000n,
  });
}

function epochFunction(
  name: string,
  microsPerUnit: bigint,
  accepts: TypeSpec,
  description: string,
  example: readonly [string, string],
): ScalarFunction {
  return strict({
    name,
    description,
    example,
    args: [accepts],
    returns: TimestampType,
    mayReturnNull: accepts === SECONDS,
    kernel: ([type]) => (type!.kind === "long" ? `timestamp_from_${name.slice("timestamp_".length)}` : undefined),
    evaluate: ([value], [type]) => {
      if (type!.kind === "float" || type!.kind === "double") {
        if (!Number.isFinite(value)) return null;
        return checked(BigInt(Math.trunc(value * 1e6)));
      }
      if (type!.kind === "decimal") {
        const scaled = value * microsPerUnit;
        const unit = powerOfTen(type!.scale);
        if (scaled % unit !== 0n) throw arithmeticOverflow("Rounding necessary");
        return checked(scaled / unit);
      }
      return checked(BigInt(value) * microsPerUnit);
    },
  });
}

function checked(micros: bigint): bigint {
  if (BigInt.asIntN(64, micros) !== micros) throw arithmeticOverflow("long overflow");
  return micros;
}

const WHOLE: TypeSpec = {
  required: '"INTEGRAL"',
  coerce: (type) =>
    ["byte", "short", "integer", "long"].includes(type.kind)
      ? LongType
      : type.kind === "void" || type.kind === "string"
        ? LongType
        : undefined,
};
/** Whole numbers as bigint, fractions as they are. */
const SECONDS: TypeSpec = {
  required: '"NUMERIC"',
  coerce: (type) => (isNumeric(type) ? (WHOLE.coerce(type) ?? type) : type.kind === "string" ? DoubleType : WHOLE.coerce(type)),
};

function toTimestamp(value: Value, type: DataType, pattern: string | undefined, context: EvaluationContext): bigint {
  if (isNumeric(type)) return castValue(value, type, TimestampType, "ansi", context.timeZone) as bigint;
  return momentOf(value, type, pattern, "try_to_timestamp", context.timeZone);
}

export const conversionFunctions: readonly ScalarFunction[] = [
  strict({
    name: "to_timestamp",
    description: "A timestamp from a text, in Spark's forms or in a given pattern.",
    example: ["to_timestamp('2016-12-31', 'yyyy-MM-dd')", "2016-12-31 00:00:00"],
    args: [TIME_LIKE_OR_NUMBER, STRING],
    optional: 1,
    returns: TimestampType,
    usesTimeZone: true,
    evaluate: ([value, pattern], [type], _returnType, context) => toTimestamp(value, type!, pattern, context),
  }),
  strict({
    name: "try_to_timestamp",
    description: "As to_timestamp, but null where the text does not fit.",
    example: ["try_to_timestamp('foo', 'yyyy-MM-dd')", "NULL"],
    args: [TIME_LIKE_OR_NUMBER, STRING],
    optional: 1,
    returns: TimestampType,
    mayReturnNull: true,
    usesTimeZone: true,
    evaluate: ([value, pattern], [type], _returnType, context) => {
      try {
        return toTimestamp(value, type!, pattern, context);
      } catch (error) {
        if (error instanceof AnalysisError) throw error;
        return null;
      }
    },
  }),
  strict({
    name: "to_date",
    description: "A date from a text, in Spark's forms or in a given pattern.",
    example: ["to_date('31/12/2016', 'dd/MM/yyyy')", "2016-12-31"],
    args: [TIME_LIKE, STRING],
    optional: 1,
    returns: DateType,
    usesTimeZone: true,
    evaluate: ([value, pattern], [type], _returnType, { timeZone: zone }) => {
      if (pattern === undefined || type!.kind !== "string") return castValue(value, type!, DateType, "ansi", zone);
      return localParts(parsed(value, pattern, "try_to_date", zone), timeZone(zone)).days;
    },
  }),
  strict({
    name: "date_format",
    description: "A timestamp as text in a pattern.",
    example: ["date_format(TIMESTAMP '2016-04-08 10:11:12', 'yyyy/MM/dd HH')", "2016/04/08 10"],
    args: [TIMESTAMP, STRING],
    returns: StringType,
    usesTimeZone: true,
    evaluate: ([micros, pattern], _types, _returnType, context) =>
      formatWithPattern(micros, dateTimePattern(pattern), timeZone(context.timeZone)),
  }),
  toUnixSeconds("unix_timestamp"),
  toUnixSeconds("to_unix_timestamp"),
  strict({
    name: "from_unixtime",
    description: "Seconds since the epoch as text in a pattern (yyyy-MM-dd HH:mm:ss).",
    example: ["from_unixtime(0, 'yyyy-MM-dd HH:mm:ss')", "1970-01-01 00:00:00"],
    args: [LONG, STRING],
    optional: 1,
    returns: StringType,
    usesTimeZone: true,
    evaluate: ([seconds, pattern = DEFAULT_PATTERN], _types, _returnType, context) =>
      formatWithPattern(seconds * 1_000_000n, dateTimePattern(pattern), timeZone(context.timeZone)),
  }),
  epochFunction("timestamp_seconds", 1_000_000n, SECONDS, "The timestamp some seconds after the epoch.", [
    "timestamp_seconds(1230219000)",
    "2008-12-25 15:30:00",
  ]),
  epochFunction("timestamp_millis", 1000n, WHOLE, "The timestamp some milliseconds after the epoch.", [
    "timestamp_millis(1230219000123)",
    "2008-12-25 15:30:00.123",
  ]),
  epochFunction("timestamp_micros", 1n, WHOLE, "The timestamp some microseconds after the epoch.", [
    "timestamp_micros(1230219000123123)",
    "2008-12-25 15:30:00.123123",
  ]),
];
