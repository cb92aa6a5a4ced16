// Frames of state files (state-frame.ts) of one row layout as frames of another: a query goes on with state that an earlier version of its program
// has left. Changes stay changes, chunks become changes that put every row. Called by state/frame-migration.ts on the worker that loads
// state; knows no store.
//
// plan:   layout before u32 | layout after u32 | moves u32 | template row u32 | scratch row before u32 | scratch row after u32 |
//         bytes of the keys u32 | scratch for wide numbers u32 | moves, 24 bytes each
// move:   kind u32 | offset before u32 | offset after u32 | argument u32 | null bit before u32 | null bit after u32
// cursor: 32 bytes, zero at first; see below
import {
  LAYOUT_KEYS, LAYOUT_KEY_NULLS, LAYOUT_ROW_BYTES, LAYOUT_VALUE_NULLS, ROW_FIELDS, ROW_FLAGS, ROW_HASH,
} from "./memory-layout";
import { crc32c } from "./crc32c";
import { APPLY_CRC, APPLY_DONE, APPLY_LAYOUT, APPLY_MAGIC, APPLY_RECORD, APPLY_TRUNCATED, APPLY_VERSION } from "./apply-result";
import { packRow, packedBytes, rowHasNulls, unpackRow } from "./packed-row";
import {
  BUFFER_TOO_SMALL,
  F_BATCH,
  F_CRC,
  F_KIND,
  F_OPERATOR,
  F_PARTITION,
  F_PARTITIONS,
  F_PAYLOAD_BYTES,
  F_RECORDS,
  F_ROW_BYTES,
  F_VERSION,
  FRAME_CHANGES,
  FRAME_CHUNKS,
  FRAME_HEADER,
  FRAME_MAGIC,
  FRAME_VERSION,
  RECORD_DROP,
  RECORD_HEADER,
  RECORD_OVERHEAD,
  RECORD_PUT,
  RECORD_WITHOUT_NULLS,
  R_BYTES,
  R_ROWS,
  framesBegin,
  framesEnd,
  recordTake,
} from "./state-frame";
import {
  CHUNK_BYTES_MIN,
  CHUNK_HEADER,
  C_BYTES,
  C_ROWS_USED,
  C_ROW_BYTES,
  C_SLOTS_LOG2,
  C_VARIABLE_TOP,
  ROW_NOT_LIVE,
  SLOTS_LOG2_MAX,
  rowsOf,
} from "./table-layout";

const M_BEFORE: u32 = 0;
const M_AFTER: u32 = 4;
const M_MOVES: u32 = 8;
const M_TEMPLATE: u32 = 12;
const M_ROW_BEFORE: u32 = 16;
const M_ROW_AFTER: u32 = 20;
const M_KEY_BYTES: u32 = 24;
const M_WIDE: u32 = 28;
const M_HEADER: u32 = 32;
const MOVE_BYTES: u32 = 24;

const MOVE_COPY: u32 = 0; // argument: bytes
const MOVE_INTEGER: u32 = 1; // width before | width after << 8
const MOVE_TO_DOUBLE: u32 = 2; // width before
const MOVE_TO_FLOAT: u32 = 3; // width before
const MOVE_FLOAT_TO_DOUBLE: u32 = 4;
const MOVE_TO_DECIMAL: u32 = 5; // width before | power of ten << 8
const MOVE_TO_WIDE: u32 = 6; // width before | power of ten << 8
const MOVE_WIDE: u32 = 7; // power of ten << 8

const N_STARTED: u32 = 0; // 1: the frame has been checked
const N_LEFT: u32 = 4; // records or chunks after the current one
const N_AT: u32 = 8; // of the current record or chunk, from the start of the frame
const N_ROW: u32 = 12; // of the next row from the start of the frame, or its index in the chunk; 0: the record has not been begun
const N_ROWS: u32 = 16; // rows left in the record
const N_RESULT: u32 = 20; // APPLY_*
const N_NEEDED: u32 = 24; // buffer size that would do, after BUFFER_TOO_SMALL

const DROP_BYTES: u32 = 16;
const WIDE_BYTES: u32 = 16;

/**
 * Writes as many of the frame's rows as `out` has room for, in the other layout, as one frame. Called again and again with the same `cursor` until it returns 0: then
 * cursor + 20 says how it went. Otherwise returns the bytes written, or all ones if a row needs a buffer of the size at cursor + 24.
 */
