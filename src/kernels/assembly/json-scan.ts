// NDJSON to blocks: one object a line, only declared fields are converted, everything else is checked and skipped. Called by
// src/connectors/formats/json-reader.ts, which writes the descriptors and parses deferred lines.
//
// Most producers write the keys of all records in the same order and with the same spaces. Each object node remembers what it saw in front of
// each value, comma, key, colon and spaces, and compares those bytes first; only a miss takes them apart and looks the name up.
import { BLOCK_ROW_COUNT } from "./memory-layout";
import {
  behindTerminator, FIELD_BYTES, FIELD_CHILD, FIELD_NAME, FIELD_NAME_LENGTH, FIELD_TYPE, FIELD_VALIDITY, FIELD_VALUES, line_end,
  scan_block_finish, scanBlockBegin, scanDefer, scanEndsEarly, SCAN_DEFERRED_COUNT, SCAN_END, SCAN_FORMAT, SCAN_POSITION, TYPE_STRING,
  TYPE_STRUCT,
} from "./scan-block";
import { convertString, convertValue, skipSpace, skipString, skipValue, stringStop } from "./json-value";

// Scan descriptor: u32 at SCAN_FORMAT is the root node. Node: field count u32, first field u32, 8 bytes unused, then SLOTS slots.
const NODE_FIELD_COUNT: usize = 0;
const NODE_FIELDS: usize = 4;
const NODE_SLOTS: usize = 16;
// Slot: the field of the key (0: not declared) u32, bytes in front of the value u32 (0: nothing seen yet), mask of the last 16 of them u32,
// unused u32, the bytes (up to 48).
const SLOTS: u32 = 64;
const SLOT_BYTES: usize = 64;
const SLOT_FIELD: usize = 0;
const SLOT_LENGTH: usize = 4;
const SLOT_MASK: usize = 8;
const SLOT_TEXT: usize = 16;
const SLOT_BYTES_MAX: u32 = 48;

/**
 * The next block of the scan, or 0 at the end (or out of memory, with ERROR_CODE). If lines were deferred, the caller stores their
 * rows and calls `scan_block_finish`; otherwise the block is complete.
 */
export function json_next(scan: usize): usize {
  const end: usize = load<u32>(scan, SCAN_END);
  let p: usize = load<u32>(scan, SCAN_POSITION);
  while (p < end && (load<u8>(p) == 10 || load<u8>(p) == 13)) p++;
  if (p >= end) return 0;
  const block = scanBlockBegin(scan);
  if (block == 0) return 0;
  const limit = load<u32>(block, BLOCK_ROW_COUNT);
  const root: usize = load<u32>(scan, SCAN_FORMAT);
  let row: u32 = 0;
  while (row < limit && p < end) {
    const begin = p;
    if (load<u8>(p) == 123) {
      p = convertObject(scan, p + 1, root, row);
      if (p != 0) {
        p = skipSpace(p);
        const c: u32 = load<u8>(p);
        if (c == 10) {
          p++;
          row++;
          continue;
        }
        if (c == 13) {
          p = behindTerminator(p, end);
          row++;
          continue;
        }
      }
    } else if (load<u8>(p) == 10 || load<u8>(p) == 13) {
      p++;
      continue;
    }
    const lineEnd = line_end(begin, end);
    scanDefer(scan, row, begin, lineEnd);
    row++;
    p = behindTerminator(lineEnd, end);
    if (scanEndsEarly(scan)) break;
  }
  store<u32>(scan, <u32>p, SCAN_POSITION);
  store<u32>(block, row, BLOCK_ROW_COUNT);
  if (load<u32>(scan, SCAN_DEFERRED_COUNT) == 0) scan_block_finish(scan, block, 0);
  return block;
}

// Converts the object whose brace is before `p`; returns the address behind its closing brace, or 0 to defer the line.
function convertObject(scan: usize, p: usize, node: usize, row: u32): usize {
  let slot = node + NODE_SLOTS;
  const lastSlot = slot + SLOT_BYTES * (SLOTS - 1);
  let isFirst = true;
  while (true) {
    let field: usize;
    const length = load<u32>(slot, SLOT_LENGTH);
    if (length != 0 && isAt(p, slot, length)) {
      field = load<u32>(slot, SLOT_FIELD);
      p += length;
    } else {
      const from = p;
      p = skipSpace(p);
      if (load<u8>(p) == 125) return p + 1;
      if (!isFirst) {
        if (load<u8>(p) != 44) return 0;
        p = skipSpace(p + 1);
      }
      if (load<u8>(p) != 34) return 0;
      const key = p + 1;
      const keyEnd = stringStop(key);
      if (load<u8>(keyEnd) != 34) return 0;
      field = findField(node, key, <u32>(keyEnd - key));
      p = skipSpace(keyEnd + 1);
      if (load<u8>(p) != 58) return 0;
      p = skipSpace(p + 1);
      remember(slot, field, from, <u32>(p - from));
    }
    isFirst = false;
    if (field == 0) {
      p = load<u8>(p) == 34 ? skipString(p + 1) : skipValue(p);
    } else {
      const type = load<u32>(field, FIELD_TYPE);
      if (type == TYPE_STRING && load<u8>(p) == 34) {
        p = convertString(p + 1, load<u32>(field, FIELD_VALUES) + 8 * row, load<u32>(field, FIELD_VALIDITY) + row);
      } else if (type != TYPE_STRUCT) {
        p = convertValue(scan, p, field, row);
      } else {
        const validity: usize = load<u32>(field, FIELD_VALIDITY) + row;
        // The second value of a repeated key replaces all fields of the first: left to the plain twin.
        if (load<u8>(validity) != 0) return 0;
        if (load<u8>(p) == 123) {
          store<u8>(validity, 1);
          p = convertObject(scan, p + 1, load<u32>(field, FIELD_CHILD), row);
        } else {
          p = load<u32>(p) == 0x6c6c756e ? p + 4 : 0;
        }
      }
    }
    if (p == 0) return 0;
    if (slot != lastSlot) slot += SLOT_BYTES;
  }
}

// Whether the bytes of the slot stand at `p`.
@inline function isAt(p: usize, slot: usize, length: u32): bool {
  let text = slot + SLOT_TEXT;
  while (length > 16) {
    if (v128.any_true(v128.xor(v128.load(p), v128.load(text)))) return false;
    p += 16;
    text += 16;
    length -= 16;
  }
  const mask = load<u32>(slot, SLOT_MASK);
  return (<u32>i8x16.bitmask(i8x16.eq(v128.load(p), v128.load(text))) & mask) == mask;
}

function findField(node: usize, name: usize, length: u32): usize {
  let field: usize = load<u32>(node, NODE_FIELDS);
  const end: usize = field + FIELD_BYTES * load<u32>(node, NODE_FIELD_COUNT);
  for (; field < end; field += FIELD_BYTES) {
    if (load<u32>(field, FIELD_NAME_LENGTH) == length && memory.compare(load<u32>(field, FIELD_NAME), name, length) == 0) return field;
  }
  return 0;
}

function remember(slot: usize, field: usize, text: usize, length: u32): void {
  if (length > SLOT_BYTES_MAX) {
    store<u32>(slot, 0, SLOT_LENGTH);
    return;
  }
  memory.copy(slot + SLOT_TEXT, text, length);
  const last = ((length - 1) & 15) + 1;
  store<u32>(slot, <u32>field, SLOT_FIELD);
  store<u32>(slot, length, SLOT_LENGTH);
  store<u32>(slot, ((<u32>1) << last) - 1, SLOT_MASK);
}
