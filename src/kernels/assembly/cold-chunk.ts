// Chunks of state that are not in memory. In the directory of its table, and in the list of chunks with dirty rows, a stub stands for such a
// chunk: its header, without slots and rows. A look-up finds nothing there, as in an empty chunk, and only then asks whether the chunk is
// cold: keys that are found pay nothing. The bytes are in the chunk store, or in the worker's spill file (src/state/cold-chunks.ts).
// Chunks leave memory only in `reclaim`, which must not be called while somebody holds the address of a chunk or of a row.
import { ROW_EPOCH, ROW_FLAGS, ROW_NEXT } from "./memory-layout";
import { heap_alloc, heap_free } from "./memory";
import {
  CHUNK_HEADER,
  CHUNK_IS_SAVED,
  C_BYTES,
  C_DEPTH,
  C_DIRTY_EPOCH,
  C_DIRTY_FIRST,
  C_DIRTY_NEXT,
  C_DIRTY_PREVIOUS,
  C_FREE_ROW,
  C_PREFIX,
  C_ROWS_MAX,
  C_ROWS_USED,
  C_ROW_BYTES,
  C_SLOTS_LOG2,
  C_VARIABLE_TOP,
  ROW_NOT_LIVE,
  T_BUCKET,
  T_BYTES,
  T_CHUNKS,
  T_DIRTY_FIRST,
  T_DIRTY_LAST,
  T_OWNER,
  T_PARTITION,
  T_SHIFT,
  chunkOf,
  rowsOf,
} from "./table-layout";
import { dirtyInOrder } from "./dirty-rows";
import { countMove, enter, freeRow } from "./table-chunk";
import { P_COUNT, S_COLD_BYTES, S_COLD_CHUNKS, S_LOADED_CHUNKS, S_NEXT_STORE, S_PARTITIONS, partitionEntry, tableAt } from "./store-tables";

// What the worker's thread does for the kernels. All throw where they cannot.
/**
 * Puts the bytes of a chunk, which have this checksum, at `to`; 0: there was no memory for them. With place 0 they come from the chunk store, by
 * their name there.
 */
// @ts-ignore: decorator
@external("host", "chunk_read")
declare function chunk_read(to: usize, bytes: u32, place: u32, store: usize, partition: u32, bucket: i64, code: u32, checksum: u32): void;
/** Writes a chunk to the spill file; its place there, never 0, and its checksum go to `to`, two u32. */
// @ts-ignore: decorator
@external("host", "chunk_write")
declare function chunk_write(chunk: usize, bytes: u32, to: usize): void;
/** The bytes at that place of the spill file are not needed any more. */
// @ts-ignore: decorator
@external("host", "chunk_forget")
declare function chunk_forget(place: u32, bytes: u32): void;

/** A stub has one slot, which is empty, and no row. Its C_BYTES is that of the chunk. */
const STUB_BYTES: u32 = 128;
/** Place in the spill file; 0: the chunk store has it, since before this process. */
const K_PLACE: u32 = 72;
/** Of the bytes there: others are another chunk, or damage. CRC-32C in the chunk store, `image_checksum` in the spill file. */
const K_CHECKSUM: u32 = 76;

let firstStore: usize = 0;
/** Bytes of chunks, stubs and filters in memory, and how many they may be. */
let stateBytes: u64 = 0;
let stateLimit: u64 = u64.MAX_VALUE;
let epochNow: u32 = 0;
/** Where the last sweep stopped. */
let handStore: usize = 0;
let handPartition: u32 = 0;
/** Nothing has been left from before this batch and the last. */
let oldSwept: bool = false;

export function countStateBytes(bytes: i64): void {
  stateBytes += bytes;
}

export function registerStore(state: usize): void {
  store<u32>(state, <u32>firstStore, S_NEXT_STORE);
  firstStore = state;
}

export function unregisterStore(state: usize): void {
  if (handStore == state) handStore = 0;
  if (firstStore == state) {
    firstStore = load<u32>(state, S_NEXT_STORE);
    return;
  }
  for (let each = firstStore; each != 0; each = load<u32>(each, S_NEXT_STORE)) {
    if (load<u32>(each, S_NEXT_STORE) == <u32>state) store<u32>(each, load<u32>(state, S_NEXT_STORE), S_NEXT_STORE);
  }
}

