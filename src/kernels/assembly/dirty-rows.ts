// The rows of a chunk that the batch has changed, and the chunks of a table that hold such rows: lists through the rows and the headers of chunks,
// so that no batch looks at rows that it has not changed. Used by table-chunk.ts, cold-chunk.ts and the store; no kernels.
import { ROW_EPOCH, ROW_NEXT } from "./memory-layout";
import {
  C_DIRTY_EPOCH, C_DIRTY_FIRST, C_DIRTY_LAST, C_DIRTY_NEXT, C_DIRTY_PREVIOUS, C_ROW_BYTES, T_DIRTY_FIRST, T_DIRTY_LAST, rowsOf,
} from "./table-layout";

/** Adds a row to its chunk's dirty list, and the chunk to the table's. `index`: the row's in the chunk + 1, or 0 where the caller does not know it. */
export function linkDirty(table: usize, chunk: usize, row: usize, index: u32, epoch: u32): void {
  store<u32>(row, epoch, ROW_EPOCH);
  if (load<u32>(chunk, C_DIRTY_FIRST) == 0) {
    store<u32>(chunk, epoch, C_DIRTY_EPOCH);
    linkDirtyChunk(table, chunk, load<u32>(table, T_DIRTY_LAST));
  }
  pushDirty(chunk, row, index != 0 ? index : <u32>(row - rowsOf(chunk)) / load<u32>(chunk, C_ROW_BYTES) + 1);
}

/** The list is a stack while it grows, so that no other row is touched. */
@inline export function pushDirty(chunk: usize, row: usize, index: u32): void {
  const first = load<u32>(chunk, C_DIRTY_FIRST);
  if (first == 0) store<u32>(chunk, index, C_DIRTY_FIRST);
  else if (load<u32>(chunk, C_DIRTY_LAST) == 0) store<u32>(chunk, reverseDirty(chunk, first), C_DIRTY_LAST);
  store<u32>(row, first == 0 ? 0 : load<u32>(chunk, C_DIRTY_LAST), ROW_NEXT);
  store<u32>(chunk, index, C_DIRTY_LAST);
}

/** First row of the chunk's dirty list, from which ROW_NEXT then leads to the others in the order of their first change; 0: none is dirty. */
export function dirtyInOrder(chunk: usize): u32 {
  const first = load<u32>(chunk, C_DIRTY_FIRST);
  if (first == 0 || load<u32>(chunk, C_DIRTY_LAST) == 0) return first;
  reverseDirty(chunk, load<u32>(chunk, C_DIRTY_LAST));
  store<u32>(chunk, 0, C_DIRTY_LAST);
  return first;
}

/** Turns the links around; returns the row that was the last and is the first. */
function reverseDirty(chunk: usize, index: u32): u32 {
  const rows = rowsOf(chunk);
  const rowBytes = load<u32>(chunk, C_ROW_BYTES);
  let before: u32 = 0;
  while (index != 0) {
    const row = rows + (index - 1) * rowBytes;
    const next = load<u32>(row, ROW_NEXT);
    store<u32>(row, before, ROW_NEXT);
    before = index;
    index = next;
  }
  return before;
}

export function linkDirtyChunk(table: usize, chunk: usize, previous: usize): void {
  const next: usize = previous != 0 ? load<u32>(previous, C_DIRTY_NEXT) : load<u32>(table, T_DIRTY_FIRST);
  store<u32>(chunk, <u32>previous, C_DIRTY_PREVIOUS);
  store<u32>(chunk, <u32>next, C_DIRTY_NEXT);
  if (previous != 0) store<u32>(previous, <u32>chunk, C_DIRTY_NEXT);
  else store<u32>(table, <u32>chunk, T_DIRTY_FIRST);
  if (next != 0) store<u32>(next, <u32>chunk, C_DIRTY_PREVIOUS);
  else store<u32>(table, <u32>chunk, T_DIRTY_LAST);
}

export function unlinkDirtyChunk(table: usize, chunk: usize): void {
  const previous: usize = load<u32>(chunk, C_DIRTY_PREVIOUS);
  const next: usize = load<u32>(chunk, C_DIRTY_NEXT);
  if (previous != 0) store<u32>(previous, <u32>next, C_DIRTY_NEXT);
  else store<u32>(table, <u32>next, T_DIRTY_FIRST);
  if (next != 0) store<u32>(next, <u32>previous, C_DIRTY_PREVIOUS);
  else store<u32>(table, <u32>previous, T_DIRTY_LAST);
}
