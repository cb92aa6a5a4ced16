// Panes of sliding windows: rows of a state store or table whose key holds a pane where the query has a window. The key has the
// pane's start, and the end of the newest window that the pane belongs to (columnar/row-layout.ts). Here: hashes that keep all
// panes of a key in one partition, the neighbouring panes of a pane, and the counting of windows without having them. Called by generated code (compile/panes.ts) and by worker/pane-windows.ts, on the worker that owns the memory.
import { ROW_EPOCH, ROW_FLAGS, ROW_HASH } from "./memory-layout";
import { table_find } from "./hash-table";
import { store_find } from "./state-store";
import { P_COUNT, S_BUCKET_MICROS, S_BUCKET_OFFSET, S_EPOCH, S_LATE_GROUPS, S_PARTITIONS, partitionEntry, tableAt } from "./store-tables";
import { ROW_INSERTED, T_BUCKET } from "./table-layout";

// Description of an operator's panes, 80 bytes, then a row to look up neighbours with.
export const PANE_START: u32 = 0; // u32: offset of the key that is the pane's start
export const PANE_END: u32 = 4; // u32: offset of the key that is the newest window's end
export const PANE_PARTITIONS: u32 = 8;
const PANE_ROW_BYTES: u32 = 12; // u32
export const PANE_WINDOW: u32 = 16; // i64, µs, as what follows
export const PANE_SLIDE: u32 = 24;
export const PANE_LENGTH: u32 = 32;
const PANE_NEWEST: u32 = 40; // i64: no pane starts later
export const PANE_OLDEST: u32 = 48; // i64: no pane that was touched in this batch starts earlier
export const PANE_NEWEST_BEFORE: u32 = 56; // i64: no pane that was there before this batch starts later
export const PANE_TOUCHED: u32 = 64; // u64: windows that `series_changes` has found
export const PANE_INSERTED: u32 = 72; // u64
const PANE_PROBE: u32 = 80;

/** Bytes of a description for rows of `rowBytes`. */
export function pane_description_bytes(rowBytes: u32): u32 {
  return PANE_PROBE + rowBytes;
}

/** Fills the description at `pane`. */
export function pane_describe(
  pane: usize,
  startOffset: u32,
  endOffset: u32,
  partitions: u32,
  rowBytes: u32,
  window: i64,
  slide: i64,
  length: i64,
): void {
  store<u32>(pane, startOffset, PANE_START);
  store<u32>(pane, endOffset, PANE_END);
  store<u32>(pane, partitions, PANE_PARTITIONS);
  store<u32>(pane, rowBytes, PANE_ROW_BYTES);
  store<i64>(pane, window, PANE_WINDOW);
  store<i64>(pane, slide, PANE_SLIDE);
  store<i64>(pane, length, PANE_LENGTH);
  store<i64>(pane, i64.MAX_VALUE, PANE_NEWEST);
  store<i64>(pane, i64.MAX_VALUE, PANE_OLDEST);
  store<i64>(pane, i64.MAX_VALUE, PANE_NEWEST_BEFORE);
}

@inline function mix(start: i64): u32 {
  return <u32>((<u64>start * 0x9e3779b97f4a7c15) >> 32);
}

/** Hash of a row from the hash of its other keys and its start: rows that differ by their start only share their partition. */
export function pane_hash(hash: u32, start: i64, partitions: u32): u32 {
  if ((partitions & (partitions - 1)) == 0) return hash ^ (mix(start) & ~(partitions - 1));
  const quotients: u32 = 0x80000000 / partitions;
  const bounded = (hash >> 1) % (quotients * partitions);
  return (((bounded / partitions) + (mix(start) % quotients)) % quotients) * partitions + (bounded % partitions);
}

/** The hash of a row with another start. */
@inline export function rehash(hash: u32, from: i64, to: i64, partitions: u32): u32 {
  if ((partitions & (partitions - 1)) == 0) return hash ^ ((mix(from) ^ mix(to)) & ~(partitions - 1));
  const quotients: u32 = 0x80000000 / partitions;
  const quotient = (hash / partitions + (quotients - (mix(from) % quotients)) + (mix(to) % quotients)) % quotients;
  return quotient * partitions + (hash % partitions);
}

