// What a batch has changed, from a series (pane-series.ts) of the panes that it has touched: how many windows of theirs there are, and how many of
// these are new; and the panes of the same groups that share windows with them, without which the windows that have changed are not whole. Other
// panes than these are not looked at. Called by worker/pane-windows.ts on the worker that owns the memory.
import {
  ARENA_PANES, ERROR_CODE, LAYOUT_ROW_BYTES, ROW_FLAGS, ROW_HASH, SERIES_NEXT, SERIES_ROW, SERIES_START, TABLE_BASE,
} from "./memory-layout";
import { isOverLimit, reclaim } from "./cold-chunk";
import { table_find } from "./hash-table";
import { arena_alloc } from "./memory";
import {
  PANE_END, PANE_INSERTED, PANE_LENGTH, PANE_NEWEST_BEFORE, PANE_OLDEST, PANE_PARTITIONS, PANE_SLIDE, PANE_START, PANE_TOUCHED, PANE_WINDOW,
  isInserted, rehash,
} from "./panes";
import {
  ENTRY_BYTES, E_HASH, E_IS_NEIGHBOUR, E_PREVIOUS, PAIRS_MAX, S_CURSOR, S_END, S_ENTRIES, S_IN_ORDER, S_IS_WIDER, S_LAYOUT, S_NEWEST,
  S_NEXT_PARTITION, S_OLDEST, S_PAIRS, S_PANE, arrange, firstWindowAfter, ownVariables,
} from "./pane-series";
import { boundOfScan, scanPartition } from "./store-scan";
import { S_BUCKET_OFFSET, S_COLD_CHUNKS, tableOf } from "./store-tables";
import { ROW_INSERTED, remix } from "./table-layout";

// As many as a window may have panes (PANES_MAX in plan/physical/plan-panes.ts). Of the panes so and so far before the pane at hand: their table (~0: not looked for yet), and the end of their newest window.
const DISTANCES: u32 = 64;
const DISTANCE_BYTES: u32 = 16;
const D_TABLE: u32 = 0;
const D_END: u32 = 8; // i64
const BEFORE: usize = memory.data(16 * 64, 8);
// When the pane at hand starts, and its newest window.
let paneStart: i64 = i64.MIN_VALUE;
let newestWindow: i64 = 0;

// Where it costs less than looking for them, what panes there are is put into a bit set by their hashes first.
const FILTER_BITS_PER_PANE: u32 = 16;
let filter: usize = 0;
let filterShift: u32 = 0;
// Entries that `series_add_neighbours` has found, by SERIES_NEXT.
let addedFirst: usize = 0;
let addedCount: u32 = 0;

/**
 * Adds to the panes at hand, all those of their partition that were touched in this batch, the others that share windows with them: each group's
 * windows can then be made whole. False: no memory.
 */
export function series_add_neighbours(series: usize, state: usize): bool {
  const pane: usize = load<u32>(series, S_PANE);
  const size = load<i64>(pane, PANE_WINDOW);
  const length = load<i64>(pane, PANE_LENGTH);
  const newestBefore = load<i64>(pane, PANE_NEWEST_BEFORE);
  fillFilter(series, state);
  paneStart = i64.MIN_VALUE;
  addedFirst = 0;
  addedCount = 0;
  const end: usize = load<u32>(series, S_END);
  for (let entry: usize = load<u32>(series, S_ENTRIES); entry < end; entry += ENTRY_BYTES) {
    if (isOverLimit()) reclaim();
    const start = load<i64>(entry, SERIES_START);
    const last = newestWindowOf(series, start);
    const after = max(start - size, load<i64>(entry, E_PREVIOUS));
    let distance: u32 = 1;
    for (let left = start - length; left > after; left -= length, distance++) {
      if (left <= newestBefore && !addFound(series, entry, find(series, state, entry, left, distance))) return false;
    }
    // What is less than a window before the group's next pane is found from there.
    let until = last + size;
    const next: usize = load<u32>(entry, SERIES_NEXT);
    if (next != 0) until = min(until, load<i64>(next, SERIES_START) - size + length);
    for (let right = start + length; right < until && right <= newestBefore; right += length) {
      if (!addFound(series, entry, find(series, state, entry, right, 0))) return false;
    }
    store<i64>(load<u32>(entry, SERIES_ROW) + load<u32>(pane, PANE_START), 0);
    store<i64>(load<u32>(entry, SERIES_ROW) + load<u32>(pane, PANE_END), 0);
  }
  return addedCount == 0 || addAll(series);
}

