// Hash tables of rows: extendible hashing over relocatable chunks (table-chunk.ts). The same code serves keyed state and the merges of
// batch queries; where rows need not move nor be removed there are flat tables (flat-table.ts). Called by generated code, by state-store.ts and by TypeScript, on the worker that owns the memory.
//
// Every kernel that takes a row wants ROW_HASH set, and slots relative to `base` (0: views). Source bytes must not lie in the
// same table. Every kernel that returns a row sets TABLE_BASE, to which the slots of that row are relative; the address holds
// until the next call that adds a row or variable bytes to the table. 0 with ERROR_CODE set means out of memory.
import {
  LAYOUT_VAR_KEY_COUNT,
  LAYOUT_VAR_OFFSETS,
  ROW_FLAGS,
  ROW_FIELDS,
  ROW_HASH,
  ROW_NEXT,
  TABLE_BASE,
  TABLE_INSERTED,
} from "./memory-layout";
import { fetch } from "./cold-chunk";
import { heap_free } from "./memory";
import {
  CHUNK_HEADER,
  C_GARBAGE,
  C_ROWS_USED,
  C_VARIABLE_TOP,
  INDEX_MASK,
  ROW_NOT_LIVE,
  TABLE_BYTES,
  T_BYTES,
  T_DIRECTORY,
  T_KEY_END,
  T_KEY_NULLS,
  T_LAYOUT,
  T_ROWS,
  T_ROW_BYTES,
  T_SHIFT,
  T_SINGLE,
  T_STORAGE,
  T_VAR_COUNT,
  T_VAR_KEYS,
  chunkFirst,
  chunkNext,
  chunkOf,
  copyVariable,
  directoryEntry,
  remix,
  rowsOf,
  tableFromLayout,
  variableBytes,
  variableCapacity,
} from "./table-layout";
import {
  trackRow,
  trackedRowNow,
  allocate,
  chunkNew,
  chunkFree,
  chunkBytesFirst,
  hasRoom,
  placeRow,
  unlinkRow,
  freeRow,
  makeRoom,
  enter,
} from "./table-chunk";

/**
 * An empty table of rows of `layout` (a descriptor that outlives the table). `storage`: 0 = state heap (free it with
 * `table_free`), otherwise arena id + 1 (gone with the arena).
 */
export function table_new(layout: usize, storage: u32): usize {
  const table = allocate(storage, TABLE_BYTES);
  if (table == 0) return 0;
  memory.fill(table, 0, TABLE_BYTES);
  tableFromLayout(table, layout);
  store<u32>(table, storage, T_STORAGE);
  store<u32>(table, <u32>table + T_SINGLE, T_DIRECTORY);
  store<u32>(table, 32, T_SHIFT);
  store<u64>(table, TABLE_BYTES, T_BYTES);
  const chunk = chunkNew(table, chunkBytesFirst(table), 0, 0);
  if (chunk == 0) return 0;
  enter(table, chunk);
  return table;
}

/** Gives everything back to the state heap; of a table in an arena nothing happens. */
export function table_free(table: usize): void {
  if (load<u32>(table, T_STORAGE) != 0) return;
  let chunk = chunkFirst(table);
  while (chunk != 0) {
    const next = chunkNext(table, chunk);
    chunkFree(table, chunk);
    chunk = next;
  }
  const depth = 32 - load<u32>(table, T_SHIFT);
  if (depth > 0) heap_free(load<u32>(table, T_DIRECTORY), 4 << depth);
  heap_free(table, TABLE_BYTES);
}

/** Rows in the table. */
export function table_row_count(table: usize): u32 {
  return load<u32>(table, T_ROWS);
}

export function table_memory_bytes(table: usize): f64 {
  return <f64>load<u64>(table, T_BYTES);
}

/** The row of this key in its chunk, or 0. `entry` is the chunk's directory entry. */
@inline function probe(table: usize, entry: u32, remixed: u32, row: usize, base: usize): usize {
  const chunk: usize = entry & ~63;
  const mask: u32 = (1 << (entry & 63)) - 1;
  const slots = chunk + CHUNK_HEADER;
  const rows = slots + 4 + 4 * mask;
  const rowBytes = load<u32>(table, T_ROW_BYTES);
  const tag = remixed << 12;
  let slot = remixed & mask;
  let found: usize = 0;
  while (true) {
    const content = load<u32>(slots + 4 * slot);
    if (content == 0) break;
    if ((content ^ tag) <= INDEX_MASK) {
      const candidate = rows + ((content & INDEX_MASK) - 1) * rowBytes;
      if (sameKey(table, candidate, chunk, row, base)) {
        found = candidate;
        break;
      }
    }
    slot = (slot + 1) & mask;
  }
  return found;
}

