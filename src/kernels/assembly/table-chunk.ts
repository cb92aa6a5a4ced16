// Chunks of a hash table: self-contained open-addressing tables of up to 64 KiB, offsets only, no pointers to themselves, so
// that a chunk can be moved, written to a file and read back as it is. Called by hash-table.ts and state-store.ts; the
// functions here are no kernels. table-layout.ts draws a chunk.
import {
  ERROR_CODE,
  ERROR_OUT_OF_MEMORY,
  LAYOUT_VAR_OFFSETS,
  PADDING_BYTES,
  ROW_EPOCH,
  ROW_FLAGS,
  ROW_HASH,
  ROW_NEXT,
} from "./memory-layout";
import { countStateBytes, freeStub, isCold } from "./cold-chunk";
import { dirtyInOrder, linkDirtyChunk, pushDirty, unlinkDirtyChunk } from "./dirty-rows";
import { arena_alloc, heap_alloc, heap_free, heap_size } from "./memory";
import {
  CHUNK_BYTES_FULL,
  CHUNK_BYTES_MIN,
  CHUNK_HEADER,
  C_BYTES,
  C_DEPTH,
  C_DIRTY_EPOCH,
  C_DIRTY_FIRST,
  C_DIRTY_PREVIOUS,
  C_FREE_ROW,
  C_GARBAGE,
  C_PREFIX,
  C_ROWS_LIVE,
  C_ROWS_MAX,
  C_ROWS_USED,
  C_ROW_BYTES,
  C_SLOTS_LOG2,
  C_VARIABLE_TOP,
  DEPTH_MAX,
  INDEX_BITS,
  INDEX_MASK,
  ROW_NOT_LIVE,
  SLOTS_LOG2_MAX,
  T_BYTES,
  T_CHUNKS,
  T_DIRECTORY,
  T_FREE_CHUNKS,
  T_LAYOUT,
  T_ROWS,
  T_ROW_BYTES,
  T_SHIFT,
  T_STORAGE,
  T_VAR_COUNT,
  T_VAR_KEYS,
  chunkOf,
  copyVariable,
  remix,
  rowsOf,
  variableBytes,
  variableCapacity,
} from "./table-layout";

/** A full chunk of fewer rows grows beyond 64 KiB instead of splitting. */
const SPLIT_ROWS_MIN: u32 = 8;

/** The row whose address `makeRoom` keeps track of while it moves rows. */
let trackedRow: usize = 0;
export function trackRow(row: usize): void {
  trackedRow = row;
}
export function trackedRowNow(): usize {
  return trackedRow;
}

/** How often rows may have left their places: a row whose address was known when it was as large is still there. */
let moves: u32 = 0;
@inline export function rowMoves(): u32 {
  return moves;
}
/** To be called whenever a row is removed or a chunk goes from its place. */
@inline export function countMove(): void {
  moves++;
}

export function allocate(storage: u32, bytes: u32): usize {
  if (storage == 0) return heap_alloc(bytes);
  const address = arena_alloc(storage - 1, bytes + 48);
  return (address + 63) & ~63;
}

/** Rows without variable bytes that a chunk can hold at best, and with them the number of slots. */
function slotsLog2(rowBytes: u32, chunkBytes: u32): u32 {
  // Oversized chunks also take in what cannot be split: many keys of one hash.
  if (chunkBytes > CHUNK_BYTES_FULL) return SLOTS_LOG2_MAX;
  const rows = (chunkBytes - CHUNK_HEADER - PADDING_BYTES) / (rowBytes + 5);
  let log2: u32 = 3;
  while (<u32>(4 << log2) < rows * 5) log2++;
  return log2;
}

@inline function rowsMax(log2: u32): u32 {
  const rows: u32 = (4 << log2) / 5;
  return rows < INDEX_MASK ? rows : INDEX_MASK;
}

/** Whether a chunk of `bytes` can hold `rows` rows, `content` bytes of rows and variable bytes in all. */
export function fits(table: usize, bytes: u32, rows: u32, content: u64): bool {
  const log2 = slotsLog2(load<u32>(table, T_ROW_BYTES), bytes);
  return rows <= rowsMax(log2) && <u64>(CHUNK_HEADER + PADDING_BYTES + (4 << log2)) + content <= <u64>bytes;
}

