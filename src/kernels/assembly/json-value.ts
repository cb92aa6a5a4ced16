// JSON values at one address: strings, skipping with full validation, conversion to a declared type. Called by json-scan.ts.
// Every function returns the address behind the value, or 0 to defer the line (see scan-block.ts). White space is space and tab:
// a line ends at a line feed or carriage return, and so do all loops here, since one of them always follows the input.
import {
  FIELD_PRECISION, FIELD_SCALE, FIELD_TYPE, FIELD_VALIDITY, FIELD_VALUES, TYPE_BOOLEAN, TYPE_BYTE, TYPE_DATE,
  TYPE_DECIMAL, TYPE_DOUBLE, TYPE_FLOAT, TYPE_INTEGER, TYPE_LONG, TYPE_SHORT, TYPE_STRING, TYPE_TIMESTAMP, TYPE_TIMESTAMP_NTZ, utf8Valid,
} from "./scan-block";
import { ARENA_SPLIT, PADDING_BYTES } from "./memory-layout";
import { arena_alloc } from "./memory";
import { datetimeOk, scanDate, scanTimestamp } from "./datetime-scan";
import {
  numberDigitCount, numberDigits, numberExponent, numberIsInteger, numberNegative, number_scan, numberUndecided, toDouble, toFloat,
} from "./number-parse";

const QUOTE: u32 = 34;
const BACKSLASH: u32 = 92;
const NESTING_MAX: i32 = 500;
const nesting: usize = memory.data(500);

@inline export function skipSpace(p: usize): usize {
  let c: u32 = load<u8>(p);
  while (c == 32 || c == 9) c = load<u8>(++p);
  return p;
}

// Bits of the bytes of a chunk that end or interrupt a string: quote, backslash, control characters. Without its second bit a quote is the one
// byte that comes next to the control characters.
@inline function stops(chunk: v128): u32 {
  const special = i8x16.le_u(v128.xor(chunk, i8x16.splat(2)), i8x16.splat(32));
  return i8x16.bitmask(v128.or(special, i8x16.eq(chunk, i8x16.splat(92))));
}

/** Address of the first quote, backslash or control character at or after `p`. */
@inline export function stringStop(p: usize): usize {
  while (true) {
    const found = stops(v128.load(p)) | (stops(v128.load(p, 16)) << 16);
    if (found != 0) return p + ctz(found);
    p += 32;
  }
}

/** `p` is behind the opening quote; returns the address behind the closing one. */
@inline export function skipString(p: usize): usize {
  p = stringStop(p);
  return load<u8>(p) == QUOTE ? p + 1 : skipEscapedString(p);
}

// `p` is at the first backslash or control character of the string.
function skipEscapedString(p: usize): usize {
  while (true) {
    if (load<u8>(p) != BACKSLASH) return 0;
    const c: u32 = load<u8>(p, 1);
    if (c == 117) {
      if (hexValue(p + 2) > 0xffff) return 0;
      p += 6;
    } else {
      if (unescaped(c) == 0) return 0;
      p += 2;
    }
    p = stringStop(p);
    if (load<u8>(p) == QUOTE) return p + 1;
  }
}

/** The byte that a backslash and `c` stand for; 0 if there is none. */
@inline function unescaped(c: u32): u32 {
  if (c == 34 || c == 92 || c == 47) return c;
  if (c == 110) return 10;
  if (c == 116) return 9;
  if (c == 114) return 13;
  if (c == 98) return 8;
  return c == 102 ? 12 : 0;
}

// The four hexadecimal digits at `p`, or more than 0xffff.
function hexValue(p: usize): u32 {
  let value: u32 = 0;
  for (let i: usize = 0; i < 4; i++) {
    let digit: u32 = <u32>load<u8>(p + i) - 48;
    if (digit > 9) {
      digit = (<u32>load<u8>(p + i) | 32) - 87;
      if (digit - 10 > 5) return 0x10000;
    }
    value = (value << 4) | digit;
  }
  return value;
}

/** Skips one value of any kind, checking all of it. */
export function skipValue(p: usize): usize {
  const c: u32 = load<u8>(p);
  if (c == QUOTE) return skipString(p + 1);
  return c == 123 || c == 91 ? skipNested(p) : skipScalar(p, c);
}

function skipScalar(p: usize, c: u32): usize {
  if (c == QUOTE) return skipString(p + 1);
  if (c == 116) return load<u32>(p) == 0x65757274 ? p + 4 : 0; // true
  if (c == 102) return load<u32>(p + 1) == 0x65736c61 ? p + 5 : 0; // false
  if (c == 110) return load<u32>(p) == 0x6c6c756e ? p + 4 : 0; // null
  return number_scan(p);
}

