// Tables whose rows never move: static sides of joins and the groups of a partial aggregate. One index of (hash, row address) pairs over
// rows in an arena; slots hold views (base 0). Generated code finds rows (`compile/flat-table.ts`) and calls the kernels here to add one or
// to give it variable bytes. On the worker that owns the memory. 0 with ERROR_CODE set means out of memory.
import {
  LAYOUT_ROW_BYTES, LAYOUT_VAR_COUNT, LAYOUT_VAR_OFFSETS, PADDING_BYTES, ROW_EPOCH, ROW_HASH, ROW_NEXT, TABLE_BASE,
  FLAT_FIRST, FLAT_INDEX, FLAT_MASK, FLAT_MEMO, FLAT_ROWS, FLAT_SHIFT,
} from "./memory-layout";
import { arena_alloc } from "./memory";
import { copyVariable } from "./table-layout";

// What generated code does not read; the other members are FLAT_… in the memory layout.
const F_LAST: u32 = 24;
const F_LAYOUT: u32 = 28;
const F_ARENA: u32 = 32;
const F_MEMO_DICTIONARY: u32 = 36;
const FLAT_BYTES: u32 = 40;
const SLOTS_LOG2_FIRST: u32 = 6;
/**
 * Tables of fewer slots have room for four rows in place of two for each: a look-up that meets another row first costs a branch that no processor
 * foresees, more than the misses of an index that still fits into its second cache.
 */
const SLOTS_LOG2_SPARSE: u32 = 17;

// Before the bytes of a value that was set: how many there is room for, u32, and 4 unused bytes.
const ROOM_HEADER: u32 = 8;

// Interned bytes: length u32, 0 u32, then the bytes.
const INTERNED_HEADER: u32 = 8;

/** An empty table in `arena` of rows of `layout` (a descriptor that outlives the table; 0 for a pool of `intern_view`). */
export function flat_new(layout: usize, arena: u32): usize {
  const table = arena_alloc(arena, FLAT_BYTES);
  if (table == 0) return 0;
  memory.fill(table, 0, FLAT_BYTES);
  store<u32>(table, <u32>layout, F_LAYOUT);
  store<u32>(table, arena, F_ARENA);
  return setIndex(table, SLOTS_LOG2_FIRST) ? table : 0;
}

/** Rows with different keys. */
export function flat_row_count(table: usize): u32 {
  return load<u32>(table, FLAT_ROWS);
}

/** First row in the order of insertion, 0 if there is none; of a table without chains ROW_NEXT leads to the others. */
export function flat_first(table: usize): usize {
  return load<u32>(table, FLAT_FIRST);
}

/**
 * Memory beside the table where generated code keeps which keys it has found in which row, keys being views on entries of a dictionary
 * (BLOCK_COLUMN_DICTIONARY). Of another dictionary than at the last call: all ones. `bytes` is the same at every call. False: out of memory.
 */
export function flat_memo(table: usize, dictionary: u32, bytes: u32): bool {
  if (load<u32>(table, F_MEMO_DICTIONARY) == dictionary) return true;
  if (load<u32>(table, FLAT_MEMO) == 0) {
    const memo = arena_alloc(load<u32>(table, F_ARENA), bytes);
    if (memo == 0) return false;
    store<u32>(table, <u32>memo, FLAT_MEMO);
  }
  memory.fill(load<u32>(table, FLAT_MEMO), 0xff, bytes);
  store<u32>(table, dictionary, F_MEMO_DICTIONARY);
  return true;
}

function setIndex(table: usize, slotsLog2: u32): bool {
  const index = arena_alloc(load<u32>(table, F_ARENA), 8 << slotsLog2);
  if (index == 0) return false;
  memory.fill(index, 0, 8 << slotsLog2);
  store<u32>(table, <u32>index, FLAT_INDEX);
  store<u32>(table, 32 - slotsLog2, FLAT_SHIFT);
  store<u32>(table, (8 << slotsLog2) - 1, FLAT_MASK);
  return true;
}

@inline function enter(table: usize, pair: u64): void {
  const index: usize = load<u32>(table, FLAT_INDEX);
  const mask = load<u32>(table, FLAT_MASK);
  let offset = (<u32>pair >> load<u32>(table, FLAT_SHIFT)) << 3;
  while (load<u64>(index + offset) != 0) offset = (offset + 8) & mask;
  store<u64>(index + offset, pair);
}

/** Enters a row that is not there yet; at most a quarter of the slots are ever full, of large tables half of them. */
function addEntry(table: usize, hash: u32, row: usize): bool {
  const rows = load<u32>(table, FLAT_ROWS) + 1;
  const slotsLog2: u32 = 32 - load<u32>(table, FLAT_SHIFT);
  if (<u64>rows << (slotsLog2 < SLOTS_LOG2_SPARSE ? 2 : 1) > <u64>1 << slotsLog2) {
    const before: usize = load<u32>(table, FLAT_INDEX);
    if (!setIndex(table, slotsLog2 + 1)) return false;
    for (let offset: usize = 0; offset < <usize>8 << slotsLog2; offset += 8) {
      const pair = load<u64>(before + offset);
      if (pair != 0) enter(table, pair);
    }
  }
  store<u32>(table, rows, FLAT_ROWS);
  enter(table, (<u64>row << 32) | hash);
  return true;
}

@inline function padded(length: u32): u32 {
  return (length + 7) & ~7;
}

