// Decimals of more than 18 digits: 16-byte little-endian two's complement numbers under views. Results are new numbers in the
// block arena. A result beyond 38 digits sets the error cell and gives 0.
import { ARENA_BLOCK, ERROR_CODE, ERROR_DECIMAL_OUT_OF_RANGE } from "./memory-layout";
import { arena_alloc } from "./memory";

// 10^38, the first number with too many digits.
const LIMIT_HIGH: u64 = 0x4b3b4ca85a86c47a;
const LIMIT_LOW: u64 = 0x098a224000000000;

@inline function addressOf(view: u64): usize {
  return <usize>(<u32>view);
}

/** Negative, zero or positive as `a` is less than, equal to or greater than `b` (of one scale). */
export function wide_compare(a: u64, b: u64): i32 {
  const highA = load<i64>(addressOf(a), 8);
  const highB = load<i64>(addressOf(b), 8);
  if (highA != highB) return highA < highB ? -1 : 1;
  const lowA = load<u64>(addressOf(a));
  const lowB = load<u64>(addressOf(b));
  return i32(lowA > lowB) - i32(lowA < lowB);
}

function place(high: u64, low: u64): u64 {
  const negative = <i64>high < 0;
  const magnitudeLow = negative ? 0 - low : low;
  const magnitudeHigh = negative ? ~high + u64(low == 0) : high;
  if (magnitudeHigh > LIMIT_HIGH || (magnitudeHigh == LIMIT_HIGH && magnitudeLow >= LIMIT_LOW)) {
    store<u32>(ERROR_CODE, ERROR_DECIMAL_OUT_OF_RANGE);
    return 0;
  }
  const address = arena_alloc(ARENA_BLOCK, 16);
  if (address == 0) return 0;
  store<u64>(address, low);
  store<u64>(address, high, 8);
  return (<u64>16 << 32) | <u64>address;
}

/** `a + b` of one scale. */
export function wide_add(a: u64, b: u64): u64 {
  const lowA = load<u64>(addressOf(a));
  const low = lowA + load<u64>(addressOf(b));
  return place(load<u64>(addressOf(a), 8) + load<u64>(addressOf(b), 8) + u64(low < lowA), low);
}

/** `a - b` of one scale. */
export function wide_subtract(a: u64, b: u64): u64 {
  const lowA = load<u64>(addressOf(a));
  const lowB = load<u64>(addressOf(b));
  return place(load<u64>(addressOf(a), 8) - load<u64>(addressOf(b), 8) - u64(lowA < lowB), lowA - lowB);
}

/** An unscaled number of up to 18 digits as a wide one. */
export function wide_from_long(value: i64): u64 {
  return place(<u64>(value >> 63), <u64>value);
}

/** `a * b` of two unscaled numbers of up to 18 digits: never more than 36. */
export function wide_multiply_longs(a: i64, b: i64): u64 {
  const negative = (a < 0) != (b < 0);
  const x = <u64>(a < 0 ? -a : a);
  const y = <u64>(b < 0 ? -b : b);
  const low0 = (x & 0xffffffff) * (y & 0xffffffff);
  const middle = (x >> 32) * (y & 0xffffffff) + (low0 >> 32);
  const middle2 = (x & 0xffffffff) * (y >> 32) + (middle & 0xffffffff);
  const low = (middle2 << 32) | (low0 & 0xffffffff);
  const high = (x >> 32) * (y >> 32) + (middle >> 32) + (middle2 >> 32);
  return negative ? place(~high + u64(low == 0), 0 - low) : place(high, low);
}

@inline function mix(hash: u32, value: u32): u32 {
  const k = rotl<u32>(value * 0xcc9e2d51, 15) * 0x1b873593;
  return rotl<u32>(hash ^ k, 13) * 5 + 0xe6546b64;
}

@inline function byteAt(address: usize, length: u32, index: u32): u32 {
  return load<u8>(address + (length - 1 - index));
}

/** Spark's Murmur3_x86_32 of the number's big-endian two's complement bytes, as few as keep the sign. */
export function murmur3_wide(view: u64, seed: u32): u32 {
  const address = addressOf(view);
  const sign: u32 = load<i8>(address, 15) < 0 ? 0xff : 0;
  let length: u32 = 16;
  while (length > 1 && load<u8>(address + length - 1) == sign && ((load<u8>(address + length - 2) ^ sign) & 0x80) == 0) length--;
  let hash = seed;
  let i: u32 = 0;
  for (; i + 4 <= length; i += 4) {
    const word =
      byteAt(address, length, i) |
      (byteAt(address, length, i + 1) << 8) |
      (byteAt(address, length, i + 2) << 16) |
      (byteAt(address, length, i + 3) << 24);
    hash = mix(hash, word);
  }
  for (; i < length; i++) hash = mix(hash, <u32>(<i32>(<i8>byteAt(address, length, i))));
  hash ^= length;
  hash = (hash ^ (hash >> 16)) * 0x85ebca6b;
  hash = (hash ^ (hash >> 13)) * 0xc2b2ae35;
  return hash ^ (hash >> 16);
}