export function frame_migrate(plan: usize, frame: usize, length: u32, cursor: usize, out: usize, capacity: u32): u32 {
  if (load<u32>(cursor, N_STARTED) == 0) {
    const problem = check(plan, frame, length);
    store<u32>(cursor, problem, N_RESULT);
    if (problem != APPLY_DONE) return 0;
    const isChunks = load<u16>(frame, F_KIND) == FRAME_CHUNKS;
    store<u32>(cursor, 1, N_STARTED);
    store<u32>(cursor, load<u32>(frame, F_RECORDS), N_LEFT);
    store<u32>(cursor, FRAME_HEADER + (isChunks ? 16 : 0), N_AT);
  }
  const after: usize = load<u32>(plan, M_AFTER);
  framesBegin(
    out, capacity, FRAME_CHANGES, load<u32>(frame, F_OPERATOR), load<i64>(frame, F_BATCH), load<u32>(after, LAYOUT_ROW_BYTES),
    load<u32>(frame, F_PARTITIONS),
  );
  const end = frame + FRAME_HEADER + load<u32>(frame, F_PAYLOAD_BYTES);
  const isChunks = load<u16>(frame, F_KIND) == FRAME_CHUNKS;
  while (load<u32>(cursor, N_LEFT) != 0) {
    const needed = isChunks ? migrateChunk(plan, frame, end, cursor) : migrateRecord(plan, frame, end, cursor);
    if (load<u32>(cursor, N_RESULT) != APPLY_DONE) return 0;
    if (needed == 0) continue;
    const written = framesEnd();
    if (written != 0) return written;
    store<u32>(cursor, needed + RECORD_OVERHEAD, N_NEEDED);
    return BUFFER_TOO_SMALL;
  }
  if (frame + load<u32>(cursor, N_AT) != end) {
    store<u32>(cursor, APPLY_RECORD, N_RESULT);
    return 0;
  }
  return framesEnd();
}

function check(plan: usize, frame: usize, length: u32): u32 {
  if (length < FRAME_HEADER) return APPLY_TRUNCATED;
  if (load<u32>(frame) != FRAME_MAGIC) return APPLY_MAGIC;
  if (load<u16>(frame, F_VERSION) != FRAME_VERSION) return APPLY_VERSION;
  const bytes = load<u32>(frame, F_PAYLOAD_BYTES);
  if (bytes & 7 || <u64>bytes + FRAME_HEADER > <u64>length) return APPLY_TRUNCATED;
  const crc = load<u32>(frame, F_CRC);
  store<u32>(frame, 0, F_CRC);
  const isIntact = crc32c(frame, FRAME_HEADER + bytes, 0) == crc;
  store<u32>(frame, crc, F_CRC);
  if (!isIntact) return APPLY_CRC;
  if (load<u32>(frame, F_ROW_BYTES) != load<u32>(load<u32>(plan, M_BEFORE), LAYOUT_ROW_BYTES)) return APPLY_LAYOUT;
  const kind = load<u16>(frame, F_KIND);
  if (kind == FRAME_CHUNKS) return bytes < 16 ? APPLY_RECORD : APPLY_DONE;
  return kind == FRAME_CHANGES ? APPLY_DONE : APPLY_VERSION;
}

