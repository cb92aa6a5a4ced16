// Numbers to text: integers, decimals, and floating point as Java writes it (the fewest digits that tell the value apart, at least
// one on each side of the point, `E` outside 10^-3 … 10^7), by Giulietti's Schubfach method. Used by the encoders.
// All functions write at `p`, where there is room for 32 bytes, and return the address behind.
import { multiplyHigh } from "./number-parse";
import { POWERS_OF_TEN, POWER_MIN } from "./powers-of-ten";

const scratch: usize = memory.data(48);

export function writeUnsigned(p: usize, value: u64): usize {
  if (value < 10) {
    store<u8>(p, 48 + <u32>value);
    return p + 1;
  }
  let at = scratch + 24;
  while (value != 0) {
    const rest = value / 10;
    store<u8>(--at, 48 + <u32>(value - rest * 10));
    value = rest;
  }
  const length = scratch + 24 - at;
  // There is room for more than 20 digits, and something behind them to read.
  store<u64>(p, load<u64>(at));
  if (length > 8) {
    store<u64>(p, load<u64>(at, 8), 8);
    store<u64>(p, load<u64>(at, 16), 16);
  }
  return p + length;
}

export function writeSigned(p: usize, value: i64): usize {
  if (value >= 0) return writeUnsigned(p, value);
  store<u8>(p, 45);
  return writeUnsigned(p + 1, 0 - <u64>value);
}

/** Exactly `count` digits, leading zeros included. */
export function writePadded(p: usize, value: u32, count: u32): usize {
  for (let at = p + count; at > p; value /= 10) store<u8>(--at, 48 + value % 10);
  return p + count;
}

/** An unscaled decimal in plain digits. */
export function writeDecimal(p: usize, unscaled: i64, scale: u32): usize {
  if (scale == 0) return writeSigned(p, unscaled);
  let magnitude: u64 = unscaled;
  if (unscaled < 0) {
    store<u8>(p++, 45);
    magnitude = 0 - magnitude;
  }
  let power: u64 = 1;
  for (let digit: u32 = 0; digit < scale; digit++) power *= 10;
  p = writeUnsigned(p, magnitude / power);
  store<u8>(p++, 46);
  let rest = magnitude % power;
  for (let at = p + scale; at > p; rest /= 10) store<u8>(--at, 48 + <u32>(rest % 10));
  return p + scale;
}

export function writeDouble(p: usize, value: f64): usize {
  const bits = reinterpret<u64>(value);
  const exponent = <i32>((bits >> 52) & 0x7ff);
  const fraction = bits & 0xfffffffffffff;
  if (exponent == 0x7ff) return writeNonFinite(p, fraction != 0, bits >> 63 != 0);
  if (bits >> 63 != 0) store<u8>(p++, 45);
  if (exponent != 0) return writeFinite(p, fraction | 0x10000000000000, exponent - 1075, fraction == 0 && exponent > 1, 0);
  if (fraction == 0) return writeZero(p);
  return fraction < 3 ? writeFinite(p, 10 * fraction, -1074, false, -1) : writeFinite(p, fraction, -1074, false, 0);
}

export function writeFloat(p: usize, value: f32): usize {
  const bits = reinterpret<u32>(value);
  const exponent = <i32>((bits >> 23) & 0xff);
  const fraction = bits & 0x7fffff;
  if (exponent == 0xff) return writeNonFinite(p, fraction != 0, bits >> 31 != 0);
  if (bits >> 31 != 0) store<u8>(p++, 45);
  if (exponent != 0) return writeFinite(p, fraction | 0x800000, exponent - 150, fraction == 0 && exponent > 1, 0);
  if (fraction == 0) return writeZero(p);
  return fraction < 8 ? writeFinite(p, 10 * fraction, -149, false, -1) : writeFinite(p, fraction, -149, false, 0);
}

function writeZero(p: usize): usize {
  store<u32>(p, 0x00302e30);
  return p + 3;
}

