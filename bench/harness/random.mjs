/** Seeded randomness of the generators: the same data in every run, everywhere. */

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
/** The low 16 bits as four hexadecimal digits. */
const hex4 = (bits) => HEX[(bits >>> 8) & 255] + HEX[bits & 255];

/** Uniform 32-bit numbers (mulberry32). */
export class Random {
  #state;

  constructor(seed) {
    this.#state = seed >>> 0;
  }

  next() {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** Uniform in [0, n). */
  below(n) {
    return Math.floor((this.next() / 4294967296) * n);
  }

  /** The text of a version 4 UUID. */
  uuid() {
    const [a, b, c, d] = [this.next(), this.next(), this.next(), this.next()];
    return `${hex4(a >>> 16)}${hex4(a)}-${hex4(b >>> 16)}-4${hex4(b).slice(1)}-a${hex4(c >>> 16).slice(1)}-${hex4(c)}${hex4(d >>> 16)}${hex4(d)}`;
  }
}