/** Turns the copy of a row at `probe` into one with other times. */
@inline function rekey(pane: usize, probe: usize, start: i64, end: i64): void {
  const startAt = probe + load<u32>(pane, PANE_START);
  store<u32>(probe, rehash(load<u32>(probe, ROW_HASH), load<i64>(startAt), start, load<u32>(pane, PANE_PARTITIONS)), ROW_HASH);
  store<i64>(startAt, start);
  store<i64>(probe + load<u32>(pane, PANE_END), end);
}

/** Copies the fixed part of `row` to `probe`; its slots stay relative to the row's base. */
function copyRow(pane: usize, probe: usize, row: usize): void {
  const rowBytes = load<u32>(pane, PANE_ROW_BYTES);
  for (let i: usize = 0; i < rowBytes; i += 8) store<u64>(probe + i, load<u64>(row + i));
}

/** Prepares `siblingAt` for the rows of `state`, before the panes that were touched are told to `pane_bound_touched`. */
export function pane_bound(pane: usize, state: usize): void {
  let newest: i64 = i64.MAX_VALUE;
  if (load<u32>(state, S_BUCKET_OFFSET) != 0) {
    newest = i64.MIN_VALUE;
    for (let partition: u32 = 0; partition < load<u32>(state, S_PARTITIONS); partition++) {
      const entry = partitionEntry(state, partition);
      const count = load<u32>(entry, P_COUNT);
      if (count == 0) continue;
      const end = (load<i64>(tableAt(entry, count - 1), T_BUCKET) + 1) * load<i64>(state, S_BUCKET_MICROS);
      const start = end - load<i64>(pane, PANE_WINDOW) + load<i64>(pane, PANE_SLIDE);
      if (start > newest) newest = start;
    }
  }
  store<i64>(pane, newest, PANE_NEWEST);
  store<i64>(pane, i64.MAX_VALUE, PANE_OLDEST);
}

/** Begins a batch, whose panes are not there yet. */
export function pane_begin(pane: usize, state: usize): void {
  pane_bound(pane, state);
  store<i64>(pane, load<i64>(pane, PANE_NEWEST), PANE_NEWEST_BEFORE);
  store<u64>(pane, 0, PANE_TOUCHED);
  store<u64>(pane, 0, PANE_INSERTED);
}

/** Tells the panes that were touched in this batch, as pairs (row, base), to `pane_count`. */
export function pane_bound_touched(pane: usize, pairs: usize, count: u32): void {
  let oldest = load<i64>(pane, PANE_OLDEST);
  for (let i: u32 = 0; i < count; i++) {
    const start = load<i64>(<usize>load<u32>(pairs + 8 * i) + load<u32>(pane, PANE_START));
    if (start < oldest) oldest = start;
  }
  store<i64>(pane, oldest, PANE_OLDEST);
}

/** End of the newest window with the pane at `start`, from that of another pane's newest window. */
@inline function newestEnd(pane: usize, start: i64, anyEnd: i64): i64 {
  const window = load<i64>(pane, PANE_WINDOW);
  const slide = load<i64>(pane, PANE_SLIDE);
  const past = (start - (anyEnd - window)) % slide;
  return start - (past < 0 ? past + slide : past) + window;
}

/** The row in `state` of the pane at `start` with the other keys of `row`, or 0. Sets TABLE_BASE. */
function siblingAt(pane: usize, state: usize, row: usize, base: usize, start: i64): usize {
  if (start > load<i64>(pane, PANE_NEWEST)) return 0;
  const probe = pane + PANE_PROBE;
  copyRow(pane, probe, row);
  rekey(pane, probe, start, newestEnd(pane, start, load<i64>(row + load<u32>(pane, PANE_END))));
  return store_find(state, probe, base);
}

