/**
 * Thrift's compact protocol, as far as Parquet uses it: structs become arrays indexed by field id. Footers and page headers are read with
 * it, on every thread. Damage throws a plain `Error`; the caller knows the place.
 */
export type ThriftValue = number | boolean | Uint8Array | ThriftStruct | readonly ThriftValue[];
/** Index = field id; absent fields are undefined. */
export type ThriftStruct = (ThriftValue | undefined)[];

const DEPTH_MAX = 64;
const FIELD_ID_MAX = 32767;

export class ThriftReader {
  readonly #bytes: Uint8Array;
  /** Of the next byte that is read. */
  position: number;

  constructor(bytes: Uint8Array, position = 0) {
    this.#bytes = bytes;
    this.position = position;
  }

  struct(depth = 0): ThriftStruct {
    if (depth > DEPTH_MAX) throw new Error("structs are nested too deep");
    const fields: ThriftStruct = [];
    let id = 0;
    for (;;) {
      const header = this.#byte();
      if (header === 0) return fields;
      const delta = header >> 4;
      id = delta === 0 ? this.#integer() : id + delta;
      if (id < 0 || id > FIELD_ID_MAX) throw new Error(`field id ${id} is out of range`);
      fields[id] = this.#value(header & 15, depth);
    }
  }

  #value(type: number, depth: number): ThriftValue {
    switch (type) {
      case 1:
        return true;
      case 2:
        return false;
      case 3:
        return (this.#byte() << 24) >> 24;
      case 4:
      case 5:
      case 6:
        return this.#integer();
      case 7:
        return this.#take(8);
      case 8:
        return this.#take(this.#unsigned());
      case 9:
      case 10:
        return this.#list(depth);
      case 11:
        return this.#map(depth);
      case 12:
        return this.struct(depth + 1);
      default:
        throw new Error(`unknown type ${type}`);
    }
  }

  #list(depth: number): readonly ThriftValue[] {
    const header = this.#byte();
    const count = header >> 4 === 15 ? this.#unsigned() : header >> 4;
    return this.#elements(count, header & 15, depth);
  }

  #elements(count: number, type: number, depth: number): ThriftValue[] {
    if (depth > DEPTH_MAX) throw new Error("lists are nested too deep");
    // Every element has at least one byte.
    if (count > this.#bytes.length - this.position) throw new Error(`a list of ${count} elements is longer than what holds it`);
    const elements: ThriftValue[] = [];
    for (let i = 0; i < count; i++) elements.push(type <= 2 ? this.#byte() === 1 : this.#value(type, depth + 1));
    return elements;
  }

  #map(depth: number): readonly ThriftValue[] {
    const count = this.#unsigned();
    if (count === 0) return [];
    const types = this.#byte();
    const entries: ThriftValue[] = [];
    for (let i = 0; i < count; i++) entries.push(...this.#elements(1, types >> 4, depth), ...this.#elements(1, types & 15, depth));
    return entries;
  }

  #byte(): number {
    if (this.position >= this.#bytes.length) throw new Error("it ends too early");
    return this.#bytes[this.position++]!;
  }

  #take(length: number): Uint8Array {
    if (length > this.#bytes.length - this.position) throw new Error("it ends too early");
    this.position += length;
    return this.#bytes.subarray(this.position - length, this.position);
  }

  /** Whole numbers up to 2^53: lengths, counts and offsets are all that Parquet has. */
  #unsigned(): number {
    let value = 0;
    let factor = 1;
    for (;;) {
      const byte = this.#byte();
      value += (byte & 127) * factor;
      if (byte < 128) break;
      factor *= 128;
      if (factor > 2 ** 63) throw new Error("a number has too many bytes");
    }
    return value;
  }

  #integer(): number {
    const value = this.#unsigned();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
}
