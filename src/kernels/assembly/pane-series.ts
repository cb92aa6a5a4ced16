// Panes (panes.ts) of one partition side by side: copies of their rows in the order of time, those of one group linked to each other. What takes a
// group's panes together (its windows that are due, the windows that a batch has changed) so looks a pane up once, and not once for each of its
// windows; and since a partition comes after the other, what it works on stays in the cache. Copies, links and all else lie in ARENA_PANES, which
// the caller resets between partitions. Called by worker/pane-windows.ts on the worker that owns the memory.
import {
  ARENA_BATCH, ARENA_PANES, ERROR_CODE, ERROR_OUT_OF_MEMORY, LAYOUT_KEY_FIXED_END, LAYOUT_KEY_NULLS, LAYOUT_ROW_BYTES, LAYOUT_VAR_COUNT,
  LAYOUT_VAR_OFFSETS, PADDING_BYTES, ROW_FIELDS, ROW_FLAGS, ROW_HASH, SERIES_NEXT, SERIES_ROW, SERIES_START,
} from "./memory-layout";
import { state_reclaim } from "./cold-chunk";
import { sameVariableKeys, table_row_count, table_scan } from "./hash-table";
import { arena_alloc } from "./memory";
import { PANE_END, PANE_LENGTH, PANE_PARTITIONS, PANE_SLIDE, PANE_START, PANE_WINDOW, rehash } from "./panes";
import { boundOfScan, scanPartition } from "./store-scan";
import { S_PARTITIONS } from "./store-tables";
import { copyVariable, remix } from "./table-layout";

// Series, in ARENA_BATCH, and behind it room for what a scan gives.
export const S_PANE: u32 = 0; // the description
export const S_LAYOUT: u32 = 4;
export const S_NEXT_PARTITION: u32 = 8;
export const S_ENTRIES: u32 = 12; // of the partition at hand
export const S_END: u32 = 16; // behind the last
const S_ROWS_END: u32 = 20;
const S_FIRST: u32 = 24; // first entry that does not start before the window at hand
const S_AT: u32 = 28; // entry at hand; 0: no window has been asked for yet
const S_WINDOW: u32 = 32; // i64: start of the window at hand
const S_ANY_WINDOW: u32 = 40; // i64: when some window starts
export const S_OLDEST: u32 = 48; // i64: first start, as S_NEWEST only while panes come in
export const S_NEWEST: u32 = 56; // i64
export const S_IN_ORDER: u32 = 64; // 1: the panes have come in the order of time
export const S_IS_WIDER: u32 = 68; // 1: some panes at hand were not touched in this batch, and windows of these alone do not count
export const S_CURSOR: u32 = 72; // 16 bytes
export const S_PAIRS: u32 = 88;
export const PAIRS_MAX: u32 = 1024;
const SERIES_BYTES: u32 = S_PAIRS + 8 * PAIRS_MAX;

// Entry, 32 bytes: a pane. SERIES_START, SERIES_ROW (its copy, whose times are 0 until windows are made of it) and SERIES_NEXT (entry of the
// group's next pane, or 0) are read by generated code.
export const E_PREVIOUS: u32 = 16; // i64: start of the group's pane before; i64.MIN_VALUE: there is none. While entries are sorted: how many panes after the oldest
export const E_HASH: u32 = 24; // of the group
export const E_IS_NEIGHBOUR: u32 = 28; // 1: it is there only because `series_add_neighbours` has found it (pane-changes.ts)
export const ENTRY_BYTES: u32 = 32;

const DIGIT_BITS: u32 = 11;

/** A series over panes that `pane` describes, rows of `layout`. */
export function series_new(pane: usize, layout: usize): usize {
  const series = arena_alloc(ARENA_BATCH, SERIES_BYTES);
  if (series == 0) return 0;
  store<u32>(series, <u32>pane, S_PANE);
  store<u32>(series, <u32>layout, S_LAYOUT);
  store<u32>(series, 0, S_NEXT_PARTITION);
  return series;
}

/**
 * Takes the panes of the next partition in `state` that has any with low < newest end <= high (both ends of i64: all), or of these the ones
 * changed in this batch. Returns how many; 0: there is no such partition, -1: no memory.
 */
