// Decimals of up to 38 digits: sign and magnitude in 32-bit limbs, exact up to 512 bits, rounded half up once at the end.
// Arguments and results are views on 16-byte two's complement numbers ("wide"); narrow decimals come through
// `wide_from_long`. The meaning is in functions/math/arithmetic.ts. Results that need more digits than the type has raise
// DECIMAL_OUT_OF_RANGE with both operands.
import { arena_alloc } from "./memory";
import {
  ARENA_BLOCK,
  ERROR_CAST_INVALID_INPUT,
  ERROR_DECIMAL_OUT_OF_RANGE,
  ERROR_DIVIDE_BY_ZERO,
  ERROR_REMAINDER_BY_ZERO,
} from "./memory-layout";
import { addressOf, allocateText, lengthOf, raise, viewOf } from "./view";

// Numbers under way: 16 limbs, least first.
const LIMBS: u32 = 16;
const LEFT: usize = memory.data(64);
const RIGHT: usize = memory.data(64);
const RESULT: usize = memory.data(64);
const BOUND: usize = memory.data(64);

/** 10^0 … 10^18. */
const SMALL_POWERS: usize = memory.data<u64>([
  1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000, 10000000000, 100000000000, 1000000000000, 10000000000000,
  100000000000000, 1000000000000000, 10000000000000000, 100000000000000000, 1000000000000000000,
]);
const SMALL_DIGITS: i32 = 18;

// @ts-ignore: decorator
@inline function limb(number: usize, index: u32): u64 {
  return <u64>load<u32>(number + (index << 2));
}

// @ts-ignore: decorator
@inline function setLimb(number: usize, index: u32, value: u64): void {
  store<u32>(number + (index << 2), <u32>value);
}

function clear(number: usize): void {
  memory.fill(number, 0, 64);
}

/** Limbs up to the highest that is not 0. */
function used(number: usize): u32 {
  let count = LIMBS;
  while (count > 0 && load<u32>(number + ((count - 1) << 2)) == 0) count--;
  return count;
}

/** Writes the magnitude of a wide number; true if it is negative. */
function open(view: i64, number: usize): bool {
  const address = addressOf(view);
  let low = load<u64>(address);
  let high = load<u64>(address, 8);
  const negative = <i64>high < 0;
  if (negative) {
    low = 0 - low;
    high = ~high + (low == 0 ? 1 : 0);
  }
  clear(number);
  store<u64>(number, low);
  store<u64>(number, high, 8);
  return negative;
}

/** The magnitude with its sign as a wide number; raises if it has more than `precision` digits. */
function close(number: usize, negative: bool, precision: i32, a: i64, b: i64): i64 {
  setPowerOfTen(BOUND, precision);
  if (compare(number, BOUND) >= 0) {
    raise(ERROR_DECIMAL_OUT_OF_RANGE, a, b);
    return 0;
  }
  let low = load<u64>(number);
  let high = load<u64>(number, 8);
  if (negative) {
    low = 0 - low;
    high = ~high + (low == 0 ? 1 : 0);
  }
  return wideOf(low, high);
}

function wideOf(low: u64, high: u64): i64 {
  const address = arena_alloc(ARENA_BLOCK, 16);
  if (address == 0) return 0;
  store<u64>(address, low);
  store<u64>(address, high, 8);
  return viewOf(address, 16);
}

function compare(a: usize, b: usize): i32 {
  for (let index = LIMBS; index > 0; index--) {
    const x = limb(a, index - 1);
    const y = limb(b, index - 1);
    if (x != y) return x < y ? -1 : 1;
  }
  return 0;
}

function multiplySmall(number: usize, factor: u64): void {
  let carry: u64 = 0;
  const count = used(number);
  for (let index: u32 = 0; index < count; index++) {
    carry += limb(number, index) * factor;
    setLimb(number, index, carry);
    carry >>= 32;
  }
  if (carry != 0) setLimb(number, count, carry);
}

function multiplyByPowerOfTen(number: usize, exponent: i32): void {
  for (; exponent >= 9; exponent -= 9) multiplySmall(number, 1000000000);
  let factor: u64 = 1;
  for (; exponent > 0; exponent--) factor *= 10;
  if (factor != 1) multiplySmall(number, factor);
}

function setPowerOfTen(number: usize, exponent: i32): void {
  clear(number);
  setLimb(number, 0, 1);
  multiplyByPowerOfTen(number, exponent);
}

/** RESULT = LEFT * RIGHT. */
function multiply(): void {
  clear(RESULT);
  const countA = used(LEFT);
  const countB = used(RIGHT);
  for (let i: u32 = 0; i < countA; i++) {
    let carry: u64 = 0;
    const factor = limb(LEFT, i);
    for (let j: u32 = 0; j < countB; j++) {
      carry += limb(RESULT, i + j) + factor * limb(RIGHT, j);
      setLimb(RESULT, i + j, carry);
      carry >>= 32;
    }
    setLimb(RESULT, i + countB, carry);
  }
}

