/**
 * One value outside the memory of a worker: what the interpreter computes with, literals hold and row encoders take.
 *
 * | type | Value |
 * |---|---|
 * | boolean | boolean |
 * | byte, short, integer, float, double | number (float is always `Math.fround`ed) |
 * | date, year_month_interval | number (days since 1970-01-01; months) |
 * | long, timestamp, timestamp_ntz, day_time_interval | bigint (the last three in microseconds) |
 * | decimal | bigint, unscaled (the scale is in the type) |
 * | string | string (well-formed UTF-16; ordering is by UTF-8 bytes: `compareStrings`) |
 * | binary | Uint8Array |
 * | array | readonly Value[] |
 * | map | readonly [Value, Value][], in insertion order |
 * | struct | readonly Value[], by position |
 *
 * What users see in rows (Timestamp, Decimal, Date objects) is made from these in `columnar/row.ts`.
 */
export type Value = null | boolean | number | bigint | string | Uint8Array | readonly Value[];
