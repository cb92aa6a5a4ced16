// Loads ahead of use: a table larger than the cache costs two cache misses a row, which are waited for together here. What `store_touch` finds
// on the way is kept for the upserts of the same rows, which then need not look again. Called by generated `merge` functions and row operators before each run of rows, and before walks along dirty lists, on the worker that owns the memory.
import { ROW_HASH, ROW_NEXT, TABLE_BASE } from "./memory-layout";
import { sameKey } from "./hash-table";
import { rowMoves } from "./table-chunk";
import {
  CHUNK_HEADER, C_DEPTH, C_DIRTY_LAST, C_PREFIX, C_ROWS_USED, INDEX_BITS, INDEX_MASK, T_DIRTY_ROWS, T_ROWS, T_ROW_BYTES, chunkOf,
  directoryEntry, remix, rowsOf,
} from "./table-layout";
import { P_COUNT, S_BUCKET_OFFSET, S_COLD_CHUNKS, S_PARTITIONS, lastTableOf, partitionEntry, partitionOf, tableAt, tableOf } from "./store-tables";
import { store_memory_bytes } from "./store-scan";

/** Rows per touch: enough to fill the processor's queue of loads. */
export const TOUCHED_ROWS: i32 = 32;
/** Per touched slot, u32 each; one slot a row at most. */
const TOUCHED_BYTES: u32 = 32;
const TOUCHED: usize = memory.data(32 * 33, 64);
const A_SLOT: u32 = 0; // later the row's index + 1
const A_ROWS: u32 = 4; // of the chunk
const A_ROW_BYTES: u32 = 8;
const A_TAG: u32 = 12;
const A_CHUNK: u32 = 16;
const A_FOR: u32 = 20; // row of the exchange; 0: the end, or not for an upsert
const A_TABLE: u32 = 24;
const A_FOUND: u32 = 28; // row in the chunk with this hash, 0: none was found
/** Where the next upsert will look, and what for. */
let nextTouched: usize = TOUCHED;
let touchedStore: usize = 0;
let touchedMoves: u32 = 0;
/** A chunk is loaded as a whole where more than one row in so many is dirty: waiting for one row takes as long as loading a run of them. */
const DIRTY_SHARE: u64 = 24;
/** Chunks are loaded as a whole if they have at most so many times the bytes of the rows to be merged. */
const WARM_SHARE: f64 = 6;
/** Only there so that no load is optimized away. */
const TOUCH_SUM: usize = memory.data(8, 8);
let touchCount: u32 = 0;

/**
 * Loads what upserts of the next exchange rows from `row` on will read, slots first and then rows, so that the processor waits for
 * many cache lines at a time instead of for one after the other. Returns the address behind the rows so treated.
 */
export function table_touch(table: usize, row: usize, end: usize): usize {
  touchBegin();
  while (row < end && touchCount < <u32>TOUCHED_ROWS) {
    touchSlot(table, remix(load<u32>(row, ROW_HASH)), 0);
    row += load<u32>(row, ROW_NEXT);
  }
  touchRows();
  return row;
}

/** Where the last result of `touchedRow` lies. */
@inline export function touchedTable(): usize {
  return load<u32>(nextTouched - TOUCHED_BYTES, A_TABLE);
}

/** Its index in its chunk + 1. */
@inline export function touchedIndex(): u32 {
  return load<u32>(nextTouched - TOUCHED_BYTES, A_SLOT);
}

/**
 * To be called before the rows of an exchange group, `groupBytes` of them, are merged: where they will touch a good part of the chunks that they
 * belong to, these are loaded from front to back.
 */
export function store_warm(state: usize, group: u32, groupsLog2: u32, groupBytes: f64): void {
  // Otherwise most chunks are of other time buckets than the rows, or not all are in memory.
  if (load<u32>(state, S_BUCKET_OFFSET) != 0 || load<u32>(state, S_COLD_CHUNKS) != 0) return;
  if (groupBytes * WARM_SHARE < store_memory_bytes(state) / <f64>(1 << groupsLog2)) return;
  const end: u64 = (<u64>group + 1) << (32 - groupsLog2);
  for (let partition: u32 = 0; partition < load<u32>(state, S_PARTITIONS); partition++) {
    const entry = partitionEntry(state, partition);
    for (let t: u32 = 0; t < load<u32>(entry, P_COUNT); t++) {
      const table = tableAt(entry, t);
      let position = <u64>group << (32 - groupsLog2);
      while (position < end) {
        const chunk = chunkOf(table, <u32>position);
        warmChunk(chunk, load<u32>(table, T_ROW_BYTES));
        position = (<u64>load<u32>(chunk, C_PREFIX) + 1) << (32 - load<u32>(chunk, C_DEPTH));
      }
    }
  }
}

function warmChunk(chunk: usize, rowBytes: u32): void {
  let sum: u32 = 0;
  const end = rowsOf(chunk) + load<u32>(chunk, C_ROWS_USED) * rowBytes;
  for (let line = chunk; line < end; line += 64) sum += load<u32>(line);
  store<u32>(TOUCH_SUM, sum);
}

