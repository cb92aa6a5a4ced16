// Snappy and LZ4 blocks of Parquet pages. Source and target may be read, the target written, up to 32 bytes past their ends: what holds
// them is padded so. Both return 1 if exactly `size` bytes came out, otherwise 0. Called by the Parquet reader, in workers.

/** Copies `length` bytes that may go up to 31 bytes further. */
@inline export function copyForward(to: usize, from: usize, length: usize): void {
  if (length > 256) {
    memory.copy(to, from, length);
    return;
  }
  for (let i: usize = 0; i < length; i += 16) v128.store(to + i, v128.load(from + i));
}

/** Repeats the `length` bytes from `offset` bytes back, which may overlap what is written. */
@inline export function copyBack(to: usize, offset: usize, length: usize): void {
  let from = to - offset;
  if (offset >= 16) {
    for (let i: usize = 0; i < length; i += 16) v128.store(to + i, v128.load(from + i));
    return;
  }
  const end = to + length;
  // Short patterns double with every copy until a whole word can be taken.
  while (to - from < 8) {
    store<u64>(to, load<u64>(from));
    to += to - from;
    if (to >= end) return;
  }
  for (; to < end; to += 8) {
    store<u64>(to, load<u64>(from));
    from += 8;
  }
}

// What a tag of Snappy says, by tag: length in bits 0-7, high bits of the offset in 8-10, bytes that follow in 11-13.
const tags: usize = memory.data(512, 16);
let hasTags: bool = false;

function makeTags(): void {
  for (let tag: u32 = 0; tag < 256; tag++) {
    const upper = tag >> 2;
    let entry: u32;
    if ((tag & 3) == 1) entry = ((upper & 7) + 4) | ((tag >> 5) << 8) | (1 << 11);
    else entry = (upper + 1) | (((tag & 3) == 2 ? 2 : 4) << 11);
    store<u16>(tags + 2 * tag, <u16>entry);
  }
  hasTags = true;
}

export function parquet_snappy(p: usize, end: usize, out: usize, size: u32): u32 {
  if (!hasTags) makeTags();
  let declared: u64 = 0;
  for (let shift: u32 = 0; ; shift += 7) {
    if (p >= end || shift > 28) return 0;
    const byte: u32 = load<u8>(p++);
    declared |= <u64>(byte & 127) << shift;
    if (byte < 128) break;
  }
  if (declared != <u64>size) return 0;
  const begin = out;
  const limit = out + size;
  while (p < end) {
    const tag: u32 = load<u8>(p++);
    if ((tag & 3) == 0) {
      let length: usize = (tag >> 2) + 1;
      // Most literals are short.
      if (length <= 16 && end - p >= length && limit - out >= length) {
        v128.store(out, v128.load(p));
        p += length;
        out += length;
        continue;
      }
      if (length > 60) {
        const bytes: u32 = <u32>length - 60;
        if (end - p < bytes) return 0;
        length = <usize>(load<u32>(p) & (bytes == 4 ? u32.MAX_VALUE : (1 << (8 * bytes)) - 1)) + 1;
        p += bytes;
      }
      if (length == 0 || end - p < length || limit - out < length) return 0;
      copyForward(out, p, length);
      p += length;
      out += length;
      continue;
    }
    const entry: u32 = load<u16>(tags + 2 * tag);
    const bytes = entry >> 11;
    if (end - p < bytes) return 0;
    const length: usize = entry & 255;
    const offset: usize = (entry & 0x700) + <u32>(<u64>load<u32>(p) & (((<u64>1) << (8 * bytes)) - 1));
    p += bytes;
    if (offset == 0 || offset > out - begin || limit - out < length) return 0;
    copyBack(out, offset, length);
    out += length;
  }
  return out == limit ? 1 : 0;
}

export function parquet_lz4(p: usize, end: usize, out: usize, size: u32): u32 {
  return parquet_lz4_within(p, end, out, size) == size ? 1 : 0;
}

/** Decompresses a block of which only the most that it may hold is known; returns the bytes that it held, all ones if it is damaged. */
export function parquet_lz4_within(p: usize, end: usize, out: usize, size: u32): u32 {
  const begin = out;
  const limit = out + size;
  while (p < end) {
    const token: u32 = load<u8>(p++);
    let length: usize = token >> 4;
    if (length == 15) {
      let byte: u32 = 255;
      while (byte == 255) {
        if (p >= end) return ~0;
        byte = load<u8>(p++);
        length += byte;
        if (length > size) return ~0;
      }
    }
    if (end - p < length || limit - out < length) return ~0;
    copyForward(out, p, length);
    p += length;
    out += length;
    // The last sequence is literals only.
    if (p == end) break;
    if (end - p < 2) return ~0;
    const offset: usize = load<u16>(p);
    p += 2;
    length = token & 15;
    if (length == 15) {
      let byte: u32 = 255;
      while (byte == 255) {
        if (p >= end) return ~0;
        byte = load<u8>(p++);
        length += byte;
        if (length > size) return ~0;
      }
    }
    length += 4;
    if (offset == 0 || offset > out - begin || limit - out < length) return ~0;
    copyBack(out, offset, length);
    out += length;
  }
  return <u32>(out - begin);
}
