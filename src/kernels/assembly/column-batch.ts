// Column batches (drawn in src/columnar/column-batch.ts) in a worker's memory: a batch that was copied in is read as blocks, and
// blocks are encoded into a batch for the main thread or another worker.
import {
  ARENA_BATCH, ARENA_SPLIT, BLOCK_COLUMN_BYTES, BLOCK_COLUMN_COUNT, BLOCK_COLUMN_DICTIONARY, BLOCK_COLUMNS, BLOCK_NEXT, BLOCK_ROW_COUNT, BLOCK_ROWS_MAX,
  PADDING_BYTES,
} from "./memory-layout";
import { arena_alloc } from "./memory";

// Physical kinds, as PHYSICAL_CODES in src/columnar/column-batch.ts.
export const KIND_I8: u32 = 0;
export const KIND_I16: u32 = 1;
export const KIND_I32: u32 = 2;
export const KIND_I64: u32 = 3;
export const KIND_F32: u32 = 4;
export const KIND_F64: u32 = 5;
export const KIND_VIEW: u32 = 6;
export const KIND_WIDE: u32 = 7;
export const KIND_LIST: u32 = 8;
export const KIND_STRUCT: u32 = 9;

const MAGIC: u32 = 0x4243524d;
const VERSION: u32 = 1;
const HEADER_BYTES: u32 = 32;
const COLUMN_BYTES: u32 = 24;

/** Bytes of one value in a block: 8 for everything that is a view. */
@inline export function kindWidth(kind: u32): u32 {
  if (kind == KIND_STRUCT) return 0;
  if (kind == KIND_I8) return 1;
  if (kind == KIND_I16) return 2;
  return kind == KIND_I32 || kind == KIND_F32 ? 4 : 8;
}

@inline export function isVariableKind(kind: u32): bool {
  return kind >= KIND_VIEW && kind <= KIND_LIST;
}

@inline function aligned(bytes: u32): u32 {
  return (bytes + 7) & ~7;
}

export function batch_row_count(address: usize): u32 {
  return load<u32>(address, 8);
}

/** Bytes of the batch, padding included. */
export function batch_length(address: usize): u32 {
  return load<u32>(address, 16);
}

/**
 * A block (ARENA_SPLIT) with rows [startRow, startRow + 8192) of the batch at `address`, or 0 behind the last row. Fixed-width
 * columns and all string bytes stay where they are in the batch. 0 with ERROR_CODE set: out of memory.
 */
export function batch_block(address: usize, startRow: u32): usize {
  const rowCount = load<u32>(address, 8);
  if (startRow >= rowCount) return 0;
  const rows = min(rowCount - startRow, BLOCK_ROWS_MAX);
  const columns = load<u32>(address, 12);
  const block = arena_alloc(ARENA_SPLIT, BLOCK_COLUMNS + BLOCK_COLUMN_BYTES * columns);
  if (block == 0) return 0;
  store<u32>(block, rows, BLOCK_ROW_COUNT);
  store<u32>(block, columns, BLOCK_COLUMN_COUNT);
  store<u32>(block, 0, BLOCK_NEXT);
  for (let c: u32 = 0; c < columns; c++) {
    const descriptor = address + HEADER_BYTES + COLUMN_BYTES * c;
    const kind = load<u32>(descriptor);
    const validity = load<u32>(descriptor, 8);
    let values: usize = 0;
    if (isVariableKind(kind)) {
      values = arena_alloc(ARENA_SPLIT, 8 * rows);
      if (values == 0) return 0;
      const offsets = address + load<u32>(descriptor, 12) + 4 * startRow;
      const data = address + load<u32>(descriptor, 16);
      let start = load<u32>(offsets);
      for (let r: u32 = 0; r < rows; r++) {
        const end = load<u32>(offsets + 4 * r, 4);
        store<u64>(values + 8 * r, ((<u64>(end - start)) << 32) | (<u64>data + start));
        start = end;
      }
    } else if (kind != KIND_STRUCT) {
      values = address + load<u32>(descriptor, 12) + kindWidth(kind) * startRow;
    }
    const column = block + BLOCK_COLUMNS + BLOCK_COLUMN_BYTES * c;
    store<u32>(column, <u32>values);
    store<u32>(column, validity == 0 ? 0 : <u32>address + validity + startRow, 4);
    store<u32>(column, 0, BLOCK_COLUMN_DICTIONARY);
  }
  return block;
}

