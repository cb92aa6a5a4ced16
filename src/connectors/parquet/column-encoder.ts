/**
 * One column chunk of a Parquet file that is being written: a page per block, as indexes into a dictionary as long as that pays, then
 * PLAIN. Encoded and compressed by kernels as blocks come, so that only pages wait for their row group's end. In workers; one per row group
 * and column.
 */
import { copyBytes } from "../../base/copy-bytes.ts";
import { crc32 } from "node:zlib";
import { ARENA_BLOCK, PADDING_BYTES } from "../../columnar/memory-layout.ts";
import type { Kernels } from "../../kernels/load.ts";
import { allocate, type BlockColumn } from "../block-memory.ts";
import { binary, i32, i64, list, struct, type ThriftField, thriftBytes } from "./thrift-writer.ts";
import { FORM, widthOfForm, type WrittenColumn } from "./written-column.ts";

const DICTIONARY_BYTES_MAX = 1 << 20;
/** Of the rows of a page: with more new values a dictionary is given up. */
const NEW_VALUES_MAX = { [FORM.text]: 0.5, [FORM.int32]: 0.25, [FORM.int64]: 0.25 } as Readonly<Record<number, number>>;
const NO_DICTIONARY = -1;
/** Longer texts make no statistics. */
const STATISTICS_BYTES_MAX = 1024;

const [PLAIN, RLE, RLE_DICTIONARY] = [0, 3, 8];
const [DATA_PAGE, DICTIONARY_PAGE] = [0, 2];

export const CODEC_NUMBER = { uncompressed: 0, none: 0, snappy: 1 } as const;
export type OwnCodec = keyof typeof CODEC_NUMBER;

type Bound = number | bigint | Buffer;

export class ColumnEncoder {
  readonly #column: WrittenColumn;
  readonly #codec: OwnCodec;
  readonly #kernels: Kernels;
  #pages: Uint8Array[] = [];
  #bytes = 0;
  #uncompressedBytes = 0;
  #valueCount = 0;
  #nullCount = 0;
  #min: Bound | null = null;
  #max: Bound | null = null;
  #isOrdered: boolean;
  /** Numbers of the values in the dictionary. Texts by their bytes as Latin-1. Null: given up. */
  #numbers: Map<Bound | string, number> | null;
  #entries: Buffer[] = [];
  #entryBytes = 0;
  #hasPlain = false;

  constructor(column: WrittenColumn, codec: OwnCodec, kernels: Kernels) {
    this.#column = column;
    this.#codec = codec;
    this.#kernels = kernels;
    this.#numbers = column.form in NEW_VALUES_MAX ? new Map() : null;
    this.#isOrdered = hasOrder(column);
  }

  /** Of the pages until now. */
  get bytes(): number {
    return this.#bytes + this.#entryBytes;
  }

  /** Writes a page of the column of a block of so many rows. */
  append({ values, validity: validityBytes }: BlockColumn, rows: number): void {
    const { exports } = this.#kernels;
    const { form } = this.#column;
    const nulls = validityBytes === 0 ? 0 : this.#nullsIn(validityBytes, rows);
    const validity = nulls === 0 ? 0 : validityBytes;
    const valueBytes = form === FORM.text ? 4 * rows + (exports["views_total_bytes"]!(values, validity, rows) >>> 0) : 16 * rows;
    const page = this.#allocate(64 + rows / 8 + Math.max(valueBytes, 5 * rows));
    const levelsEnd = exports["parquet_write_levels"]!(validity, rows, page) >>> 0;
    // A chunk of nulls alone has no dictionary.
    const dictionaryEnd =
      this.#numbers && rows > nulls ? this.#writeIndexes(values, validity, rows, rows - nulls, levelsEnd) : NO_DICTIONARY;
    const isPlain = dictionaryEnd === NO_DICTIONARY;
    const end = isPlain ? exports["parquet_write_plain"]!(values, validity, rows, form, levelsEnd) >>> 0 : dictionaryEnd;
    if (isPlain) {
      this.#hasPlain = true;
      this.#bound(values, validity, rows);
    }
    this.#valueCount += rows;
    this.#nullCount += nulls;
    const encoding = i32(isPlain ? PLAIN! : RLE_DICTIONARY!);
    const header = struct({ 1: i32(rows), 2: encoding, 3: i32(RLE!), 4: i32(RLE!) });
    const written = this.#seal(page, end - page, DATA_PAGE!, 5, header);
    this.#pages.push(written.bytes);
    this.#bytes += written.bytes.length;
    this.#uncompressedBytes += written.uncompressedBytes;
  }

