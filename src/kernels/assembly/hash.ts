// Murmur3_x86_32 and XXH64 as Spark computes them, one value at a time: hashes of rows chain through `seed` (42 at first,
// null values leave it). Called by generated code per row: partitioning, hash(), xxhash64(), approx_count_distinct.
import { addressOf, lengthOf } from "./view";

// @ts-ignore: decorator
@inline function mixWord(word: u32): u32 {
  return rotl<u32>(word * 0xcc9e2d51, 15) * 0x1b873593;
}

// @ts-ignore: decorator
@inline function mixState(state: u32, word: u32): u32 {
  return rotl<u32>(state ^ mixWord(word), 13) * 5 + 0xe6546b64;
}

// @ts-ignore: decorator
@inline function finish32(state: u32, length: u32): i32 {
  let hash = state ^ length;
  hash = (hash ^ (hash >> 16)) * 0x85ebca6b;
  hash = (hash ^ (hash >> 13)) * 0xc2b2ae35;
  return <i32>(hash ^ (hash >> 16));
}

/** Of boolean (0 or 1), byte, short, int, date, year-month interval. */
export function murmur3_int(value: i32, seed: i32): i32 {
  return finish32(mixState(<u32>seed, <u32>value), 4);
}

/** Of long, timestamp, day-time interval, decimal up to 18 digits (unscaled). */
export function murmur3_long(value: i64, seed: i32): i32 {
  return finish32(mixState(mixState(<u32>seed, <u32>value), <u32>(<u64>value >> 32)), 8);
}

export function murmur3_float(value: f32, seed: i32): i32 {
  return murmur3_int(floatBits(value), seed);
}

export function murmur3_double(value: f64, seed: i32): i32 {
  return murmur3_long(doubleBits(value), seed);
}

/** Of string and binary. Bytes after the last full word are mixed one by one, as signed numbers. */
export function murmur3_bytes(view: i64, seed: i32): i32 {
  return murmur3Range(addressOf(view), lengthOf(view), <u32>seed);
}

/** Of a decimal of more than 18 digits. */
export function murmur3_wide(view: i64, seed: i32): i32 {
  const length = bigEndian(addressOf(view));
  return murmur3Range(BIG_ENDIAN + 16 - length, length, <u32>seed);
}

function murmur3Range(start: usize, length: u32, seed: u32): i32 {
  const end = start + length;
  const aligned = start + (length & ~3);
  let state = seed;
  let at = start;
  for (; at < aligned; at += 4) state = mixState(state, load<u32>(at));
  for (; at < end; at++) state = mixState(state, <u32>(<i32>load<i8>(at)));
  return finish32(state, length);
}

// One zero and one NaN, as the other side of the engine has them.
// @ts-ignore: decorator
@inline function floatBits(value: f32): i32 {
  return value == 0 ? 0 : value != value ? 0x7fc00000 : reinterpret<i32>(value);
}

// @ts-ignore: decorator
@inline function doubleBits(value: f64): i64 {
  return value == 0 ? 0 : value != value ? 0x7ff8000000000000 : reinterpret<i64>(value);
}

const BIG_ENDIAN: usize = memory.data(16);

/** Writes the number at `address` big-endian to the end of BIG_ENDIAN; returns how many bytes keep value and sign. */
function bigEndian(address: usize): u32 {
  const low = load<u64>(address);
  const high = load<u64>(address, 8);
  store<u64>(BIG_ENDIAN, bswap<u64>(high));
  store<u64>(BIG_ENDIAN, bswap<u64>(low), 8);
  const sign: u8 = <i64>high < 0 ? 0xff : 0;
  let skip: u32 = 0;
  while (skip < 15 && load<u8>(BIG_ENDIAN + skip) == sign && (load<u8>(BIG_ENDIAN + skip, 1) ^ sign) < 0x80) skip++;
  return 16 - skip;
}

const P1: u64 = 0x9e3779b185ebca87;
const P2: u64 = 0xc2b2ae3d27d4eb4f;
const P3: u64 = 0x165667b19e3779f9;
const P4: u64 = 0x85ebca77c2b2ae63;
const P5: u64 = 0x27d4eb2f165667c5;

// @ts-ignore: decorator
@inline function round64(lane: u64, input: u64): u64 {
  return rotl<u64>(lane + input * P2, 31) * P1;
}

// @ts-ignore: decorator
@inline function mixLong(hash: u64, input: u64): u64 {
  return rotl<u64>(hash ^ round64(0, input), 27) * P1 + P4;
}

// @ts-ignore: decorator
@inline function mixInt(hash: u64, input: u32): u64 {
  return rotl<u64>(hash ^ (<u64>input * P1), 23) * P2 + P3;
}

// @ts-ignore: decorator
@inline function finish64(hash: u64): i64 {
  let result = (hash ^ (hash >> 33)) * P2;
  result = (result ^ (result >> 29)) * P3;
  return <i64>(result ^ (result >> 32));
}

export function xxhash64_int(value: i32, seed: i64): i64 {
  return finish64(mixInt(<u64>seed + P5 + 4, <u32>value));
}

export function xxhash64_long(value: i64, seed: i64): i64 {
  return finish64(mixLong(<u64>seed + P5 + 8, <u64>value));
}

export function xxhash64_float(value: f32, seed: i64): i64 {
  return xxhash64_int(floatBits(value), seed);
}

export function xxhash64_double(value: f64, seed: i64): i64 {
  return xxhash64_long(doubleBits(value), seed);
}

export function xxhash64_bytes(view: i64, seed: i64): i64 {
  return xxhash64Range(addressOf(view), lengthOf(view), <u64>seed);
}

export function xxhash64_wide(view: i64, seed: i64): i64 {
  const length = bigEndian(addressOf(view));
  return xxhash64Range(BIG_ENDIAN + 16 - length, length, <u64>seed);
}

function xxhash64Range(start: usize, length: u32, seed: u64): i64 {
  const end = start + length;
  let at = start;
  let hash: u64;
  if (length >= 32) {
    let a = seed + P1 + P2;
    let b = seed + P2;
    let c = seed;
    let d = seed - P1;
    for (; at + 32 <= end; at += 32) {
      a = round64(a, load<u64>(at));
      b = round64(b, load<u64>(at, 8));
      c = round64(c, load<u64>(at, 16));
      d = round64(d, load<u64>(at, 24));
    }
    hash = rotl<u64>(a, 1) + rotl<u64>(b, 7) + rotl<u64>(c, 12) + rotl<u64>(d, 18);
    hash = (hash ^ round64(0, a)) * P1 + P4;
    hash = (hash ^ round64(0, b)) * P1 + P4;
    hash = (hash ^ round64(0, c)) * P1 + P4;
    hash = (hash ^ round64(0, d)) * P1 + P4;
  } else hash = seed + P5;
  hash += length;
  for (; at + 8 <= end; at += 8) hash = mixLong(hash, load<u64>(at));
  if (at + 4 <= end) {
    hash = mixInt(hash, load<u32>(at));
    at += 4;
  }
  for (; at < end; at++) hash = rotl<u64>(hash ^ (<u64>load<u8>(at) * P5), 11) * P1;
  return finish64(hash);
}
