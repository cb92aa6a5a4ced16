// Decimals of up to 38 digits, exact and rounded half up once at the end: in 64 bits where the result surely fits, else in limbs.
// Arguments and results are views on 16-byte two's complement numbers ("wide"); narrow decimals come through
// `wide_from_long`. The meaning is in functions/math/arithmetic.ts. Results that need more digits than the type has raise
// DECIMAL_OUT_OF_RANGE with both operands.
import {
  LEFT,
  RESULT,
  RIGHT,
  addTo,
  clear,
  close,
  compare,
  divide,
  divideHalfUp,
  limb,
  multiply,
  multiplyByPowerOfTen,
  multiplySmall,
  open,
  rescaleResult,
  setLimb,
  setPowerOfTen,
  subtractFrom,
  used,
  wideOf,
} from "./decimal-limbs";
import { ERROR_CAST_INVALID_INPUT, ERROR_CAST_OVERFLOW, ERROR_DECIMAL_OUT_OF_RANGE, ERROR_DIVIDE_BY_ZERO, ERROR_REMAINDER_BY_ZERO } from "./memory-layout";
import { writeDecimal } from "./number-format";
import { addressOf, allocateText, lengthOf, raise, viewOf } from "./view";

/** 10^0 … 10^18. */
const SMALL_POWERS: usize = memory.data<u64>([
  1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000, 10000000000, 100000000000, 1000000000000, 10000000000000,
  100000000000000, 1000000000000000, 10000000000000000, 100000000000000000, 1000000000000000000,
]);
const SMALL_DIGITS: i32 = 18;

// Most numbers, and what is computed from them, fit 64 bits: then no limbs.

@inline function isSmall(view: i64): bool {
  const address = addressOf(view);
  return load<i64>(address) >> 63 == load<i64>(address, 8);
}

/** Bits of the magnitude, which may be that of the least number. */
@inline function bitsOf(value: i64): u64 {
  return 64 - clz<u64>(<u64>(value < 0 ? 0 - value : value));
}

/** Whether a * b surely fits 64 bits. */
@inline function productFits(a: i64, b: i64): bool {
  return bitsOf(a) + bitsOf(b) <= 63;
}

@inline function smallPower(exponent: i32): i64 {
  return load<i64>(SMALL_POWERS + (<usize>exponent << 3));
}

/** Whether no more than `precision` digits; 19 digits hold every number of 64 bits. */
@inline function hasDigits(value: i64, precision: i32): bool {
  return precision > SMALL_DIGITS || <u64>(value < 0 ? 0 - value : value) < <u64>smallPower(precision);
}

@inline function wideOfSmall(value: i64): i64 {
  return wideOf(<u64>value, <u64>(value >> 63));
}

export function wide_from_long(value: i64): i64 {
  return wideOf(<u64>value, <u64>(value >> 63));
}

/** The low 64 bits: the number itself where the type has at most 18 digits. */
export function wide_to_long(view: i64): i64 {
  return load<i64>(addressOf(view));
}

/** 1 if the number fits 64 bits. */
export function wide_fits_long(view: i64): i32 {
  return load<i64>(addressOf(view)) >> 63 == load<i64>(addressOf(view), 8) ? 1 : 0;
}

/** Order of two wide numbers of one scale: negative, 0 or positive. */
export function compare_wide(a: i64, b: i64): i32 {
  const highA = load<i64>(addressOf(a), 8);
  const highB = load<i64>(addressOf(b), 8);
  if (highA != highB) return highA < highB ? -1 : 1;
  const lowA = load<u64>(addressOf(a));
  const lowB = load<u64>(addressOf(b));
  return lowA < lowB ? -1 : lowA > lowB ? 1 : 0;
}

export function wide_negate(view: i64): i64 {
  const low = 0 - load<u64>(addressOf(view));
  return wideOf(low, ~load<u64>(addressOf(view), 8) + (low == 0 ? 1 : 0));
}

/** The number without what is behind its point; raises if that needs more than 64 bits. */
export function wide_to_integer(view: i64, scale: i32): i64 {
  if (scale <= SMALL_DIGITS && isSmall(view)) return load<i64>(addressOf(view)) / smallPower(scale);
  const negative = open(view, LEFT);
  setPowerOfTen(RIGHT, scale);
  divide();
  const magnitude = load<u64>(RESULT);
  // One more is there below zero than above.
  if (used(RESULT) > 2 || magnitude > (<u64>i64.MAX_VALUE) + (negative ? 1 : 0)) {
    raise(ERROR_CAST_OVERFLOW, view, 0);
    return 0;
  }
  return negative ? 0 - <i64>magnitude : <i64>magnitude;
}

