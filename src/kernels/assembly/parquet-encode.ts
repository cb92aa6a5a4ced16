// Columns of blocks as the contents of Parquet data pages: levels, PLAIN values, indexes into a dictionary; least and greatest values. Rows with
// validity byte 0 are null (validity 0: none is) and have no value. One call per page and column, by connectors/parquet/column-encoder.ts in
// workers. What writes returns the address behind.
import { bits_from_bytes } from "./column-copy";

// How values are laid out in PLAIN pages. FORM_FIXED + n: 16-byte numbers under views as n bytes, highest first.
const FORM_BITS: u32 = 0;
const FORM_8_AS_32: u32 = 1;
const FORM_16_AS_32: u32 = 2;
export const FORM_32: u32 = 3;
export const FORM_64: u32 = 4;
export const FORM_TEXT: u32 = 5;
const FORM_64_AS_32: u32 = 6;
const FORM_F32: u32 = 7;
const FORM_F64: u32 = 8;
const FORM_FIXED: u32 = 16;

@inline export function isNull(validity: usize, row: u32): bool {
  return validity != 0 && load<u8>(validity + row) == 0;
}

function writeVarint(to: usize, value: u32): usize {
  for (; value >= 128; value >>= 7) store<u8>(to++, value | 128);
  store<u8>(to, value);
  return to + 1;
}

/** Definition levels of one bit, with their length in front. */
export function parquet_write_levels(validity: usize, count: u32, out: usize): usize {
  let to = out + 4;
  if (validity == 0) {
    to = writeVarint(to, count << 1);
    store<u8>(to++, 1);
  } else {
    const bytes = (count + 7) >> 3;
    to = writeVarint(to, (bytes << 1) | 1);
    bits_from_bytes(validity, to, count);
    to += bytes;
  }
  store<u32>(out, <u32>(to - out - 4));
  return to;
}

export function parquet_write_plain(values: usize, validity: usize, count: u32, form: u32, out: usize): usize {
  let to = out;
  if (form == FORM_BITS) {
    let word: u32 = 0;
    let bits: u32 = 0;
    for (let i: u32 = 0; i < count; i++) {
      if (isNull(validity, i)) continue;
      word |= <u32>(load<u8>(values + i) & 1) << bits;
      if (++bits == 8) {
        store<u8>(to++, word);
        word = 0;
        bits = 0;
      }
    }
    if (bits != 0) store<u8>(to++, word);
    return to;
  }
  const width = widthOf(form);
  if (validity == 0 && (form == FORM_32 || form == FORM_64 || form == FORM_F32 || form == FORM_F64)) {
    memory.copy(to, values, count * width);
    return to + count * width;
  }
  for (let i: u32 = 0; i < count; i++) {
    if (isNull(validity, i)) continue;
    const at = values + i * width;
    if (form == FORM_TEXT) {
      const from: usize = load<u32>(at);
      const length = load<u32>(at, 4);
      store<u32>(to, length);
      to += 4;
      if (length <= 64) for (let j: u32 = 0; j < length; j += 8) store<u64>(to + j, load<u64>(from + j));
      else memory.copy(to, from, length);
      to += length;
    } else if (form == FORM_64 || form == FORM_F64) {
      store<u64>(to, load<u64>(at));
      to += 8;
    } else if (form < FORM_FIXED) {
      store<u32>(to, form == FORM_8_AS_32 ? <u32>load<i8>(at) : form == FORM_16_AS_32 ? <u32>load<i16>(at) : load<u32>(at));
      to += 4;
    } else {
      const number: usize = load<u32>(at);
      for (let byte = form - FORM_FIXED; byte > 0; byte--) store<u8>(to++, load<u8>(number + byte - 1));
    }
  }
  return to;
}

@inline export function widthOf(form: u32): u32 {
  if (form == FORM_8_AS_32) return 1;
  if (form == FORM_16_AS_32) return 2;
  return form == FORM_32 || form == FORM_F32 ? 4 : 8;
}

/** Order of `length` unsigned bytes each; up to 7 bytes past the ends are read. */
function compareBytes(a: usize, b: usize, length: u32): i32 {
  for (let at: u32 = 0; at < length; at += 8) {
    let left = bswap(load<u64>(a + at));
    let right = bswap(load<u64>(b + at));
    if (length - at < 8) {
      left >>= 64 - 8 * (length - at);
      right >>= 64 - 8 * (length - at);
    }
    if (left != right) return left < right ? -1 : 1;
  }
  return 0;
}

/** `count` indexes in `width` bits: the width, then one run; nothing else for width 0. */
export function parquet_write_indexes(indexes: usize, count: u32, width: u32, out: usize): usize {
  store<u8>(out, width);
  if (width == 0) return writeVarint(out + 1, count << 1);
  const groups = (count + 7) >> 3;
  let to = writeVarint(out + 1, (groups << 1) | 1);
  const end = to + groups * width;
  let word: u64 = 0;
  let bits: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    word |= <u64>load<u32>(indexes + (<usize>i << 2)) << bits;
    bits += width;
    if (bits >= 32) {
      store<u32>(to, <u32>word);
      to += 4;
      word >>= 32;
      bits -= 32;
    }
  }
  store<u64>(to, word);
  if (to + 8 < end) memory.fill(to + 8, 0, end - to - 8);
  return end;
}

/**
 * Rows of the least and the greatest value to `out` (u32 each). Returns 1 if there are such, 0 where all are null or one is no number. Not for
 * bits and fixed lengths.
 */
export function parquet_extremes(values: usize, validity: usize, count: u32, form: u32, out: usize): u32 {
  const width = widthOf(form);
  let least: u32 = ~0;
  let greatest: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    if (isNull(validity, i)) continue;
    const at = values + i * width;
    if ((form == FORM_F32 && isNaN(load<f32>(at))) || (form == FORM_F64 && isNaN(load<f64>(at)))) return 0;
    if (least == ~0) {
      least = i;
      greatest = i;
    } else if (isLess(at, values + least * width, form)) least = i;
    else if (isLess(values + greatest * width, at, form)) greatest = i;
  }
  store<u32>(out, least);
  store<u32>(out, greatest, 4);
  return least == ~0 ? 0 : 1;
}

@inline export function isLess(a: usize, b: usize, form: u32): bool {
  switch (form) {
    case FORM_8_AS_32:
      return load<i8>(a) < load<i8>(b);
    case FORM_16_AS_32:
      return load<i16>(a) < load<i16>(b);
    case FORM_32:
      return load<i32>(a) < load<i32>(b);
    case FORM_F32:
      return load<f32>(a) < load<f32>(b);
    case FORM_F64:
      return load<f64>(a) < load<f64>(b);
    case FORM_TEXT: {
      const lengthA = load<u32>(a, 4);
      const lengthB = load<u32>(b, 4);
      const order = compareBytes(load<u32>(a), load<u32>(b), min(lengthA, lengthB));
      return order < 0 || (order == 0 && lengthA < lengthB);
    }
    default:
      return load<i64>(a) < load<i64>(b);
  }
}
