/** CRC-32C (Castagnoli), the checksum of every file in a checkpoint. Any thread. */

const POLYNOMIAL = 0x82f63b78;

/** Eight tables of 256: `tables[k * 256 + b]` is the checksum of byte `b` followed by `k` zero bytes. */
const tables = makeTables();

/** The checksum of `bytes`, as an unsigned 32-bit number. Pass the result of a call as `previous` to go on with more bytes. */
export function crc32c(bytes: Uint8Array, previous = 0): number {
  let crc = ~previous;
  let i = 0;
  const wholeEnd = bytes.length - (bytes.length % 8);
  for (; i < wholeEnd; i += 8) {
    const low = crc ^ (bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24));
    crc =
      tables[1792 + (low & 255)]! ^
      tables[1536 + ((low >>> 8) & 255)]! ^
      tables[1280 + ((low >>> 16) & 255)]! ^
      tables[1024 + (low >>> 24)]! ^
      tables[768 + bytes[i + 4]!]! ^
      tables[512 + bytes[i + 5]!]! ^
      tables[256 + bytes[i + 6]!]! ^
      tables[bytes[i + 7]!]!;
  }
  for (; i < bytes.length; i++) crc = tables[(crc ^ bytes[i]!) & 255]! ^ (crc >>> 8);
  return ~crc >>> 0;
}

function makeTables(): Int32Array {
  const result = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    result[byte] = crc;
  }
  for (let i = 256; i < result.length; i++) result[i] = (result[i - 256]! >>> 8) ^ result[result[i - 256]! & 255]!;
  return result;
}
