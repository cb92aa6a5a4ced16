// Exchange blocks: rows on their way from the worker that made them to the one that owns their partition.
//
// A block is a run of self-contained rows: fixed part, then its variable bytes, slots relative to the row's own start; the total
// length of a row stands in ROW_NEXT. Blocks live in ARENA_BATCH of the sender until the batch ends, or are rewound; a receiver copies them
// as they are.
//
// Where the receiver's state is larger than the cache, each destination has several lanes, by the top bits of the remixed hash: the receiver
// takes lane after lane, and meets a small part of every table with each (touch.ts).
import { arena_alloc } from "./memory";
import { remix } from "./table-layout";
import {
  ARENA_BATCH, LAYOUT_ROW_BYTES, LAYOUT_VAR_COUNT, LAYOUT_VAR_OFFSETS, ROW_FLAGS, ROW_HASH,
} from "./memory-layout";

// Exchange: layout u32, destinations u32, partitions u32, rows u32, log2 of the lanes of a destination u32, then per lane 16 bytes:
// first block u32, last block u32, cursor u32, end u32. Block: next u32, used bytes u32, unused u32, capacity u32, rows.
const HEADER: u32 = 24;
const LANE: u32 = 16;
const BLOCK_HEADER: u32 = 16;
// Header included, an odd number of cache lines each: the lanes, all of which are being written to, would otherwise take turns in a few sets of the caches.
const FIRST_BLOCK_BYTES: u32 = 65 * 64;
const BLOCK_BYTES: u32 = 3249 * 64;

export function exchange_new(layout: usize, destinations: u32, partitions: u32, groupsLog2: u32): usize {
  const bytes = HEADER + (LANE * destinations << groupsLog2);
  const exchange = arena_alloc(ARENA_BATCH, bytes);
  if (exchange == 0) return 0;
  memory.fill(exchange, 0, bytes);
  store<u32>(exchange, <u32>layout);
  store<u32>(exchange, destinations, 4);
  store<u32>(exchange, partitions, 8);
  store<u32>(exchange, groupsLog2, 16);
  return exchange;
}

/** First block of the group for `destination`, or 0. */
export function exchange_first(exchange: usize, destination: u32, group: u32): usize {
  const lane = exchange + HEADER + LANE * ((destination << load<u32>(exchange, 16)) + group);
  seal(lane);
  return load<u32>(lane);
}

/** Total rows written. */
export function exchange_rows(exchange: usize): u32 {
  return load<u32>(exchange, 12);
}

function seal(lane: usize): void {
  const last = load<u32>(lane, 4);
  if (last != 0) store<u32>(last, load<u32>(lane, 8) - last - BLOCK_HEADER, 4);
}

/** The next block of the lane: one that is there since `exchange_rewind`, or a new one. */
function newBlock(lane: usize, bytes: u32): bool {
  const last = load<u32>(lane, 4);
  const following: usize = last == 0 ? 0 : load<u32>(last);
  if (following != 0 && load<u32>(following, 12) >= bytes) {
    seal(lane);
    enterBlock(lane, following);
    return true;
  }
  let capacity: u32 = (last == 0 ? FIRST_BLOCK_BYTES : (load<u32>(last, 12) + BLOCK_HEADER) * 4 - 192) - BLOCK_HEADER;
  if (capacity > BLOCK_BYTES - BLOCK_HEADER) capacity = BLOCK_BYTES - BLOCK_HEADER;
  if (capacity < bytes) capacity = bytes;
  const block = arena_alloc(ARENA_BATCH, BLOCK_HEADER + capacity);
  if (block == 0) return false;
  store<u32>(block, <u32>following);
  store<u32>(block, 0, 4);
  store<u32>(block, capacity, 12);
  if (last != 0) {
    seal(lane);
    store<u32>(last, <u32>block);
  } else store<u32>(lane, <u32>block);
  enterBlock(lane, block);
  return true;
}

function enterBlock(lane: usize, block: usize): void {
  store<u32>(lane, <u32>block, 4);
  store<u32>(lane, <u32>block + BLOCK_HEADER, 8);
  store<u32>(lane, <u32>block + BLOCK_HEADER + load<u32>(block, 12), 12);
}

