/**
 * The TypeScript half of the scanners' memory (`kernels/assembly/scan-block.ts` draws it): writes the scan descriptor and its fields,
 * and stores the rows of deferred lines into the block under construction. Used by the JSON and CSV readers, on workers.
 */
import { PHYSICAL_CODES } from "../../columnar/column-batch.ts";
import { variableBytes } from "../../columnar/list-encoding.ts";
import { BLOCK_ROWS_MAX, PADDING_BYTES } from "../../columnar/memory-layout.ts";
import { allocate } from "../block-memory.ts";
import { kernelTypeCode, TYPE_SKIPPED } from "./kernel-types.ts";
import { type DataType, type Leaf, leavesOf, type StructType } from "../../columnar/types.ts";
import type { TimeZone } from "../../columnar/time-zone.ts";
import type { Value } from "../../columnar/values.ts";
import type { Kernels } from "../../kernels/load.ts";

const SCAN_BYTES = 128;
const SCAN_POSITION = 0;
const SCAN_END = 4;
const SCAN_COLUMN_COUNT = 8;
const SCAN_COLUMN_TABLE = 12;
const SCAN_FIELD_COUNT = 16;
const SCAN_FIELDS = 20;
const SCAN_DEFERRED = 24;
const SCAN_DEFERRED_COUNT = 28;
const SCAN_ZONE_FROM = 32;
const SCAN_ZONE_UNTIL = 40;
const SCAN_ZONE_OFFSET = 48;
const SCAN_ZONE_TRIES = 124;
/** Where the words of one format begin. */
const SCAN_FORMAT = 56;
const COLUMN_BYTES = 16;
const FIELD_BYTES = 48;
const DEFERRED_BYTES = 12;

const MICROS_PER_DAY = 86_400_000_000n;

/** How many blocks of a split may end early to move the range of local times that the kernel converts. */
const ZONE_TRIES = 16;
/** A timestamp that was last seen, per zone: those of the next split will be near. */
const lastMoments = new WeakMap<TimeZone, bigint>();

/** A value that a scanner converts: which leaf it goes to, and what it is called in the data. */
export interface ScanField {
  readonly name: string;
  readonly dataType: DataType;
  readonly leafIndex: number;
  /** Never converted by the kernel: its presence defers the line. */
  readonly plainOnly?: boolean;
  /** Not converted at all (CSV, where every value has its place). */
  readonly isSkipped?: boolean;
}

/** The scan descriptor of one split. All of its memory is in the split arena. */
export class ScanMemory {
  readonly address: number;
  readonly leaves: readonly Leaf[];
  readonly needed: readonly boolean[];
  readonly #kernels: Kernels;
  readonly #zone: TimeZone;
  readonly #table: number;
  readonly #deferred: number;
  #fields = 0;
  #fieldCount = 0;

  constructor(kernels: Kernels, schema: StructType, needed: readonly boolean[], zone: TimeZone) {
    this.#kernels = kernels;
    this.#zone = zone;
    this.leaves = leavesOf(schema);
    this.needed = withStructs(schema, needed);
    this.address = allocate(kernels, SCAN_BYTES);
    this.#table = allocate(kernels, COLUMN_BYTES * Math.max(this.leaves.length, 1));
    this.#deferred = allocate(kernels, DEFERRED_BYTES * BLOCK_ROWS_MAX);
    const view = kernels.view();
    kernels.bytes().fill(0, this.address, this.address + SCAN_BYTES);
    this.leaves.forEach((leaf, index) => {
      const column = this.#table + COLUMN_BYTES * index;
      view.setUint32(column, PHYSICAL_CODES[leaf.physical], true);
      view.setUint32(column + 4, this.needed[index] ? 1 : 0, true);
    });
    this.#word(SCAN_COLUMN_COUNT, this.leaves.length);
    this.#word(SCAN_COLUMN_TABLE, this.#table);
    this.#word(SCAN_DEFERRED, this.#deferred);
    this.#word(SCAN_ZONE_TRIES, ZONE_TRIES);
    this.#setZone(lastMoments.get(zone) ?? 0n);
  }

  /** What is scanned next: [begin, end) in the kernels' memory, complete lines, with at least `PADDING_BYTES` bytes behind that are overwritten. */
  setInput({ begin, end }: { readonly begin: number; readonly end: number }): void {
    this.#word(SCAN_POSITION, begin);
    this.#word(SCAN_END, end);
    // A line feed behind the input stops every loop of the scanners.
    const bytes = this.#kernels.bytes();
    bytes.fill(0, end, end + PADDING_BYTES);
    bytes[end] = 10;
  }

