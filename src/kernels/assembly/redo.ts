// Redo of changes: the rows of a change frame (state-frame.ts) are put, removed or dropped, at once or from a queue. The queue takes the frames of
// many batches and redoes their rows in the order of their chunks: rows all over a large state are waited for once, and a chunk that is not
// in memory comes back once. Called by change-log.ts and by state/state-store.ts when state is restored.
import { LAYOUT_VAR_COUNT, ROW_HASH, ROW_NEXT, TABLE_BASE, TABLE_INSERTED } from "./memory-layout";
import { isOverLimit, reclaim } from "./cold-chunk";
import { heap_alloc, heap_free } from "./memory";
import { table_find, table_free, table_remove, table_upsert } from "./hash-table";
import { CHUNK_IS_SAVED, C_DIRTY_NEXT, C_DIRTY_PREVIOUS, T_ROW_BYTES, T_VAR_COUNT, chunkOf, remix } from "./table-layout";
import { APPLY_DONE, APPLY_LAYOUT, APPLY_MEMORY, APPLY_RECORD } from "./apply-result";
import { packedFixedBytes, unpackRow } from "./packed-row";
import {
  S_BUCKET_MICROS,
  S_BUCKET_OFFSET,
  S_COLD_CHUNKS,
  S_COVERED,
  S_LAYOUT,
  S_PARTITIONS,
  S_QUEUE,
  S_QUEUED_BYTES,
  S_QUEUED_ROWS,
  S_QUEUE_BYTES,
  bucketTable,
  detach,
  freeIfEmpty,
  partitionEntry,
  partitionOf,
  rowBytesOf,
  tableOf,
} from "./store-tables";
import { store_touch } from "./touch";
import { RECORD_DROP, RECORD_HEADER, RECORD_PUT, RECORD_REMOVE, RECORD_WITHOUT_NULLS, R_BYTES, R_ROWS } from "./state-frame";

export const DROP_BYTES: u32 = 16;

/** Rows that are looked up together: a table larger than the cache is waited for once for all of them. */
const REDO_ROWS: u32 = 32;
/** Where the packed row of each lies; in those of the queue with REMOVES and WITHOUT_NULLS. */
const REDO_PLACES: usize = memory.data(4 * 32, 16);
const REMOVES: u32 = 1;
const WITHOUT_NULLS: u32 = 2;
const FLAGS: u32 = 3;

// Queue, one block: records as they were in their frames from its beginning, and from its end, towards them, an entry for each row:
// hash u32, place u32.
const ENTRY_BYTES: u32 = 8;
/** Of rows that are sorted to be beside each other, at least. */
const SORTED_ROWS: u32 = 8;
const SORTED_LOG2_MAX: u32 = 15;

@inline function kindOf(record: usize): u32 {
  return load<u32>(record) & ~RECORD_WITHOUT_NULLS;
}

@inline function recordEnd(record: usize): usize {
  return record + RECORD_HEADER + ((load<u32>(record, R_BYTES) + 7) & ~7);
}

@inline function isWhole(record: usize, end: usize): bool {
  return record + RECORD_HEADER <= end && load<u32>(record, R_BYTES) <= <u32>(end - record) - RECORD_HEADER;
}

/** Redoes the records in [position, end). Returns APPLY_*. */
export function redo(state: usize, partition: u32, position: usize, end: usize, records: u32): u32 {
  const scratchBytes = REDO_ROWS * rowBytesOf(state);
  const scratch = heap_alloc(scratchBytes);
  if (scratch == 0) return APPLY_MEMORY;
  let result = APPLY_DONE;
  for (; records != 0 && result == APPLY_DONE; records--) {
    if (!isWhole(position, end)) result = APPLY_RECORD;
    else {
      const recordKind = kindOf(position);
      if (recordKind == RECORD_DROP) result = redoDrops(state, partition, position);
      else if (recordKind == RECORD_PUT || recordKind == RECORD_REMOVE) result = redoRows(state, partition, position, scratch);
      else result = APPLY_RECORD;
      position = recordEnd(position);
    }
  }
  heap_free(scratch, scratchBytes);
  return result != APPLY_DONE ? result : position == end ? APPLY_DONE : APPLY_RECORD;
}