export function series_of_partition(series: usize, state: usize, isDirty: bool, low: i64, high: i64): i32 {
  const partitions = load<u32>(state, S_PARTITIONS);
  while (true) {
    const partition = load<u32>(series, S_NEXT_PARTITION);
    if (partition >= partitions) return 0;
    store<u32>(series, partition + 1, S_NEXT_PARTITION);
    const bound = boundOfScan(state, partition, isDirty, low, high);
    if (bound == 0) continue;
    if (!begin(series, bound)) return -1;
    store<u32>(series + S_CURSOR, partition);
    while (true) {
      const count = scanPartition(state, partition, series + S_CURSOR, series + S_PAIRS, PAIRS_MAX, isDirty, low, high);
      if (count == 0) break;
      if (!add(series, count)) return -1;
      state_reclaim();
    }
    const panes = (load<u32>(series, S_END) - load<u32>(series, S_ENTRIES)) / ENTRY_BYTES;
    if (panes != 0) return arrange(series, panes) ? panes : -1;
  }
}

/** The same of all panes in the table of a batch query, once. */
export function series_of_table(series: usize, table: usize): i32 {
  if (load<u32>(series, S_NEXT_PARTITION) != 0) return 0;
  store<u32>(series, 1, S_NEXT_PARTITION);
  const panes = table_row_count(table);
  if (panes == 0) return 0;
  if (!begin(series, panes)) return -1;
  while (true) {
    const count = table_scan(table, series + S_CURSOR, series + S_PAIRS, PAIRS_MAX);
    if (count == 0) return arrange(series, panes) ? panes : -1;
    if (!add(series, count)) return -1;
  }
}

function begin(series: usize, panesMax: u32): bool {
  const rowBytes = load<u32>(load<u32>(series, S_LAYOUT), LAYOUT_ROW_BYTES);
  const bytes = <u64>panesMax * (rowBytes + ENTRY_BYTES);
  if (bytes > 0xfff00000) {
    store<u32>(ERROR_CODE, ERROR_OUT_OF_MEMORY);
    return false;
  }
  const entries = arena_alloc(ARENA_PANES, <u32>bytes);
  if (entries == 0) return false;
  store<u32>(series, <u32>entries, S_ENTRIES);
  store<u32>(series, <u32>entries, S_END);
  store<u32>(series, <u32>entries + panesMax * ENTRY_BYTES, S_ROWS_END);
  store<u32>(series, 0, S_AT);
  store<i64>(series, i64.MAX_VALUE, S_OLDEST);
  store<i64>(series, i64.MIN_VALUE, S_NEWEST);
  store<u32>(series, 1, S_IN_ORDER);
  store<u32>(series, 0, S_IS_WIDER);
  memory.fill(series + S_CURSOR, 0, 16);
  return true;
}

/** Copies `count` panes that a scan has given. */
function add(series: usize, count: u32): bool {
  const pane: usize = load<u32>(series, S_PANE);
  const layout: usize = load<u32>(series, S_LAYOUT);
  const partitions = load<u32>(pane, PANE_PARTITIONS);
  const rowBytes = load<u32>(layout, LAYOUT_ROW_BYTES);
  const variables = load<u32>(layout, LAYOUT_VAR_COUNT);
  const startOffset = load<u32>(pane, PANE_START);
  const endOffset = load<u32>(pane, PANE_END);
  let entry: usize = load<u32>(series, S_END);
  let row: usize = load<u32>(series, S_ROWS_END);
  let oldest = load<i64>(series, S_OLDEST);
  let newest = load<i64>(series, S_NEWEST);
  for (let i: u32 = 0; i < count; i++) {
    const from: usize = load<u32>(series + 8 * i, S_PAIRS);
    for (let word: usize = 0; word < rowBytes; word += 8) store<u64>(row + word, load<u64>(from + word));
    if (variables != 0 && !ownVariables(layout, row, load<u32>(series + 8 * i, S_PAIRS + 4))) return false;
    const start = load<i64>(row + startOffset);
    store<i64>(entry, start, SERIES_START);
    store<u32>(entry, <u32>row, SERIES_ROW);
    store<u32>(entry, rehash(load<u32>(row, ROW_HASH), start, 0, partitions), E_HASH);
    store<u32>(entry, 0, E_IS_NEIGHBOUR);
    if (start < newest) store<u32>(series, 0, S_IN_ORDER);
    if (start > newest) newest = start;
    if (start < oldest) {
      oldest = start;
      store<i64>(series, load<i64>(row + endOffset) - load<i64>(pane, PANE_WINDOW), S_ANY_WINDOW);
    }
    store<i64>(row + startOffset, 0);
    store<i64>(row + endOffset, 0);
    entry += ENTRY_BYTES;
    row += rowBytes;
  }
  store<u32>(series, <u32>entry, S_END);
  store<u32>(series, <u32>row, S_ROWS_END);
  store<i64>(series, oldest, S_OLDEST);
  store<i64>(series, newest, S_NEWEST);
  return true;
}

