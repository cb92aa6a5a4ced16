// Zstandard frames (RFC 8878) of Parquet pages. Input and output may be read, the output written, up to 32 bytes past their ends. The output
// holds the whole page, so it is the window at once. Returns 1 if exactly `size` bytes came out, otherwise 0. In workers.
import { segment_alloc } from "./memory";
import { copyBack, copyForward } from "./parquet-block-codecs";
import {
  baseOf, bitsAt, bitsOf, buildTable, decodeHuffman, readHuffman, readTable, setProbability, streamBits, symbolOf, tableLog,
} from "./zstd-entropy";

const MAGIC: u32 = 0xfd2fb528;
const BLOCK_BYTES_MAX: u32 = 131072;

// Work space, one segment: literals of a block, then tables. They stay from block to block, as blocks may use the tables before.
const LITERAL_BYTES: u32 = BLOCK_BYTES_MAX + 64;
const LENGTHS: u32 = LITERAL_BYTES; // literal lengths: 512 entries
const OFFSETS: u32 = LENGTHS + 2048; // 256 entries
const MATCHES: u32 = OFFSETS + 1024; // 512 entries
const HUFFMAN: u32 = MATCHES + 2048; // 2048 entries of 2 bytes
let space: usize = 0;
let lengthsLog: i32 = -1;
let offsetsLog: i32 = -1;
let matchesLog: i32 = -1;
let hasHuffman: bool = false;

// Literals of the block at hand.
let literals: usize = 0;
let literalCount: u32 = 0;

// The three offsets that were used last.
let recent0: u32 = 1;
let recent1: u32 = 4;
let recent2: u32 = 8;

export function parquet_zstd(p: usize, end: usize, out: usize, size: u32): u32 {
  if (space == 0) {
    space = segment_alloc(4);
    if (space == 0) return 0;
  }
  const limit = out + size;
  while (p < end) {
    if (end - p < 8) return 0;
    const magic = load<u32>(p);
    if ((magic & 0xfffffff0) == 0x184d2a50) {
      const skipped: usize = load<u32>(p, 4);
      if (skipped > end - p - 8) return 0;
      p += 8 + skipped;
      continue;
    }
    if (magic != MAGIC) return 0;
    const descriptor: u32 = load<u8>(p, 4);
    const isSingle = (descriptor & 32) != 0;
    const sizeFlag = descriptor >> 6;
    const sizeBytes: u32 = sizeFlag == 0 ? (isSingle ? 1 : 0) : 1 << sizeFlag;
    const dictionaryBytes: u32 = (descriptor & 3) == 3 ? 4 : descriptor & 3;
    if ((descriptor & 8) != 0) return 0;
    p += 5 + (isSingle ? 0 : 1) + sizeBytes;
    if (p > end || dictionaryBytes > <u32>(end - p)) return 0;
    for (let i: u32 = 0; i < dictionaryBytes; i++) if (load<u8>(p + i) != 0) return 0;
    p += dictionaryBytes;
    lengthsLog = -1;
    offsetsLog = -1;
    matchesLog = -1;
    hasHuffman = false;
    recent0 = 1;
    recent1 = 4;
    recent2 = 8;
    const begin = out;
    let isLast = false;
    while (!isLast) {
      if (end - p < 3) return 0;
      const header = load<u32>(p) & 0xffffff;
      p += 3;
      isLast = (header & 1) != 0;
      const blockSize = header >> 3;
      const type = (header >> 1) & 3;
      if (type == 1) {
        if (p >= end || blockSize > <u32>(limit - out)) return 0;
        memory.fill(out, load<u8>(p++), blockSize);
        out += blockSize;
        continue;
      }
      if (blockSize > <u32>(end - p)) return 0;
      if (type == 0) {
        if (blockSize > <u32>(limit - out)) return 0;
        memory.copy(out, p, blockSize);
        out += blockSize;
      } else if (type == 2) {
        out = compressedBlock(p, p + blockSize, begin, out, limit);
        if (out == 0) return 0;
      } else return 0;
      p += blockSize;
    }
    if ((descriptor & 4) != 0) {
      // A checksum of the content: pages have their own.
      if (end - p < 4) return 0;
      p += 4;
    }
  }
  return out == limit ? 1 : 0;
}

