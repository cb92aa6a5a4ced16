import fc from "fast-check";
import { expect, test } from "vitest";
import { crc32c } from "../../src/base/crc32c.ts";
import { compileKernels, createMemory, instantiateKernels } from "../../src/kernels/load.ts";

// Published vectors: RFC 3720 B.4 and the common check value of CRC-32C.
test.each([
  ["123456789", Buffer.from("123456789"), 0xe3069283],
  ["32 zeros", new Uint8Array(32), 0x8a9136aa],
  ["32 ones", new Uint8Array(32).fill(0xff), 0x62a8ab43],
  ["ascending bytes", Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
  ["descending bytes", Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
  ["nothing", new Uint8Array(0), 0],
])("%s", (_name, bytes, expected) => {
  expect(crc32c(bytes)).toBe(expected);
});

test("a checksum can be continued at any byte", () => {
  const bytes = Buffer.from("the quick brown fox jumps over the lazy dog");
  for (let cut = 0; cut <= bytes.length; cut++) expect(crc32c(bytes.subarray(cut), crc32c(bytes.subarray(0, cut)))).toBe(crc32c(bytes));
});

test("the kernel, which folds long input, gives the same", () => {
  const kernels = instantiateKernels(compileKernels(), createMemory());
  const { crc32c: kernel, heap_alloc } = kernels.exports;
  const most = 100_000;
  const address = heap_alloc!(most + 64) as number;
  const bytes = kernels.bytes().subarray(address, address + most + 64);
  const draw = fc.record({
    random: fc.array(fc.integer(), { minLength: 8, maxLength: 8 }),
    // Where folding begins, and where its windows end.
    length: fc.oneof(fc.nat(most), fc.integer({ min: 8100, max: 8300 }), fc.integer({ min: 21_500, max: 21_800 })),
    offset: fc.nat(40),
    seed: fc.nat(0xffffffff),
  });
  fc.assert(
    fc.property(draw, ({ random, length, offset, seed }) => {
      for (let i = 0, state = 1; i < bytes.length; i++)
        bytes[i] = state = (Math.imul(state, 1103515245) + random[i & 7]! + (state >>> 16)) | 0;
      const expected = crc32c(bytes.slice(offset, offset + length), seed);
      return (kernel!(address + offset, length, seed) as number) >>> 0 === expected;
    }),
    { numRuns: 200 },
  );
});
