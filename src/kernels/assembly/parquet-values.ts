// Values of Parquet pages as the engine's columns: PLAIN pages, conversions between physical types, and the spreading of values over rows
// with nulls. One call per page piece and column, by the Parquet reader in workers. Functions return 0 where the bytes do not suffice or
// a value does not fit.
import { expandBits } from "./parquet-hybrid";
import { viewOf } from "./view";

/** Views on `count` strings that follow each other with u32 lengths in front. Returns the address behind the last. */
export function parquet_strings(p: usize, end: usize, views: usize, count: u32): usize {
  for (let i: u32 = 0; i < count; i++) {
    if (p + 4 > end) return 0;
    const length = load<u32>(p);
    p += 4;
    if (<u32>(end - p) < length) return 0;
    store<i64>(views + (<usize>i << 3), viewOf(p, length));
    p += length;
  }
  return p;
}

/** The fast way to copy within the worker's memory. */
export function parquet_copy(to: usize, from: usize, length: u32): void {
  memory.copy(to, from, length);
}

/** Booleans `index` … of a PLAIN page as bytes. */
export function parquet_booleans(bits: usize, index: u32, out: usize, count: u32): void {
  expandBits(bits, index, out, count);
}

/** Moves the `valid` values at the front of a column to the rows that are valid; the others become zero. In place. */
export function parquet_spread(values: usize, width: u32, validity: usize, rows: u32, valid: u32): void {
  if (valid == rows) return;
  if (valid == 0) {
    memory.fill(values, 0, rows * width);
    return;
  }
  let next = valid;
  let i = rows;
  if (width == 8) {
    while (i-- != 0) {
      const isValid: u32 = load<u8>(validity + i);
      next -= isValid;
      store<u64>(values + (<usize>i << 3), load<u64>(values + (<usize>next << 3)) & (0 - <u64>isValid));
    }
  } else if (width == 4) {
    while (i-- != 0) {
      const isValid: u32 = load<u8>(validity + i);
      next -= isValid;
      store<u32>(values + (<usize>i << 2), load<u32>(values + (<usize>next << 2)) & (0 - isValid));
    }
  } else if (width == 2) {
    while (i-- != 0) {
      const isValid: u32 = load<u8>(validity + i);
      next -= isValid;
      store<u16>(values + (<usize>i << 1), <u16>(<u32>load<u16>(values + (<usize>next << 1)) & (0 - isValid)));
    }
  } else {
    while (i-- != 0) {
      const isValid: u32 = load<u8>(validity + i);
      next -= isValid;
      store<u8>(values + i, <u8>(<u32>load<u8>(values + next) & (0 - isValid)));
    }
  }
}

// Conversions; src/connectors/parquet/conversions.ts chooses. `from` and `to` never overlap.

export function parquet_i32_to_i8(from: usize, to: usize, count: u32): void {
  for (let i: u32 = 0; i < count; i++) store<u8>(to + i, load<u8>(from + (<usize>i << 2)));
}

export function parquet_i32_to_i16(from: usize, to: usize, count: u32): void {
  for (let i: u32 = 0; i < count; i++) store<u16>(to + (<usize>i << 1), load<u16>(from + (<usize>i << 2)));
}

export function parquet_i32_to_i64(from: usize, to: usize, count: u32): void {
  for (let i: u32 = 0; i < count; i++) store<i64>(to + (<usize>i << 3), load<i32>(from + (<usize>i << 2)));
}

export function parquet_u32_to_i64(from: usize, to: usize, count: u32): void {
  for (let i: u32 = 0; i < count; i++) store<i64>(to + (<usize>i << 3), load<u32>(from + (<usize>i << 2)));
}

export function parquet_i32_to_f64(from: usize, to: usize, count: u32): void {
  for (let i: u32 = 0; i < count; i++) store<f64>(to + (<usize>i << 3), <f64>load<i32>(from + (<usize>i << 2)));
}

export function parquet_f32_to_f64(from: usize, to: usize, count: u32): void {
  for (let i: u32 = 0; i < count; i++) store<f64>(to + (<usize>i << 3), <f64>load<f32>(from + (<usize>i << 2)));
}

export function parquet_millis_to_micros(from: usize, to: usize, count: u32): u32 {
  const limit = i64.MAX_VALUE / 1000;
  for (let i: u32 = 0; i < count; i++) {
    const millis = load<i64>(from + (<usize>i << 3));
    if (millis > limit || millis < -limit) return 0;
    store<i64>(to + (<usize>i << 3), millis * 1000);
  }
  return 1;
}

