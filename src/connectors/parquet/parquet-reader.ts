/**
 * Reads Parquet files into blocks, in workers: parquet-wasm decodes a file into Arrow record batches of a block's size, whose buffers are copied
 * column by column into the split arena.
 */
import type * as Arrow from "apache-arrow";
import { ConnectorError } from "../../base/errors.ts";
import { variableBytes } from "../../columnar/list-encoding.ts";
import { BLOCK_ROWS_MAX, PADDING_BYTES } from "../../columnar/memory-layout.ts";
import { type DataType, physicalKind, physicalWidthBytes, simpleString, type StructField } from "../../columnar/types.ts";
import type { Kernels } from "../../kernels/load.ts";
import { allocate, copyIn, newBlock, setColumn } from "../block-memory.ts";
import { fileUri } from "../file/file-listing.ts";
import type { ReaderContext, SplitReader } from "../source.ts";
import { parquetLibraries, sparkType } from "./arrow-types.ts";
import { arrowValue, timeScale } from "./arrow-values.ts";

export const parquetReader: SplitReader = {
  name: "parquet",
  open(split, context) {
    const path = split["path"] as string;
    const bytes = readWholeFile(path, context);
    const batches = decode(path, bytes);
    const metrics = { rows: 0, bytes: bytes.length, malformed: 0 };
    let next = 0;
    return {
      metrics,
      next() {
        while (next < batches.length) {
          const batch = batches[next++]!;
          if (batch.numRows === 0) continue;
          metrics.rows += batch.numRows;
          return new BatchLoader(context, path, batch.numRows).load(batch);
        }
        return 0;
      },
      close() {},
    };
  },
};

function readWholeFile(path: string, { files }: ReaderContext): Uint8Array {
  const file = files.openReadSync(path);
  try {
    const bytes = new Uint8Array(file.sizeBytes());
    for (let at = 0; at < bytes.length;) {
      const read = file.read(bytes.subarray(at), at);
      if (read === 0) break;
      at += read;
    }
    return bytes;
  } finally {
    file.close();
  }
}

function decode(path: string, bytes: Uint8Array): readonly Arrow.RecordBatch[] {
  const { arrow, parquet } = parquetLibraries();
  try {
    const stream = parquet.readParquet(bytes, { batchSize: BLOCK_ROWS_MAX }).intoIPCStream();
    return arrow.tableFromIPC(stream).batches;
  } catch (cause) {
    throw footerError(path, cause);
  }
}

export function footerError(path: string, cause: unknown): ConnectorError {
  return new ConnectorError(
    "FAILED_READ_FILE.CANNOT_READ_FILE_FOOTER",
    { path: fileUri(path), reason: (cause as Error).message },
    { cause },
  );
}

/** Loads one record batch. Leaves are visited in the block's order: a struct, then its fields. */
class BatchLoader {
  readonly #context: ReaderContext;
  readonly #kernels: Kernels;
  readonly #path: string;
  readonly #rows: number;
  #block = 0;
  #leaf = 0;

  constructor(context: ReaderContext, path: string, rows: number) {
    this.#context = context;
    this.#kernels = context.kernels;
    this.#path = path;
    this.#rows = rows;
  }

  /** Columns are found by name, whatever the case; one that the file does not have is null. */
  load(batch: Arrow.RecordBatch): number {
    const { schema, leaves } = this.#context;
    this.#block = newBlock(this.#kernels, leaves.length, this.#rows);
    const names = new Map(batch.schema.fields.map((field, index) => [field.name.toLowerCase(), index]));
    for (const field of schema.fields) {
      const index = names.get(field.name.toLowerCase());
      this.#field(field, index === undefined ? null : batch.data.children[index]!, 0, field.name);
    }
    return this.#block;
  }