@inline export function sameKey(table: usize, a: usize, aBase: usize, b: usize, bBase: usize): bool {
  const end = load<u32>(table, T_KEY_END);
  for (let i: usize = ROW_FIELDS; i < end; i += 8) {
    if (load<u64>(a + i) != load<u64>(b + i)) return false;
  }
  if (((load<u32>(a, ROW_FLAGS) ^ load<u32>(b, ROW_FLAGS)) & load<u32>(table, T_KEY_NULLS)) != 0) return false;
  return load<u32>(table, T_VAR_KEYS) == 0 || sameVariableKeys(load<u32>(table, T_LAYOUT), a, aBase, b, bBase);
}

export function sameVariableKeys(layout: usize, a: usize, aBase: usize, b: usize, bBase: usize): bool {
  const keys = load<u32>(layout, LAYOUT_VAR_KEY_COUNT);
  for (let i: u32 = 0; i < keys; i++) {
    const offset = load<u32>(layout + 4 * i, LAYOUT_VAR_OFFSETS);
    const length = load<u32>(a + offset, 4);
    if (length != load<u32>(b + offset, 4)) return false;
    let left = aBase + load<u32>(a + offset);
    let right = bBase + load<u32>(b + offset);
    const whole = left + (length & ~7);
    for (; left < whole; left += 8, right += 8) if (load<u64>(left) != load<u64>(right)) return false;
    const rest = length & 7;
    // Reading past the end is allowed (PADDING_BYTES); the bytes that are not ours are shifted out.
    if (rest != 0 && (load<u64>(left) ^ load<u64>(right)) << (64 - 8 * rest) != 0) return false;
  }
  return true;
}

/** The row with the keys of `row`; if there is none, a copy of `row` is inserted (TABLE_INSERTED says which). */
export function table_upsert(table: usize, row: usize, base: usize): usize {
  const remixed = remix(load<u32>(row, ROW_HASH));
  const entry = directoryEntry(table, remixed);
  const found = probe(table, entry, remixed, row, base);
  if (found == 0) {
    if ((entry & 63) != 0) return insert(table, row, base, remixed);
    fetch(table, entry);
    return table_upsert(table, row, base);
  }
  store<u32>(TABLE_INSERTED, 0);
  store<u32>(TABLE_BASE, entry & ~63);
  return found;
}

/** Adds a copy of `row`, whose keys are in no row of the table. */
export function table_insert(table: usize, row: usize, base: usize): usize {
  const remixed = remix(load<u32>(row, ROW_HASH));
  const entry = directoryEntry(table, remixed);
  if ((entry & 63) == 0) fetch(table, entry);
  return insert(table, row, base, remixed);
}

function insert(table: usize, row: usize, base: usize, remixed: u32): usize {
  const variable = load<u32>(table, T_VAR_COUNT) != 0 ? variableBytes(table, row) : 0;
  let chunk = chunkOf(table, remixed);
  if (!hasRoom(chunk, true, variable)) {
    if (!makeRoom(table, remixed, true, variable)) return 0;
    chunk = chunkOf(table, remixed);
  }
  const copy = placeRow(table, chunk, row, base);
  store<u32>(copy, 0, ROW_NEXT);
  store<u32>(table, load<u32>(table, T_ROWS) + 1, T_ROWS);
  store<u32>(TABLE_INSERTED, 1);
  store<u32>(TABLE_BASE, <u32>chunk);
  return copy;
}

/** The row with the keys of `row` (only hash and keys are read), or 0. */
export function table_find(table: usize, row: usize, base: usize): usize {
  const remixed = remix(load<u32>(row, ROW_HASH));
  const entry = directoryEntry(table, remixed);
  store<u32>(TABLE_BASE, entry & ~63);
  const found = probe(table, entry, remixed, row, base);
  if (found != 0 || (entry & 63) != 0) return found;
  fetch(table, entry);
  return table_find(table, row, base);
}

/** Removes a row by its address. Not for state (`store_remove`). */
export function table_remove(table: usize, row: usize): void {
  const chunk = chunkOf(table, remix(load<u32>(row, ROW_HASH)));
  unlinkRow(table, chunk, row);
  freeRow(chunk, row);
}

/**
 * Stores `length` bytes at `address` as the variable-length value whose slot is at `fieldOffset` of `row`. Returns the row,
 * which may have moved.
 */
