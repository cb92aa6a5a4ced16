// CSV lines to blocks. Called by src/connectors/formats/csv-reader.ts, which writes the descriptors and parses deferred lines: those
// with another number of values than the schema has, values of another type, unusual quoting.
import { ARENA_SPLIT, BLOCK_ROW_COUNT, PADDING_BYTES } from "./memory-layout";
import { arena_alloc } from "./memory";
import { datetimeOk, scanDate, scanTimestamp } from "./datetime-scan";
import { storeDecimal } from "./json-value";
import { number_scan, numberUndecided, toDouble, toFloat } from "./number-parse";
import {
  behindTerminator, FIELD_BYTES, FIELD_PRECISION, FIELD_SCALE, FIELD_TYPE, FIELD_VALIDITY, FIELD_VALUES, hasNonAscii, line_end,
  scan_block_finish, scanBlockBegin, scanDefer, scanEndsEarly, SCAN_DEFERRED_COUNT, SCAN_END, SCAN_FIELD_COUNT, SCAN_FIELDS, SCAN_FORMAT,
  SCAN_POSITION, TYPE_BOOLEAN, TYPE_BYTE, TYPE_DATE, TYPE_DECIMAL, TYPE_DOUBLE, TYPE_FLOAT, TYPE_INTEGER, TYPE_LONG, TYPE_SHORT,
  TYPE_STRING, TYPE_TIMESTAMP, TYPE_TIMESTAMP_NTZ, utf8Valid,
} from "./scan-block";

// Dialect: u32 each at SCAN_FORMAT. Bytes are 0 where there is none.
const SEPARATOR: usize = SCAN_FORMAT;
const QUOTE: usize = SCAN_FORMAT + 4;
const ESCAPE: usize = SCAN_FORMAT + 8;
const COMMENT: usize = SCAN_FORMAT + 12;
const NULL_TEXT: usize = SCAN_FORMAT + 16; // address of the text that stands for null
const NULL_LENGTH: usize = SCAN_FORMAT + 20;
const QUOTED_EMPTY_IS_NULL: usize = SCAN_FORMAT + 24;

const TYPE_BINARY: u32 = 14;
const TYPE_SKIPPED: u32 = 15;

/** As `json_next`. */
export function csv_next(scan: usize): usize {
  const end: usize = load<u32>(scan, SCAN_END);
  let p: usize = load<u32>(scan, SCAN_POSITION);
  const comment = load<u32>(scan, COMMENT);
  p = skipLines(p, end, comment);
  if (p >= end) {
    store<u32>(scan, <u32>p, SCAN_POSITION);
    return 0;
  }
  const block = scanBlockBegin(scan);
  if (block == 0) return 0;
  const limit = load<u32>(block, BLOCK_ROW_COUNT);
  let row: u32 = 0;
  while (row < limit && p < end) {
    const behind = convertLine(scan, p, row);
    if (behind != 0) {
      p = behindTerminator(behind, end);
    } else {
      const lineEnd = line_end(p, end);
      scanDefer(scan, row, p, lineEnd);
      p = behindTerminator(lineEnd, end);
    }
    row++;
    if (behind == 0 && scanEndsEarly(scan)) break;
    if (load<u8>(p) <= 13 || comment != 0) p = skipLines(p, end, comment);
  }
  store<u32>(scan, <u32>p, SCAN_POSITION);
  store<u32>(block, row, BLOCK_ROW_COUNT);
  if (load<u32>(scan, SCAN_DEFERRED_COUNT) == 0) scan_block_finish(scan, block, 0);
  return block;
}

// Behind empty lines and comments.
function skipLines(p: usize, end: usize, comment: u32): usize {
  while (p < end) {
    const c: u32 = load<u8>(p);
    if (c == 10 || c == 13) p++;
    else if (comment != 0 && c == comment) p = behindTerminator(line_end(p, end), end);
    else break;
  }
  return p;
}

