// Text functions on UTF-8 bytes, one row at a time; the meaning of each is in functions/string/*.ts. Results lie in the
// block's arena or are views into the argument. Arguments are well-formed UTF-8 and never null.
import { ERROR_INVALID_ARGUMENT, ERROR_OUT_OF_MEMORY } from "./memory-layout";
import { copyVariable } from "./table-layout";
import { addressOf, allocateText, lengthOf, raise, viewOf } from "./view";

const EMPTY: i64 = 0;

// @ts-ignore: decorator
@inline function isContinuation(byte: u32): bool {
  return (byte & 0xc0) == 0x80;
}

/** Code points in the range: bytes that do not continue one. */
function countPoints(start: usize, end: usize): u32 {
  let count: u32 = 0;
  let at = start;
  for (; at + 16 <= end; at += 16)
    count += popcnt<u32>(<u32>i8x16.bitmask(i8x16.gt_s(v128.load(at), i8x16.splat(-65))));
  for (; at < end; at++) count += isContinuation(load<u8>(at)) ? 0 : 1;
  return count;
}

/** The address `points` code points after `at`, at most `end`. */
function skipPoints(at: usize, end: usize, points: u32): usize {
  for (; points > 0 && at < end; points--) {
    at++;
    while (at < end && isContinuation(load<u8>(at))) at++;
  }
  return at;
}

function sameBytes(a: usize, b: usize, length: u32): bool {
  const end = a + length;
  for (; a + 8 <= end; a += 8, b += 8) if (load<u64>(a) != load<u64>(b)) return false;
  for (; a < end; a++, b++) if (load<u8>(a) != load<u8>(b)) return false;
  return true;
}

/** Address of the first occurrence at or after `at`; 0 if there is none. `wanted` is not empty. */
function find(at: usize, end: usize, wanted: usize, length: u32): usize {
  if (end - at < length) return 0;
  const last = end - length;
  const first = load<u8>(wanted);
  const needle = i8x16.splat(<i8>first);
  while (at <= last) {
    // Buffers are padded: reading 16 bytes from any valid position is safe.
    let mask = <u32>i8x16.bitmask(i8x16.eq(v128.load(at), needle));
    for (; mask != 0; mask &= mask - 1) {
      const candidate = at + ctz<u32>(mask);
      if (candidate > last) return 0;
      if (sameBytes(candidate, wanted, length)) return candidate;
    }
    at += 16;
  }
  return 0;
}

/** Order of two strings or binaries by unsigned bytes: negative, 0 or positive. */
export function compare_views(a: i64, b: i64): i32 {
  const lengthA = lengthOf(a);
  const lengthB = lengthOf(b);
  let left = addressOf(a);
  let right = addressOf(b);
  const end = left + min<u32>(lengthA, lengthB);
  for (; left + 8 <= end; left += 8, right += 8) {
    const x = load<u64>(left);
    const y = load<u64>(right);
    if (x != y) return bswap<u64>(x) < bswap<u64>(y) ? -1 : 1;
  }
  for (; left < end; left++, right++) {
    const order = <i32>load<u8>(left) - <i32>load<u8>(right);
    if (order != 0) return order;
  }
  return lengthA < lengthB ? -1 : lengthA > lengthB ? 1 : 0;
}

export function equal_views(a: i64, b: i64): i32 {
  const length = lengthOf(a);
  return length == lengthOf(b) && sameBytes(addressOf(a), addressOf(b), length) ? 1 : 0;
}

export function utf8_length(text: i64): i32 {
  const start = addressOf(text);
  return <i32>countPoints(start, start + lengthOf(text));
}

export function utf8_octet_length(text: i64): i32 {
  return <i32>lengthOf(text);
}

export function utf8_ascii(text: i64): i32 {
  if (lengthOf(text) == 0) return 0;
  const at = addressOf(text);
  const first = <i32>load<u8>(at);
  if (first < 0x80) return first;
  if (first < 0xe0) return ((first & 0x1f) << 6) | tail(at, 1);
  if (first < 0xf0) return ((first & 0x0f) << 12) | (tail(at, 1) << 6) | tail(at, 2);
  return ((first & 0x07) << 18) | (tail(at, 1) << 12) | (tail(at, 2) << 6) | tail(at, 3);
}

