// Rows that a query keeps: flags, one byte of 0 or 1 for each row, and positions, the numbers of those that are 1 as u16, ascending. Taking
// what belongs to them out of columns. Called by the Parquet reader, in workers; a block has no more rows than fit. Flags may be read 15
// bytes past their end, positions written and read 2: what holds them is padded so.
import { viewOf } from "./view";

/** How many of the bytes are 1. */
export function parquet_ones(flags: usize, count: u32): u32 {
  let total: u32 = 0;
  let i: u32 = 0;
  const zero = i8x16.splat(0);
  for (; i + 16 <= count; i += 16) total += popcnt(i8x16.bitmask(i8x16.ne(v128.load(flags + i), zero)));
  for (; i < count; i++) total += load<u8>(flags + i);
  return total;
}

/** How many rows are flagged in both. */
export function parquet_both(a: usize, b: usize, count: u32): u32 {
  let total: u32 = 0;
  const zero = i8x16.splat(0);
  for (let i: u32 = 0; i < count; i += 16) {
    let mask: u32 = i8x16.bitmask(i8x16.ne(v128.and(v128.load(a + i), v128.load(b + i)), zero));
    if (count - i < 16) mask &= (1 << (count - i)) - 1;
    total += popcnt(mask);
  }
  return total;
}

/** Leaves the flags of the rows that are flagged in both. */
export function parquet_and(flags: usize, others: usize, count: u32): void {
  for (let i: u32 = 0; i < count; i += 16) v128.store(flags + i, v128.and(v128.load(flags + i), v128.load(others + i)));
}

/** Flags the rows that are not valid, too. */
export function parquet_flag_nulls(flags: usize, validity: usize, count: u32): void {
  for (let i: u32 = 0; i < count; i++) store<u8>(flags + i, load<u8>(flags + i) | (load<u8>(validity + i) ^ 1));
}

/** Writes the positions of the bytes that are 1, counted from `first`. Returns how many. */
export function parquet_positions(flags: usize, count: u32, out: usize, first: u32): u32 {
  const begin = out;
  const zero = i8x16.splat(0);
  for (let i: u32 = 0; i < count; i += 16) {
    let mask: u32 = i8x16.bitmask(i8x16.ne(v128.load(flags + i), zero));
    if (count - i < 16) mask &= (1 << (count - i)) - 1;
    while (mask != 0) {
      store<u16>(out, <u16>(first + i + ctz(mask)));
      out += 2;
      mask &= mask - 1;
    }
  }
  return <u32>(out - begin) >> 1;
}

/**
 * Values of `width` bytes at `picked` positions, less `base`, from `from` to `to`, which may be the same. Returns `picked`.
 */
export function parquet_take(from: usize, to: usize, width: u32, positions: usize, base: u32, picked: u32): u32 {
  const end = positions + 2 * picked;
  if (width == 8) {
    const origin = from - ((<usize>base) << 3);
    for (let p = positions; p < end; p += 2) {
      store<u64>(to, load<u64>(origin + ((<usize>load<u16>(p)) << 3)));
      to += 8;
    }
  } else if (width == 4) {
    const origin = from - ((<usize>base) << 2);
    for (let p = positions; p < end; p += 2) {
      store<u32>(to, load<u32>(origin + ((<usize>load<u16>(p)) << 2)));
      to += 4;
    }
  } else if (width == 1) {
    const origin = from - base;
    for (let p = positions; p < end; p += 2) store<u8>(to++, load<u8>(origin + load<u16>(p)));
  } else {
    for (let p = positions; p < end; p += 2) {
      memory.copy(to, from + (load<u16>(p) - base) * width, width);
      to += width;
    }
  }
  return picked;
}

/** As `parquet_strings` over `count` strings, but gives views only on those at `picked` positions, less `base`. */
export function parquet_strings_picked(p: usize, end: usize, views: usize, count: u32, positions: usize, base: u32, picked: u32): usize {
  const last = positions + 2 * picked;
  for (let i: u32 = 0; i < count; i++) {
    if (p + 4 > end) return 0;
    const length = load<u32>(p);
    p += 4;
    if (<u32>(end - p) < length) return 0;
    // Written whether it is wanted or not, which needs no branch: the next takes its place if it was not.
    store<i64>(views, viewOf(p, length));
    const isPicked: u32 = positions < last && <u32>load<u16>(positions) == base + i ? 1 : 0;
    positions += 2 * isPicked;
    views += 8 * isPicked;
    p += length;
  }
  return p;
}

/** Passes over `count` strings. */
export function parquet_strings_skip(p: usize, end: usize, count: u32): usize {
  for (let i: u32 = 0; i < count; i++) {
    if (p + 4 > end) return 0;
    const length = load<u32>(p);
    p += 4;
    if (<u32>(end - p) < length) return 0;
    p += length;
  }
  return p;
}
