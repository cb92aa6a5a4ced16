/**
 * Change files and snapshot files: a header that says whose they are, frames (`kernels/assembly/state-frame.ts`), a footer.
 * Written and read by workers, straight from and into their memory.
 *
 * ```
 * header   magic "MRSTATE1" | format version u32 | bytes of the JSON u32 | JSON, padded with spaces | CRC-32C u32 | 0 u32
 * frames   each with an own CRC-32C; every length is a multiple of 8
 * footer   magic "MREN" | frames u32 | length of the whole file u64 | CRC-32C u32 | 0 u32
 * ```
 *
 * The footer's CRC covers the header, the headers of all frames (and with them the frames' own CRCs) and the footer before
 * it: who reads only some partitions verifies these and the chain, not every byte. A file without a valid footer does not exist.
 */
import { CheckpointError, newerFile } from "../base/errors.ts";
import type { SyncFile } from "../base/ports.ts";
import type { Kernels } from "../kernels/load.ts";
import type { StateStore } from "./state-store.ts";

export interface StateFileHeader {
  readonly kind: "changes" | "snapshot";
  readonly queryId: string;
  readonly epoch: number;
  readonly batchId: number;
  /** Id of the attempt that wrote the file. */
  readonly attempt: string;
  /** Which of the checkpoint's state schemas the rows have (`state-metadata.ts`); absent: the first. */
  readonly schema?: number;
}

/** What the commit record says about a file. */
export interface StateFileSeal {
  readonly lengthBytes: number;
  /** The footer's. */
  readonly crc32c: number;
}

/** A finished file: also the checksum over all of its bytes. */
export interface FinishedStateFile extends StateFileSeal {
  readonly fileCrc32c: number;
}

const MAGIC = Buffer.from("MRSTATE1");
const FOOTER_MAGIC = 0x4e45524d; // "MREN"
const FORMAT_VERSION = 1;
const HEADER_FIXED_BYTES = 16;
const HEADER_BYTES_MAX = 4096;
const FOOTER_BYTES = 24;
const FRAME_HEADER_BYTES = 48;
const FRAME_MAGIC = 0x4653524d;
const BUFFER_BYTES = 1 << 20;
const BUFFER_BYTES_MAX = 0x7fff0000;

/** What the kernel `store_apply_frame` returns. */
const APPLY_REASONS = [
  "",
  "the frame is cut off",
  "this is not a frame",
  "the frame has an unknown version",
  "the checksum of the frame is wrong",
  "the frame is of another row layout",
  "a record of the frame is malformed",
] as const;
const APPLY_OUT_OF_MEMORY = 7;

/** A buffer in a worker's memory that grows on demand; one per worker serves all its files. */
export class StateBuffer {
  readonly kernels: Kernels;
  address = 0;
  bytes = 0;

  constructor(kernels: Kernels) {
    this.kernels = kernels;
    this.reserve(BUFFER_BYTES);
  }

  /** Makes the buffer at least `bytes` long; its contents are lost. */
  reserve(bytes: number): void {
    if (bytes <= this.bytes) return;
    this.free();
    const address = bytes > BUFFER_BYTES_MAX ? 0 : (this.kernels.exports["heap_alloc"]!(bytes) as number) >>> 0;
    if (address === 0) throw new CheckpointError("STATE_MEMORY_EXHAUSTED", { what: `a buffer of ${bytes} bytes` });
    this.address = address;
    this.bytes = bytes;
  }

  free(): void {
    if (this.address !== 0) this.kernels.exports["heap_free"]!(this.address, this.bytes);
    this.address = 0;
    this.bytes = 0;
  }

  /** The first `length` bytes; valid until memory grows. */
  view(length: number): Uint8Array {
    return this.kernels.bytes().subarray(this.address, this.address + length);
  }

  /** `seed`, the checksum of what comes before, continued over the finished frame at `offset` without reading its payload. */
  frameCrc(offset: number, length: number, seed: number): number {
    const { crc32c_shift, frame_crc } = this.kernels.exports;
    return ((crc32c_shift!(seed, length) as number) ^ (frame_crc!(this.address + offset) as number)) >>> 0;
  }

  crc(offset: number, length: number, seed: number): number {
    return (this.kernels.exports["crc32c"]!(this.address + offset, length, seed) as number) >>> 0;
  }
}

/** Writes one file. `file` has just been created; after `finish` it is whole, and its maker syncs and closes it. */
export class StateFileWriter {
  readonly buffer: StateBuffer;
  readonly #file: SyncFile;
  #crc = 0;
  #fileCrc = 0;
  #frames = 0;
  #lengthBytes = 0;

