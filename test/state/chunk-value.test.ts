/** What stands beside a chunk in the chunk store: whatever of it has changed is found, and named. */
import { expect, test } from "vitest";
import {
  CHUNK_HEADER_BYTES,
  checkChunkHeader,
  entryChecksum,
  readChunkSeal,
  writeChunkHeader,
  writeChunkSeal,
} from "../../src/state/chunk-value.ts";

const CHECKSUM = 0x1234abcd;

function value(bytes = 100): Buffer {
  const buffer = Buffer.alloc(CHUNK_HEADER_BYTES + bytes);
  writeChunkHeader(buffer, CHECKSUM, bytes);
  return buffer;
}

test("every bit of a header counts", () => {
  expect(checkChunkHeader(value(), CHECKSUM)).toBeNull();
  for (let bit = 0; bit < 8 * CHUNK_HEADER_BYTES; bit++) {
    const changed = value();
    changed[bit >> 3]! ^= 1 << (bit & 7);
    expect(checkChunkHeader(changed, CHECKSUM), `bit ${bit}`).not.toBeNull();
  }
});

test("a value that was cut, or is longer, or of another chunk is none", () => {
  for (const length of [0, CHUNK_HEADER_BYTES - 1, CHUNK_HEADER_BYTES, CHUNK_HEADER_BYTES + 99])
    expect(checkChunkHeader(value().subarray(0, length), CHECKSUM), `${length} bytes`).not.toBeNull();
  expect(checkChunkHeader(Buffer.concat([value(), Buffer.alloc(1)]), CHECKSUM)).toBe("its length is wrong");
  expect(checkChunkHeader(value(), CHECKSUM + 1)).toBe("its checksum is not the listed one");
});

test("a seal comes back, and the sum over all knows whose it is", () => {
  const seal = { checksum: CHECKSUM, batchId: 77 };
  expect(readChunkSeal(writeChunkSeal(seal))).toEqual(seal);
  const [one, other] = [Buffer.from("one key"), Buffer.from("another")];
  const sum = (first: Buffer, second: Buffer): number => entryChecksum(one, first) + entryChecksum(other, second);
  const [a, b] = [writeChunkSeal(seal), writeChunkSeal({ checksum: 5, batchId: 6 })];
  expect(sum(a, b)).not.toBe(sum(b, a));
});