  /** Writes `fields` one after the other; returns the address of each. Called once. */
  writeFields(fields: readonly ScanField[]): number[] {
    this.#fieldCount = fields.length;
    this.#fields = allocate(this.#kernels, FIELD_BYTES * Math.max(fields.length, 1));
    const addresses = fields.map((field, index) => {
      const address = this.#fields + FIELD_BYTES * index;
      const name = new TextEncoder().encode(field.name);
      const nameAddress = allocate(this.#kernels, name.length + PADDING_BYTES);
      this.#kernels.bytes().set(name, nameAddress);
      const decimal = field.dataType.kind === "decimal" ? field.dataType : { precision: 0, scale: 0 };
      const type = field.isSkipped ? TYPE_SKIPPED : field.plainOnly ? 0 : kernelTypeCode(field.dataType);
      const words = [nameAddress, name.length, type, field.leafIndex, 0, 0, decimal.precision, decimal.scale, 0, 0, 0, 0];
      words.forEach((word, at) => this.#kernels.view().setUint32(address + 4 * at, word, true));
      return address;
    });
    this.#word(SCAN_FIELD_COUNT, this.#fieldCount);
    this.#word(SCAN_FIELDS, this.#fields);
    return addresses;
  }

  /** Links a struct's field to the descriptor of its own fields. */
  setChild(fieldAddress: number, node: number): void {
    this.#kernels.view().setUint32(fieldAddress + 32, node, true);
  }

  setFormatWord(index: number, value: number): void {
    this.#word(SCAN_FORMAT + 4 * index, value);
  }

  get position(): number {
    return this.#kernels.view().getUint32(this.address + SCAN_POSITION, true);
  }

  /** The lines of the current block that the kernel left to us, in row order. */
  deferredLines(): { readonly row: number; readonly begin: number; readonly end: number }[] {
    const view = this.#kernels.view();
    const count = view.getUint32(this.address + SCAN_DEFERRED_COUNT, true);
    return Array.from({ length: count }, (_, index) => {
      const entry = this.#deferred + DEFERRED_BYTES * index;
      return { row: view.getUint32(entry, true), begin: view.getUint32(entry + 4, true), end: view.getUint32(entry + 8, true) };
    });
  }

  /** Stores the needed values of one row (top-level fields by position) into the block under construction. */
  storeRow(schema: StructType, row: number, values: readonly Value[]): void {
    let leaf = 0;
    const storeField = (type: DataType, value: Value): void => {
      const index = leaf++;
      if (this.needed[index]) this.#store(index, row, type, value);
      if (type.kind !== "struct") return;
      type.fields.forEach((field, at) => storeField(field.dataType, value === null ? null : ((value as readonly Value[])[at] ?? null)));
    };
    schema.fields.forEach((field, index) => storeField(field.dataType, values[index] ?? null));
  }

  #store(leafIndex: number, row: number, type: DataType, value: Value): void {
    const { physical } = this.leaves[leafIndex]!;
    let view = this.#kernels.view();
    const column = this.#table + COLUMN_BYTES * leafIndex;
    const values = view.getUint32(column + 8, true);
    view.setUint8(view.getUint32(column + 12, true) + row, value === null ? 0 : 1);
    if (value === null || physical === "struct") return;
    switch (physical) {
      case "i8":
        return view.setInt8(values + row, Number(value));
      case "i16":
        return view.setInt16(values + 2 * row, value as number, true);
      case "i32":
        return view.setInt32(values + 4 * row, value as number, true);
      case "i64":
        if (type.kind === "timestamp") this.#moveZone(value as bigint);
        return view.setBigInt64(values + 8 * row, value as bigint, true);
      case "f32":
        return view.setFloat32(values + 4 * row, value as number, true);
      case "f64":
        return view.setFloat64(values + 8 * row, value as number, true);
      default: {
        const bytes = variableBytes(type, value);
        const address = allocate(this.#kernels, bytes.length + PADDING_BYTES);
        this.#kernels.bytes().set(bytes, address);
        view = this.#kernels.view();
        view.setUint32(values + 8 * row, address, true);
        view.setUint32(values + 8 * row + 4, bytes.length, true);
      }
    }
  }

  #moveZone(utcMicros: bigint): void {
    const view = this.#kernels.view();
    const local = utcMicros + view.getBigInt64(this.address + SCAN_ZONE_OFFSET, true);
    const from = view.getBigInt64(this.address + SCAN_ZONE_FROM, true);
    if (local >= from && local < view.getBigInt64(this.address + SCAN_ZONE_UNTIL, true)) return;
    lastMoments.set(this.#zone, utcMicros);
    this.#setZone(utcMicros);
  }

  /**
   * Tells the kernel the zone's offset around `utcMicros`: it converts local times up to two months from the last one that was
   * deferred, as far as the offset is the same all the while, and defers others. No two changes lie within ten days.
   */
  #setZone(utcMicros: bigint): void {
    const offset = this.#zone.offsetMicrosAt(utcMicros);
    const reach = (direction: bigint): bigint => {
      let days = 0n;
      while (days < 60n && this.#zone.offsetMicrosAt(utcMicros + direction * (days + 10n) * MICROS_PER_DAY) === offset) days += 10n;
      return utcMicros + offset + direction * (days > 0n ? days - 1n : 0n) * MICROS_PER_DAY;
    };
    const isFixed = /^(?:UTC|GMT|Z|[+-].*|(?:UTC|GMT)[+-].*|Etc\/.*)$/i.test(this.#zone.id);
    const view = this.#kernels.view();
    view.setBigInt64(this.address + SCAN_ZONE_FROM, isFixed ? -(2n ** 63n) : reach(-1n), true);
    view.setBigInt64(this.address + SCAN_ZONE_UNTIL, isFixed ? 2n ** 63n - 1n : reach(1n), true);
    view.setBigInt64(this.address + SCAN_ZONE_OFFSET, offset, true);
  }

  #word(offset: number, value: number): void {
    this.#kernels.view().setUint32(this.address + offset, value, true);
  }
}

/** A struct's validity is needed as soon as one of its fields is. */
function withStructs(schema: StructType, needed: readonly boolean[]): boolean[] {
  const all = [...needed];
  let next = 0;
  const visit = (type: DataType): boolean => {
    const index = next++;
    if (type.kind === "struct") for (const field of type.fields) all[index] = visit(field.dataType) || all[index]!;
    return all[index]!;
  };
  for (const field of schema.fields) visit(field.dataType);
  return all;
}