/** Copies the variable bytes of a row and makes its slots views. */
export function ownVariables(layout: usize, row: usize, base: usize): bool {
  const count = load<u32>(layout, LAYOUT_VAR_COUNT);
  for (let i: u32 = 0; i < count; i++) {
    const slot = row + load<u32>(layout + 4 * i, LAYOUT_VAR_OFFSETS);
    const length = load<u32>(slot, 4);
    if (length == 0) continue;
    const copy = arena_alloc(ARENA_PANES, length + PADDING_BYTES);
    if (copy == 0) return false;
    copyVariable(copy, base + load<u32>(slot), length);
    store<u32>(slot, <u32>copy);
  }
  return true;
}

/** Puts the entries into the order of time and links those of a group. */
export function arrange(series: usize, panes: u32): bool {
  if (load<u32>(series, S_IN_ORDER) == 0 && !sort(series, panes)) return false;
  store<u32>(series, load<u32>(series, S_ENTRIES), S_FIRST);
  const slotsLog2: u32 = 33 - clz<u32>(panes);
  const shift = 32 - slotsLog2;
  const mask: u32 = (8 << slotsLog2) - 1;
  const index = arena_alloc(ARENA_PANES, 8 << slotsLog2);
  if (index == 0) return false;
  memory.fill(index, 0, 8 << slotsLog2);
  const layout: usize = load<u32>(series, S_LAYOUT);
  const end: usize = load<u32>(series, S_END);
  for (let entry: usize = load<u32>(series, S_ENTRIES); entry < end; entry += ENTRY_BYTES) {
    const hash = load<u32>(entry, E_HASH);
    let slot = (remix(hash) >> shift) << 3;
    let last: usize = 0;
    while (true) {
      const pair = load<u64>(index + slot);
      last = <usize>(pair >> 32);
      if (last == 0 || (<u32>pair == hash && sameGroup(layout, load<u32>(last, SERIES_ROW), load<u32>(entry, SERIES_ROW)))) break;
      slot = (slot + 8) & mask;
    }
    store<u64>(index + slot, (<u64>entry << 32) | hash);
    store<u32>(entry, 0, SERIES_NEXT);
    store<i64>(entry, last == 0 ? i64.MIN_VALUE : load<i64>(last, SERIES_START), E_PREVIOUS);
    if (last != 0) store<u32>(last, <u32>entry, SERIES_NEXT);
  }
  return true;
}

/** Sorts the entries by their starts, a digit of their distance from the oldest at a time: mostly there is one. */
function sort(series: usize, panes: u32): bool {
  const bytes = panes * ENTRY_BYTES;
  let from: usize = load<u32>(series, S_ENTRIES);
  let to = arena_alloc(ARENA_PANES, bytes);
  const places = arena_alloc(ARENA_PANES, 4 << DIGIT_BITS);
  if (to == 0 || places == 0) return false;
  const oldest = load<i64>(series, S_OLDEST);
  const length = <u64>load<i64>(load<u32>(series, S_PANE), PANE_LENGTH);
  const most = <u64>(load<i64>(series, S_NEWEST) - oldest) / length;
  for (let entry = from; entry < from + bytes; entry += ENTRY_BYTES) {
    store<u64>(entry, <u64>(load<i64>(entry, SERIES_START) - oldest) / length, E_PREVIOUS);
  }
  for (let shift: u64 = 0; shift < 64 && most >> shift != 0; shift += DIGIT_BITS) {
    memory.fill(places, 0, 4 << DIGIT_BITS);
    for (let entry = from; entry < from + bytes; entry += ENTRY_BYTES) {
      const place = placeOf(places, entry, shift);
      store<u32>(place, load<u32>(place) + 1);
    }
    let next = <u32>to;
    for (let place = places; place < places + (4 << DIGIT_BITS); place += 4) {
      const count = load<u32>(place);
      store<u32>(place, next);
      next += count * ENTRY_BYTES;
    }
    for (let entry = from; entry < from + bytes; entry += ENTRY_BYTES) {
      const place = placeOf(places, entry, shift);
      const sorted: usize = load<u32>(place);
      store<u32>(place, <u32>sorted + ENTRY_BYTES);
      v128.store(sorted, v128.load(entry));
      v128.store(sorted, v128.load(entry, 16), 16);
    }
    const sorted = to;
    to = from;
    from = sorted;
  }
  store<u32>(series, <u32>from, S_ENTRIES);
  store<u32>(series, <u32>from + bytes, S_END);
  return true;
}

