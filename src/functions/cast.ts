/**
 * CAST in ANSI mode for every pair of types that `canCast` allows. Called by the interpreter, by constant folding and by
 * readers; the compiled path must agree with it.
 */
import { ArithmeticError } from "../base/errors.ts";
import { floorDiv, MICROS_PER_DAY } from "../columnar/civil-date.ts";
import {
  decimalFromDouble,
  decimalToDouble,
  fitsPrecision,
  formatDecimal,
  parseDecimal,
  powerOfTen,
  rescale,
} from "../columnar/decimal.ts";
import { formatDate, formatDouble, formatFloat, formatTimestamp, formatValue } from "../columnar/format.ts";
import {
  parseBoolean,
  parseDate,
  parseDouble,
  parseInteger,
  parseTimestamp,
  parseTimestampNtz,
  trimControl,
} from "../columnar/parse-text.ts";
import { localParts, startOfDay, timeZone } from "../columnar/time-zone.ts";
import { intervalForms, parseIntervalText, unitOf } from "../columnar/interval.ts";
import { sameType, simpleString, sqlType, type DataType, type DecimalType, type IntervalType } from "../columnar/types.ts";
import type { Value } from "../columnar/values.ts";
import { isFractional } from "../plan/expr/type-coercion.ts";
import { ANSI_CONFIG, decimalOutOfRange, integralBits } from "./arithmetic-errors.ts";

const LONG_MAX = 2n ** 63n - 1n;
const SECOND = 1_000_000n;

/**
 * `value` of type `from` as `to`. In mode `try` a value that does not fit becomes null, in mode `ansi` it throws
 * CAST_INVALID_INPUT, CAST_OVERFLOW or NUMERIC_VALUE_OUT_OF_RANGE. `zone` is an IANA name.
 */
export function castValue(value: Value, from: DataType, to: DataType, mode: "ansi" | "try", zone: string): Value {
  if (mode === "ansi") return convert(value, from, to, mode, zone);
  try {
    return convert(value, from, to, mode, zone);
  } catch (error) {
    if (error instanceof ArithmeticError) return null;
    throw error;
  }
}

function convert(value: Value, from: DataType, to: DataType, mode: "ansi" | "try", zone: string): Value {
  if (value === null || sameType(from, to)) return value;
  switch (to.kind) {
    case "string":
      return formatValue(value, from, zone);
    case "boolean":
      return toBoolean(value, from);
    case "byte":
    case "short":
    case "integer":
    case "long":
      return toIntegral(value, from, to);
    case "float":
      return Math.fround(toDouble(value, from, to));
    case "double":
      return toDouble(value, from, to);
    case "decimal":
      return toDecimal(value, from, to);
    case "date":
      return toDate(value, from, zone);
    case "timestamp":
      return toTimestamp(value, from, to, zone);
    case "timestamp_ntz":
      return toTimestampNtz(value, from, zone);
    case "binary":
      return new TextEncoder().encode(value as string);
    case "day_time_interval":
    case "year_month_interval":
      return toInterval(value, from, to);
    case "array":
      return (value as readonly Value[]).map((element) => castValue(element, elementOf(from), to.elementType, mode, zone));
    case "map":
      return (value as readonly [Value, Value][]).map(([key, entry]) => {
        const source = from as Extract<DataType, { kind: "map" }>;
        return [castValue(key, source.keyType, to.keyType, mode, zone), castValue(entry, source.valueType, to.valueType, mode, zone)];
      });
    case "struct":
      return (value as readonly Value[]).map((field, index) => {
        const source = from as Extract<DataType, { kind: "struct" }>;
        return castValue(field, source.fields[index]!.dataType, to.fields[index]!.dataType, mode, zone);
      });
    case "void":
      return null;
  }
}

const elementOf = (type: DataType): DataType => (type as Extract<DataType, { kind: "array" }>).elementType;

export function invalidInput(value: string, from: DataType, to: DataType): ArithmeticError {
  return new ArithmeticError("CAST_INVALID_INPUT", {
    expression: `'${value.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`,
    sourceType: `"${sqlType(from)}"`,
    targetType: `"${sqlType(to)}"`,
    ansiConfig: ANSI_CONFIG,
  });
}

function notFinite(value: number, to: DataType): ArithmeticError {
  return new ArithmeticError("CAST_INVALID_INPUT", {
    expression: formatDouble(value),
    sourceType: '"DOUBLE"',
    targetType: `"${sqlType(to)}"`,
    ansiConfig: ANSI_CONFIG,
  });
}

export function castOverflow(value: Value, from: DataType, to: DataType): ArithmeticError {
  return new ArithmeticError("CAST_OVERFLOW", {
    value: literalSql(value, from),
    sourceType: `"${sqlType(from)}"`,
    targetType: `"${sqlType(to)}"`,
    ansiConfig: ANSI_CONFIG,
  });
}