export function beginEpoch(state: usize, epoch: u32): void {
  epochNow = epoch;
  oldSwept = false;
  store<u32>(state, 0, S_LOADED_CHUNKS);
}

/** Bytes of chunks, stubs and filters in memory. */
export function state_bytes(): f64 {
  return <f64>stateBytes;
}

/** What they may be at most; more only until the next call of `state_reclaim`. */
export function state_set_limit(bytes: f64): void {
  stateLimit = <u64>bytes;
}

@inline export function isOverLimit(): bool {
  return stateBytes > stateLimit;
}

/** A share of the limit for something that cannot leave memory. */
export function limitShare(parts: u32): u64 {
  return stateLimit / parts;
}

/** Whether `bytes` more are well within the limit. */
export function leavesRoomFor(bytes: u64): bool {
  return stateBytes + 2 * bytes <= stateLimit;
}

@inline export function isCold(chunk: usize): bool {
  return load<u32>(chunk, C_SLOTS_LOG2) == 0;
}

/** The chunk itself where `chunk` is its stub. */
@inline export function inMemory(table: usize, chunk: usize): usize {
  return isCold(chunk) ? fetch(table, chunk) : chunk;
}

/** First remixed hash behind those of the chunk; 2^32 and more: there is none. */
@inline export function positionAfter(chunk: usize): u64 {
  return (<u64>load<u32>(chunk, C_PREFIX) + 1) << (32 - load<u32>(chunk, C_DEPTH));
}

/** First remixed hash of the chunk. */
@inline export function positionOf(chunk: usize): u32 {
  return <u32>(<u64>load<u32>(chunk, C_PREFIX) << (32 - load<u32>(chunk, C_DEPTH)));
}

/** The chunk after this one, in memory, for walks that hold no address but this: others may leave memory. 0 after the last. */
export function nextInMemory(table: usize, chunk: usize): usize {
  const position = positionAfter(chunk);
  if (position >> 32) return 0;
  if (isOverLimit()) reclaim();
  return inMemory(table, chunkOf(table, <u32>position));
}

/** Brings a chunk back into memory. */
export function fetch(table: usize, stub: usize): usize {
  const bytes = load<u32>(stub, C_BYTES);
  const place = load<u32>(stub, K_PLACE);
  const chunk = heap_alloc(bytes);
  const code = (1 << load<u32>(stub, C_DEPTH)) | load<u32>(stub, C_PREFIX);
  const checksum = load<u32>(stub, K_CHECKSUM);
  chunk_read(chunk, bytes, place, load<u32>(table, T_OWNER), load<u32>(table, T_PARTITION), load<i64>(table, T_BUCKET), code, checksum);
  if (place == 0) {
    // Epochs start anew with the process.
    const rowBytes = load<u32>(chunk, C_ROW_BYTES);
    const end = rowsOf(chunk) + rowBytes * load<u32>(chunk, C_ROWS_USED);
    for (let row = rowsOf(chunk); row < end; row += rowBytes) store<u32>(row, 0, ROW_EPOCH);
    store<u32>(chunk, 0, C_DIRTY_FIRST);
  } else if (load<u32>(stub, C_DIRTY_FIRST) == 0) forgetDirty(chunk);
  if (load<u32>(stub, C_DIRTY_FIRST) != 0) replaceDirty(table, stub, chunk);
  else {
    store<u32>(chunk, load<u32>(stub, C_DIRTY_PREVIOUS), C_DIRTY_PREVIOUS);
    store<u32>(chunk, load<u32>(stub, C_DIRTY_NEXT), C_DIRTY_NEXT);
    store<u32>(chunk, epochNow, C_DIRTY_EPOCH);
  }
  enter(table, chunk);
  heap_free(stub, STUB_BYTES);
  const state: usize = load<u32>(table, T_OWNER);
  store<u32>(state, load<u32>(state, S_LOADED_CHUNKS) + 1, S_LOADED_CHUNKS);
  countCold(table, -1, bytes);
  return chunk;
}

