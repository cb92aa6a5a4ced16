// Parts of a state store that no other side calls: its structures, the look-up of tables by partition and time bucket, images
// of rows. Used by state-store.ts and change-log.ts; no kernels.
import { LAYOUT_ROW_BYTES, LAYOUT_VAR_OFFSETS, ROW_HASH } from "./memory-layout";
import { heap_alloc, heap_free } from "./memory";
import { table_free, table_new, table_row_count } from "./hash-table";
import { shapeLike } from "./table-shape";
import { T_BUCKET, T_LAYOUT, T_OWNER, T_PARTITION, T_ROW_BYTES, T_VAR_COUNT, copyVariable } from "./table-layout";

// Store, 128 bytes on the state heap.
export const S_LAYOUT: u32 = 0;
export const S_PARTITIONS: u32 = 4;
export const S_MASK: u32 = 8; // partitions - 1 if a power of two, else all ones
export const S_ENTRIES: u32 = 12; // partition entries
export const S_EPOCH: u32 = 16;
export const S_BUCKET_OFFSET: u32 = 20;
export const S_BUCKET_MICROS: u32 = 24; // i64
export const S_BUCKET_NULL: u32 = 32; // u64 mask in the word at S_KEY_NULLS
export const S_LATE_CHECK: u32 = 40; // 1 = on
export const S_DIRTY_TABLES: u32 = 44;
export const S_DETACHED: u32 = 48;
export const S_UNDO: u32 = 52;
export const S_LATE_GROUPS: u32 = 56; // table
export const S_UPDATED: u32 = 60; // rows touched in this epoch
export const S_REMOVED: u32 = 64;
export const S_UNLINKED: u32 = 68; // of these, rows removed one by one
export const S_DUPLICATES: u32 = 72; // rows held back by store_pass_new
export const S_KEPT_UNTIL: u32 = 76; // 1 = the bucket is decided by a value
export const S_EVICT_ROWS_MAX: u32 = 80; // tables that the watermark cuts through and that have more rows stay whole
export const S_NEXT_STORE: u32 = 84; // of the worker
export const S_COLD_CHUNKS: u32 = 88; // not in memory
export const S_LOADED_CHUNKS: u32 = 92; // that came back in this epoch
export const S_COLD_BYTES: u32 = 96; // u64
export const S_QUEUE: u32 = 104; // changes that wait to be redone (redo.ts); 0: none wait
export const S_QUEUE_BYTES: u32 = 108;
export const S_QUEUED_BYTES: u32 = 112;
export const S_QUEUED_ROWS: u32 = 116;
export const S_COVERED: u32 = 120; // of its chunks that come from the chunk store: the latest batch that one of them holds
export const S_KEY_NULLS: u32 = 124; // where a row has the null bits of its keys
export const STORE_BYTES: u32 = 128;

// Partition entry, 40 bytes: tables sorted by bucket, and the one used last; the filter of key-filter.ts.
export const P_TABLES: u32 = 0; // u32 × capacity
export const P_COUNT: u32 = 4;
export const P_CAPACITY: u32 = 8;
export const P_LAST: u32 = 12;
export const P_LAST_START: u32 = 16; // i64, µs
export const P_FILTER: u32 = 24; // lines; 0: none yet
export const P_FILTER_SHIFT: u32 = 28; // 32 - log2 of their number
export const P_FILTER_ADDED: u32 = 32; // keys added since bits were cleared
export const P_BYTES: u32 = 40;

/** Bucket of rows without event time. */
export const BUCKET_NONE: i64 = i64.MIN_VALUE;

// Undo entry: the row with its variable bytes, slots relative to the row; ROW_NEXT: the entry before, ROW_EPOCH: table | kind.
export const UNDO_KIND: u32 = 63;
export const UNDO_TOUCHED: u32 = 1;
export const UNDO_REMOVED: u32 = 2;
/** Only for the change log: the row was removed after its image had been saved already. */
export const UNDO_REMOVED_LATER: u32 = 3;

@inline export function rowBytesOf(state: usize): u32 {
  return load<u32>(load<u32>(state, S_LAYOUT), LAYOUT_ROW_BYTES);
}

@inline export function partitionEntry(state: usize, partition: u32): usize {
  return <usize>load<u32>(state, S_ENTRIES) + P_BYTES * partition;
}

