/**
 * Dates and timestamps in text files: read leniently and written as ISO, or both by the patterns that the options `dateFormat`,
 * `timestampFormat` and `timestampNTZFormat` give. Any thread.
 */
import { floorDiv, MICROS_PER_DAY } from "../../columnar/civil-date.ts";
import { type DateTimePattern, dateTimePattern, formatWithPattern, parseWithPattern } from "../../columnar/datetime-pattern.ts";
import { formatDate } from "../../columnar/format.ts";
import { parseDate, parseTimestamp, parseTimestampNtz } from "../../columnar/parse-text.ts";
import { type TimeZone, timeZone } from "../../columnar/time-zone.ts";
import type { DataType } from "../../columnar/types.ts";
import type { ConnectorOptions } from "../options.ts";

export interface DateTimeFormats {
  /** Of timestamps without an offset, and of written ones. */
  readonly zone: TimeZone;
  /** Null: the default forms. */
  readonly date: DateTimePattern | null;
  readonly timestamp: DateTimePattern | null;
  readonly timestampNtz: DateTimePattern | null;
}

/** From the options of JSON and CSV; `sessionZone` where they name no zone. Throws for unknown zones and illegal patterns. */
export function dateTimeFormats(options: ConnectorOptions, sessionZone: string): DateTimeFormats {
  const pattern = (name: string): DateTimePattern | null => {
    const text = options.get<string | null>(name);
    return text === null ? null : dateTimePattern(text);
  };
  return {
    zone: timeZone(options.get<string | null>("timeZone") ?? sessionZone),
    date: pattern("dateFormat"),
    timestamp: pattern("timestampFormat"),
    timestampNtz: pattern("timestampNTZFormat"),
  };
}

/** Whether values of `type` follow a pattern, which the kernels do not know. */
export function hasPattern(type: DataType, formats: DateTimeFormats): boolean {
  switch (type.kind) {
    case "date":
      return formats.date !== null;
    case "timestamp":
      return formats.timestamp !== null;
    case "timestamp_ntz":
      return formats.timestampNtz !== null;
    default:
      return false;
  }
}

const UTC = timeZone("UTC");

/** Days since the epoch; undefined if the text is no date. */
export function dateFromText(text: string, { date }: DateTimeFormats): number | undefined {
  if (date === null) return parseDate(text);
  const micros = parseWithPattern(text, date, UTC);
  return micros === undefined ? undefined : Number(floorDiv(micros, MICROS_PER_DAY));
}

export function timestampFromText(text: string, { timestamp, zone }: DateTimeFormats): bigint | undefined {
  return timestamp === null ? parseTimestamp(text, zone) : parseWithPattern(text, timestamp, zone);
}

export function timestampNtzFromText(text: string, { timestampNtz }: DateTimeFormats): bigint | undefined {
  return timestampNtz === null ? parseTimestampNtz(text) : parseWithPattern(text, timestampNtz, UTC);
}

export function dateToText(days: number, { date }: DateTimeFormats): string {
  return date === null ? formatDate(days) : formatWithPattern(BigInt(days) * MICROS_PER_DAY, date, UTC);
}

/** By default `2024-01-01T00:00:00.000Z`, with `+hh:mm` where the zone is not UTC; six digits of a fraction if three do not hold it. */
export function timestampToText(micros: bigint, { timestamp, zone }: DateTimeFormats): string {
  if (timestamp !== null) return formatWithPattern(micros, timestamp, zone);
  const offset = zone.offsetMicrosAt(micros);
  const minutes = Number((offset < 0n ? -offset : offset) / 60_000_000n);
  const suffix = minutes === 0 ? "Z" : `${offset < 0n ? "-" : "+"}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
  return isoLocal(micros + offset) + suffix;
}

export function timestampNtzToText(micros: bigint, { timestampNtz }: DateTimeFormats): string {
  return timestampNtz === null ? isoLocal(micros) : formatWithPattern(micros, timestampNtz, UTC);
}

function isoLocal(micros: bigint): string {
  const days = floorDiv(micros, MICROS_PER_DAY);
  const ofDay = micros - days * MICROS_PER_DAY;
  const seconds = Number(ofDay / 1_000_000n);
  const fraction = String(ofDay % 1_000_000n)
    .padStart(6, "0")
    .replace(/000$/, "");
  return `${formatDate(Number(days))}T${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}.${fraction}`;
}

const two = (number: number): string => String(number).padStart(2, "0");
