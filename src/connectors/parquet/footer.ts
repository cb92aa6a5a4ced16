/** The footer of a Parquet file as data: schema elements, row groups, column chunks. Every thread. */
import type { SyncFile } from "../source.ts";
import { footerError } from "./parquet-error.ts";
import { ThriftReader, type ThriftStruct, type ThriftValue } from "./thrift.ts";

/** Numbers are the format's own codes. */
export const PHYSICAL = { boolean: 0, int32: 1, int64: 2, int96: 3, float: 4, double: 5, byteArray: 6, fixed: 7 } as const;
export const PHYSICAL_NAMES = ["BOOLEAN", "INT32", "INT64", "INT96", "FLOAT", "DOUBLE", "BINARY", "FIXED_LEN_BYTE_ARRAY"] as const;

export interface ParquetFooter {
  readonly elements: readonly SchemaElement[];
  readonly rowGroups: readonly RowGroup[];
}

/** A node of the schema, in depth-first order. */
export interface SchemaElement {
  readonly name: string;
  /** Null for groups. */
  readonly physical: number | null;
  /** Bytes of a FIXED_LEN_BYTE_ARRAY. */
  readonly typeLength: number;
  readonly repetition: "required" | "optional" | "repeated";
  readonly childCount: number;
  readonly logical: LogicalType | null;
}

export type LogicalType =
  | { readonly kind: "string" | "map" | "list" | "date" | "time" | "unknown" | "bson" | "uuid" | "float16" | "interval" | "other" }
  | { readonly kind: "decimal"; readonly precision: number; readonly scale: number }
  | { readonly kind: "timestamp"; readonly unit: "millis" | "micros" | "nanos"; readonly isUtc: boolean }
  | { readonly kind: "integer"; readonly bits: number; readonly isSigned: boolean };

export interface RowGroup {
  readonly index: number;
  readonly rowCount: number;
  /** By leaf of the schema, in order. */
  readonly columns: readonly ColumnChunk[];
}

export interface ColumnChunk {
  readonly physical: number;
  readonly codec: number;
  readonly valueCount: number;
  /** Where its pages begin, and how many bytes they take. */
  readonly offset: number;
  readonly length: number;
  readonly isEncrypted: boolean;
  readonly statistics: ChunkStatistics | null;
  /** Statistics of its pages, and where these are. */
  readonly columnIndex: IndexPlace | null;
  readonly offsetIndex: IndexPlace | null;
}

export interface IndexPlace {
  readonly offset: number;
  readonly length: number;
}

/** Of the chunk's values as they are stored; only what new writers promise (`min_value`, `max_value`). */
export interface ChunkStatistics {
  readonly min: Uint8Array | null;
  readonly max: Uint8Array | null;
  readonly nullCount: number | null;
  /** Whether the file says in what order `min` and `max` are. */
  readonly isOrdered: boolean;
}

const MAGIC = 0x31524150; // "PAR1"
const MAGIC_ENCRYPTED = 0x45524150; // "PARE"
const TAIL_BYTES = 64 * 1024;

let last: { readonly bytes: Uint8Array; readonly footer: ParquetFooter } | null = null;

/** Reads and checks the footer. The last one is remembered, as one file is often read in several splits. Throws CANNOT_READ_FILE_FOOTER. */
export function readFooter(file: SyncFile, path: string): ParquetFooter {
  const bytes = footerBytes(file, path);
  if (last !== null && Buffer.compare(last.bytes, bytes) === 0) return last.footer;
  let footer: ParquetFooter;
  try {
    footer = parseFooter(new ThriftReader(bytes).struct());
    checkFooter(footer, file.sizeBytes());
  } catch (cause) {
    throw footerError(path, `its metadata is damaged: ${(cause as Error).message}`, cause);
  }
  last = { bytes, footer };
  return footer;
}

