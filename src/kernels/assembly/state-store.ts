// State of one stateful operator in one worker: a hash table per (partition, time bucket), with everything a micro-batch
// needs: first touch of a row in an epoch saves its old image (undo) and links it into the dirty list, evicted buckets are
// kept until the commit. No function here scans live state except `store_scan_all`, a snapshot, and the one bucket that
// the watermark cuts through. Called by generated code and by state/state-store.ts, on the worker that owns the memory.
//
// Life of a batch: store_begin, store_upsert …, store_scan_*, store_evict, store_changes, then store_commit or store_abort;
// after that the caller resets ARENA_BATCH, where undo images and late groups live.
import {
  ARENA_BATCH,
  EVICT_WATERMARK,
  LATE_WATERMARK,
  LAYOUT_BUCKET_MICROS,
  LAYOUT_BUCKET_NULL_BIT,
  LAYOUT_BUCKET_OFFSET,
  LAYOUT_KEY_FIXED_END,
  LAYOUT_KEYS,
  ROW_EPOCH,
  ROW_FIELDS,
  ROW_FLAGS,
  ROW_HASH,
  ROW_NEXT,
  TABLE_BASE,
  TABLE_INSERTED,
} from "./memory-layout";
import { beginEpoch, inMemory, isCold, isOverLimit, nextInMemory, reclaim, registerStore, unregisterStore } from "./cold-chunk";
import { arena_alloc, heap_alloc, heap_free } from "./memory";
import {
  table_append_variable,
  table_find,
  table_free,
  table_new,
  table_row_count,
  table_set_variable,
  table_upsert,
} from "./hash-table";
import {
  C_DIRTY_FIRST,
  C_DIRTY_NEXT,
  C_DIRTY_PREVIOUS,
  C_ROWS_USED,
  ROW_INSERTED,
  ROW_NOT_LIVE,
  T_BUCKET,
  T_DEAD_ROWS,
  T_DETACHED,
  T_DETACHED_NEXT,
  T_DIRTY_FIRST,
  T_DIRTY_LAST,
  T_DIRTY_NEXT,
  T_DIRTY_ROWS,
  T_EPOCH,
  T_PARTITION,
  T_ROWS,
  T_ROW_BYTES,
  chunkFirst,
  chunkOf,
  remix,
  rowsOf,
} from "./table-layout";
import { filterFree } from "./key-filter";
import { touchedIndex, touchedRow, touchedTable } from "./touch";
import { dirtyInOrder, linkDirty } from "./dirty-rows";
import { freeRow, unlinkRow } from "./table-chunk";
import {
  BUCKET_NONE,
  EVICT_SOME,
  EVICT_WHOLE,
  P_BYTES,
  P_CAPACITY,
  P_COUNT,
  P_FILTER,
  P_TABLES,
  STORE_BYTES,
  S_BUCKET_MICROS,
  S_BUCKET_NULL,
  S_BUCKET_OFFSET,
  S_DETACHED,
  S_DIRTY_TABLES,
  S_DUPLICATES,
  S_ENTRIES,
  S_EPOCH,
  S_EVICT_ROWS_MAX,
  S_KEPT_UNTIL,
  S_KEY_NULLS,
  S_LATE_CHECK,
  S_LATE_GROUPS,
  S_LAYOUT,
  S_MASK,
  S_PARTITIONS,
  S_REMOVED,
  S_UNDO,
  S_UNLINKED,
  S_UPDATED,
  UNDO_KIND,
  UNDO_REMOVED,
  UNDO_REMOVED_LATER,
  UNDO_TOUCHED,
  attach,
  detach,
  evictability,
  freeIfEmpty,
  hasNoTime,
  imageBytes,
  partitionEntry,
  tableAt,
  tableOf,
  timeOf,
  writeImage,
} from "./store-tables";

