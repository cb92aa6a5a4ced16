// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78): eight bytes a step over eight tables, and long input first folded to a short one.
const TABLES: usize = memory.data(8192, 16);
let ready: bool = false;

function fillTables(): void {
  for (let i: u32 = 0; i < 256; i++) {
    let value = i;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >> 1) ^ 0x82f63b78 : value >> 1;
    store<u32>(TABLES + 4 * i, value);
  }
  for (let i: u32 = 0; i < 256; i++) {
    let value = load<u32>(TABLES + 4 * i);
    for (let table: u32 = 1; table < 8; table++) {
      value = (value >> 8) ^ load<u32>(TABLES + 4 * (value & 255));
      store<u32>(TABLES + 1024 * table + 4 * i, value);
    }
  }
  ready = true;
}

@inline function entry(table: u32, byte: u32): u32 {
  return load<u32>(TABLES + 1024 * table + 4 * (byte & 255));
}

@inline function step(crc: u32, address: usize): u32 {
  const low = load<u32>(address) ^ crc;
  const high = load<u32>(address, 4);
  return (
    entry(7, low) ^ entry(6, low >> 8) ^ entry(5, low >> 16) ^ entry(4, low >> 24) ^
    entry(3, high) ^ entry(2, high >> 8) ^ entry(1, high >> 16) ^ entry(0, high >> 24)
  );
}

/** From this length on two halves at a time: each step waits for the one before it. */
const HALVES_BYTES: u32 = 4096;

/** CRC-32C of `length` bytes; `seed` is the result for the bytes before them, 0 at the start. */
export function crc32c(address: usize, length: u32, seed: u32): u32 {
  if (!ready) fillTables();
  if (length < FOLD_BYTES_MIN) return ~overTables(address, length, ~seed);
  const rest = fold(address, length, ~seed);
  return ~overTables(FOLDED + HISTORY, rest, 0);
}

// Folding. A CRC is the remainder of the input, taken as a polynomial over GF(2), by another of degree 32. A multiple of that one has four terms:
// x^(8·5275) + x^(8·4508) + x^(8·2751) + 1. So a byte may go if it is added to the bytes 767, 2524 and 5275 behind it: shifts of whole bytes, sixteen
// bytes a step, until so many are left that none can go. No shorter multiple in bytes has four terms.
const NEAR: u32 = 767;
const MIDDLE: u32 = 2524;
const FAR: u32 = 5275;
/** Of bytes that have gone: what they were, as far back as `FAR`. */
const HISTORY: u32 = 5280;
const WINDOW: u32 = 16384;
const FOLDED: usize = memory.data(21680, 16);
/** From here on folding is quicker. */
const FOLD_BYTES_MIN: u32 = 8192;

/** Leaves the last bytes of the input behind `HISTORY`, with all others and `crc` added to them; returns how many. */
function fold(address: usize, length: u32, crc: u32): u32 {
  const window = FOLDED + HISTORY;
  memory.fill(FOLDED, 0, HISTORY);
  const whole = (length - FAR) & ~15;
  for (let done: u32 = 0; done < whole; ) {
    const bytes = min(WINDOW, whole - done);
    const end = window + bytes;
    let from = address + done;
    let to = window;
    if (done == 0) {
      // Nothing has gone before these.
      v128.store(to, v128.xor(v128.load(from), i32x4.replace_lane(i32x4.splat(0), 0, crc)));
      to += 16;
      from += 16;
    }
    for (; to < end; to += 16, from += 16) {
      v128.store(to, v128.xor(v128.xor(v128.load(from), v128.load(to - NEAR)), v128.xor(v128.load(to - MIDDLE), v128.load(to - FAR))));
    }
    memory.copy(FOLDED, FOLDED + bytes, HISTORY);
    done += bytes;
  }
  const rest = length - whole;
  // What has gone reaches so far into the rest; the bytes of the rest themselves stay.
  memory.copy(window, address + whole, rest);
  addTo(window, window - NEAR, NEAR);
  addTo(window, window - MIDDLE, MIDDLE);
  addTo(window, window - FAR, FAR);
  return rest;
}

/** Adds the `length` bytes at `from`, which end where those at `to` begin. */
@inline function addTo(to: usize, from: usize, length: u32): void {
  const end = to + length;
  for (; to + 16 <= end; to += 16, from += 16) v128.store(to, v128.xor(v128.load(to), v128.load(from)));
  for (; to < end; to++, from++) store<u8>(to, load<u8>(to) ^ load<u8>(from));
}

function overTables(address: usize, length: u32, crc: u32): u32 {
  const end = address + length;
  if (length >= HALVES_BYTES) {
    const half = (length >> 1) & ~7;
    const middle = address + half;
    let second: u32 = 0;
    for (; address < middle; address += 8) {
      crc = step(crc, address);
      second = step(second, address + half);
    }
    crc = crc32c_shift(crc, half) ^ second;
    address = middle + half;
  }
  for (; address + 8 <= end; address += 8) crc = step(crc, address);
  for (; address < end; address++) crc = (crc >> 8) ^ entry(0, crc ^ load<u8>(address));
  return crc;
}

/** The bits of `vector` select columns of the matrix at `matrix`, whose sum is returned. */
function multiply(matrix: usize, vector: u32): u32 {
  let sum: u32 = 0;
  for (; vector != 0; vector &= vector - 1) sum ^= load<u32>(matrix + 4 * ctz<u32>(vector));
  return sum;
}

/** Matrix n: what single bits become over 2^n bytes. */
const MATRICES: usize = memory.data(32 * 128, 16);
let matricesReady: bool = false;

function fillMatrices(): void {
  // The matrix for one bit, squared three times, is that of a byte.
  const scratch: usize = MATRICES + 128;
  let matrix = MATRICES;
  store<u32>(matrix, 0x82f63b78);
  for (let bit: u32 = 1; bit < 32; bit++) store<u32>(matrix + 4 * bit, 1 << (bit - 1));
  square(MATRICES, scratch);
  square(scratch, scratch + 128);
  square(scratch + 128, MATRICES);
  for (let n: u32 = 1; n < 32; n++, matrix += 128) square(matrix, matrix + 128);
  matricesReady = true;
}

function square(matrix: usize, into: usize): void {
  for (let bit: u32 = 0; bit < 32; bit++) store<u32>(into + 4 * bit, multiply(matrix, load<u32>(matrix + 4 * bit)));
}

/**
 * What the difference of two checksums becomes when both go on over the same `length` bytes. So the checksum of a and b in a row
 * is `crc32c_shift(crc32c(a), length of b) ^ crc32c(b)`.
 */
export function crc32c_shift(crc: u32, length: u32): u32 {
  if (!matricesReady) fillMatrices();
  for (let matrix = MATRICES; length != 0; length >>= 1, matrix += 128) if (length & 1) crc = multiply(matrix, crc);
  return crc;
}
