// Decimal text to numbers, correctly rounded. Used by the JSON and CSV scanners. `number_scan` reads one number of the JSON
// grammar; `toDouble` rounds it: exactly for at most 15 digits and small powers, else by the method of Eisel and Lemire
// (one or two 64x64-bit products). What that method cannot decide is left to the caller (NUMBER_UNDECIDED).
import { POWERS_OF_TEN, POWER_MIN } from "./powers-of-ten";

/** Results of the last `number_scan`. */
export let numberDigits: u64 = 0; // up to 19 significant digits
export let numberExponent: i32 = 0; // value = digits * 10^exponent
export let numberNegative: bool = false;
export let numberIsInteger: bool = false; // neither a fraction nor an exponent
export let numberDigitCount: u32 = 0; // digits written, leading zeros not counted
export let numberTruncated: bool = false; // more than 19 digits: `numberDigits` has the first 19
/** Set by `toDouble` and `toFloat` when the result is not certain. */
export let numberUndecided: bool = false;

@inline function isDigit(c: u32): bool {
  return c - 48 < 10;
}

/** Reads the number at `p`; returns the address behind it, or 0 if there is none of JSON's grammar. */
export function number_scan(p: usize): usize {
  let c: u32 = load<u8>(p);
  numberNegative = c == 45;
  if (numberNegative) c = load<u8>(++p);
  if (!isDigit(c)) return 0;
  let digits: u64 = 0;
  let count: u32 = 0;
  let exponent: i32 = 0;
  if (c == 48) {
    c = load<u8>(++p);
    if (isDigit(c)) return 0;
  } else {
    do {
      if (count < 19) digits = digits * 10 + (c - 48);
      else exponent++;
      count++;
      c = load<u8>(++p);
    } while (isDigit(c));
  }
  let integer = true;
  if (c == 46) {
    integer = false;
    c = load<u8>(++p);
    if (!isDigit(c)) return 0;
    do {
      if (count < 19) {
        digits = digits * 10 + (c - 48);
        exponent--;
        if (digits != 0) count++;
      } else {
        count++;
      }
      c = load<u8>(++p);
    } while (isDigit(c));
  }
  if ((c | 32) == 101) {
    integer = false;
    c = load<u8>(++p);
    const negative = c == 45;
    if (negative || c == 43) c = load<u8>(++p);
    if (!isDigit(c)) return 0;
    let written: i32 = 0;
    do {
      if (written < 100000) written = written * 10 + <i32>(c - 48);
      c = load<u8>(++p);
    } while (isDigit(c));
    exponent += negative ? -written : written;
  }
  numberDigits = digits;
  numberExponent = exponent;
  numberIsInteger = integer;
  numberDigitCount = count;
  numberTruncated = count > 19;
  return p;
}

const EXACT_POWERS: usize = memory.data<f64>([
  1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
]);

/** The last scanned number as a double; `numberUndecided` if it is not certain. */
export function toDouble(): f64 {
  numberUndecided = false;
  const digits = numberDigits;
  const exponent = numberExponent;
  let value: f64;
  if (!numberTruncated && digits <= 9007199254740992 && exponent >= -22 && exponent <= 22) {
    const power = load<f64>(EXACT_POWERS + 8 * abs(exponent));
    value = exponent < 0 ? <f64>digits / power : <f64>digits * power;
  } else {
    const bits = roundToDouble(digits, exponent);
    if (numberTruncated && bits != roundToDouble(digits + 1, exponent)) numberUndecided = true;
    value = reinterpret<f64>(bits);
  }
  return numberNegative ? -value : value;
}

/** The last scanned number as a float, rounded once; `numberUndecided` if it is not certain. */
export function toFloat(): f32 {
  const double = toDouble();
  const float = <f32>double;
  // A double in the middle between two floats may itself be the result of rounding.
  if ((reinterpret<u64>(double) & 0x0fffffff) == 0 && <f64>float != double) {
    const exact = !numberTruncated && numberDigits <= 9007199254740992 && numberExponent >= 0 && numberExponent <= 22 && abs(double) < 9007199254740992.0;
    if (!exact) numberUndecided = true;
  }
  return float;
}

@inline export function multiplyHigh(a: u64, b: u64): u64 {
  const a0 = a & 0xffffffff;
  const a1 = a >> 32;
  const b0 = b & 0xffffffff;
  const b1 = b >> 32;
  const cross = a1 * b0;
  const middle = ((a0 * b0) >> 32) + (cross & 0xffffffff) + a0 * b1;
  return a1 * b1 + (cross >> 32) + (middle >> 32);
}

// Bits of the double nearest to digits * 10^exponent (ties to even).
function roundToDouble(digits: u64, exponent: i32): u64 {
  if (digits == 0 || exponent < POWER_MIN) return 0;
  if (exponent > 308) return 0x7ff0000000000000;
  const leading = <i32>clz<u64>(digits);
  const w = digits << leading;
  const power = POWERS_OF_TEN + 16 * (exponent - POWER_MIN);
  const first = load<u64>(power);
  let low = w * first;
  let high = multiplyHigh(w, first);
  if ((high & 0x1ff) == 0x1ff) {
    const second = multiplyHigh(w, load<u64>(power, 8));
    low += second;
    if (second > low) high++;
  }
  const upper = <i32>(high >> 63);
  const shift = upper + 9;
  let mantissa = high >> shift;
  let binary = ((217706 * exponent) >> 16) + 63 + upper - leading + 1023;
  if (binary <= 0) {
    if (1 - binary >= 64) return 0;
    mantissa >>= 1 - binary;
    mantissa += mantissa & 1;
    return mantissa >> 1; // a carry into bit 52 makes the smallest normal number, as it should
  }
  if (low <= 1 && exponent >= -4 && exponent <= 23 && (mantissa & 3) == 1 && mantissa << shift == high) mantissa &= ~1;
  mantissa += mantissa & 1;
  mantissa >>= 1;
  if (mantissa >= 0x20000000000000) {
    mantissa = 0x10000000000000;
    binary++;
  }
  if (binary >= 0x7ff) return 0x7ff0000000000000;
  return (<u64>binary << 52) | (mantissa & 0xfffffffffffff);
}
