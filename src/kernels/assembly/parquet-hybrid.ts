// Parquet's RLE / bit-packed hybrid: levels, dictionary indexes and booleans. A stream is a small state in memory, so that a page can be
// read piece by piece as blocks need it. Called by the Parquet reader, in workers. Functions return 0 when the stream is damaged or ends
// too early. Streams may be read 16 bytes past their end: what holds them is padded so.

import { parquet_take } from "./parquet-pick";

// Stream state, 32 bytes, filled by `parquet_stream` and its kin.
const NEXT: usize = 0; // u32: next run's header
const END: usize = 4; // u32
const WIDTH: usize = 8; // u32: bits of a value, at most 32
const LEFT: usize = 12; // u32: values left in the current run
const MODE: usize = 16; // u32: of the current run
const VALUE: usize = 20; // u32: of a repeated run
const INDEX: usize = 24; // u32: values of the current run that were taken
const BASE: usize = 28; // u32: first byte of a packed run

const REPEATED: u32 = 0;
const PACKED: u32 = 1;
/** One byte per value: levels in the old BIT_PACKED encoding are rewritten so. */
const BYTES: u32 = 2;

export function parquet_stream(state: usize, begin: usize, end: usize, width: u32): void {
  memory.fill(state, 0, 32);
  store<u32>(state, <u32>begin, NEXT);
  store<u32>(state, <u32>end, END);
  store<u32>(state, width, WIDTH);
}

/** A stream of `count` values that lie one per byte at `bytes`. */
export function parquet_stream_of_bytes(state: usize, bytes: usize, count: u32): void {
  memory.fill(state, 0, 32);
  store<u32>(state, count, LEFT);
  store<u32>(state, BYTES, MODE);
  store<u32>(state, <u32>bytes, BASE);
}

function nextRun(state: usize): bool {
  let p: usize = load<u32>(state, NEXT);
  const end: usize = load<u32>(state, END);
  const width = load<u32>(state, WIDTH);
  let header: u64 = 0;
  let shift: u32 = 0;
  for (;;) {
    if (p >= end || shift > 28) return false;
    const byte: u32 = load<u8>(p++);
    header |= <u64>(byte & 127) << shift;
    if (byte < 128) break;
    shift += 7;
  }
  let count: u64 = header >> 1;
  if ((header & 1) != 0) {
    count *= 8;
    // The last run may lack its padding.
    const available = width == 0 ? count : (<u64>(end - p) * 8) / width;
    const bytes: u64 = (header >> 1) * width;
    if (count > available) count = available;
    store<u32>(state, PACKED, MODE);
    store<u32>(state, <u32>p, BASE);
    store<u32>(state, 0, INDEX);
    p = bytes > <u64>(end - p) ? end : p + <usize>bytes;
  } else {
    const bytes: usize = (width + 7) >> 3;
    if (end - p < bytes) return false;
    let value: u32 = 0;
    for (let i: usize = 0; i < bytes; i++) value |= <u32>load<u8>(p + i) << (<u32>i * 8);
    if (width < 32 && value >> width != 0) return false;
    p += bytes;
    store<u32>(state, REPEATED, MODE);
    store<u32>(state, value, VALUE);
  }
  if (count == 0 || count > <u64>u32.MAX_VALUE) return false;
  store<u32>(state, <u32>count, LEFT);
  store<u32>(state, <u32>p, NEXT);
  return true;
}

/** Values that are left in the run, of the next one where it is through; 0: there is none, or it is damaged. */
@inline function leftInRun(state: usize): u32 {
  const left = load<u32>(state, LEFT);
  if (left != 0) return left;
  return nextRun(state) ? load<u32>(state, LEFT) : 0;
}

