// Reading a state store: scans, and the numbers that progress reports show. Called by the worker's merge stage and by
// state/state-store.ts, on the worker that owns the memory.
import { EVICT_WATERMARK, ROW_FLAGS, ROW_NEXT } from "./memory-layout";
import { inMemory, isCold, isOverLimit, positionOf, reclaim } from "./cold-chunk";
import { table_row_count } from "./hash-table";
import {
  C_DIRTY_NEXT,
  C_ROWS_USED,
  ROW_NOT_LIVE,
  T_BYTES,
  T_DIRTY_FIRST,
  T_DIRTY_ROWS,
  T_EPOCH,
  T_ROW_BYTES,
  chunkFirst,
  chunkNext,
  chunkOf,
  rowsOf,
} from "./table-layout";
import { dirtyInOrder } from "./dirty-rows";
import { filterBytes } from "./key-filter";
import { touchChunk, touchesChunks } from "./touch";
import {
  EVICT_NONE,
  EVICT_SOME,
  EVICT_WHOLE,
  P_BYTES,
  P_CAPACITY,
  P_COUNT,
  STORE_BYTES,
  S_EPOCH,
  S_LATE_GROUPS,
  S_PARTITIONS,
  S_REMOVED,
  S_UPDATED,
  evictability,
  partitionEntry,
  tableAt,
  timeOf,
} from "./store-tables";

const SCAN_ALL: u32 = 0;
const SCAN_EVICTABLE: u32 = 1;
const SCAN_DIRTY: u32 = 2;
const SCAN_BETWEEN: u32 = 3;
const SCAN_DIRTY_BETWEEN: u32 = 4;

/**
 * Rows changed in this batch, by partition, bucket, chunk, first change. Like all scans: writes up to `max` pairs
 * (row u32, base u32) to `out`, returns how many, 0 at the end; `cursor` is 16 bytes, zero at first; no change in between.
 */
export function store_scan_dirty(state: usize, cursor: usize, out: usize, max: u32): u32 {
  return scan(state, cursor, out, max, SCAN_DIRTY, 0, 0, ~0);
}

/** All rows, by partition and bucket. */
export function store_scan_all(state: usize, cursor: usize, out: usize, max: u32): u32 {
  return scan(state, cursor, out, max, SCAN_ALL, 0, 0, ~0);
}

/** Rows whose event time is at or before EVICT_WATERMARK, by partition and bucket. */
export function store_scan_evictable(state: usize, cursor: usize, out: usize, max: u32): u32 {
  return scan(state, cursor, out, max, SCAN_EVICTABLE, i64.MIN_VALUE, load<i64>(EVICT_WATERMARK), ~0);
}

/** Rows whose event time is in (low, high], by partition and bucket. Other buckets are not touched. */
export function store_scan_between(state: usize, cursor: usize, out: usize, max: u32, low: i64, high: i64): u32 {
  return scan(state, cursor, out, max, SCAN_BETWEEN, low, high, ~0);
}

/** Of these rows, those that were changed in this batch. */
export function store_scan_dirty_between(state: usize, cursor: usize, out: usize, max: u32, low: i64, high: i64): u32 {
  return scan(state, cursor, out, max, SCAN_DIRTY_BETWEEN, low, high, ~0);
}

/**
 * Rows of a partition, where the cursor has to be at first: those with an event time in (low, high] (both ends of i64: all), of buckets that have some, or
 * those that were changed in this batch.
 */
export function scanPartition(
  state: usize,
  partition: u32,
  cursor: usize,
  out: usize,
  max: u32,
  isDirty: bool,
  low: i64,
  high: i64,
): u32 {
  return scan(state, cursor, out, max, partitionMode(isDirty, low, high), low, high, partition + 1);
}

@inline function partitionMode(isDirty: bool, low: i64, high: i64): u32 {
  return isDirty ? SCAN_DIRTY : low == i64.MIN_VALUE && high == i64.MAX_VALUE ? SCAN_ALL : SCAN_BETWEEN;
}

/** At most so many rows will `scanPartition` give. */
export function boundOfScan(state: usize, partition: u32, isDirty: bool, low: i64, high: i64): u32 {
  const mode = partitionMode(isDirty, low, high);
  const entry = partitionEntry(state, partition);
  let rows: u32 = 0;
  for (let t: u32 = 0; t < load<u32>(entry, P_COUNT); t++) {
    const table = tableAt(entry, t);
    if (mode == SCAN_BETWEEN && coverage(state, table, low, high) == EVICT_NONE) continue;
    if (!isDirty) rows += table_row_count(table);
    else if (load<u32>(table, T_EPOCH) == load<u32>(state, S_EPOCH)) rows += load<u32>(table, T_DIRTY_ROWS);
  }
  return rows;
}

/** What (low, high] means for a table, as `evictability` says it. */
function coverage(state: usize, table: usize, low: i64, high: i64): u32 {
  const upTo = evictability(state, table, high);
  if (upTo == EVICT_NONE || low == i64.MIN_VALUE) return upTo;
  const before = evictability(state, table, low);
  return before == EVICT_WHOLE ? EVICT_NONE : before == EVICT_SOME ? EVICT_SOME : upTo;
}

