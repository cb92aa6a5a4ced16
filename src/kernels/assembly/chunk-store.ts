// Chunks on their way to the chunk store and back (src/state/chunk-stager.ts, chunk-loader.ts): which chunks have changed since they were
// staged last, and the entry of chunks that were read. Called on the worker that owns the memory, never within a batch.
//
// A chunk is named by partition, bucket and code = 2^depth | prefix: the code of the chunk that it was split from is code >> 1.
import { ROW_EPOCH } from "./memory-layout";
import { countStateBytes, freeStub, inMemory, stubOfStored } from "./cold-chunk";
import { heap_free, heap_size } from "./memory";
import { table_row_count } from "./hash-table";
import {
  CHUNK_BYTES_MIN,
  CHUNK_HEADER,
  CHUNK_IS_SAVED,
  C_BYTES,
  C_DEPTH,
  C_DIRTY_FIRST,
  C_DIRTY_NEXT,
  C_DIRTY_PREVIOUS,
  C_PREFIX,
  C_ROWS_LIVE,
  C_ROWS_USED,
  C_ROW_BYTES,
  C_SLOTS_LOG2,
  C_VARIABLE_TOP,
  DEPTH_MAX,
  SLOTS_LOG2_MAX,
  T_BUCKET,
  T_BYTES,
  T_CHUNKS,
  T_DIRECTORY,
  T_LOADING,
  T_ROWS,
  T_ROW_BYTES,
  T_SHIFT,
  T_STAGED,
  chunkFirst,
  chunkNext,
  chunkOf,
  rowsOf,
} from "./table-layout";
import { chunkBytesFirst, chunkFree, chunkNew, deepen, enter, split } from "./table-chunk";
import { P_COUNT, S_COVERED, S_PARTITIONS, bucketIndex, bucketTable, partitionEntry, tableAt } from "./store-tables";
import { APPLY_DONE, APPLY_LAYOUT, APPLY_MEMORY, APPLY_RECORD } from "./apply-result";

// Cursor of `store_stage`, 32 bytes, zero at first.
const G_PARTITION: u32 = 0;
const G_INSIDE: u32 = 4; // 1: bucket and position are those of a table that has been begun
const G_BUCKET: u32 = 8; // i64
const G_POSITION: u32 = 16; // u64: first remixed hash of the next chunk
const G_DONE: u32 = 24; // 1: all tables have been seen
const G_FULL: u32 = 28; // 1: there was no room for the next chunk

/** One staged chunk: address u32, bytes u32, partition u32, code u32, bucket i64, 1 if it is the first of a new table u32, 0 u32. */
const ENTRY_BYTES: u32 = 32;
/** Chunks looked at in one call: a fraction of a millisecond. */
const VISITS_MAX: u32 = 1024;

/**
 * Lists up to `max` chunks, of `bytesMax` bytes in all (or a single one of more), that have changed since they were listed last, and marks them as
 * saved. Returns how many; the cursor says when that was the end, or there was no room for another. Tables may come, grow and go between calls: chunks that were there
 * at the first call and have not gone since are listed by the last.
 */
export function store_stage(state: usize, cursor: usize, out: usize, max: u32, bytesMax: u32): u32 {
  let count: u32 = 0;
  let bytes: u32 = 0;
  let visits: u32 = 0;
  let partition = load<u32>(cursor, G_PARTITION);
  for (; partition < load<u32>(state, S_PARTITIONS); partition++) {
    const entry = partitionEntry(state, partition);
    let t: u32 = 0;
    let position: u64 = 0;
    if (load<u32>(cursor, G_INSIDE) != 0) {
      const bucket = load<i64>(cursor, G_BUCKET);
      t = bucketIndex(entry, bucket);
      if (t < load<u32>(entry, P_COUNT) && load<i64>(tableAt(entry, t), T_BUCKET) == bucket) position = load<u64>(cursor, G_POSITION);
      store<u32>(cursor, 0, G_INSIDE);
    }
    for (; t < load<u32>(entry, P_COUNT); t++, position = 0) {
      const table = tableAt(entry, t);
      while (position >> 32 == 0) {
        let chunk = chunkOf(table, <u32>position);
        const size = load<u32>(chunk, C_BYTES);
        const isSaved = load<u32>(chunk, C_DIRTY_PREVIOUS) == CHUNK_IS_SAVED;
        const isFull = !isSaved && count != 0 && <u64>bytes + size > <u64>bytesMax;
        if (visits == VISITS_MAX || isFull || (!isSaved && count == max)) {
          store<u32>(cursor, isFull ? 1 : 0, G_FULL);
          store<u32>(cursor, partition, G_PARTITION);
          store<u32>(cursor, 1, G_INSIDE);
          store<i64>(cursor, load<i64>(table, T_BUCKET), G_BUCKET);
          store<u64>(cursor, position, G_POSITION);
          return count;
        }
        visits++;
        const depth = load<u32>(chunk, C_DEPTH);
        if (!isSaved) {
          chunk = inMemory(table, chunk);
          const place = out + ENTRY_BYTES * count++;
          store<u32>(place, <u32>chunk);
          store<u32>(place, size, 4);
          store<u32>(place, partition, 8);
          store<u32>(place, (1 << depth) | load<u32>(chunk, C_PREFIX), 12);
          store<i64>(place, load<i64>(table, T_BUCKET), 16);
          store<u64>(place, load<u32>(table, T_STAGED) == 0 ? 1 : 0, 24);
          store<u32>(table, 1, T_STAGED);
          store<u32>(chunk, CHUNK_IS_SAVED, C_DIRTY_PREVIOUS);
          bytes += size;
        }
        position = (<u64>load<u32>(chunk, C_PREFIX) + 1) << (32 - depth);
      }
    }
  }
  store<u32>(cursor, partition, G_PARTITION);
  store<u32>(cursor, 0, G_FULL);
  store<u32>(cursor, 1, G_DONE);
  return count;
}