export function decimal_rescale(a: i64, from: i32, to: i32, precision: i32): i64 {
  if (to >= from && to - from <= SMALL_DIGITS && isSmall(a)) {
    const value = load<i64>(addressOf(a));
    const power = smallPower(to - from);
    if (productFits(value, power) && hasDigits(value * power, precision)) return wideOfSmall(value * power);
  }
  const negative = open(a, RESULT);
  rescaleResult(from, to);
  return close(RESULT, negative, precision, a, 0);
}

/** a + b, of the scales given, as a decimal of `scale` and `precision`. */
export function decimal_add(a: i64, b: i64, scaleA: i32, scaleB: i32, scale: i32, precision: i32): i64 {
  return sum(a, b, scaleA, scaleB, scale, precision, false);
}

export function decimal_subtract(a: i64, b: i64, scaleA: i32, scaleB: i32, scale: i32, precision: i32): i64 {
  return sum(a, b, scaleA, scaleB, scale, precision, true);
}

function sum(a: i64, b: i64, scaleA: i32, scaleB: i32, scale: i32, precision: i32, turned: bool): i64 {
  const common = max<i32>(scaleA, scaleB);
  if (scale == common && common - min<i32>(scaleA, scaleB) <= SMALL_DIGITS && isSmall(a) && isSmall(b)) {
    const x = load<i64>(addressOf(a));
    const y = load<i64>(addressOf(b));
    const powerX = smallPower(common - scaleA);
    const powerY = smallPower(common - scaleB);
    // Each below 2^62.
    if (bitsOf(x) + bitsOf(powerX) <= 62 && bitsOf(y) + bitsOf(powerY) <= 62) {
      const total = turned ? x * powerX - y * powerY : x * powerX + y * powerY;
      if (hasDigits(total, precision)) return wideOfSmall(total);
    }
  }
  let negative = open(a, RESULT);
  const other = open(b, RIGHT) != turned;
  multiplyByPowerOfTen(RESULT, common - scaleA);
  multiplyByPowerOfTen(RIGHT, common - scaleB);
  if (negative == other) addTo(RESULT, RIGHT);
  else if (compare(RESULT, RIGHT) >= 0) subtractFrom(RESULT, RIGHT);
  else {
    subtractFrom(RIGHT, RESULT);
    memory.copy(RESULT, RIGHT, 64);
    negative = other;
  }
  rescaleResult(common, scale);
  return close(RESULT, negative, precision, a, b);
}

export function decimal_multiply(a: i64, b: i64, scaleA: i32, scaleB: i32, scale: i32, precision: i32): i64 {
  if (scale == scaleA + scaleB && isSmall(a) && isSmall(b)) {
    const x = load<i64>(addressOf(a));
    const y = load<i64>(addressOf(b));
    if (productFits(x, y) && hasDigits(x * y, precision)) return wideOfSmall(x * y);
  }
  const negative = open(a, LEFT) != open(b, RIGHT);
  multiply();
  rescaleResult(scaleA + scaleB, scale);
  return close(RESULT, negative, precision, a, b);
}

/** `decimal_multiply` of numbers that fit 64 bits. */
export function decimal_multiply_longs(a: i64, b: i64, scaleA: i32, scaleB: i32, scale: i32, precision: i32): i64 {
  if (scale == scaleA + scaleB && productFits(a, b) && hasDigits(a * b, precision)) return wideOfSmall(a * b);
  return decimal_multiply(wideOfSmall(a), wideOfSmall(b), scaleA, scaleB, scale, precision);
}

export function decimal_divide(a: i64, b: i64, scaleA: i32, scaleB: i32, scale: i32, precision: i32): i64 {
  const negative = open(a, LEFT) != open(b, RIGHT);
  if (used(RIGHT) == 0) {
    raise(ERROR_DIVIDE_BY_ZERO, a, b);
    return 0;
  }
  const shift = scale - scaleA + scaleB;
  if (shift >= 0) multiplyByPowerOfTen(LEFT, shift);
  else multiplyByPowerOfTen(RIGHT, -shift);
  divideHalfUp();
  return close(RESULT, negative, precision, a, b);
}