/** Copies `row`, whose slots are views, with its variable bytes, which have no room to grow. */
function copyRow(table: usize, row: usize): usize {
  const layout: usize = load<u32>(table, F_LAYOUT);
  const rowBytes = load<u32>(layout, LAYOUT_ROW_BYTES);
  const variables = load<u32>(layout, LAYOUT_VAR_COUNT);
  let bytes = rowBytes;
  for (let i: u32 = 0; i < variables; i++) {
    bytes += padded(load<u32>(row + load<u32>(layout + 4 * i, LAYOUT_VAR_OFFSETS), 4));
  }
  const copy = arena_alloc(load<u32>(table, F_ARENA), variables == 0 ? bytes : bytes + PADDING_BYTES);
  if (copy == 0) return 0;
  for (let i: usize = 0; i < rowBytes; i += 8) store<u64>(copy + i, load<u64>(row + i));
  let address = copy + rowBytes;
  for (let i: u32 = 0; i < variables; i++) {
    const slot = copy + load<u32>(layout + 4 * i, LAYOUT_VAR_OFFSETS);
    const length = load<u32>(slot, 4);
    copyVariable(address, load<u32>(slot), length);
    store<u32>(slot, length == 0 ? 0 : <u32>address);
    address += padded(length);
  }
  store<u32>(copy, 0, ROW_NEXT);
  store<u32>(copy, 0, ROW_EPOCH);
  return copy;
}

/** Adds a copy of `row` whose key is not in the table. Slots of values that are to be set or appended to are 0 before the first time. */
export function flat_add(table: usize, row: usize, hash: u32): usize {
  const added = copyRow(table, row);
  if (added == 0 || !addEntry(table, hash, added)) return 0;
  store<u32>(added, hash, ROW_HASH);
  const last: usize = load<u32>(table, F_LAST);
  if (last == 0) store<u32>(table, <u32>added, FLAT_FIRST);
  else store<u32>(last, <u32>added, ROW_NEXT);
  store<u32>(table, <u32>added, F_LAST);
  return added;
}

/**
 * Adds a copy of `row` whether or not its key is there: `head` is the first row of the key, or 0. Rows of equal key form a chain through
 * ROW_NEXT in the order of insertion; the head's ROW_EPOCH is the last of them.
 */
export function flat_chain(table: usize, head: usize, row: usize, hash: u32): usize {
  const added = copyRow(table, row);
  if (added == 0) return 0;
  store<u32>(added, hash, ROW_HASH);
  if (head == 0) return addEntry(table, hash, added) ? added : 0;
  const tail: usize = load<u32>(head, ROW_EPOCH);
  store<u32>(tail == 0 ? head : tail, <u32>added, ROW_NEXT);
  store<u32>(head, <u32>added, ROW_EPOCH);
  return added;
}

/**
 * Where the slot's value has room for `wanted` bytes, the first `kept` as they were; 0 without memory. The arena takes nothing back: a value keeps
 * its room when it shrinks, and one that outgrows it gets up to twice what it wants, so that all that it leaves behind is less than its longest.
 */
function reserve(table: usize, slot: usize, wanted: u32, kept: u32): usize {
  const before: usize = load<u32>(slot);
  if (before != 0 && wanted <= load<u32>(before - ROOM_HEADER)) return before;
  const room: u32 = wanted <= 16 ? 16 : 1 << (32 - clz<u32>(wanted - 1));
  const space = arena_alloc(load<u32>(table, F_ARENA), ROOM_HEADER + room + PADDING_BYTES);
  if (space == 0) return 0;
  store<u64>(space, room);
  memory.copy(space + ROOM_HEADER, before, kept);
  store<u32>(slot, <u32>space + ROOM_HEADER);
  return space + ROOM_HEADER;
}

/** Stores `length` bytes at `address` as the value whose slot is at `fieldOffset` of `row`. Returns the row. */
export function flat_set_variable(table: usize, row: usize, fieldOffset: u32, address: usize, length: u32): usize {
  const slot = row + fieldOffset;
  const space = reserve(table, slot, length, 0);
  if (space == 0) return 0;
  memory.copy(space, address, length);
  store<u32>(slot, length, 4);
  store<u32>(TABLE_BASE, 0);
  return row;
}

/** Appends bytes to a variable value. Returns the row. */
export function flat_append_variable(table: usize, row: usize, fieldOffset: u32, address: usize, length: u32): usize {
  const slot = row + fieldOffset;
  const before = load<u32>(slot, 4);
  const space = reserve(table, slot, before + length, before);
  if (space == 0) return 0;
  memory.copy(space + before, address, length);
  store<u32>(slot, before + length, 4);
  store<u32>(TABLE_BASE, 0);
  return row;
}

/** The view on the pool's copy of these bytes: equal bytes give equal views. `hash` follows from the bytes. 0 without memory. */
export function intern_view(pool: usize, view: i64, hash: u32): i64 {
  const length = <u32>(<u64>view >> 32);
  const from = <usize>(<u32>view);
  const index: usize = load<u32>(pool, FLAT_INDEX);
  const mask = load<u32>(pool, FLAT_MASK);
  let offset = (hash >> load<u32>(pool, FLAT_SHIFT)) << 3;
  let pair = load<u64>(index + offset);
  while (pair != 0) {
    const known = <usize>(pair >> 32);
    if (<u32>pair == hash && load<u32>(known) == length && memory.compare(known + INTERNED_HEADER, from, length) == 0) {
      return <i64>((<u64>length << 32) | <u64>(known + INTERNED_HEADER));
    }
    offset = (offset + 8) & mask;
    pair = load<u64>(index + offset);
  }
  const added = arena_alloc(load<u32>(pool, F_ARENA), INTERNED_HEADER + length + PADDING_BYTES);
  if (added == 0 || !addEntry(pool, hash, added)) return 0;
  store<u64>(added, length);
  memory.copy(added + INTERNED_HEADER, from, length);
  return <i64>((<u64>length << 32) | <u64>(added + INTERNED_HEADER));
}