/** The batch that had written these dirty rows has been committed since. */
function forgetDirty(chunk: usize): void {
  const rows = rowsOf(chunk);
  const rowBytes = load<u32>(chunk, C_ROW_BYTES);
  let index = dirtyInOrder(chunk);
  while (index != 0) {
    const row = rows + (index - 1) * rowBytes;
    index = load<u32>(row, ROW_NEXT);
    if (load<u32>(row, ROW_FLAGS) & ROW_NOT_LIVE) freeRow(chunk, row);
  }
  store<u32>(chunk, 0, C_DIRTY_FIRST);
}

/** `to` takes the place of `from` in the table's list of chunks with dirty rows. */
function replaceDirty(table: usize, from: usize, to: usize): void {
  const previous: usize = load<u32>(from, C_DIRTY_PREVIOUS);
  const next: usize = load<u32>(from, C_DIRTY_NEXT);
  store<u32>(to, <u32>previous, C_DIRTY_PREVIOUS);
  store<u32>(to, <u32>next, C_DIRTY_NEXT);
  if (previous != 0) store<u32>(previous, <u32>to, C_DIRTY_NEXT);
  else store<u32>(table, <u32>to, T_DIRTY_FIRST);
  if (next != 0) store<u32>(next, <u32>to, C_DIRTY_PREVIOUS);
  else store<u32>(table, <u32>to, T_DIRTY_LAST);
}

/** `sign` 1: a chunk of `bytes` bytes has left memory, -1: it is back. */
function countCold(table: usize, sign: i32, bytes: u32): void {
  const change = <i64>sign * (<i64>STUB_BYTES - bytes);
  stateBytes += change;
  store<u64>(table, load<u64>(table, T_BYTES) + change, T_BYTES);
  store<u32>(table, load<u32>(table, T_CHUNKS) - sign, T_CHUNKS);
  countStubs(table, sign, bytes);
}

function countStubs(table: usize, sign: i32, bytes: u32): void {
  const state: usize = load<u32>(table, T_OWNER);
  store<u32>(state, load<u32>(state, S_COLD_CHUNKS) + sign, S_COLD_CHUNKS);
  store<u64>(state, load<u64>(state, S_COLD_BYTES) + <i64>sign * bytes, S_COLD_BYTES);
}

function evict(table: usize, chunk: usize): bool {
  const stub = heap_alloc(STUB_BYTES);
  if (stub == 0) return false;
  const bytes = load<u32>(chunk, C_BYTES);
  const isDirty = load<u32>(chunk, C_DIRTY_FIRST) != 0;
  fillStub(stub, chunk);
  chunk_write(chunk, bytes, stub + K_PLACE);
  if (isDirty) replaceDirty(table, chunk, stub);
  enter(table, stub);
  countMove();
  heap_free(chunk, bytes);
  countCold(table, 1, bytes);
  return true;
}

/** Place and checksum are 0. */
function fillStub(stub: usize, chunk: usize): void {
  memory.copy(stub, chunk, CHUNK_HEADER);
  memory.fill(stub + CHUNK_HEADER, 0, STUB_BYTES - CHUNK_HEADER);
  store<u32>(stub, 0, C_SLOTS_LOG2);
  store<u32>(stub, 0, C_ROWS_USED);
  store<u32>(stub, 0, C_ROWS_MAX);
  store<u32>(stub, 0, C_FREE_ROW);
  store<u32>(stub, 0, C_VARIABLE_TOP);
}

/** A stub for a chunk in the chunk store whose header is at `header`; not in a directory yet. 0: no memory. */
export function stubOfStored(table: usize, header: usize, checksum: u32): usize {
  const stub = heap_alloc(STUB_BYTES);
  if (stub == 0) return 0;
  fillStub(stub, header);
  store<u32>(stub, 0, C_DIRTY_FIRST);
  store<u32>(stub, CHUNK_IS_SAVED, C_DIRTY_PREVIOUS);
  store<u32>(stub, checksum, K_CHECKSUM);
  stateBytes += STUB_BYTES;
  store<u64>(table, load<u64>(table, T_BYTES) + STUB_BYTES, T_BYTES);
  countStubs(table, 1, load<u32>(stub, C_BYTES));
  return stub;
}