/** Remainder with the sign of `a`. */
export function decimal_remainder(a: i64, b: i64, scaleA: i32, scaleB: i32, scale: i32, precision: i32): i64 {
  const negative = open(a, LEFT);
  open(b, RIGHT);
  if (used(RIGHT) == 0) {
    raise(ERROR_REMAINDER_BY_ZERO, a, b);
    return 0;
  }
  const common = max<i32>(scaleA, scaleB);
  multiplyByPowerOfTen(LEFT, common - scaleA);
  multiplyByPowerOfTen(RIGHT, common - scaleB);
  divide();
  memory.copy(RESULT, LEFT, 64);
  rescaleResult(common, scale);
  return close(RESULT, negative, precision, a, b);
}

/** Plain digits, as casts to string print them. */
export function decimal_format(view: i64, scale: i32): i64 {
  const room = allocateText(48);
  if (room == 0) return 0;
  if (scale <= SMALL_DIGITS && isSmall(view)) return viewOf(room, <u32>(writeDecimal(room, load<i64>(addressOf(view)), scale) - room));
  const negative = open(view, LEFT);
  let to = room + 48;
  let written: i32 = 0;
  clear(RIGHT);
  setLimb(RIGHT, 0, 10);
  while (used(LEFT) != 0 || written <= scale) {
    divide();
    store<u8>(--to, <u8>limb(LEFT, 0) + 0x30);
    memory.copy(LEFT, RESULT, 64);
    written++;
    if (written == scale) store<u8>(--to, 0x2e);
  }
  if (negative) store<u8>(--to, 0x2d);
  return viewOf(to, <u32>(room + 48 - to));
}

/** Text to decimal; malformed text raises CAST_INVALID_INPUT. */
export function decimal_parse(text: i64, precision: i32, scale: i32): i64 {
  let at = addressOf(text);
  let end = at + lengthOf(text);
  while (at < end && (load<u8>(at) <= 0x20 || load<u8>(at) == 0x7f)) at++;
  while (end > at && (load<u8>(end - 1) <= 0x20 || load<u8>(end - 1) == 0x7f)) end--;
  const negative = at < end && load<u8>(at) == 0x2d;
  if (at < end && (negative || load<u8>(at) == 0x2b)) at++;
  clear(RESULT);
  let digits: i32 = 0;
  let fraction: i32 = 0; // digits behind the point
  let skipped: i32 = 0; // digits after the first 77: too low to matter for 38 digits rounded half up
  let isFraction = false;
  let exponent: i32 = 0;
  let valid = true;
  for (; at < end; at++) {
    const byte = load<u8>(at);
    const digit = <u32>byte - 0x30;
    if (digit <= 9) {
      digits++;
      if (isFraction) fraction++;
      if (used(RESULT) > 8) skipped++;
      else {
        multiplySmall(RESULT, 10);
        clear(LEFT);
        setLimb(LEFT, 0, digit);
        addTo(RESULT, LEFT);
      }
    } else if (byte == 0x2e && !isFraction) isFraction = true;
    else break;
  }
  if (digits == 0) valid = false;
  if (valid && at < end) {
    valid = (load<u8>(at) | 0x20) == 0x65;
    at++;
    let negativeExponent = false;
    if (at < end && (load<u8>(at) == 0x2d || load<u8>(at) == 0x2b)) {
      negativeExponent = load<u8>(at) == 0x2d;
      at++;
    }
    if (at == end || end - at > 9) valid = false;
    for (; at < end && valid; at++) {
      const digit = <u32>load<u8>(at) - 0x30;
      if (digit > 9) valid = false;
      exponent = exponent * 10 + <i32>digit;
    }
    if (negativeExponent) exponent = -exponent;
  }
  if (!valid || exponent - fraction > 400 || fraction - exponent > 10000) {
    raise(ERROR_CAST_INVALID_INPUT, text, 0);
    return 0;
  }
  const from = fraction - exponent - skipped;
  if (used(RESULT) != 0 && scale - from > 76) {
    raise(ERROR_DECIMAL_OUT_OF_RANGE, text, 0);
    return 0;
  }
  // Far below the last digit that counts: rounds to 0.
  if (from - scale > 120 || used(RESULT) == 0) clear(RESULT);
  else rescaleResult(from, scale);
  return close(RESULT, negative && used(RESULT) != 0, precision, text, 0);
}