/** A value as a SQL literal: `128S`, `1.5D`, `DATE '2024-01-01'`. */
export function literalSql(value: Value, type: DataType): string {
  if (value === null) return "NULL";
  switch (type.kind) {
    case "byte":
      return `${String(value)}Y`;
    case "short":
      return `${String(value)}S`;
    case "long":
      return `${String(value)}L`;
    case "float":
    case "double": {
      const number = value as number;
      const name = sqlType(type);
      if (!Number.isFinite(number)) return `CAST('${formatDouble(number)}' AS ${name})`;
      return type.kind === "float" ? `CAST(${formatFloat(number)} AS ${name})` : `${formatDouble(number)}D`;
    }
    case "decimal":
      return `${formatDecimal(value as bigint, type.scale)}BD`;
    case "string":
      return `'${(value as string).replaceAll("'", "\\'")}'`;
    case "date":
      return `DATE '${formatDate(value as number)}'`;
    case "timestamp":
      return `TIMESTAMP '${formatTimestamp(value as bigint, timeZone("UTC"))}'`;
    default:
      return formatValue(value, type, "UTC");
  }
}

function toBoolean(value: Value, from: DataType): boolean {
  if (from.kind !== "string") return Number(value as number | bigint) !== 0;
  const parsed = parseBoolean(value as string);
  if (parsed === undefined) throw invalidInput(value as string, from, { kind: "boolean" });
  return parsed;
}

function toIntegral(value: Value, from: DataType, to: DataType): Value {
  const whole = wholePart(value, from, to);
  const bits = integralBits(to)!;
  if (BigInt.asIntN(bits, whole) !== whole)
    throw from.kind === "string" ? invalidInput(value as string, from, to) : castOverflow(value, from, to);
  return bits === 64 ? whole : Number(whole);
}

/** The number without its fraction (cut, not rounded), of any size. */
function wholePart(value: Value, from: DataType, to: DataType): bigint {
  switch (from.kind) {
    case "string": {
      const parsed = parseInteger(value as string);
      if (parsed === undefined) throw invalidInput(value as string, from, to);
      return parsed;
    }
    case "boolean":
      return value === true ? 1n : 0n;
    case "float":
    case "double":
      if (!Number.isFinite(value as number)) throw castOverflow(value, from, to);
      // The double nearest to the greatest long is 2^63: it counts as that long.
      if (value === 2 ** 63 && to.kind === "long") return LONG_MAX;
      return BigInt(Math.trunc(value as number));
    case "decimal":
      return (value as bigint) / powerOfTen(from.scale);
    case "timestamp":
      return floorDiv(value as bigint, 1_000_000n);
    case "day_time_interval":
    case "year_month_interval":
      return BigInt(value as number | bigint) / unitOf(from);
    default:
      return BigInt(value as number | bigint);
  }
}

function toDouble(value: Value, from: DataType, to: DataType): number {
  switch (from.kind) {
    case "string": {
      const parsed = parseDouble(value as string);
      if (parsed === undefined) throw invalidInput(value as string, from, to);
      return parsed;
    }
    case "decimal":
      return decimalToDouble(value as bigint, from.scale);
    case "timestamp":
      return Number(value as bigint) / 1_000_000;
    default:
      return Number(value as number | bigint | boolean);
  }
}

/** What is no number has no decimal: null, in both modes (Spark's `Cast.castToDecimal`). */
function toDecimal(value: Value, from: DataType, to: DecimalType): bigint | null {
  if (isFractional(from) && !Number.isFinite(value as number)) return null;
  const { unscaled, scale } = exactDecimal(value, from, to);
  const result = scale < 0 ? rescale(unscaled * powerOfTen(-scale), 0, to.scale) : rescale(unscaled, scale, to.scale);
  if (fitsPrecision(result, to.precision)) return result;
  throw decimalCastError(value, from, to);
}

/** The error of a value that has more digits than `to`. */
export function decimalCastError(value: Value, from: DataType, to: DecimalType): ArithmeticError {
  const { unscaled, scale } = exactDecimal(value, from, to);
  return scale < 0 ? decimalOutOfRange(unscaled * powerOfTen(-scale), 0, to) : decimalOutOfRange(unscaled, scale, to);
}

