// Decimals under way: sign and magnitude in 32-bit limbs, exact up to 512 bits. Parts of the kernels of decimal.ts; no kernels.
import { arena_alloc } from "./memory";
import { ARENA_BLOCK, ERROR_DECIMAL_OUT_OF_RANGE } from "./memory-layout";
import { addressOf, raise, viewOf } from "./view";

// Numbers under way: 16 limbs, least first.
const LIMBS: u32 = 16;
export const LEFT: usize = memory.data(64);
export const RIGHT: usize = memory.data(64);
export const RESULT: usize = memory.data(64);
const BOUND: usize = memory.data(64);

// @ts-ignore: decorator
@inline export function limb(number: usize, index: u32): u64 {
  return <u64>load<u32>(number + (index << 2));
}

// @ts-ignore: decorator
@inline export function setLimb(number: usize, index: u32, value: u64): void {
  store<u32>(number + (index << 2), <u32>value);
}

export function clear(number: usize): void {
  memory.fill(number, 0, 64);
}

/** Limbs up to the highest that is not 0. */
export function used(number: usize): u32 {
  let count = LIMBS;
  while (count > 0 && load<u32>(number + ((count - 1) << 2)) == 0) count--;
  return count;
}

/** Writes the magnitude of a wide number; true if it is negative. */
export function open(view: i64, number: usize): bool {
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
export function close(number: usize, negative: bool, precision: i32, a: i64, b: i64): i64 {
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

export function wideOf(low: u64, high: u64): i64 {
  const address = arena_alloc(ARENA_BLOCK, 16);
  if (address == 0) return 0;
  store<u64>(address, low);
  store<u64>(address, high, 8);
  return viewOf(address, 16);
}

export function compare(a: usize, b: usize): i32 {
  for (let index = LIMBS; index > 0; index--) {
    const x = limb(a, index - 1);
    const y = limb(b, index - 1);
    if (x != y) return x < y ? -1 : 1;
  }
  return 0;
}

export function multiplySmall(number: usize, factor: u64): void {
  let carry: u64 = 0;
  const count = used(number);
  for (let index: u32 = 0; index < count; index++) {
    carry += limb(number, index) * factor;
    setLimb(number, index, carry);
    carry >>= 32;
  }
  if (carry != 0) setLimb(number, count, carry);
}

export function multiplyByPowerOfTen(number: usize, exponent: i32): void {
  for (; exponent >= 9; exponent -= 9) multiplySmall(number, 1000000000);
  let factor: u64 = 1;
  for (; exponent > 0; exponent--) factor *= 10;
  if (factor != 1) multiplySmall(number, factor);
}

export function setPowerOfTen(number: usize, exponent: i32): void {
  clear(number);
  setLimb(number, 0, 1);
  multiplyByPowerOfTen(number, exponent);
}

/** RESULT = LEFT * RIGHT. */
export function multiply(): void {
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
export function addTo(a: usize, b: usize): void {
  let carry: u64 = 0;
  for (let index: u32 = 0; index < LIMBS; index++) {
    carry += limb(a, index) + limb(b, index);
    setLimb(a, index, carry);
    carry >>= 32;
  }
}

/** `a` -= `b`, where `a` is not less. */
export function subtractFrom(a: usize, b: usize): void {
  let borrow: u64 = 0;
  for (let index: u32 = 0; index < LIMBS; index++) {
    const difference = limb(a, index) - limb(b, index) - borrow;
    setLimb(a, index, difference);
    borrow = (difference >> 32) & 1;
  }
}

/** RESULT = LEFT / RIGHT without the remainder, which is left in LEFT. RIGHT is not 0 and comes back as it was. */
export function divide(): void {
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
export function divideHalfUp(): void {
  divide();
  addTo(LEFT, LEFT);
  if (compare(LEFT, RIGHT) < 0) return;
  clear(LEFT);
  setLimb(LEFT, 0, 1);
  addTo(RESULT, LEFT);
}

/** RESULT at scale `from` brought to scale `to`, rounded half up. */
export function rescaleResult(from: i32, to: i32): void {
  if (to >= from) {
    multiplyByPowerOfTen(RESULT, to - from);
    return;
  }
  memory.copy(LEFT, RESULT, 64);
  setPowerOfTen(RIGHT, from - to);
  divideHalfUp();
}