/** An empty chunk, not in any directory yet; 0 if there is no memory. */
export function chunkNew(table: usize, bytes: u32, depth: u32, prefix: u32): usize {
  const storage = load<u32>(table, T_STORAGE);
  let chunk: usize = 0;
  if (storage != 0 && bytes == CHUNK_BYTES_FULL) {
    chunk = load<u32>(table, T_FREE_CHUNKS);
    if (chunk != 0) store<u32>(table, load<u32>(chunk), T_FREE_CHUNKS);
  }
  if (chunk == 0) chunk = allocate(storage, bytes);
  if (chunk == 0) return 0;
  const rowBytes = load<u32>(table, T_ROW_BYTES);
  const log2 = slotsLog2(rowBytes, bytes);
  memory.fill(chunk, 0, CHUNK_HEADER + (4 << log2));
  store<u32>(chunk, bytes, C_BYTES);
  store<u32>(chunk, depth, C_DEPTH);
  store<u32>(chunk, prefix, C_PREFIX);
  store<u32>(chunk, log2, C_SLOTS_LOG2);
  store<u32>(chunk, bytes - PADDING_BYTES, C_VARIABLE_TOP);
  store<u32>(chunk, rowsMax(log2), C_ROWS_MAX);
  store<u32>(chunk, rowBytes, C_ROW_BYTES);
  store<u64>(table, load<u64>(table, T_BYTES) + bytes, T_BYTES);
  store<u32>(table, load<u32>(table, T_CHUNKS) + 1, T_CHUNKS);
  if (storage == 0) countStateBytes(bytes);
  return chunk;
}

export function chunkFree(table: usize, chunk: usize): void {
  countMove();
  if (isCold(chunk)) return freeStub(table, chunk);
  const bytes = load<u32>(chunk, C_BYTES);
  store<u64>(table, load<u64>(table, T_BYTES) - bytes, T_BYTES);
  store<u32>(table, load<u32>(table, T_CHUNKS) - 1, T_CHUNKS);
  if (load<u32>(table, T_STORAGE) == 0) {
    countStateBytes(-<i64>bytes);
    heap_free(chunk, bytes);
  } else if (bytes == CHUNK_BYTES_FULL) {
    store<u32>(chunk, load<u32>(table, T_FREE_CHUNKS));
    store<u32>(table, <u32>chunk, T_FREE_CHUNKS);
  }
}

/** Size of a table's first chunk. */
export function chunkBytesFirst(table: usize): u32 {
  let bytes = CHUNK_BYTES_MIN;
  while (bytes < CHUNK_BYTES_FULL && !fits(table, bytes, 2, 2 * load<u32>(table, T_ROW_BYTES))) bytes <<= 1;
  return fits(table, bytes, 1, load<u32>(table, T_ROW_BYTES)) ? bytes : heap_size(load<u32>(table, T_ROW_BYTES) + 4096);
}

/** Whether `chunk` has room for one more row and `variable` bytes (multiple of 8) as it is. */
@inline export function hasRoom(chunk: usize, newRow: bool, variable: u32): bool {
  const used = load<u32>(chunk, C_ROWS_USED);
  const rowBytes = load<u32>(chunk, C_ROW_BYTES);
  let end: u64 = <u64>(CHUNK_HEADER + (4 << load<u32>(chunk, C_SLOTS_LOG2)) + used * rowBytes) + variable;
  if (newRow && load<u32>(chunk, C_FREE_ROW) == 0) {
    if (used >= load<u32>(chunk, C_ROWS_MAX)) return false;
    end += rowBytes;
  }
  return end <= <u64>load<u32>(chunk, C_VARIABLE_TOP);
}

/**
 * Copies `row` (slots relative to `base`) into `chunk`, which has room, and enters it into the slots; returns the copy.
 * ROW_NEXT and ROW_EPOCH are copied as they are.
 */