export function table_set_variable(table: usize, row: usize, fieldOffset: u32, address: usize, length: u32): usize {
  const before = load<u32>(row + fieldOffset, 4);
  const capacity = variableCapacity(before, false);
  const wanted = variableCapacity(length, false);
  if (wanted > capacity) {
    row = newSpace(table, row, wanted);
    if (row == 0) return 0;
    const chunk: usize = load<u32>(TABLE_BASE);
    store<u32>(chunk, load<u32>(chunk, C_GARBAGE) + capacity, C_GARBAGE);
    store<u32>(row + fieldOffset, load<u32>(chunk, C_VARIABLE_TOP));
  } else {
    const chunk = chunkOf(table, remix(load<u32>(row, ROW_HASH)));
    store<u32>(TABLE_BASE, <u32>chunk);
    store<u32>(chunk, load<u32>(chunk, C_GARBAGE) + capacity - wanted, C_GARBAGE);
  }
  store<u32>(row + fieldOffset, length, 4);
  if (length != 0) copyVariable(<usize>load<u32>(TABLE_BASE) + load<u32>(row + fieldOffset), address, length);
  return row;
}

/** Appends bytes to a variable-length value; space is reserved with slack, so that many appends cost little each. */
export function table_append_variable(table: usize, row: usize, fieldOffset: u32, address: usize, length: u32): usize {
  const before = load<u32>(row + fieldOffset, 4);
  const capacity = variableCapacity(before, false);
  const wanted = variableCapacity(before + length, false);
  let chunk: usize;
  if (wanted > capacity) {
    row = newSpace(table, row, wanted);
    if (row == 0) return 0;
    chunk = load<u32>(TABLE_BASE);
    store<u32>(chunk, load<u32>(chunk, C_GARBAGE) + capacity, C_GARBAGE);
    const top = load<u32>(chunk, C_VARIABLE_TOP);
    copyVariable(chunk + top, chunk + load<u32>(row + fieldOffset), before);
    store<u32>(row + fieldOffset, top);
  } else {
    chunk = chunkOf(table, remix(load<u32>(row, ROW_HASH)));
    store<u32>(TABLE_BASE, <u32>chunk);
  }
  store<u32>(row + fieldOffset, before + length, 4);
  memory.copy(chunk + load<u32>(row + fieldOffset) + before, address, length);
  return row;
}

/** Reserves `bytes` at the variable top of the row's chunk; returns the row (it may have moved) and sets TABLE_BASE. */
function newSpace(table: usize, row: usize, bytes: u32): usize {
  const remixed = remix(load<u32>(row, ROW_HASH));
  let chunk = chunkOf(table, remixed);
  if (!hasRoom(chunk, false, bytes)) {
    trackRow(row);
    const done = makeRoom(table, remixed, false, bytes);
    row = trackedRowNow();
    trackRow(0);
    if (!done) return 0;
    chunk = chunkOf(table, remixed);
  }
  store<u32>(chunk, load<u32>(chunk, C_VARIABLE_TOP) - bytes, C_VARIABLE_TOP);
  store<u32>(TABLE_BASE, <u32>chunk);
  return row;
}

/**
 * Writes up to `max` pairs (row u32, base u32) to `out` and returns how many; 0 at the end. `cursor`: 16 bytes, zero at first.
 * The table must not change in between.
 */
export function table_scan(table: usize, cursor: usize, out: usize, max: u32): u32 {
  // Cursor: chunk u32 (0 = start), next row index u32, 1 = finished u32.
  if (load<u32>(cursor, 8) != 0) return 0;
  const rowBytes = load<u32>(table, T_ROW_BYTES);
  let chunk: usize = load<u32>(cursor);
  let index = load<u32>(cursor, 4);
  if (chunk == 0) chunk = chunkFirst(table);
  let count: u32 = 0;
  while (true) {
    const used = load<u32>(chunk, C_ROWS_USED);
    const rows = rowsOf(chunk);
    while (index < used && count < max) {
      const row = rows + index * rowBytes;
      index++;
      if (load<u32>(row, ROW_FLAGS) & ROW_NOT_LIVE) continue;
      store<u32>(out + 8 * count, <u32>row);
      store<u32>(out + 8 * count, <u32>chunk, 4);
      count++;
    }
    if (index < used) break;
    const next = chunkNext(table, chunk);
    if (next == 0) {
      store<u32>(cursor, 1, 8);
      break;
    }
    chunk = next;
    index = 0;
  }
  store<u32>(cursor, <u32>chunk);
  store<u32>(cursor, index, 4);
  return count;
}