/** Goes on with the current record of changes. 0, or the bytes for which there is no room. */
function migrateRecord(plan: usize, frame: usize, end: usize, cursor: usize): u32 {
  const record = frame + load<u32>(cursor, N_AT);
  if (record + RECORD_HEADER > end || load<u32>(record, R_BYTES) > <u32>(end - record) - RECORD_HEADER) return fail(cursor, APPLY_RECORD);
  const bytes = load<u32>(record, R_BYTES);
  const contentEnd = record + RECORD_HEADER + bytes;
  if (load<u32>(cursor, N_ROW) == 0) {
    store<u32>(cursor, load<u32>(cursor, N_AT) + RECORD_HEADER, N_ROW);
    store<u32>(cursor, load<u32>(record, R_ROWS), N_ROWS);
  }
  const kind = load<u32>(record) & ~RECORD_WITHOUT_NULLS;
  if (kind < RECORD_PUT || kind > RECORD_DROP) return fail(cursor, APPLY_RECORD);
  const withNulls = (load<u32>(record) & RECORD_WITHOUT_NULLS) == 0;
  const partition = load<u32>(frame, F_PARTITION);
  const before: usize = load<u32>(plan, M_BEFORE);
  const row: usize = load<u32>(plan, M_ROW_BEFORE);
  for (; load<u32>(cursor, N_ROWS) != 0; store<u32>(cursor, load<u32>(cursor, N_ROWS) - 1, N_ROWS)) {
    const position = frame + load<u32>(cursor, N_ROW);
    let taken: u32 = DROP_BYTES;
    if (kind == RECORD_DROP) {
      if (position + DROP_BYTES > contentEnd) return fail(cursor, APPLY_RECORD);
      const dropped = recordTake(partition, RECORD_DROP, DROP_BYTES);
      if (dropped == 0) return DROP_BYTES;
      memory.copy(dropped, position, DROP_BYTES);
    } else {
      taken = unpackRow(before, row, position, contentEnd, withNulls);
      if (taken == 0) return fail(cursor, APPLY_RECORD);
      const needed = writeMigrated(plan, partition, row, position, kind);
      if (needed != 0) return needed;
    }
    store<u32>(cursor, load<u32>(cursor, N_ROW) + taken, N_ROW);
  }
  if (frame + load<u32>(cursor, N_ROW) != contentEnd) return fail(cursor, APPLY_RECORD);
  advance(cursor, RECORD_HEADER + ((bytes + 7) & ~7));
  return 0;
}

/** The same for the current chunk. */
function migrateChunk(plan: usize, frame: usize, end: usize, cursor: usize): u32 {
  const chunk = frame + load<u32>(cursor, N_AT);
  if (chunk + CHUNK_HEADER > end) return fail(cursor, APPLY_RECORD);
  const bytes = load<u32>(chunk, C_BYTES);
  const rowBytes = load<u32>(chunk, C_ROW_BYTES);
  const used = load<u32>(chunk, C_ROWS_USED);
  if (bytes < CHUNK_BYTES_MIN || bytes > <u32>(end - chunk) || load<u32>(chunk, C_SLOTS_LOG2) > SLOTS_LOG2_MAX) {
    return fail(cursor, APPLY_RECORD);
  }
  if (rowBytes != load<u32>(frame, F_ROW_BYTES)) return fail(cursor, APPLY_LAYOUT);
  const rows = rowsOf(chunk);
  const top = load<u32>(chunk, C_VARIABLE_TOP);
  if (<u64>(rows - chunk) + <u64>rowBytes * used > <u64>top || top > bytes) return fail(cursor, APPLY_RECORD);
  const partition = load<u32>(frame, F_PARTITION);
  for (let index = load<u32>(cursor, N_ROW); index < used; index++) {
    const row = rows + index * rowBytes;
    if (load<u32>(row, ROW_FLAGS) & ROW_NOT_LIVE) continue;
    const needed = writeMigrated(plan, partition, row, chunk, RECORD_PUT);
    if (needed == 0) continue;
    store<u32>(cursor, index, N_ROW);
    return needed;
  }
  advance(cursor, bytes);
  return 0;
}

function advance(cursor: usize, bytes: u32): void {
  store<u32>(cursor, load<u32>(cursor, N_AT) + bytes, N_AT);
  store<u32>(cursor, load<u32>(cursor, N_LEFT) - 1, N_LEFT);
  store<u32>(cursor, 0, N_ROW);
}

function fail(cursor: usize, result: u32): u32 {
  store<u32>(cursor, result, N_RESULT);
  return 0;
}

/** 0, or the bytes for which there is no room. */
function writeMigrated(plan: usize, partition: u32, row: usize, base: usize, kind: u32): u32 {
  const layout: usize = load<u32>(plan, M_AFTER);
  const migrated: usize = load<u32>(plan, M_ROW_AFTER);
  migrateRow(plan, migrated, row, base);
  const withNulls = rowHasNulls(layout, migrated);
  const bytes = packedBytes(layout, migrated, withNulls);
  const packed = recordTake(partition, withNulls ? kind : kind | RECORD_WITHOUT_NULLS, bytes);
  if (packed == 0) return bytes;
  packRow(layout, packed, migrated, base, withNulls);
  return 0;
}

