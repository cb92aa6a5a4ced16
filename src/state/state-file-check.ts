/**
 * Checks a change file or snapshot file byte by byte, without kernels and without a query: header, every frame, footer (the format is
 * described in `state-file.ts` and `kernels/assembly/state-frame.ts`). Used by `checkpoint/verify-checkpoint.ts`. Main thread.
 */
import { crc32c } from "../base/crc32c.ts";
import { CheckpointError, newerFile } from "../base/errors.ts";
import type { SyncFile } from "../base/ports.ts";
import type { StateFileHeader } from "./state-file.ts";

/** What a whole file holds. */
export interface StateFileContents {
  readonly lengthBytes: number;
  /** Over all bytes of the file. */
  readonly crc32c: number;
  readonly frames: number;
  readonly records: number;
  /** Of its frames, ascending. */
  readonly partitions: readonly number[];
}

const MAGIC = "MRSTATE1";
const FORMAT_VERSION = 1;
const HEADER_FIXED_BYTES = 16;
const HEADER_BYTES_MAX = 4096;
const FRAME_MAGIC = 0x4653524d; // "MRSF"
const FRAME_VERSION = 2;
const FRAME_HEADER_BYTES = 48;
const FRAME_CRC_AT = 40;
const FOOTER_MAGIC = 0x4e45524d; // "MREN"
const FOOTER_BYTES = 24;
const READ_BYTES = 1 << 20;

/**
 * Throws a `CheckpointError` with file and offset: `STATE_CHANGE_FILE_CORRUPT`, `STATE_SNAPSHOT_FILE_CORRUPT`, `STATE_FILE_FOREIGN` (whole,
 * but of another query or batch), `UNSUPPORTED_LOG_VERSION.MAX_SUPPORTED_VERSION` (of a version to come). `path` is for the messages.
 */
export function checkStateFile(
  file: SyncFile,
  path: string,
  expected: Pick<StateFileHeader, "kind" | "queryId" | "batchId">,
): StateFileContents {
  const corrupt = (offset: number, reason: string): never => {
    const condition = expected.kind === "changes" ? "STATE_CHANGE_FILE_CORRUPT" : "STATE_SNAPSHOT_FILE_CORRUPT";
    throw new CheckpointError(condition, { path, offset: String(offset), reason });
  };
  const size = file.sizeBytes();
  let fileCrc = 0;
  /** The next bytes, in the order of the file; also counts them into the file's checksum. */
  const read = (position: number, length: number, limit: number): Buffer => {
    if (position + length > limit) corrupt(position, "the file ends too early");
    const bytes = readAt(file, position, length);
    if (bytes.length < length) corrupt(position + bytes.length, "the file ends too early");
    fileCrc = crc32c(bytes, fileCrc);
    return bytes;
  };

  const fixed = read(0, HEADER_FIXED_BYTES, size);
  if (fixed.toString("latin1", 0, 8) !== MAGIC) corrupt(0, "the file does not begin as a state file");
  const jsonBytes = fixed.readUInt32LE(12);
  if (HEADER_FIXED_BYTES + jsonBytes + 8 > HEADER_BYTES_MAX) corrupt(12, "the header is too long");
  const rest = read(HEADER_FIXED_BYTES, jsonBytes + 8, size);
  const json = rest.subarray(0, jsonBytes);
  if (crc32c(json, crc32c(fixed)) !== rest.readUInt32LE(jsonBytes)) corrupt(0, "the checksum of the header is wrong");
  const version = fixed.readUInt32LE(8);
  if (version > FORMAT_VERSION) throw newerFile(path, FORMAT_VERSION, version);
  if (version < FORMAT_VERSION) corrupt(8, `the format version is ${version}`);
  const header = JSON.parse(json.toString("utf8")) as StateFileHeader;
  for (const field of ["kind", "queryId", "batchId"] as const) {
    if (header[field] === expected[field]) continue;
    throw new CheckpointError("STATE_FILE_FOREIGN", { path, field, found: String(header[field]), wanted: String(expected[field]) });
  }

  const footerAt = size - FOOTER_BYTES;
  let position = HEADER_FIXED_BYTES + rest.length;
  let chain = crc32c(rest, crc32c(fixed));
  let [frames, records] = [0, 0];
  const partitions = new Set<number>();
  for (; position < footerAt; frames++) {
    const frame = read(position, FRAME_HEADER_BYTES, footerAt);
    if (frame.readUInt32LE(0) !== FRAME_MAGIC) corrupt(position, "this is not a frame");
    if (frame.readUInt16LE(4) !== FRAME_VERSION) corrupt(position + 4, "the frame has an unknown version");
    const payloadBytes = frame.readUInt32LE(24);
    if (payloadBytes > footerAt - position - FRAME_HEADER_BYTES) corrupt(position + 24, "the frame is cut off");
    const stored = frame.readUInt32LE(FRAME_CRC_AT);
    chain = crc32c(frame, chain);
    records += frame.readUInt32LE(28);
    partitions.add(frame.readUInt32LE(12));
    frame.writeUInt32LE(0, FRAME_CRC_AT);
    let crc = crc32c(frame);
    const end = position + FRAME_HEADER_BYTES + payloadBytes;
    for (let at = position + FRAME_HEADER_BYTES; at < end; at += READ_BYTES)
      crc = crc32c(read(at, Math.min(READ_BYTES, end - at), end), crc);
    if (crc !== stored) corrupt(position, "the checksum of the frame is wrong");
    position = end;
  }

  const footer = read(position, FOOTER_BYTES, size);
  if (footer.readUInt32LE(0) !== FOOTER_MAGIC) corrupt(position, "the footer is missing");
  if (footer.readUInt32LE(4) !== frames) corrupt(position + 4, `the footer counts ${footer.readUInt32LE(4)} frames, not ${frames}`);
  if (footer.readBigUInt64LE(8) !== BigInt(size)) corrupt(position + 8, "the length in the footer is not that of the file");
  if (crc32c(footer.subarray(0, 16), chain) !== footer.readUInt32LE(16)) corrupt(position + 16, "the checksum of the file is wrong");
  if (footer.readUInt32LE(20) !== 0) corrupt(position + 20, "the footer is malformed");
  return { lengthBytes: size, crc32c: fileCrc, frames, records, partitions: [...partitions].sort((a, b) => a - b) };
}

function readAt(file: SyncFile, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const count = file.read(bytes.subarray(done), position + done);
    if (count === 0) break;
    done += count;
  }
  return bytes.subarray(0, done);
}