@inline export function tableAt(entry: usize, index: u32): usize {
  return load<u32>(<usize>load<u32>(entry, P_TABLES) + 4 * index);
}

@inline export function partitionOf(state: usize, hash: u32): u32 {
  const mask = load<u32>(state, S_MASK);
  if (mask != ~0) return hash & mask;
  const partitions = load<i32>(state, S_PARTITIONS);
  const rest = <i32>hash % partitions;
  return rest < 0 ? rest + partitions : rest;
}

@inline export function floorDivide(a: i64, b: i64): i64 {
  const quotient = a / b;
  return a - quotient * b < 0 ? quotient - 1 : quotient;
}

@inline export function hasNoTime(state: usize, row: usize): bool {
  return (load<u64>(row + load<u32>(state, S_KEY_NULLS)) & load<u64>(state, S_BUCKET_NULL)) != 0;
}

/** Whether a value of the row decides its bucket: then the key alone does not tell where the row is. */
@inline export function keepsKeysUntil(state: usize): bool {
  return load<u32>(state, S_KEPT_UNTIL) != 0;
}

@inline export function timeOf(state: usize, row: usize): i64 {
  return load<i64>(row + load<u32>(state, S_BUCKET_OFFSET));
}

/** The table that was used last in the partition of `row`, if the row belongs to it; otherwise 0. */
@inline export function lastTableOf(state: usize, entry: usize, row: usize): usize {
  const last: usize = load<u32>(entry, P_LAST);
  if (last == 0 || load<u32>(state, S_BUCKET_OFFSET) == 0) return last;
  if (<u64>(timeOf(state, row) - load<i64>(entry, P_LAST_START)) >= <u64>load<i64>(state, S_BUCKET_MICROS)) return 0;
  return hasNoTime(state, row) ? 0 : last;
}

/** The table that `row` belongs to; created if `create` is set, otherwise 0 where there is none. */
export function tableOf(state: usize, row: usize, create: bool): usize {
  const partition = partitionOf(state, load<u32>(row, ROW_HASH));
  const last = lastTableOf(state, partitionEntry(state, partition), row);
  if (last != 0) return last;
  if (load<u32>(state, S_BUCKET_OFFSET) == 0) return bucketTable(state, partition, 0, create);
  if (hasNoTime(state, row)) return bucketTable(state, partition, BUCKET_NONE, create);
  const bucket = floorDivide(timeOf(state, row), load<i64>(state, S_BUCKET_MICROS));
  const table = bucketTable(state, partition, bucket, false);
  return table != 0 || !create ? table : newBucket(state, partition, bucket);
}

function newBucket(state: usize, partition: u32, bucket: i64): usize {
  const before = bucketTable(state, partition, bucket - 1, false);
  const table = bucketTable(state, partition, bucket, true);
  return table != 0 && before != 0 && !shapeLike(table, before) ? 0 : table;
}

