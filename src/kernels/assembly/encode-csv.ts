// Blocks to CSV lines, quoted as Spark's writer quotes, and to plain text lines. Called by src/connectors/formats/csv-writer.ts and
// text-writer.ts.
import { BLOCK_COLUMN_BYTES, BLOCK_COLUMNS, BLOCK_ROW_COUNT } from "./memory-layout";
import {
  commit, ENCODER_FIELD_COUNT, ENCODER_FIELDS, ENCODER_FLAGS, ENCODER_FORMAT, FIELD_BYTES, FIELD_COLUMN, FIELD_TYPE, reserve, TYPE_BINARY,
} from "./encode-buffer";
import { writeFixedValue } from "./encode-json";
import { TYPE_STRING } from "./scan-block";
import { copyVariable } from "./table-layout";

// Dialect: u32 each.
const SEPARATOR: usize = ENCODER_FORMAT;
const QUOTE: usize = ENCODER_FORMAT + 4;
const ESCAPE: usize = ENCODER_FORMAT + 8;
const NULL_TEXT: usize = ENCODER_FORMAT + 12;
const NULL_LENGTH: usize = ENCODER_FORMAT + 16;
const EMPTY_TEXT: usize = ENCODER_FORMAT + 20;
const EMPTY_LENGTH: usize = ENCODER_FORMAT + 24;
// Flags.
const TRIM_LEADING: u32 = 1;
const TRIM_TRAILING: u32 = 2;
const QUOTE_IF_QUOTES: u32 = 4;

const VALUE_BYTES_MAX: u32 = 64;

@inline function isValid(column: usize, row: u32): bool {
  const validity: usize = load<u32>(column, 4);
  return validity == 0 || load<u8>(validity + row) != 0;
}

@inline function columnOf(block: usize, field: usize): usize {
  return block + BLOCK_COLUMNS + BLOCK_COLUMN_BYTES * load<u32>(field, FIELD_COLUMN);
}

/** As `json_encode`, with one CSV line per row. */
export function csv_encode(encoder: usize, block: usize, row: u32): u32 {
  const rows = load<u32>(block, BLOCK_ROW_COUNT);
  const fields: usize = load<u32>(encoder, ENCODER_FIELDS);
  const end = fields + FIELD_BYTES * load<u32>(encoder, ENCODER_FIELD_COUNT);
  const separator = load<u32>(encoder, SEPARATOR);
  for (; row < rows; row++) {
    let p = reserve(encoder, rowBytesMax(encoder, fields, end, block, row));
    if (p == 0) return row;
    for (let field = fields; field < end; field += FIELD_BYTES) {
      if (field != fields) store<u8>(p++, separator);
      p = writeCsvValue(encoder, p, field, block, row);
      if (p == 0) return row;
    }
    store<u8>(p, 10);
    commit(encoder, p + 1);
  }
  return row;
}

function rowBytesMax(encoder: usize, field: usize, end: usize, block: usize, row: u32): u32 {
  const constant = VALUE_BYTES_MAX + load<u32>(encoder, NULL_LENGTH) + load<u32>(encoder, EMPTY_LENGTH);
  let bytes: u32 = 8;
  for (; field < end; field += FIELD_BYTES) {
    bytes += constant;
    const type = load<u32>(field, FIELD_TYPE);
    if (type != TYPE_STRING && type != TYPE_BINARY) continue;
    const column = columnOf(block, field);
    const values: usize = load<u32>(column);
    if (values != 0 && isValid(column, row)) bytes += 2 * load<u32>(values + 8 * row, 4);
  }
  return bytes;
}

function writeCsvValue(encoder: usize, p: usize, field: usize, block: usize, row: u32): usize {
  const column = columnOf(block, field);
  const values: usize = load<u32>(column);
  if (values == 0 || !isValid(column, row)) return writeConstant(p, load<u32>(encoder, NULL_TEXT), load<u32>(encoder, NULL_LENGTH));
  const type = load<u32>(field, FIELD_TYPE);
  if (type != TYPE_STRING && type != TYPE_BINARY) return writeFixedValue(encoder, p, type, field, values, row);
  let source: usize = load<u32>(values + 8 * row);
  let end: usize = source + load<u32>(values + 8 * row, 4);
  if (source == end) return writeConstant(p, load<u32>(encoder, EMPTY_TEXT), load<u32>(encoder, EMPTY_LENGTH));
  const flags = load<u32>(encoder, ENCODER_FLAGS);
  if ((flags & TRIM_LEADING) != 0) while (source < end && load<u8>(source) <= 32) source++;
  if ((flags & TRIM_TRAILING) != 0) while (source < end && load<u8>(end - 1) <= 32) end--;
  const quote = load<u32>(encoder, QUOTE);
  if (!needsQuotes(encoder, source, end, quote, (flags & QUOTE_IF_QUOTES) != 0)) {
    copyVariable(p, source, <u32>(end - source));
    return p + (end - source);
  }
  const escape = load<u32>(encoder, ESCAPE);
  store<u8>(p++, quote);
  for (; source < end; source++) {
    const c: u32 = load<u8>(source);
    if (c == quote || c == escape) store<u8>(p++, escape);
    store<u8>(p++, c);
  }
  store<u8>(p, quote);
  return p + 1;
}

function needsQuotes(encoder: usize, p: usize, end: usize, quote: u32, ifQuotes: bool): bool {
  const separator = load<u32>(encoder, SEPARATOR);
  if (p < end && load<u8>(p) == quote) return true;
  for (; p < end; p++) {
    const c: u32 = load<u8>(p);
    if (c == separator || c == 10 || c == 13 || (ifQuotes && c == quote)) return true;
  }
  return false;
}

@inline function writeConstant(p: usize, text: usize, length: u32): usize {
  copyVariable(p, text, length);
  return p + length;
}

/** As `csv_encode`: the bytes of the one string column and a line feed. */
export function text_encode(encoder: usize, block: usize, row: u32): u32 {
  const rows = load<u32>(block, BLOCK_ROW_COUNT);
  const column = columnOf(block, load<u32>(encoder, ENCODER_FIELDS));
  const values: usize = load<u32>(column);
  for (; row < rows; row++) {
    const isNull = values == 0 || !isValid(column, row);
    const length = isNull ? 0 : load<u32>(values + 8 * row, 4);
    const p = reserve(encoder, length + 1);
    if (p == 0) return row;
    if (length != 0) memory.copy(p, load<u32>(values + 8 * row), length);
    store<u8>(p + length, 10);
    commit(encoder, p + length + 1);
  }
  return row;
}