function redoDrops(state: usize, partition: u32, record: usize): u32 {
  let position = record + RECORD_HEADER;
  const end = position + load<u32>(record, R_BYTES);
  for (let rows = load<u32>(record, R_ROWS); rows != 0; rows--) {
    if (isOverLimit()) reclaim();
    if (position + DROP_BYTES > end) return APPLY_RECORD;
    if (load<i64>(position, 8) != load<i64>(state, S_BUCKET_MICROS)) return APPLY_LAYOUT;
    const table = bucketTable(state, partition, load<i64>(position), false);
    if (table != 0) {
      detach(partitionEntry(state, partition), table);
      table_free(table);
    }
    position += DROP_BYTES;
  }
  return position == end ? APPLY_DONE : APPLY_RECORD;
}

/** Puts or removes. */
function redoRows(state: usize, partition: u32, record: usize, scratch: usize): u32 {
  const withNulls = (load<u32>(record) & RECORD_WITHOUT_NULLS) == 0;
  const flags: u32 = kindOf(record) == RECORD_PUT ? 0 : REMOVES;
  const rowBytes = rowBytesOf(state);
  let position = record + RECORD_HEADER;
  const end = position + load<u32>(record, R_BYTES);
  for (let left = load<u32>(record, R_ROWS); left != 0; ) {
    const rows = min(left, REDO_ROWS);
    for (let i: u32 = 0; i < rows; i++) {
      const row = scratch + i * rowBytes;
      const bytes = unpackRow(load<u32>(state, S_LAYOUT), row, position, end, withNulls);
      if (bytes == 0 || partitionOf(state, load<u32>(row, ROW_HASH)) != partition) return APPLY_RECORD;
      store<u32>(REDO_PLACES + 4 * i, <u32>position | flags);
      position += bytes;
    }
    if (!redoUnpacked(state, scratch, rows)) return APPLY_MEMORY;
    left -= rows;
  }
  return position == end ? APPLY_DONE : APPLY_RECORD;
}

/** What REDO_PLACES says of `rows` rows in `scratch`. False: memory is exhausted. */
function redoUnpacked(state: usize, scratch: usize, rows: u32): bool {
  const rowBytes = rowBytesOf(state);
  if (load<u32>(state, S_COLD_CHUNKS) == 0) {
    for (let i: u32 = 0; i < rows; i++) store<u32>(scratch + i * rowBytes, rowBytes, ROW_NEXT);
    store_touch(state, scratch, scratch + rows * rowBytes);
    for (let i: u32 = 0; i < rows; i++) store<u32>(scratch + i * rowBytes, 0, ROW_NEXT);
  }
  for (let i: u32 = 0; i < rows; i++) {
    if (isOverLimit()) reclaim();
    const row = scratch + i * rowBytes;
    const place = load<u32>(REDO_PLACES + 4 * i);
    if (place & REMOVES) removeRow(state, row, place & ~FLAGS);
    else if (!putRow(state, row, place & ~FLAGS)) return false;
  }
  return true;
}

function removeRow(state: usize, row: usize, base: usize): void {
  const table = tableOf(state, row, false);
  if (table == 0) return;
  const found = table_find(table, row, base);
  if (found != 0) {
    store<u32>(load<u32>(TABLE_BASE), 0, C_DIRTY_PREVIOUS);
    table_remove(table, found);
  }
  freeIfEmpty(state, table);
}

/** False: memory is exhausted. */
@inline function putRow(state: usize, row: usize, base: usize): bool {
  const table = tableOf(state, row, true);
  if (table == 0 || !put(table, row, base)) return false;
  store<u32>(load<u32>(TABLE_BASE), 0, C_DIRTY_PREVIOUS);
  return true;
}

@inline function put(table: usize, row: usize, base: usize): bool {
  const found = table_upsert(table, row, base);
  if (found == 0 || load<u32>(TABLE_INSERTED) != 0) return found != 0;
  if (load<u32>(table, T_VAR_COUNT) == 0) {
    const end = row + load<u32>(table, T_ROW_BYTES);
    for (let to = found, from = row; from < end; from += 8, to += 8) store<u64>(to, load<u64>(from));
    return true;
  }
  table_remove(table, found);
  return table_upsert(table, row, base) != 0;
}

/** Makes a queue of `bytes` bytes, until `store_redo_end`. 0: there is no memory for it. */
export function store_redo_begin(state: usize, bytes: u32): u32 {
  bytes &= ~63;
  const queue = heap_alloc(bytes);
  store<u32>(state, <u32>queue, S_QUEUE);
  store<u32>(state, queue == 0 ? 0 : bytes, S_QUEUE_BYTES);
  store<u32>(state, 0, S_QUEUED_BYTES);
  store<u32>(state, 0, S_QUEUED_ROWS);
  return queue == 0 ? 0 : 1;
}