function footerBytes(file: SyncFile, path: string): Uint8Array {
  const size = file.sizeBytes();
  if (size < 12) throw footerError(path, `a file of ${size} bytes is too small`);
  const tail = readAt(file, Math.max(0, size - TAIL_BYTES), Math.min(size, TAIL_BYTES));
  const view = new DataView(tail.buffer, tail.byteOffset, tail.length);
  const magic = view.getUint32(tail.length - 4, true);
  if (magic === MAGIC_ENCRYPTED) throw footerError(path, "the footer is encrypted, and encrypted files are not supported");
  if (magic !== MAGIC) throw footerError(path, "it does not end with PAR1");
  const length = view.getUint32(tail.length - 8, true);
  if (length > size - 12) throw footerError(path, `it says to have ${length} bytes, and the file has ${size}`);
  if (length + 8 <= tail.length) return tail.slice(tail.length - 8 - length, tail.length - 8);
  return readAt(file, size - 8 - length, length);
}

/** Fewer bytes are zeros: what lies behind the end of the file. */
export function readAt(file: SyncFile, position: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length;) {
    const read = file.read(bytes.subarray(at), position + at);
    if (read === 0) break;
    at += read;
  }
  return bytes;
}

function parseFooter(struct: ThriftStruct): ParquetFooter {
  const elements = listOf(struct[2], "schema").map(parseElement);
  // One per leaf; the first kind is the order of the column's own type.
  const orders = listOf(struct[7] ?? [], "column orders").map((order) => (order as ThriftStruct)[1] !== undefined);
  const rowGroups = listOf(struct[4] ?? [], "row groups").map((group, index) => parseRowGroup(group as ThriftStruct, index, orders));
  return { elements, rowGroups };
}

function parseElement(value: ThriftValue): SchemaElement {
  const struct = value as ThriftStruct;
  const physical = numberOf(struct[1], null);
  return {
    name: textOf(struct[4]),
    physical,
    typeLength: numberOf(struct[2], 0)!,
    repetition: (["required", "optional", "repeated"] as const)[numberOf(struct[3], 0)!] ?? "required",
    childCount: numberOf(struct[5], 0)!,
    logical: logicalType(struct[10] as ThriftStruct | undefined) ?? convertedType(struct),
  };
}

const UNITS = [undefined, "millis", "micros", "nanos"] as const;

function logicalType(union: ThriftStruct | undefined): LogicalType | null {
  if (union === undefined) return null;
  const kind = union.findIndex((field) => field !== undefined);
  const struct = union[kind] as ThriftStruct;
  switch (kind) {
    case 1:
    case 4:
    case 12:
      return { kind: "string" };
    case 2:
      return { kind: "map" };
    case 3:
      return { kind: "list" };
    case 5:
      return { kind: "decimal", scale: numberOf(struct[1], 0)!, precision: numberOf(struct[2], 0)! };
    case 6:
      return { kind: "date" };
    case 7:
      return { kind: "time" };
    case 8: {
      const unit = UNITS[(struct[2] as ThriftStruct).findIndex((field) => field !== undefined)];
      return unit === undefined ? { kind: "other" } : { kind: "timestamp", unit, isUtc: struct[1] === true };
    }
    case 10:
      return { kind: "integer", bits: numberOf(struct[1], 0)!, isSigned: struct[2] === true };
    case 11:
      return { kind: "unknown" };
    case 13:
      return { kind: "bson" };
    case 14:
      return { kind: "uuid" };
    case 15:
      return { kind: "float16" };
    default:
      return { kind: "other" };
  }
}

/** The older annotations. */
function convertedType(struct: ThriftStruct): LogicalType | null {
  const integer = (bits: number, isSigned: boolean): LogicalType => ({ kind: "integer", bits, isSigned });
  const converted = numberOf(struct[6], null);
  switch (converted) {
    case 0:
    case 4:
    case 19:
      return { kind: "string" };
    case 1:
    case 2:
      return { kind: "map" };
    case 3:
      return { kind: "list" };
    case 5:
      return { kind: "decimal", scale: numberOf(struct[7], 0)!, precision: numberOf(struct[8], 0)! };
    case 6:
      return { kind: "date" };
    case 7:
    case 8:
      return { kind: "time" };
    case 9:
      return { kind: "timestamp", unit: "millis", isUtc: true };
    case 10:
      return { kind: "timestamp", unit: "micros", isUtc: true };
    case 11:
    case 12:
    case 13:
    case 14:
      return integer(8 << (converted - 11), false);
    case 15:
    case 16:
    case 17:
    case 18:
      return integer(8 << (converted - 15), true);
    case 20:
      return { kind: "bson" };
    case 21:
      return { kind: "interval" };
    default:
      return null;
  }
}

