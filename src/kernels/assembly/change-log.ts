// The change log of a state store: what a batch did, as frames (state-frame.ts), and the redo of such frames; the loading of
// frames of chunks. Called by state/state-store.ts on the worker that owns the memory.
import { LAYOUT_VAR_COUNT, ROW_EPOCH, ROW_FLAGS, ROW_NEXT } from "./memory-layout";
import { inMemory, isCold, isOverLimit, positionOf, reclaim } from "./cold-chunk";
import { heap_alloc, heap_size } from "./memory";
import { crc32c } from "./crc32c";
import {
  CHUNK_BYTES_MIN,
  CHUNK_HEADER,
  C_BYTES,
  C_DIRTY_NEXT,
  C_ROW_BYTES,
  ROW_NOT_LIVE,
  T_BUCKET,
  T_DETACHED_NEXT,
  T_DIRTY_FIRST,
  T_PARTITION,
  T_ROW_BYTES,
  chunkOf,
  rowsOf,
} from "./table-layout";
import {
  APPLY_CRC,
  APPLY_DONE,
  APPLY_LAYOUT,
  APPLY_MAGIC,
  APPLY_MEMORY,
  APPLY_RECORD,
  APPLY_TRUNCATED,
  APPLY_VERSION,
} from "./apply-result";
import { endLoading, store_adopt_chunk } from "./chunk-store";
import { DROP_BYTES, enqueue, redo } from "./redo";
import { packRow, packedBytes, packedFixedBytes, rowHasNulls } from "./packed-row";
import {
  P_COUNT,
  P_LAST,
  S_BUCKET_MICROS,
  S_DETACHED,
  S_LAYOUT,
  S_PARTITIONS,
  S_UNDO,
  S_UNLINKED,
  UNDO_KIND,
  UNDO_TOUCHED,
  partitionEntry,
  rowBytesOf,
  tableAt,
} from "./store-tables";
import { dirtyInOrder } from "./dirty-rows";
import { touchChunk, touchesChunks } from "./touch";
import {
  BUFFER_TOO_SMALL,
  F_BATCH,
  F_CRC,
  F_KIND,
  F_PARTITION,
  F_PARTITIONS,
  F_PAYLOAD_BYTES,
  F_RECORDS,
  F_ROW_BYTES,
  F_VERSION,
  FRAME_CHANGES,
  FRAME_CHUNKS,
  FRAME_HEADER,
  FRAME_MAGIC,
  FRAME_VERSION,
  RECORD_DROP,
  RECORD_OVERHEAD,
  RECORD_PUT,
  RECORD_REMOVE,
  RECORD_WITHOUT_NULLS,
  framesBegin,
  framesEnd,
  recordExtend,
  recordLimit,
  recordPlace,
  recordTake,
} from "./state-frame";

// Cursor of the writers, 32 bytes, zero at first.
const W_PHASE: u32 = 0;
const W_PARTITION: u32 = 4;
const W_TABLE: u32 = 8;
const W_CHUNK: u32 = 12; // first remixed hash + 1 of the next chunk; 0: the table's first
const W_ROW: u32 = 16;
const W_LINK: u32 = 20; // detached table or undo entry
const W_NEEDED: u32 = 24; // buffer size that would do, after BUFFER_TOO_SMALL
const PHASE_START: u32 = 0;
const PHASE_DROPS: u32 = 1;
const PHASE_REMOVES: u32 = 2;
const PHASE_PUTS: u32 = 3;
const PHASE_END: u32 = 4;

/** Remembers what did not fit. Returns what the writer returns. */
function stopWriting(cursor: usize, bytes: u32): u32 {
  if (framesEnd() != 0) return framesEnd();
  store<u32>(cursor, bytes + RECORD_OVERHEAD, W_NEEDED);
  return BUFFER_TOO_SMALL;
}

/** 0, or the bytes for which there is no room. */
@inline function writeRow(layout: usize, partition: u32, base: usize, row: usize, recordKind: u32): u32 {
  const withNulls = rowHasNulls(layout, row);
  const bytes = packedBytes(layout, row, withNulls);
  const packed = recordTake(partition, withNulls ? recordKind : recordKind | RECORD_WITHOUT_NULLS, bytes);
  if (packed == 0) return bytes;
  packRow(layout, packed, row, base, withNulls);
  return 0;
}

/**
 * Writes the batch's changes into `out` as whole frames. Called again and again with the same `cursor` until it returns 0;
 * otherwise returns the bytes written, or all ones if a record needs a buffer of the size at cursor + 24.
 */