/** `count` values of at most 8 bits, one per byte. */
export function parquet_stream_bytes(state: usize, out: usize, count: u32): u32 {
  const width = load<u32>(state, WIDTH);
  if (width > 8) return 0;
  while (count != 0) {
    const left = leftInRun(state);
    if (left == 0) return 0;
    const n = min(left, count);
    const mode = load<u32>(state, MODE);
    if (mode == REPEATED) {
      memory.fill(out, <u8>load<u32>(state, VALUE), n);
    } else {
      const index = load<u32>(state, INDEX);
      const base: usize = load<u32>(state, BASE);
      if (mode == BYTES) memory.copy(out, base + index, n);
      else if (width == 1) expandBits(base, index, out, n);
      else unpackBytes(base, index, width, out, n);
      store<u32>(state, index + n, INDEX);
    }
    store<u32>(state, left - n, LEFT);
    out += n;
    count -= n;
  }
  return 1;
}

/** The bits `index`, `index + 1`, … from `base` on as bytes of 0 and 1. */
export function expandBits(base: usize, index: u32, out: usize, count: u32): void {
  let i: u32 = 0;
  for (; i < count && ((index + i) & 7) != 0; i++) store<u8>(out + i, bitAt(base, index + i));
  const spread = i8x16(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
  const bits = i8x16(1, 2, 4, 8, 16, 32, 64, -128, 1, 2, 4, 8, 16, 32, 64, -128);
  const ones = i8x16.splat(1);
  for (; i + 16 <= count; i += 16) {
    const two = i16x8.splat(<i16>load<u16>(base + ((index + i) >> 3)));
    const picked = v128.and(v128.swizzle(two, spread), bits);
    v128.store(out + i, v128.and(i8x16.eq(picked, bits), ones));
  }
  for (; i < count; i++) store<u8>(out + i, bitAt(base, index + i));
}

@inline function bitAt(base: usize, index: u32): u8 {
  return (load<u8>(base + (index >> 3)) >> <u8>(index & 7)) & 1;
}

function unpackBytes(base: usize, index: u32, width: u32, out: usize, count: u32): void {
  if (width == 0) {
    memory.fill(out, 0, count);
    return;
  }
  const mask: u32 = (1 << width) - 1;
  let bit: u32 = index * width;
  for (let i: u32 = 0; i < count; i++) {
    store<u8>(out + i, <u8>(((<u32>load<u16>(base + (bit >> 3))) >> (bit & 7)) & mask));
    bit += width;
  }
}

const INDEXES_MAX: u32 = 1024;
const indexes: usize = memory.data(4096, 16);
// Byte shuffles and multipliers with which four packed values become four lanes.
const shuffle: usize = memory.data(64, 16);

/** Values of the dictionary (`size` entries of `width` bytes: 1, 2, 4 or 8) that the next `count` indexes mean. */
export function parquet_gather(state: usize, dictionary: usize, size: u32, width: u32, out: usize, count: u32): u32 {
  const bits = load<u32>(state, WIDTH);
  if (bits > 32) return 0;
  while (count != 0) {
    const left = leftInRun(state);
    if (left == 0) return 0;
    let n = min(left, count);
    if (load<u32>(state, MODE) == REPEATED) {
      const value = load<u32>(state, VALUE);
      if (value >= size) return 0;
      repeat(dictionary + value * width, width, out, n);
    } else {
      n = min(n, INDEXES_MAX);
      const index = load<u32>(state, INDEX);
      if (unpack(load<u32>(state, BASE), index, bits, indexes, n) >= size) return 0;
      gather(dictionary, width, out, n);
      store<u32>(state, index + n, INDEX);
    }
    store<u32>(state, left - n, LEFT);
    out += n * width;
    count -= n;
  }
  return 1;
}

/** As `parquet_gather` over `count` indexes, but gives only the values at `picked` positions (`parquet-pick.ts`), less `base`. */
export function parquet_gather_picked(
  state: usize, dictionary: usize, size: u32, width: u32, out: usize, count: u32, positions: usize, base: u32, picked: u32,
): u32 {
  const bits = load<u32>(state, WIDTH);
  if (bits > 32) return 0;
  const last = positions + 2 * picked;
  while (count != 0) {
    const left = leftInRun(state);
    if (left == 0) return 0;
    let n = min(left, count);
    const first = positions;
    if (load<u32>(state, MODE) == REPEATED) {
      const value = load<u32>(state, VALUE);
      if (value >= size) return 0;
      while (positions < last && <u32>load<u16>(positions) < base + n) positions += 2;
      repeat(dictionary + value * width, width, out, <u32>(positions - first) >> 1);
    } else {
      n = min(n, INDEXES_MAX);
      const index = load<u32>(state, INDEX);
      if (unpack(load<u32>(state, BASE), index, bits, indexes, n) >= size) return 0;
      while (positions < last && <u32>load<u16>(positions) < base + n) positions += 2;
      const wanted: u32 = <u32>(positions - first) >> 1;
      if (wanted < n) parquet_take(indexes, indexes, 4, first, base, wanted);
      gather(dictionary, width, out, wanted);
      store<u32>(state, index + n, INDEX);
    }
    store<u32>(state, left - n, LEFT);
    out += (<u32>(positions - first) >> 1) * width;
    base += n;
    count -= n;
  }
  return 1;
}

/** Passes over `count` values. */
export function parquet_stream_skip(state: usize, count: u32): u32 {
  while (count != 0) {
    const left = leftInRun(state);
    if (left == 0) return 0;
    const n = min(left, count);
    if (load<u32>(state, MODE) != REPEATED) store<u32>(state, load<u32>(state, INDEX) + n, INDEX);
    store<u32>(state, left - n, LEFT);
    count -= n;
  }
  return 1;
}

function repeat(value: usize, width: u32, out: usize, count: u32): void {
  if (width == 8) {
    const v = load<u64>(value);
    for (let i: u32 = 0; i < count; i++) store<u64>(out + (<usize>i << 3), v);
  } else if (width == 4) {
    const v = load<u32>(value);
    for (let i: u32 = 0; i < count; i++) store<u32>(out + (<usize>i << 2), v);
  } else if (width == 2) {
    const v = load<u16>(value);
    for (let i: u32 = 0; i < count; i++) store<u16>(out + (<usize>i << 1), v);
  } else memory.fill(out, load<u8>(value), count);
}

function gather(dictionary: usize, width: u32, out: usize, count: u32): void {
  let i: u32 = 0;
  let at = indexes;
  if (width == 8) {
    for (; i + 4 <= count; i += 4) {
      store<u64>(out, load<u64>(dictionary + (<usize>load<u32>(at) << 3)));
      store<u64>(out, load<u64>(dictionary + (<usize>load<u32>(at, 4) << 3)), 8);
      store<u64>(out, load<u64>(dictionary + (<usize>load<u32>(at, 8) << 3)), 16);
      store<u64>(out, load<u64>(dictionary + (<usize>load<u32>(at, 12) << 3)), 24);
      at += 16;
      out += 32;
    }
    for (; i < count; i++) {
      store<u64>(out, load<u64>(dictionary + (<usize>load<u32>(at) << 3)));
      at += 4;
      out += 8;
    }
  } else if (width == 4) {
    for (; i < count; i++) store<u32>(out + (<usize>i << 2), load<u32>(dictionary + (<usize>load<u32>(at + (<usize>i << 2)) << 2)));
  } else if (width == 2) {
    for (; i < count; i++) store<u16>(out + (<usize>i << 1), load<u16>(dictionary + (<usize>load<u32>(at + (<usize>i << 2)) << 1)));
  } else {
    for (; i < count; i++) store<u8>(out + i, load<u8>(dictionary + <usize>load<u32>(at + (<usize>i << 2))));
  }
}

/** Writes `count` packed values as u32 and returns the largest. */
function unpack(base: usize, index: u32, width: u32, out: usize, count: u32): u32 {
  let largest: u32 = 0;
  if (width == 0) {
    memory.fill(out, 0, count * 4);
    return 0;
  }
  const mask: u32 = width == 32 ? u32.MAX_VALUE : (1 << width) - 1;
  let i: u32 = 0;
  let bit: u32 = index * width;
  for (; i < count && ((index + i) & 7) != 0; i++) {
    const value = packedAt(base, bit, mask);
    store<u32>(out + (<usize>i << 2), value);
    largest = max(largest, value);
    bit += width;
  }
  // Eight values are `width` whole bytes; a lane of 32 bits holds a value of up to 25 bits wherever in its first byte it begins.
  if (width <= 25 && i + 8 <= count) {
    prepareShuffle(width);
    const low = v128.load(shuffle);
    const lowFactors = v128.load(shuffle, 16);
    const high = v128.load(shuffle, 32);
    const highFactors = v128.load(shuffle, 48);
    const masks = i32x4.splat(mask);
    const step: usize = width;
    const half: usize = (4 * width) >> 3;
    let p = base + (bit >> 3);
    let most = i32x4.splat(0);
    let at = out + (<usize>i << 2);
    for (; i + 8 <= count; i += 8) {
      const a = v128.and(i32x4.shr_u(i32x4.mul(v128.swizzle(v128.load(p), low), lowFactors), 7), masks);
      const b = v128.and(i32x4.shr_u(i32x4.mul(v128.swizzle(v128.load(p + half), high), highFactors), 7), masks);
      v128.store(at, a);
      v128.store(at, b, 16);
      most = v128.max<u32>(most, v128.max<u32>(a, b));
      at += 32;
      p += step;
    }
    largest = max(
      max(largest, max(<u32>i32x4.extract_lane(most, 0), <u32>i32x4.extract_lane(most, 1))),
      max(<u32>i32x4.extract_lane(most, 2), <u32>i32x4.extract_lane(most, 3)),
    );
    bit = (index + i) * width;
  }
  for (; i < count; i++) {
    const value = packedAt(base, bit, mask);
    store<u32>(out + (<usize>i << 2), value);
    largest = max(largest, value);
    bit += width;
  }
  return largest;
}

@inline function packedAt(base: usize, bit: u32, mask: u32): u32 {
  return <u32>(load<u64>(base + (bit >> 3)) >> (bit & 7)) & mask;
}

function prepareShuffle(width: u32): void {
  for (let half: u32 = 0; half < 2; half++) {
    const at = shuffle + 32 * half;
    const first: u32 = half == 0 ? 0 : (4 * width) & 7;
    for (let lane: u32 = 0; lane < 4; lane++) {
      const bit = first + lane * width;
      for (let byte: u32 = 0; byte < 4; byte++) store<u8>(at + 4 * lane + byte, <u8>((bit >> 3) + byte));
      // Shifted left by so much that every lane's value begins at bit 7.
      store<u32>(at + 4 * lane, 1 << (7 - (bit & 7)), 16);
    }
  }
}

/** One byte per level from levels packed in the old way, most significant bit first. */
export function parquet_old_levels(packed: usize, width: u32, out: usize, count: u32): void {
  let bit: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    let level: u32 = 0;
    for (let b: u32 = 0; b < width; b++) {
      level = (level << 1) | (((<u32>load<u8>(packed + (bit >> 3))) >> (7 - (bit & 7))) & 1);
      bit++;
    }
    store<u8>(out + i, <u8>level);
  }
}

/**
 * `valid[i]` = 1 where level i is at least `least`. Returns how many are; 0xffffffff if a level is above `most`.
 */
export function parquet_validity(levels: usize, least: u32, most: u32, valid: usize, count: u32): u32 {
  const threshold = i8x16.splat(<i8>least);
  const limit = i8x16.splat(<i8>most);
  const ones = i8x16.splat(1);
  let above = i8x16.splat(0);
  let total: u32 = 0;
  let i: u32 = 0;
  for (; i + 16 <= count; i += 16) {
    const chunk = v128.load(levels + i);
    above = v128.or(above, i8x16.gt_u(chunk, limit));
    const hit = i8x16.ge_u(chunk, threshold);
    total += popcnt(i8x16.bitmask(hit));
    v128.store(valid + i, v128.and(hit, ones));
  }
  if (v128.any_true(above)) return u32.MAX_VALUE;
  for (; i < count; i++) {
    const level: u32 = load<u8>(levels + i);
    if (level > most) return u32.MAX_VALUE;
    const hit: u32 = level >= least ? 1 : 0;
    store<u8>(valid + i, <u8>hit);
    total += hit;
  }
  return total;
}
