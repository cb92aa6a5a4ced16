// Comparing and hashing bytes under views (address in the low, length in the high 32 bits), and wide decimals under views.
// Called per row by generated code and by other kernels. Buffers are padded, so eight bytes may be read at any place.

@inline function addressOf(view: u64): usize {
  return <usize>(<u32>view);
}
@inline function lengthOf(view: u64): u32 {
  return <u32>(view >> 32);
}

/** 1 if the bytes are the same. */
export function equal_views(a: u64, b: u64): i32 {
  const length = lengthOf(a);
  if (length != lengthOf(b)) return 0;
  const left = addressOf(a);
  const right = addressOf(b);
  let i: u32 = 0;
  for (; i + 8 <= length; i += 8) {
    if (load<u64>(left + i) != load<u64>(right + i)) return 0;
  }
  if (i == length) return 1;
  return i32((load<u64>(left + i) ^ load<u64>(right + i)) << (64 - 8 * (length - i)) == 0);
}

/** Negative, zero or positive, as `a` is before, the same as or after `b` in the order of unsigned bytes. */
export function compare_views(a: u64, b: u64): i32 {
  const lengthA = lengthOf(a);
  const lengthB = lengthOf(b);
  const common = lengthA < lengthB ? lengthA : lengthB;
  const left = addressOf(a);
  const right = addressOf(b);
  for (let i: u32 = 0; i < common; i += 8) {
    const difference = load<u64>(left + i) ^ load<u64>(right + i);
    if (difference == 0) continue;
    const at = i + (<u32>ctz<u64>(difference) >> 3);
    if (at >= common) break;
    return load<u8>(left + at) < load<u8>(right + at) ? -1 : 1;
  }
  return i32(lengthA > lengthB) - i32(lengthA < lengthB);
}

@inline function mix(hash: u32, value: u32): u32 {
  const k = rotl<u32>(value * 0xcc9e2d51, 15) * 0x1b873593;
  return rotl<u32>(hash ^ k, 13) * 5 + 0xe6546b64;
}

/** Spark's Murmur3_x86_32 of bytes: whole little-endian words, then the rest byte by byte, each sign-extended to a word. */
export function murmur3_bytes(view: u64, seed: u32): u32 {
  const address = addressOf(view);
  const length = lengthOf(view);
  let hash = seed;
  let i: u32 = 0;
  for (; i + 4 <= length; i += 4) hash = mix(hash, load<u32>(address + i));
  for (; i < length; i++) hash = mix(hash, <u32>(<i32>load<i8>(address + i)));
  hash ^= length;
  hash = (hash ^ (hash >> 16)) * 0x85ebca6b;
  hash = (hash ^ (hash >> 13)) * 0xc2b2ae35;
  return hash ^ (hash >> 16);
}
