// What the JSON and the CSV scanner share: the scan descriptor, blocks under construction, lines that are left to TypeScript.
//
// A scanner converts what is usual. A line with anything else (malformed, a value of another type, an unusual spelling) is
// "deferred": it gets a row of nulls and an entry in the list of deferred lines; the reader then parses that line with its plain
// twin in TypeScript, which alone decides what becomes of it, and stores the row.
import {
  ARENA_SPLIT, BLOCK_COLUMN_BYTES, BLOCK_COLUMN_COUNT, BLOCK_COLUMN_DICTIONARY, BLOCK_COLUMNS, BLOCK_NEXT, BLOCK_ROW_COUNT, BLOCK_ROWS_MAX, PADDING_BYTES,
} from "./memory-layout";
import { arena_alloc } from "./memory";
import { kindWidth } from "./column-batch";

// Scan descriptor; src/connectors/formats/scan-memory.ts writes it.
export const SCAN_POSITION: usize = 0; // u32: where the next line begins
export const SCAN_END: usize = 4; // u32: end of the input; a line feed lies there, then padding
export const SCAN_COLUMN_COUNT: usize = 8;
export const SCAN_COLUMN_TABLE: usize = 12;
export const SCAN_FIELD_COUNT: usize = 16;
export const SCAN_FIELDS: usize = 20;
export const SCAN_DEFERRED: usize = 24; // u32: list of deferred lines, 12 bytes each: row, begin, end; BLOCK_ROWS_MAX entries
export const SCAN_DEFERRED_COUNT: usize = 28;
export const SCAN_ZONE_FROM: usize = 32; // i64: local times (µs) in [from, until) are ahead of UTC by the offset
export const SCAN_ZONE_UNTIL: usize = 40; // i64
export const SCAN_ZONE_OFFSET: usize = 48; // i64, µs
export const SCAN_FORMAT: usize = 56; // what belongs to one format
const SCAN_GIVEN: usize = 112; // u32: memory of blocks since the last `scan_reuse`, linked
const SCAN_FREE: usize = 116; // u32: of blocks that nobody looks at any more
export const SCAN_ZONE_MISSED: usize = 120; // u32: 1 if a line was deferred because its local time is outside of the range above
export const SCAN_ZONE_TRIES: usize = 124; // u32: how often more a block ends early then, so that the reader can move the range

// Column table: kind u32, needed u32, values u32, validity u32 (of the block under construction).
const COLUMN_BYTES: u32 = 16;

// Field: how one declared value is converted and where it goes.
export const FIELD_BYTES: u32 = 48;
export const FIELD_NAME: usize = 0;
export const FIELD_NAME_LENGTH: usize = 4;
export const FIELD_TYPE: usize = 8;
export const FIELD_COLUMN: usize = 12;
export const FIELD_VALUES: usize = 16;
export const FIELD_VALIDITY: usize = 20;
export const FIELD_PRECISION: usize = 24;
export const FIELD_SCALE: usize = 28;
export const FIELD_CHILD: usize = 32; // u32: node of a struct

export const TYPE_DEFERRED: u32 = 0;
export const TYPE_BOOLEAN: u32 = 1;
export const TYPE_BYTE: u32 = 2;
export const TYPE_SHORT: u32 = 3;
export const TYPE_INTEGER: u32 = 4;
export const TYPE_LONG: u32 = 5;
export const TYPE_FLOAT: u32 = 6;
export const TYPE_DOUBLE: u32 = 7;
export const TYPE_DECIMAL: u32 = 8; // of at most 18 digits
export const TYPE_STRING: u32 = 9;
export const TYPE_DATE: u32 = 10;
export const TYPE_TIMESTAMP: u32 = 11;
export const TYPE_TIMESTAMP_NTZ: u32 = 12;
export const TYPE_STRUCT: u32 = 13;