@inline function placeOf(places: usize, entry: usize, shift: u64): usize {
  return places + (<usize>((load<u64>(entry, E_PREVIOUS) >> shift) & ((1 << DIGIT_BITS) - 1)) << 2);
}

/** Whether two copies have the same keys but for their times. */
@inline function sameGroup(layout: usize, a: usize, b: usize): bool {
  const end = load<u32>(layout, LAYOUT_KEY_FIXED_END);
  for (let i: usize = ROW_FIELDS; i < end; i += 8) if (load<u64>(a + i) != load<u64>(b + i)) return false;
  if (((load<u32>(a, ROW_FLAGS) ^ load<u32>(b, ROW_FLAGS)) & load<u32>(layout, LAYOUT_KEY_NULLS)) != 0) return false;
  return sameVariableKeys(layout, a, 0, b, 0);
}

/** Start of the first window that ends after `time`. */
@inline export function firstWindowAfter(series: usize, time: i64): i64 {
  const pane: usize = load<u32>(series, S_PANE);
  const slide = load<i64>(pane, PANE_SLIDE);
  const start = time - load<i64>(pane, PANE_WINDOW);
  const past = (start - load<i64>(series, S_ANY_WINDOW)) % slide;
  return start - (past < 0 ? past + slide : past) + slide;
}

/**
 * The next windows with low < end <= high of the groups at hand, in the order of time, but for those of neighbours alone: up to `max` of (entry of the group's first pane there, 4
 * unused bytes, start of the window). Returns how many; 0: there are no more.
 */
export function series_windows(series: usize, low: i64, high: i64, out: usize, max: u32): u32 {
  const pane: usize = load<u32>(series, S_PANE);
  const size = load<i64>(pane, PANE_WINDOW);
  const slide = load<i64>(pane, PANE_SLIDE);
  const end: usize = load<u32>(series, S_END);
  let first: usize = load<u32>(series, S_FIRST);
  let at: usize = load<u32>(series, S_AT);
  let window = load<i64>(series, S_WINDOW);
  const isWider = load<u32>(series, S_IS_WIDER) != 0;
  let count: u32 = 0;
  if (at == 0) {
    at = first;
    const oldest = load<i64>(first, SERIES_START);
    window = firstWindowAfter(series, oldest > low ? oldest : low);
    while (first != end && load<i64>(first, SERIES_START) < window) first += ENTRY_BYTES;
    at = first;
  }
  while (first != end && window <= high - size) {
    for (; at != end && load<i64>(at, SERIES_START) < window + size && count < max; at += ENTRY_BYTES) {
      store<u32>(out + 16 * count, <u32>at);
      store<i64>(out + 16 * count, window, 8);
      count += load<i64>(at, E_PREVIOUS) < window && (!isWider || hasTouched(at, window + size)) ? 1 : 0;
    }
    if (count == max) break;
    window += slide;
    while (first != end && load<i64>(first, SERIES_START) < window) first += ENTRY_BYTES;
    at = first;
    if (first != end && load<i64>(first, SERIES_START) >= window + size) window = firstWindowAfter(series, load<i64>(first, SERIES_START));
  }
  store<u32>(series, <u32>first, S_FIRST);
  store<u32>(series, <u32>at, S_AT);
  store<i64>(series, window, S_WINDOW);
  return count;
}

/** Whether a pane of the group from this one on was touched in this batch and starts before `end`. */
function hasTouched(entry: usize, end: i64): bool {
  while (entry != 0 && load<i64>(entry, SERIES_START) < end) {
    if (load<u32>(entry, E_IS_NEIGHBOUR) == 0) return true;
    entry = load<u32>(entry, SERIES_NEXT);
  }
  return false;
}