// @ts-ignore: decorator
@inline function tail(at: usize, offset: usize): i32 {
  return <i32>load<u8>(at + offset) & 0x3f;
}

export function utf8_substring(text: i64, position: i32, length: i32): i64 {
  const begin = addressOf(text);
  const end = begin + lengthOf(text);
  let start: i64 = position > 0 ? <i64>position - 1 : 0;
  if (position < 0) start = <i64>countPoints(begin, end) + position;
  const stop = start + <i64>length;
  if (length <= 0 || stop <= 0) return EMPTY;
  if (start < 0) start = 0;
  const from = skipPoints(begin, end, <u32>start);
  const to = skipPoints(from, end, <u32>min<i64>(stop - start, 0x7fffffff));
  return viewOf(from, <u32>(to - from));
}

export function utf8_substring_from(text: i64, position: i32): i64 {
  return utf8_substring(text, position, 0x7fffffff);
}

export function utf8_left(text: i64, length: i32): i64 {
  return utf8_substring(text, 1, length);
}

export function utf8_right(text: i64, length: i32): i64 {
  return length <= 0 ? EMPTY : utf8_substring(text, -length, length);
}

export function utf8_trim(text: i64): i64 {
  return utf8_ltrim(utf8_rtrim(text));
}

export function utf8_ltrim(text: i64): i64 {
  let at = addressOf(text);
  const end = at + lengthOf(text);
  while (at < end && load<u8>(at) == 0x20) at++;
  return viewOf(at, <u32>(end - at));
}

export function utf8_rtrim(text: i64): i64 {
  const start = addressOf(text);
  let end = start + lengthOf(text);
  while (end > start && load<u8>(end - 1) == 0x20) end--;
  return viewOf(start, <u32>(end - start));
}

export function utf8_contains(text: i64, wanted: i64): i32 {
  const start = addressOf(text);
  const length = lengthOf(wanted);
  return length == 0 || find(start, start + lengthOf(text), addressOf(wanted), length) != 0 ? 1 : 0;
}

export function utf8_starts_with(text: i64, wanted: i64): i32 {
  const length = lengthOf(wanted);
  return length <= lengthOf(text) && sameBytes(addressOf(text), addressOf(wanted), length) ? 1 : 0;
}

export function utf8_ends_with(text: i64, wanted: i64): i32 {
  const length = lengthOf(wanted);
  const total = lengthOf(text);
  return length <= total && sameBytes(addressOf(text) + (total - length), addressOf(wanted), length) ? 1 : 0;
}

export function utf8_instr(text: i64, wanted: i64): i32 {
  const start = addressOf(text);
  const length = lengthOf(wanted);
  if (length == 0) return 1;
  const found = find(start, start + lengthOf(text), addressOf(wanted), length);
  return found == 0 ? 0 : <i32>countPoints(start, found) + 1;
}

export function utf8_locate(wanted: i64, text: i64): i32 {
  return utf8_instr(text, wanted);
}

/** Looks from character `first` on, from 1; 0 for what is before the text. */
export function utf8_locate_from(wanted: i64, text: i64, first: i32): i32 {
  if (first < 1) return 0;
  const start = addressOf(text);
  const end = start + lengthOf(text);
  const from = skipPoints(start, end, <u32>first - 1);
  const length = lengthOf(wanted);
  const found = length == 0 ? from : find(from, end, addressOf(wanted), length);
  return found == 0 ? 0 : <i32>countPoints(start, found) + 1;
}

