// Snappy blocks of Parquet pages: greedy matches of four bytes and more through a table of positions, in pieces of 64 KiB as the format
// has it. Called by the Parquet writer, in workers. The source may be read up to 32 bytes past its end.

const PIECE: usize = 65536;
const TABLE_LOG2: u32 = 14;
/** u16 position in the piece by hash of four bytes. */
const positions: usize = memory.data(32768, 16);
/** A match may begin up to here before the end of a piece. */
const MARGIN: usize = 15;

@inline function hashOf(word: u32): usize {
  return <usize>((word * 0x1e35a7bd) >> (32 - TABLE_LOG2)) << 1;
}

/** Compresses `length` bytes to `out`, where there is room for 32 + length + length / 6 bytes; returns how many bytes came out. */
export function snappy_compress(p: usize, length: u32, out: usize): u32 {
  let to = out;
  let rest = length;
  for (; rest >= 128; rest >>= 7) store<u8>(to++, rest | 128);
  store<u8>(to++, rest);
  const end = p + length;
  for (; p < end; p += PIECE) to = compressPiece(p, min(p + PIECE, end), to);
  return <u32>(to - out);
}

function compressPiece(base: usize, end: usize, to: usize): usize {
  let literal = base;
  if (end - base > MARGIN) {
    memory.fill(positions, 0, 32768);
    const limit = end - MARGIN;
    let p = base + 1;
    let misses: u32 = 32;
    while (p < limit) {
      const word = load<u32>(p);
      const entry = positions + hashOf(word);
      const candidate = base + load<u16>(entry);
      store<u16>(entry, <u16>(p - base));
      if (load<u32>(candidate) != word) {
        // Where nothing matches, ever larger steps.
        p += misses++ >> 5;
        continue;
      }
      misses = 32;
      if (p > literal) to = writeLiteral(to, literal, p - literal);
      let length: usize = 4;
      while (p + length + 8 <= end) {
        const difference = load<u64>(p + length) ^ load<u64>(candidate + length);
        if (difference != 0) {
          length += <usize>(ctz(difference) >> 3);
          break;
        }
        length += 8;
      }
      // The last bytes of a piece one by one.
      if (p + length + 8 > end) while (p + length < end && load<u8>(p + length) == load<u8>(candidate + length)) length++;
      to = writeCopy(to, <u32>(p - candidate), length);
      p += length;
      literal = p;
      if (p < limit) store<u16>(positions + hashOf(load<u32>(p - 1)), <u16>(p - 1 - base));
    }
  }
  return end > literal ? writeLiteral(to, literal, end - literal) : to;
}

function writeLiteral(to: usize, from: usize, length: usize): usize {
  const last = <u32>length - 1;
  if (last < 60) store<u8>(to++, last << 2);
  else if (last < 256) {
    store<u8>(to, 60 << 2);
    store<u8>(to, last, 1);
    to += 2;
  } else {
    store<u8>(to, 61 << 2);
    store<u16>(to, last, 1);
    to += 3;
  }
  memory.copy(to, from, length);
  return to + length;
}

function writeCopy(to: usize, offset: u32, length: usize): usize {
  // A rest of fewer than four bytes would need its own long form.
  for (; length >= 68; length -= 64) to = writeCopyOf(to, offset, 64);
  if (length > 64) {
    to = writeCopyOf(to, offset, 60);
    length -= 60;
  }
  if (length >= 12 || offset >= 2048) return writeCopyOf(to, offset, <u32>length);
  store<u8>(to, 1 | ((<u32>length - 4) << 2) | ((offset >> 8) << 5));
  store<u8>(to, offset, 1);
  return to + 2;
}

@inline function writeCopyOf(to: usize, offset: u32, length: u32): usize {
  store<u8>(to, 2 | ((length - 1) << 2));
  store<u16>(to, offset, 1);
  return to + 3;
}
