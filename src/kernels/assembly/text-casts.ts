// Casts between text and whole numbers, booleans, dates and timestamps (UTC), in the forms of columnar/parse-text.ts and
// columnar/format.ts. Malformed text raises CAST_INVALID_INPUT with the text as operand: a try_cast clears it and gives null.
import { days_from_civil, days_in_month, civil_day, civil_from_days, civil_month, civil_year } from "./datetime";
import { ERROR_CAST_INVALID_INPUT } from "./memory-layout";
import { addressOf, allocateText, lengthOf, raise, viewOf } from "./view";

const DAY: i64 = 86400000000;

// The trimmed text being parsed.
let at: usize = 0;
let end: usize = 0;

// @ts-ignore: decorator
@inline function isBlank(byte: u32): bool {
  return byte <= 0x20 || byte == 0x7f;
}

/** Sets `at` and `end` to the text without blanks at both ends. */
function open(text: i64): void {
  at = addressOf(text);
  end = at + lengthOf(text);
  while (at < end && isBlank(load<u8>(at))) at++;
  while (end > at && isBlank(load<u8>(end - 1))) end--;
}

function malformed(text: i64): void {
  raise(ERROR_CAST_INVALID_INPUT, text, 0);
}

// @ts-ignore: decorator
@inline function digit(position: usize): u32 {
  return <u32>load<u8>(position) - 0x30;
}

/** The number of 1 to 16 digits; -1 if one is none. Reads eight bytes at a time. */
function fewDigits(from: usize, count: u32): i64 {
  if (count <= 8) return eightDigits(load<u64>(from), count);
  const high = eightDigits(load<u64>(from), count - 8);
  const low = eightDigits(load<u64>(from + count - 8), 8);
  return high < 0 || low < 0 ? -1 : high * 100_000_000 + low;
}

// The first `count` (1 to 8) of eight characters as a number. Neighbours are put together: digits to pairs, to fours, to eight.
@inline function eightDigits(characters: u64, count: u32): i64 {
  const unused: u64 = 64 - 8 * count;
  // Zeros in front of the digits, which are the upper bytes.
  let digits = ((characters ^ 0x3030303030303030) << unused);
  if (((digits + 0x7676767676767676) | digits) & 0x8080808080808080) return -1;
  digits = digits * 10 + (digits >> 8);
  const fours = ((digits & 0x000000ff000000ff) * 0x000f424000000064) + (((digits >> 16) & 0x000000ff000000ff) * 0x0000271000000001);
  return <i64>(fours >> 32);
}

/** Text to bigint. */
export function parse_long(text: i64): i64 {
  open(text);
  let negative = false;
  if (at < end) {
    const sign = load<u8>(at);
    negative = sign == 0x2d;
    if (negative || sign == 0x2b) at++;
  }
  if (at == end) {
    malformed(text);
    return 0;
  }
  if (end - at <= 16) {
    const value = fewDigits(at, <u32>(end - at));
    if (value < 0) malformed(text);
    return negative ? -value : value;
  }
  // Counted below zero: the least number has no positive counterpart.
  let value: i64 = 0;
  for (; at < end; at++) {
    const next = digit(at);
    if (next > 9 || value < -922337203685477580 || (value == -922337203685477580 && next > 8)) {
      malformed(text);
      return 0;
    }
    value = value * 10 - next;
  }
  if (!negative && value == i64.MIN_VALUE) {
    malformed(text);
    return 0;
  }
  return negative ? value : -value;
}

/** Text to int; `minimum` and `maximum` are the range of the target type. */
export function parse_int(text: i64, minimum: i32, maximum: i32): i32 {
  const value = parse_long(text);
  if (value < minimum || value > maximum) malformed(text);
  return <i32>value;
}

/** Text to boolean: t, true, y, yes, 1 and f, false, n, no, 0 in any case. */
export function parse_boolean(text: i64): i32 {
  open(text);
  let word: u64 = 0;
  if (end - at <= 5) for (let position = at; position < end; position++) {
    const letter = load<u8>(position);
    word = (word << 8) | (letter >= 0x41 && letter <= 0x5a ? letter + 0x20 : letter);
  }
  switch (word) {
    case 0x74: // t
    case 0x74727565: // true
    case 0x79: // y
    case 0x796573: // yes
    case 0x31:
      return 1;
    case 0x66: // f
    case 0x66616c7365: // false
    case 0x6e: // n
    case 0x6e6f: // no
    case 0x30:
      return 0;
  }
  malformed(text);
  return 0;
}