/** Returns the address behind the block's output, 0 if it is damaged. */
function compressedBlock(p: usize, end: usize, begin: usize, out: usize, limit: usize): usize {
  p = readLiterals(p, end);
  if (p == 0 || p >= end) return 0;
  let count: u32 = load<u8>(p++);
  if (count >= 128) {
    if (count < 255) {
      if (p >= end) return 0;
      count = ((count - 128) << 8) + <u32>load<u8>(p++);
    } else {
      if (end - p < 2) return 0;
      count = <u32>load<u16>(p) + 0x7f00;
      p += 2;
    }
  }
  if (count != 0) {
    if (p >= end) return 0;
    const modes: u32 = load<u8>(p++);
    if ((modes & 3) != 0) return 0;
    p = readSequenceTable(p, end, modes >> 6, 35, 9, space + LENGTHS, lengthsLog, 0);
    if (p == 0) return 0;
    lengthsLog = <i32>tableLogRead;
    p = readSequenceTable(p, end, (modes >> 4) & 3, 31, 8, space + OFFSETS, offsetsLog, 1);
    if (p == 0) return 0;
    offsetsLog = <i32>tableLogRead;
    p = readSequenceTable(p, end, (modes >> 2) & 3, 52, 9, space + MATCHES, matchesLog, 2);
    if (p == 0) return 0;
    matchesLog = <i32>tableLogRead;
    out = runSequences(p, end, begin, out, limit, count);
    if (out == 0) return 0;
  }
  if (literalCount > <u32>(limit - out)) return 0;
  memory.copy(out, literals, literalCount);
  return out + literalCount;
}

/** Sets `literals` and `literalCount`; returns the address behind them, 0 if they are damaged. */
function readLiterals(p: usize, end: usize): usize {
  if (p >= end) return 0;
  const header = load<u64>(p);
  const type = <u32>header & 3;
  const format = <u32>(header >> 2) & 3;
  if (type < 2) {
    const headerBytes: u32 = (format & 1) == 0 ? 1 : format == 1 ? 2 : 3;
    const shift: u32 = headerBytes == 1 ? 3 : 4;
    literalCount = (<u32>header & (headerBytes == 3 ? 0xffffff : (1 << (8 * headerBytes)) - 1)) >> shift;
    const bytes: u32 = type == 0 ? literalCount : 1;
    if (literalCount > BLOCK_BYTES_MAX || headerBytes + bytes > <u32>(end - p)) return 0;
    p += headerBytes;
    if (type == 0) literals = p;
    else {
      literals = space;
      memory.fill(space, load<u8>(p), literalCount);
    }
    return p + bytes;
  }
  const headerBytes: u32 = format < 2 ? 3 : format + 2;
  const bits: u32 = format < 2 ? 10 : format == 2 ? 14 : 18;
  const mask: u64 = (1 << bits) - 1;
  literalCount = <u32>((header >> 4) & mask);
  const packed = <u32>((header >> (4 + bits)) & mask);
  if (literalCount > BLOCK_BYTES_MAX || headerBytes + packed > <u32>(end - p)) return 0;
  p += headerBytes;
  const behind = p + packed;
  if (type == 2) {
    p = readHuffman(p, behind, space + HUFFMAN);
    if (p == 0) return 0;
    hasHuffman = true;
  } else if (!hasHuffman) return 0;
  literals = space;
  const table = space + HUFFMAN;
  if (format == 0) return decodeHuffman(p, behind, table, space, literalCount) ? behind : 0;
  if (behind - p < 6 || literalCount < 6) return 0;
  const quarter = (literalCount + 3) >> 2;
  let from = p + 6;
  for (let i: u32 = 0; i < 4; i++) {
    const stop: usize = i == 3 ? behind : from + <usize>load<u16>(p + 2 * i);
    if (stop > behind) return 0;
    const count = i == 3 ? literalCount - 3 * quarter : quarter;
    if (!decodeHuffman(from, stop, table, space + i * quarter, count)) return 0;
    from = stop;
  }
  return behind;
}

/** Accuracy of the table that `readSequenceTable` has set up. */
let tableLogRead: u32 = 0;

function readSequenceTable(p: usize, end: usize, mode: u32, symbolMax: u32, logMax: u32, table: usize, oldLog: i32, kind: u32): usize {
  switch (mode) {
    case 0:
      tableLogRead = usualTable(kind, table);
      return p;
    case 1: {
      if (p >= end) return 0;
      const symbol: u32 = load<u8>(p);
      if (symbol > symbolMax) return 0;
      store<u32>(table, symbol);
      tableLogRead = 0;
      return p + 1;
    }
    case 2:
      p = readTable(p, end, symbolMax, logMax, table);
      tableLogRead = tableLog;
      return p;
    default:
      if (oldLog < 0) return 0;
      tableLogRead = <u32>oldLog;
      return p;
  }
}

