/**
 * Bytes of single values: UTF-8 text from shared memory and 16-byte decimals. Used wherever values enter or leave column
 * memory, on every thread.
 */

/** Bytes of a decimal of more than 18 digits: two's complement, little-endian. */
export const WIDE_BYTES = 16;

/** Text of `bytes[start, end)`, which may view shared memory; malformed UTF-8 becomes U+FFFD. */
export function decodeUtf8(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8", start, end);
}

/** The 16 bytes of an unscaled decimal. */
export function encodeWide(unscaled: bigint): Uint8Array {
  const bytes = new Uint8Array(WIDE_BYTES);
  const view = new DataView(bytes.buffer);
  view.setBigInt64(0, BigInt.asIntN(64, unscaled), true);
  view.setBigInt64(8, unscaled >> 64n, true);
  return bytes;
}

/** The unscaled decimal at `bytes[start]`. */
export function decodeWide(bytes: Uint8Array, start: number): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset + start, WIDE_BYTES);
  return (view.getBigInt64(8, true) << 64n) | view.getBigUint64(0, true);
}