/** The chunk of a stub is not needed any more. */
export function freeStub(table: usize, stub: usize): void {
  const bytes = load<u32>(stub, C_BYTES);
  if (load<u32>(stub, K_PLACE) != 0) chunk_forget(load<u32>(stub, K_PLACE), bytes);
  heap_free(stub, STUB_BYTES);
  stateBytes -= STUB_BYTES;
  store<u64>(table, load<u64>(table, T_BYTES) - STUB_BYTES, T_BYTES);
  countStubs(table, -1, bytes);
}

/** What may leave memory: what neither this batch nor the last has used, then what this batch is through with, then all. */
const SWEEP_OLD: u32 = 0;
const SWEEP_USED: u32 = 1;
const SWEEP_ALL: u32 = 2;

/** Takes chunks out of memory until the rest is an eighth below the limit. 1: there is more than the limit that cannot leave. */
export function state_reclaim(): u32 {
  return isOverLimit() && !reclaim() ? 1 : 0;
}

export function reclaim(): bool {
  const target = stateLimit - (stateLimit >> 3);
  for (let what = oldSwept ? SWEEP_USED : SWEEP_OLD; what <= SWEEP_ALL && stateBytes > target; what++) {
    sweep(what, target);
    if (what == SWEEP_OLD && stateBytes > target) oldSwept = true;
  }
  return stateBytes <= stateLimit;
}

function sweep(what: u32, target: u64): void {
  if (handStore == 0) {
    handStore = firstStore;
    handPartition = 0;
  }
  const start = handStore;
  const startPartition = handPartition;
  while (handStore != 0) {
    if (handPartition < load<u32>(handStore, S_PARTITIONS)) {
      if (sweepPartition(handStore, handPartition, what, target)) return;
      handPartition++;
    } else {
      handStore = load<u32>(handStore, S_NEXT_STORE);
      if (handStore == 0) handStore = firstStore;
      handPartition = 0;
    }
    if (handStore == start && handPartition == startPartition) return;
  }
}

/** True: that was enough. */
function sweepPartition(state: usize, partition: u32, what: u32, target: u64): bool {
  const entry = partitionEntry(state, partition);
  for (let t: u32 = 0; t < load<u32>(entry, P_COUNT); t++) {
    const table = tableAt(entry, t);
    let position: u64 = 0;
    while (position >> 32 == 0) {
      const chunk = chunkOf(table, <u32>position);
      if (chunk == 0) {
        // Its chunks are just being entered.
        position += <u64>1 << load<u32>(table, T_SHIFT);
        continue;
      }
      position = positionAfter(chunk);
      if (isCold(chunk)) continue;
      const age = epochNow - load<u32>(chunk, C_DIRTY_EPOCH);
      if ((what == SWEEP_OLD && age <= 1) || (what == SWEEP_USED && age != 0)) continue;
      if (!evict(table, chunk) || stateBytes <= target) return true;
    }
  }
  return false;
}

/** Chunks of a store: in memory, cold, and fetched in this batch, three u32, and the bytes of the cold ones, an f64 behind 4 bytes, to `out`. */
export function store_chunk_counts(state: usize, out: usize): void {
  let chunks: u32 = 0;
  for (let partition: u32 = 0; partition < load<u32>(state, S_PARTITIONS); partition++) {
    const entry = partitionEntry(state, partition);
    for (let t: u32 = 0; t < load<u32>(entry, P_COUNT); t++) chunks += load<u32>(tableAt(entry, t), T_CHUNKS);
  }
  store<u32>(out, chunks);
  store<u32>(out, load<u32>(state, S_COLD_CHUNKS), 4);
  store<u32>(out, load<u32>(state, S_LOADED_CHUNKS), 8);
  store<f64>(out, <f64>load<u64>(state, S_COLD_BYTES), 16);
}