const usualLengths: StaticArray<i8> = [
  4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1,
];
const usualOffsets: StaticArray<i8> = [1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1];
const usualMatches: StaticArray<i8> = [
  1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
  1, -1, -1, -1, -1, -1, -1, -1,
];

function usualTable(kind: u32, table: usize): u32 {
  const usual = kind == 0 ? usualLengths : kind == 1 ? usualOffsets : usualMatches;
  for (let i = 0; i < usual.length; i++) setProbability(i, unchecked(usual[i]));
  const log: u32 = kind == 1 ? 5 : 6;
  buildTable(usual.length, log, table);
  return log;
}

// What a code of a length stands for: the least length, and how many bits are added to it.
const lengthBases: StaticArray<u32> = [
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 20, 22, 24, 28, 32, 40, 48, 64, 128, 256, 512, 1024, 2048, 4096, 8192,
  16384, 32768, 65536,
];
const lengthBits: StaticArray<u8> = [
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
];
const matchBases: StaticArray<u32> = [
  3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 37, 39, 41,
  43, 47, 51, 59, 67, 83, 99, 131, 259, 515, 1027, 2051, 4099, 8195, 16387, 32771, 65539,
];
const matchBits: StaticArray<u8> = [
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9,
  10, 11, 12, 13, 14, 15, 16,
];

/** Copies literals and earlier output in turn; returns the address behind the output, 0 if the block is damaged. */
function runSequences(stream: usize, end: usize, begin: usize, out: usize, limit: usize, count: u32): usize {
  let bit = streamBits(stream, end);
  if (bit < 0) return 0;
  bit -= lengthsLog;
  let lengthState = bitsAt(stream, bit, lengthsLog);
  bit -= offsetsLog;
  let offsetState = bitsAt(stream, bit, offsetsLog);
  bit -= matchesLog;
  let matchState = bitsAt(stream, bit, matchesLog);
  let at = literals;
  let left = literalCount;
  for (; count != 0; count--) {
    const lengthEntry = load<u32>(space + LENGTHS + 4 * lengthState);
    const offsetEntry = load<u32>(space + OFFSETS + 4 * offsetState);
    const matchEntry = load<u32>(space + MATCHES + 4 * matchState);
    const offsetCode = symbolOf(offsetEntry);
    if (offsetCode > 31 || bit < 0) return 0;
    bit -= <i32>offsetCode;
    const offsetValue: u64 = ((<u64>1) << offsetCode) + <u64>bitsAt(stream, bit, offsetCode);
    const matchCode = symbolOf(matchEntry);
    let width: u32 = unchecked(matchBits[matchCode]);
    bit -= <i32>width;
    const match = unchecked(matchBases[matchCode]) + bitsAt(stream, bit, width);
    const lengthCode = symbolOf(lengthEntry);
    width = unchecked(lengthBits[lengthCode]);
    bit -= <i32>width;
    const length = unchecked(lengthBases[lengthCode]) + bitsAt(stream, bit, width);
    if (bit < 0) return 0;
    const offset = nextOffset(offsetValue, length);
    if (length > left || <u64>length + match > <u64>(limit - out)) return 0;
    copyForward(out, at, length);
    at += length;
    left -= length;
    out += length;
    if (offset == 0 || offset > <u32>(out - begin)) return 0;
    copyBack(out, offset, match);
    out += match;
    if (count == 1) break;
    bit -= <i32>bitsOf(lengthEntry);
    lengthState = baseOf(lengthEntry) + bitsAt(stream, bit, bitsOf(lengthEntry));
    bit -= <i32>bitsOf(matchEntry);
    matchState = baseOf(matchEntry) + bitsAt(stream, bit, bitsOf(matchEntry));
    bit -= <i32>bitsOf(offsetEntry);
    offsetState = baseOf(offsetEntry) + bitsAt(stream, bit, bitsOf(offsetEntry));
  }
  if (bit != 0) return 0;
  literals = at;
  literalCount = left;
  return out;
}

function nextOffset(value: u64, literalLength: u32): u32 {
  if (value > 3) {
    recent2 = recent1;
    recent1 = recent0;
    recent0 = <u32>(value - 3);
    return recent0;
  }
  const which = <u32>value + (literalLength == 0 ? 1 : 0);
  if (which == 1) return recent0;
  const offset = which == 2 ? recent1 : which == 3 ? recent2 : recent0 - 1;
  if (which != 2) recent2 = recent1;
  recent1 = recent0;
  recent0 = offset;
  return offset;
}
