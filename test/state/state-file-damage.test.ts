/** State files that were written wrong, checksums and all: every check of the reader has a file that only it refuses. */
import { expect, test } from "vitest";
import { crc32c } from "../../src/base/crc32c.ts";
import { checkStateFile } from "../../src/state/state-file-check.ts";
import { type FrameTarget, restoreStateFile, StateBuffer } from "../../src/state/state-file.ts";
import { newKernels } from "./row-codec.ts";
import { BUCKET_MICROS, Harness, header, MemoryFile } from "./store-harness.ts";

const FRAME_HEADER_BYTES = 48;
const FOOTER_BYTES = 24;

const harness = new Harness({ partitionCount: 4 });
harness.begin();
for (let i = 0; i < 40; i++) harness.upsert([BUCKET_MICROS, BigInt(i), `name ${i}`], `text ${i}`);
const whole = Buffer.from(harness.writeFile("changes", 3).bytes);
harness.end("commit");
const footerAt = whole.length - FOOTER_BYTES;
const headerEnd = 16 + whole.readUInt32LE(12) + 8;
const frames: number[] = [];
for (let at = headerEnd; at < footerAt; at += FRAME_HEADER_BYTES + whole.readUInt32LE(at + 24)) frames.push(at);

/** The file with a change in it, and checksums as if it had been written so. */
function written(change: (bytes: Buffer) => void): Buffer {
  const bytes = Buffer.from(whole);
  change(bytes);
  bytes.writeUInt32LE(crc32c(bytes.subarray(0, headerEnd - 8)), headerEnd - 8);
  let crc = crc32c(bytes.subarray(0, headerEnd));
  for (const at of frames.slice(0, bytes.readUInt32LE(footerAt + 4))) crc = crc32c(bytes.subarray(at, at + FRAME_HEADER_BYTES), crc);
  bytes.writeUInt32LE(crc32c(bytes.subarray(footerAt, footerAt + 16), crc), footerAt + 16);
  return bytes;
}

const buffer = new StateBuffer(newKernels());
function read(file: MemoryFile, target: Partial<FrameTarget> = {}): void {
  const store = { ownsPartition: () => false, applyFrame: () => 0, ...target };
  restoreStateFile(buffer, file, { path: "f", kind: "changes", queryId: header("changes", 3).queryId, batchId: 3 }, new Map([[7, store]]));
}

test("the file as it is, is read", () => {
  expect(written(() => undefined)).toEqual(whole);
  expect(frames.length).toBeGreaterThan(2);
  read(new MemoryFile(whole));
});

test.each<[string, number, (bytes: Buffer) => void]>([
  ["the file does not begin as a state file", 0, (bytes) => bytes.write("SPSTATE1")],
  ["the header is too long", 12, (bytes) => bytes.writeUInt32LE(5000, 12)],
  ["this is not a frame", frames[1]!, (bytes) => bytes.write("NOFR", frames[1])],
  ["the frame is cut off", frames[1]!, (bytes) => bytes.writeUInt32LE(whole.length, frames[1]! + 24)],
  [
    "there are bytes between the last frame and the footer",
    frames.at(-1)!,
    (bytes) => bytes.writeUInt32LE(frames.length - 1, footerAt + 4),
  ],
  ["the footer is missing", footerAt, (bytes) => bytes.write("MRNO", footerAt)],
  ["the length in the footer is not that of the file", footerAt, (bytes) => bytes.writeBigUInt64LE(7n, footerAt + 8)],
])("%s", (reason, offset, change) => {
  expect(() => read(new MemoryFile(written(change)))).toThrow(
    expect.objectContaining({ condition: "STATE_CHANGE_FILE_CORRUPT", messageParameters: { path: "f", offset: String(offset), reason } }),
  );
});

const check = (file: MemoryFile) => checkStateFile(file, "f", { ...header("changes", 3), batchId: 3 });
const changed = (change: (bytes: Buffer) => void): Buffer => {
  const bytes = Buffer.from(whole);
  change(bytes);
  return bytes;
};

