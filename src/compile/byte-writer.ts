/** A growing byte buffer with the encodings of the WebAssembly binary format. Used by `emitter.ts` only. */

export class ByteWriter {
  #buffer = new Uint8Array(4096);
  #length = 0;

  u8(value: number): void {
    if (this.#length === this.#buffer.length) this.#grow(1);
    this.#buffer[this.#length++] = value;
  }

  bytes(values: ArrayLike<number>): void {
    this.#grow(values.length);
    this.#buffer.set(values, this.#length);
    this.#length += values.length;
  }

  /** Unsigned LEB128. */
  u32(value: number): void {
    let rest = value >>> 0;
    while (rest >= 0x80) {
      this.u8((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.u8(rest);
  }

  /** Signed LEB128. */
  s32(value: number): void {
    let rest = value | 0;
    while (rest < -64 || rest > 63) {
      this.u8((rest & 0x7f) | 0x80);
      rest >>= 7;
    }
    this.u8(rest & 0x7f);
  }

  /** Signed LEB128 of a 64-bit value. */
  s64(value: bigint): void {
    let rest = BigInt.asIntN(64, value);
    while (rest < -64n || rest > 63n) {
      this.u8(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    this.u8(Number(rest & 0x7fn));
  }

  f32(value: number): void {
    const bits = new DataView(new ArrayBuffer(4));
    bits.setFloat32(0, value, true);
    this.bytes(new Uint8Array(bits.buffer));
  }

  f64(value: number): void {
    const bits = new DataView(new ArrayBuffer(8));
    bits.setFloat64(0, value, true);
    this.bytes(new Uint8Array(bits.buffer));
  }

  /** One byte, or a prefix byte and a sub-code. */
  opcode(code: number): void {
    if (code > 0xff) {
      this.u8(code >> 8);
      this.u32(code & 0xff);
    } else this.u8(code);
  }

  name(text: string): void {
    const encoded = new TextEncoder().encode(text);
    this.u32(encoded.length);
    this.bytes(encoded);
  }

  /** Byte length, then what `write` writes. */
  sized(write: (content: ByteWriter) => void): void {
    const content = new ByteWriter();
    write(content);
    this.u32(content.#length);
    this.bytes(content.#buffer.subarray(0, content.#length));
  }

  section(id: number, write: (content: ByteWriter) => void): void {
    this.u8(id);
    this.sized(write);
  }

  finish(): Uint8Array<ArrayBuffer> {
    return this.#buffer.slice(0, this.#length);
  }

  #grow(extra: number): void {
    if (this.#length + extra <= this.#buffer.length) return;
    const larger = new Uint8Array(Math.max(this.#buffer.length * 2, this.#length + extra));
    larger.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = larger;
  }
}
