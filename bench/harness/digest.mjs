/** One number for an answer, computed alike here and in the native programs: 64-bit FNV-1a. What the lines hold is in `bench/README.md`. */

const OFFSET = 0xcbf29ce484222325n;
const PRIME = 0x100000001b3n;

/** Digest of lines: sorted by bytes, each ended by a newline. */
export function digestOfLines(lines) {
  const hash = new LineHash();
  for (const line of [...lines].sort()) hash.add(Buffer.from(`${line}\n`));
  return hash.digest();
}

/** Digest of whole numbers, each one step of the hash. */
export function digestOfNumbers(numbers) {
  let hash = OFFSET;
  for (const number of numbers) hash = BigInt.asUintN(64, (hash ^ BigInt(number)) * PRIME);
  return hash.toString(16);
}

/** The same hash over bytes, in halves of 32 bits: big integers would take a hundred times as long. The prime is 2^40 + 435. */
class LineHash {
  #high = Number(OFFSET >> 32n);
  #low = Number(OFFSET & 0xffffffffn);

  add(bytes) {
    let high = this.#high;
    let low = this.#low;
    for (let at = 0; at < bytes.length; at++) {
      low = (low ^ bytes[at]) >>> 0;
      const product = low * 435;
      high = (Math.imul(high, 435) + Math.floor(product / 4294967296) + (low << 8)) >>> 0;
      low = product >>> 0;
    }
    this.#high = high;
    this.#low = low;
  }

  digest() {
    return ((BigInt(this.#high) << 32n) | BigInt(this.#low)).toString(16);
  }
}
