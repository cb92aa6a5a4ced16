/**
 * Blocks to text, on workers. `KernelEncoder` drives the encoding kernels (`kernels/assembly/encode-*.ts`) and `PlainEncoder` writes
 * row by row in TypeScript, for columns the kernels do not write (lists, decimals of more than 18 digits, intervals).
 */
import { decodeColumnBatch, PHYSICAL_CODES } from "../../columnar/column-batch.ts";
import { ARENA_BATCH, BLOCK_ROW_COUNT, PADDING_BYTES } from "../../columnar/memory-layout.ts";
import type { TimeZone } from "../../columnar/time-zone.ts";
import { leafCount, leavesOf, type StructType } from "../../columnar/types.ts";
import type { Value } from "../../columnar/values.ts";
import type { Kernels } from "../../kernels/load.ts";
import { outOfMemory } from "../../kernels/out-of-memory.ts";
import type { ConnectorOptions } from "../options.ts";
import { type DateTimeFormats, hasPattern } from "./datetime-formats.ts";
import { kernelTypeCode } from "./kernel-types.ts";

/** Turns the blocks of one task into the bytes of one file. */
export interface BlockEncoder {
  /** Adds the rows of the block at `address` (not of its chain); keeps nothing of it. */
  append(address: number): void;
  /** The bytes added since the last call. */
  take(): Uint8Array;
}

export interface BlockEncoderFormat {
  /** Encoders live until the batch arena is reset. `timeZone` is the session's. */
  open(schema: StructType, options: ConnectorOptions, kernels: Kernels, timeZone: string): BlockEncoder;
}

const ENCODER_BYTES = 128;
const FIELD_BYTES = 32;

/** Whether the kernels write all columns of `schema`. */
export function kernelsWrite(schema: StructType, formats: DateTimeFormats): boolean {
  return leavesOf(schema).every(({ dataType }) => kernelTypeCode(dataType) !== 0 && !hasPattern(dataType, formats));
}

export class KernelEncoder implements BlockEncoder {
  readonly #kernels: Kernels;
  readonly #zone: TimeZone;
  readonly #kernel: string;
  readonly #encoder: number;