/** Copies the pane in `row`, of the group of `entry`; 0: there is none. */
function addFound(series: usize, entry: usize, row: usize): bool {
  if (row == 0) return true;
  const pane: usize = load<u32>(series, S_PANE);
  const layout: usize = load<u32>(series, S_LAYOUT);
  const rowBytes = load<u32>(layout, LAYOUT_ROW_BYTES);
  const base: usize = load<u32>(TABLE_BASE);
  const added = arena_alloc(ARENA_PANES, ENTRY_BYTES + rowBytes);
  if (added == 0) return false;
  const copy = added + ENTRY_BYTES;
  memory.copy(copy, row, rowBytes);
  if (!ownVariables(layout, copy, base)) return false;
  store<i64>(added, load<i64>(copy + load<u32>(pane, PANE_START)), SERIES_START);
  store<u32>(added, <u32>copy, SERIES_ROW);
  store<u32>(added, load<u32>(entry, E_HASH), E_HASH);
  store<u32>(added, 1, E_IS_NEIGHBOUR);
  store<i64>(copy + load<u32>(pane, PANE_START), 0);
  store<i64>(copy + load<u32>(pane, PANE_END), 0);
  store<u32>(added, <u32>addedFirst, SERIES_NEXT);
  addedFirst = added;
  addedCount++;
  return true;
}

function addAll(series: usize): bool {
  const before = load<u32>(series, S_END) - load<u32>(series, S_ENTRIES);
  const panes = before / ENTRY_BYTES + addedCount;
  const entries = arena_alloc(ARENA_PANES, panes * ENTRY_BYTES);
  if (entries == 0) return false;
  memory.copy(entries, load<u32>(series, S_ENTRIES), before);
  let entry = entries + before;
  for (let added = addedFirst; added != 0; added = load<u32>(added, SERIES_NEXT), entry += ENTRY_BYTES) {
    memory.copy(entry, added, ENTRY_BYTES);
    const start = load<i64>(entry, SERIES_START);
    if (start < load<i64>(series, S_OLDEST)) store<i64>(series, start, S_OLDEST);
    if (start > load<i64>(series, S_NEWEST)) store<i64>(series, start, S_NEWEST);
  }
  store<u32>(series, <u32>entries, S_ENTRIES);
  store<u32>(series, <u32>entry, S_END);
  store<u32>(series, 0, S_IN_ORDER);
  store<u32>(series, 1, S_IS_WIDER);
  return arrange(series, panes);
}

/**
 * Adds to the description how many windows with low < end the panes at hand, which are all those of their partition that were touched in this batch,
 * belong to, and how many of these came into being in it. No group of the batch may be late, nor any row be removed.
 */
export function series_changes(series: usize, state: usize, low: i64): void {
  const pane: usize = load<u32>(series, S_PANE);
  const size = load<i64>(pane, PANE_WINDOW);
  const slide = load<i64>(pane, PANE_SLIDE);
  const length = load<i64>(pane, PANE_LENGTH);
  const newestBefore = load<i64>(pane, PANE_NEWEST_BEFORE);
  let touched: u64 = 0;
  let inserted: u64 = 0;
  fillFilter(series, state);
  paneStart = i64.MIN_VALUE;
  const end: usize = load<u32>(series, S_END);
  for (let entry: usize = load<u32>(series, S_ENTRIES); entry < end; entry += ENTRY_BYTES) {
    if (isOverLimit()) reclaim();
    const start = load<i64>(entry, SERIES_START);
    // Windows start in (after, last].
    const last = newestWindowOf(series, start);
    let after = start - size;
    if (low != i64.MIN_VALUE && low - size > after) after = low - size;
    if (load<i64>(entry, E_PREVIOUS) > after) after = load<i64>(entry, E_PREVIOUS);
    if (last <= after) continue;
    touched += <u64>((last - after + slide - 1) / slide);
    if ((load<u32>(load<u32>(entry, SERIES_ROW), ROW_FLAGS) & ROW_INSERTED) == 0) continue;
    let left = start - length;
    let distance: u32 = 1;
    // No pane that was there before starts later than the newest of them.
    for (; left > newestBefore && left > after; left -= length) distance++;
    for (; left > after; left -= length, distance++) {
      if (find(series, state, entry, left, distance) == 0) continue;
      after = left;
      break;
    }
    let until = last;
    for (let right = start + length; right < last + size && right <= newestBefore; right += length) {
      const found = find(series, state, entry, right, 0);
      // All that is not inserted was there before.
      if (found == 0 || isInserted(state, found)) continue;
      until -= ((last + size - right + slide - 1) / slide) * slide;
      break;
    }
    if (until > after) inserted += <u64>((until - after + slide - 1) / slide);
  }
  store<u64>(pane, load<u64>(pane, PANE_TOUCHED) + touched, PANE_TOUCHED);
  store<u64>(pane, load<u64>(pane, PANE_INSERTED) + inserted, PANE_INSERTED);
  if (load<i64>(series, S_OLDEST) < load<i64>(pane, PANE_OLDEST)) store<i64>(pane, load<i64>(series, S_OLDEST), PANE_OLDEST);
}