/** The text in upper (1) or lower case (0), itself if it is; -1 if not all of it is ASCII. Without memory the error cell is set. */
export function ascii_case(text: i64, isUpper: i32): i64 {
  const from = addressOf(text);
  const length = lengthOf(text);
  const last = i8x16.splat(isUpper ? 0x7a : 0x5a);
  const first = i8x16.splat(isUpper ? 0x61 : 0x41);
  let to: usize = 0;
  for (let i: usize = 0; i < <usize>length; i += 16) {
    const chunk = v128.load(from + i);
    // What lies behind the text does not count.
    const own: u32 = length - <u32>i >= 16 ? 0xffff : (1 << (length - <u32>i)) - 1;
    if ((i8x16.bitmask(chunk) & own) != 0) return -1;
    const letters = v128.and(i8x16.ge_s(chunk, first), i8x16.le_s(chunk, last));
    if (to == 0) {
      if ((i8x16.bitmask(letters) & own) == 0) continue;
      to = allocateText(length);
      if (to == 0) return 0;
      memory.copy(to, from, i);
    }
    v128.store(to + i, v128.xor(chunk, v128.and(letters, i8x16.splat(0x20))));
  }
  return to == 0 ? text : viewOf(to, length);
}

/** LIKE with the escape character \. An escape before another character, or at the end, is an invalid argument. */
export function utf8_like(text: i64, pattern: i64): i32 {
  const patternStart = addressOf(pattern);
  const patternEnd = patternStart + lengthOf(pattern);
  for (let at = patternStart; at < patternEnd; at++) {
    if (load<u8>(at) != 0x5c) continue;
    at++;
    const next = at < patternEnd ? load<u8>(at) : 0;
    if (next != 0x5c && next != 0x25 && next != 0x5f) {
      raise(ERROR_INVALID_ARGUMENT, pattern, 0);
      return 0;
    }
  }
  let at = addressOf(text);
  const end = at + lengthOf(text);
  let step = patternStart;
  let runStep: usize = 0; // step after the last %, and where its run ends
  let runEnd: usize = 0;
  while (at < end) {
    let matched = false;
    if (step < patternEnd) {
      const code = load<u8>(step);
      if (code == 0x25) {
        runStep = ++step;
        runEnd = at;
        continue;
      }
      if (code == 0x5f) {
        step++;
        at = skipPoints(at, end, 1);
        matched = true;
      } else {
        const literal = code == 0x5c ? step + 1 : step;
        if (load<u8>(literal) == load<u8>(at)) {
          step = literal + 1;
          at++;
          matched = true;
        }
      }
    }
    if (!matched) {
      if (runStep == 0) return 0;
      step = runStep;
      runEnd = skipPoints(runEnd, end, 1);
      at = runEnd;
    }
  }
  while (step < patternEnd && load<u8>(step) == 0x25) step++;
  return step == patternEnd ? 1 : 0;
}

export function utf8_concat(a: i64, b: i64): i64 {
  return joined(a, b, EMPTY);
}

export function utf8_concat3(a: i64, b: i64, c: i64): i64 {
  return joined(a, b, c);
}

function joined(a: i64, b: i64, c: i64): i64 {
  const lengthA = lengthOf(a);
  const lengthB = lengthOf(b);
  const total = <u64>lengthA + lengthB + lengthOf(c);
  const result = reserve(total);
  if (result == 0) return EMPTY;
  copyVariable(result, addressOf(a), lengthA);
  copyVariable(result + lengthA, addressOf(b), lengthB);
  copyVariable(result + lengthA + lengthB, addressOf(c), lengthOf(c));
  return viewOf(result, <u32>total);
}

/** Memory for a text of `length` bytes, or 0 and the error of a text that is too long. */
function reserve(length: u64): usize {
  if (length > 0x7fffffff) {
    raise(ERROR_OUT_OF_MEMORY, 0, 0);
    return 0;
  }
  return allocateText(<u32>length);
}

export function utf8_repeat(text: i64, times: i32): i64 {
  const length = lengthOf(text);
  if (times <= 0 || length == 0) return EMPTY;
  const total = <u64>length * <u64>times;
  const result = reserve(total);
  if (result == 0) return EMPTY;
  for (let at: u64 = 0; at < total; at += length) copyVariable(result + <usize>at, addressOf(text), length);
  return viewOf(result, <u32>total);
}