export function parquet_nanos_to_micros(from: usize, to: usize, count: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    const nanos = load<i64>(from + (<usize>i << 3));
    store<i64>(to + (<usize>i << 3), nanos / 1000 - <i64>(nanos % 1000 < 0));
  }
}

/** INT96: nanoseconds of the day (i64) and the Julian day (i32), to microseconds since 1970; wraps around as Spark's. */
export function parquet_int96_to_micros(from: usize, to: usize, count: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    const at = from + 12 * i;
    const days = <i64>load<i32>(at, 8) - 2440588;
    store<i64>(to + (<usize>i << 3), days * 86_400_000_000 + load<i64>(at) / 1000);
  }
}

/** Views on values of `width` bytes each. */
export function parquet_fixed_to_views(from: usize, to: usize, count: u32, width: u32): void {
  for (let i: u32 = 0; i < count; i++) store<i64>(to + (<usize>i << 3), viewOf(from + i * width, width));
}

// Decimals as big-endian two's complement numbers.

/** Low 64 bits in the return value, high ones in `highBits`; false in `fits` if the number has more than 128. */
let highBits: i64 = 0;
let fits: bool = true;

function bigEndian(at: usize, length: u32): i64 {
  fits = true;
  if (length == 0) {
    highBits = 0;
    return 0;
  }
  const sign: i64 = <i8>load<u8>(at) < 0 ? -1 : 0;
  while (length > 16) {
    if (load<u8>(at) != <u8>sign || <i8>load<u8>(at, 1) < 0 != sign < 0) fits = false;
    at++;
    length--;
  }
  let high = sign;
  let low = sign;
  for (let i: u32 = 0; i < length; i++) {
    high = (high << 8) | <i64>(<u64>low >> 56);
    low = (low << 8) | <i64>load<u8>(at + i);
  }
  highBits = high;
  return low;
}

/** Decimals of at most 18 digits from big-endian numbers of `width` bytes. */
export function parquet_fixed_to_i64(from: usize, to: usize, count: u32, width: u32): u32 {
  for (let i: u32 = 0; i < count; i++) {
    const low = bigEndian(from + i * width, width);
    if (!fits || highBits != low >> 63) return 0;
    store<i64>(to + (<usize>i << 3), low);
  }
  return 1;
}

/** As `parquet_fixed_to_i64`, from views. */
export function parquet_views_to_i64(from: usize, to: usize, count: u32): u32 {
  for (let i: u32 = 0; i < count; i++) {
    const view = from + (<usize>i << 3);
    const low = bigEndian(load<u32>(view), load<u32>(view, 4));
    if (!fits || highBits != low >> 63) return 0;
    store<i64>(to + (<usize>i << 3), low);
  }
  return 1;
}

// Decimals of more digits are views on 16-byte little-endian numbers, which go to `numbers`.

@inline function storeWide(to: usize, numbers: usize, i: u32, low: i64, high: i64): void {
  const number = numbers + (<usize>i << 4);
  store<i64>(number, low);
  store<i64>(number, high, 8);
  store<i64>(to + (<usize>i << 3), viewOf(number, 16));
}

export function parquet_fixed_to_wide(from: usize, to: usize, count: u32, width: u32, numbers: usize): u32 {
  for (let i: u32 = 0; i < count; i++) {
    const low = bigEndian(from + i * width, width);
    if (!fits) return 0;
    storeWide(to, numbers, i, low, highBits);
  }
  return 1;
}

export function parquet_views_to_wide(from: usize, to: usize, count: u32, _width: u32, numbers: usize): u32 {
  for (let i: u32 = 0; i < count; i++) {
    const view = from + (<usize>i << 3);
    const low = bigEndian(load<u32>(view), load<u32>(view, 4));
    if (!fits) return 0;
    storeWide(to, numbers, i, low, highBits);
  }
  return 1;
}

export function parquet_i32_to_wide(from: usize, to: usize, count: u32, _width: u32, numbers: usize): void {
  for (let i: u32 = 0; i < count; i++) {
    const value = <i64>load<i32>(from + (<usize>i << 2));
    storeWide(to, numbers, i, value, value >> 63);
  }
}

export function parquet_i64_to_wide(from: usize, to: usize, count: u32, _width: u32, numbers: usize): void {
  for (let i: u32 = 0; i < count; i++) {
    const value = load<i64>(from + (<usize>i << 3));
    storeWide(to, numbers, i, value, value >> 63);
  }
}

export function parquet_u64_to_wide(from: usize, to: usize, count: u32, _width: u32, numbers: usize): void {
  for (let i: u32 = 0; i < count; i++) storeWide(to, numbers, i, load<i64>(from + (<usize>i << 3)), 0);
}
