// Operators that let the rows of a shuffle pass or not, and remember in state which or how many have passed: deduplication and limits. Called by
// worker/row-task.ts, a block of the exchange at a time, on the worker that owns the memory.
//
// A row of the exchange begins as a row of the state; more columns follow, for which the null bits of its values are meant too. All
// kernels here take a cursor (next row u32, end u32) over such rows, write pairs (row u32, base u32) of up to `max` that pass to `out` and
// return how many; the cursor's row is its end when all have been looked at. `ROWS_FAILED`: memory is exhausted, ERROR_CODE is set.
import {
  LATE_WATERMARK,
  LAYOUT_VALUES,
  ROW_EPOCH,
  ROW_FLAGS,
  ROW_HASH,
  ROW_NEXT,
  TABLE_BASE,
  TABLE_INSERTED,
} from "./memory-layout";
import { table_find, table_insert, table_upsert } from "./hash-table";
import { bucketBit, filterAdd, filterLine, filterMask, filterReady } from "./key-filter";
import { markDirty, store_find, store_remove, store_upsert } from "./state-store";
import {
  P_COUNT,
  P_FILTER_ADDED,
  S_DUPLICATES,
  S_EPOCH,
  S_LAYOUT,
  keepsKeysUntil,
  tableAt,
  tableOf,
  timeOf,
} from "./store-tables";
import { ROW_INSERTED, T_BUCKET } from "./table-layout";
import { NEW_ROWS, NEW_ROW_BYTES, N_ENTRY, N_REMIXED, N_TABLE, append, clearValueNulls, touchForNew } from "./new-rows";

const ROWS_FAILED: u32 = 0xffffffff;

/** What became of a row. */
const ADDED: u32 = 0;
const DUPLICATE: u32 = 1;
const FAILED: u32 = 2;

/** Rows with keys that the state does not know; it knows them then. The first of equal rows passes. */
export function store_pass_new(state: usize, cursor: usize, out: usize, max: u32): u32 {
  let row: usize = load<u32>(cursor);
  const end: usize = load<u32>(cursor, 4);
  let touched = row;
  let count: u32 = 0;
  let duplicates: u32 = 0;
  const keptUntil = keepsKeysUntil(state);
  let known = NEW_ROWS;
  for (; row < end && count < max; row += load<u32>(row, ROW_NEXT), known += NEW_ROW_BYTES) {
    if (row >= touched) {
      touched = touchForNew(state, row, end);
      known = NEW_ROWS;
    }
    const added = keptUntil ? addUntil(state, row, known) : add(state, row);
    if (added == FAILED) return ROWS_FAILED;
    if (added == DUPLICATE) {
      duplicates++;
      continue;
    }
    store<u32>(out + 8 * count, <u32>row);
    store<u32>(out + 8 * count, <u32>row, 4);
    count++;
  }
  store<u32>(cursor, <u32>row);
  store<u32>(state, load<u32>(state, S_DUPLICATES) + duplicates, S_DUPLICATES);
  return count;
}

function add(state: usize, row: usize): u32 {
  const table = tableOf(state, row, true);
  if (table == 0) return FAILED;
  const found = table_upsert(table, row, row);
  if (found == 0) return FAILED;
  if (load<u32>(TABLE_INSERTED) == 0) return DUPLICATE;
  clearValueNulls(state, found);
  return markAdded(state, table, found);
}

@inline function markAdded(state: usize, table: usize, row: usize): u32 {
  store<u32>(row, load<u32>(row, ROW_FLAGS) | ROW_INSERTED, ROW_FLAGS);
  markDirty(state, table, load<u32>(TABLE_BASE), row, 0);
  return ADDED;
}

/**
 * The key may lie in any bucket: in that of its first row, which may have had its time and wait there for the others. `touched`: the row's place
 * among `NEW_ROWS`.
 */
@inline function addUntil(state: usize, row: usize, touched: usize): u32 {
  const entry: usize = load<u32>(touched, N_ENTRY);
  const remixed = load<u32>(touched, N_REMIXED);
  if (!filterReady(state, entry)) return FAILED;
  const line = filterLine(entry, remixed);
  const mask = filterMask(line, remixed);
  if (mask != 0) {
    const outcome = forget(state, entry, mask, row);
    if (outcome != ADDED) return outcome;
  }
  let table: usize = load<u32>(touched, N_TABLE);
  if (!append(state, touched, row)) {
    if (table == 0) table = tableOf(state, row, true);
    if (table == 0 || insert(state, table, row) == FAILED) return FAILED;
  }
  filterAdd(line, remixed, bucketBit(load<i64>(table, T_BUCKET)));
  store<u32>(entry, load<u32>(entry, P_FILTER_ADDED) + 1, P_FILTER_ADDED);
  return ADDED;
}

function insert(state: usize, table: usize, row: usize): u32 {
  const added = table_insert(table, row, row);
  if (added == 0) return FAILED;
  clearValueNulls(state, added);
  return markAdded(state, table, added);
}

/** Removes the row with these keys where it has had its time, so that another can be added; one that has not makes `row` a duplicate. */
function forget(state: usize, entry: usize, mask: u32, row: usize): u32 {
  const known = find(state, entry, mask, row);
  if (known == 0) return ADDED;
  const isOfThisBatch = load<u32>(known, ROW_EPOCH) == load<u32>(state, S_EPOCH);
  if (isOfThisBatch || timeOf(state, known) > load<i64>(LATE_WATERMARK)) return DUPLICATE;
  return store_remove(state, known) != 0 ? ADDED : FAILED;
}

function find(state: usize, entry: usize, mask: u32, row: usize): usize {
  // Duplicates mostly come soon, with a time in the same bucket.
  const own = tableOf(state, row, false);
  if (own != 0 && mask & bucketBit(load<i64>(own, T_BUCKET))) {
    const found = table_find(own, row, row);
    if (found != 0) return found;
  }
  for (let t: u32 = 0; t < load<u32>(entry, P_COUNT); t++) {
    const table = tableAt(entry, t);
    if (table == own || (mask & bucketBit(load<i64>(table, T_BUCKET))) == 0) continue;
    const found = table_find(table, row, row);
    if (found != 0) return found;
  }
  return 0;
}

/** The first rows until `limit` have passed in all batches together; the state counts them in its one row's one value. */
export function store_pass_first(state: usize, cursor: usize, out: usize, max: u32, limit: u32): u32 {
  let row: usize = load<u32>(cursor);
  const first = row;
  const end: usize = load<u32>(cursor, 4);
  const value = load<u32>(<usize>load<u32>(state, S_LAYOUT), LAYOUT_VALUES);
  const found = row < end ? store_find(state, row, row) : 0;
  const passed: i64 = found == 0 ? 0 : load<i64>(found + value);
  if (passed >= <i64>limit) {
    store<u32>(cursor, <u32>end);
    return 0;
  }
  let count: u32 = 0;
  for (; row < end && count < max && passed + count < <i64>limit; row += load<u32>(row, ROW_NEXT)) {
    store<u32>(out + 8 * count, <u32>row);
    store<u32>(out + 8 * count, <u32>row, 4);
    count++;
  }
  store<u32>(cursor, passed + count < <i64>limit ? <u32>row : <u32>end);
  if (count == 0) return 0;
  const counter = store_upsert(state, first, first);
  if (counter == 0) return ROWS_FAILED;
  clearValueNulls(state, counter);
  store<i64>(counter + value, passed + count);
  return count;
}

/** Rows that `store_pass_new` has held back in this batch. */
export function store_duplicates(state: usize): u32 {
  return load<u32>(state, S_DUPLICATES);
}
