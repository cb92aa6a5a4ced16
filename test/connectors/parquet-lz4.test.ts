/** LZ4 as Hadoop frames it: several frames, each of several blocks. Blocks are made here, by the description of the format. */
import { expect, test } from "vitest";
import { decompress } from "../../src/connectors/parquet/codecs.ts";
import { newKernels } from "../state/row-codec.ts";

const HADOOP_LZ4 = 5;
const kernels = newKernels();

/** A length beyond what a token holds: bytes of 255, then the rest. */
const extra = (length: number): number[] =>
  length < 15 ? [] : [...Array<number>(Math.floor((length - 15) / 255)).fill(255), (length - 15) % 255];
const token = (literals: number, match: number): number => (Math.min(literals, 15) << 4) | Math.min(match, 15);

/** Half of the bytes as they are, then (if the rest repeats its last byte) a match, then five literals, as the format wants it at an end. */
function block(bytes: Uint8Array): number[] {
  const cut = bytes.length >> 1;
  const match = bytes.length - cut - 5;
  const repeats = cut > 0 && match >= 4 && bytes.subarray(cut, cut + match).every((byte) => byte === bytes[cut - 1]);
  if (!repeats) return [token(bytes.length, 0), ...extra(bytes.length), ...bytes];
  const end = bytes.subarray(cut + match);
  return [token(cut, match - 4), ...extra(cut), ...bytes.subarray(0, cut), 1, 0, ...extra(match - 4), token(5, 0), ...end];
}

const size = (value: number): number[] => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];

/** Frames of blocks of so many bytes each. */
function framed(bytes: Uint8Array, frames: readonly (readonly number[])[]): Uint8Array {
  const out: number[] = [];
  let at = 0;
  for (const blocks of frames) {
    out.push(...size(blocks.reduce((sum, length) => sum + length, 0)));
    for (const length of blocks) {
      const packed = block(bytes.subarray(at, at + length));
      out.push(...size(packed.length), ...packed);
      at += length;
    }
  }
  return Uint8Array.from(out);
}

function decompressed(packed: Uint8Array, length: number): Uint8Array | null {
  const from = kernels.exports["heap_alloc"]!(packed.length + 64) as number;
  const to = kernels.exports["heap_alloc"]!(length + 64) as number;
  kernels.bytes().set(packed, from);
  const isDone = decompress(HADOOP_LZ4, kernels, from, packed.length, to, length);
  const result = isDone ? kernels.bytes().slice(to, to + length) : null;
  kernels.exports["heap_free"]!(from, packed.length + 64);
  kernels.exports["heap_free"]!(to, length + 64);
  return result;
}

/** Letters that repeat in the second half of every block of 100. */
const bytes = Uint8Array.from({ length: 1200 }, (_, i) =>
  i % 100 < 50 ? 65 + ((i * 7) % 26) : 65 + (((Math.floor(i / 100) * 100 + 49) * 7) % 26),
);
const hundreds = (count: number): number[] => Array<number>(count).fill(100);

test.each([
  ["one frame of one block", [[1200]]],
  ["one frame of several blocks", [hundreds(12)]],
  ["several frames of one block", hundreds(12).map((length) => [length])],
  ["several frames of several blocks", [hundreds(3), [499, 1], [99, 1, ...hundreds(2)], hundreds(1)]],
])("%s", (_name, frames) => {
  expect(decompressed(framed(bytes, frames), bytes.length)).toEqual(bytes);
});

test("one bare block", () => {
  expect(decompressed(Uint8Array.from(block(bytes)), bytes.length)).toEqual(bytes);
});

test("what is cut off, longer, or of another size is refused", () => {
  const packed = framed(bytes, [hundreds(5), hundreds(7)]);
  for (const cut of [1, 3, 4, 7, 8, 60, 500, packed.length - 1]) expect(decompressed(packed.subarray(0, cut), bytes.length)).toBeNull();
  expect(decompressed(Uint8Array.from([...packed, 0]), bytes.length)).toBeNull();
  for (const wrong of [bytes.length - 1, bytes.length + 1, 500]) expect(decompressed(packed, wrong)).toBeNull();
  const shortFrame = Uint8Array.from(packed);
  shortFrame.set(size(499), 0);
  expect(decompressed(shortFrame, bytes.length)).toBeNull();
});
