// Rows whose keys are mostly new to a store, 32 at a time: what adding them will read and write is found out and loaded ahead, and a row that is new
// is then written to the place that was loaded for it. Used by row-operator.ts; no kernels.
import {
  LAYOUT_KEYS, LAYOUT_KEY_NULLS, LAYOUT_VALUE_NULLS, ROW_FIELDS, ROW_FLAGS, ROW_HASH, ROW_NEXT,
} from "./memory-layout";
import { bucketBit, filterLine, filterMask } from "./key-filter";
import { rowMoves } from "./table-chunk";
import {
  CHUNK_HEADER, C_BYTES, C_DIRTY_FIRST, C_DIRTY_LAST, C_FREE_ROW, C_ROWS_LIVE, C_ROWS_MAX, C_ROWS_USED, C_ROW_BYTES, C_VARIABLE_TOP, INDEX_BITS,
  ROW_INSERTED, ROW_NOT_LIVE, T_BUCKET, T_DIRTY_ROWS, T_ROWS, T_VAR_COUNT, directoryEntry, remix, rowsOf,
} from "./table-layout";
import {
  P_COUNT, P_FILTER, S_EPOCH, S_LAYOUT, S_UPDATED, keepsKeysUntil, lastTableOf, partitionEntry, partitionOf, tableAt, tableOf,
} from "./store-tables";
import { TOUCHED_ROWS, loadLines, touchBegin, touchRows, touchSlot } from "./touch";

/** What is known of each row, in their order: 32 bytes, u32 each. */
export const NEW_ROWS: usize = memory.data(32 * 32, 64);
export const NEW_ROW_BYTES: u32 = 32;
export const N_REMIXED: u32 = 0; // its remixed hash
export const N_ENTRY: u32 = 4; // entry of its partition
export const N_TABLE: u32 = 8; // 0: there is none yet
const N_CHUNK: u32 = 12; // the directory's entry; 0: there is no table
/** Addresses that are loaded together, u32 each: three a row at most. */
const LINES: usize = memory.data(4 * 3 * 32, 64);
/** Nothing that is known of chunks holds any more when rows have left their places since. */
let movesBefore: u32 = 0;

/**
 * Loads what will be read of the filter, the chunks and the rows for the next exchange rows from `row` on, and the places that new ones will take.
 * Returns the address behind the rows so treated.
 */
export function touchForNew(state: usize, row: usize, end: usize): usize {
  const filtered = keepsKeysUntil(state);
  let line = LINES;
  let known = NEW_ROWS;
  for (let rows = 0; row < end && rows < TOUCHED_ROWS; rows++, known += NEW_ROW_BYTES) {
    const hash = load<u32>(row, ROW_HASH);
    const remixed = remix(hash);
    const entry = partitionEntry(state, partitionOf(state, hash));
    let table = lastTableOf(state, entry, row);
    if (table == 0) table = tableOf(state, row, false);
    store<u32>(known, remixed, N_REMIXED);
    store<u32>(known, <u32>entry, N_ENTRY);
    store<u32>(known, <u32>table, N_TABLE);
    if (filtered && load<u32>(entry, P_FILTER) != 0) {
      store<u32>(line, <u32>filterLine(entry, remixed));
      line += 4;
    }
    let chunk: u32 = 0;
    if (table != 0) {
      chunk = directoryEntry(table, remixed);
      const address = chunk & ~63;
      store<u32>(line, address);
      store<u32>(line, address + CHUNK_HEADER + 4 * (remixed & ((1 << (chunk & 63)) - 1)), 4);
      line += 8;
    }
    store<u32>(known, chunk, N_CHUNK);
    row += load<u32>(row, ROW_NEXT);
  }
  loadLines(LINES, line);
  touchBegin();
  line = LINES;
  for (let each = NEW_ROWS; each < known; each += NEW_ROW_BYTES) {
    const table: usize = load<u32>(each, N_TABLE);
    if (table != 0) line = addPlace(line, load<u32>(each, N_CHUNK) & ~63);
    if (filtered) touchKnown(load<u32>(each, N_ENTRY), table, load<u32>(each, N_REMIXED));
    else if (table != 0) touchSlot(table, load<u32>(each, N_REMIXED), 0);
  }
  loadLines(LINES, line);
  touchRows();
  movesBefore = rowMoves();
  return row;
}

/** Where the next row of the chunk goes. */
@inline function addPlace(line: usize, chunk: usize): usize {
  const place = rowsOf(chunk) + load<u32>(chunk, C_ROWS_USED) * load<u32>(chunk, C_ROW_BYTES);
  // A full chunk may end with the memory.
  const isFull = place + 36 > chunk + load<u32>(chunk, C_BYTES);
  store<u32>(line, isFull ? <u32>chunk : <u32>place);
  store<u32>(line, isFull ? <u32>chunk : <u32>place + 32, 4);
  return line + 8;
}