/** An empty store. `layout` must outlive it. */
export function store_new(layout: usize, partitions: u32): usize {
  const result = heap_alloc(STORE_BYTES);
  const entries = result == 0 ? <usize>0 : heap_alloc(P_BYTES * partitions);
  if (entries == 0) return 0;
  memory.fill(result, 0, STORE_BYTES);
  memory.fill(entries, 0, P_BYTES * partitions);
  store<u32>(result, <u32>layout, S_LAYOUT);
  store<u32>(result, partitions, S_PARTITIONS);
  store<u32>(result, partitions & (partitions - 1) ? ~0 : partitions - 1, S_MASK);
  store<u32>(result, <u32>entries, S_ENTRIES);
  store<u32>(result, load<u32>(layout, LAYOUT_BUCKET_OFFSET), S_BUCKET_OFFSET);
  store<i64>(result, load<i64>(layout, LAYOUT_BUCKET_MICROS), S_BUCKET_MICROS);
  const isValue = load<u32>(layout, LAYOUT_BUCKET_OFFSET) >= load<u32>(layout, LAYOUT_KEY_FIXED_END);
  store<u32>(result, isValue ? 1 : 0, S_KEPT_UNTIL);
  store<u64>(result, isValue ? 0 : <u64>1 << load<u32>(layout, LAYOUT_BUCKET_NULL_BIT), S_BUCKET_NULL);
  store<u32>(result, load<u32>(layout, LAYOUT_KEYS) == ROW_FIELDS ? ROW_FLAGS : ROW_FIELDS, S_KEY_NULLS);
  store<u32>(result, 1, S_LATE_CHECK);
  store<u32>(result, ~0, S_EVICT_ROWS_MAX);
  registerStore(result);
  return result;
}

/** Gives all memory back. The store must be between batches. */
export function store_free(state: usize): void {
  unregisterStore(state);
  const partitions = load<u32>(state, S_PARTITIONS);
  for (let i: u32 = 0; i < partitions; i++) {
    const entry = partitionEntry(state, i);
    for (let t: u32 = 0; t < load<u32>(entry, P_COUNT); t++) table_free(tableAt(entry, t));
    if (load<u32>(entry, P_FILTER) != 0) filterFree(entry);
    if (load<u32>(entry, P_CAPACITY) != 0) heap_free(load<u32>(entry, P_TABLES), 4 * load<u32>(entry, P_CAPACITY));
  }
  heap_free(load<u32>(state, S_ENTRIES), P_BYTES * partitions);
  heap_free(state, STORE_BYTES);
}

/** Switches the check of LATE_WATERMARK (off in complete mode, where late rows count). */
export function store_set_late_check(state: usize, on: u32): void {
  store<u32>(state, on, S_LATE_CHECK);
}

/**
 * A bucket that the watermark cuts through, and that has more rows, is kept until it can go as a whole: for operators that see for themselves
 * whether a row has had its time.
 */
export function store_set_evict_rows_max(state: usize, rows: u32): void {
  store<u32>(state, rows, S_EVICT_ROWS_MAX);
}

/** Starts a batch. `epoch` is never 0 and differs from that of every earlier batch of this process. */
export function store_begin(state: usize, epoch: u32): void {
  store<u32>(state, epoch, S_EPOCH);
  beginEpoch(state, epoch);
  forgetBatch(state);
}

function forgetBatch(state: usize): void {
  store<u32>(state, 0, S_DIRTY_TABLES);
  store<u32>(state, 0, S_DETACHED);
  store<u32>(state, 0, S_UNDO);
  store<u32>(state, 0, S_LATE_GROUPS);
  store<u32>(state, 0, S_UPDATED);
  store<u32>(state, 0, S_REMOVED);
  store<u32>(state, 0, S_UNLINKED);
  store<u32>(state, 0, S_DUPLICATES);
}

/**
 * Finds or inserts the row with the keys of `row` and marks it as changed in this batch. Sets TABLE_INSERTED and TABLE_BASE.
 * 0: the row is late (counted, state untouched), or memory is exhausted (ERROR_CODE is set).
 */