function writeNonFinite(p: usize, isNan: bool, isNegative: bool): usize {
  if (isNan) {
    store<u32>(p, 0x004e614e);
    return p + 3;
  }
  if (isNegative) store<u8>(p++, 45);
  store<u64>(p, 0x7974696e69666e49); // Infinity
  return p + 8;
}

// Writes mantissa * 2^exponent * 10^decimalShift. `isClose`: the next smaller number is nearer than the next larger.
function writeFinite(p: usize, mantissa: u64, exponent: i32, isClose: bool, decimalShift: i32): usize {
  if (exponent <= 0 && exponent > -53 && decimalShift == 0) {
    const whole = mantissa >> -exponent;
    if (whole << -exponent == mantissa) return writeDigits(p, whole, 0);
  }
  const k = (exponent * 1262611 - (isClose ? 524031 : 0)) >> 22; // floor(log10(2^exponent)), of 3/4 of it when close
  const h = exponent + ((-k * 1741647) >> 19) + 1;
  const power = POWERS_OF_TEN + 16 * (-k - POWER_MIN);
  let low = load<u64>(power, 8);
  let high = load<u64>(power);
  if (-k < -27 || -k > 55) {
    // The table is rounded down there, the method wants it up.
    low++;
    if (low == 0) high++;
  }
  const odd = mantissa & 1;
  const value4 = mantissa << 2;
  const lower = scaled(high, low, (value4 - (isClose ? 1 : 2)) << h) + odd;
  const value = scaled(high, low, value4 << h);
  const upper = scaled(high, low, (value4 + 2) << h) - odd;
  const s = value >> 2;
  if (s >= 100) {
    const tens = s / 10;
    const below = lower <= 40 * tens;
    const above = 40 * tens + 40 <= upper;
    if (below != above) return writeDigits(p, tens + (above ? 1 : 0), k + 1 + decimalShift);
  }
  const below = lower <= 4 * s;
  const above = 4 * s + 4 <= upper;
  if (below != above) return writeDigits(p, s + (above ? 1 : 0), k + decimalShift);
  const middle = 4 * s + 2;
  const up = value > middle || (value == middle && (s & 1) != 0);
  return writeDigits(p, s + (up ? 1 : 0), k + decimalShift);
}

// The upper 64 bits of a 192-bit product; the last bit says whether anything was cut.
@inline function scaled(high: u64, low: u64, factor: u64): u64 {
  const carry = multiplyHigh(low, factor);
  const middle = high * factor + carry;
  const top = multiplyHigh(high, factor) + (middle < carry ? 1 : 0);
  return top | (middle > 1 ? 1 : 0);
}

// Writes digits * 10^exponent as Java does.
function writeDigits(p: usize, digits: u64, exponent: i32): usize {
  while (digits % 10 == 0) {
    digits /= 10;
    exponent++;
  }
  const end = writeUnsigned(p, digits);
  const count = <i32>(end - p);
  const scientific = exponent + count - 1;
  if (scientific < -3 || scientific >= 7) {
    // d.dddE±n
    if (count == 1) store<u8>(p + 2, 48);
    else memory.copy(p + 2, p + 1, count - 1);
    store<u8>(p, 46, 1);
    p += 1 + max(count, 2);
    store<u8>(p, 69);
    return writeSigned(p + 1, scientific);
  }
  if (scientific < 0) {
    const zeros: usize = -scientific;
    memory.copy(p + 1 + zeros, p, count);
    memory.fill(p, 48, 1 + zeros);
    store<u8>(p, 46, 1);
    return p + 1 + zeros + count;
  }
  if (exponent >= 0) {
    memory.fill(p + count, 48, exponent);
    store<u16>(p + count + exponent, 0x302e);
    return p + count + exponent + 2;
  }
  const whole = scientific + 1;
  memory.copy(p + whole + 1, p + whole, count - whole);
  store<u8>(p + whole, 46);
  return p + count + 1;
}