  constructor(buffer: StateBuffer, file: SyncFile, header: StateFileHeader) {
    this.buffer = buffer;
    this.#file = file;
    const json = Buffer.from(JSON.stringify(header));
    const padded = Math.ceil(json.length / 8) * 8;
    const bytes = Buffer.alloc(HEADER_FIXED_BYTES + padded + 8, " ");
    MAGIC.copy(bytes);
    bytes.writeUInt32LE(FORMAT_VERSION, 8);
    bytes.writeUInt32LE(padded, 12);
    json.copy(bytes, HEADER_FIXED_BYTES);
    bytes.writeBigUInt64LE(0n, HEADER_FIXED_BYTES + padded);
    buffer.view(bytes.length).set(bytes);
    bytes.writeUInt32LE(buffer.crc(0, HEADER_FIXED_BYTES + padded, 0), HEADER_FIXED_BYTES + padded);
    buffer.view(bytes.length).set(bytes);
    this.#crc = buffer.crc(0, bytes.length, 0);
    this.#fileCrc = this.#crc;
    this.#append(bytes.length);
  }

  /** Appends the frames in the first `length` bytes of the buffer. */
  appendFrames(length: number): void {
    const memory = this.buffer.kernels.view();
    for (let offset = 0; offset < length;) {
      this.#crc = this.buffer.crc(offset, FRAME_HEADER_BYTES, this.#crc);
      this.#frames++;
      const bytes = FRAME_HEADER_BYTES + memory.getUint32(this.buffer.address + offset + 24, true);
      this.#fileCrc = this.buffer.frameCrc(offset, bytes, this.#fileCrc);
      offset += bytes;
    }
    this.#append(length);
  }