function scan(state: usize, cursor: usize, out: usize, max: u32, mode: u32, low: i64, high: i64, end: u32): u32 {
  // Cursor: partition, index of the table, first remixed hash of the chunk + 1 (0 = start of the table), next row index (dirty: + 1, 0 = start
  // of the chunk).
  const partitions = min(load<u32>(state, S_PARTITIONS), end);
  const isDirty = mode == SCAN_DIRTY || mode == SCAN_DIRTY_BETWEEN;
  let partition = load<u32>(cursor);
  let t = load<u32>(cursor, 4);
  let position = load<u32>(cursor, 8);
  let index = load<u32>(cursor, 12);
  let count: u32 = 0;
  for (; partition < partitions; partition++, t = 0) {
    const entry = partitionEntry(state, partition);
    for (; t < load<u32>(entry, P_COUNT); t++) {
      const table = tableAt(entry, t);
      const evict = mode == SCAN_ALL || mode == SCAN_DIRTY ? EVICT_WHOLE : coverage(state, table, low, high);
      if (evict == EVICT_NONE) continue;
      let chunk: usize =
        position != 0 ? chunkOf(table, position & ~1) : isDirty ? <usize>load<u32>(table, T_DIRTY_FIRST) : chunkFirst(table);
      position = 0;
      const rowBytes = load<u32>(table, T_ROW_BYTES);
      while (chunk != 0) {
        if (isCold(chunk)) {
          // Rows that have been listed must stay where they are.
          if (count != 0 && isOverLimit()) return pause(cursor, partition, t, positionOf(chunk) | 1, 0, count);
          const hash = positionOf(chunk);
          if (isOverLimit()) reclaim();
          chunk = inMemory(table, chunkOf(table, hash));
        }
        const rows = rowsOf(chunk);
        if (isDirty) {
          if (index == 0 && touchesChunks(table)) touchChunk(chunk, rowBytes);
          // Also in the middle: a chunk that has left memory since may have come back as it was before the walk.
          const first = dirtyInOrder(chunk);
          if (index == 0) index = first;
          while (index != 0 && count < max) {
            const row = rows + (index - 1) * rowBytes;
            index = load<u32>(row, ROW_NEXT);
            if (load<u32>(row, ROW_FLAGS) & ROW_NOT_LIVE) continue;
            if (evict == EVICT_SOME && (timeOf(state, row) > high || timeOf(state, row) <= low)) continue;
            store<u32>(out + 8 * count, <u32>row);
            store<u32>(out + 8 * count, <u32>chunk, 4);
            count++;
          }
          if (index != 0) return pause(cursor, partition, t, positionOf(chunk) | 1, index, count);
          chunk = load<u32>(chunk, C_DIRTY_NEXT);
        } else {
          const used = load<u32>(chunk, C_ROWS_USED);
          while (index < used && count < max) {
            const row = rows + index * rowBytes;
            index++;
            if (load<u32>(row, ROW_FLAGS) & ROW_NOT_LIVE) continue;
            if (evict == EVICT_SOME && (timeOf(state, row) > high || timeOf(state, row) <= low)) continue;
            store<u32>(out + 8 * count, <u32>row);
            store<u32>(out + 8 * count, <u32>chunk, 4);
            count++;
          }
          if (index < used) return pause(cursor, partition, t, positionOf(chunk) | 1, index, count);
          chunk = chunkNext(table, chunk);
          index = 0;
        }
        if (count == max && chunk != 0) return pause(cursor, partition, t, positionOf(chunk) | 1, 0, count);
      }
    }
  }
  return pause(cursor, partition, 0, 0, 0, count);
}

function pause(cursor: usize, partition: u32, table: u32, position: u32, index: u32, count: u32): u32 {
  store<u32>(cursor, partition);
  store<u32>(cursor, table, 4);
  store<u32>(cursor, position, 8);
  store<u32>(cursor, index, 12);
  return count;
}

/** Rows in all tables. */
export function store_row_count(state: usize): f64 {
  let rows: f64 = 0;
  for (let partition: u32 = 0; partition < load<u32>(state, S_PARTITIONS); partition++) {
    const entry = partitionEntry(state, partition);
    for (let t: u32 = 0; t < load<u32>(entry, P_COUNT); t++) rows += table_row_count(tableAt(entry, t));
  }
  return rows;
}

/** Bytes of memory of all tables. */
export function store_memory_bytes(state: usize): f64 {
  let bytes: u64 = STORE_BYTES + P_BYTES * load<u32>(state, S_PARTITIONS);
  for (let partition: u32 = 0; partition < load<u32>(state, S_PARTITIONS); partition++) {
    const entry = partitionEntry(state, partition);
    bytes += 4 * load<u32>(entry, P_CAPACITY) + filterBytes(entry);
    for (let t: u32 = 0; t < load<u32>(entry, P_COUNT); t++) bytes += load<u64>(tableAt(entry, t), T_BYTES);
  }
  return <f64>bytes;
}

/** Rows inserted or changed in this batch. */
export function store_updated_rows(state: usize): u32 {
  return load<u32>(state, S_UPDATED);
}

/** Rows removed in this batch. */
export function store_removed_rows(state: usize): u32 {
  return load<u32>(state, S_REMOVED);
}

/** The table of the groups of this batch that were dropped as late; 0: there are none. */
export function store_late_table(state: usize): usize {
  return load<u32>(state, S_LATE_GROUPS);
}

/** Distinct groups of this batch that were dropped as late. */
export function store_late_groups(state: usize): u32 {
  const table: usize = load<u32>(state, S_LATE_GROUPS);
  return table == 0 ? 0 : table_row_count(table);
}
