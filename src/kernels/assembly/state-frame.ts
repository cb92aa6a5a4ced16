// Frames: the unit in which state goes to change files and snapshot files, each of one partition. `frame_crc` is called by
// state/state-file.ts, the rest by change-log.ts.
//
// frame:   header 48 | payload (multiple of 8 bytes)
// header:  magic u32 | format version u16, kind u16 | operator u32 | partition u32 | batch id i64 | payload bytes u32 |
//          records u32 | row bytes u32 | partitions u32 | CRC-32C u32 of the frame with this field zero | 0 u32
//
// kind 1, changes: records of (kind u32, rows u32, content bytes u32, 0 u32, content, padded to 8 bytes)
//   put:    packed rows (packed-row.ts); with nulls or, if no field of these rows is null, without (kind + 16)
//   remove: the same; only the keys count
//   drop:   per row a time bucket i64, width of buckets i64
// kind 2, chunks: time bucket i64, width i64, then chunks of that table as they lie in memory (`records` of them)
import { crc32c, crc32c_shift } from "./crc32c";

export const FRAME_HEADER: u32 = 48;
export const FRAME_MAGIC: u32 = 0x4653524d; // "MRSF"
export const FRAME_VERSION: u32 = 2;
export const FRAME_CHANGES: u32 = 1;
export const FRAME_CHUNKS: u32 = 2;
export const F_VERSION: u32 = 4;
export const F_KIND: u32 = 6;
export const F_OPERATOR: u32 = 8;
export const F_PARTITION: u32 = 12;
export const F_BATCH: u32 = 16;
export const F_PAYLOAD_BYTES: u32 = 24;
export const F_RECORDS: u32 = 28;
export const F_ROW_BYTES: u32 = 32;
export const F_PARTITIONS: u32 = 36;
export const F_CRC: u32 = 40;

export const R_ROWS: u32 = 4;
export const R_BYTES: u32 = 8;
export const RECORD_HEADER: u32 = 16;
export const RECORD_PUT: u32 = 1;
export const RECORD_REMOVE: u32 = 2;
export const RECORD_DROP: u32 = 3;
/** Added to put and remove: the rows have no null words. */
export const RECORD_WITHOUT_NULLS: u32 = 16;
/** What a buffer needs besides the payload of one row. */
export const RECORD_OVERHEAD: u32 = FRAME_HEADER + RECORD_HEADER + 8;

/** Returned instead of a length when a single record is larger than the buffer. */
export const BUFFER_TOO_SMALL: u32 = ~0;

// The frame under construction. One at a time: writers run to the end of a call.
let position: usize = 0;
let limit: usize = 0;
let frame: usize = 0;
let record: usize = 0;
let start: usize = 0;
let kind: u32 = 0;
let operator: u32 = 0;
let batch: i64 = 0;
let rowBytes: u32 = 0;
let partitions: u32 = 0;

export function framesBegin(out: usize, capacity: u32, kindOfAll: u32, operatorId: u32, batchId: i64, bytes: u32, count: u32): void {
  start = out;
  position = out;
  limit = out + capacity;
  frame = 0;
  record = 0;
  kind = kindOfAll;
  operator = operatorId;
  batch = batchId;
  rowBytes = bytes;
  partitions = count;
}

/** Starts a frame unless the current one is of this partition; false if `bytes` of payload do not fit behind it. */
export function frameFor(partition: u32, bytes: u32): bool {
  const isOpen = frame != 0 && load<u32>(frame, F_PARTITION) == partition;
  if (<u64>position + (isOpen ? 0 : FRAME_HEADER) + bytes > <u64>limit) return false;
  if (isOpen) return true;
  frameClose();
  frame = position;
  memory.fill(frame, 0, FRAME_HEADER);
  store<u32>(frame, FRAME_MAGIC);
  store<u16>(frame, <u16>FRAME_VERSION, F_VERSION);
  store<u16>(frame, <u16>kind, F_KIND);
  store<u32>(frame, operator, F_OPERATOR);
  store<u32>(frame, partition, F_PARTITION);
  store<i64>(frame, batch, F_BATCH);
  store<u32>(frame, rowBytes, F_ROW_BYTES);
  store<u32>(frame, partitions, F_PARTITIONS);
  position += FRAME_HEADER;
  return true;
}

export function frameIsOpen(): bool {
  return frame != 0;
}

/** Payload bytes of the open frame, for which `frameFor` found room. */
export function frameTake(bytes: u32): usize {
  const taken = position;
  position += bytes;
  return taken;
}

export function frameCount(): void {
  store<u32>(frame, load<u32>(frame, F_RECORDS) + 1, F_RECORDS);
}

/** `bytes` for one more row of a record of this partition and kind; a new record begins where need be. 0: the buffer is full. */
@inline export function recordTake(partition: u32, recordKind: u32, bytes: u32): usize {
  const taken = recordPlace(partition, recordKind, bytes);
  if (taken != 0) recordExtend(taken + bytes, 1);
  return taken;
}

/** Where the next row of such a record goes, of which `recordExtend` then says where it ends; more may follow it up to `recordLimit`. */
@inline export function recordPlace(partition: u32, recordKind: u32, bytes: u32): usize {
  if (record == 0 || load<u32>(record) != recordKind || load<u32>(frame, F_PARTITION) != partition) {
    if (!recordBegin(partition, recordKind, bytes)) return 0;
  } else if (<u64>position + bytes > <u64>recordLimit()) return 0;
  return position;
}

/** Up to 7 bytes of padding may follow a record. */
@inline export function recordLimit(): usize {
  return limit - 7;
}

@inline export function recordExtend(end: usize, rows: u32): void {
  store<u32>(record, load<u32>(record, R_ROWS) + rows, R_ROWS);
  position = end;
}

function recordBegin(partition: u32, recordKind: u32, bytes: u32): bool {
  recordClose();
  if (!frameFor(partition, RECORD_HEADER + bytes + 7)) return false;
  frameCount();
  record = frameTake(RECORD_HEADER);
  store<u32>(record, recordKind);
  store<u32>(record, 0, R_ROWS);
  store<u64>(record, 0, R_BYTES);
  return true;
}

function recordClose(): void {
  if (record == 0) return;
  store<u32>(record, <u32>(position - record) - RECORD_HEADER, R_BYTES);
  for (; position & 7; position++) store<u8>(position, 0);
  record = 0;
}

export function frameClose(): void {
  if (frame == 0) return;
  recordClose();
  store<u32>(frame, <u32>(position - frame) - FRAME_HEADER, F_PAYLOAD_BYTES);
  store<u32>(frame, crc32c(frame, <u32>(position - frame), 0), F_CRC);
  frame = 0;
}

/** Closes the last frame; returns the bytes of all. */
export function framesEnd(): u32 {
  frameClose();
  return <u32>(position - start);
}

/** CRC-32C of a finished frame as it stands, from the one in its header: the payload is not read again. */
export function frame_crc(address: usize): u32 {
  const payload = load<u32>(address, F_PAYLOAD_BYTES);
  const crc = load<u32>(address, F_CRC);
  const real = crc32c(address, FRAME_HEADER, 0);
  store<u32>(address, 0, F_CRC);
  const zeroed = crc32c(address, FRAME_HEADER, 0);
  store<u32>(address, crc, F_CRC);
  return crc ^ crc32c_shift(real ^ zeroed, payload);
}