/** Start of the newest window of a pane, which becomes the one at hand: its distances are forgotten if it is another in time. */
function newestWindowOf(series: usize, start: i64): i64 {
  if (start == paneStart) return newestWindow;
  const pane: usize = load<u32>(series, S_PANE);
  paneStart = start;
  newestWindow = firstWindowAfter(series, start + load<i64>(pane, PANE_WINDOW)) - load<i64>(pane, PANE_SLIDE);
  memory.fill(BEFORE, 0xff, DISTANCE_BYTES * DISTANCES);
  return newestWindow;
}

/** Fills the bit set with the panes that were there before the batch and may be looked for, if there are few of them and all are in memory; else there is none. */
function fillFilter(series: usize, state: usize): void {
  filter = 0;
  if (load<u32>(state, S_BUCKET_OFFSET) == 0 || load<u32>(state, S_COLD_CHUNKS) != 0) return;
  const pane: usize = load<u32>(series, S_PANE);
  const size = load<i64>(pane, PANE_WINDOW);
  const partition = load<u32>(series, S_NEXT_PARTITION) - 1;
  const low = load<i64>(series, S_OLDEST) - size;
  const high = load<i64>(pane, PANE_NEWEST_BEFORE) + size;
  if (high <= low) return;
  const bound = boundOfScan(state, partition, false, low, high);
  const lookUps = <u64>((load<u32>(series, S_END) - load<u32>(series, S_ENTRIES)) / ENTRY_BYTES) * <u64>(size / load<i64>(pane, PANE_LENGTH) - 1);
  if (<u64>bound > lookUps) return;
  const bitsLog2 = 32 - clz<u32>(FILTER_BITS_PER_PANE * bound | 64);
  const bytes: u32 = 1 << (bitsLog2 - 3);
  const bits = arena_alloc(ARENA_PANES, bytes);
  // Without memory for it the state is asked, and the error is not one.
  if (bits == 0) return store<u32>(ERROR_CODE, 0);
  memory.fill(bits, 0, bytes);
  filter = bits;
  filterShift = 32 - bitsLog2;
  memory.fill(series + S_CURSOR, 0, 16);
  store<u32>(series + S_CURSOR, partition);
  while (true) {
    const count = scanPartition(state, partition, series + S_CURSOR, series + S_PAIRS, PAIRS_MAX, false, low, high);
    if (count == 0) break;
    for (let i: u32 = 0; i < count; i++) {
      const bit = remix(load<u32>(load<u32>(series + 8 * i, S_PAIRS), ROW_HASH)) >> filterShift;
      const word = filter + (bit >> 5 << 2);
      store<u32>(word, load<u32>(word) | (1 << (bit & 31)));
    }
  }
}

/** The group's pane at `start` in `state`, or 0; `distance`: how many panes before the entry's, 0: behind it. The entry's copy gets the keys of that pane. */
@inline function find(series: usize, state: usize, entry: usize, start: i64, distance: u32): usize {
  const pane: usize = load<u32>(series, S_PANE);
  const row: usize = load<u32>(entry, SERIES_ROW);
  const before = BEFORE + DISTANCE_BYTES * distance;
  const hash = rehash(load<u32>(entry, E_HASH), 0, start, load<u32>(pane, PANE_PARTITIONS));
  if (filter != 0) {
    const bit = remix(hash) >> filterShift;
    if ((load<u32>(filter + (bit >> 5 << 2)) & (1 << (bit & 31))) == 0) return 0;
  }
  store<u32>(row, hash, ROW_HASH);
  store<i64>(row + load<u32>(pane, PANE_START), start);
  let table = load<u32>(before, D_TABLE);
  if (table != ~0) store<i64>(row + load<u32>(pane, PANE_END), load<i64>(before, D_END));
  else {
    const size = load<i64>(pane, PANE_WINDOW);
    const end = firstWindowAfter(series, start + size) - load<i64>(pane, PANE_SLIDE) + size;
    store<i64>(row + load<u32>(pane, PANE_END), end);
    table = <u32>tableOf(state, row, false);
    if (distance != 0) {
      store<u32>(before, table, D_TABLE);
      store<i64>(before, end, D_END);
    }
  }
  return table == 0 ? 0 : table_find(table, row, 0);
}