  /** `prefixes`: what stands before each leaf's value. `words`: flags, then what the format's kernel wants to know. */
  constructor(kernels: Kernels, zone: TimeZone, kernel: string, schema: StructType, prefixes: readonly string[], words: readonly number[]) {
    this.#kernels = kernels;
    this.#zone = zone;
    this.#kernel = kernel;
    const leaves = leavesOf(schema);
    this.#encoder = batchMemory(kernels, ENCODER_BYTES);
    const fields = batchMemory(kernels, FIELD_BYTES * leaves.length);
    kernels.bytes().fill(0, this.#encoder, this.#encoder + ENCODER_BYTES);
    const setWord = (address: number, value: number): void => kernels.view().setUint32(address, value, true);
    leaves.forEach(({ dataType }, index) => {
      const prefix = new TextEncoder().encode(prefixes[index] ?? "");
      const prefixAddress = writeBytes(kernels, prefix);
      const scale = dataType.kind === "decimal" ? dataType.scale : 0;
      const descendants = leafCount(dataType) - 1;
      const field = [prefixAddress, prefix.length, kernelTypeCode(dataType), index, scale, descendants, 0, 0];
      field.forEach((word, at) => setWord(fields + FIELD_BYTES * index + 4 * at, word));
    });
    setWord(this.#encoder + 12, leaves.length);
    setWord(this.#encoder + 16, fields);
    setWord(this.#encoder + 20, words[0] ?? 0);
    words.slice(1).forEach((word, at) => setWord(this.#encoder + 56 + 4 * at, word));
    this.#setZone(0n);
  }

  append(address: number): void {
    const { exports } = this.#kernels;
    const rowCount = this.#kernels.view().getUint32(address + BLOCK_ROW_COUNT, true);
    let row = 0;
    while (row < rowCount) {
      const length = this.#length();
      row = exports[this.#kernel]!(this.#encoder, address, row);
      if (row === rowCount) return;
      const pending = this.#kernels.view().getBigInt64(this.#encoder + 24, true);
      if (this.#zoneCovers(pending) && length === this.#length()) throw outOfMemory(this.#kernels);
      this.#setZone(pending);
    }
  }

  take(): Uint8Array {
    const buffer = this.#kernels.view().getUint32(this.#encoder, true);
    const bytes = this.#kernels.bytes().slice(buffer, buffer + this.#length());
    this.#kernels.exports["encode_clear"]!(this.#encoder);
    return bytes;
  }

  #length(): number {
    return this.#kernels.view().getUint32(this.#encoder + 4, true);
  }

  #zoneCovers(micros: bigint): boolean {
    const view = this.#kernels.view();
    return micros >= view.getBigInt64(this.#encoder + 32, true) && micros < view.getBigInt64(this.#encoder + 40, true);
  }

  /** The offset at `micros`, and a range around it (at least one hour, at most 60 days each way) in which it holds. */
  #setZone(micros: bigint): void {
    const hour = 3_600_000_000n;
    const step = 240n * hour;
    const offset = this.#zone.offsetMicrosAt(micros);
    const reach = (direction: bigint): bigint => {
      let distance = 0n;
      while (distance < 6n * step && this.#zone.offsetMicrosAt(micros + direction * (distance + step)) === offset) distance += step;
      return micros + direction * distance;
    };
    const view = this.#kernels.view();
    view.setBigInt64(this.#encoder + 32, reach(-1n), true);
    view.setBigInt64(this.#encoder + 40, reach(1n) + 1n, true);
    view.setBigInt64(this.#encoder + 48, offset, true);
  }
}

/** Copies `bytes` into the batch arena, padded; returns the address. */
export function writeBytes(kernels: Kernels, bytes: Uint8Array): number {
  const address = batchMemory(kernels, bytes.length + PADDING_BYTES);
  kernels.bytes().set(bytes, address);
  return address;
}

function batchMemory(kernels: Kernels, bytes: number): number {
  const address = kernels.exports["arena_alloc"]!(ARENA_BATCH, bytes) >>> 0;
  if (address === 0) throw outOfMemory(kernels);
  return address;
}

export class PlainEncoder implements BlockEncoder {
  readonly #kernels: Kernels;
  readonly #schema: StructType;
  readonly #line: (row: readonly Value[]) => string;
  #parts: string[] = [];

  /** `line` gives the text of a row, terminator included. */
  constructor(kernels: Kernels, schema: StructType, line: (row: readonly Value[]) => string) {
    this.#kernels = kernels;
    this.#schema = schema;
    this.#line = line;
  }

  append(address: number): void {
    for (const row of blockRows(this.#kernels, this.#schema, address)) this.#parts.push(this.#line(row));
  }

  take(): Uint8Array {
    const bytes = new TextEncoder().encode(this.#parts.join(""));
    this.#parts = [];
    return bytes;
  }
}

/** The rows of one block, through a column batch in the batch arena. */
function blockRows(kernels: Kernels, schema: StructType, address: number): Value[][] {
  const { exports } = kernels;
  const kinds = Uint32Array.from(leavesOf(schema), (leaf) => PHYSICAL_CODES[leaf.physical]);
  const kindsAddress = writeBytes(kernels, new Uint8Array(kinds.buffer));
  const encoder = exports["batch_encode_begin"]!(kindsAddress, kinds.length) >>> 0;
  if (encoder === 0 || !exports["batch_append"]!(encoder, address)) throw outOfMemory(kernels);
  const batch = exports["batch_finish"]!(encoder) >>> 0;
  if (batch === 0) throw outOfMemory(kernels);
  return decodeColumnBatch(schema, kernels.bytes().subarray(batch, batch + (exports["batch_length"]!(batch) >>> 0)));
}
