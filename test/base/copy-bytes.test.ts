/** Copies on shared memory are exact however the two sides lie, and never write past what was asked for. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { copyBytes } from "../../src/base/copy-bytes.ts";

test("copies exactly the bytes that are given, between shared memory and heap, at any alignment", () => {
  const kinds = [(bytes: number) => new Uint8Array(new SharedArrayBuffer(bytes)), (bytes: number) => new Uint8Array(bytes)];
  const kind = fc.constantFrom(...kinds);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(40), fc.nat(40), kind, kind, (bytes, at, from, makeTarget, makeSource) => {
      const source = makeSource(from + bytes.length);
      bytes.forEach((byte, index) => (source[from + index] = byte));
      const target = makeTarget(at + bytes.length + 8).fill(0xa5);
      copyBytes(target, at, source.subarray(from));
      expect(Array.from(target.slice(0, at))).toEqual(Array.from({ length: at }, () => 0xa5));
      expect(Array.from(target.slice(at, at + bytes.length))).toEqual(Array.from(bytes));
      expect(Array.from(target.slice(at + bytes.length))).toEqual(Array.from({ length: 8 }, () => 0xa5));
    }),
  );
});

test("more than there is room for is refused and writes nothing", () => {
  const target = new Uint8Array(new SharedArrayBuffer(8));
  expect(() => copyBytes(target, 4, new Uint8Array(5).fill(1))).toThrow(RangeError);
  expect(Array.from(target)).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
});
