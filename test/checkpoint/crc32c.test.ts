import { expect, test } from "vitest";
import { crc32c } from "../../src/base/crc32c.ts";

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