/** `a` += `b`. */
function addTo(a: usize, b: usize): void {
  let carry: u64 = 0;
  for (let index: u32 = 0; index < LIMBS; index++) {
    carry += limb(a, index) + limb(b, index);
    setLimb(a, index, carry);
    carry >>= 32;
  }
}

/** `a` -= `b`, where `a` is not less. */
function subtractFrom(a: usize, b: usize): void {
  let borrow: u64 = 0;
  for (let index: u32 = 0; index < LIMBS; index++) {
    const difference = limb(a, index) - limb(b, index) - borrow;
    setLimb(a, index, difference);
    borrow = (difference >> 32) & 1;
  }
}

/** RESULT = LEFT / RIGHT without the remainder, which is left in LEFT. RIGHT is not 0 and comes back as it was. */
function divide(): void {
  clear(RESULT);
  const countB = used(RIGHT);
  let countA = used(LEFT);
  if (countB == 1) {
    const divisor = limb(RIGHT, 0);
    let rest: u64 = 0;
    for (; countA > 0; countA--) {
      rest = (rest << 32) | limb(LEFT, countA - 1);
      setLimb(RESULT, countA - 1, rest / divisor);
      rest %= divisor;
    }
    clear(LEFT);
    setLimb(LEFT, 0, rest);
    return;
  }
  if (countA < countB) return;
  // Long division with the divisor shifted so that its highest bit is set: each guess is at most two too great.
  const shift = <i32>clz<u32>(<u32>limb(RIGHT, countB - 1));
  shiftLeft(LEFT, shift);
  shiftLeft(RIGHT, shift);
  const first = limb(RIGHT, countB - 1);
  const second = limb(RIGHT, countB - 2);
  for (let at: i32 = <i32>(countA - countB); at >= 0; at--) {
    const top = <u32>at + countB;
    const high = ((top < LIMBS ? limb(LEFT, top) : 0) << 32) | limb(LEFT, top - 1);
    let guess = high / first;
    let rest = high % first;
    while (guess >> 32 != 0 || guess * second > ((rest << 32) | limb(LEFT, top - 2))) {
      guess--;
      rest += first;
      if (rest >> 32 != 0) break;
    }
    let borrow: i64 = 0;
    let carry: u64 = 0;
    for (let index: u32 = 0; index < countB; index++) {
      carry += guess * limb(RIGHT, index);
      const difference = <i64>limb(LEFT, <u32>at + index) - <i64>(carry & 0xffffffff) + borrow;
      setLimb(LEFT, <u32>at + index, <u64>difference);
      borrow = difference >> 32;
      carry >>= 32;
    }
    const last = <i64>(top < LIMBS ? limb(LEFT, top) : 0) - <i64>carry + borrow;
    if (top < LIMBS) setLimb(LEFT, top, <u64>last);
    if (last < 0) {
      guess--;
      let back: u64 = 0;
      for (let index: u32 = 0; index < countB; index++) {
        back += limb(LEFT, <u32>at + index) + limb(RIGHT, index);
        setLimb(LEFT, <u32>at + index, back);
        back >>= 32;
      }
      if (top < LIMBS) setLimb(LEFT, top, limb(LEFT, top) + back);
    }
    setLimb(RESULT, <u32>at, guess);
  }
  shiftRight(LEFT, shift);
  shiftRight(RIGHT, shift);
}

function shiftLeft(number: usize, by: i32): void {
  if (by == 0) return;
  for (let index = LIMBS - 1; index > 0; index--)
    setLimb(number, index, (limb(number, index) << by) | (limb(number, index - 1) >> (32 - by)));
  setLimb(number, 0, limb(number, 0) << by);
}

function shiftRight(number: usize, by: i32): void {
  if (by == 0) return;
  for (let index: u32 = 0; index < LIMBS - 1; index++)
    setLimb(number, index, (limb(number, index) >> by) | (limb(number, index + 1) << (32 - by)));
  setLimb(number, LIMBS - 1, limb(number, LIMBS - 1) >> by);
}

/** RESULT = LEFT / RIGHT rounded half away from zero. */
function divideHalfUp(): void {
  divide();
  addTo(LEFT, LEFT);
  if (compare(LEFT, RIGHT) < 0) return;
  clear(LEFT);
  setLimb(LEFT, 0, 1);
  addTo(RESULT, LEFT);
}

/** RESULT at scale `from` brought to scale `to`, rounded half up. */
function rescaleResult(from: i32, to: i32): void {
  if (to >= from) {
    multiplyByPowerOfTen(RESULT, to - from);
    return;
  }
  memory.copy(LEFT, RESULT, 64);
  setPowerOfTen(RIGHT, from - to);
  divideHalfUp();
}

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
  const negative = open(view, LEFT);
  const room = allocateText(48);
  if (room == 0) return 0;
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