function parseRowGroup(struct: ThriftStruct, index: number, orders: readonly boolean[]): RowGroup {
  const columns = listOf(struct[1], "columns").map((chunk, column) => parseChunk(chunk as ThriftStruct, orders[column] ?? false));
  return { index, rowCount: numberOf(struct[3], 0)!, columns };
}

function parseChunk(chunk: ThriftStruct, isOrdered: boolean): ColumnChunk {
  const meta = chunk[3] as ThriftStruct | undefined;
  const indexes = { columnIndex: indexPlace(chunk[6], chunk[7]), offsetIndex: indexPlace(chunk[4], chunk[5]) };
  if (meta === undefined) {
    if (chunk[8] === undefined) throw new Error("a column has no metadata");
    return { physical: -1, codec: 0, valueCount: 0, offset: 0, length: 0, isEncrypted: true, statistics: null, ...indexes };
  }
  const data = numberOf(meta[9], 0)!;
  const dictionary = numberOf(meta[11], 0)!;
  const statistics = meta[12] as ThriftStruct | undefined;
  return {
    physical: numberOf(meta[1], -1)!,
    codec: numberOf(meta[4], 0)!,
    valueCount: numberOf(meta[5], 0)!,
    // Some writers leave 0 where there is no dictionary.
    offset: dictionary > 0 && dictionary < data ? dictionary : data,
    length: numberOf(meta[7], 0)!,
    isEncrypted: chunk[8] !== undefined,
    statistics: statistics ? chunkStatistics(statistics, isOrdered) : null,
    ...indexes,
  };
}

const indexPlace = (offset: ThriftValue | undefined, length: ThriftValue | undefined): IndexPlace | null =>
  typeof offset === "number" && typeof length === "number" && length > 0 ? { offset, length } : null;

function chunkStatistics(struct: ThriftStruct, isOrdered: boolean): ChunkStatistics {
  const bytes = (value: ThriftValue | undefined): Uint8Array | null => (value instanceof Uint8Array ? value : null);
  return { min: bytes(struct[6]), max: bytes(struct[5]), nullCount: numberOf(struct[3], null), isOrdered };
}

function checkFooter({ elements, rowGroups }: ParquetFooter, sizeBytes: number): void {
  if (elements.length === 0) throw new Error("it has no schema");
  const leafCount = elements.filter((element, index) => index > 0 && element.physical !== null).length;
  for (const { index, rowCount, columns } of rowGroups) {
    if (!Number.isSafeInteger(rowCount) || rowCount < 0) throw new Error(`row group ${index} has ${rowCount} rows`);
    if (columns.length !== leafCount) throw new Error(`row group ${index} has ${columns.length} columns, and the schema ${leafCount}`);
    for (const { offset, length, valueCount, isEncrypted, columnIndex, offsetIndex } of columns) {
      if (isEncrypted) continue;
      for (const place of [columnIndex, offsetIndex])
        if (place && !(place.offset >= 0 && place.offset + place.length <= sizeBytes))
          throw new Error("a page index lies outside of the file");
      if (!(offset >= 0 && length >= 0 && offset + length <= sizeBytes) || !(valueCount >= 0))
        throw new Error(`row group ${index} has a column at ${offset} of ${length} bytes, and the file has ${sizeBytes}`);
    }
  }
}

function numberOf(value: ThriftValue | undefined, otherwise: number | null): number | null {
  if (value === undefined) return otherwise;
  if (typeof value !== "number") throw new Error("a field has an unexpected type");
  return value;
}

function listOf(value: ThriftValue | undefined, what: string): readonly ThriftValue[] {
  if (!Array.isArray(value)) throw new Error(`it has no ${what}`);
  return value as readonly ThriftValue[];
}

const textOf = (value: ThriftValue | undefined): string => {
  if (!(value instanceof Uint8Array)) throw new Error("a column has no name");
  return Buffer.from(value.buffer, value.byteOffset, value.length).toString("utf8");
};