export function placeRow(table: usize, chunk: usize, row: usize, base: usize): usize {
  const rowBytes = load<u32>(table, T_ROW_BYTES);
  let index = load<u32>(chunk, C_FREE_ROW);
  const rows = rowsOf(chunk);
  if (index != 0) {
    index--;
    store<u32>(chunk, load<u32>(rows + index * rowBytes, ROW_HASH), C_FREE_ROW);
  } else {
    index = load<u32>(chunk, C_ROWS_USED);
    store<u32>(chunk, index + 1, C_ROWS_USED);
  }
  const copy = rows + index * rowBytes;
  for (let i: usize = 0; i < rowBytes; i += 8) store<u64>(copy + i, load<u64>(row + i));
  store<u32>(copy, load<u32>(row, ROW_FLAGS) & ~ROW_NOT_LIVE, ROW_FLAGS);
  const count = load<u32>(table, T_VAR_COUNT);
  if (count != 0) {
    const keys = load<u32>(table, T_VAR_KEYS);
    const layout: usize = load<u32>(table, T_LAYOUT);
    let top = load<u32>(chunk, C_VARIABLE_TOP);
    for (let i: u32 = 0; i < count; i++) {
      const slot = copy + load<u32>(layout + 4 * i, LAYOUT_VAR_OFFSETS);
      const length = load<u32>(slot, 4);
      if (length == 0) {
        store<u64>(slot, 0);
        continue;
      }
      top -= variableCapacity(length, i < keys);
      copyVariable(chunk + top, base + load<u32>(slot), length);
      store<u32>(slot, top);
    }
    store<u32>(chunk, top, C_VARIABLE_TOP);
  }
  store<u32>(chunk, load<u32>(chunk, C_ROWS_LIVE) + 1, C_ROWS_LIVE);
  const remixed = remix(load<u32>(row, ROW_HASH));
  const mask: u32 = (1 << load<u32>(chunk, C_SLOTS_LOG2)) - 1;
  let slot = remixed & mask;
  while (load<u32>(chunk + 4 * slot, CHUNK_HEADER) != 0) slot = (slot + 1) & mask;
  store<u32>(chunk + 4 * slot, (remixed << INDEX_BITS) | (index + 1), CHUNK_HEADER);
  return copy;
}

/** Takes the row out of the slots and marks it as not live; its space stays occupied until `freeRow` or a move. */
export function unlinkRow(table: usize, chunk: usize, row: usize): void {
  countMove();
  const rowBytes = load<u32>(table, T_ROW_BYTES);
  const index = <u32>(row - rowsOf(chunk)) / rowBytes;
  const remixed = remix(load<u32>(row, ROW_HASH));
  const mask: u32 = (1 << load<u32>(chunk, C_SLOTS_LOG2)) - 1;
  const slots = chunk + CHUNK_HEADER;
  const wanted = (remixed << INDEX_BITS) | (index + 1);
  let hole = remixed & mask;
  while (load<u32>(slots + 4 * hole) != wanted) hole = (hole + 1) & mask;
  let next = hole;
  while (true) {
    next = (next + 1) & mask;
    const entry = load<u32>(slots + 4 * next);
    if (entry == 0) break;
    const home = (entry >> INDEX_BITS) & mask;
    // The entry may fill the hole if its home does not lie between the hole and its place.
    if (((next - home) & mask) >= ((next - hole) & mask)) {
      store<u32>(slots + 4 * hole, entry);
      hole = next;
    }
  }
  store<u32>(slots + 4 * hole, 0);
  store<u32>(row, load<u32>(row, ROW_FLAGS) | ROW_NOT_LIVE, ROW_FLAGS);
  store<u32>(chunk, load<u32>(chunk, C_ROWS_LIVE) - 1, C_ROWS_LIVE);
  store<u32>(chunk, load<u32>(chunk, C_GARBAGE) + variableBytes(table, row), C_GARBAGE);
  store<u32>(table, load<u32>(table, T_ROWS) - 1, T_ROWS);
}

/** Makes the place of an unlinked row available again. It must not be on a dirty list. */
export function freeRow(chunk: usize, row: usize): void {
  const index = <u32>(row - rowsOf(chunk)) / load<u32>(chunk, C_ROW_BYTES);
  store<u32>(row, load<u32>(chunk, C_FREE_ROW), ROW_HASH);
  store<u32>(chunk, index + 1, C_FREE_ROW);
}

