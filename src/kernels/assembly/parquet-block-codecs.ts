// Snappy and LZ4 blocks of Parquet pages. Source and target may be read, the target written, up to 32 bytes past their ends: what holds
// them is padded so. Both return 1 if exactly `size` bytes came out, otherwise 0. Called by the Parquet reader, in workers.

/** Copies `length` bytes that may go up to 31 bytes further. */
@inline function copyForward(to: usize, from: usize, length: usize): void {
  if (length > 64) {
    memory.copy(to, from, length);
    return;
  }
  for (let i: usize = 0; i < length; i += 16) v128.store(to + i, v128.load(from + i));
}

/** Repeats the `length` bytes from `offset` bytes back, which may overlap what is written. */
@inline function copyBack(to: usize, offset: usize, length: usize): void {
  const from = to - offset;
  if (offset >= 16) {
    for (let i: usize = 0; i < length; i += 16) v128.store(to + i, v128.load(from + i));
  } else if (offset >= 8) {
    for (let i: usize = 0; i < length; i += 8) store<u64>(to + i, load<u64>(from + i));
  } else {
    for (let i: usize = 0; i < length; i++) store<u8>(to + i, load<u8>(from + i));
  }
}

export function parquet_snappy(p: usize, end: usize, out: usize, size: u32): u32 {
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
    let length: usize;
    let offset: usize;
    switch (tag & 3) {
      case 0: {
        length = (tag >> 2) + 1;
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
      case 1:
        if (p >= end) return 0;
        length = ((tag >> 2) & 7) + 4;
        offset = <usize>(((tag >> 5) << 8) | <u32>load<u8>(p));
        p += 1;
        break;
      case 2:
        if (end - p < 2) return 0;
        length = (tag >> 2) + 1;
        offset = <usize>load<u16>(p);
        p += 2;
        break;
      default:
        if (end - p < 4) return 0;
        length = (tag >> 2) + 1;
        offset = <usize>load<u32>(p);
        p += 4;
    }
    if (offset == 0 || offset > out - begin || limit - out < length) return 0;
    copyBack(out, offset, length);
    out += length;
  }
  return out == limit ? 1 : 0;
}

export function parquet_lz4(p: usize, end: usize, out: usize, size: u32): u32 {
  const begin = out;
  const limit = out + size;
  while (p < end) {
    const token: u32 = load<u8>(p++);
    let length: usize = token >> 4;
    if (length == 15) {
      let byte: u32 = 255;
      while (byte == 255) {
        if (p >= end) return 0;
        byte = load<u8>(p++);
        length += byte;
        if (length > size) return 0;
      }
    }
    if (end - p < length || limit - out < length) return 0;
    copyForward(out, p, length);
    p += length;
    out += length;
    // The last sequence is literals only.
    if (p == end) break;
    if (end - p < 2) return 0;
    const offset: usize = load<u16>(p);
    p += 2;
    length = token & 15;
    if (length == 15) {
      let byte: u32 = 255;
      while (byte == 255) {
        if (p >= end) return 0;
        byte = load<u8>(p++);
        length += byte;
        if (length > size) return 0;
      }
    }
    length += 4;
    if (offset == 0 || offset > out - begin || limit - out < length) return 0;
    copyBack(out, offset, length);
    out += length;
  }
  return out == limit ? 1 : 0;
}
