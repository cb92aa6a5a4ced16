/**
 * One column chunk of a Parquet file that is being written: indexes into a dictionary as long as that pays, then PLAIN, a page per block. Encoded
 * and compressed by kernels as blocks come, so that only pages, the dictionary and the indexes of the page under way wait for their row group's
 * end. In workers; one per row group and column.
 */
import { copyBytes } from "../../base/copy-bytes.ts";
import { crc32 } from "node:zlib";
import { ARENA_BLOCK, BLOCK_ROWS_MAX, PADDING_BYTES } from "../../columnar/memory-layout.ts";
import type { Kernels } from "../../kernels/load.ts";
import { outOfMemory } from "../../kernels/out-of-memory.ts";
import { allocate, type BlockColumn } from "../block-memory.ts";
import { binary, i32, i64, list, struct, type ThriftField, thriftBytes } from "./thrift-writer.ts";
import { FORM, widthOfForm, type WrittenColumn } from "./written-column.ts";

const DICTIONARY_BYTES_MAX = 1 << 20;
/** A page of indexes ends with the block that makes it as long; as parquet-mr's. */
const INDEX_ROWS = 20_000;
/** Of the rows of a block: with more new values a dictionary is given up. */
const NEW_VALUES_MAX = { [FORM.text]: 0.5, [FORM.int32]: 0.25, [FORM.int64]: 0.25 } as Readonly<Record<number, number>>;
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
  /** Where it is; 0: given up, or there never was one. */
  #dictionary: number;
  /** It has entries and is not added to any more. */
  #closedDictionary = 0;
  /** Of the page of indexes under way: the index of each value that is not null, a byte for each row, how many rows and nulls. */
  readonly #indexes: number;
  readonly #indexValidity: number;
  #indexRows = 0;
  #indexNulls = 0;
  #hasPlain = false;

  constructor(column: WrittenColumn, codec: OwnCodec, kernels: Kernels) {
    this.#column = column;
    this.#codec = codec;
    this.#kernels = kernels;
    const hasDictionary = column.form in NEW_VALUES_MAX;
    const rows = INDEX_ROWS + BLOCK_ROWS_MAX;
    this.#dictionary = hasDictionary ? notNull(kernels, kernels.exports["parquet_dictionary"]!(column.form)) : 0;
    this.#indexes = hasDictionary ? allocate(kernels, 4 * rows) : 0;
    this.#indexValidity = hasDictionary ? allocate(kernels, rows + PADDING_BYTES) : 0;
    this.#isOrdered = hasOrder(column);
  }

  /** Of the pages until now, and about those of what waits. */
  get bytes(): number {
    return this.#bytes + this.#entries().bytes + 2 * this.#indexRows;
  }

  /** Takes the column of a block of so many rows. */
  append({ values, validity: validityBytes }: BlockColumn, rows: number): void {
    const nulls = validityBytes === 0 ? 0 : this.#nullsIn(validityBytes, rows);
    const validity = nulls === 0 ? 0 : validityBytes;
    this.#valueCount += rows;
    this.#nullCount += nulls;
    if (this.#dictionary !== 0 && this.#addIndexes(values, validity, rows, nulls)) return;
    this.#writePlain(values, validity, rows);
  }

  /** False where a dictionary does not pay any more. */
  #addIndexes(values: number, validity: number, rows: number, nulls: number): boolean {
    const { exports } = this.#kernels;
    const present = rows - nulls;
    const newMax = Math.max(1, Math.floor(NEW_VALUES_MAX[this.#column.form]! * present));
    const target = this.#indexes + 4 * (this.#indexRows - this.#indexNulls);
    const added = exports["parquet_dictionary_add"]!(this.#dictionary, values, validity, rows, target, newMax, DICTIONARY_BYTES_MAX);
    if (added === 2) throw outOfMemory(this.#kernels);
    if (added === 0) {
      this.#writeIndexes();
      this.#closedDictionary = this.#dictionary;
      this.#dictionary = 0;
      return false;
    }
    const bytes = this.#kernels.bytes();
    const at = this.#indexValidity + this.#indexRows;
    if (validity === 0) bytes.fill(1, at, at + rows);
    else copyBytes(bytes, at, bytes.subarray(validity, validity + rows));
    this.#indexRows += rows;
    this.#indexNulls += nulls;
    if (this.#indexRows >= INDEX_ROWS) this.#writeIndexes();
    return true;
  }

  /** Writes the page of indexes under way. */
  #writeIndexes(): void {
    const { exports } = this.#kernels;
    const [rows, nulls] = [this.#indexRows, this.#indexNulls];
    if (rows === 0) return;
    [this.#indexRows, this.#indexNulls] = [0, 0];
    const validity = nulls === 0 ? 0 : this.#indexValidity;
    // Nulls alone need no dictionary.
    if (nulls === rows) return this.#writePlain(0, validity, rows);
    const page = this.#allocate(64 + rows / 8 + 5 * rows);
    const levelsEnd = exports["parquet_write_levels"]!(validity, rows, page) >>> 0;
    const width = 32 - Math.clz32(Math.max(0, this.#entries().count - 1));
    const end = exports["parquet_write_indexes"]!(this.#indexes, rows - nulls, width, levelsEnd) >>> 0;
    this.#addPage(page, end - page, rows, RLE_DICTIONARY!);
  }

  /** Writes a page of values as they are. */
  #writePlain(values: number, validity: number, rows: number): void {
    const { exports } = this.#kernels;
    const { form } = this.#column;
    const isText = form === FORM.text && values !== 0;
    const valueBytes = isText ? 4 * rows + (exports["views_total_bytes"]!(values, validity, rows) >>> 0) : 16 * rows;
    const page = this.#allocate(64 + rows / 8 + valueBytes);
    const levelsEnd = exports["parquet_write_levels"]!(validity, rows, page) >>> 0;
    const end = values === 0 ? levelsEnd : exports["parquet_write_plain"]!(values, validity, rows, form, levelsEnd) >>> 0;
    this.#hasPlain = true;
    if (values !== 0) this.#bound(values, validity, rows);
    this.#addPage(page, end - page, rows, PLAIN!);
  }

  #addPage(page: number, length: number, rows: number, encoding: number): void {
    const header = struct({ 1: i32(rows), 2: i32(encoding), 3: i32(RLE!), 4: i32(RLE!) });
    const written = this.#seal(page, length, DATA_PAGE!, 5, header);
    this.#pages.push(written.bytes);
    this.#bytes += written.bytes.length;
    this.#uncompressedBytes += written.uncompressedBytes;
  }

  /** Ends the chunk, which begins at `offset` of the file: its bytes, and its entry in the row group. */
  finish(offset: number): { parts: Uint8Array[]; bytes: number; uncompressedBytes: number; chunk: ThriftField } {
    this.#writeIndexes();
    const dictionary = this.#entries().count === 0 ? null : this.#dictionaryPage();
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

  /** Of the dictionary, one after the other. */
  #entries(): { address: number; bytes: number; count: number } {
    const at = this.#dictionary || this.#closedDictionary;
    if (at === 0) return { address: 0, bytes: 0, count: 0 };
    const view = this.#kernels.view();
    return { address: view.getUint32(at, true), bytes: view.getUint32(at + 4, true), count: view.getUint32(at + 8, true) };
  }

  #nullsIn(validity: number, rows: number): number {
    return this.#kernels.exports["bits_from_bytes"]!(validity, this.#allocate(rows / 8 + 1), rows);
  }

  #allocate(bytes: number): number {
    return allocate(this.#kernels, Math.ceil(bytes) + PADDING_BYTES, ARENA_BLOCK);
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

  #dictionaryPage(): { bytes: Uint8Array; uncompressedBytes: number } {
    const { address, bytes, count } = this.#entries();
    this.#boundEntries();
    return this.#seal(address, bytes, DICTIONARY_PAGE!, 7, struct({ 1: i32(count), 2: i32(PLAIN!) }));
  }

  #boundEntries(): void {
    if (!this.#isOrdered) return;
    const out = this.#allocate(24);
    const dictionary = this.#dictionary || this.#closedDictionary;
    this.#isOrdered = this.#kernels.exports["parquet_dictionary_extremes"]!(dictionary, STATISTICS_BYTES_MAX, out) !== 0;
    if (this.#isOrdered) for (const at of [out, out + 8]) this.#include(this.#read(at));
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

function notNull(kernels: Kernels, address: number): number {
  if (address === 0) throw outOfMemory(kernels);
  return address >>> 0;
}