/** `table_touch` for a store; `touchedRow` gives what it found. */
export function store_touch(state: usize, row: usize, end: usize): usize {
  touchBegin();
  for (let rows = 0; row < end && rows < TOUCHED_ROWS; rows++) {
    const hash = load<u32>(row, ROW_HASH);
    let table = lastTableOf(state, partitionEntry(state, partitionOf(state, hash)), row);
    if (table == 0) table = tableOf(state, row, false);
    if (table != 0) touchSlot(table, remix(hash), row);
    row += load<u32>(row, ROW_NEXT);
  }
  touchRows();
  touchedStore = state;
  touchedMoves = rowMoves();
  return row;
}

/**
 * The row in `state` that `store_touch` has found for `row`, or 0. Nothing that was found before is believed once a row may have left its place;
 * until then it holds, whenever it was found. Sets TABLE_BASE.
 */
@inline export function touchedRow(state: usize, row: usize, base: usize): usize {
  const touched = nextTouched;
  if (load<u32>(touched, A_FOR) != <u32>row) return 0;
  nextTouched = touched + TOUCHED_BYTES;
  const found: usize = load<u32>(touched, A_FOUND);
  if (found == 0 || touchedMoves != rowMoves() || touchedStore != state) return 0;
  const chunk = load<u32>(touched, A_CHUNK);
  if (!sameKey(load<u32>(touched, A_TABLE), found, chunk, row, base)) return 0;
  store<u32>(TABLE_BASE, chunk);
  return found;
}

/** To be called before `touchSlot`, which notes what `touchRows` then looks at. */
@inline export function touchBegin(): void {
  touchCount = 0;
}

/** Loads the lines whose addresses, u32 each, are in [line, end). Nothing but loads, so that the processor has as many of them on their way as it can. */
@inline export function loadLines(line: usize, end: usize): void {
  let sum: u32 = 0;
  for (; line < end; line += 4) sum += load<u32>(load<u32>(line));
  store<u32>(TOUCH_SUM, sum);
}

@inline export function touchSlot(table: usize, remixed: u32, row: usize): void {
  const entry = directoryEntry(table, remixed);
  const log2 = entry & 63;
  // Not in memory: its stub has no slots to look at.
  if (log2 == 0) return;
  const slots = (entry & ~63) + CHUNK_HEADER;
  const touched = TOUCHED + TOUCHED_BYTES * touchCount;
  store<u32>(touched, slots + 4 * (remixed & ((1 << log2) - 1)), A_SLOT);
  store<u32>(touched, slots + (4 << log2), A_ROWS);
  store<u32>(touched, load<u32>(table, T_ROW_BYTES), A_ROW_BYTES);
  store<u32>(touched, remixed << INDEX_BITS, A_TAG);
  store<u32>(touched, entry & ~63, A_CHUNK);
  store<u32>(touched, <u32>row, A_FOR);
  store<u32>(touched, <u32>table, A_TABLE);
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

/** Whether so large a part of the rows is dirty that `touchChunk` pays. Hashes spread them evenly over the chunks. */
@inline export function touchesChunks(table: usize): bool {
  return <u64>load<u32>(table, T_DIRTY_ROWS) * DIRTY_SHARE > load<u32>(table, T_ROWS);
}

export function touchRows(): void {
  let sum: u32 = 0;
  const end = TOUCHED + TOUCHED_BYTES * touchCount;
  store<u32>(end, 0, A_FOR);
  nextTouched = TOUCHED;
  for (let touched = TOUCHED; touched < end; touched += TOUCHED_BYTES) {
    sum += load<u32>(load<u32>(touched, A_SLOT)) + load<u32>(load<u32>(touched, A_CHUNK), C_DIRTY_LAST);
  }
  for (let touched = TOUCHED; touched < end; touched += TOUCHED_BYTES) {
    const rowBytes = load<u32>(touched, A_ROW_BYTES);
    const rows: usize = load<u32>(touched, A_ROWS);
    // Four slots at a time and without a branch, which would be taken for many rows and not for many others: one further off is found by the upsert.
    const slot: usize = min(<usize>load<u32>(touched, A_SLOT), rows - 16);
    const four = v128.load(slot);
    const equal = i32x4.eq(v128.shr<u32>(v128.xor(four, i32x4.splat(load<i32>(touched, A_TAG))), INDEX_BITS), i32x4.splat(0));
    const hits = i32x4.bitmask(v128.andnot(equal, i32x4.eq(four, i32x4.splat(0))));
    const content = load<u32>(slot + 4 * (ctz(hits) & 3));
    const row = hits == 0 ? slot : rows + ((content & INDEX_MASK) - 1) * rowBytes;
    store<u32>(touched, hits == 0 ? 0 : <u32>row, A_FOUND);
    store<u32>(touched, content & INDEX_MASK, A_SLOT);
    sum += load<u32>(row) + load<u32>(hits == 0 ? slot : row + rowBytes - 4);
  }
  store<u32>(TOUCH_SUM, sum);
}