// Encoder state (ARENA_BATCH): columns u32, rows u32, first chunk u32, last chunk u32, then one kind u32 per column.
// Chunk: next u32, rows u32, then per column validity u32, values u32 (lengths u32[] for variable kinds), data u32, data length u32.
const ENCODER_KINDS: u32 = 16;
const CHUNK_COLUMNS: u32 = 8;
const CHUNK_COLUMN_BYTES: u32 = 16;

/** Starts a batch of `columns` columns whose kinds are the u32 at `kinds`. Returns the encoder, valid until the batch arena is reset. */
export function batch_encode_begin(kinds: usize, columns: u32): usize {
  const encoder = arena_alloc(ARENA_BATCH, ENCODER_KINDS + 4 * columns);
  if (encoder == 0) return 0;
  store<u32>(encoder, columns);
  store<u32>(encoder, 0, 4);
  store<u64>(encoder, 0, 8);
  memory.copy(encoder + ENCODER_KINDS, kinds, 4 * columns);
  return encoder;
}

/** Adds the rows of `block`; everything is copied. Columns without values (not needed) become null. False: out of memory. */
export function batch_append(encoder: usize, block: usize): bool {
  const columns = load<u32>(encoder);
  const rows = load<u32>(block, BLOCK_ROW_COUNT);
  if (rows == 0) return true;
  const chunk = arena_alloc(ARENA_BATCH, CHUNK_COLUMNS + CHUNK_COLUMN_BYTES * columns);
  if (chunk == 0) return false;
  store<u32>(chunk, 0);
  store<u32>(chunk, rows, 4);
  for (let c: u32 = 0; c < columns; c++) {
    const kind = load<u32>(encoder + ENCODER_KINDS + 4 * c);
    const column = block + BLOCK_COLUMNS + BLOCK_COLUMN_BYTES * c;
    if (!appendColumn(chunk + CHUNK_COLUMNS + CHUNK_COLUMN_BYTES * c, kind, rows, load<u32>(column), load<u32>(column, 4))) return false;
  }
  const last = load<u32>(encoder, 12);
  if (last == 0) store<u32>(encoder, <u32>chunk, 8);
  else store<u32>(last, <u32>chunk);
  store<u32>(encoder, <u32>chunk, 12);
  store<u32>(encoder, load<u32>(encoder, 4) + rows, 4);
  return true;
}

function appendColumn(target: usize, kind: u32, rows: u32, values: usize, validity: usize): bool {
  const missing = values == 0 && kind != KIND_STRUCT;
  store<u64>(target, 0);
  store<u64>(target, 0, 8);
  if (missing || validity != 0) {
    const copy = arena_alloc(ARENA_BATCH, rows);
    if (copy == 0) return false;
    if (missing) memory.fill(copy, 0, rows);
    else memory.copy(copy, validity, rows);
    store<u32>(target, <u32>copy);
  }
  if (kind == KIND_STRUCT) return true;
  if (!isVariableKind(kind)) {
    const bytes = rows * kindWidth(kind);
    const copy = arena_alloc(ARENA_BATCH, bytes);
    if (copy == 0) return false;
    if (missing) memory.fill(copy, 0, bytes);
    else memory.copy(copy, values, bytes);
    store<u32>(target, <u32>copy, 4);
    return true;
  }
  const lengths = arena_alloc(ARENA_BATCH, 4 * rows);
  if (lengths == 0) return false;
  let total: u32 = 0;
  for (let r: u32 = 0; r < rows; r++) {
    const valid = !missing && (validity == 0 || load<u8>(validity + r) != 0);
    const length = valid ? load<u32>(values + 8 * r, 4) : 0;
    store<u32>(lengths + 4 * r, length);
    total += length;
  }
  const data = arena_alloc(ARENA_BATCH, total + PADDING_BYTES);
  if (data == 0) return false;
  let at = data;
  for (let r: u32 = 0; r < rows; r++) {
    const length = load<u32>(lengths + 4 * r);
    if (length == 0) continue;
    memory.copy(at, load<u32>(values + 8 * r), length);
    at += length;
  }
  store<u32>(target, <u32>lengths, 4);
  store<u32>(target, <u32>data, 8);
  store<u32>(target, total, 12);
  return true;
}