export function store_upsert(state: usize, row: usize, base: usize): usize {
  const touched = touchedRow(state, row, base);
  if (load<u32>(state, S_LATE_CHECK) != 0 && load<u32>(state, S_BUCKET_OFFSET) != 0) {
    const watermark = load<i64>(LATE_WATERMARK);
    if (timeOf(state, row) <= watermark && watermark != i64.MIN_VALUE && !hasNoTime(state, row)) return dropLate(state, row, base);
  }
  if (touched != 0) {
    store<u32>(TABLE_INSERTED, 0);
    if (load<u32>(touched, ROW_EPOCH) == load<u32>(state, S_EPOCH)) return touched;
    const chunk = load<u32>(TABLE_BASE);
    return touch(state, touchedTable(), chunk, touched, touchedIndex(), UNDO_TOUCHED) ? touched : 0;
  }
  const table = tableOf(state, row, true);
  if (table == 0) return 0;
  const found = table_upsert(table, row, base);
  if (found == 0) return 0;
  if (load<u32>(TABLE_INSERTED) != 0) {
    store<u32>(found, load<u32>(found, ROW_FLAGS) | ROW_INSERTED, ROW_FLAGS);
    markDirty(state, table, load<u32>(TABLE_BASE), found, 0);
  } else if (load<u32>(found, ROW_EPOCH) != load<u32>(state, S_EPOCH)) {
    if (!touch(state, table, load<u32>(TABLE_BASE), found, 0, UNDO_TOUCHED)) return 0;
  }
  return found;
}

function dropLate(state: usize, row: usize, base: usize): usize {
  let table: usize = load<u32>(state, S_LATE_GROUPS);
  if (table == 0) {
    table = table_new(load<u32>(state, S_LAYOUT), ARENA_BATCH + 1);
    store<u32>(state, <u32>table, S_LATE_GROUPS);
  }
  if (table != 0) table_upsert(table, row, base);
  store<u32>(TABLE_INSERTED, 0);
  return 0;
}

/** The row with the keys of `row`, or 0; only for reading. */
export function store_find(state: usize, row: usize, base: usize): usize {
  const table = tableOf(state, row, false);
  return table == 0 ? 0 : table_find(table, row, base);
}

/** First touch of a row of this batch: it goes on the dirty list; `index` as `linkDirty` takes it. */
@inline export function markDirty(state: usize, table: usize, chunk: usize, row: usize, index: u32): void {
  const epoch = load<u32>(state, S_EPOCH);
  linkDirty(table, chunk, row, index, epoch);
  store<u32>(state, load<u32>(state, S_UPDATED) + 1, S_UPDATED);
  if (load<u32>(table, T_EPOCH) != epoch) {
    store<u32>(table, epoch, T_EPOCH);
    store<u32>(table, 0, T_DIRTY_ROWS);
    store<u32>(table, load<u32>(state, S_DIRTY_TABLES), T_DIRTY_NEXT);
    store<u32>(state, <u32>table, S_DIRTY_TABLES);
  }
  store<u32>(table, load<u32>(table, T_DIRTY_ROWS) + 1, T_DIRTY_ROWS);
}

/** First touch of a row that was there before the batch. */
function touch(state: usize, table: usize, chunk: usize, row: usize, index: u32, kind: u32): bool {
  if (!saveImage(state, table, chunk, row, kind)) return false;
  store<u32>(row, load<u32>(row, ROW_FLAGS) & ~ROW_INSERTED, ROW_FLAGS);
  markDirty(state, table, chunk, row, index);
  return true;
}

function saveImage(state: usize, table: usize, chunk: usize, row: usize, kind: u32): bool {
  const bytes = imageBytes(table, row);
  const undo = arena_alloc(ARENA_BATCH, bytes);
  if (undo == 0) return false;
  writeImage(table, undo, row, chunk);
  store<u32>(undo, <u32>table | kind, ROW_EPOCH);
  store<u32>(undo, load<u32>(state, S_UNDO), ROW_NEXT);
  store<u32>(state, <u32>undo, S_UNDO);
  return true;
}

/** `table_set_variable` for a row that `store_upsert` returned in this batch. */
export function store_set_variable(state: usize, row: usize, fieldOffset: u32, address: usize, length: u32): usize {
  return table_set_variable(tableOf(state, row, false), row, fieldOffset, address, length);
}

/** `table_append_variable` for a row that `store_upsert` returned in this batch. */
export function store_append_variable(state: usize, row: usize, fieldOffset: u32, address: usize, length: u32): usize {
  return table_append_variable(tableOf(state, row, false), row, fieldOffset, address, length);
}