// Converts the line at `p`; returns the address of its terminator, or 0 to defer it.
function convertLine(scan: usize, p: usize, row: u32): usize {
  const separator = load<u32>(scan, SEPARATOR);
  const quote = load<u32>(scan, QUOTE);
  const nullText: usize = load<u32>(scan, NULL_TEXT);
  const nullLength = load<u32>(scan, NULL_LENGTH);
  let field: usize = load<u32>(scan, SCAN_FIELDS);
  const lastField = field + FIELD_BYTES * (load<u32>(scan, SCAN_FIELD_COUNT) - 1);
  if (load<u8>(p) <= 32 && isBlankLine(p)) return 0;
  while (true) {
    const c: u32 = load<u8>(p);
    const type = load<u32>(field, FIELD_TYPE);
    if (c == quote && quote != 0) {
      p = convertQuoted(scan, p + 1, field, type, row);
      if (p == 0) return 0;
    } else {
      const stop = valueEnd(p, separator);
      const length = <u32>(stop - p);
      if (type != TYPE_SKIPPED && !(length == nullLength && memory.compare(p, nullText, length) == 0)) {
        if (!convertText(scan, p, stop, field, type, row)) return 0;
      }
      p = stop;
    }
    if (load<u8>(p) != separator) return field == lastField ? p : 0;
    if (field == lastField) return 0;
    field += FIELD_BYTES;
    p++;
  }
}

function isBlankLine(p: usize): bool {
  while (true) {
    const c: u32 = load<u8>(p++);
    if (c == 10 || c == 13) return true;
    if (c > 32) return false;
  }
}

/** Address of the first separator or line end at or after `p`. */
@inline function valueEnd(p: usize, separator: u32): usize {
  const separators = i8x16.splat(<i8>separator);
  const lineFeed = i8x16.splat(10);
  const carriageReturn = i8x16.splat(13);
  while (true) {
    const chunk = v128.load(p);
    const found = i8x16.bitmask(
      v128.or(v128.or(i8x16.eq(chunk, separators), i8x16.eq(chunk, lineFeed)), i8x16.eq(chunk, carriageReturn)),
    );
    if (found != 0) return p + ctz(found);
    p += 16;
  }
}

/** Address of the first quote, escape character or line end at or after `p`. */
@inline function quotedStop(p: usize, quote: u32, escape: u32): usize {
  const quotes = i8x16.splat(<i8>quote);
  const escapes = i8x16.splat(<i8>escape);
  const lineFeed = i8x16.splat(10);
  const carriageReturn = i8x16.splat(13);
  while (true) {
    const chunk = v128.load(p);
    const found = i8x16.bitmask(
      v128.or(v128.or(i8x16.eq(chunk, quotes), i8x16.eq(chunk, escapes)), v128.or(i8x16.eq(chunk, lineFeed), i8x16.eq(chunk, carriageReturn))),
    );
    if (found != 0) return p + ctz(found);
    p += 16;
  }
}

// `p` is behind the opening quote. Returns the address of the separator or line end behind the value, or 0 to defer the line.
function convertQuoted(scan: usize, p: usize, field: usize, type: u32, row: u32): usize {
  const quote = load<u32>(scan, QUOTE);
  const separator = load<u32>(scan, SEPARATOR);
  const escape = load<u32>(scan, ESCAPE);
  let stop = quotedStop(p, quote, escape);
  let begin = p;
  let end = stop;
  let next: u32 = load<u8>(stop, 1);
  if (load<u8>(stop) != quote || (next != separator && next != 10 && next != 13)) {
    // Something is escaped: the same again, with the text copied piece by piece.
    const room = <u32>(line_end(p, load<u32>(scan, SCAN_END)) - p);
    begin = arena_alloc(ARENA_SPLIT, room + PADDING_BYTES);
    if (begin == 0) return 0;
    end = begin;
    while (true) {
      memory.copy(end, p, stop - p);
      end += stop - p;
      const c: u32 = load<u8>(stop);
      next = load<u8>(stop, 1);
      if (c == 10 || c == 13) return 0;
      if (c == escape && (next == quote || next == escape)) {
        store<u8>(end++, next);
        p = stop + 2;
      } else if (c == quote) {
        if (next != separator && next != 10 && next != 13) return 0;
        break;
      } else {
        store<u8>(end++, c);
        p = stop + 1;
      }
      stop = quotedStop(p, quote, escape);
    }
  }
  if (type == TYPE_SKIPPED) return stop + 1;
  const length = <u32>(end - begin);
  if (length == 0) return load<u32>(scan, QUOTED_EMPTY_IS_NULL) != 0 ? stop + 1 : 0;
  if (length == load<u32>(scan, NULL_LENGTH) && memory.compare(begin, load<u32>(scan, NULL_TEXT), length) == 0) return stop + 1;
  return convertText(scan, begin, end, field, type, row) ? stop + 1 : 0;
}