/** A key that is known mostly lies in one bucket, its own or another. */
@inline function touchKnown(entry: usize, own: usize, remixed: u32): void {
  if (load<u32>(entry, P_FILTER) == 0) return;
  const mask = filterMask(filterLine(entry, remixed), remixed);
  if (mask != 0) touchBucket(entry, own, remixed, mask);
}

function touchBucket(entry: usize, own: usize, remixed: u32, mask: u32): void {
  if (own != 0 && (mask & bucketBit(load<i64>(own, T_BUCKET))) != 0) return touchSlot(own, remixed, 0);
  for (let t: u32 = 0; t < load<u32>(entry, P_COUNT); t++) {
    const table = tableAt(entry, t);
    if ((mask & bucketBit(load<i64>(table, T_BUCKET))) == 0) continue;
    touchSlot(table, remixed, 0);
    return;
  }
}

/**
 * Adds `row`, whose keys are in no row of the store, behind the last row of its chunk, and to the rows that the batch has changed; `known` is what
 * `touchForNew` knows of it. False, and nothing is done, where that takes more than the few stores here: such a row is inserted as any other.
 */
@inline export function append(state: usize, known: usize, row: usize): bool {
  const entry = load<u32>(known, N_CHUNK);
  const log2 = entry & 63;
  if (log2 == 0 || movesBefore != rowMoves()) return false;
  const chunk: usize = entry & ~63;
  const table: usize = load<u32>(known, N_TABLE);
  const used = load<u32>(chunk, C_ROWS_USED);
  const last = load<u32>(chunk, C_DIRTY_LAST);
  if (load<u32>(chunk, C_DIRTY_FIRST) == 0 || last == 0 || load<u32>(chunk, C_FREE_ROW) != 0 || load<u32>(table, T_VAR_COUNT) != 0) return false;
  const rowBytes = load<u32>(chunk, C_ROW_BYTES);
  const copy = chunk + CHUNK_HEADER + (4 << log2) + used * rowBytes;
  if (used >= load<u32>(chunk, C_ROWS_MAX) || copy + rowBytes > chunk + load<u32>(chunk, C_VARIABLE_TOP)) return false;
  store<u64>(copy, (<u64>load<u32>(state, S_EPOCH) << 32) | load<u32>(row, ROW_HASH));
  store<u64>(copy, (<u64>(ROW_INSERTED | load<u32>(row, ROW_FLAGS)) << 32) | last, ROW_NEXT);
  for (let i: usize = ROW_FIELDS; i < rowBytes; i += 8) store<u64>(copy + i, load<u64>(row + i));
  clearValueNulls(state, copy);
  const remixed = load<u32>(known, N_REMIXED);
  const mask: u32 = (1 << log2) - 1;
  let slot = remixed & mask;
  while (load<u32>(chunk + 4 * slot, CHUNK_HEADER) != 0) slot = (slot + 1) & mask;
  store<u32>(chunk + 4 * slot, (remixed << INDEX_BITS) | (used + 1), CHUNK_HEADER);
  store<u32>(chunk, used + 1, C_ROWS_USED);
  store<u32>(chunk, used + 1, C_DIRTY_LAST);
  store<u32>(chunk, load<u32>(chunk, C_ROWS_LIVE) + 1, C_ROWS_LIVE);
  store<u32>(table, load<u32>(table, T_ROWS) + 1, T_ROWS);
  store<u32>(table, load<u32>(table, T_DIRTY_ROWS) + 1, T_DIRTY_ROWS);
  store<u32>(state, load<u32>(state, S_UPDATED) + 1, S_UPDATED);
  return true;
}

/** Of the null bits that come with a row of the exchange only those of the keys are meant for the row of the state, whose values are never null. */
@inline export function clearValueNulls(state: usize, row: usize): void {
  const layout: usize = load<u32>(state, S_LAYOUT);
  const valueNulls = load<u32>(layout, LAYOUT_VALUE_NULLS);
  if (load<u32>(layout, LAYOUT_KEYS) == ROW_FIELDS) {
    store<u32>(row, load<u32>(row, ROW_FLAGS) & (ROW_NOT_LIVE | ROW_INSERTED | load<u32>(layout, LAYOUT_KEY_NULLS)), ROW_FLAGS);
  } else if (valueNulls != 0) store<u64>(row + valueNulls, 0);
}
