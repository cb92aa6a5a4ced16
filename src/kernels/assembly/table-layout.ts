// Where the parts of hash tables and their chunks lie. Used by table-chunk.ts, hash-table.ts and the state store; no kernels.
//
// chunk:  header 64 | slots u32 × 2^n | rows → …free… ← variable bytes | 16 bytes padding
//
// slot:   0 = empty, else (remixed hash << 12) | (row index + 1); linear probing, removal shifts back, no tombstones.
// row:    see columnar/memory-layout.ts. ROW_FLAGS bit 31: the row is not live; bit 30: inserted in epoch ROW_EPOCH.
//         ROW_NEXT: row index + 1 of the next dirty row of this chunk (C_DIRTY_LAST says in which order). In free rows ROW_HASH links the free list.
//
// The top bits of the remixed hash choose the chunk (directory of the table), the low 20 bits are slot and tag.
import {
  LAYOUT_KEY_FIXED_END,
  LAYOUT_KEY_NULLS,
  LAYOUT_ROW_BYTES,
  LAYOUT_VAR_COUNT,
  LAYOUT_VAR_KEY_COUNT,
  LAYOUT_VAR_OFFSETS,
} from "./memory-layout";

// Table, 128 bytes.
export const T_DIRECTORY: u32 = 0; // u32 × 2^depth: chunk address | log2 of its slots
export const T_SHIFT: u32 = 4; // 32 - depth of the directory
export const T_ROW_BYTES: u32 = 8;
export const T_KEY_END: u32 = 12;
export const T_VAR_COUNT: u32 = 16;
export const T_VAR_KEYS: u32 = 20;
export const T_LAYOUT: u32 = 24;
export const T_STORAGE: u32 = 28; // 0 = state heap, else arena id + 1
export const T_ROWS: u32 = 32; // live rows
export const T_BYTES: u32 = 40; // u64: chunks and directory
export const T_SINGLE: u32 = 48; // the directory while its depth is 0
export const T_FREE_CHUNKS: u32 = 52; // full-size chunks of an arena, for reuse
export const T_DIRTY_ROWS: u32 = 56; // changed in epoch T_EPOCH
export const T_KEY_NULLS: u32 = 60; // LAYOUT_KEY_NULLS of its layout
export const T_DIRTY_FIRST: u32 = 68; // chunks with dirty rows
export const T_DIRTY_LAST: u32 = 72;
export const T_PARTITION: u32 = 76; // from here on: state-store.ts
export const T_BUCKET: u32 = 80; // i64
export const T_DIRTY_NEXT: u32 = 88; // next table with dirty rows
export const T_EPOCH: u32 = 92; // epoch in which it was linked there
export const T_DETACHED_NEXT: u32 = 96;
export const T_DETACHED: u32 = 100; // 1: evicted in this epoch
export const T_DEAD_ROWS: u32 = 104; // rows unlinked in this epoch
export const T_LOADING: u32 = 108; // 1: chunks of a snapshot are being entered
export const T_STAGED: u32 = 112; // 1: chunks of it were staged for the chunk store, or come from there
export const T_OWNER: u32 = 116; // the state store; 0: none
export const T_CHUNKS: u32 = 120; // in memory
export const TABLE_BYTES: u32 = 128;

// Chunk header, 64 bytes.
export const C_BYTES: u32 = 0;
export const C_DEPTH: u32 = 4; // how many top bits of the remixed hash its rows have in common
export const C_PREFIX: u32 = 8; // those bits
export const C_SLOTS_LOG2: u32 = 12; // 0: this is the stub of a chunk that is not in memory (cold-chunk.ts)
export const C_ROWS_USED: u32 = 16; // rows ever placed; some may be free
export const C_ROWS_LIVE: u32 = 20;
export const C_VARIABLE_TOP: u32 = 24; // offset of the lowest variable byte in use
export const C_GARBAGE: u32 = 28; // variable bytes that nobody refers to
export const C_FREE_ROW: u32 = 32; // row index + 1
export const C_DIRTY_FIRST: u32 = 36; // row index + 1 of the dirty row that was changed first
export const C_DIRTY_LAST: u32 = 40; // of that which was changed last, where ROW_NEXT leads from it to the first; 0: from the first to the last
export const C_DIRTY_EPOCH: u32 = 44;
export const C_DIRTY_NEXT: u32 = 48; // chunk addresses; meaningless on disk; of a saved chunk, while state is restored: the batch whose changes it holds
export const C_DIRTY_PREVIOUS: u32 = 52; // between batches: CHUNK_IS_SAVED, or 0
export const C_ROWS_MAX: u32 = 56;
export const C_ROW_BYTES: u32 = 60;
export const CHUNK_HEADER: u32 = 64;