export function store_changes(state: usize, cursor: usize, out: usize, capacity: u32, operatorId: u32, batchId: i64): u32 {
  framesBegin(out, capacity, FRAME_CHANGES, operatorId, batchId, rowBytesOf(state), load<u32>(state, S_PARTITIONS));
  if (load<u32>(cursor, W_PHASE) == PHASE_START) {
    store<u32>(cursor, PHASE_DROPS, W_PHASE);
    store<u32>(cursor, load<u32>(state, S_DETACHED), W_LINK);
  }
  if (load<u32>(cursor, W_PHASE) == PHASE_DROPS) {
    for (let table: usize = load<u32>(cursor, W_LINK); table != 0; table = load<u32>(table, T_DETACHED_NEXT)) {
      store<u32>(cursor, <u32>table, W_LINK);
      const bucket = recordTake(load<u32>(table, T_PARTITION), RECORD_DROP, DROP_BYTES);
      if (bucket == 0) return stopWriting(cursor, DROP_BYTES);
      store<i64>(bucket, load<i64>(table, T_BUCKET));
      store<i64>(bucket, load<i64>(state, S_BUCKET_MICROS), 8);
    }
    store<u32>(cursor, PHASE_REMOVES, W_PHASE);
    store<u32>(cursor, load<u32>(state, S_UNLINKED) != 0 ? load<u32>(state, S_UNDO) : 0, W_LINK);
  }
  if (load<u32>(cursor, W_PHASE) == PHASE_REMOVES) {
    for (let undo: usize = load<u32>(cursor, W_LINK); undo != 0; undo = load<u32>(undo, ROW_NEXT)) {
      store<u32>(cursor, <u32>undo, W_LINK);
      const touched = load<u32>(undo, ROW_EPOCH);
      if ((touched & UNDO_KIND) == UNDO_TOUCHED) continue;
      const partition = load<u32>(touched & ~UNDO_KIND, T_PARTITION);
      const needed = writeRow(load<u32>(state, S_LAYOUT), partition, undo, undo, RECORD_REMOVE);
      if (needed != 0) return stopWriting(cursor, needed);
    }
    store<u32>(cursor, PHASE_PUTS, W_PHASE);
  }
  if (load<u32>(cursor, W_PHASE) == PHASE_PUTS) {
    const needed = writePuts(state, cursor);
    if (needed != 0) return stopWriting(cursor, needed);
    store<u32>(cursor, PHASE_END, W_PHASE);
  }
  return framesEnd();
}

function writePuts(state: usize, cursor: usize): u32 {
  const layout: usize = load<u32>(state, S_LAYOUT);
  const isFixed = load<u32>(layout, LAYOUT_VAR_COUNT) == 0;
  let partition = load<u32>(cursor, W_PARTITION);
  let t = load<u32>(cursor, W_TABLE);
  let position = load<u32>(cursor, W_CHUNK);
  let index = load<u32>(cursor, W_ROW);
  for (; partition < load<u32>(state, S_PARTITIONS); partition++, t = 0) {
    const entry = partitionEntry(state, partition);
    for (; t < load<u32>(entry, P_COUNT); t++) {
      const table = tableAt(entry, t);
      const rowBytes = load<u32>(table, T_ROW_BYTES);
      let chunk: usize = position != 0 ? chunkOf(table, position & ~1) : <usize>load<u32>(table, T_DIRTY_FIRST);
      for (position = 0; chunk != 0; chunk = load<u32>(chunk, C_DIRTY_NEXT)) {
        if (isCold(chunk)) {
          const hash = positionOf(chunk);
          if (isOverLimit()) reclaim();
          chunk = inMemory(table, chunkOf(table, hash));
        }
        if (index == 0 && touchesChunks(table)) touchChunk(chunk, rowBytes);
        // Also in the middle: a chunk that has left memory since may have come back as it was before the walk.
        const first = dirtyInOrder(chunk);
        if (index == 0) index = first;
        while (index != 0) {
          if (isFixed) index = putRows(layout, partition, chunk, index);
          if (index == 0) break;
          const row = rowsOf(chunk) + (index - 1) * rowBytes;
          if (!(load<u32>(row, ROW_FLAGS) & ROW_NOT_LIVE)) {
            const needed = writeRow(layout, partition, chunk, row, RECORD_PUT);
            if (needed != 0) {
              store<u32>(cursor, partition, W_PARTITION);
              store<u32>(cursor, t, W_TABLE);
              store<u32>(cursor, positionOf(chunk) | 1, W_CHUNK);
              store<u32>(cursor, index, W_ROW);
              return needed;
            }
          }
          index = load<u32>(row, ROW_NEXT);
        }
      }
    }
  }
  return 0;
}

/**
 * Writes rows of fixed length along the chunk's dirty list, from `index` on, one behind the other. Returns where it stops: at a row with nulls or one
 * that is not live, where there is no more room, or 0 at the end.
 */
