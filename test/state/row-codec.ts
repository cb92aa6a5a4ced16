/** Rows for the tests of tables and state: written into and read from a worker's memory by a plain, slow codec. */
import type { RowField, RowLayout } from "../../src/columnar/row-layout.ts";
import { rowLayoutDescriptorBytes, writeRowLayout } from "../../src/columnar/row-layout.ts";
import { ROW_HASH, TABLE_BASE } from "../../src/columnar/memory-layout.ts";
import { compileKernels, createMemory, instantiateKernels, type Kernels } from "../../src/kernels/load.ts";

/** i64 as bigint, i32 as number, strings as strings; null allowed. */
export type TestValue = bigint | number | string | null;
export type TestRow = readonly TestValue[];

let module: WebAssembly.Module | undefined;
export function newKernels(): Kernels {
  module ??= compileKernels();
  return instantiateKernels(module, createMemory());
}

/** FNV-1a with a final mix: any hash will do for a table, as long as equal keys have equal ones. */
export function testHash(keys: TestRow): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(JSON.stringify(keys, (_, value: unknown) => (typeof value === "bigint" ? `${value}n` : value)))) {
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}

export class RowCodec {
  readonly layoutAddress: number;
  readonly kernels: Kernels;
  readonly layout: RowLayout;
  readonly scratch: number;
  private readonly hash: (keys: TestRow) => number;

  constructor(kernels: Kernels, layout: RowLayout, hash: (keys: TestRow) => number = testHash, scratchBytes = 4_000_000) {
    this.kernels = kernels;
    this.layout = layout;
    this.hash = hash;
    this.layoutAddress = kernels.exports["arena_alloc"]!(2, rowLayoutDescriptorBytes(layout)) as number;
    writeRowLayout(layout, kernels.view(), this.layoutAddress);
    this.scratch = kernels.exports["heap_alloc"]!(scratchBytes) as number;
  }

  /** Writes a row with views at a scratch address that the next call reuses; values that are not given are 0 or empty. */
  write(keys: TestRow, values: TestRow): number {
    const address = this.scratch;
    const view = this.kernels.view();
    this.kernels.bytes().fill(0, address, address + this.layout.rowBytes);
    view.setUint32(address + ROW_HASH, this.hash(keys), true);
    let end = address + this.layout.rowBytes;
    const put = (field: RowField, value: TestValue | undefined): void => {
      const at = address + field.offset;
      if (value === undefined) return;
      if (value === null) {
        const word = view.getBigUint64(address + field.nullsOffset, true);
        view.setBigUint64(address + field.nullsOffset, word | (1n << BigInt(field.nullBit)), true);
      } else if (typeof value === "string") {
        const text = Buffer.from(value);
        this.kernels.bytes().set(text, end);
        view.setUint32(at, end, true);
        view.setUint32(at + 4, text.length, true);
        // Odd addresses on purpose.
        end += text.length + 1;
      } else if (typeof value === "bigint") view.setBigInt64(at, value, true);
      else view.setInt32(at, value, true);
    };
    this.layout.keys.forEach((field, i) => put(field, keys[i]!));
    this.layout.values.forEach((field, i) => put(field, values[i]));
    return address;
  }

  /** Writes bytes behind the scratch row; for `set_variable`. */
  writeText(text: string): { address: number; length: number } {
    const bytes = Buffer.from(text);
    this.kernels.bytes().set(bytes, this.scratch);
    return { address: this.scratch, length: bytes.length };
  }

  readFields(fields: readonly RowField[], row: number, base: number): TestValue[] {
    const view = this.kernels.view();
    return fields.map((field) => {
      if (view.getBigUint64(row + field.nullsOffset, true) & (1n << BigInt(field.nullBit))) return null;
      if (field.isVariable) {
        const start = base + view.getUint32(row + field.offset, true);
        return Buffer.from(this.kernels.bytes().slice(start, start + view.getUint32(row + field.offset + 4, true))).toString();
      }
      return field.physical === "i64" ? view.getBigInt64(row + field.offset, true) : view.getInt32(row + field.offset, true);
    });
  }

  keysOf(row: number, base: number): TestValue[] {
    return this.readFields(this.layout.keys, row, base);
  }

  valuesOf(row: number, base: number): TestValue[] {
    return this.readFields(this.layout.values, row, base);
  }

  cell(address: number): number {
    return this.kernels.view().getUint32(address, true);
  }

  base(): number {
    return this.cell(TABLE_BASE);
  }

  /** Calls a scan kernel `scan(handle, cursor, out, max, …range)` to its end. Rows are where they are said to be until the next call of it. */
  scan<T = { row: number; base: number }>(
    scan: string,
    handle: number,
    max = 100,
    read: (row: number, base: number) => T = (row, base) => ({ row, base }) as T,
    ...range: bigint[]
  ): T[] {
    const cursor = this.kernels.exports["heap_alloc"]!(64) as number;
    const out = this.kernels.exports["heap_alloc"]!(8 * max) as number;
    this.kernels.bytes().fill(0, cursor, cursor + 64);
    const rows: T[] = [];
    for (;;) {
      const count = this.kernels.exports[scan]!(handle, cursor, out, max, ...range) as number;
      if (count === 0) break;
      for (let i = 0; i < count; i++) rows.push(read(this.cell(out + 8 * i), this.cell(out + 8 * i + 4)));
    }
    this.kernels.exports["heap_free"]!(cursor, 64);
    this.kernels.exports["heap_free"]!(out, 8 * max);
    return rows;
  }
}

export const keyText = (keys: TestRow): string =>
  JSON.stringify(keys, (_, value: unknown) => (typeof value === "bigint" ? `${value}n` : value));