/** Slots of the new row are relative to `base`, as those of the old one: also those of numbers that have become wide. */
function migrateRow(plan: usize, to: usize, row: usize, base: usize): void {
  const before: usize = load<u32>(plan, M_BEFORE);
  const after: usize = load<u32>(plan, M_AFTER);
  memory.copy(to, load<u32>(plan, M_TEMPLATE), load<u32>(after, LAYOUT_ROW_BYTES));
  store<u32>(to, load<u32>(row, ROW_HASH), ROW_HASH);
  memory.copy(to + load<u32>(after, LAYOUT_KEYS), row + load<u32>(before, LAYOUT_KEYS), load<u32>(plan, M_KEY_BYTES));
  const keyNulls =
    load<u32>(before, LAYOUT_KEYS) == ROW_FIELDS ? load<u32>(row, ROW_FLAGS) & load<u32>(before, LAYOUT_KEY_NULLS) : load<u64>(row, ROW_FIELDS);
  if (load<u32>(after, LAYOUT_KEYS) == ROW_FIELDS) store<u32>(to, load<u32>(to, ROW_FLAGS) | <u32>keyNulls, ROW_FLAGS);
  else store<u64>(to, keyNulls, ROW_FIELDS);
  const moves = load<u32>(plan, M_MOVES);
  if (moves == 0) return;
  const nulls = load<u64>(row + load<u32>(before, LAYOUT_VALUE_NULLS));
  const nullsAfter = to + load<u32>(after, LAYOUT_VALUE_NULLS);
  for (let i: u32 = 0; i < moves; i++) {
    const move = plan + M_HEADER + MOVE_BYTES * i;
    const isNull = (nulls >> (<u64>load<u32>(move, 16))) & 1;
    const bit = <u64>load<u32>(move, 20);
    store<u64>(nullsAfter, (load<u64>(nullsAfter) & ~(<u64>1 << bit)) | (isNull << bit));
    moveValue(move, row + load<u32>(move, 4), to + load<u32>(move, 8), base, load<u32>(plan, M_WIDE) + WIDE_BYTES * i, isNull != 0);
  }
}

function moveValue(move: usize, from: usize, to: usize, base: usize, wide: usize, isNull: bool): void {
  const argument = load<u32>(move, 12);
  const width = argument & 255;
  const rest = argument >> 8;
  switch (load<u32>(move)) {
    case MOVE_COPY:
      memory.copy(to, from, argument);
      break;
    case MOVE_INTEGER:
      storeInteger(to, rest, loadInteger(from, width));
      break;
    case MOVE_TO_DOUBLE:
      store<f64>(to, <f64>loadInteger(from, width));
      break;
    case MOVE_TO_FLOAT:
      store<f32>(to, <f32>loadInteger(from, width));
      break;
    case MOVE_FLOAT_TO_DOUBLE:
      store<f64>(to, <f64>load<f32>(from));
      break;
    case MOVE_TO_DECIMAL: {
      let value = loadInteger(from, width);
      for (let power = rest; power != 0; power--) value *= 10;
      store<i64>(to, value);
      break;
    }
    case MOVE_TO_WIDE: {
      const value = loadInteger(from, width);
      if (isNull) store<u64>(to, 0);
      else storeWide(to, wide, base, <u64>value, <u64>(value >> 63), rest);
      break;
    }
    case MOVE_WIDE: {
      const number = base + load<u32>(from);
      if (isNull || load<u32>(from, 4) == 0) store<u64>(to, 0);
      else storeWide(to, wide, base, load<u64>(number), load<u64>(number, 8), rest);
      break;
    }
  }
}

function loadInteger(from: usize, width: u32): i64 {
  if (width == 1) return <i64>load<i8>(from);
  if (width == 2) return <i64>load<i16>(from);
  return width == 4 ? <i64>load<i32>(from) : load<i64>(from);
}

function storeInteger(to: usize, width: u32, value: i64): void {
  if (width == 2) store<i16>(to, <i16>value);
  else if (width == 4) store<i32>(to, <i32>value);
  else store<i64>(to, value);
}

/** The number times 10^`power` at `wide`, and a slot that leads there from `base` (modulo 2^32). */
function storeWide(slot: usize, wide: usize, base: usize, low: u64, high: u64, power: u32): void {
  for (; power != 0; power--) {
    const bottom = (low & 0xffffffff) * 10;
    const middle = (low >> 32) * 10 + (bottom >> 32);
    high = high * 10 + (middle >> 32);
    low = (middle << 32) | (bottom & 0xffffffff);
  }
  store<u64>(wide, low);
  store<u64>(wide, high, 8);
  store<u32>(slot, <u32>(wide - base));
  store<u32>(slot, WIDE_BYTES, 4);
}