// Skips key, colon and the space around them; returns the address of the value.
function skipKey(p: usize): usize {
  if (load<u8>(p) != QUOTE) return 0;
  p = skipString(p + 1);
  if (p == 0) return 0;
  p = skipSpace(p);
  return load<u8>(p) == 58 ? skipSpace(p + 1) : 0;
}

function skipNested(p: usize): usize {
  let depth: i32 = 0;
  while (true) {
    const c: u32 = load<u8>(p);
    if (c == 123 || c == 91) {
      if (depth == NESTING_MAX) return 0;
      const close = c + 2;
      p = skipSpace(p + 1);
      if (load<u8>(p) != close) {
        store<u8>(nesting + depth, close);
        depth++;
        if (c == 123) p = skipKey(p);
        if (p == 0) return 0;
        continue;
      }
      p++;
    } else {
      p = skipScalar(p, c);
      if (p == 0) return 0;
    }
    while (true) {
      if (depth == 0) return p;
      p = skipSpace(p);
      const next: u32 = load<u8>(p);
      const close: u32 = load<u8>(nesting + depth - 1);
      if (next == 44) {
        p = skipSpace(p + 1);
        if (close == 125) p = skipKey(p);
        if (p == 0) return 0;
        break;
      }
      if (next != close) return 0;
      p++;
      depth--;
    }
  }
}

/** Converts the value at `p` for row `row` of the field's column. Structs and texts in quotes are json-scan.ts's. */
export function convertValue(scan: usize, p: usize, field: usize, row: u32): usize {
  const type = load<u32>(field, FIELD_TYPE);
  const values: usize = load<u32>(field, FIELD_VALUES);
  const validity: usize = load<u32>(field, FIELD_VALIDITY) + row;
  const c: u32 = load<u8>(p);
  if (c == 110) {
    if (load<u32>(p) != 0x6c6c756e) return 0;
    store<u8>(validity, 0);
    return p + 4;
  }
  store<u8>(validity, 1);
  switch (type) {
    case TYPE_STRING: {
      const end = skipValue(p);
      if (end == 0 || !utf8Valid(p, end)) return 0;
      store<u64>(values + 8 * row, (<u64>(end - p) << 32) | p);
      return end;
    }
    case TYPE_LONG:
    case TYPE_INTEGER:
    case TYPE_SHORT:
    case TYPE_BYTE:
      return convertInteger(p, type, values, row);
    case TYPE_DOUBLE: {
      const end = number_scan(p);
      if (end == 0) return 0;
      store<f64>(values + 8 * row, toDouble());
      return numberUndecided ? 0 : end;
    }
    case TYPE_FLOAT: {
      const end = number_scan(p);
      if (end == 0) return 0;
      store<f32>(values + 4 * row, toFloat());
      return numberUndecided ? 0 : end;
    }
    case TYPE_BOOLEAN: {
      if (c == 116 && load<u32>(p) == 0x65757274) {
        store<u8>(values + row, 1);
        return p + 4;
      }
      store<u8>(values + row, 0);
      return c == 102 && load<u32>(p + 1) == 0x65736c61 ? p + 5 : 0;
    }
    case TYPE_DECIMAL: {
      const end = number_scan(p);
      if (end == 0) return 0;
      return storeDecimal(values + 8 * row, load<u32>(field, FIELD_PRECISION), load<u32>(field, FIELD_SCALE)) ? end : 0;
    }
    case TYPE_DATE:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMP_NTZ: {
      if (c != QUOTE) return 0;
      const end = stringStop(++p);
      if (load<u8>(end) != QUOTE) return 0;
      if (type == TYPE_DATE) {
        if (end - p != 10) return 0;
        store<i32>(values + 4 * row, scanDate(p));
      } else {
        store<i64>(values + 8 * row, scanTimestamp(scan, p, end, type == TYPE_TIMESTAMP_NTZ));
      }
      return datetimeOk ? end + 1 : 0;
    }
    default:
      return 0;
  }
}

/** As `convertValue`, of a string; `p` is behind its opening quote. */
@inline export function convertString(p: usize, target: usize, validity: usize): usize {
  let end = p;
  let high: u32 = 0;
  let found: u32;
  while (true) {
    const low = v128.load(end);
    const upper = v128.load(end, 16);
    high |= i8x16.bitmask(v128.or(low, upper));
    found = stops(low) | (stops(upper) << 16);
    if (found != 0) break;
    end += 32;
  }
  end += ctz(found);
  if (load<u8>(end) != QUOTE) return convertEscapedString(p, end, target, validity);
  // Bytes behind the string may have set a bit, too: the check is the slower, not the wrong one then.
  if (high != 0 && !utf8Valid(p, end)) return 0;
  store<u64>(target, (<u64>(end - p) << 32) | p);
  store<u8>(validity, 1);
  return end + 1;
}