function exactDecimal(value: Value, from: DataType, to: DecimalType): { readonly unscaled: bigint; readonly scale: number } {
  switch (from.kind) {
    case "decimal":
      return { unscaled: value as bigint, scale: from.scale };
    case "string": {
      const parsed = parseDecimal(trimControl(value as string));
      // More whole digits than any decimal has: no need to spell out what the exponent says.
      if (!parsed || parsed.scale < -400 || parsed.scale > 10_000) throw invalidInput(value as string, from, to);
      return parsed;
    }
    case "float":
    case "double":
      return decimalFromDouble(value as number);
    case "boolean":
      return { unscaled: value === true ? 1n : 0n, scale: 0 };
    case "timestamp":
      return { unscaled: value as bigint, scale: 6 };
    case "day_time_interval":
    case "year_month_interval":
      // Only seconds have a fraction.
      if (unitOf(from) === SECOND) return { unscaled: value as bigint, scale: 6 };
      return { unscaled: BigInt(value as number | bigint) / unitOf(from), scale: 0 };
    default:
      return { unscaled: BigInt(value as number | bigint), scale: 0 };
  }
}

function toDate(value: Value, from: DataType, zone: string): number {
  switch (from.kind) {
    case "string": {
      const parsed = parseDate(value as string);
      if (parsed === undefined) throw invalidInput(value as string, from, { kind: "date" });
      return parsed;
    }
    case "timestamp":
      return localParts(value as bigint, timeZone(zone)).days;
    default:
      return Number(floorDiv(value as bigint, MICROS_PER_DAY));
  }
}

function toTimestamp(value: Value, from: DataType, to: DataType, zone: string): bigint {
  switch (from.kind) {
    case "string": {
      const parsed = parseTimestamp(value as string, timeZone(zone));
      if (parsed === undefined) throw invalidInput(value as string, from, to);
      return parsed;
    }
    case "date":
      return startOfDay(value as number, timeZone(zone));
    case "timestamp_ntz":
      return timeZone(zone).localToUtc(value as bigint);
    case "float":
    case "double": {
      if (!Number.isFinite(value as number)) throw notFinite(value as number, to);
      const micros = (value as number) * 1_000_000;
      if (Math.abs(micros) > 2 ** 63) throw castOverflow(value, from, to);
      return saturate(BigInt(Math.trunc(micros)));
    }
    case "decimal":
      // As `BigDecimal.longValue`: the low 64 bits.
      return BigInt.asIntN(64, ((value as bigint) * 1_000_000n) / powerOfTen(from.scale));
    default:
      return saturate(BigInt(value as number | bigint) * 1_000_000n);
  }
}

const saturate = (micros: bigint): bigint => (micros > LONG_MAX ? LONG_MAX : micros < -LONG_MAX - 1n ? -LONG_MAX - 1n : micros);

function toTimestampNtz(value: Value, from: DataType, zone: string): bigint {
  switch (from.kind) {
    case "string": {
      const parsed = parseTimestampNtz(value as string);
      if (parsed === undefined) throw invalidInput(value as string, from, { kind: "timestamp_ntz" });
      return parsed;
    }
    case "date":
      return BigInt(value as number) * MICROS_PER_DAY;
    default:
      return (value as bigint) + timeZone(zone).offsetMicrosAt(value as bigint);
  }
}

/** Numbers count the last field of the type; other intervals and decimals lose what is less than it, but for seconds and months. */
function toInterval(value: Value, from: DataType, to: IntervalType): Value {
  const units = intervalUnits(value, from, to);
  const bits = to.kind === "day_time_interval" ? 64 : 32;
  if (BigInt.asIntN(bits, units) !== units) throw castOverflow(value, from, to);
  return bits === 64 ? units : Number(units);
}

function intervalUnits(value: Value, from: DataType, to: IntervalType): bigint {
  const unit = unitOf(to);
  switch (from.kind) {
    case "string":
      return parseIntervalText(trimControl(value as string), to) ?? unmatchedInterval(value as string, to);
    case "decimal":
      if (unit === SECOND) return rescale(value as bigint, from.scale, 6);
      return unit === 1n ? rescale(value as bigint, from.scale, 0) : ((value as bigint) / powerOfTen(from.scale)) * unit;
    case "day_time_interval":
    case "year_month_interval": {
      const units = BigInt(value as bigint | number);
      return unit === SECOND ? units : units - (units % unit);
    }
    default:
      return BigInt(value as bigint | number) * unit;
  }
}

function unmatchedInterval(input: string, to: IntervalType): never {
  const isDayTime = to.kind === "day_time_interval";
  throw new ArithmeticError(
    isDayTime ? "INVALID_INTERVAL_FORMAT.UNMATCHED_FORMAT_STRING_WITH_NOTICE" : "INVALID_INTERVAL_FORMAT.UNMATCHED_FORMAT_STRING",
    { input, intervalStr: isDayTime ? "day-time" : "year-month", supportedFormat: intervalForms(to), typeName: simpleString(to) },
  );
}
