// Entropy coding of Zstandard (RFC 8878, section 4): finite state tables, Huffman tables, and streams of bits that are read backwards.
// Only for parquet-zstd.ts. Input and tables lie in memory with slack around them; positions are checked by the callers' loops.

/** Entry of a state table, u32: symbol in bits 0-7, bits to read in bits 8-15, base of the next state in bits 16-31. */
@inline export function symbolOf(entry: u32): u32 {
  return entry & 255;
}
@inline export function bitsOf(entry: u32): u32 {
  return (entry >> 8) & 255;
}
@inline export function baseOf(entry: u32): u32 {
  return entry >> 16;
}

// Probabilities of a table under construction, i16 each, and the next state of each symbol, u16 each.
const probabilities: usize = memory.data(512, 16);
const nextStates: usize = memory.data(512, 16);

/** Accuracy of the table that was read last. */
export let tableLog: u32 = 0;

/** Sets the probability of a symbol for `buildTable`. */
@inline export function setProbability(symbol: u32, value: i32): void {
  store<i16>(probabilities + 2 * symbol, <i16>value);
}

/** Reads a table's description into `table`. Returns the address behind it, 0 if it is damaged. Sets `tableLog`. */
export function readTable(p: usize, end: usize, symbolMax: u32, logMax: u32, table: usize): usize {
  if (p >= end) return 0;
  const log = <u32>(load<u8>(p) & 15) + 5;
  if (log > logMax) return 0;
  let bit: u32 = 4;
  let remaining: i32 = (1 << log) + 1;
  let threshold: i32 = 1 << log;
  let width: u32 = log + 1;
  let symbol: u32 = 0;
  while (remaining > 1) {
    if (symbol > symbolMax || (bit >> 3) > <u32>(end - p)) return 0;
    const bits = <i32>(load<u32>(p + (bit >> 3)) >> (bit & 7));
    const spare = 2 * threshold - 1 - remaining;
    let value = bits & (threshold - 1);
    if (value < spare) {
      bit += width - 1;
    } else {
      value = bits & (2 * threshold - 1);
      if (value >= threshold) value -= spare;
      bit += width;
    }
    value--;
    remaining -= value < 0 ? -value : value;
    setProbability(symbol++, value);
    if (value == 0) {
      for (;;) {
        if ((bit >> 3) > <u32>(end - p)) return 0;
        const zeros = (<u32>load<u16>(p + (bit >> 3)) >> (bit & 7)) & 3;
        bit += 2;
        for (let i: u32 = 0; i < zeros; i++) {
          if (symbol > symbolMax) return 0;
          setProbability(symbol++, 0);
        }
        if (zeros != 3) break;
      }
    }
    while (remaining < threshold && threshold > 1) {
      width--;
      threshold >>= 1;
    }
  }
  const bytes: usize = (bit + 7) >> 3;
  if (remaining != 1 || bytes > end - p) return 0;
  tableLog = log;
  buildTable(symbol, log, table);
  return p + bytes;
}

/** Makes the table of `count` symbols from their probabilities, whose sum is 2^log. */
export function buildTable(count: u32, log: u32, table: usize): void {
  const size: u32 = 1 << log;
  let high: u32 = size - 1;
  for (let s: u32 = 0; s < count; s++) {
    const probability = load<i16>(probabilities + 2 * s);
    store<u16>(nextStates + 2 * s, probability < 0 ? 1 : <u16>probability);
    if (probability < 0) store<u32>(table + 4 * high--, s);
  }
  const step = (size >> 1) + (size >> 3) + 3;
  const mask = size - 1;
  let position: u32 = 0;
  for (let s: u32 = 0; s < count; s++) {
    const probability = load<i16>(probabilities + 2 * s);
    for (let i = 0; i < probability; i++) {
      store<u32>(table + 4 * position, s);
      do position = (position + step) & mask;
      while (position > high);
    }
  }
  for (let state: u32 = 0; state < size; state++) {
    const symbol = load<u32>(table + 4 * state);
    const next: u32 = load<u16>(nextStates + 2 * symbol);
    store<u16>(nextStates + 2 * symbol, <u16>(next + 1));
    const bits = log - (31 - <u32>clz(next));
    store<u32>(table + 4 * state, symbol | (bits << 8) | (((next << bits) - size) << 16));
  }
}

/** Bits in the stream [begin, end) that is read backwards, without the end mark; -1 if there is none. */
export function streamBits(begin: usize, end: usize): i32 {
  if (end <= begin) return -1;
  const last: u32 = load<u8>(end - 1);
  return last == 0 ? -1 : <i32>(8 * <u32>(end - begin - 1)) + 31 - <i32>clz(last);
}

/** `width` (at most 32) bits whose lowest has number `bit`; bits before the stream are zeros. */
@inline export function bitsAt(begin: usize, bit: i32, width: u32): u32 {
  if (bit < 0) {
    if (bit + <i32>width <= 0) return 0;
    const known = load<u64>(begin) & (((<u64>1) << (<u32>(bit + <i32>width))) - 1);
    return <u32>(known << <u64>-bit);
  }
  return <u32>((load<u64>(begin + (bit >> 3)) >> (bit & 7)) & (((<u64>1) << width) - 1));
}

const weights: usize = memory.data(256, 16);
const rankStarts: usize = memory.data(64, 16);
const weightTable: usize = memory.data(256, 16);
const HUFFMAN_LOG_MAX: u32 = 11;

