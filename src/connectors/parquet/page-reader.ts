/**
 * The pages of one column chunk, one after the other: reads them through a window on the file, parses their headers, checks and
 * decompresses them into buffers of the split's pool. In workers.
 */
import { crc32 } from "node:zlib";
import type { Kernels } from "../../kernels/load.ts";
import type { SyncFile } from "../source.ts";
import type { BufferPool } from "../buffer-pool.ts";
import { codecName, decompress, isCodecSupported, UNCOMPRESSED } from "./codecs.ts";
import type { ColumnChunk } from "./footer.ts";
import { damaged, type ParquetPlace, unsupported } from "./parquet-error.ts";
import type { LeafShape } from "./parquet-schema.ts";
import { ThriftReader, type ThriftStruct } from "./thrift.ts";

/** A hundred times what writers make as a rule. A header that asks for more is taken for damaged, before memory is reserved. */
const PAGE_BYTES_MAX = 256 * 1024 * 1024;
/** Read at once where pages are smaller; a larger one is read as it is, with the header behind it. */
const WINDOW_BYTES = 256 * 1024;
const HEADER_BYTES = 512;
/** Some old writers left the dictionary's header out of the column's length. */
const MISSING_BYTES_MAX = 100;

/** What all column readers of a split share. */
export interface SplitFile {
  readonly path: string;
  readonly file: SyncFile;
  readonly kernels: Kernels;
  readonly pool: BufferPool;
}

/** A stretch of memory; `end` is exclusive. */
export interface Bytes {
  readonly begin: number;
  readonly end: number;
}

export interface Page {
  readonly isDictionary: boolean;
  readonly valueCount: number;
  readonly encoding: number;
  /** Bytes of levels with their encoding; null where the column has none. */
  readonly repetition: Levels | null;
  readonly definition: Levels | null;
  readonly values: Bytes;
  /** The buffer that holds it all, to be retired with the page; null if it lies in the window. */
  readonly buffer: number | null;
}
export interface Levels extends Bytes {
  readonly encoding: number;
}

const RLE = 3;
const BIT_PACKED = 4;

export class PageReader {
  readonly #split: SplitFile;
  readonly #leaf: LeafShape;
  readonly #chunk: ColumnChunk;
  readonly #rowGroup: number;
  readonly #end: number;
  #position: number;
  #window = { address: 0, start: 0, length: 0 };
  #valuesLeft: number;
  #pagePlace: ParquetPlace | null = null;

  constructor(split: SplitFile, leaf: LeafShape, chunk: ColumnChunk, rowGroup: number) {
    this.#split = split;
    this.#leaf = leaf;
    this.#chunk = chunk;
    this.#rowGroup = rowGroup;
    this.#position = chunk.offset;
    this.#end = Math.min(chunk.offset + chunk.length + MISSING_BYTES_MAX, split.file.sizeBytes());
    this.#valuesLeft = chunk.valueCount;
    if (chunk.isEncrypted) throw unsupported(this.place(), "an encrypted column");
    if (!isCodecSupported(chunk.codec)) throw unsupported(this.place(), `compression ${codecName(chunk.codec)}`);
    if (chunk.physical !== leaf.element.physical) throw damaged(this.place(), "the column has another type than the schema says");
  }