/** Reads up to `most` digits at `at`; sets `digits` to how many there were. */
let digits: u32 = 0;
function readNumber(most: u32): i32 {
  let value: i32 = 0;
  digits = 0;
  while (at < end && digits < most) {
    const next = digit(at);
    if (next > 9) break;
    value = value * 10 + <i32>next;
    digits++;
    at++;
  }
  return value;
}

let parsedDays: i32 = 0;
/** Year, month and day with what may be left out; false if malformed. Leaves `at` behind the last field, `fields` counts them. */
let fields: u32 = 0;
function readDate(yearDigits: u32): bool {
  let negative = false;
  if (at < end && (load<u8>(at) == 0x2d || load<u8>(at) == 0x2b)) {
    negative = load<u8>(at) == 0x2d;
    at++;
  }
  let year = readNumber(yearDigits);
  if (digits < 4) return false;
  if (negative) year = -year;
  let month: i32 = 1;
  let day: i32 = 1;
  fields = 1;
  if (at < end && load<u8>(at) == 0x2d) {
    at++;
    month = readNumber(2);
    if (digits == 0) return false;
    fields = 2;
    if (at < end && load<u8>(at) == 0x2d) {
      at++;
      day = readNumber(2);
      if (digits == 0) return false;
      fields = 3;
    }
  }
  if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month)) return false;
  parsedDays = days_from_civil(year, month, day);
  return true;
}

// @ts-ignore: decorator
@inline function isDateEnd(byte: u32): bool {
  return byte == 0x20 || byte == 0x54;
}

/** Text to date. */
export function parse_date(text: i64): i32 {
  open(text);
  if (!readDate(7) || (at < end && !(fields == 3 && isDateEnd(load<u8>(at))))) {
    malformed(text);
    return 0;
  }
  return parsedDays;
}

/**
 * Text to timestamp; texts without a zone are in UTC, zones may be Z, UTC, GMT or offsets. Region names are not known here:
 * they raise the error although they are valid, so that the plain path decides.
 */
export function parse_timestamp(text: i64): i64 {
  open(text);
  const micros = readTimestamp();
  if (micros == i64.MIN_VALUE) malformed(text);
  return micros;
}

function readTimestamp(): i64 {
  const BAD = i64.MIN_VALUE;
  if (!readDate(6)) return BAD;
  // Too near the ends of the range for sums without overflow: the plain path decides.
  if (parsedDays > 106751989 || parsedDays < -106751989) return BAD;
  const midnight = <i64>parsedDays * DAY;
  if (at == end) return midnight;
  if (fields != 3 || !isDateEnd(load<u8>(at))) return BAD;
  at++;
  if (at == end) return midnight;
  const hour = readNumber(2);
  if (digits == 0 || hour > 23 || at >= end || load<u8>(at) != 0x3a) return BAD;
  at++;
  const minute = readNumber(2);
  if (digits == 0 || minute > 59) return BAD;
  let second: i32 = 0;
  let fraction: i32 = 0;
  if (at < end && load<u8>(at) == 0x3a) {
    at++;
    second = readNumber(2);
    if (digits == 0 || second > 59) return BAD;
    if (at < end && load<u8>(at) == 0x2e) {
      at++;
      fraction = readNumber(6);
      for (; digits < 6; digits++) fraction *= 10;
      while (at < end && digit(at) <= 9) at++;
    }
  }
  const local = midnight + <i64>(hour * 3600 + minute * 60 + second) * 1000000 + fraction;
  while (at < end && isBlank(load<u8>(at))) at++;
  if (at == end) return local;
  return readOffset() ? local - offsetMicros : BAD;
}

