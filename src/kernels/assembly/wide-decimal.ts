// Decimals of more than 18 digits: 16-byte little-endian two's complement numbers under views. Results are new numbers in the
// block arena. A result beyond 38 digits (or the precision asked for) sets the error cell and gives 0. Called per row by
// generated code.
import { ARENA_BLOCK, ERROR_CODE, ERROR_DECIMAL_OUT_OF_RANGE } from "./memory-layout";
import { arena_alloc } from "./memory";

const PRECISION_MAX: i32 = 38;

// 10^k as (low, high), k = 0 to 38; filled on first use.
const powers: StaticArray<u64> = new StaticArray<u64>(78);

function powerLow(k: i32): u64 {
  if (unchecked(powers[0]) == 0) {
    let low: u64 = 1;
    let high: u64 = 0;
    for (let i = 0; i <= PRECISION_MAX; i++) {
      unchecked((powers[2 * i] = low));
      unchecked((powers[2 * i + 1] = high));
      high = high * 10 + multiplyHigh(low, 10);
      low *= 10;
    }
  }
  return unchecked(powers[2 * k]);
}
@inline function powerHigh(k: i32): u64 {
  return unchecked(powers[2 * k + 1]);
}

@inline function addressOf(view: u64): usize {
  return <usize>(<u32>view);
}

/** High half of the 128-bit product. */
function multiplyHigh(x: u64, y: u64): u64 {
  const low = (x & 0xffffffff) * (y & 0xffffffff);
  const first = (x >> 32) * (y & 0xffffffff) + (low >> 32);
  const second = (x & 0xffffffff) * (y >> 32) + (first & 0xffffffff);
  return (x >> 32) * (y >> 32) + (first >> 32) + (second >> 32);
}

function fail(): u64 {
  store<u32>(ERROR_CODE, ERROR_DECIMAL_OUT_OF_RANGE);
  return 0;
}

@inline function below(highA: u64, lowA: u64, highB: u64, lowB: u64): bool {
  return highA < highB || (highA == highB && lowA < lowB);
}

/** A new number of the given sign and magnitude, if that has at most `precision` digits. */
function place(negative: bool, high: u64, low: u64, precision: i32): u64 {
  const limitLow = powerLow(precision);
  if (!below(high, low, powerHigh(precision), limitLow)) return fail();
  const address = arena_alloc(ARENA_BLOCK, 16);
  if (address == 0) return 0;
  store<u64>(address, negative ? 0 - low : low);
  store<u64>(address, negative ? ~high + u64(low == 0) : high, 8);
  return (<u64>16 << 32) | <u64>address;
}