/** Place of `bucket` in the partition's sorted tables: index of the first with an equal or later bucket. */
export function bucketIndex(entry: usize, bucket: i64): u32 {
  let low: u32 = 0;
  let high = load<u32>(entry, P_COUNT);
  while (low < high) {
    const middle = (low + high) >> 1;
    if (load<i64>(tableAt(entry, middle), T_BUCKET) < bucket) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function bucketTable(state: usize, partition: u32, bucket: i64, create: bool): usize {
  const entry = partitionEntry(state, partition);
  const index = bucketIndex(entry, bucket);
  let table: usize = 0;
  if (index < load<u32>(entry, P_COUNT) && load<i64>(tableAt(entry, index), T_BUCKET) == bucket) {
    table = tableAt(entry, index);
  } else {
    if (!create) return 0;
    table = table_new(load<u32>(state, S_LAYOUT), 0);
    if (table == 0) return 0;
    store<u32>(table, <u32>state, T_OWNER);
    store<u32>(table, partition, T_PARTITION);
    store<i64>(table, bucket, T_BUCKET);
    if (!attach(entry, table)) {
      table_free(table);
      return 0;
    }
  }
  if (bucket != BUCKET_NONE) {
    store<u32>(entry, <u32>table, P_LAST);
    store<i64>(entry, bucket * load<i64>(state, S_BUCKET_MICROS), P_LAST_START);
  }
  return table;
}

export function attach(entry: usize, table: usize): bool {
  const count = load<u32>(entry, P_COUNT);
  const capacity = load<u32>(entry, P_CAPACITY);
  if (count == capacity) {
    const wanted = capacity == 0 ? 16 : 2 * capacity;
    const tables = heap_alloc(4 * wanted);
    if (tables == 0) return false;
    if (capacity != 0) {
      memory.copy(tables, load<u32>(entry, P_TABLES), 4 * count);
      heap_free(load<u32>(entry, P_TABLES), 4 * capacity);
    }
    store<u32>(entry, <u32>tables, P_TABLES);
    store<u32>(entry, wanted, P_CAPACITY);
  }
  const index = bucketIndex(entry, load<i64>(table, T_BUCKET));
  const place: usize = <usize>load<u32>(entry, P_TABLES) + 4 * index;
  memory.copy(place + 4, place, 4 * (count - index));
  store<u32>(place, <u32>table);
  store<u32>(entry, count + 1, P_COUNT);
  return true;
}

export function detach(entry: usize, table: usize): void {
  const index = bucketIndex(entry, load<i64>(table, T_BUCKET));
  const count = load<u32>(entry, P_COUNT);
  const place: usize = <usize>load<u32>(entry, P_TABLES) + 4 * index;
  memory.copy(place, place + 4, 4 * (count - index - 1));
  store<u32>(entry, count - 1, P_COUNT);
  store<u32>(entry, 0, P_LAST);
}

/** Bytes of a row with its variable bytes packed behind it. */
export function imageBytes(table: usize, row: usize): u32 {
  let bytes = load<u32>(table, T_ROW_BYTES);
  const count = load<u32>(table, T_VAR_COUNT);
  if (count != 0) {
    const offsets = <usize>load<u32>(table, T_LAYOUT) + LAYOUT_VAR_OFFSETS;
    for (let i: u32 = 0; i < count; i++) bytes += (load<u32>(row + load<u32>(offsets + 4 * i), 4) + 7) & ~7;
  }
  return bytes;
}

/** Writes that image; its slots are relative to `to`. */
export function writeImage(table: usize, to: usize, row: usize, base: usize): void {
  const rowBytes = load<u32>(table, T_ROW_BYTES);
  let i: usize = 0;
  for (; i + 8 < rowBytes; i += 16) v128.store(to + i, v128.load(row + i));
  if (i < rowBytes) store<u64>(to + i, load<u64>(row + i));
  const count = load<u32>(table, T_VAR_COUNT);
  if (count == 0) return;
  const offsets = <usize>load<u32>(table, T_LAYOUT) + LAYOUT_VAR_OFFSETS;
  let end = rowBytes;
  for (let i: u32 = 0; i < count; i++) {
    const slot = to + load<u32>(offsets + 4 * i);
    const length = load<u32>(slot, 4);
    if (length == 0) continue;
    copyVariable(to + end, base + load<u32>(slot), length);
    store<u32>(slot, end);
    end += (length + 7) & ~7;
  }
}

/** Frees a table without rows. */
export function freeIfEmpty(state: usize, table: usize): void {
  if (table_row_count(table) != 0) return;
  detach(partitionEntry(state, load<u32>(table, T_PARTITION)), table);
  table_free(table);
}

/** What a watermark means for a table: nothing evictable, some rows, all rows. */
export const EVICT_NONE: u32 = 0;
export const EVICT_SOME: u32 = 1;
export const EVICT_WHOLE: u32 = 2;
export function evictability(state: usize, table: usize, watermark: i64): u32 {
  const bucket = load<i64>(table, T_BUCKET);
  if (load<u32>(state, S_BUCKET_OFFSET) == 0 || bucket == BUCKET_NONE || watermark == i64.MIN_VALUE) return EVICT_NONE;
  const width = load<i64>(state, S_BUCKET_MICROS);
  const watermarkBucket = floorDivide(watermark, width);
  if (bucket < watermarkBucket) return EVICT_WHOLE;
  if (bucket > watermarkBucket) return EVICT_NONE;
  return watermark - bucket * width == width - 1 ? EVICT_WHOLE : EVICT_SOME;
}