let offsetMicros: i64 = 0;
/** Z, UTC, GMT, UT and offsets such as +1, +01:30, GMT-8:00:00; sets `offsetMicros`. */
function readOffset(): bool {
  offsetMicros = 0;
  const length = end - at;
  if (length == 1 && load<u8>(at) == 0x5a) return true;
  if (length >= 3 && (load<u32>(at) & 0xffffff) == 0x435455) at += 3; // UTC
  else if (length >= 3 && (load<u32>(at) & 0xffffff) == 0x544d47) at += 3; // GMT
  else if (length >= 2 && load<u16>(at) == 0x5455) at += 2; // UT
  if (at == end) return true;
  const sign = load<u8>(at);
  if (sign != 0x2b && sign != 0x2d) return false;
  at++;
  const hours = readNumber(2);
  if (digits == 0) return false;
  let seconds = hours * 3600;
  for (let unit: i32 = 60; unit > 0 && at < end; unit = unit == 60 ? 1 : 0) {
    if (load<u8>(at) != 0x3a) return false;
    at++;
    const part = readNumber(2);
    if (digits == 0 || part > 59) return false;
    seconds += part * unit;
  }
  if (at != end || hours > 18) return false;
  offsetMicros = (sign == 0x2d ? -1 : 1) * <i64>seconds * 1000000;
  return true;
}

/** Bigint to text. */
export function format_long(value: i64): i64 {
  const room = allocateText(20);
  if (room == 0) return 0;
  const start = writeLong(room + 20, value);
  return viewOf(start, <u32>(room + 20 - start));
}

export function format_int(value: i32): i64 {
  return format_long(value);
}

/** Writes the digits so that they end at `to`; returns where they begin. */
function writeLong(to: usize, value: i64): usize {
  let rest: u64 = value < 0 ? 0 - <u64>value : <u64>value;
  do {
    store<u8>(--to, <u8>(rest % 10) + 0x30);
    rest /= 10;
  } while (rest != 0);
  if (value < 0) store<u8>(--to, 0x2d);
  return to;
}

// @ts-ignore: decorator
@inline function writeTwo(to: usize, value: i32): void {
  store<u8>(to, <u8>(value / 10) + 0x30);
  store<u8>(to, <u8>(value % 10) + 0x30, 1);
}

/** Writes `2024-02-29` at `to`; returns the address behind it. */
function writeDate(to: usize, days: i32): usize {
  civil_from_days(days);
  const year = civil_year();
  const magnitude = year < 0 ? -year : year;
  if (year < 0 || year > 9999) store<u8>(to++, year < 0 ? 0x2d : 0x2b);
  if (magnitude < 10000) {
    writeTwo(to, magnitude / 100);
    writeTwo(to + 2, magnitude % 100);
    to += 4;
  } else {
    let width: u32 = 4;
    for (let rest = magnitude / 10000; rest != 0; rest /= 10) width++;
    writeLong(to + width, magnitude);
    to += width;
  }
  store<u8>(to, 0x2d);
  writeTwo(to + 1, civil_month());
  store<u8>(to, 0x2d, 3);
  writeTwo(to + 4, civil_day());
  return to + 6;
}

/** Date to text. */
export function format_date(days: i32): i64 {
  const room = allocateText(20);
  if (room == 0) return 0;
  return viewOf(room, <u32>(writeDate(room, days) - room));
}

/** Timestamp to text in UTC, without trailing zeros in the fraction. */
export function format_timestamp(micros: i64): i64 {
  const room = allocateText(36);
  if (room == 0) return 0;
  let days = micros / DAY;
  let rest = micros % DAY;
  if (rest < 0) {
    days--;
    rest += DAY;
  }
  let to = writeDate(room, <i32>days);
  const seconds = <i32>(rest / 1000000);
  let fraction = <i32>(rest % 1000000);
  store<u8>(to, 0x20);
  writeTwo(to + 1, seconds / 3600);
  store<u8>(to, 0x3a, 3);
  writeTwo(to + 4, (seconds / 60) % 60);
  store<u8>(to, 0x3a, 6);
  writeTwo(to + 7, seconds % 60);
  to += 9;
  if (fraction != 0) {
    let width: u32 = 6;
    while (fraction % 10 == 0) {
      fraction /= 10;
      width--;
    }
    store<u8>(to++, 0x2e);
    for (let position = width; position > 0; position--) {
      store<u8>(to + position - 1, <u8>(fraction % 10) + 0x30);
      fraction /= 10;
    }
    to += width;
  }
  return viewOf(room, <u32>(to - room));
}