  /** Where the next page begins: for errors. */
  place(offset = this.#position): ParquetPlace {
    return { path: this.#split.path, column: this.#leaf.path, rowGroup: this.#rowGroup, offset };
  }

  /** Where the page that was given out last begins: for errors of its values. */
  pagePlace(): ParquetPlace {
    return this.#pagePlace ?? this.place();
  }

  /** The next page with values or with the dictionary; null when all values of the chunk have been given out. */
  next(): Page | null {
    while (this.#valuesLeft > 0) {
      const place = (this.#pagePlace = this.place());
      const header = this.#header();
      const page = this.#page(header, place);
      if (page === null || page.isDictionary) {
        if (page) return page;
        continue;
      }
      if (page.valueCount > this.#valuesLeft)
        throw damaged(place, `the page has ${page.valueCount} values, and ${this.#valuesLeft} are left`);
      this.#valuesLeft -= page.valueCount;
      if (page.valueCount > 0) return page;
      if (page.buffer !== null) this.#split.pool.release(page.buffer);
    }
    return null;
  }

  /** Passes over the next pages that have at most `rows` rows together, without decompressing them. Returns how many. For flat columns. */
  passOver(rows: number): number {
    let passed = 0;
    while (passed < rows && this.#valuesLeft > 0) {
      const start = this.#position;
      const header = this.#header();
      const [type, length] = [header[1], header[3]];
      const count = ((type === 0 ? header[5] : type === 3 ? header[8] : undefined) as ThriftStruct | undefined)?.[1];
      const fits = isCount(count) && isCount(length) && count <= Math.min(rows - passed, this.#valuesLeft);
      if (!fits || length > this.#end - this.#position) {
        this.#position = start;
        break;
      }
      this.#position += length;
      this.#valuesLeft -= count;
      passed += count;
    }
    return passed;
  }

  /** Moves behind the header. */
  #header(): ThriftStruct {
    const left = this.#end - this.#position;
    if (left <= 0) throw damaged(this.place(), `the column ends, and ${this.#valuesLeft} values are missing`);
    for (let wanted = HEADER_BYTES; ; wanted *= 16) {
      const length = Math.min(wanted, left);
      const address = this.#read(length);
      const reader = new ThriftReader(this.#split.kernels.bytes().subarray(address, address + length));
      try {
        const header = reader.struct();
        this.#position += reader.position;
        return header;
      } catch (cause) {
        if (length < left && wanted < PAGE_BYTES_MAX) continue;
        throw damaged(this.place(), `the page header is damaged: ${(cause as Error).message}`, cause);
      }
    }
  }

  /** Null: a page of a kind that is passed over. */
  #page(header: ThriftStruct, place: ParquetPlace): Page | null {
    const [type, size, length, crc] = [header[1], header[2], header[3], header[4]];
    if (!isCount(size) || !isCount(length)) throw damaged(place, "the page header has no sizes");
    if (size > PAGE_BYTES_MAX) throw damaged(place, `the page says to have ${size} bytes; ${PAGE_BYTES_MAX} are allowed`);
    if (length > this.#end - this.#position)
      throw damaged(place, `the page has ${length} bytes, and ${this.#end - this.#position} are left`);
    const details = header[type === 0 ? 5 : type === 2 ? 7 : 8] as ThriftStruct | undefined;
    if (type !== 0 && type !== 2 && type !== 3) {
      this.#position += length;
      return null;
    }
    if (details === undefined) throw damaged(place, "the page header is not whole");
    const address = this.#read(length);
    this.#position += length;
    if (typeof crc === "number" && (crc32(this.#split.kernels.bytes().subarray(address, address + length)) | 0) !== (crc | 0))
      throw damaged(place, "the page's checksum does not match its bytes");
    const [valueCount, encoding] = [details[1], details[type === 3 ? 4 : 2]];
    if (!isCount(valueCount) || !isCount(encoding)) throw damaged(place, "the page header is not whole");
    const page = { isDictionary: type === 2, valueCount, encoding };
    if (type === 3) return { ...page, ...this.#version2(details, address, length, size, place) };
    const { begin, end, buffer } = this.#decompress(address, length, size, place);
    const levels = { repetition: null as Levels | null, definition: null as Levels | null };
    let at = begin;
    if (type === 0) {
      const next = (most: number, coded: unknown): Levels | null => {
        if (most === 0) return null;
        const found = this.#version1Levels(at, end, valueCount, most, coded, place);
        at = found.end;
        return found;
      };
      levels.repetition = next(this.#leaf.repetition, details[4]);
      levels.definition = next(this.#leaf.definition, details[3]);
    }
    return { ...page, ...levels, values: { begin: at, end }, buffer };
  }

  #version1Levels(at: number, end: number, count: number, most: number, encoding: unknown, place: ParquetPlace): Levels {
    if (encoding === BIT_PACKED) {
      const bytes = Math.ceil((count * bitsFor(most)) / 8);
      if (bytes <= end - at) return { begin: at, end: at + bytes, encoding };
    } else if (encoding === RLE && end - at >= 4) {
      const bytes = this.#split.kernels.view().getUint32(at, true);
      if (bytes <= end - at - 4) return { begin: at + 4, end: at + 4 + bytes, encoding };
    } else if (encoding !== RLE) throw damaged(place, `levels cannot have encoding ${String(encoding)}`);
    throw damaged(place, "the page is shorter than its levels");
  }

  /** Levels are not compressed in pages of the second version, and are in front of the values. */
  #version2(
    details: ThriftStruct,
    address: number,
    length: number,
    size: number,
    place: ParquetPlace,
  ): Omit<Page, "isDictionary" | "valueCount" | "encoding"> {
    const [definitionBytes, repetitionBytes] = [details[5], details[6]];
    if (!isCount(definitionBytes) || !isCount(repetitionBytes)) throw damaged(place, "the page header is not whole");
    const levelBytes = definitionBytes + repetitionBytes;
    if (levelBytes > length || levelBytes > size) throw damaged(place, "the page is shorter than its levels");
    const middle = address + repetitionBytes;
    const values = address + levelBytes;
    const packed = length - levelBytes;
    const isCompressed = details[7] !== false && packed > 0;
    const { begin, end, buffer } = isCompressed
      ? this.#decompress(values, packed, size - levelBytes, place)
      : { begin: values, end: address + length, buffer: null };
    return {
      repetition: this.#leaf.repetition > 0 ? { begin: address, end: middle, encoding: RLE } : null,
      definition: this.#leaf.definition > 0 ? { begin: middle, end: values, encoding: RLE } : null,
      values: { begin, end },
      buffer,
    };
  }

  #decompress(address: number, length: number, size: number, place: ParquetPlace): Bytes & { readonly buffer: number | null } {
    const { codec } = this.#chunk;
    const { kernels, pool } = this.#split;
    if (codec === UNCOMPRESSED) {
      if (length !== size) throw damaged(place, `an uncompressed page has ${length} bytes, and its header says ${size}`);
      return { begin: address, end: address + length, buffer: null };
    }
    const buffer = pool.take(size);
    let reason = "";
    try {
      if (size === 0 || decompress(codec, kernels, address, length, buffer, size)) return { begin: buffer, end: buffer + size, buffer };
    } catch (cause) {
      reason = ` (${(cause as Error).message})`;
    }
    throw damaged(place, `${length} bytes do not decompress with ${codecName(codec)} to the ${size} that the header says${reason}`);
  }

  /** Address of the next `length` bytes of the file. They stay until the window's buffer is recycled. */
  #read(length: number): number {
    const { kernels, pool, file } = this.#split;
    const at = this.#position - this.#window.start;
    if (at >= 0 && at + length <= this.#window.length) return this.#window.address + at;
    const size = Math.min(Math.max(WINDOW_BYTES, length + HEADER_BYTES), this.#end - this.#position);
    const address = pool.take(size);
    // What the old window has of it is not read again.
    const known = at >= 0 && at < this.#window.length ? this.#window.length - at : 0;
    if (known > 0) kernels.exports["parquet_copy"]!(address, this.#window.address + at, known);
    if (this.#window.address !== 0) pool.retire(this.#window.address);
    this.#window = { address, start: this.#position, length: size };
    for (let read = known; read < size;) {
      const got = file.read(kernels.bytes().subarray(address + read, address + size), this.#position + read);
      if (got === 0) throw damaged(this.place(), "the file ends within the column");
      read += got;
    }
    return address;
  }

  /** Retires what is left of the chunk. */
  close(): void {
    if (this.#window.address !== 0) this.#split.pool.retire(this.#window.address);
    this.#window = { address: 0, start: 0, length: 0 };
  }
}

const isCount = (value: unknown): value is number => typeof value === "number" && value >= 0 && value <= 0x7fffffff;

/** Bits of a level of at most `most`. */
export const bitsFor = (most: number): number => 32 - Math.clz32(most);