test.each<[string, number, Buffer]>([
  ["the file ends too early", 16, whole.subarray(0, 40)],
  ["the file does not begin as a state file", 0, written((bytes) => bytes.write("SPSTATE1"))],
  ["the header is too long", 12, written((bytes) => bytes.writeUInt32LE(5000, 12))],
  ["the checksum of the header is wrong", 0, changed((bytes) => (bytes[20]! ^= 1))],
  ["the format version is 0", 8, written((bytes) => bytes.writeUInt32LE(0, 8))],
  ["this is not a frame", frames[1]!, written((bytes) => bytes.write("NOFR", frames[1]))],
  ["the frame has an unknown version", frames[1]! + 4, written((bytes) => bytes.writeUInt16LE(9, frames[1]! + 4))],
  ["the frame is cut off", frames[1]! + 24, written((bytes) => bytes.writeUInt32LE(whole.length, frames[1]! + 24))],
  ["the checksum of the frame is wrong", frames[1]!, changed((bytes) => (bytes[frames[1]! + FRAME_HEADER_BYTES]! ^= 1))],
  ["the footer is missing", footerAt, written((bytes) => bytes.write("MRNO", footerAt))],
  [
    `the footer counts ${frames.length - 1} frames, not ${frames.length}`,
    footerAt + 4,
    written((bytes) => bytes.writeUInt32LE(frames.length - 1, footerAt + 4)),
  ],
  ["the length in the footer is not that of the file", footerAt + 8, written((bytes) => bytes.writeBigUInt64LE(7n, footerAt + 8))],
  ["the checksum of the file is wrong", footerAt + 16, changed((bytes) => (bytes[footerAt + 16]! ^= 1))],
  ["the footer is malformed", footerAt + 20, changed((bytes) => (bytes[footerAt + 20]! ^= 1))],
])("verify: %s", (reason, offset, bytes) => {
  expect(() => check(new MemoryFile(bytes))).toThrow(
    expect.objectContaining({ condition: "STATE_CHANGE_FILE_CORRUPT", messageParameters: { path: "f", offset: String(offset), reason } }),
  );
});

test("a file of a version to come is not damaged", () => {
  const newer = written((bytes) => bytes.writeUInt32LE(2, 8));
  const condition = "UNSUPPORTED_LOG_VERSION.MAX_SUPPORTED_VERSION";
  expect(() => read(new MemoryFile(newer))).toThrow(expect.objectContaining({ condition }));
  expect(() => check(new MemoryFile(newer))).toThrow(expect.objectContaining({ condition }));
  expect(check(new MemoryFile(whole)).lengthBytes).toBe(whole.length);
  // One flipped bit is not a version.
  whole[8]! ^= 2;
  expect(() => check(new MemoryFile(whole))).toThrow(expect.objectContaining({ condition: "STATE_CHANGE_FILE_CORRUPT" }));
  whole[8]! ^= 2;
});

test("a file that ends in its header, and one that ends while it is read", () => {
  const endsEarly = (offset: number) =>
    expect.objectContaining({ messageParameters: { path: "f", offset: String(offset), reason: "the file ends too early" } });
  expect(() => read(new MemoryFile(whole.subarray(0, 40)))).toThrow(endsEarly(0));
  class ShrunkFile extends MemoryFile {
    #reads = 0;
    override sizeBytes = (): number => whole.length + 100;
    override read(into: Uint8Array, position: number): number {
      if (++this.#reads > 50) throw new Error("it is asked again and again");
      return super.read(into, position);
    }
  }
  for (const reader of [read, check]) expect(() => reader(new ShrunkFile(whole))).toThrow(endsEarly(whole.length));
});

test("no memory is not damage", () => {
  const exhausted = expect.objectContaining({ condition: "STATE_MEMORY_EXHAUSTED" });
  expect(() => read(new MemoryFile(whole), { ownsPartition: () => true, applyFrame: () => 7 })).toThrow(exhausted);
  expect(() => new StateBuffer(newKernels()).reserve(0x7fff_0001)).toThrow(exhausted);
});
