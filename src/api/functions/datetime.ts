/** Dates, times and time windows. Durations are interval texts such as "10 minutes". */
import type { Column } from "../column.ts";
import { toExpression } from "../column.ts";
import type { LocalDate, Timestamp, TimestampNtz } from "../../columnar/row-values.ts";
import type { ColumnOrName, UsesOf } from "../typed.ts";
import {
  afterValue,
  binary,
  columnExpression,
  functionColumn,
  nullary,
  unary,
  variadic,
  withValues,
  type Count,
  type Text,
} from "./builders.ts";

/** The value of a `window` or `session_window` column: start inclusive, end exclusive. */
export interface TimeWindow {
  readonly start: Timestamp;
  readonly end: Timestamp;
}

/**
 * Windows of length `duration` that contain the time, one every `slide` (default: `duration`), aligned to the epoch plus `startTime`.
 * A grouping key; the result column is called `window`.
 */
export function window<const A extends ColumnOrName>(
  timeColumn: A,
  duration: string,
  slide?: string,
  startTime?: string,
): Column<"window", TimeWindow, UsesOf<A>> {
  const texts = startTime !== undefined ? [duration, slide ?? duration, startTime] : slide !== undefined ? [duration, slide] : [duration];
  return functionColumn("window", [columnExpression(timeColumn), ...texts.map(toExpression)]);
}
/** A window that ends when nothing came for `gap` (a text or a column). A grouping key; the column is called `session_window`. */
export function session_window<const A extends ColumnOrName>(timeColumn: A, gap: Text): Column<"session_window", TimeWindow, UsesOf<A>> {
  return functionColumn("session_window", [columnExpression(timeColumn), toExpression(gap)]);
}
/** The event time of a window column: just before its end. */
export function window_time<const A extends ColumnOrName>(windowColumn: A): Column<"window_time", Timestamp, UsesOf<A>> {
  return functionColumn("window_time", [columnExpression(windowColumn)]);
}

export const current_timestamp = nullary<Timestamp>("current_timestamp");
export const now = nullary<Timestamp>("now");
export const current_date = nullary<LocalDate>("current_date");
export const curdate = nullary<LocalDate>("curdate");
export const localtimestamp = nullary<TimestampNtz>("localtimestamp");
export const current_timezone = nullary<string>("current_timezone");

export const to_timestamp = withValues<Timestamp | null, [format?: Text]>("to_timestamp");
export const try_to_timestamp = withValues<Timestamp | null, [format?: Text]>("try_to_timestamp");
export const to_timestamp_ltz = withValues<Timestamp | null, [format?: Text]>("to_timestamp_ltz");
export const to_timestamp_ntz = withValues<TimestampNtz | null, [format?: Text]>("to_timestamp_ntz");
export const to_date = withValues<LocalDate | null, [format?: Text]>("to_date");
export const date_format = withValues<string | null, [format: Text]>("date_format");
/** `date_trunc("hour", column)`. */
export const date_trunc = afterValue<Timestamp | null, Text>("date_trunc");
export const trunc = withValues<LocalDate | null, [unit: Text]>("trunc");
export const unix_timestamp = <const A extends ColumnOrName = never>(column?: A, format?: Text): Column<string, bigint | null, UsesOf<A>> =>
  functionColumn("unix_timestamp", [
    ...(column === undefined ? [] : [columnExpression(column)]),
    ...(format === undefined ? [] : [toExpression(format)]),
  ]);
export const to_unix_timestamp = withValues<bigint | null, [format?: Text]>("to_unix_timestamp");
export const from_unixtime = withValues<string | null, [format?: Text]>("from_unixtime");
export const timestamp_seconds = unary<Timestamp | null>("timestamp_seconds");
export const timestamp_millis = unary<Timestamp | null>("timestamp_millis");
export const timestamp_micros = unary<Timestamp | null>("timestamp_micros");
export const unix_seconds = unary<bigint | null>("unix_seconds");
export const unix_millis = unary<bigint | null>("unix_millis");
export const unix_micros = unary<bigint | null>("unix_micros");
export const unix_date = unary<number | null>("unix_date");
export const date_from_unix_date = unary<LocalDate | null>("date_from_unix_date");

export const year = unary<number | null>("year");
export const quarter = unary<number | null>("quarter");
export const month = unary<number | null>("month");
export const day = unary<number | null>("day");
export const dayofmonth = unary<number | null>("dayofmonth");
export const dayofweek = unary<number | null>("dayofweek");
export const dayofyear = unary<number | null>("dayofyear");
export const weekday = unary<number | null>("weekday");
export const weekofyear = unary<number | null>("weekofyear");
export const hour = unary<number | null>("hour");
export const minute = unary<number | null>("minute");
export const second = unary<number | null>("second");
export const dayname = unary<string | null>("dayname");
export const monthname = unary<string | null>("monthname");
export const extract = binary<any>("extract");
export const date_part = binary<any>("date_part");

export const date_add = withValues<LocalDate | null, [days: Count]>("date_add");
export const dateadd = withValues<LocalDate | null, [days: Count]>("dateadd");
export const date_sub = withValues<LocalDate | null, [days: Count]>("date_sub");
/** Days from `start` to `end`. */
export const datediff = binary<number | null>("datediff");
export const date_diff = binary<number | null>("date_diff");
export const add_months = withValues<LocalDate | null, [months: Count]>("add_months");
export const months_between = binary<number | null>("months_between");
export const last_day = unary<LocalDate | null>("last_day");
export const next_day = withValues<LocalDate | null, [dayOfWeek: Text]>("next_day");
export const make_date = variadic<LocalDate | null>("make_date");
export const make_timestamp = variadic<Timestamp | null>("make_timestamp");
export const try_make_timestamp = variadic<Timestamp | null>("try_make_timestamp");
export const make_dt_interval = variadic<any>("make_dt_interval");
export const make_ym_interval = variadic<any>("make_ym_interval");
export const from_utc_timestamp = withValues<Timestamp | null, [timeZone: Text]>("from_utc_timestamp");
export const to_utc_timestamp = withValues<Timestamp | null, [timeZone: Text]>("to_utc_timestamp");
export const convert_timezone = variadic<TimestampNtz | null>("convert_timezone");
