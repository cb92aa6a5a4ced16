/** XXH64 on ints, longs and bytes. Results are signed 64-bit. */

const P1 = 0x9e3779b185ebca87n;
const P2 = 0xc2b2ae3d27d4eb4fn;
const P3 = 0x165667b19e3779f9n;
const P4 = 0x85ebca77c2b2ae63n;
const P5 = 0x27d4eb2f165667c5n;

const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);
const rotate = (value: bigint, by: bigint): bigint => u64((value << by) | (value >> (64n - by)));

export function xxhash64Int(value: number, seed: bigint): bigint {
  return finish(mixInt(u64(seed + P5 + 4n), BigInt.asUintN(32, BigInt(value))));
}

export function xxhash64Long(value: bigint, seed: bigint): bigint {
  return finish(mixLong(u64(seed + P5 + 8n), u64(value)));
}

export function xxhash64Bytes(bytes: Uint8Array, seed: bigint): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = bytes.length;
  let at = 0;
  let hash: bigint;
  if (length >= 32) {
    const lanes = [u64(seed + P1 + P2), u64(seed + P2), u64(seed), u64(seed - P1)];
    for (; at + 32 <= length; at += 32)
      for (let lane = 0; lane < 4; lane++) lanes[lane] = round(lanes[lane]!, view.getBigUint64(at + 8 * lane, true));
    hash = u64(rotate(lanes[0]!, 1n) + rotate(lanes[1]!, 7n) + rotate(lanes[2]!, 12n) + rotate(lanes[3]!, 18n));
    for (const lane of lanes) hash = u64((hash ^ round(0n, lane)) * P1 + P4);
  } else hash = u64(seed + P5);
  hash = u64(hash + BigInt(length));
  for (; at + 8 <= length; at += 8) hash = mixLong(hash, view.getBigUint64(at, true));
  if (at + 4 <= length) {
    hash = mixInt(hash, BigInt(view.getUint32(at, true)));
    at += 4;
  }
  for (; at < length; at++) hash = u64(rotate(hash ^ u64(BigInt(bytes[at]!) * P5), 11n) * P1);
  return finish(hash);
}

const round = (lane: bigint, input: bigint): bigint => u64(rotate(u64(lane + input * P2), 31n) * P1);
const mixLong = (hash: bigint, input: bigint): bigint => u64(rotate(hash ^ round(0n, input), 27n) * P1 + P4);
const mixInt = (hash: bigint, input: bigint): bigint => u64(rotate(hash ^ u64(input * P1), 23n) * P2 + P3);

function finish(hash: bigint): bigint {
  let result = u64((hash ^ (hash >> 33n)) * P2);
  result = u64((result ^ (result >> 29n)) * P3);
  return BigInt.asIntN(64, result ^ (result >> 32n));
}