export function utf8_reverse(text: i64): i64 {
  const start = addressOf(text);
  const length = lengthOf(text);
  const result = allocateText(length);
  if (result == 0) return EMPTY;
  let to = result + length;
  for (let at = start; at < start + length; ) {
    const next = skipPoints(at, start + length, 1);
    to -= next - at;
    for (let i: usize = 0; i < next - at; i++) store<u8>(to + i, load<u8>(at + i));
    at = next;
  }
  return viewOf(result, length);
}

export function utf8_lpad(text: i64, length: i32, pad: i64): i64 {
  return padded(text, length, pad, true);
}

export function utf8_rpad(text: i64, length: i32, pad: i64): i64 {
  return padded(text, length, pad, false);
}

function padded(text: i64, length: i32, pad: i64, left: bool): i64 {
  if (length <= 0) return EMPTY;
  const missing = length - utf8_length(text);
  const padBytes = lengthOf(pad);
  if (missing <= 0 || padBytes == 0) return utf8_left(text, length);
  const padPoints = utf8_length(pad);
  const padStart = addressOf(pad);
  const restBytes = <u32>(skipPoints(padStart, padStart + padBytes, <u32>(missing % padPoints)) - padStart);
  const fillBytes = <u64>(missing / padPoints) * padBytes + restBytes;
  const textBytes = lengthOf(text);
  const result = reserve(fillBytes + textBytes);
  if (result == 0) return EMPTY;
  // In order: what is copied may run over its end.
  let fill = left ? result : result + textBytes;
  if (!left) copyVariable(result, addressOf(text), textBytes);
  for (let count = missing / padPoints; count > 0; count--) {
    copyVariable(fill, padStart, padBytes);
    fill += padBytes;
  }
  copyVariable(fill, padStart, restBytes);
  if (left) copyVariable(result + <usize>fillBytes, addressOf(text), textBytes);
  return viewOf(result, <u32>(fillBytes + textBytes));
}

export function utf8_replace(text: i64, search: i64, replacement: i64): i64 {
  const length = lengthOf(search);
  if (length == 0) return text;
  let from = addressOf(text);
  const end = from + lengthOf(text);
  const wanted = addressOf(search);
  let at = find(from, end, wanted, length);
  if (at == 0) return text;
  const inserted = lengthOf(replacement);
  let room = <u64>lengthOf(text);
  if (inserted > length) for (let next = at; next != 0; next = find(next + length, end, wanted, length)) room += inserted - length;
  const result = reserve(room);
  if (result == 0) return EMPTY;
  let to = result;
  for (; at != 0; at = find(from, end, wanted, length)) {
    copyVariable(to, from, <u32>(at - from));
    to += at - from;
    copyVariable(to, addressOf(replacement), inserted);
    to += inserted;
    from = at + length;
  }
  copyVariable(to, from, <u32>(end - from));
  return viewOf(result, <u32>(to + (end - from) - result));
}

/** Part `index` counts from 1, or from the end if negative; 0 is an invalid argument. */
export function utf8_split_part(text: i64, delimiter: i64, index: i32): i64 {
  if (index == 0) {
    raise(ERROR_INVALID_ARGUMENT, text, 0);
    return EMPTY;
  }
  const length = lengthOf(delimiter);
  if (length == 0) return index == 1 || index == -1 ? text : EMPTY;
  const start = addressOf(text);
  const end = start + lengthOf(text);
  const wanted = addressOf(delimiter);
  if (index < 0) {
    let parts: i32 = 1;
    for (let at = find(start, end, wanted, length); at != 0; at = find(at + length, end, wanted, length)) parts++;
    index += parts + 1;
    if (index <= 0) return EMPTY;
  }
  let from = start;
  let next = find(from, end, wanted, length);
  while (--index > 0) {
    if (next == 0) return EMPTY;
    from = next + length;
    next = find(from, end, wanted, length);
  }
  return viewOf(from, <u32>((next == 0 ? end : next) - from));
}
