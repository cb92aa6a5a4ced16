// Blocks to NDJSON, as Spark's to_json writes objects. Called by src/connectors/formats/json-writer.ts.
import { BLOCK_COLUMN_BYTES, BLOCK_COLUMNS, BLOCK_ROW_COUNT } from "./memory-layout";
import {
  commit, ENCODER_FIELD_COUNT, ENCODER_FIELDS, ENCODER_FLAGS, FIELD_BYTES, FIELD_COLUMN, FIELD_DESCENDANTS, FIELD_PREFIX,
  FIELD_PREFIX_LENGTH, FIELD_SCALE, FIELD_TYPE, reserve, TYPE_BINARY, writeBase64, writeDate, writeLocalTimestamp, writeTimestamp,
} from "./encode-buffer";
import { writeDecimal, writeDouble, writeFloat, writeSigned } from "./number-format";
import { copyVariable } from "./table-layout";
import {
  TYPE_BOOLEAN, TYPE_BYTE, TYPE_DATE, TYPE_DECIMAL, TYPE_DOUBLE, TYPE_FLOAT, TYPE_INTEGER, TYPE_LONG, TYPE_SHORT, TYPE_STRING,
  TYPE_STRUCT, TYPE_TIMESTAMP, TYPE_TIMESTAMP_NTZ,
} from "./scan-block";

// ENCODER_FLAGS: write fields that are null.
const KEEP_NULLS: u32 = 1;
/** What a value other than a string takes at most, quotes and separators included. */
const VALUE_BYTES_MAX: u32 = 64;

/**
 * Appends rows [row, row count) of `block`, one object and a line feed each. Returns the row it stopped at: the row count when all
 * are done; otherwise the zone offset of ENCODER_ZONE_PENDING is needed to go on there, or (ERROR_CODE) there is no memory.
 */
export function json_encode(encoder: usize, block: usize, row: u32): u32 {
  const rows = load<u32>(block, BLOCK_ROW_COUNT);
  const fields: usize = load<u32>(encoder, ENCODER_FIELDS);
  const end = fields + FIELD_BYTES * load<u32>(encoder, ENCODER_FIELD_COUNT);
  const keepNulls = (load<u32>(encoder, ENCODER_FLAGS) & KEEP_NULLS) != 0;
  for (; row < rows; row++) {
    const p = reserve(encoder, rowBytesMax(fields, end, block, row));
    if (p == 0) return row;
    const behind = writeObject(encoder, p, fields, end, block, row, keepNulls);
    if (behind == 0) return row;
    store<u8>(behind, 10);
    commit(encoder, behind + 1);
  }
  return row;
}

function rowBytesMax(field: usize, end: usize, block: usize, row: u32): u32 {
  let bytes: u32 = 8;
  for (; field < end; field += FIELD_BYTES) {
    bytes += load<u32>(field, FIELD_PREFIX_LENGTH) + VALUE_BYTES_MAX;
    const type = load<u32>(field, FIELD_TYPE);
    if (type != TYPE_STRING && type != TYPE_BINARY) continue;
    const column = block + BLOCK_COLUMNS + BLOCK_COLUMN_BYTES * load<u32>(field, FIELD_COLUMN);
    const values: usize = load<u32>(column);
    if (values != 0 && isValid(column, row)) bytes += 6 * load<u32>(values + 8 * row, 4);
  }
  return bytes;
}

@inline function isValid(column: usize, row: u32): bool {
  const validity: usize = load<u32>(column, 4);
  return validity == 0 || load<u8>(validity + row) != 0;
}

// Writes the fields [field, end) as an object; 0 if a zone offset is missing.
function writeObject(encoder: usize, p: usize, field: usize, end: usize, block: usize, row: u32, keepNulls: bool): usize {
  store<u8>(p++, 123);
  let isFirst = true;
  while (field < end) {
    const type = load<u32>(field, FIELD_TYPE);
    const next = field + FIELD_BYTES * (1 + load<u32>(field, FIELD_DESCENDANTS));
    const column = block + BLOCK_COLUMNS + BLOCK_COLUMN_BYTES * load<u32>(field, FIELD_COLUMN);
    const values: usize = load<u32>(column);
    const valid = isValid(column, row) && (values != 0 || type == TYPE_STRUCT);
    if (valid || keepNulls) {
      if (!isFirst) store<u8>(p++, 44);
      isFirst = false;
      const prefixLength = load<u32>(field, FIELD_PREFIX_LENGTH);
      copyVariable(p, load<u32>(field, FIELD_PREFIX), prefixLength);
      p += prefixLength;
      if (!valid) {
        store<u32>(p, 0x6c6c756e); // null
        p += 4;
      } else if (type == TYPE_STRUCT) {
        p = writeObject(encoder, p, field + FIELD_BYTES, next, block, row, keepNulls);
      } else {
        p = writeJsonValue(encoder, p, type, field, values, row);
      }
      if (p == 0) return 0;
    }
    field = next;
  }
  store<u8>(p, 125);
  return p + 1;
}