/** Redoes what is still in the queue, and frees it. Returns APPLY_*. */
export function store_redo_end(state: usize): u32 {
  const result = redoQueued(state);
  const queue = load<u32>(state, S_QUEUE);
  if (queue != 0) heap_free(queue, load<u32>(state, S_QUEUE_BYTES));
  store<u32>(state, 0, S_QUEUE);
  store<u32>(state, 0, S_QUEUE_BYTES);
  return result;
}

/** As `redo`, but puts and removes may wait in the queue, and those that a chunk holds, which was copied after `batch`, are left out. */
export function enqueue(state: usize, partition: u32, batch: i64, payload: usize, end: usize, records: u32): u32 {
  const bytes = <u32>(end - payload);
  let rows: u64 = 0;
  let canWait = true;
  let position = payload;
  for (let left = records; left != 0; left--) {
    if (!isWhole(position, end)) return APPLY_RECORD;
    const recordKind = kindOf(position);
    if (recordKind == RECORD_DROP) canWait = false;
    else if (recordKind != RECORD_PUT && recordKind != RECORD_REMOVE) return APPLY_RECORD;
    rows += load<u32>(position, R_ROWS);
    position = recordEnd(position);
  }
  if (position != end) return APPLY_RECORD;
  const capacity = load<u32>(state, S_QUEUE_BYTES);
  const wanted = <u64>bytes + rows * ENTRY_BYTES;
  const queued = <u64>load<u32>(state, S_QUEUED_BYTES) + <u64>load<u32>(state, S_QUEUED_ROWS) * ENTRY_BYTES;
  if (!canWait || queued + wanted > <u64>capacity) {
    const result = redoQueued(state);
    if (result != APPLY_DONE) return result;
  }
  if (!canWait || wanted > <u64>capacity) return redo(state, partition, payload, end, records);
  const copy: usize = load<u32>(state, S_QUEUE) + load<u32>(state, S_QUEUED_BYTES);
  memory.copy(copy, payload, bytes);
  const rowsBefore = load<u32>(state, S_QUEUED_ROWS);
  const scratch = heap_alloc(rowBytesOf(state));
  if (scratch == 0) return APPLY_MEMORY;
  let result = APPLY_DONE;
  position = copy;
  for (; records != 0 && result == APPLY_DONE; records--) {
    result = enqueueRows(state, partition, batch, position, scratch);
    position = recordEnd(position);
  }
  heap_free(scratch, rowBytesOf(state));
  if (load<u32>(state, S_QUEUED_ROWS) != rowsBefore) store<u32>(state, load<u32>(state, S_QUEUED_BYTES) + bytes, S_QUEUED_BYTES);
  return result;
}

/** Entries for the rows of a record in the queue. */
function enqueueRows(state: usize, partition: u32, batch: i64, record: usize, scratch: usize): u32 {
  const withNulls = (load<u32>(record) & RECORD_WITHOUT_NULLS) == 0;
  const flags = (kindOf(record) == RECORD_PUT ? 0 : REMOVES) | (withNulls ? 0 : WITHOUT_NULLS);
  const layout: usize = load<u32>(state, S_LAYOUT);
  const mayBeCovered = batch <= <i64>load<u32>(state, S_COVERED);
  const isFixed = load<u32>(layout, LAYOUT_VAR_COUNT) == 0 && !(mayBeCovered && load<u32>(state, S_BUCKET_OFFSET) != 0);
  const fixedBytes = packedFixedBytes(layout, withNulls);
  const rows = load<u32>(record, R_ROWS);
  let queued = load<u32>(state, S_QUEUED_ROWS);
  let entry: usize = load<u32>(state, S_QUEUE) + load<u32>(state, S_QUEUE_BYTES) - queued * ENTRY_BYTES;
  let position = record + RECORD_HEADER;
  const end = position + load<u32>(record, R_BYTES);
  for (let i: u32 = 0; i < rows; i++) {
    let bytes = fixedBytes;
    if (isFixed) {
      if (position + bytes > end) return APPLY_RECORD;
    } else {
      bytes = unpackRow(layout, scratch, position, end, withNulls);
      if (bytes == 0) return APPLY_RECORD;
    }
    const hash = load<u32>(position);
    if (partitionOf(state, hash) != partition) return APPLY_RECORD;
    if (isFixed) store<u32>(scratch, hash, ROW_HASH);
    if (!mayBeCovered || !isCovered(state, scratch, batch)) {
      entry -= ENTRY_BYTES;
      store<u32>(entry, hash);
      store<u32>(entry, <u32>position | flags, 4);
      queued++;
    }
    position += bytes;
  }
  store<u32>(state, queued, S_QUEUED_ROWS);
  return position == end ? APPLY_DONE : APPLY_RECORD;
}