/** Starts a block with room for as many rows as the rest of the input can hold; all values null. 0: out of memory. */
export function scanBlockBegin(scan: usize): usize {
  const rest = load<u32>(scan, SCAN_END) - load<u32>(scan, SCAN_POSITION);
  const capacity = min(rest / 2 + 1, BLOCK_ROWS_MAX);
  const columns = load<u32>(scan, SCAN_COLUMN_COUNT);
  const table: usize = load<u32>(scan, SCAN_COLUMN_TABLE);
  let bytes: u32 = BLOCK_COLUMNS + BLOCK_COLUMN_BYTES * columns;
  for (let c: u32 = 0; c < columns; c++) {
    const column = table + COLUMN_BYTES * c;
    if (load<u32>(column, 4) != 0) bytes += padded(capacity) + padded(kindWidth(load<u32>(column)) * capacity);
  }
  const block = blockMemory(scan, bytes);
  if (block == 0) return 0;
  store<u32>(block, capacity, BLOCK_ROW_COUNT);
  store<u32>(block, columns, BLOCK_COLUMN_COUNT);
  store<u32>(block, 0, BLOCK_NEXT);
  let at = (block + BLOCK_COLUMNS + BLOCK_COLUMN_BYTES * columns + 15) & ~15;
  memory.fill(at, 0, block + bytes - at);
  for (let c: u32 = 0; c < columns; c++) {
    const column = table + COLUMN_BYTES * c;
    const width = kindWidth(load<u32>(column));
    let values: usize = 0;
    let validity: usize = 0;
    if (load<u32>(column, 4) != 0) {
      validity = at;
      at += padded(capacity);
      if (width != 0) values = at;
      at += padded(width * capacity);
    }
    store<u32>(column, <u32>values, 8);
    store<u32>(column, <u32>validity, 12);
  }
  const fields = load<u32>(scan, SCAN_FIELD_COUNT);
  let field: usize = load<u32>(scan, SCAN_FIELDS);
  for (let f: u32 = 0; f < fields; f++) {
    const column = table + COLUMN_BYTES * load<u32>(field, FIELD_COLUMN);
    store<u32>(field, load<u32>(column, 8), FIELD_VALUES);
    store<u32>(field, load<u32>(column, 12), FIELD_VALIDITY);
    field += FIELD_BYTES;
  }
  store<u32>(scan, 0, SCAN_DEFERRED_COUNT);
  return block;
}

// Bytes of a buffer, and what may be read behind it.
@inline function padded(bytes: u32): u32 {
  return bytes == 0 ? 0 : (bytes + PADDING_BYTES + 15) & ~15;
}

// In front of a block: the next one of its list u32, bytes of the block u32.
const LINK_BYTES: u32 = 16;

function blockMemory(scan: usize, bytes: u32): usize {
  bytes += 15;
  let link: usize = load<u32>(scan, SCAN_FREE);
  if (link != 0 && load<u32>(link, 4) >= bytes) {
    store<u32>(scan, load<u32>(link), SCAN_FREE);
  } else {
    link = arena_alloc(ARENA_SPLIT, LINK_BYTES + bytes);
    if (link == 0) return 0;
    store<u32>(link, bytes, 4);
  }
  store<u32>(link, load<u32>(scan, SCAN_GIVEN));
  store<u32>(scan, <u32>link, SCAN_GIVEN);
  return link + LINK_BYTES;
}

/** The memory of all blocks until now is for the next ones. */
export function scan_reuse(scan: usize): void {
  let link: usize = load<u32>(scan, SCAN_GIVEN);
  while (link != 0) {
    const next = load<u32>(link);
    store<u32>(link, load<u32>(scan, SCAN_FREE));
    store<u32>(scan, <u32>link, SCAN_FREE);
    link = next;
  }
  store<u32>(scan, 0, SCAN_GIVEN);
}

/** Whether the block should end after a deferred line, because the reader can make the following ones convertible. */
export function scanEndsEarly(scan: usize): bool {
  if (load<u32>(scan, SCAN_ZONE_MISSED) == 0) return false;
  store<u32>(scan, 0, SCAN_ZONE_MISSED);
  const tries = load<u32>(scan, SCAN_ZONE_TRIES);
  if (tries == 0) return false;
  store<u32>(scan, tries - 1, SCAN_ZONE_TRIES);
  return true;
}

/** Leaves the line [begin, end) of row `row` to the reader. */
export function scanDefer(scan: usize, row: u32, begin: usize, end: usize): void {
  const count = load<u32>(scan, SCAN_DEFERRED_COUNT);
  const entry: usize = load<u32>(scan, SCAN_DEFERRED) + 12 * count;
  store<u32>(entry, row);
  store<u32>(entry, <u32>begin, 4);
  store<u32>(entry, <u32>end, 8);
  store<u32>(scan, count + 1, SCAN_DEFERRED_COUNT);
}

/**
 * Completes the block once all its rows are stored: drops rows whose byte in `keep` is 0 (`keep` 0: none), sets the descriptors
 * (no validity where every row is valid). Returns the rows left.
 */
export function scan_block_finish(scan: usize, block: usize, keep: usize): u32 {
  let rows = load<u32>(block, BLOCK_ROW_COUNT);
  const columns = load<u32>(block, BLOCK_COLUMN_COUNT);
  const table: usize = load<u32>(scan, SCAN_COLUMN_TABLE);
  let kept = rows;
  for (let c: u32 = 0; c < columns; c++) {
    const column = table + COLUMN_BYTES * c;
    const values: usize = load<u32>(column, 8);
    let validity: usize = load<u32>(column, 12);
    if (keep != 0) {
      if (validity != 0) compact(validity, keep, rows, 1);
      if (values != 0) compact(values, keep, rows, kindWidth(load<u32>(column)));
    }
  }
  if (keep != 0) {
    kept = 0;
    for (let r: u32 = 0; r < rows; r++) kept += load<u8>(keep + r);
    store<u32>(block, kept, BLOCK_ROW_COUNT);
  }
  for (let c: u32 = 0; c < columns; c++) {
    const column = table + COLUMN_BYTES * c;
    const validity: usize = load<u32>(column, 12);
    const descriptor = block + BLOCK_COLUMNS + BLOCK_COLUMN_BYTES * c;
    store<u32>(descriptor, load<u32>(column, 8));
    store<u32>(descriptor, validity != 0 && !allOnes(validity, kept) ? <u32>validity : 0, 4);
    store<u32>(descriptor, 0, BLOCK_COLUMN_DICTIONARY);
  }
  return kept;
}

