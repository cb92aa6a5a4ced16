// Loads ahead of use: a table larger than the cache costs two cache misses a row, which are waited for together here. Called by
// generated `merge` functions before each run of rows, and before walks along dirty lists, on the worker that owns the memory.
import { ROW_HASH, ROW_NEXT } from "./memory-layout";
import { CHUNK_HEADER, C_ROWS_USED, INDEX_MASK, T_ROW_BYTES, directoryEntry, remix, rowsOf } from "./table-layout";
import { S_UPDATED, tableOf } from "./store-tables";
import { store_row_count } from "./store-scan";

/** Rows per touch: enough to fill the processor's queue of loads. */
const TOUCHED_ROWS: i32 = 32;
/** Per touched row: address of its slot, address of its chunk's rows, row bytes, tag of the hash. */
const TOUCHED: usize = memory.data(16 * 32, 64);
/** Fewer dirty rows are not worth the question. */
const UPDATED_MIN: u32 = 4096;
const DIRTY_SHARE: f64 = 8;
/** Only there so that no load is optimized away. */
const TOUCH_SUM: usize = memory.data(8, 8);
let touchCount: u32 = 0;

/**
 * Loads what upserts of the next exchange rows from `row` on will read, slots first and then rows, so that the processor waits for
 * many cache lines at a time instead of for one after the other. Returns the address behind the rows so treated.
 */
export function table_touch(table: usize, row: usize, end: usize): usize {
  touchCount = 0;
  while (row < end && touchCount < <u32>TOUCHED_ROWS) {
    touchSlot(table, load<u32>(row, ROW_HASH));
    row += load<u32>(row, ROW_NEXT);
  }
  touchRows();
  return row;
}

/** `table_touch` for a store. */
export function store_touch(state: usize, row: usize, end: usize): usize {
  touchCount = 0;
  for (let rows = 0; row < end && rows < TOUCHED_ROWS; rows++) {
    const table = tableOf(state, row, false);
    if (table != 0) touchSlot(table, load<u32>(row, ROW_HASH));
    row += load<u32>(row, ROW_NEXT);
  }
  touchRows();
  return row;
}

@inline function touchSlot(table: usize, hash: u32): void {
  const remixed = remix(hash);
  const entry = directoryEntry(table, remixed);
  const log2 = entry & 63;
  const slots = (entry & ~63) + CHUNK_HEADER;
  const touched = TOUCHED + 16 * touchCount;
  store<u32>(touched, slots + 4 * (remixed & ((1 << log2) - 1)));
  store<u32>(touched, slots + (4 << log2), 4);
  store<u32>(touched, load<u32>(table, T_ROW_BYTES), 8);
  store<u32>(touched, remixed << 12, 12);
  touchCount++;
}

/**
 * Loads a chunk from front to back before a walk along its dirty list, which goes to and fro and would wait for every row. Pays where
 * many of the rows are dirty.
 */
export function touchChunk(chunk: usize, rowBytes: u32): void {
  let sum: u32 = 0;
  const end = rowsOf(chunk) + load<u32>(chunk, C_ROWS_USED) * rowBytes;
  for (let line = rowsOf(chunk); line < end; line += 64) sum += load<u32>(line);
  store<u32>(TOUCH_SUM, sum);
}

/** Whether so large a part of the rows is dirty that `touchChunk` pays. */
export function touchesChunks(state: usize): bool {
  const updated = load<u32>(state, S_UPDATED);
  return updated > UPDATED_MIN && <f64>updated * DIRTY_SHARE > store_row_count(state);
}

function touchRows(): void {
  let sum: u32 = 0;
  for (let i: u32 = 0; i < touchCount; i++) sum += load<u32>(load<u32>(TOUCHED + 16 * i));
  for (let i: u32 = 0; i < touchCount; i++) {
    const touched = TOUCHED + 16 * i;
    const rowBytes = load<u32>(touched, 8);
    const rows: usize = load<u32>(touched, 4);
    const tag = load<u32>(touched, 12);
    let slot: usize = load<u32>(touched);
    let content = load<u32>(slot);
    // Without going around at the end of the slots: a miss costs time only.
    for (; content != 0 && (content ^ tag) > INDEX_MASK && slot + 4 < rows; slot += 4) content = load<u32>(slot, 4);
    if (content == 0 || slot >= rows) continue;
    const row = rows + ((content & INDEX_MASK) - 1) * rowBytes;
    sum += load<u32>(row) + load<u32>(row + rowBytes - 4);
  }
  store<u32>(TOUCH_SUM, sum);
}