/** Bits of the longest code of the Huffman table that was read last. */
export let huffmanLog: u32 = 0;

/** Reads a Huffman tree into `table` (2^11 entries, u16: symbol, then bits). Returns the address behind it, 0 if it is damaged. */
export function readHuffman(p: usize, end: usize, table: usize): usize {
  if (p >= end) return 0;
  const header: u32 = load<u8>(p++);
  let count: u32 = 0;
  if (header >= 128) {
    count = header - 127;
    const bytes: usize = (count + 1) >> 1;
    if (bytes > end - p) return 0;
    for (let i: u32 = 0; i < count; i++) {
      const byte = load<u8>(p + (i >> 1));
      store<u8>(weights + i, (i & 1) == 0 ? byte >> 4 : byte & 15);
    }
    p += bytes;
  } else {
    if (header > <u32>(end - p)) return 0;
    count = readWeights(p, p + header);
    if (count == 0) return 0;
    p += header;
  }
  return buildHuffman(count, table) ? p : 0;
}

/** Weights that are coded with two states in turn. Returns how many; 0 if they are damaged. */
function readWeights(p: usize, end: usize): u32 {
  const begin = readTable(p, end, 255, 6, weightTable);
  if (begin == 0) return 0;
  const log = tableLog;
  let bit = streamBits(begin, end);
  if (bit < 0) return 0;
  bit -= <i32>log;
  let even = bitsAt(begin, bit, log);
  bit -= <i32>log;
  let odd = bitsAt(begin, bit, log);
  if (bit < 0) return 0;
  let count: u32 = 0;
  while (count <= 253) {
    let entry = load<u32>(weightTable + 4 * even);
    store<u8>(weights + count++, <u8>symbolOf(entry));
    bit -= <i32>bitsOf(entry);
    if (bit < 0) {
      store<u8>(weights + count++, <u8>symbolOf(load<u32>(weightTable + 4 * odd)));
      return count;
    }
    even = baseOf(entry) + bitsAt(begin, bit, bitsOf(entry));
    entry = load<u32>(weightTable + 4 * odd);
    store<u8>(weights + count++, <u8>symbolOf(entry));
    bit -= <i32>bitsOf(entry);
    if (bit < 0) {
      store<u8>(weights + count++, <u8>symbolOf(load<u32>(weightTable + 4 * even)));
      return count;
    }
    odd = baseOf(entry) + bitsAt(begin, bit, bitsOf(entry));
  }
  return 0;
}

function buildHuffman(count: u32, table: usize): bool {
  let sum: u32 = 0;
  memory.fill(rankStarts, 0, 64);
  for (let i: u32 = 0; i < count; i++) {
    const weight: u32 = load<u8>(weights + i);
    if (weight > HUFFMAN_LOG_MAX) return false;
    if (weight != 0) sum += 1 << (weight - 1);
  }
  if (sum == 0) return false;
  const log: u32 = 32 - clz(sum);
  if (log > HUFFMAN_LOG_MAX) return false;
  const rest: u32 = (1 << log) - sum;
  // The last weight is what is missing to a power of two.
  if (rest == 0 || (rest & (rest - 1)) != 0) return false;
  store<u8>(weights + count, <u8>(32 - clz(rest)));
  count++;
  for (let i: u32 = 0; i < count; i++) {
    const at = rankStarts + 4 * <usize>load<u8>(weights + i);
    store<u32>(at, load<u32>(at) + 1);
  }
  let start: u32 = 0;
  for (let weight: u32 = 1; weight <= log; weight++) {
    const at = rankStarts + 4 * weight;
    const symbols = load<u32>(at);
    store<u32>(at, start);
    start += symbols << (weight - 1);
  }
  for (let i: u32 = 0; i < count; i++) {
    const weight: u32 = load<u8>(weights + i);
    if (weight == 0) continue;
    const at = rankStarts + 4 * weight;
    const first = load<u32>(at);
    const length: u32 = 1 << (weight - 1);
    const entry = <u16>(i | ((log + 1 - weight) << 8));
    for (let j: u32 = 0; j < length; j++) store<u16>(table + 2 * (first + j), entry);
    store<u32>(at, first + length);
  }
  huffmanLog = log;
  return true;
}

/** Decodes `count` bytes from one Huffman stream. False if it has not exactly so many. */
export function decodeHuffman(begin: usize, end: usize, table: usize, out: usize, count: u32): bool {
  let bit = streamBits(begin, end);
  if (bit < 0) return false;
  const log = huffmanLog;
  const stop = out + count;
  const shift = 64 - log;
  // Five codes have at most 55 bits, which one load gives.
  while (bit >= 64 && out + 5 <= stop) {
    const low = bit - 64 + 7;
    const first = low >> 3;
    let window = load<u64>(begin + first) << <u64>(64 - (bit - 8 * first));
    let used: u32 = 0;
    for (let i = 0; i < 5; i++) {
      const entry: u32 = load<u16>(table + 2 * <usize>(window >> shift));
      store<u8>(out + i, <u8>entry);
      window <<= entry >> 8;
      used += entry >> 8;
    }
    out += 5;
    bit -= <i32>used;
  }
  while (out < stop) {
    const entry: u32 = load<u16>(table + 2 * <usize>bitsAt(begin, bit - <i32>log, log));
    store<u8>(out++, <u8>entry);
    bit -= <i32>(entry >> 8);
    if (bit < 0) return false;
  }
  return bit == 0;
}