// Stores the value whose text is [p, end); false to defer the line.
function convertText(scan: usize, p: usize, end: usize, field: usize, type: u32, row: u32): bool {
  const values: usize = load<u32>(field, FIELD_VALUES);
  store<u8>(load<u32>(field, FIELD_VALIDITY) + row, 1);
  switch (type) {
    case TYPE_STRING:
      if (hasNonAscii(p, end) && !utf8Valid(p, end)) return false;
      store<u64>(values + 8 * row, (<u64>(end - p) << 32) | p);
      return true;
    case TYPE_LONG:
    case TYPE_INTEGER:
    case TYPE_SHORT:
    case TYPE_BYTE:
      return storeWhole(p, end, type, values, row);
    case TYPE_DOUBLE:
      if (number_scan(p) != end) return false;
      store<f64>(values + 8 * row, toDouble());
      return !numberUndecided;
    case TYPE_FLOAT:
      if (number_scan(p) != end) return false;
      store<f32>(values + 4 * row, toFloat());
      return !numberUndecided;
    case TYPE_DECIMAL:
      return number_scan(p) == end && storeDecimal(values + 8 * row, load<u32>(field, FIELD_PRECISION), load<u32>(field, FIELD_SCALE));
    case TYPE_BOOLEAN:
      if (end - p == 4 && load<u32>(p) == 0x65757274) {
        store<u8>(values + row, 1);
        return true;
      }
      store<u8>(values + row, 0);
      return end - p == 5 && load<u8>(p) == 102 && load<u32>(p + 1) == 0x65736c61;
    case TYPE_DATE:
      if (end - p != 10) return false;
      store<i32>(values + 4 * row, scanDate(p));
      return datetimeOk;
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMP_NTZ:
      store<i64>(values + 8 * row, scanTimestamp(scan, p, end, type == TYPE_TIMESTAMP_NTZ));
      return datetimeOk;
    case TYPE_BINARY:
      store<u64>(values + 8 * row, (<u64>(end - p) << 32) | p);
      return true;
    default:
      return false;
  }
}

// A sign and at most 18 digits.
function storeWhole(p: usize, end: usize, type: u32, values: usize, row: u32): bool {
  const sign: u32 = load<u8>(p);
  if (sign == 45 || sign == 43) p++;
  if (end <= p || end - p > 18) return false;
  let value: i64 = 0;
  for (; p < end; p++) {
    const digit: u32 = <u32>load<u8>(p) - 48;
    if (digit > 9) return false;
    value = value * 10 + digit;
  }
  if (sign == 45) value = -value;
  if (type == TYPE_LONG) {
    store<i64>(values + 8 * row, value);
    return true;
  }
  if (type == TYPE_INTEGER) {
    store<i32>(values + 4 * row, <i32>value);
    return value == <i64>(<i32>value);
  }
  if (type == TYPE_SHORT) {
    store<i16>(values + 2 * row, <i16>value);
    return value == <i64>(<i16>value);
  }
  store<i8>(values + row, <i8>value);
  return value == <i64>(<i8>value);
}