/**
 * Makes room in the chunk that `remixed` belongs to: compacts it, doubles it, splits it in two, or (few long rows) lets it
 * grow beyond its full size. Afterwards look the chunk up again. False if there is no memory (ERROR_CODE is set).
 */
export function makeRoom(table: usize, remixed: u32, newRow: bool, variable: u32): bool {
  while (true) {
    const chunk = chunkOf(table, remixed);
    if (hasRoom(chunk, newRow, variable)) return true;
    const bytes = load<u32>(chunk, C_BYTES);
    const rowBytes = load<u32>(table, T_ROW_BYTES);
    const live = load<u32>(chunk, C_ROWS_LIVE);
    const rows = live + (newRow ? 1 : 0);
    const used = bytes - PADDING_BYTES - load<u32>(chunk, C_VARIABLE_TOP) - load<u32>(chunk, C_GARBAGE);
    const content = <u64>rows * rowBytes + used + variable;
    let size = bytes;
    // Compacting must free an eighth at least, or it would be repeated for every row.
    if (!fits(table, bytes, rows + (rows >> 3), content + (bytes >> 3))) {
      size = bytes < CHUNK_BYTES_FULL ? bytes << 1 : 0;
      while (size != 0 && !fits(table, size, rows, content)) size = size < CHUNK_BYTES_FULL ? size << 1 : 0;
    }
    if (size == 0 && live >= SPLIT_ROWS_MIN && load<u32>(chunk, C_DEPTH) < DEPTH_MAX) {
      if (!split(table, chunk)) return false;
      continue;
    }
    if (size == 0) {
      const wanted = content + (content >> 2) + CHUNK_HEADER + PADDING_BYTES + (4 << SLOTS_LOG2_MAX);
      if (wanted > 0x40000000 || rows > INDEX_MASK) return noMemory();
      size = heap_size(wanted < CHUNK_BYTES_FULL ? CHUNK_BYTES_FULL : <u32>wanted);
      if (!fits(table, size, rows, content)) return noMemory();
    }
    const moved = chunkNew(table, size, load<u32>(chunk, C_DEPTH), load<u32>(chunk, C_PREFIX));
    if (moved == 0) return false;
    moveRows(table, chunk, moved, moved, 0);
    enter(table, moved);
    chunkFree(table, chunk);
  }
}

function noMemory(): bool {
  store<u32>(ERROR_CODE, ERROR_OUT_OF_MEMORY);
  return false;
}

/** Points every directory entry of the chunk's prefix to it. The directory is deep enough. */
export function enter(table: usize, chunk: usize): void {
  const depth = load<u32>(chunk, C_DEPTH);
  const span: u32 = 1 << (32 - load<u32>(table, T_SHIFT) - depth);
  const entry = <u32>chunk | load<u32>(chunk, C_SLOTS_LOG2);
  let address: usize = load<u32>(table, T_DIRECTORY) + ((load<u32>(chunk, C_PREFIX) * span) << 2);
  for (let i: u32 = 0; i < span; i++, address += 4) store<u32>(address, entry);
}

/** Doubles the directory until it has `depth` bits. */
export function deepen(table: usize, depth: u32): bool {
  while (<u32>32 - load<u32>(table, T_SHIFT) < depth) {
    const now = 32 - load<u32>(table, T_SHIFT);
    const before: usize = load<u32>(table, T_DIRECTORY);
    const bytes: u32 = 8 << now;
    const directory = allocate(load<u32>(table, T_STORAGE), bytes);
    if (directory == 0) return false;
    for (let i: usize = 0; i < <usize>1 << now; i++) {
      const entry = load<u32>(before + 4 * i);
      store<u32>(directory + 8 * i, entry);
      store<u32>(directory + 8 * i, entry, 4);
    }
    store<u64>(table, load<u64>(table, T_BYTES) + bytes, T_BYTES);
    if (now > 0) {
      store<u64>(table, load<u64>(table, T_BYTES) - (4 << now), T_BYTES);
      if (load<u32>(table, T_STORAGE) == 0) heap_free(before, 4 << now);
    }
    store<u32>(table, <u32>directory, T_DIRECTORY);
    store<u32>(table, 31 - now, T_SHIFT);
  }
  return true;
}