  /** Ends the chunk, which begins at `offset` of the file: its bytes, and its entry in the row group. */
  finish(offset: number): { parts: Uint8Array[]; bytes: number; uncompressedBytes: number; chunk: ThriftField } {
    const dictionary = this.#entries.length === 0 ? null : this.#dictionaryPage();
    const parts = dictionary ? [dictionary.bytes, ...this.#pages] : this.#pages;
    const bytes = this.#bytes + (dictionary?.bytes.length ?? 0);
    const uncompressedBytes = this.#uncompressedBytes + (dictionary?.uncompressedBytes ?? 0);
    const encodings = [RLE!, ...(dictionary || this.#hasPlain ? [PLAIN!] : []), ...(dictionary ? [RLE_DICTIONARY!] : [])];
    const chunk = struct({
      2: i64(0),
      3: struct({
        1: i32(this.#column.parquetType),
        2: list(encodings.map(i32)),
        3: list([binary(this.#column.name)]),
        4: i32(CODEC_NUMBER[this.#codec]),
        5: i64(this.#valueCount),
        6: i64(uncompressedBytes),
        7: i64(bytes),
        9: i64(offset + (dictionary?.bytes.length ?? 0)),
        11: dictionary ? i64(offset) : undefined,
        12: this.#statistics(),
      }),
    });
    return { parts, bytes, uncompressedBytes, chunk };
  }
  #nullsIn(validity: number, rows: number): number {
    return this.#kernels.exports["bits_from_bytes"]!(validity, this.#allocate(rows / 8 + 1), rows);
  }

  #allocate(bytes: number): number {
    return allocate(this.#kernels, Math.ceil(bytes) + PADDING_BYTES, ARENA_BLOCK);
  }

  /** Writes a page of indexes and returns its end; `NO_DICTIONARY` where a dictionary does not pay any more. */
  #writeIndexes(values: number, validity: number, rows: number, present: number, out: number): number {
    const { exports } = this.#kernels;
    const { form } = this.#column;
    const log2 = 33 - Math.clz32(rows);
    const [indexes, firsts, table] = [this.#allocate(4 * rows), this.#allocate(4 * rows), this.#allocate(4 << log2)];
    this.#kernels.bytes().fill(0, table, table + (4 << log2));
    const distinct = exports["parquet_distinct"]!(values, validity, rows, form, indexes, firsts, table, log2);
    const newMax = Math.max(1, NEW_VALUES_MAX[form]! * present);
    if (distinct - this.#entries.length > newMax || !this.#enter(values, firsts, distinct, newMax)) {
      this.#numbers = null;
      return NO_DICTIONARY;
    }
    const width = 32 - Math.clz32(Math.max(0, this.#entries.length - 1));
    return exports["parquet_write_indexes"]!(indexes, present, firsts, width, out) >>> 0;
  }

  /** Puts the number in the dictionary of each of the page's values into the place of its first row. False: too many are new. */
  #enter(values: number, firsts: number, distinct: number, newMax: number): boolean {
    const view = this.#kernels.view();
    const width = widthOfForm(this.#column.form);
    const before = this.#entries.length;
    for (let at = firsts; at < firsts + 4 * distinct; at += 4) {
      const value = this.#read(values + width * view.getUint32(at, true));
      const key = typeof value === "object" ? value.toString("latin1") : value;
      let number = this.#numbers!.get(key);
      if (number === undefined) {
        const entry = this.#plain(value);
        if (this.#entries.length - before >= newMax || this.#entryBytes + entry.length > DICTIONARY_BYTES_MAX)
          return this.#giveBack(before);
        number = this.#entries.length;
        this.#numbers!.set(key, number);
        this.#entries.push(entry);
        this.#entryBytes += entry.length;
        this.#include(value);
      }
      view.setUint32(at, number, true);
    }
    return true;
  }

  /** Takes back what a page that is written PLAIN has added. */
  #giveBack(before: number): false {
    for (const entry of this.#entries.splice(before)) this.#entryBytes -= entry.length;
    return false;
  }

  #bound(values: number, validity: number, rows: number): void {
    if (!this.#isOrdered) return;
    const { exports } = this.#kernels;
    const { form } = this.#column;
    const out = this.#allocate(8);
    const found = exports["parquet_extremes"]!(values, validity, rows, form, out) !== 0;
    const view = this.#kernels.view();
    if (found) for (const at of [out, out + 4]) this.#include(this.#read(values + widthOfForm(form) * view.getUint32(at, true)));
    // Not a number: no order, so no bounds for the whole chunk. (Or only nulls.)
    else if (form === FORM.float || form === FORM.double) this.#isOrdered = false;
  }

  #include(value: Bound): void {
    if (typeof value === "object" && value.length > STATISTICS_BYTES_MAX) this.#isOrdered = false;
    if (!this.#isOrdered) return;
    if (this.#min === null || isLess(value, this.#min)) this.#min = value;
    if (this.#max === null || isLess(this.#max, value)) this.#max = value;
  }

  /** The value at an address; texts as copies. */
  #read(at: number): Bound {
    const view = this.#kernels.view();
    switch (this.#column.form) {
      case FORM.int8:
        return view.getInt8(at);
      case FORM.int16:
        return view.getInt16(at, true);
      case FORM.int32:
        return view.getInt32(at, true);
      case FORM.float:
        return view.getFloat32(at, true);
      case FORM.double:
        return view.getFloat64(at, true);
      case FORM.text: {
        const start = view.getUint32(at, true);
        return Buffer.from(this.#kernels.bytes().subarray(start, start + view.getUint32(at + 4, true)));
      }
      default:
        return view.getBigInt64(at, true);
    }
  }

  /** As PLAIN pages have it. */
  #plain(value: Bound): Buffer {
    const bytes = boundBytes(value, this.#column);
    if (this.#column.form !== FORM.text) return bytes;
    const entry = Buffer.allocUnsafe(4 + bytes.length);
    entry.writeUInt32LE(bytes.length);
    entry.set(bytes, 4);
    return entry;
  }

  #dictionaryPage(): { bytes: Uint8Array; uncompressedBytes: number } {
    const page = this.#allocate(this.#entryBytes);
    copyBytes(this.#kernels.bytes(), page, Buffer.concat(this.#entries));
    return this.#seal(page, this.#entryBytes, DICTIONARY_PAGE!, 7, struct({ 1: i32(this.#entries.length), 2: i32(PLAIN!) }));
  }

  /** The page at `page`, compressed, behind its header; `kind` is the header's field for pages of this type. */
  #seal(page: number, length: number, type: number, kind: number, header: ThriftField): { bytes: Uint8Array; uncompressedBytes: number } {
    let [start, size] = [page, length];
    if (this.#codec === "snappy") {
      start = this.#allocate(32 + length + length / 6);
      size = this.#kernels.exports["snappy_compress"]!(page, length, start) >>> 0;
    }
    const content = this.#kernels.bytes().subarray(start, start + size);
    const front = thriftBytes(struct({ 1: i32(type), 2: i32(length), 3: i32(size), 4: i32(crc32(content) | 0), [kind]: header }));
    const bytes = new Uint8Array(front.length + size);
    bytes.set(front);
    copyBytes(bytes, front.length, content);
    return { bytes, uncompressedBytes: front.length + length };
  }

  #statistics(): ThriftField {
    const bound = (value: Bound | null): ThriftField | undefined =>
      value === null || !this.#isOrdered ? undefined : binary(boundBytes(value, this.#column));
    // Zeros have two signs and one order.
    const min = this.#min === 0 ? -0 : this.#min;
    const max = this.#max === 0 ? 0 : this.#max;
    return struct({ 3: i64(this.#nullCount), 5: bound(max), 6: bound(min) });
  }
}

/** Columns whose values have an order that `parquet_extremes` knows. */
const hasOrder = ({ form }: WrittenColumn): boolean => form !== FORM.bits && form < FORM.fixed;

const isLess = (a: Bound, b: Bound): boolean => (typeof a === "object" ? Buffer.compare(a, b as Buffer) < 0 : a < (b as number | bigint));

function boundBytes(value: Bound, { form }: WrittenColumn): Buffer {
  if (typeof value === "object") return value;
  const bytes = Buffer.alloc(typeof value === "bigint" && form !== FORM.int64AsInt32 ? 8 : form === FORM.double ? 8 : 4);
  if (form === FORM.double) bytes.writeDoubleLE(value as number);
  else if (form === FORM.float) bytes.writeFloatLE(value as number);
  else if (bytes.length === 8) bytes.writeBigInt64LE(value as bigint);
  else bytes.writeInt32LE(Number(value));
  return bytes;
}