  /** `parentValidity`: bytes of the struct around the field, 0 if all rows are valid. */
  #field(field: StructField, data: Arrow.Data | null, parentValidity: number, column: string): void {
    const leaf = this.#leaf++;
    const { dataType } = field;
    const isNeeded = dataType.kind === "struct" || this.#context.needed[leaf]!;
    if (!isNeeded) return;
    const validity = data === null ? this.#zeros() : this.#validity(data, parentValidity);
    if (dataType.kind === "struct") {
      setColumn(this.#kernels, this.#block, leaf, 0, validity);
      const children = data === null ? [] : this.#structChildren(data, dataType, column);
      dataType.fields.forEach((child, index) => this.#field(child, children[index] ?? null, validity, `${column}.${child.name}`));
      return;
    }
    const values = data === null ? this.#nullValues(dataType) : this.#values(dataType, data, column);
    setColumn(this.#kernels, this.#block, leaf, values, validity);
  }

  #structChildren(data: Arrow.Data, type: DataType & { kind: "struct" }, column: string): (Arrow.Data | null)[] {
    const { arrow } = parquetLibraries();
    if (!arrow.DataType.isStruct(data.type)) throw this.#mismatch(type, data, column);
    const fields = data.type.children;
    return type.fields.map((field) => {
      const index = fields.findIndex((child) => child.name.toLowerCase() === field.name.toLowerCase());
      return index < 0 ? null : data.children[index]!;
    });
  }

  #zeros(): number {
    const address = allocate(this.#kernels, this.#rows);
    this.#kernels.bytes().fill(0, address, address + this.#rows);
    return address;
  }

  #nullValues(type: DataType): number {
    const bytes = physicalWidthBytes[physicalKind(type)] * this.#rows;
    const address = allocate(this.#kernels, bytes);
    this.#kernels.bytes().fill(0, address, address + bytes);
    return address;
  }

  #validity(data: Arrow.Data, parentValidity: number): number {
    const { nullBitmap } = data;
    if (!nullBitmap || nullBitmap.length === 0 || data.nullCount === 0) return parentValidity;
    const own = allocate(this.#kernels, this.#rows);
    this.#kernels.exports["bytes_from_bits"]!(copyIn(this.#kernels, nullBitmap), 0, own, this.#rows);
    if (parentValidity !== 0) this.#kernels.exports["bytes_and"]!(own, parentValidity, this.#rows);
    return own;
  }

  /** Values of the type that the query wants, from what the file has, where Spark allows it. */
  #values(type: DataType, data: Arrow.Data, column: string): number {
    const { arrow } = parquetLibraries();
    if (arrow.DataType.isDictionary(data.type)) return this.#dictionary(type, data, column);
    const found = sparkType(data.type, column);
    const rows = this.#rows;
    const { exports } = this.#kernels;
    const source = data.values as Uint8Array | undefined;
    const copy = (array: ArrayBufferView, elements = rows): number =>
      copyIn(
        this.#kernels,
        new Uint8Array(array.buffer, array.byteOffset, (array.byteLength / lengthOf(array)) * Math.min(elements, lengthOf(array)) || 0),
      );
    switch (type.kind) {
      case "boolean": {
        if (found.kind !== "boolean") break;
        const target = allocate(this.#kernels, rows);
        exports["bytes_from_bits"]!(copyIn(this.#kernels, source!), 0, target, rows);
        return target;
      }
      case "string":
      case "binary":
        if (found.kind !== "string" && found.kind !== "binary") break;
        return arrow.DataType.isFixedSizeBinary(data.type) ? this.#fixedViews(source!, data.type.byteWidth) : this.#views(data);
      case "decimal": {
        if (found.kind !== "decimal" || found.scale !== type.scale || found.precision > type.precision) break;
        if (type.precision > 18) return this.#fixedViews(new Uint8Array(source!.buffer, source!.byteOffset, 16 * rows), 16);
        const target = allocate(this.#kernels, 8 * rows);
        exports["decimals_narrow"]!(copyIn(this.#kernels, new Uint8Array(source!.buffer, source!.byteOffset, 16 * rows)), target, rows);
        return target;
      }
      case "timestamp":
      case "timestamp_ntz": {
        if (found.kind !== "timestamp" && found.kind !== "timestamp_ntz") break;
        const target = copy(source!);
        const [factor, divisor] = timeScale(data.type);
        if (factor !== divisor) exports["times_rescale"]!(target, factor, divisor, rows);
        return target;
      }
      case "array":
      case "map":
        if (simpleString(found) !== simpleString(type)) break;
        return this.#lists(type, data);
      case "date":
        if (found.kind !== "date") break;
        // Days, or milliseconds of whole days.
        return source instanceof Int32Array
          ? copy(source)
          : copy(Int32Array.from(source as unknown as BigInt64Array, (ms) => Number(ms) / 86_400_000));
      case "void":
        return this.#nullValues(type);
      default: {
        const array = source && widened(source, found, type);
        if (array) return copy(array);
      }
    }
    throw this.#mismatch(type, data, column);
  }

  #views(data: Arrow.Data): number {
    const rows = this.#rows;
    const offsets = data.valueOffsets as Int32Array | BigInt64Array;
    const narrow = offsets instanceof BigInt64Array ? Int32Array.from(offsets, Number) : offsets.subarray(0, rows + 1);
    const from = narrow[0]!;
    const bytes = copyIn(this.#kernels, (data.values as Uint8Array).subarray(from, narrow[rows]), PADDING_BYTES);
    const views = allocate(this.#kernels, 8 * rows);
    const offsetsAddress = copyIn(this.#kernels, new Uint8Array(narrow.buffer, narrow.byteOffset, 4 * (rows + 1)));
    this.#kernels.exports["views_from_offsets"]!(offsetsAddress, bytes - from, views, rows);
    return views;
  }

  #fixedViews(bytes: Uint8Array, width: number): number {
    const data = copyIn(this.#kernels, bytes.subarray(0, width * this.#rows), PADDING_BYTES);
    const views = allocate(this.#kernels, 8 * this.#rows);
    this.#kernels.exports["views_from_fixed"]!(data, width, views, this.#rows);
    return views;
  }

  #dictionary(type: DataType, data: Arrow.Data, column: string): number {
    const words = data.dictionary!.data[0]!;
    const loader = new BatchLoader(this.#context, this.#path, words.length);
    const width = physicalWidthBytes[physicalKind(type)];
    const values = loader.#values(type, words, column);
    const indexes = Uint32Array.from(data.values as Int32Array);
    const target = allocate(this.#kernels, width * this.#rows);
    this.#kernels.exports["gather_column"]!(values, width, copyIn(this.#kernels, new Uint8Array(indexes.buffer)), target, this.#rows);
    return target;
  }

  /** Arrays and maps, value by value, in the engine's own encoding. */
  #lists(type: DataType, data: Arrow.Data): number {
    const parts = Array.from({ length: this.#rows }, (_, row) => {
      const value = arrowValue(data, row, type);
      return value === null ? new Uint8Array(0) : variableBytes(type, value);
    });
    // List encodings are read in 8-byte words.
    const starts: number[] = [];
    let total = 0;
    for (const part of parts) {
      starts.push(total);
      total += Math.ceil(part.length / 8) * 8;
    }
    const bytes = new Uint8Array(total);
    parts.forEach((part, row) => bytes.set(part, starts[row]));
    const address = copyIn(this.#kernels, bytes, PADDING_BYTES);
    const views = BigUint64Array.from(parts, (part, row) => BigInt(address + starts[row]!) | (BigInt(part.length) << 32n));
    return copyIn(this.#kernels, new Uint8Array(views.buffer));
  }

  #mismatch(type: DataType, data: Arrow.Data, column: string): ConnectorError {
    return new ConnectorError("FAILED_READ_FILE.PARQUET_COLUMN_DATA_TYPE_MISMATCH", {
      path: fileUri(this.#path),
      column: `[${column}]`,
      expectedType: simpleString(type),
      actualType: String(data.type),
    });
  }
}

const lengthOf = (array: ArrayBufferView): number => (array as Uint8Array).length;

const INTEGER_WIDTH: Readonly<Record<string, number>> = { byte: 1, short: 2, integer: 4, long: 8 };

/** The array itself when the types agree, a converted copy where no value can be lost, otherwise null. */
function widened(source: ArrayBufferView, found: DataType, wanted: DataType): ArrayBufferView | null {
  if (found.kind === wanted.kind) return unsignedAsSigned(source, found);
  const numbers = source as Int32Array;
  const [from, to] = [INTEGER_WIDTH[found.kind], INTEGER_WIDTH[wanted.kind]];
  if (from !== undefined && to !== undefined && from < to)
    return wanted.kind === "long"
      ? BigInt64Array.from(numbers, BigInt)
      : wanted.kind === "integer"
        ? Int32Array.from(numbers)
        : Int16Array.from(numbers);
  if (wanted.kind === "double" && ((from !== undefined && from <= 4) || found.kind === "float")) return Float64Array.from(numbers);
  return null;
}

/** Unsigned integers come as the next wider signed type. */
function unsignedAsSigned(source: ArrayBufferView, found: DataType): ArrayBufferView {
  if (found.kind === "short" && source instanceof Uint8Array) return Int16Array.from(source);
  if (found.kind === "integer" && source instanceof Uint16Array) return Int32Array.from(source);
  if (found.kind === "long" && source instanceof Uint32Array) return BigInt64Array.from(source, BigInt);
  return source;
}