/** All chunks count as changed and no table as staged: what was listed so far is lost. */
export function store_unstage(state: usize): void {
  for (let partition: u32 = 0; partition < load<u32>(state, S_PARTITIONS); partition++) {
    const entry = partitionEntry(state, partition);
    for (let t: u32 = 0; t < load<u32>(entry, P_COUNT); t++) {
      const table = tableAt(entry, t);
      store<u32>(table, 0, T_STAGED);
      for (let chunk = chunkFirst(table); chunk != 0; chunk = chunkNext(table, chunk)) {
        if (load<u32>(chunk, C_DIRTY_PREVIOUS) == CHUNK_IS_SAVED) store<u32>(chunk, 0, C_DIRTY_PREVIOUS);
      }
    }
  }
}

/** 1 if the partition has a table for this bucket. */
export function store_has_bucket(state: usize, partition: u32, bucket: i64): u32 {
  return bucketTable(state, partition, bucket, false) == 0 ? 0 : 1;
}

/**
 * Enters a chunk that was read into `bytes` bytes of the state heap, which belong to the table from now on; 0 = done, otherwise they are given
 * back (APPLY_*). Chunks of one table come by ascending code: one that an earlier chunk was split into takes the place of its part of it.
 * `store_load_end` comes after the last. A chunk that is saved comes from the chunk store, and holds all changes up to `batch`.
 */
export function store_adopt_chunk(state: usize, partition: u32, bucket: i64, chunk: usize, bytes: u32, isSaved: u32, batch: u32): u32 {
  const table = partition < load<u32>(state, S_PARTITIONS) ? bucketTable(state, partition, bucket, true) : 0;
  const result = table == 0 ? APPLY_MEMORY : adopt(table, chunk, bytes);
  if (result != APPLY_DONE) heap_free(chunk, bytes);
  else if (isSaved != 0) {
    store<u32>(chunk, CHUNK_IS_SAVED, C_DIRTY_PREVIOUS);
    covers(state, table, chunk, batch);
  }
  return result;
}

function covers(state: usize, table: usize, chunk: usize, batch: u32): void {
  store<u32>(chunk, batch, C_DIRTY_NEXT);
  store<u32>(table, 1, T_STAGED);
  store<u32>(state, max(load<u32>(state, S_COVERED), batch), S_COVERED);
}

/** The table loses the chunk it was made with, once. False: it is in use. */
export function beginLoading(table: usize): bool {
  if (load<u32>(table, T_LOADING) != 0) return true;
  if (table_row_count(table) != 0) return false;
  chunkFree(table, chunkOf(table, 0));
  store<u32>(load<u32>(table, T_DIRECTORY), 0);
  store<u32>(table, 1, T_LOADING);
  return true;
}

/** Empty chunks take the place of missing ones. False: there is no memory for them. */
export function endLoading(table: usize): bool {
  const directory: usize = load<u32>(table, T_DIRECTORY);
  const depth: u32 = 32 - load<u32>(table, T_SHIFT);
  const entries: u32 = 1 << depth;
  for (let i: u32 = 0; i < entries; i++) {
    if (load<u32>(directory + 4 * i) != 0) continue;
    // As wide as the hole and its place allow.
    let log2: u32 = 0;
    while (log2 < depth && (i & ((2 << log2) - 1)) == 0 && isHole(directory, i, 2 << log2)) log2++;
    const chunk = chunkNew(table, chunkBytesFirst(table), depth - log2, i >> log2);
    if (chunk == 0) return false;
    enter(table, chunk);
  }
  store<u32>(table, 0, T_LOADING);
  return true;
}

