// Parquet's other encodings of values, rewritten to PLAIN or to views when a page is loaded: DELTA_BINARY_PACKED,
// DELTA_LENGTH_BYTE_ARRAY, DELTA_BYTE_ARRAY, BYTE_STREAM_SPLIT. Called by the Parquet reader, in workers. Input may be read 16 bytes past
// its end.
import { viewOf } from "./view";

// Cursor over a delta stream: where it stands, and whether it was damaged.
let position: usize = 0;
let damaged: bool = false;

function varint(end: usize): u64 {
  let value: u64 = 0;
  for (let shift: u32 = 0; shift < 70; shift += 7) {
    if (position >= end) break;
    const byte: u64 = load<u8>(position++);
    value |= (byte & 127) << shift;
    if (byte < 128) return value;
  }
  damaged = true;
  return 0;
}

function zigzag(end: usize): i64 {
  const value = varint(end);
  return <i64>(value >> 1) ^ -(<i64>(value & 1));
}

/** How many values the DELTA_BINARY_PACKED stream at `p` says it has; 0xffffffff if it is damaged or has more than `most`. */
export function parquet_delta_count(p: usize, end: usize, most: u32): u32 {
  position = p;
  damaged = false;
  varint(end);
  varint(end);
  const total = varint(end);
  return damaged || total > <u64>most ? u32.MAX_VALUE : <u32>total;
}

/** Decodes a whole stream into integers of `width` (4 or 8) bytes. Returns the address behind it, 0 if it is damaged. */
export function parquet_delta(p: usize, end: usize, out: usize, width: u32): usize {
  position = p;
  damaged = false;
  const blockSize = varint(end);
  const miniblocks = varint(end);
  let left = varint(end);
  let value = zigzag(end);
  if (damaged || miniblocks == 0 || miniblocks > 4096 || blockSize == 0 || blockSize > 1 << 24 || blockSize % miniblocks != 0) return 0;
  const perMiniblock = <u32>(blockSize / miniblocks);
  if (perMiniblock % 8 != 0) return 0;
  if (left == 0) return position;
  out = put(out, width, value);
  left--;
  while (left != 0) {
    const least = zigzag(end);
    const widths = position;
    if (damaged || <u64>(end - position) < miniblocks) return 0;
    position += <usize>miniblocks;
    for (let m: u32 = 0; m < <u32>miniblocks && left != 0; m++) {
      const bits: u32 = load<u8>(widths + m);
      if (bits > 64) return 0;
      const count = <u32>min(left, <u64>perMiniblock);
      const wanted: u64 = (<u64>count * bits + 7) >> 3;
      if (wanted > <u64>(end - position)) return 0;
      let bit: u64 = 0;
      const mask: u64 = bits == 64 ? u64.MAX_VALUE : ((<u64>1) << bits) - 1;
      for (let i: u32 = 0; i < count; i++) {
        let delta: u64 = 0;
        if (bits != 0) {
          const at = position + <usize>(bit >> 3);
          const shift = bit & 7;
          delta = load<u64>(at) >> shift;
          if (shift + bits > 64) delta |= <u64>load<u8>(at, 8) << (64 - shift);
          delta &= mask;
          bit += bits;
        }
        value += least + <i64>delta;
        out = put(out, width, value);
      }
      // The last miniblock may lack its padding.
      const whole: u64 = (<u64>perMiniblock * bits) >> 3;
      position = whole > <u64>(end - position) ? end : position + <usize>whole;
      left -= count;
    }
  }
  return position;
}

@inline function put(out: usize, width: u32, value: i64): usize {
  if (width == 8) store<i64>(out, value);
  else store<i32>(out, <i32>value);
  return out + width;
}

/** Sum of `count` lengths (i32); 0xffffffff if one is negative or the sum is more than `most`. */
export function parquet_lengths_sum(lengths: usize, count: u32, most: u32): u32 {
  let sum: u64 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const length = load<i32>(lengths + (<usize>i << 2));
    sum += <u64>length;
    if (length < 0 || sum > <u64>most) return u32.MAX_VALUE;
  }
  return <u32>sum;
}

/** Views on strings that lie one after the other at `p`. The lengths have been summed up. */
export function parquet_views_of_lengths(lengths: usize, p: usize, views: usize, count: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    const length = load<u32>(lengths + (<usize>i << 2));
    store<i64>(views + (<usize>i << 3), viewOf(p, length));
    p += length;
  }
}

/** Builds strings of a prefix of the string before and a suffix at `suffixes`, in `bytes`. Returns 0 if a prefix is too long. */
export function parquet_incremental_strings(prefixes: usize, lengths: usize, suffixes: usize, bytes: usize, views: usize, count: u32): u32 {
  let previous = bytes;
  let previousLength: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const prefix = load<u32>(prefixes + (<usize>i << 2));
    const suffix = load<u32>(lengths + (<usize>i << 2));
    if (prefix > previousLength) return 0;
    memory.copy(bytes, previous, prefix);
    memory.copy(bytes + prefix, suffixes, suffix);
    suffixes += suffix;
    previous = bytes;
    previousLength = prefix + suffix;
    store<i64>(views + (<usize>i << 3), viewOf(bytes, previousLength));
    bytes += previousLength;
  }
  return 1;
}

/** Whether every view is `width` bytes long. */
export function parquet_views_have_width(views: usize, count: u32, width: u32): u32 {
  for (let i: u32 = 0; i < count; i++) if (load<u32>(views + (<usize>i << 3), 4) != width) return 0;
  return 1;
}

/** Brings the bytes of `count` values of `width` bytes together, which lie in `width` streams of `count` bytes. */
export function parquet_join_streams(streams: usize, width: u32, out: usize, count: u32): void {
  for (let byte: u32 = 0; byte < width; byte++) {
    const stream = streams + byte * count;
    let at = out + byte;
    for (let i: u32 = 0; i < count; i++) {
      store<u8>(at, load<u8>(stream + i));
      at += width;
    }
  }
}