@inline function isNegative(view: u64): bool {
  return load<i64>(addressOf(view), 8) < 0;
}
@inline function magnitudeLow(view: u64): u64 {
  const low = load<u64>(addressOf(view));
  return isNegative(view) ? 0 - low : low;
}
@inline function magnitudeHigh(view: u64): u64 {
  const high = load<u64>(addressOf(view), 8);
  return isNegative(view) ? ~high + u64(load<u64>(addressOf(view)) == 0) : high;
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

function addMagnitudes(negativeA: bool, a: u64, negativeB: bool, b: u64): u64 {
  const lowA = magnitudeLow(a);
  const highA = magnitudeHigh(a);
  const lowB = magnitudeLow(b);
  const highB = magnitudeHigh(b);
  if (negativeA == negativeB) {
    // Two magnitudes below 10^38 do not carry out of 128 bits.
    const low = lowA + lowB;
    return place(negativeA, highA + highB + u64(low < lowA), low, PRECISION_MAX);
  }
  if (below(highA, lowA, highB, lowB)) return place(negativeB, highB - highA - u64(lowB < lowA), lowB - lowA, PRECISION_MAX);
  return place(negativeA, highA - highB - u64(lowA < lowB), lowA - lowB, PRECISION_MAX);
}

/** `a + b` of one scale. */
export function wide_add(a: u64, b: u64): u64 {
  return addMagnitudes(isNegative(a), a, isNegative(b), b);
}

/** `a - b` of one scale. */
export function wide_subtract(a: u64, b: u64): u64 {
  return addMagnitudes(isNegative(a), a, !isNegative(b), b);
}

/** An unscaled number of up to 64 bits as a wide one. */
export function wide_from_long(value: i64): u64 {
  return place(value < 0, 0, <u64>(value < 0 ? -value : value), PRECISION_MAX);
}

/** The number, which has at most 18 digits. */
export function wide_to_long(view: u64): i64 {
  return load<i64>(addressOf(view));
}

/** `a * b` of two unscaled numbers of up to 64 bits. */
export function wide_multiply_longs(a: i64, b: i64): u64 {
  const x = <u64>(a < 0 ? -a : a);
  const y = <u64>(b < 0 ? -b : b);
  return place((a < 0) != (b < 0), multiplyHigh(x, y), x * y, PRECISION_MAX);
}

/** `a * b`; the digits of both together are at most 38. */
export function wide_multiply(a: u64, b: u64): u64 {
  const lowA = magnitudeLow(a);
  const lowB = magnitudeLow(b);
  const high = multiplyHigh(lowA, lowB) + magnitudeHigh(a) * lowB + lowA * magnitudeHigh(b);
  return place(isNegative(a) != isNegative(b), high, lowA * lowB, PRECISION_MAX);
}

let quotientHigh: u64 = 0;
let quotientLow: u64 = 0;
let restHigh: u64 = 0;
let restLow: u64 = 0;

/** Leaves quotient and rest of two magnitudes; the divisor is not zero. */
function divide(high: u64, low: u64, divisorHigh: u64, divisorLow: u64): void {
  quotientHigh = 0;
  quotientLow = 0;
  restHigh = 0;
  restLow = 0;
  if (high == 0 && divisorHigh == 0) {
    quotientLow = low / divisorLow;
    restLow = low % divisorLow;
    return;
  }
  for (let bit: i32 = 127; bit >= 0; bit--) {
    const next = bit >= 64 ? (high >> (bit - 64)) & 1 : (low >> bit) & 1;
    restHigh = (restHigh << 1) | (restLow >> 63);
    restLow = (restLow << 1) | next;
    if (below(restHigh, restLow, divisorHigh, divisorLow)) continue;
    restHigh = restHigh - divisorHigh - u64(restLow < divisorLow);
    restLow -= divisorLow;
    if (bit >= 64) quotientHigh |= <u64>1 << (bit - 64);
    else quotientLow |= <u64>1 << bit;
  }
}

/** `a / b`, rounded half away from zero; `b` is not zero. */
export function wide_divide(a: u64, b: u64): u64 {
  const divisorHigh = magnitudeHigh(b);
  const divisorLow = magnitudeLow(b);
  divide(magnitudeHigh(a), magnitudeLow(a), divisorHigh, divisorLow);
  const doubleLow = restLow << 1;
  const doubleHigh = (restHigh << 1) | (restLow >> 63);
  if (!below(doubleHigh, doubleLow, divisorHigh, divisorLow)) {
    quotientLow++;
    quotientHigh += u64(quotientLow == 0);
  }
  return place(isNegative(a) != isNegative(b), quotientHigh, quotientLow, PRECISION_MAX);
}

/** `a % b` with the sign of `a`; of one scale, `b` is not zero. */
export function wide_remainder(a: u64, b: u64): u64 {
  divide(magnitudeHigh(a), magnitudeLow(a), magnitudeHigh(b), magnitudeLow(b));
  return place(isNegative(a), restHigh, restLow, PRECISION_MAX);
}

/** 1 if the number is zero. */
export function wide_is_zero(view: u64): i32 {
  return i32((load<u64>(addressOf(view)) | load<u64>(addressOf(view), 8)) == 0);
}

/**
 * The number with `shift` more (or, rounded half away from zero, fewer) digits right of the point, if the result has at most
 * `precision` digits.
 */
export function wide_rescale(view: u64, shift: i32, precision: i32): u64 {
  const negative = isNegative(view);
  let high = magnitudeHigh(view);
  let low = magnitudeLow(view);
  if (shift < 0) {
    // The digit after the last one kept decides.
    if (-shift > PRECISION_MAX + 1) return place(false, 0, 0, precision);
    const powerOfTenLow = powerLow(-shift - 1);
    divide(high, low, powerHigh(-shift - 1), powerOfTenLow);
    const cutLow = quotientLow + 5;
    divide(quotientHigh + u64(cutLow < quotientLow), cutLow, 0, 10);
    return place(negative, quotientHigh, quotientLow, precision);
  }
  for (let left = shift; left > 0; ) {
    const step = left < 18 ? left : 18;
    const power = powerLow(step);
    // More than 38 digits already: stop before the product leaves 128 bits.
    const carry = multiplyHigh(low, power);
    if (high != 0 && multiplyHigh(high, power) != 0) return fail();
    const product = high * power;
    if (product + carry < product) return fail();
    high = product + carry;
    low *= power;
    left -= step;
  }
  return place(negative, high, low, precision);
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
