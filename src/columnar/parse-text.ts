/**
 * Text to numbers, dates and timestamps, in exactly the forms that Spark's casts accept. All return undefined when the
 * text is malformed or out of range. Used by casts, readers and constant folding, on every thread.
 */
import { daysFromCivil, isValidDate, MICROS_PER_DAY } from "./civil-date.ts";
import { findTimeZone, type TimeZone } from "./time-zone.ts";

/** Removes control characters and spaces (U+0000 to U+0020) at both ends, as casts do before parsing. */
export function trimControl(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

const isBlank = (unit: number): boolean => unit <= 0x20 || unit === 0x7f;

/** An optionally signed whole number of any length. */
export function parseInteger(text: string): bigint | undefined {
  const trimmed = trimControl(text);
  if (!/^[+-]?\d+$/.test(trimmed)) return undefined;
  return BigInt(trimmed.startsWith("+") ? trimmed.slice(1) : trimmed);
}

/** Java's `Double.parseDouble` without hexadecimal forms, plus `inf`, `infinity` and `nan` in any case. */
export function parseDouble(text: string): number | undefined {
  const trimmed = trimControl(text);
  if (/^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?[dDfF]?$/.test(trimmed)) return Number(trimmed.replace(/[dDfF]$/, ""));
  switch (trimmed.toLowerCase()) {
    case "inf":
    case "+inf":
    case "infinity":
    case "+infinity":
      return Infinity;
    case "-inf":
    case "-infinity":
      return -Infinity;
    case "nan":
      return NaN;
    default:
      return undefined;
  }
}

const TRUE_TEXTS = new Set(["t", "true", "y", "yes", "1"]);
const FALSE_TEXTS = new Set(["f", "false", "n", "no", "0"]);

export function parseBoolean(text: string): boolean | undefined {
  const word = trimControl(text).toLowerCase();
  return TRUE_TEXTS.has(word) ? true : FALSE_TEXTS.has(word) ? false : undefined;
}

/** Days since the epoch of `[+-]y…[-[m]m[-[d]d]]`; after a full date, `T` or a space and anything may follow. */
export function parseDate(text: string): number | undefined {
  const match = /^([+-]?)(\d{4,7})(?:-(\d{1,2})(?:-(\d{1,2})(?:[ T].*)?)?)?$/s.exec(trimControl(text));
  if (!match) return undefined;
  const year = Number(match[2]) * (match[1] === "-" ? -1 : 1);
  const [month, day] = [Number(match[3] ?? 1), Number(match[4] ?? 1)];
  if (!isValidDate(year, month, day)) return undefined;
  const days = daysFromCivil(year, month, day);
  return (days | 0) === days ? days : undefined;
}

const TIMESTAMP = /^([+-]?)(\d{4,6})(?:-(\d{1,2})(?:-(\d{1,2})(?:[ T](?:(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d*))?)?)?\s*(\S.*)?)?)?)?$/s;

/**
 * Microseconds since the epoch of `y…[-[m]m[-[d]d[( |T)[h]h:[m]m[:[s]s[.fraction]][zone]]]]`. Without a zone in the text the
 * time is local to `zone`. Fractions beyond six digits are cut.
 */
export function parseTimestamp(text: string, zone: TimeZone): bigint | undefined {
  const parsed = parseLocalTimestamp(text);
  if (!parsed) return undefined;
  if (parsed.zone === undefined) return inRange(zone.localToUtc(parsed.localMicros));
  const own = findZone(parsed.zone);
  return own && inRange(own.localToUtc(parsed.localMicros));
}

/** As `parseTimestamp`, for timestamps without a zone: a zone in the text is ignored. */
export function parseTimestampNtz(text: string): bigint | undefined {
  const parsed = parseLocalTimestamp(text);
  return parsed && (parsed.zone === undefined || findZone(parsed.zone)) ? inRange(parsed.localMicros) : undefined;
}

function parseLocalTimestamp(text: string): { readonly localMicros: bigint; readonly zone: string | undefined } | undefined {
  const match = TIMESTAMP.exec(trimControl(text));
  if (!match) return undefined;
  const [, sign, yearText, monthText, dayText, hourText, minuteText, secondText, fraction, zone] = match;
  if (hourText === undefined && zone !== undefined) return undefined;
  const year = Number(yearText) * (sign === "-" ? -1 : 1);
  const [month, day] = [Number(monthText ?? 1), Number(dayText ?? 1)];
  const [hour, minute, second] = [Number(hourText ?? 0), Number(minuteText ?? 0), Number(secondText ?? 0)];
  if (!isValidDate(year, month, day) || hour > 23 || minute > 59 || second > 59) return undefined;
  const micros = Number((fraction ?? "").slice(0, 6).padEnd(6, "0"));
  const localMicros =
    BigInt(daysFromCivil(year, month, day)) * MICROS_PER_DAY + BigInt(hour * 3600 + minute * 60 + second) * 1_000_000n + BigInt(micros);
  return { localMicros, zone };
}

/** Zone texts inside timestamps: `Z`, `UTC`, `+1:0`, `GMT+1`, region names. */
function findZone(text: string): TimeZone | undefined {
  const offset = /^(UTC|GMT|UT)?([+-]\d{1,2})(?::(\d{1,2}))?(?::(\d{1,2}))?$/.exec(text);
  if (!offset) return findTimeZone(text);
  const pad = (part: string): string => part.padStart(2, "0");
  return findTimeZone(
    `${offset[2]!.length === 2 ? `${offset[2]![0]}0${offset[2]![1]}` : offset[2]!}:${pad(offset[3] ?? "0")}:${pad(offset[4] ?? "0")}`,
  );
}

const inRange = (micros: bigint): bigint | undefined => (BigInt.asIntN(64, micros) === micros ? micros : undefined);
