// Columns of blocks as the contents of Parquet data pages: levels, PLAIN values, indexes into a dictionary; least and greatest values. Rows with
// validity byte 0 are null (validity 0: none is) and have no value. One call per page and column, by connectors/parquet/column-encoder.ts in
// workers. What writes returns the address behind.
import { bits_from_bytes } from "./column-copy";

// How values are laid out in PLAIN pages. FORM_FIXED + n: 16-byte numbers under views as n bytes, highest first.
const FORM_BITS: u32 = 0;
const FORM_8_AS_32: u32 = 1;
const FORM_16_AS_32: u32 = 2;
const FORM_32: u32 = 3;
const FORM_64: u32 = 4;
const FORM_TEXT: u32 = 5;
const FORM_64_AS_32: u32 = 6;
const FORM_F32: u32 = 7;
const FORM_F64: u32 = 8;
const FORM_FIXED: u32 = 16;

@inline function isNull(validity: usize, row: u32): bool {
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

@inline function widthOf(form: u32): u32 {
  if (form == FORM_8_AS_32) return 1;
  if (form == FORM_16_AS_32) return 2;
  return form == FORM_32 || form == FORM_F32 ? 4 : 8;
}

/**
 * Numbers the distinct values of a page in the order in which they come: `indexes` gets the number (u32) of each value that is not null,
 * `firsts` the row (u32) of each number's first value. `table`: 2^log2 zeroed u32, more than rows. Returns how many numbers there are.
 * Only forms 32, 64 and TEXT.
 */
export function parquet_distinct(
  values: usize,
  validity: usize,
  count: u32,
  form: u32,
  indexes: usize,
  firsts: usize,
  table: usize,
  log2: u32,
): u32 {
  const mask: u32 = (1 << log2) - 1;
  const width = widthOf(form);
  let distinct: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    if (isNull(validity, i)) continue;
    const at = values + i * width;
    let slot = hashOf(at, form) >> (32 - log2);
    let number: u32 = 0;
    while (true) {
      const content = load<u32>(table + (<usize>slot << 2));
      if (content == 0) {
        number = distinct++;
        store<u32>(table + (<usize>slot << 2), distinct);
        store<u32>(firsts + (<usize>number << 2), i);
        break;
      }
      if (isSame(values + load<u32>(firsts + (<usize>(content - 1) << 2)) * width, at, form)) {
        number = content - 1;
        break;
      }
      slot = (slot + 1) & mask;
    }
    store<u32>(indexes, number);
    indexes += 4;
  }
  return distinct;
}

@inline function folded(word: u64): u64 {
  const product = (word ^ 0xbf58476d1ce4e5b9) * 0x9e3779b97f4a7c15;
  return product ^ (product >> 32);
}

@inline function hashOf(at: usize, form: u32): u32 {
  let hash: u64;
  if (form == FORM_32) hash = load<u32>(at);
  else if (form == FORM_64) hash = load<u64>(at);
  else {
    const length = load<u32>(at, 4);
    let from: usize = load<u32>(at);
    hash = length;
    let rest = length;
    // Products do not wait for each other.
    for (; rest >= 8; rest -= 8, from += 8) hash = rotl(hash, 9) + folded(load<u64>(from));
    if (rest != 0) hash = rotl(hash, 9) + folded(load<u64>(from) << (64 - 8 * rest));
  }
  hash = (hash ^ (hash >> 29)) * 0x9e3779b97f4a7c15;
  return <u32>(hash >> 32);
}

@inline function isSame(a: usize, b: usize, form: u32): bool {
  if (form == FORM_32) return load<u32>(a) == load<u32>(b);
  if (form == FORM_64) return load<u64>(a) == load<u64>(b);
  return load<u32>(a, 4) == load<u32>(b, 4) && hasSameBytes(load<u32>(a), load<u32>(b), load<u32>(a, 4));
}

@inline function hasSameBytes(a: usize, b: usize, length: u32): bool {
  let at: u32 = 0;
  for (; at + 8 <= length; at += 8) if (load<u64>(a + at) != load<u64>(b + at)) return false;
  return at == length || (load<u64>(a + at) ^ load<u64>(b + at)) << (64 - 8 * (length - at)) == 0;
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

/** `count` indexes, translated by `numbers` (u32 each), in `width` bits: the width, then one run; nothing else for width 0. */
export function parquet_write_indexes(indexes: usize, count: u32, numbers: usize, width: u32, out: usize): usize {
  store<u8>(out, width);
  if (width == 0) return writeVarint(out + 1, count << 1);
  const groups = (count + 7) >> 3;
  let to = writeVarint(out + 1, (groups << 1) | 1);
  const end = to + groups * width;
  let word: u64 = 0;
  let bits: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    word |= <u64>load<u32>(numbers + (<usize>load<u32>(indexes + (<usize>i << 2)) << 2)) << bits;
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

@inline function isLess(a: usize, b: usize, form: u32): bool {
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