export function split(table: usize, chunk: usize): bool {
  const depth = load<u32>(chunk, C_DEPTH) + 1;
  if (!deepen(table, depth)) return false;
  // An oversized chunk may need oversized halves.
  const rowBytes = load<u32>(table, T_ROW_BYTES);
  let rows0: u32 = 0;
  let rows1: u32 = 0;
  let bytes0: u64 = 0;
  let bytes1: u64 = 0;
  const end = rowsOf(chunk) + load<u32>(chunk, C_ROWS_USED) * rowBytes;
  for (let row = rowsOf(chunk); row < end; row += rowBytes) {
    if (load<u32>(row, ROW_FLAGS) & ROW_NOT_LIVE) continue;
    const bytes = rowBytes + variableBytes(table, row);
    if ((remix(load<u32>(row, ROW_HASH)) >> (32 - depth)) & 1) {
      rows1++;
      bytes1 += bytes;
    } else {
      rows0++;
      bytes0 += bytes;
    }
  }
  const prefix = load<u32>(chunk, C_PREFIX) << 1;
  const first = chunkNew(table, halfBytes(table, rows0, bytes0), depth, prefix);
  const second: usize = first == 0 ? <usize>0 : chunkNew(table, halfBytes(table, rows1, bytes1), depth, prefix | 1);
  if (second == 0) {
    if (first != 0) chunkFree(table, first);
    return false;
  }
  moveRows(table, chunk, first, second, 32 - depth);
  enter(table, first);
  enter(table, second);
  chunkFree(table, chunk);
  return true;
}

function halfBytes(table: usize, rows: u32, content: u64): u32 {
  let bytes = CHUNK_BYTES_FULL;
  while (!fits(table, bytes, rows, content)) bytes <<= 1;
  return bytes;
}

/**
 * Copies the live rows of `chunk` to `first`, or to `second` where bit `bit` of the remixed hash is set (`first` and `second`
 * may be the same), dirty rows last and in the order of the dirty list, and puts the new chunks into its place there.
 */
function moveRows(table: usize, chunk: usize, first: usize, second: usize, bit: u32): void {
  const rowBytes = load<u32>(table, T_ROW_BYTES);
  const rows = rowsOf(chunk);
  const end = rows + load<u32>(chunk, C_ROWS_USED) * rowBytes;
  const hasDirty = load<u32>(chunk, C_DIRTY_FIRST) != 0;
  const epoch = load<u32>(chunk, C_DIRTY_EPOCH);
  const track = trackedRow;
  for (let row = rows; row < end; row += rowBytes) {
    if (load<u32>(row, ROW_FLAGS) & ROW_NOT_LIVE) continue;
    if (hasDirty && load<u32>(row, ROW_EPOCH) == epoch) continue;
    moveRow(table, chunk, row, (remix(load<u32>(row, ROW_HASH)) >> bit) & 1 ? second : first, track);
  }
  if (!hasDirty) return;
  const previous: usize = load<u32>(chunk, C_DIRTY_PREVIOUS);
  unlinkDirtyChunk(table, chunk);
  let index = dirtyInOrder(chunk);
  while (index != 0) {
    const row = rows + (index - 1) * rowBytes;
    index = load<u32>(row, ROW_NEXT);
    if (load<u32>(row, ROW_FLAGS) & ROW_NOT_LIVE) continue;
    const target = (remix(load<u32>(row, ROW_HASH)) >> bit) & 1 ? second : first;
    const moved = moveRow(table, chunk, row, target, track);
    pushDirty(target, moved, <u32>(moved - rowsOf(target)) / rowBytes + 1);
    store<u32>(target, epoch, C_DIRTY_EPOCH);
  }
  if (second != first && load<u32>(second, C_DIRTY_FIRST) != 0) linkDirtyChunk(table, second, previous);
  if (load<u32>(first, C_DIRTY_FIRST) != 0) linkDirtyChunk(table, first, previous);
}

@inline function moveRow(table: usize, chunk: usize, row: usize, target: usize, track: usize): usize {
  const moved = placeRow(table, target, row, chunk);
  if (row == track) trackedRow = moved;
  return moved;
}