/** Whether the chunk of this row was copied after `batch`, and has not changed since. */
@inline function isCovered(state: usize, row: usize, batch: i64): bool {
  const table = tableOf(state, row, false);
  if (table == 0) return false;
  const chunk = chunkOf(table, remix(load<u32>(row, ROW_HASH)));
  return load<u32>(chunk, C_DIRTY_PREVIOUS) == CHUNK_IS_SAVED && batch <= <i64>load<u32>(chunk, C_DIRTY_NEXT);
}

/** Empties the queue. The rows of one key stay in their order. */
function redoQueued(state: usize): u32 {
  const rows = load<u32>(state, S_QUEUED_ROWS);
  if (rows == 0) return APPLY_DONE;
  const sorted = heap_alloc(4 * rows);
  const scratchBytes = REDO_ROWS * rowBytesOf(state);
  const scratch = heap_alloc(scratchBytes);
  let result = APPLY_MEMORY;
  if (sorted != 0 && scratch != 0 && sortQueued(state, sorted, rows)) {
    result = APPLY_DONE;
    for (let done: u32 = 0; done < rows && result == APPLY_DONE; done += REDO_ROWS) {
      const some = min(REDO_ROWS, rows - done);
      unpackQueued(state, sorted + 4 * done, some, scratch);
      if (!redoUnpacked(state, scratch, some)) result = APPLY_MEMORY;
    }
  }
  if (sorted != 0) heap_free(sorted, 4 * rows);
  if (scratch != 0) heap_free(scratch, scratchBytes);
  store<u32>(state, 0, S_QUEUED_BYTES);
  store<u32>(state, 0, S_QUEUED_ROWS);
  return result;
}

/** Only there so that no load is optimized away. */
const LOADED: usize = memory.data(4, 4);

function unpackQueued(state: usize, places: usize, rows: u32, scratch: usize): void {
  const layout: usize = load<u32>(state, S_LAYOUT);
  const rowBytes = rowBytesOf(state);
  let sum: u32 = 0;
  for (let i: u32 = 0; i < rows; i++) sum += load<u32>(load<u32>(places + 4 * i) & ~FLAGS);
  store<u32>(LOADED, sum);
  for (let i: u32 = 0; i < rows; i++) {
    const place = load<u32>(places + 4 * i);
    store<u32>(REDO_PLACES + 4 * i, place);
    // It was whole when it got into the queue.
    unpackRow(layout, scratch + i * rowBytes, place & ~FLAGS, ~0, (place & WITHOUT_NULLS) == 0);
  }
}

/** Where the rows of the queue lie, by partition and then by the part of the table that they belong to, goes to `sorted`. */
function sortQueued(state: usize, sorted: usize, rows: u32): bool {
  const partitions = load<u32>(state, S_PARTITIONS);
  const partitionsLog2: u32 = 32 - clz(partitions - 1);
  const wanted: u32 = 31 - clz(max(rows / SORTED_ROWS, 1));
  const log2 = min(wanted, SORTED_LOG2_MAX) > partitionsLog2 ? min(wanted, SORTED_LOG2_MAX) - partitionsLog2 : 0;
  const groups: u32 = partitions << log2;
  const starts = heap_alloc(4 * groups);
  if (starts == 0) return false;
  memory.fill(starts, 0, 4 * groups);
  const last: usize = load<u32>(state, S_QUEUE) + load<u32>(state, S_QUEUE_BYTES);
  const first = last - rows * ENTRY_BYTES;
  for (let entry = first; entry < last; entry += ENTRY_BYTES) {
    const count = starts + 4 * groupOf(state, load<u32>(entry), log2);
    store<u32>(count, load<u32>(count) + 1);
  }
  let start: u32 = 0;
  for (let group = starts; group < starts + 4 * groups; group += 4) {
    const count = load<u32>(group);
    store<u32>(group, start);
    start += count;
  }
  // The row that came first has the last entry.
  for (let entry = last - ENTRY_BYTES; entry >= first; entry -= ENTRY_BYTES) {
    const next = starts + 4 * groupOf(state, load<u32>(entry), log2);
    store<u32>(sorted + 4 * load<u32>(next), load<u32>(entry, 4));
    store<u32>(next, load<u32>(next) + 1);
  }
  heap_free(starts, 4 * groups);
  return true;
}

@inline function groupOf(state: usize, hash: u32, log2: u32): u32 {
  return (partitionOf(state, hash) << log2) | <u32>((<u64>remix(hash)) >> <u64>(32 - log2));
}