function isHole(directory: usize, first: u32, entries: u32): bool {
  for (let i = first; i < first + entries; i++) if (load<u32>(directory + 4 * i) != 0) return false;
  return true;
}

/**
 * Enters a chunk that stays in the chunk store until it is needed; `header` is a copy of its first 64 bytes, otherwise as `store_adopt_chunk`.
 */
export function store_adopt_cold(state: usize, partition: u32, bucket: i64, header: usize, bytes: u32, checksum: u32, batch: u32): u32 {
  const table = partition < load<u32>(state, S_PARTITIONS) ? bucketTable(state, partition, bucket, true) : 0;
  if (table == 0) return APPLY_MEMORY;
  const invalid = check(table, header, bytes);
  if (invalid != APPLY_DONE) return invalid;
  const stub = stubOfStored(table, header, checksum);
  if (stub == 0) return APPLY_MEMORY;
  const result = place(table, stub);
  if (result != APPLY_DONE) freeStub(table, stub);
  else covers(state, table, stub, batch);
  return result;
}

/** What is wrong with the header of a chunk for this table, which is ready for it otherwise. */
function check(table: usize, chunk: usize, bytes: u32): u32 {
  if (!beginLoading(table)) return APPLY_RECORD;
  const depth = load<u32>(chunk, C_DEPTH);
  const prefix = load<u32>(chunk, C_PREFIX);
  const rowBytes = load<u32>(chunk, C_ROW_BYTES);
  const log2 = load<u32>(chunk, C_SLOTS_LOG2);
  const used = load<u32>(chunk, C_ROWS_USED);
  if (bytes < CHUNK_BYTES_MIN || heap_size(bytes) != bytes || load<u32>(chunk, C_BYTES) != bytes) return APPLY_RECORD;
  if (depth > DEPTH_MAX || prefix >> depth || log2 > SLOTS_LOG2_MAX || load<u32>(chunk, C_ROWS_LIVE) > used) return APPLY_RECORD;
  if (rowBytes != load<u32>(table, T_ROW_BYTES)) return APPLY_LAYOUT;
  const end: u64 = <u64>(CHUNK_HEADER + (4 << log2)) + <u64>rowBytes * used;
  if (end > <u64>load<u32>(chunk, C_VARIABLE_TOP) || load<u32>(chunk, C_VARIABLE_TOP) > bytes) return APPLY_RECORD;
  return deepen(table, depth) ? APPLY_DONE : APPLY_MEMORY;
}

function adopt(table: usize, chunk: usize, bytes: u32): u32 {
  const invalid = check(table, chunk, bytes);
  if (invalid != APPLY_DONE) return invalid;
  const rowBytes = load<u32>(chunk, C_ROW_BYTES);
  const used = load<u32>(chunk, C_ROWS_USED);
  // Epochs start anew with the process.
  const rowsEnd = rowsOf(chunk) + rowBytes * used;
  for (let row = rowsOf(chunk); row < rowsEnd; row += rowBytes) store<u32>(row, 0, ROW_EPOCH);
  store<u32>(chunk, 0, C_DIRTY_FIRST);
  store<u32>(chunk, 0, C_DIRTY_PREVIOUS);
  const result = place(table, chunk);
  if (result != APPLY_DONE) return result;
  store<u64>(table, load<u64>(table, T_BYTES) + bytes, T_BYTES);
  store<u32>(table, load<u32>(table, T_CHUNKS) + 1, T_CHUNKS);
  countStateBytes(bytes);
  return APPLY_DONE;
}

/** Puts a chunk, or its stub, into the directory, in place of what stands there for it. */
function place(table: usize, chunk: usize): u32 {
  const depth = load<u32>(chunk, C_DEPTH);
  const prefix = load<u32>(chunk, C_PREFIX);
  const first = depth == 0 ? 0 : prefix << (32 - depth);
  while (true) {
    const before = chunkOf(table, first);
    if (before == 0) break;
    if (load<u32>(before, C_DEPTH) >= depth) {
      if (load<u32>(before, C_DEPTH) > depth || load<u32>(before, C_PREFIX) != prefix) return APPLY_RECORD;
      store<u32>(table, load<u32>(table, T_ROWS) - load<u32>(before, C_ROWS_LIVE), T_ROWS);
      chunkFree(table, before);
      break;
    }
    if (!split(table, inMemory(table, before))) return APPLY_MEMORY;
  }
  enter(table, chunk);
  store<u32>(table, load<u32>(table, T_ROWS) + load<u32>(chunk, C_ROWS_LIVE), T_ROWS);
  return APPLY_DONE;
}