function writeJsonValue(encoder: usize, p: usize, type: u32, field: usize, values: usize, row: u32): usize {
  switch (type) {
    case TYPE_STRING:
      return writeJsonString(p, load<u32>(values + 8 * row), load<u32>(values + 8 * row, 4));
    case TYPE_DOUBLE: {
      const value = load<f64>(values + 8 * row);
      return isFinite(value) ? writeDouble(p, value) : closeQuote(writeDouble(openQuote(p), value));
    }
    case TYPE_FLOAT: {
      const value = load<f32>(values + 4 * row);
      return isFinite(value) ? writeFloat(p, value) : closeQuote(writeFloat(openQuote(p), value));
    }
    case TYPE_BINARY:
      return closeQuote(writeBase64(openQuote(p), load<u32>(values + 8 * row), load<u32>(values + 8 * row, 4)));
    case TYPE_DATE:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMP_NTZ: {
      const end = writeFixedValue(encoder, openQuote(p), type, field, values, row);
      return end == 0 ? 0 : closeQuote(end);
    }
    default:
      return writeFixedValue(encoder, p, type, field, values, row);
  }
}

@inline function openQuote(p: usize): usize {
  store<u8>(p, 34);
  return p + 1;
}

@inline function closeQuote(p: usize): usize {
  store<u8>(p, 34);
  return p + 1;
}

/** A value that is not variable-length, without quotes; 0 if a zone offset is missing. */
export function writeFixedValue(encoder: usize, p: usize, type: u32, field: usize, values: usize, row: u32): usize {
  switch (type) {
    case TYPE_BOOLEAN:
      if (load<u8>(values + row) != 0) {
        store<u32>(p, 0x65757274);
        return p + 4;
      }
      store<u64>(p, 0x65736c6166);
      return p + 5;
    case TYPE_BYTE:
      return writeSigned(p, load<i8>(values + row));
    case TYPE_SHORT:
      return writeSigned(p, load<i16>(values + 2 * row));
    case TYPE_INTEGER:
      return writeSigned(p, load<i32>(values + 4 * row));
    case TYPE_LONG:
      return writeSigned(p, load<i64>(values + 8 * row));
    case TYPE_DECIMAL:
      return writeDecimal(p, load<i64>(values + 8 * row), load<u32>(field, FIELD_SCALE));
    case TYPE_DATE:
      return writeDate(p, load<i32>(values + 4 * row));
    case TYPE_TIMESTAMP:
      return writeTimestamp(encoder, p, load<i64>(values + 8 * row));
    case TYPE_TIMESTAMP_NTZ:
      return writeLocalTimestamp(p, load<i64>(values + 8 * row));
    case TYPE_DOUBLE:
      return writeDouble(p, load<f64>(values + 8 * row));
    default:
      return writeFloat(p, load<f32>(values + 4 * row));
  }
}

function writeJsonString(p: usize, source: usize, length: u32): usize {
  const quote = i8x16.splat(34);
  const backslash = i8x16.splat(92);
  const space = i8x16.splat(32);
  const end = source + length;
  store<u8>(p++, 34);
  while (source < end) {
    // Sixteen bytes at a time; what lies behind the string is overwritten afterwards.
    const chunk = v128.load(source);
    v128.store(p, chunk);
    const found = i8x16.bitmask(v128.or(v128.or(i8x16.eq(chunk, quote), i8x16.eq(chunk, backslash)), i8x16.lt_u(chunk, space)));
    const plain = min<usize>(found == 0 ? 16 : ctz(found), end - source);
    source += plain;
    p += plain;
    if (source < end && plain < 16) p = writeEscaped(p, load<u8>(source++));
  }
  store<u8>(p, 34);
  return p + 1;
}

function writeEscaped(p: usize, c: u32): usize {
  store<u8>(p, 92);
  let short: u32 = 0;
  if (c == 34 || c == 92) short = c;
  else if (c == 8) short = 98;
  else if (c == 9) short = 116;
  else if (c == 10) short = 110;
  else if (c == 12) short = 102;
  else if (c == 13) short = 114;
  if (short != 0) {
    store<u8>(p, short, 1);
    return p + 2;
  }
  store<u32>(p + 1, 0x00303075); // u00
  store<u8>(p + 4, 48 + (c >> 4));
  const digit = c & 15;
  store<u8>(p + 5, digit < 10 ? 48 + digit : 55 + digit);
  return p + 6;
}
