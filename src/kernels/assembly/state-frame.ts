// Frames: the unit in which state goes to change files and snapshot files, each of one partition. No kernels.
//
// frame:   header 48 | payload (multiple of 8 bytes)
// header:  magic u32 | format version u16, kind u16 | operator u32 | partition u32 | batch id i64 | payload bytes u32 |
//          records u32 | row bytes u32 | partitions u32 | CRC-32C u32 of the frame with this field zero | 0 u32
//
// kind 1, changes: records of (kind u32, bytes u32, content)
//   put:    a row with its variable bytes behind it, slots relative to the row
//   remove: the same; only the keys count
//   drop:   time bucket i64, width of buckets i64
// kind 2, chunks: time bucket i64, width i64, then chunks of that table as they lie in memory (`records` of them)
import { crc32c } from "./crc32c";

export const FRAME_HEADER: u32 = 48;
export const FRAME_MAGIC: u32 = 0x4653524d; // "MRSF"
export const FRAME_VERSION: u32 = 1;
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

export const RECORD_HEADER: u32 = 8;
export const RECORD_PUT: u32 = 1;
export const RECORD_REMOVE: u32 = 2;
export const RECORD_DROP: u32 = 3;

/** Returned instead of a length when a single record is larger than the buffer. */
export const BUFFER_TOO_SMALL: u32 = ~0;

// The frame under construction. One at a time: writers run to the end of a call.
let position: usize = 0;
let limit: usize = 0;
let frame: usize = 0;
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

export function frameClose(): void {
  if (frame == 0) return;
  store<u32>(frame, <u32>(position - frame) - FRAME_HEADER, F_PAYLOAD_BYTES);
  store<u32>(frame, crc32c(frame, <u32>(position - frame), 0), F_CRC);
  frame = 0;
}

/** Closes the last frame; returns the bytes of all. */
export function framesEnd(): u32 {
  frameClose();
  return <u32>(position - start);
}