/** Ends the batch: its address in ARENA_BATCH (`batch_length` says how long it is), or 0 without memory. */
export function batch_finish(encoder: usize): usize {
  const columns = load<u32>(encoder);
  const rows = load<u32>(encoder, 4);
  const first: usize = load<u32>(encoder, 8);
  let total: u64 = aligned(HEADER_BYTES + COLUMN_BYTES * columns);
  for (let c: u32 = 0; c < columns; c++) {
    const kind = load<u32>(encoder + ENCODER_KINDS + 4 * c);
    let anyValidity = false;
    let dataLength: u64 = 0;
    for (let chunk = first; chunk != 0; chunk = load<u32>(chunk)) {
      const column = chunk + CHUNK_COLUMNS + CHUNK_COLUMN_BYTES * c;
      if (load<u32>(column) != 0) anyValidity = true;
      dataLength += load<u32>(column, 12);
    }
    if (anyValidity) total += aligned(rows);
    total += isVariableKind(kind) ? aligned(4 * (rows + 1)) : aligned(rows * kindWidth(kind));
    total += (dataLength + 7) & ~7;
  }
  total += PADDING_BYTES;
  const batch = arena_alloc(ARENA_BATCH, total > 0xfff00000 ? 0xfff00000 : <u32>total);
  if (batch == 0) return 0;
  store<u32>(batch, MAGIC);
  store<u32>(batch, VERSION, 4);
  store<u32>(batch, rows, 8);
  store<u32>(batch, columns, 12);
  store<u32>(batch, <u32>total, 16);
  memory.fill(batch + 20, 0, HEADER_BYTES - 20);
  let at: u32 = aligned(HEADER_BYTES + COLUMN_BYTES * columns);
  for (let c: u32 = 0; c < columns; c++) {
    at = finishColumn(batch, at, first, rows, c, load<u32>(encoder + ENCODER_KINDS + 4 * c));
  }
  memory.fill(batch + at, 0, PADDING_BYTES);
  return batch;
}

// Writes column `c` at offset `at` of the batch; returns the offset behind it.
function finishColumn(batch: usize, at: u32, first: usize, rows: u32, c: u32, kind: u32): u32 {
  const descriptor = batch + HEADER_BYTES + COLUMN_BYTES * c;
  const own: usize = CHUNK_COLUMNS + CHUNK_COLUMN_BYTES * c;
  memory.fill(descriptor, 0, COLUMN_BYTES);
  store<u32>(descriptor, kind);
  let anyValidity = false;
  for (let chunk = first; chunk != 0; chunk = load<u32>(chunk)) if (load<u32>(chunk + own) != 0) anyValidity = true;
  if (anyValidity) {
    store<u32>(descriptor, at, 8);
    let target = batch + at;
    for (let chunk = first; chunk != 0; chunk = load<u32>(chunk)) {
      const chunkRows = load<u32>(chunk, 4);
      const validity = load<u32>(chunk + own);
      if (validity == 0) memory.fill(target, 1, chunkRows);
      else memory.copy(target, validity, chunkRows);
      target += chunkRows;
    }
    at += aligned(rows);
  }
  if (kind == KIND_STRUCT) return at;
  store<u32>(descriptor, at, 12);
  if (!isVariableKind(kind)) {
    const width = kindWidth(kind);
    let target = batch + at;
    for (let chunk = first; chunk != 0; chunk = load<u32>(chunk)) {
      const bytes = load<u32>(chunk, 4) * width;
      memory.copy(target, load<u32>(chunk + own, 4), bytes);
      target += bytes;
    }
    return at + aligned(rows * width);
  }
  let offset = batch + at;
  store<u32>(offset, 0);
  at += aligned(4 * (rows + 1));
  store<u32>(descriptor, at, 16);
  let end: u32 = 0;
  for (let chunk = first; chunk != 0; chunk = load<u32>(chunk)) {
    const lengths = load<u32>(chunk + own, 4);
    const chunkRows = load<u32>(chunk, 4);
    memory.copy(batch + at + end, load<u32>(chunk + own, 8), load<u32>(chunk + own, 12));
    for (let r: u32 = 0; r < chunkRows; r++) {
      end += load<u32>(lengths + 4 * r);
      offset += 4;
      store<u32>(offset, end);
    }
  }
  store<u32>(descriptor, end, 20);
  return at + aligned(end);
}
