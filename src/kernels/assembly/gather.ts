// Fields of rows as columns of a block: rows that `store_scan_all` found (pairs of row and base), or that a change frame holds. Called by
// connectors/statestore/state-reader.ts, on the worker that owns the memory. Not for the hot path: state that somebody looks at.
import { ARENA_SPLIT, LAYOUT_ROW_BYTES, ROW_FLAGS } from "./memory-layout";
import { arena_alloc } from "./memory";
import {
  FRAME_HEADER,
  F_PARTITION,
  F_PAYLOAD_BYTES,
  RECORD_DROP,
  RECORD_HEADER,
  RECORD_PUT,
  RECORD_WITHOUT_NULLS,
  R_BYTES,
  R_ROWS,
} from "./state-frame";
import { unpackRow } from "./packed-row";
import { C_ROWS_USED, ROW_NOT_LIVE, T_ROW_BYTES, chunkFirst, chunkNext, rowsOf } from "./table-layout";
import { S_LAYOUT, bucketTable } from "./store-tables";

/** The `width` bytes at `offset` of each row. */
export function gather_values(rows: usize, count: u32, offset: u32, width: u32, values: usize): void {
  for (let i: u32 = 0; i < count; i++) memory.copy(values + width * i, <usize>load<u32>(rows + 8 * i) + offset, width);
}

/**
 * Views on copies of variable values, which outlive the rows: in the split arena. `inlineBytes` not 0: the bytes lie in the row itself.
 * 0 when memory is exhausted.
 */
export function gather_views(rows: usize, count: u32, offset: u32, inlineBytes: u32, values: usize): u32 {
  for (let i: u32 = 0; i < count; i++) {
    const field = <usize>load<u32>(rows + 8 * i) + offset;
    const length = inlineBytes != 0 ? inlineBytes : load<u32>(field, 4);
    const from: usize = inlineBytes != 0 ? field : <usize>load<u32>(rows + 8 * i, 4) + load<u32>(field);
    const copy: usize = length == 0 ? 0 : arena_alloc(ARENA_SPLIT, length + 16);
    if (copy == 0 && length != 0) return 0;
    memory.copy(copy, from, length);
    store<u32>(values + 8 * i, <u32>copy);
    store<u32>(values + 8 * i, length, 4);
  }
  return 1;
}

/** A validity byte per row from bit `bit` of the null bits at `nullsOffset`; returns how many are null. */
export function gather_validity(rows: usize, count: u32, nullsOffset: u32, bit: u32, validity: usize): u32 {
  let nulls: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const isNull = <u32>(load<u64>(<usize>load<u32>(rows + 8 * i) + nullsOffset) >> bit) & 1;
    store<u8>(validity + i, isNull ^ 1);
    nulls += isNull;
  }
  return nulls;
}

/** A validity byte per row from a flag that says that the struct is null. */
export function gather_struct_validity(rows: usize, count: u32, flagOffset: u32, validity: usize): void {
  for (let i: u32 = 0; i < count; i++) store<u8>(validity + i, load<u8>(<usize>load<u32>(rows + 8 * i) + flagOffset) ^ 1);
}

/**
 * The rows of record number `record` of a frame of changes: `out` gets their count, whether they were removed (1) or put (0), and
 * the address of that many pairs, all in the split arena. Rows of a dropped bucket are those that `state` still has: the frame is not to be
 * applied before. Returns 0 after the last record and -1 when memory is exhausted, 1 otherwise.
 */
export function change_rows(state: usize, frame: usize, record: u32, out: usize): i32 {
  let at = frame + FRAME_HEADER;
  const end = at + load<u32>(frame, F_PAYLOAD_BYTES);
  for (; record != 0 && at < end; record--) at += RECORD_HEADER + ((load<u32>(at, R_BYTES) + 7) & ~7);
  if (at >= end) return 0;
  const kind = load<u32>(at) & ~RECORD_WITHOUT_NULLS;
  if (kind == RECORD_DROP) return droppedRows(state, load<u32>(frame, F_PARTITION), at, out);
  const layout: usize = load<u32>(state, S_LAYOUT);
  const count = load<u32>(at, R_ROWS);
  const rowBytes = load<u32>(layout, LAYOUT_ROW_BYTES);
  const pairs = arena_alloc(ARENA_SPLIT, 8 * count);
  const unpacked = arena_alloc(ARENA_SPLIT, rowBytes * count);
  if (pairs == 0 || unpacked == 0) return -1;
  let packed = at + RECORD_HEADER;
  const recordEnd = packed + load<u32>(at, R_BYTES);
  for (let i: u32 = 0; i < count; i++) {
    const row = unpacked + rowBytes * i;
    store<u32>(pairs + 8 * i, <u32>row);
    store<u32>(pairs + 8 * i, <u32>packed, 4);
    packed += unpackRow(layout, row, packed, recordEnd, (load<u32>(at) & RECORD_WITHOUT_NULLS) == 0);
  }
  store<u32>(out, count);
  store<u32>(out, kind == RECORD_PUT ? 0 : 1, 4);
  store<u32>(out, <u32>pairs, 8);
  return 1;
}

function droppedRows(state: usize, partition: u32, record: usize, out: usize): i32 {
  let count: u32 = 0;
  const buckets = load<u32>(record, R_ROWS);
  for (let pass = 0; pass < 2; pass++) {
    const pairs: usize = pass == 0 ? 0 : arena_alloc(ARENA_SPLIT, 8 * count);
    if (pass == 1 && pairs == 0) return -1;
    count = 0;
    for (let b: u32 = 0; b < buckets; b++) {
      const table = bucketTable(state, partition, load<i64>(record + RECORD_HEADER + 16 * b), false);
      if (table == 0) continue;
      const rowBytes = load<u32>(table, T_ROW_BYTES);
      for (let chunk = chunkFirst(table); chunk != 0; chunk = chunkNext(table, chunk)) {
        const rows = rowsOf(chunk);
        const used = load<u32>(chunk, C_ROWS_USED);
        for (let i: u32 = 0; i < used; i++) {
          const row = rows + rowBytes * i;
          if (load<u32>(row, ROW_FLAGS) & ROW_NOT_LIVE) continue;
          if (pass == 1) {
            store<u32>(pairs + 8 * count, <u32>row);
            store<u32>(pairs + 8 * count, <u32>chunk, 4);
          }
          count++;
        }
      }
    }
    store<u32>(out, count);
    store<u32>(out, 1, 4);
    store<u32>(out, <u32>pairs, 8);
  }
  return 1;
}