// `stop` is the first backslash or control character of the string that begins at `p`.
function convertEscapedString(p: usize, stop: usize, target: usize, validity: usize): usize {
  const behind = skipEscapedString(stop);
  if (behind == 0 || !utf8Valid(p, behind)) return 0;
  const end = behind - 1;
  const begin = arena_alloc(ARENA_SPLIT, <u32>(end - p) + PADDING_BYTES);
  if (begin == 0) return 0;
  let out = begin;
  while (p < end) {
    const length = stop - p;
    memory.copy(out, p, length);
    out += length;
    p = stop;
    if (p >= end) break;
    const c: u32 = load<u8>(p, 1);
    p += 2;
    if (c != 117) {
      store<u8>(out++, unescaped(c));
    } else {
      let code = hexValue(p);
      p += 4;
      if ((code & 0xf800) == 0xd800) {
        if (code >= 0xdc00 || load<u16>(p) != 0x755c) return 0;
        const low = hexValue(p + 2);
        if ((low & 0x1fc00) != 0xdc00) return 0;
        p += 6;
        code = 0x10000 + ((code & 0x3ff) << 10) + (low & 0x3ff);
      }
      out = putCodePoint(out, code);
    }
    stop = stringStop(p);
  }
  store<u64>(target, (<u64>(out - begin) << 32) | begin);
  store<u8>(validity, 1);
  return behind;
}

function putCodePoint(out: usize, code: u32): usize {
  if (code < 0x80) {
    store<u8>(out, code);
    return out + 1;
  }
  if (code < 0x800) {
    store<u8>(out, 0xc0 | (code >> 6));
    store<u8>(out, 0x80 | (code & 63), 1);
    return out + 2;
  }
  if (code < 0x10000) {
    store<u8>(out, 0xe0 | (code >> 12));
    store<u8>(out, 0x80 | ((code >> 6) & 63), 1);
    store<u8>(out, 0x80 | (code & 63), 2);
    return out + 3;
  }
  store<u8>(out, 0xf0 | (code >> 18));
  store<u8>(out, 0x80 | ((code >> 12) & 63), 1);
  store<u8>(out, 0x80 | ((code >> 6) & 63), 2);
  store<u8>(out, 0x80 | (code & 63), 3);
  return out + 4;
}

function convertInteger(p: usize, type: u32, values: usize, row: u32): usize {
  const end = number_scan(p);
  if (end == 0 || !storeInteger(type, values, row)) return 0;
  return end;
}

/** Stores the last scanned number as an integer of `type`; false if it is none or does not fit. */
export function storeInteger(type: u32, values: usize, row: u32): bool {
  if (!numberIsInteger || numberDigitCount > 19) return false;
  const digits = numberDigits;
  const limit: u64 = type == TYPE_LONG ? 0x7fffffffffffffff : type == TYPE_INTEGER ? 0x7fffffff : type == TYPE_SHORT ? 0x7fff : 0x7f;
  if (digits > limit + (numberNegative ? 1 : 0)) return false;
  const value = numberNegative ? 0 - <i64>digits : <i64>digits;
  if (type == TYPE_LONG) store<i64>(values + 8 * row, value);
  else if (type == TYPE_INTEGER) store<i32>(values + 4 * row, <i32>value);
  else if (type == TYPE_SHORT) store<i16>(values + 2 * row, <i16>value);
  else store<i8>(values + row, <i8>value);
  return true;
}

/** Stores the last scanned number, unscaled; false if it has more than 18 digits or does not fit the precision. */
export function storeDecimal(target: usize, precision: u32, scale: u32): bool {
  let digits = numberDigits;
  let shift = numberExponent + <i32>scale;
  if (numberDigitCount > 18 || shift > 18 || shift < -18) return false;
  const limit = powerOfTen(precision);
  if (shift >= 0) {
    const power = powerOfTen(shift);
    if (digits >= limit || digits * power / power != digits) return false;
    digits *= power;
  } else {
    const power = powerOfTen(-shift);
    const rest = digits % power;
    digits = digits / power + (rest >= power - rest ? 1 : 0);
  }
  if (digits >= limit) return false;
  store<i64>(target, numberNegative ? 0 - <i64>digits : <i64>digits);
  return true;
}

function powerOfTen(exponent: u32): u64 {
  let power: u64 = 1;
  for (; exponent > 0; exponent--) power *= 10;
  return power;
}
