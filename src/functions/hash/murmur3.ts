/** Murmur3_x86_32 as Spark computes it: bytes after the last full word are mixed one by one. 32-bit results, signed. */

export function murmur3Int(value: number, seed: number): number {
  return finish(mixState(seed, mixWord(value)), 4);
}

export function murmur3Long(value: bigint, seed: number): number {
  const low = Number(BigInt.asIntN(32, value));
  const high = Number(BigInt.asIntN(32, value >> 32n));
  return finish(mixState(mixState(seed, mixWord(low)), mixWord(high)), 8);
}

export function murmur3Bytes(bytes: Uint8Array, seed: number): number {
  const aligned = bytes.length & ~3;
  let state = seed;
  for (let at = 0; at < aligned; at += 4)
    state = mixState(state, mixWord(bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)));
  for (let at = aligned; at < bytes.length; at++) state = mixState(state, mixWord((bytes[at]! << 24) >> 24));
  return finish(state, bytes.length);
}

const rotate = (value: number, by: number): number => (value << by) | (value >>> (32 - by));

function mixWord(word: number): number {
  return Math.imul(rotate(Math.imul(word, 0xcc9e2d51), 15), 0x1b873593);
}

function mixState(state: number, word: number): number {
  return (Math.imul(rotate(state ^ word, 13), 5) + 0xe6546b64) | 0;
}

function finish(state: number, lengthBytes: number): number {
  let hash = state ^ lengthBytes;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
