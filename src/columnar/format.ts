/**
 * Values as text, exactly as Spark's cast to string prints them: `show()`, console and CSV sinks, casts, error messages.
 * Used on every thread.
 */
import { civilFromDays, floorDiv, MICROS_PER_DAY } from "./civil-date.ts";
import { formatDecimal } from "./decimal.ts";
import { formatInterval } from "./interval.ts";
import { timeZone, type TimeZone } from "./time-zone.ts";
import type { DataType } from "./types.ts";
import type { Value } from "./values.ts";

/** A leading byte order mark is text like any other. */
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** `zone` is an IANA name; it matters for timestamps only. Null prints as `null` (a cast yields a null instead). */
export function formatValue(value: Value, type: DataType, zone: string): string {
  if (value === null) return "null";
  switch (type.kind) {
    case "float":
      return formatFloat(value as number);
    case "double":
      return formatDouble(value as number);
    case "decimal":
      return formatDecimal(value as bigint, type.scale);
    case "date":
      return formatDate(value as number);
    case "timestamp":
      return formatTimestamp(value as bigint, timeZone(zone));
    case "timestamp_ntz":
      return formatLocalTimestamp(value as bigint);
    case "day_time_interval":
    case "year_month_interval":
      return formatInterval(value as bigint | number, type);
    case "binary":
      return utf8.decode(value as Uint8Array);
    case "array":
      return `[${(value as readonly Value[]).map((element) => formatValue(element, type.elementType, zone)).join(", ")}]`;
    case "map":
      return `{${(value as readonly [Value, Value][])
        .map(([key, entry]) => `${formatValue(key, type.keyType, zone)} -> ${formatValue(entry, type.valueType, zone)}`)
        .join(", ")}}`;
    case "struct":
      return `{${(value as readonly Value[]).map((field, index) => formatValue(field, type.fields[index]!.dataType, zone)).join(", ")}}`;
    default:
      return String(value);
  }
}

/** Java's `Double.toString`: `1.0`, `1.0E10`, `NaN`, `-Infinity`. Of the shortest texts with at least two digits, the nearest. */
export function formatDouble(value: number): string {
  const shortest = Math.abs(value).toExponential();
  return javaNotation(value, shortest.includes(".") ? shortest : Math.abs(value).toExponential(1));
}

/** Java's `Float.toString`: as few digits as tell the 32-bit value apart. */
export function formatFloat(value: number): string {
  if (!Number.isFinite(value) || value === 0) return formatDouble(value);
  const magnitude = Math.abs(value);
  let precision = 1;
  while (precision < 9 && Math.fround(Number(magnitude.toExponential(precision))) !== magnitude) precision++;
  return javaNotation(value, magnitude.toExponential(precision));
}

/** `exponential` is the magnitude in the form `d.ddde±x`. */
function javaNotation(value: number, exponential: string): string {
  if (!Number.isFinite(value)) return String(value);
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  if (value === 0) return `${sign}0.0`;
  const [mantissa, exponentText] = exponential.split("e") as [string, string];
  const digits = mantissa.replace(/\.0$/, "").replace(".", "");
  const exponent = Number(exponentText);
  if (exponent < -3 || exponent >= 7) return `${sign}${digits[0]}.${digits.slice(1) || "0"}E${exponent}`;
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  return `${sign}${whole}.${digits.slice(exponent + 1) || "0"}`;
}

/** `2024-02-29`; years beyond four digits get a sign, as in Java. */
export function formatDate(days: number): string {
  const { year, month, day } = civilFromDays(days);
  return `${formatYear(year)}-${two(month)}-${two(day)}`;
}

/** `2024-02-29 12:00:00.5`: local to `zone`, without trailing zeros in the fraction. */
export function formatTimestamp(utcMicros: bigint, zone: TimeZone): string {
  return formatLocalTimestamp(utcMicros + zone.offsetMicrosAt(utcMicros));
}

export function formatLocalTimestamp(localMicros: bigint): string {
  const days = floorDiv(localMicros, MICROS_PER_DAY);
  return `${formatDate(Number(days))} ${formatTimeOfDay(localMicros - days * MICROS_PER_DAY)}`;
}

function formatTimeOfDay(micros: bigint): string {
  const seconds = Number(micros / 1_000_000n);
  const fraction = String(micros % 1_000_000n)
    .padStart(6, "0")
    .replace(/0+$/, "");
  const clock = `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return fraction === "" ? clock : `${clock}.${fraction}`;
}

const two = (number: number): string => String(number).padStart(2, "0");

function formatYear(year: number): string {
  const digits = String(Math.abs(year)).padStart(4, "0");
  return year < 0 ? `-${digits}` : year > 9999 ? `+${digits}` : digits;
}