/** Removes a row by its address; undone by an abort. False (0): memory is exhausted. */
export function store_remove(state: usize, row: usize): u32 {
  const table = tableOf(state, row, false);
  return removeRow(state, table, chunkOf(table, remix(load<u32>(row, ROW_HASH))), row) ? 1 : 0;
}

function removeRow(state: usize, table: usize, chunk: usize, row: usize): bool {
  if (load<u32>(row, ROW_EPOCH) != load<u32>(state, S_EPOCH)) {
    if (!touch(state, table, chunk, row, 0, UNDO_REMOVED)) return false;
    store<u32>(state, load<u32>(state, S_UPDATED) - 1, S_UPDATED);
  } else if ((load<u32>(row, ROW_FLAGS) & ROW_INSERTED) == 0) {
    if (!saveImage(state, table, chunk, row, UNDO_REMOVED_LATER)) return false;
  }
  unlinkRow(table, chunk, row);
  store<u32>(table, load<u32>(table, T_DEAD_ROWS) + 1, T_DEAD_ROWS);
  store<u32>(state, load<u32>(state, S_REMOVED) + 1, S_REMOVED);
  store<u32>(state, load<u32>(state, S_UNLINKED) + 1, S_UNLINKED);
  return true;
}

/** 1 if some row has an event time at or before `watermark`. */
export function store_has_evictable(state: usize, watermark: i64): u32 {
  const partitions = load<u32>(state, S_PARTITIONS);
  for (let partition: u32 = 0; partition < partitions; partition++) {
    const entry = partitionEntry(state, partition);
    for (let t: u32 = 0; t < load<u32>(entry, P_COUNT); t++) {
      const table = tableAt(entry, t);
      const evict = evictability(state, table, watermark);
      if (evict == EVICT_WHOLE && load<u32>(table, T_ROWS) != 0) return 1;
      if (evict == EVICT_SOME && evictRows(state, table, watermark, false)) return 1;
    }
  }
  return 0;
}

/**
 * Removes the rows whose event time is at or before EVICT_WATERMARK (but see `store_set_evict_rows_max`). Whole buckets are only detached.
 * Returns the number of rows removed. Rows must not be added to evicted time afterwards in the same batch.
 */
export function store_evict(state: usize): u32 {
  const watermark = load<i64>(EVICT_WATERMARK);
  const partitions = load<u32>(state, S_PARTITIONS);
  const before = load<u32>(state, S_REMOVED);
  for (let partition: u32 = 0; partition < partitions; partition++) {
    const entry = partitionEntry(state, partition);
    let t: u32 = 0;
    while (t < load<u32>(entry, P_COUNT)) {
      const table = tableAt(entry, t);
      const evict = evictability(state, table, watermark);
      if (evict == EVICT_WHOLE) {
        detach(entry, table);
        store<u32>(table, 1, T_DETACHED);
        store<u32>(table, load<u32>(state, S_DETACHED), T_DETACHED_NEXT);
        store<u32>(state, <u32>table, S_DETACHED);
        store<u32>(state, load<u32>(state, S_REMOVED) + load<u32>(table, T_ROWS), S_REMOVED);
        continue;
      }
      if (evict == EVICT_SOME) {
        if (load<u32>(table, T_ROWS) <= load<u32>(state, S_EVICT_ROWS_MAX)) evictRows(state, table, watermark, true);
      } else if (load<i64>(table, T_BUCKET) != BUCKET_NONE) break;
      t++;
    }
  }
  return load<u32>(state, S_REMOVED) - before;
}

/** Removes the rows of one table up to the watermark, or just tells whether there are any. */
function evictRows(state: usize, table: usize, watermark: i64, remove: bool): bool {
  const rowBytes = load<u32>(table, T_ROW_BYTES);
  for (let chunk = inMemory(table, chunkFirst(table)); chunk != 0; chunk = nextInMemory(table, chunk)) {
    const end = rowsOf(chunk) + load<u32>(chunk, C_ROWS_USED) * rowBytes;
    for (let row = rowsOf(chunk); row < end; row += rowBytes) {
      if (load<u32>(row, ROW_FLAGS) & ROW_NOT_LIVE || timeOf(state, row) > watermark) continue;
      if (!remove || !removeRow(state, table, chunk, row)) return true;
    }
  }
  return false;
}