function putRows(layout: usize, partition: u32, chunk: usize, index: u32): u32 {
  const rows = rowsOf(chunk);
  const rowBytes = load<u32>(chunk, C_ROW_BYTES);
  if (!isPlain(layout, rows + (index - 1) * rowBytes)) return index;
  const bytes = packedFixedBytes(layout, false);
  const first = recordPlace(partition, RECORD_PUT | RECORD_WITHOUT_NULLS, bytes);
  if (first == 0) return index;
  const last = recordLimit() - bytes;
  let to = first;
  let count: u32 = 0;
  while (index != 0 && to <= last) {
    const row = rows + (index - 1) * rowBytes;
    if (!isPlain(layout, row)) break;
    packRow(layout, to, row, 0, false);
    to += bytes;
    count++;
    index = load<u32>(row, ROW_NEXT);
  }
  recordExtend(to, count);
  return index;
}

@inline function isPlain(layout: usize, row: usize): bool {
  return (load<u32>(row, ROW_FLAGS) & ROW_NOT_LIVE) == 0 && !rowHasNulls(layout, row);
}

/**
 * Redoes a frame of changes, or enters the chunks of a frame of a snapshot. `length` bytes are there at `address` (8-byte
 * aligned), perhaps more than the frame's. Redo is idempotent; a frame of chunks is not. Returns APPLY_*.
 */
export function store_apply_frame(state: usize, address: usize, length: u32): u32 {
  return applyFrame(state, address, length, false);
}

/** The same for frames of changes that may wait for others, up to `store_redo_end`; a result of APPLY_MEMORY may be about an earlier one. */
export function store_queue_frame(state: usize, address: usize, length: u32): u32 {
  return applyFrame(state, address, length, true);
}

function applyFrame(state: usize, address: usize, length: u32, mayWait: bool): u32 {
  if (length < FRAME_HEADER) return APPLY_TRUNCATED;
  if (load<u32>(address) != FRAME_MAGIC) return APPLY_MAGIC;
  if (load<u16>(address, F_VERSION) != FRAME_VERSION) return APPLY_VERSION;
  const bytes = load<u32>(address, F_PAYLOAD_BYTES);
  if (bytes & 7 || <u64>bytes + FRAME_HEADER > <u64>length) return APPLY_TRUNCATED;
  const crc = load<u32>(address, F_CRC);
  store<u32>(address, 0, F_CRC);
  const isIntact = crc32c(address, FRAME_HEADER + bytes, 0) == crc;
  store<u32>(address, crc, F_CRC);
  if (!isIntact) return APPLY_CRC;
  if (load<u32>(address, F_PARTITIONS) != load<u32>(state, S_PARTITIONS)) return APPLY_LAYOUT;
  if (load<u32>(address, F_ROW_BYTES) != rowBytesOf(state)) return APPLY_LAYOUT;
  const partition = load<u32>(address, F_PARTITION);
  if (partition >= load<u32>(state, S_PARTITIONS)) return APPLY_RECORD;
  const payload = address + FRAME_HEADER;
  const end = payload + bytes;
  const records = load<u32>(address, F_RECORDS);
  const frameKind = load<u16>(address, F_KIND);
  if (frameKind == FRAME_CHUNKS) return loadChunks(state, partition, payload, end, records);
  if (frameKind != FRAME_CHANGES) return APPLY_VERSION;
  if (!mayWait) return redo(state, partition, payload, end, records);
  return enqueue(state, partition, load<i64>(address, F_BATCH), payload, end, records);
}

function loadChunks(state: usize, partition: u32, position: usize, end: usize, chunks: u32): u32 {
  if (<u32>(end - position) < 16) return APPLY_RECORD;
  if (load<i64>(position, 8) != load<i64>(state, S_BUCKET_MICROS)) return APPLY_LAYOUT;
  const bucket = load<i64>(position);
  position += 16;
  for (; chunks != 0; chunks--) {
    if (position + CHUNK_HEADER > end) return APPLY_RECORD;
    const bytes = load<u32>(position, C_BYTES);
    if (bytes > <u32>(end - position) || bytes < CHUNK_BYTES_MIN || heap_size(bytes) != bytes) return APPLY_RECORD;
    const chunk = heap_alloc(bytes);
    if (chunk == 0) return APPLY_MEMORY;
    memory.copy(chunk, position, bytes);
    const result = store_adopt_chunk(state, partition, bucket, chunk, bytes, 0, 0);
    if (result != APPLY_DONE) return result;
    if (isOverLimit()) reclaim();
    position += bytes;
  }
  return position == end ? APPLY_DONE : APPLY_RECORD;
}

/**
 * Ends the loading of chunks, before any other use of the store: puts empty ones where there are none. 0: there is no memory for them.
 */
export function store_load_end(state: usize): u32 {
  for (let partition: u32 = 0; partition < load<u32>(state, S_PARTITIONS); partition++) {
    const entry = partitionEntry(state, partition);
    for (let t: u32 = 0; t < load<u32>(entry, P_COUNT); t++) {
      if (!endLoading(tableAt(entry, t))) return 0;
    }
    store<u32>(entry, 0, P_LAST);
  }
  return 1;
}