/** Forgets the rows, which count as written all the same: the next ones take their place. */
export function exchange_rewind(exchange: usize): void {
  const lanes: u32 = load<u32>(exchange, 4) << load<u32>(exchange, 16);
  for (let lane = exchange + HEADER; lane < exchange + HEADER + LANE * lanes; lane += LANE) {
    const first: usize = load<u32>(lane);
    for (let block = first; block != 0; block = load<u32>(block)) store<u32>(block, 0, 4);
    if (first != 0) enterBlock(lane, first);
  }
}

/** The worker that owns the row's partition; divisions are slow, and both numbers mostly powers of two. */
@inline function destinationOf(hash: i32, partitions: i32, destinations: u32): u32 {
  if (destinations == 1) return 0;
  if (((partitions & (partitions - 1)) | (destinations & (destinations - 1))) == 0) return hash & (partitions - 1) & (destinations - 1);
  const rest = hash % partitions;
  return <u32>(rest < 0 ? rest + partitions : rest) % destinations;
}

@inline function pair(low: u64, high: u64): v128 {
  return i64x2.replace_lane(i64x2.splat(low), 1, high);
}

/** The lane of the rows with this hash. */
@inline function laneOf(exchange: usize, hash: u32): usize {
  const groupsLog2 = load<u32>(exchange, 16);
  const group = <u32>((<u64>remix(hash) << groupsLog2) >> 32);
  const destination = destinationOf(hash, load<i32>(exchange, 8), load<u32>(exchange, 4));
  return exchange + HEADER + LANE * ((destination << groupsLog2) + group);
}

/** `bytes` at the end of a lane; 0: out of memory. */
@inline function take(exchange: usize, lane: usize, bytes: u32): usize {
  if (load<u32>(lane, 8) + bytes > load<u32>(lane, 12) || load<u32>(lane, 4) == 0) {
    if (!newBlock(lane, bytes)) return 0;
  }
  const out: usize = load<u32>(lane, 8);
  store<u32>(lane, <u32>out + bytes, 8);
  store<u32>(exchange, load<u32>(exchange, 12) + 1, 12);
  return out;
}

/**
 * A place for a row of this hash, of a layout without variable fields: its header is there, the caller writes everything from the null bits on. 0: out of
 * memory.
 */
export function exchange_place(exchange: usize, hash: u32): usize {
  const rowBytes = load<u32>(load<u32>(exchange), LAYOUT_ROW_BYTES);
  const row = take(exchange, laneOf(exchange, hash), rowBytes);
  if (row != 0) v128.store(row, pair(<u64>hash, <u64>rowBytes));
  return row;
}

/** Appends a copy of `row` (slots relative to `base`) to its lane of the worker that owns its partition; false if out of memory. */
export function exchange_write(exchange: usize, row: usize, base: usize): bool {
  const layout = load<u32>(exchange);
  const hash = load<u32>(row, ROW_HASH);
  const rowBytes = load<u32>(layout, LAYOUT_ROW_BYTES);
  const variables = load<u32>(layout, LAYOUT_VAR_COUNT);
  let total = rowBytes;
  for (let i: u32 = 0; i < variables; i++) {
    total += load<u32>(row + load<u32>(layout + 4 * i, LAYOUT_VAR_OFFSETS), 4);
  }
  total = (total + 7) & ~7;
  const out = take(exchange, laneOf(exchange, hash), total);
  if (out == 0) return false;
  // Few wide stores: what waits for its cache lines is all that the processor can hold of them. The row was written a word at a time, and is read so.
  v128.store(out, pair(<u64>hash, (<u64>load<u32>(row, ROW_FLAGS) << 32) | total));
  let i: usize = 16;
  for (; i + 8 < rowBytes; i += 16) v128.store(out + i, pair(load<u64>(row + i), load<u64>(row + i, 8)));
  if (i < rowBytes) store<u64>(out + i, load<u64>(row + i));
  let end = rowBytes;
  for (let i: u32 = 0; i < variables; i++) {
    const slot = load<u32>(layout + 4 * i, LAYOUT_VAR_OFFSETS);
    const length = load<u32>(row + slot, 4);
    if (length != 0) memory.copy(out + end, base + load<u32>(row + slot), length);
    store<u32>(out + slot, end);
    end += length;
  }
  return true;
}