/** The batch is committed: its undo records and evicted buckets are forgotten. */
export function store_commit(state: usize): void {
  let table: usize = load<u32>(state, S_DIRTY_TABLES);
  while (table != 0) {
    const next: usize = load<u32>(table, T_DIRTY_NEXT);
    clearDirty(table, false);
    if (load<u32>(table, T_DETACHED) == 0) freeIfEmpty(state, table);
    table = next;
  }
  table = load<u32>(state, S_DETACHED);
  while (table != 0) {
    const next: usize = load<u32>(table, T_DETACHED_NEXT);
    table_free(table);
    table = next;
  }
  forgetBatch(state);
}

/** Restores every row, bucket and value of before the batch. */
export function store_abort(state: usize): void {
  let table: usize = load<u32>(state, S_DIRTY_TABLES);
  for (; table != 0; table = load<u32>(table, T_DIRTY_NEXT)) clearDirty(table, true);
  let undo: usize = load<u32>(state, S_UNDO);
  for (; undo != 0; undo = load<u32>(undo, ROW_NEXT)) {
    const touched = load<u32>(undo, ROW_EPOCH);
    if ((touched & UNDO_KIND) == UNDO_REMOVED_LATER) continue;
    if (isOverLimit()) reclaim();
    store<u32>(undo, 0, ROW_EPOCH);
    table_upsert(touched & ~UNDO_KIND, undo, undo);
  }
  table = load<u32>(state, S_DIRTY_TABLES);
  while (table != 0) {
    const next: usize = load<u32>(table, T_DIRTY_NEXT);
    if (load<u32>(table, T_DETACHED) == 0) freeIfEmpty(state, table);
    table = next;
  }
  table = load<u32>(state, S_DETACHED);
  while (table != 0) {
    const next: usize = load<u32>(table, T_DETACHED_NEXT);
    store<u32>(table, 0, T_DETACHED);
    if (table_row_count(table) == 0) table_free(table);
    else attach(partitionEntry(state, load<u32>(table, T_PARTITION)), table);
    table = next;
  }
  forgetBatch(state);
}

/** Empties the dirty lists of a table. Removed rows become free; with `remove` all dirty rows are removed. */
function clearDirty(table: usize, remove: bool): void {
  const rowBytes = load<u32>(table, T_ROW_BYTES);
  const visitRows = remove || load<u32>(table, T_DEAD_ROWS) != 0;
  let chunk: usize = load<u32>(table, T_DIRTY_FIRST);
  while (chunk != 0) {
    if (remove) chunk = inMemory(table, chunk);
    // Rows in cold chunks get free when these come back.
    if (visitRows && !isCold(chunk)) {
      const rows = rowsOf(chunk);
      let index = dirtyInOrder(chunk);
      while (index != 0) {
        const row = rows + (index - 1) * rowBytes;
        index = load<u32>(row, ROW_NEXT);
        const isLive = (load<u32>(row, ROW_FLAGS) & ROW_NOT_LIVE) == 0;
        if (isLive && !remove) continue;
        if (isLive) unlinkRow(table, chunk, row);
        freeRow(chunk, row);
      }
    }
    store<u32>(chunk, 0, C_DIRTY_FIRST);
    store<u32>(chunk, 0, C_DIRTY_PREVIOUS);
    chunk = load<u32>(chunk, C_DIRTY_NEXT);
    if (!remove) continue;
    store<u32>(table, <u32>chunk, T_DIRTY_FIRST);
    if (chunk != 0) store<u32>(chunk, 0, C_DIRTY_PREVIOUS);
    if (isOverLimit()) reclaim();
    chunk = load<u32>(table, T_DIRTY_FIRST);
  }
  store<u32>(table, 0, T_DIRTY_FIRST);
  store<u32>(table, 0, T_DIRTY_LAST);
  store<u32>(table, 0, T_DEAD_ROWS);
  store<u32>(table, 0, T_EPOCH);
}