/** Of a chunk without dirty rows: it has not changed since it was staged for the chunk store. No address of a chunk. */
export const CHUNK_IS_SAVED: u32 = 1;

export const CHUNK_BYTES_MIN: u32 = 1024;
export const CHUNK_BYTES_FULL: u32 = 65536;
export const ROW_NOT_LIVE: u32 = 0x80000000;
export const ROW_INSERTED: u32 = 0x40000000;
export const INDEX_BITS: u32 = 12;
export const INDEX_MASK: u32 = 4095;
export const DEPTH_MAX: u32 = 20;
export const SLOTS_LOG2_MAX: u32 = 13;

/** Inside a partition some bits of the Murmur hash are constant: a multiplication spreads the others over all 32. */
@inline export function remix(hash: u32): u32 {
  return <u32>((<u64>hash * 0x9e3779b97f4a7c15) >> 32);
}

@inline export function directoryEntry(table: usize, remixed: u32): u32 {
  return load<u32>(load<u32>(table, T_DIRECTORY) + (<u32>((<u64>remixed) >> (<u64>load<u32>(table, T_SHIFT))) << 2));
}

@inline export function chunkOf(table: usize, remixed: u32): usize {
  return directoryEntry(table, remixed) & ~63;
}

@inline export function rowsOf(chunk: usize): usize {
  return chunk + CHUNK_HEADER + (4 << load<u32>(chunk, C_SLOTS_LOG2));
}

/** Bytes that `length` variable bytes occupy: keys exactly, values with some slack that grows with the length. */
@inline export function variableCapacity(length: u32, isKey: bool): u32 {
  if (isKey || length <= 64) return (length + 7) & ~7;
  const step: u32 = 1 << (29 - clz<u32>(length - 1));
  return (length + step - 1) & ~(step - 1);
}

/** Copies `length` bytes in whole words: source and destination are padded to 8 bytes at least. */
@inline export function copyVariable(to: usize, from: usize, length: u32): void {
  if (length > 256) {
    memory.copy(to, from, length);
  } else {
    for (let i: usize = 0; i < length; i += 8) store<u64>(to + i, load<u64>(from + i));
  }
}

/** Variable bytes that a copy of `row` needs in a chunk. */
export function variableBytes(table: usize, row: usize): u32 {
  const count = load<u32>(table, T_VAR_COUNT);
  const keys = load<u32>(table, T_VAR_KEYS);
  const layout: usize = load<u32>(table, T_LAYOUT);
  let bytes: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const length = load<u32>(row + load<u32>(layout + 4 * i, LAYOUT_VAR_OFFSETS), 4);
    bytes += variableCapacity(length, i < keys);
  }
  return bytes;
}

/** Chunks in the order of their hash prefixes, 0 after the last. */
export function chunkFirst(table: usize): usize {
  return load<u32>(load<u32>(table, T_DIRECTORY)) & ~63;
}
export function chunkNext(table: usize, chunk: usize): usize {
  const depth = 32 - load<u32>(table, T_SHIFT);
  const index: u32 = (load<u32>(chunk, C_PREFIX) + 1) << (depth - load<u32>(chunk, C_DEPTH));
  return index >> depth ? 0 : load<u32>(load<u32>(table, T_DIRECTORY) + 4 * index) & ~63;
}

/** Fills the parts of a table that come from the row layout. */
export function tableFromLayout(table: usize, layout: usize): void {
  store<u32>(table, load<u32>(layout, LAYOUT_ROW_BYTES), T_ROW_BYTES);
  store<u32>(table, load<u32>(layout, LAYOUT_KEY_FIXED_END), T_KEY_END);
  store<u32>(table, load<u32>(layout, LAYOUT_KEY_NULLS), T_KEY_NULLS);
  store<u32>(table, load<u32>(layout, LAYOUT_VAR_COUNT), T_VAR_COUNT);
  store<u32>(table, load<u32>(layout, LAYOUT_VAR_KEY_COUNT), T_VAR_KEYS);
  store<u32>(table, <u32>layout, T_LAYOUT);
}