function compact(address: usize, keep: usize, rows: u32, width: u32): void {
  let target = address;
  for (let r: u32 = 0; r < rows; r++) {
    if (load<u8>(keep + r) == 0) continue;
    const source = address + width * r;
    if (source != target) memory.copy(target, source, width);
    target += width;
  }
}

function allOnes(address: usize, count: u32): bool {
  let r: u32 = 0;
  for (; r + 16 <= count; r += 16) {
    if (!v128.all_true<u8>(v128.load(address + r))) return false;
  }
  for (; r < count; r++) if (load<u8>(address + r) == 0) return false;
  return true;
}

/** Rows [from, from + rows) of a finished block as a block of their own (ARENA_SPLIT); shares its columns. */
export function scan_block_slice(scan: usize, block: usize, from: u32, rows: u32): usize {
  const columns = load<u32>(block, BLOCK_COLUMN_COUNT);
  const table: usize = load<u32>(scan, SCAN_COLUMN_TABLE);
  const slice = arena_alloc(ARENA_SPLIT, BLOCK_COLUMNS + BLOCK_COLUMN_BYTES * columns);
  if (slice == 0) return 0;
  store<u32>(slice, rows, BLOCK_ROW_COUNT);
  store<u32>(slice, columns, BLOCK_COLUMN_COUNT);
  store<u32>(slice, 0, BLOCK_NEXT);
  for (let c: u32 = 0; c < columns; c++) {
    const source = block + BLOCK_COLUMNS + BLOCK_COLUMN_BYTES * c;
    const target = slice + BLOCK_COLUMNS + BLOCK_COLUMN_BYTES * c;
    const values = load<u32>(source);
    const validity = load<u32>(source, 4);
    store<u32>(target, values == 0 ? 0 : values + kindWidth(load<u32>(table + COLUMN_BYTES * c)) * from);
    store<u32>(target, validity == 0 ? 0 : validity + from, 4);
    store<u32>(target, 0, BLOCK_COLUMN_DICTIONARY);
  }
  return slice;
}

/** Address of the first line feed or carriage return at or after `p`, at most `end`. */
export function line_end(p: usize, end: usize): usize {
  const lineFeed = i8x16.splat(10);
  const carriageReturn = i8x16.splat(13);
  for (; p < end; p += 16) {
    const chunk = v128.load(p);
    const found = i8x16.bitmask(v128.or(i8x16.eq(chunk, lineFeed), i8x16.eq(chunk, carriageReturn)));
    if (found != 0) return min(p + ctz(found), end);
  }
  return end;
}

/** The address behind the line terminator at `p` (line feed, carriage return, or both); `p` itself if there is none. */
@inline export function behindTerminator(p: usize, end: usize): usize {
  if (p >= end) return p;
  const c = load<u8>(p);
  if (c == 13) return p + 1 < end && load<u8>(p, 1) == 10 ? p + 2 : p + 1;
  return c == 10 ? p + 1 : p;
}

/** Whether [p, end) is well-formed UTF-8. */
export function utf8Valid(p: usize, end: usize): bool {
  while (p < end) {
    const c: u32 = load<u8>(p);
    if (c < 0x80) {
      p++;
    } else if (c < 0xe0) {
      if (c < 0xc2 || end - p < 2 || !isContinuation(load<u8>(p, 1))) return false;
      p += 2;
    } else if (c < 0xf0) {
      if (end - p < 3) return false;
      const d: u32 = load<u8>(p, 1);
      if (!isContinuation(d) || !isContinuation(load<u8>(p, 2)) || (c == 0xe0 && d < 0xa0) || (c == 0xed && d >= 0xa0)) return false;
      p += 3;
    } else {
      if (c > 0xf4 || end - p < 4) return false;
      const d: u32 = load<u8>(p, 1);
      if (!isContinuation(d) || !isContinuation(load<u8>(p, 2)) || !isContinuation(load<u8>(p, 3))) return false;
      if ((c == 0xf0 && d < 0x90) || (c == 0xf4 && d >= 0x90)) return false;
      p += 4;
    }
  }
  return true;
}

@inline function isContinuation(c: u32): bool {
  return (c & 0xc0) == 0x80;
}

/** Whether a byte of [p, end) is not ASCII. Reads up to 15 bytes beyond. */
@inline export function hasNonAscii(p: usize, end: usize): bool {
  for (; p < end; p += 16) {
    const high = i8x16.bitmask(v128.load(p));
    if (high != 0 && p + ctz(high) < end) return true;
  }
  return false;
}