/** All panes count. */
const COUNT_ALL: u32 = 0;
/** Panes that rows were put into in this batch, late ones too. */
const COUNT_TOUCHED: u32 = 1;
/** Windows that came into being in this batch, by its new panes. */
const COUNT_INSERTED: u32 = 2;
/** Only panes that are late altogether. */
const COUNT_LATE: u32 = 3;

@inline export function isInserted(state: usize, row: usize): bool {
  return (load<u32>(row, ROW_FLAGS) & ROW_INSERTED) != 0 && load<u32>(row, ROW_EPOCH) == load<u32>(state, S_EPOCH);
}

/**
 * How many windows with low < end <= high the panes in `count` pairs (row, base) at `pairs` belong to. Each window of a key counts once:
 * for the first of its panes that counts in the sense of `mode`, so all of these must be given in some call. No row may have been
 * removed in this batch.
 */
export function pane_count(pane: usize, state: usize, pairs: usize, count: u32, low: i64, high: i64, mode: u32): f64 {
  let total: u64 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const row: usize = load<u32>(pairs + 8 * i);
    if (mode == COUNT_INSERTED && !isInserted(state, row)) continue;
    total += windowsFirstAt(pane, state, row, load<u32>(pairs + 8 * i, 4), low, high, mode);
  }
  return <f64>total;
}

function windowsFirstAt(pane: usize, state: usize, row: usize, base: usize, low: i64, high: i64, mode: u32): u64 {
  const window = load<i64>(pane, PANE_WINDOW);
  const slide = load<i64>(pane, PANE_SLIDE);
  const length = load<i64>(pane, PANE_LENGTH);
  const start = load<i64>(row + load<u32>(pane, PANE_START));
  const end = load<i64>(row + load<u32>(pane, PANE_END));
  // Windows start in (after, last].
  let after = start - window;
  if (low != i64.MIN_VALUE && low - window > after) after = low - window;
  let last = end - window;
  if (high < end) last -= ((end - high + slide - 1) / slide) * slide;
  if (last <= after) return 0;
  let searchAfter = after;
  if (mode == COUNT_TOUCHED && load<u32>(state, S_LATE_GROUPS) == 0 && load<i64>(pane, PANE_OLDEST) > after) {
    searchAfter = load<i64>(pane, PANE_OLDEST) - 1;
  }
  for (let left = start - length; left > searchAfter; left -= length) {
    if (!counts(pane, state, row, base, left, mode)) continue;
    after = left;
    break;
  }
  if (mode == COUNT_INSERTED && last > after) {
    for (let right = start + length; right < last + window; right += length) {
      if (right > load<i64>(pane, PANE_NEWEST)) break;
      const found = siblingAt(pane, state, row, base, right);
      if (found == 0 || isInserted(state, found)) continue;
      last -= ((last + window - right + slide - 1) / slide) * slide;
      break;
    }
  }
  return last <= after ? 0 : <u64>((last - after + slide - 1) / slide);
}

/** The windows that `series_changes` has counted in this batch: touched ones, or those that came into being. */
export function pane_changes(pane: usize, ofInserted: bool): f64 {
  return <f64>load<u64>(pane + (ofInserted ? PANE_INSERTED : PANE_TOUCHED));
}

/** Whether the sibling at `start` is there and counts. */
function counts(pane: usize, state: usize, row: usize, base: usize, start: i64, mode: u32): bool {
  if (mode != COUNT_LATE) {
    const found = siblingAt(pane, state, row, base, start);
    if (found != 0) return mode != COUNT_TOUCHED || load<u32>(found, ROW_EPOCH) == load<u32>(state, S_EPOCH);
    if (mode != COUNT_TOUCHED) return false;
  }
  const late: usize = load<u32>(state, S_LATE_GROUPS);
  if (late == 0) return false;
  const probe = pane + PANE_PROBE;
  copyRow(pane, probe, row);
  rekey(pane, probe, start, newestEnd(pane, start, load<i64>(row + load<u32>(pane, PANE_END))));
  return table_find(late, probe, base) != 0;
}