  finish(): FinishedStateFile {
    const footer = Buffer.alloc(FOOTER_BYTES);
    footer.writeUInt32LE(FOOTER_MAGIC, 0);
    footer.writeUInt32LE(this.#frames, 4);
    footer.writeBigUInt64LE(BigInt(this.#lengthBytes + FOOTER_BYTES), 8);
    this.buffer.view(FOOTER_BYTES).set(footer);
    const crc32c = this.buffer.crc(0, 16, this.#crc);
    footer.writeUInt32LE(crc32c, 16);
    this.buffer.view(FOOTER_BYTES).set(footer);
    this.#fileCrc = this.buffer.crc(0, FOOTER_BYTES, this.#fileCrc);
    this.#append(FOOTER_BYTES);
    return { lengthBytes: this.#lengthBytes, crc32c, fileCrc32c: this.#fileCrc };
  }

  #append(length: number): void {
    this.#file.append(this.buffer.view(length));
    this.#lengthBytes += length;
  }
}

export interface StateFileExpectation {
  /** For messages. */
  readonly path: string;
  readonly kind: StateFileHeader["kind"];
  readonly queryId: string;
  readonly batchId: number;
  /** From the commit record, where there is one. */
  readonly seal?: StateFileSeal;
  /** Schemas that the targets take; absent: the first only. */
  readonly schemas?: readonly number[];
}

/** Takes frames of the partitions that it owns. */
export interface FrameTarget extends Pick<StateStore, "ownsPartition"> {
  /** `schema`: that of the frame's file. Returns the kernel's code. */
  applyFrame(address: number, length: number, schema: number): number;
}

/**
 * Reads a file and hands the frames of owned partitions to the stores they belong to (by operator id). Throws a CheckpointError
 * with file and offset when anything is wrong; the stores are then unusable and must be dropped.
 */
export function restoreStateFile(
  buffer: StateBuffer,
  file: SyncFile,
  expected: StateFileExpectation,
  stores: ReadonlyMap<number, FrameTarget>,
): StateFileHeader {
  const reader: Reader = new Reader(buffer, file, expected);
  const { header, end } = reader.readHeader();
  const { frames, crc32c, footerAt } = reader.readFooter();
  let position = end;
  let crc = reader.headerCrc;
  for (let frame = 0; frame < frames; frame++) {
    const bytes = reader.at(position, FRAME_HEADER_BYTES, footerAt);
    const magic = bytes.readUInt32LE(0);
    if (magic !== FRAME_MAGIC) reader.corrupt(position, APPLY_REASONS[2]);
    const length = FRAME_HEADER_BYTES + bytes.readUInt32LE(24);
    if (length > footerAt - position) reader.corrupt(position, APPLY_REASONS[1]);
    crc = buffer.crc(reader.offsetOf(position), FRAME_HEADER_BYTES, crc);
    const store = stores.get(bytes.readUInt32LE(8));
    if (!store) reader.corrupt(position, `the frame belongs to an operator that the query does not have (${bytes.readUInt32LE(8)})`);
    if (store.ownsPartition(bytes.readUInt32LE(12))) {
      reader.at(position, length, footerAt);
      const code = store.applyFrame(buffer.address + reader.offsetOf(position), length, header.schema ?? 0);
      if (code === APPLY_OUT_OF_MEMORY) throw new CheckpointError("STATE_MEMORY_EXHAUSTED", { what: `the state in ${expected.path}` });
      if (code !== 0) reader.corrupt(position, APPLY_REASONS[code] ?? `code ${code}`);
    }
    position += length;
  }
  if (position !== footerAt) reader.corrupt(position, "there are bytes between the last frame and the footer");
  if (reader.footerCrc(footerAt, crc) !== crc32c) reader.corrupt(footerAt, "the checksum of the file is wrong");
  return header;
}

/** A window on a file, in the worker's memory. */
class Reader {
  headerCrc = 0;
  readonly #buffer: StateBuffer;
  readonly #file: SyncFile;
  readonly #expected: StateFileExpectation;
  readonly #size: number;
  #windowStart = 0;
  #windowEnd = 0;

  constructor(buffer: StateBuffer, file: SyncFile, expected: StateFileExpectation) {
    this.#buffer = buffer;
    this.#file = file;
    this.#expected = expected;
    this.#size = file.sizeBytes();
  }

  corrupt(offset: number, reason: string): never {
    const condition = this.#expected.kind === "changes" ? "STATE_CHANGE_FILE_CORRUPT" : "STATE_SNAPSHOT_FILE_CORRUPT";
    throw new CheckpointError(condition, { path: this.#expected.path, offset: String(offset), reason });
  }

  offsetOf(position: number): number {
    return position - this.#windowStart;
  }

  /** The bytes [position, position + length) as a copy of the first 4096 at most; they are in the buffer as a whole. */
  at(position: number, length: number, limit: number): Buffer {
    if (position + length > limit) this.corrupt(position, "the file ends too early");
    if (position < this.#windowStart || position + length > this.#windowEnd) {
      this.#buffer.reserve(length);
      const wanted = Math.min(this.#buffer.bytes, this.#size - position);
      this.#windowStart = position;
      this.#windowEnd = position;
      while (this.#windowEnd < position + wanted) {
        const from = this.#windowEnd - position;
        const read = this.#file.read(this.#buffer.view(wanted).subarray(from), this.#windowEnd);
        if (read === 0) this.corrupt(this.#windowEnd, "the file ends too early");
        this.#windowEnd += read;
      }
    }
    const start = this.#buffer.address + this.offsetOf(position);
    return Buffer.from(this.#buffer.kernels.bytes().slice(start, start + Math.min(length, HEADER_BYTES_MAX)));
  }

  readHeader(): { header: StateFileHeader; end: number } {
    const fixed = this.at(0, HEADER_FIXED_BYTES, this.#size);
    if (!fixed.subarray(0, 8).equals(MAGIC)) this.corrupt(0, "the file does not begin as a state file");
    const jsonBytes = fixed.readUInt32LE(12);
    const end = HEADER_FIXED_BYTES + jsonBytes + 8;
    if (end > HEADER_BYTES_MAX) this.corrupt(12, "the header is too long");
    const bytes = this.at(0, end, this.#size);
    if (this.#buffer.crc(0, end - 8, 0) !== bytes.readUInt32LE(end - 8)) this.corrupt(0, "the checksum of the header is wrong");
    const version = bytes.readUInt32LE(8);
    if (version > FORMAT_VERSION) throw newerFile(this.#expected.path, FORMAT_VERSION, version);
    this.headerCrc = this.#buffer.crc(0, end, 0);
    const header = JSON.parse(bytes.toString("utf8", HEADER_FIXED_BYTES, end - 8)) as StateFileHeader;
    for (const field of ["kind", "queryId", "batchId"] as const) {
      if (header[field] !== this.#expected[field]) {
        const [found, wanted] = [String(header[field]), String(this.#expected[field])];
        throw new CheckpointError("STATE_FILE_FOREIGN", { path: this.#expected.path, field, found, wanted });
      }
    }
    const { schema = 0 } = header;
    const { schemas = [0], path } = this.#expected;
    if (!schemas.includes(schema)) {
      throw new CheckpointError("STATE_SCHEMA_OF_OTHER_PROGRAM", { path, found: String(schema), wanted: schemas.join(", ") });
    }
    return { header, end };
  }

  /** After `readHeader`: what has a header is longer than a footer. */
  readFooter(): { frames: number; crc32c: number; footerAt: number } {
    const footerAt = this.#size - FOOTER_BYTES;
    const bytes = this.at(footerAt, FOOTER_BYTES, this.#size);
    if (bytes.readUInt32LE(0) !== FOOTER_MAGIC) this.corrupt(footerAt, "the footer is missing");
    const crc32c = bytes.readUInt32LE(16);
    const { seal } = this.#expected;
    if (bytes.readBigUInt64LE(8) !== BigInt(this.#size)) this.corrupt(footerAt, "the length in the footer is not that of the file");
    if (bytes.readUInt32LE(20) !== 0) this.corrupt(footerAt + 20, "the footer is malformed");
    if (seal && (seal.lengthBytes !== this.#size || seal.crc32c !== crc32c)) {
      this.corrupt(footerAt, "length or checksum are not those of the commit record");
    }
    return { frames: bytes.readUInt32LE(4), crc32c, footerAt };
  }

  footerCrc(footerAt: number, seed: number): number {
    this.at(footerAt, FOOTER_BYTES, this.#size);
    return this.#buffer.crc(this.offsetOf(footerAt), 16, seed);
  }
}
