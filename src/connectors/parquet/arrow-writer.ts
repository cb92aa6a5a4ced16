/**
 * Writes blocks as Parquet through Arrow record batches, which parquet-wasm encodes when the file is finished: nested columns, and codecs that
 * `parquet-writer.ts` has no kernel for. A file's rows are in memory until then. In workers.
 */
import type * as Arrow from "apache-arrow";
import { assert } from "../../base/assert.ts";
import { BlockReader } from "../../columnar/block-values.ts";
import { ARENA_BLOCK } from "../../columnar/memory-layout.ts";
import { type DataType, physicalKind, type StructField, type StructType } from "../../columnar/types.ts";
import type { Kernels } from "../../kernels/load.ts";
import { allocate, type BlockColumn, blockRowCount, getColumn } from "../block-memory.ts";
import type { OpenFileEncoder } from "../file/file-encoder.ts";
import { arrowType, parquetLibraries } from "./arrow-types.ts";
import { arrowData } from "./arrow-values.ts";
import { sparkMetadata } from "./spark-metadata.ts";
import type { ParquetCodec } from "./parquet-options.ts";

export const ROW_GROUP_ROWS = 1 << 20;

export class ArrowFileEncoder implements OpenFileEncoder {
  readonly #schema: StructType;
  readonly #arrowSchema: Arrow.Schema;
  readonly #codec: ParquetCodec;
  readonly #kernels: Kernels;
  readonly #batches: Arrow.RecordBatch[] = [];

  constructor(schema: StructType, codec: ParquetCodec, kernels: Kernels) {
    const { arrow } = parquetLibraries();
    this.#schema = schema;
    this.#arrowSchema = new arrow.Schema(
      schema.fields.map((field) => new arrow.Field(field.name, arrowType(field.dataType, field.name), true)),
    );
    this.#codec = codec;
    this.#kernels = kernels;
  }

  append(block: number): void {
    const { arrow } = parquetLibraries();
    const children = new BlockColumns(this.#kernels, block, this.#schema).all();
    const type = new arrow.Struct(this.#arrowSchema.fields);
    const data = arrow.makeData({ type, length: blockRowCount(this.#kernels, block), nullCount: 0, children });
    this.#batches.push(new arrow.RecordBatch(this.#arrowSchema, data));
  }

  take(): Uint8Array {
    return new Uint8Array(0);
  }

  finish(): Uint8Array {
    const { arrow, parquet } = parquetLibraries();
    const table = parquet.Table.fromIPCStream(arrow.tableToIPC(new arrow.Table(this.#arrowSchema, this.#batches), "stream"));
    const codecs: Readonly<Record<ParquetCodec, number>> = {
      none: parquet.Compression.UNCOMPRESSED,
      uncompressed: parquet.Compression.UNCOMPRESSED,
      snappy: parquet.Compression.SNAPPY,
      gzip: parquet.Compression.GZIP,
      lz4: parquet.Compression.LZ4_RAW,
      brotli: parquet.Compression.BROTLI,
      zstd: parquet.Compression.ZSTD,
    };
    const properties = new parquet.WriterPropertiesBuilder()
      .setCompression(codecs[this.#codec])
      .setMaxRowGroupSize(ROW_GROUP_ROWS)
      .setCreatedBy("millrace")
      .setKeyValueMetadata(new Map(sparkMetadata(this.#schema)))
      .build();
    return parquet.writeParquet(table, properties);
  }
}

/** The columns of one block as Arrow data; leaves are visited in the block's order. */
class BlockColumns {
  readonly #kernels: Kernels;
  readonly #block: number;
  readonly #schema: StructType;
  readonly #rows: number;
  #leaf = 0;

  constructor(kernels: Kernels, block: number, schema: StructType) {
    this.#kernels = kernels;
    this.#block = block;
    this.#schema = schema;
    this.#rows = blockRowCount(kernels, block);
  }

  all(): Arrow.Data[] {
    return this.#schema.fields.map((field, index) => this.#column(field, index));
  }

  /** `top` is the index of the top-level field this one belongs to. */
  #column(field: StructField, top: number): Arrow.Data {
    const { arrow } = parquetLibraries();
    const { dataType } = field;
    const column = getColumn(this.#kernels, this.#block, this.#leaf++);
    if (dataType.kind === "array" || dataType.kind === "map") return this.#lists(field, top);
    const type = arrowType(dataType, field.name);
    const nulls = this.#nulls(column);
    if (dataType.kind === "struct") {
      const children = dataType.fields.map((child) => this.#column(child, top));
      return arrow.makeData({ type, length: this.#rows, ...nulls, children } as never);
    }
    return arrow.makeData({ type, length: this.#rows, ...nulls, ...this.#buffers(dataType, column) } as never);
  }

  #nulls({ validity }: BlockColumn): { nullCount: number; nullBitmap?: Uint8Array } {
    if (validity === 0) return { nullCount: 0 };
    const bytes = this.#bitmapBytes;
    const bitmap = allocate(this.#kernels, bytes, ARENA_BLOCK);
    const nullCount = this.#kernels.exports["bits_from_bytes"]!(validity, bitmap, this.#rows) as number;
    return { nullCount, nullBitmap: this.#copy(bitmap, bytes) };
  }

  get #bitmapBytes(): number {
    return Math.ceil(this.#rows / 8);
  }

  #buffers(type: DataType, { values, validity }: BlockColumn): object {
    const { exports } = this.#kernels;
    const rows = this.#rows;
    assert(values !== 0, "a column that is written has values");
    const temporary = (bytes: number): number => allocate(this.#kernels, bytes, ARENA_BLOCK);
    switch (physicalKind(type)) {
      case "i8": {
        if (type.kind !== "boolean") return { data: new Int8Array(this.#copy(values, rows).buffer) };
        const bits = temporary(this.#bitmapBytes);
        exports["bits_from_bytes"]!(values, bits, rows);
        return { data: this.#copy(bits, this.#bitmapBytes) };
      }
      case "i16":
        return { data: new Int16Array(this.#copy(values, 2 * rows).buffer) };
      case "i32":
        return { data: new Int32Array(this.#copy(values, 4 * rows).buffer) };
      case "f32":
        return { data: new Float32Array(this.#copy(values, 4 * rows).buffer) };
      case "f64":
        return { data: new Float64Array(this.#copy(values, 8 * rows).buffer) };
      case "i64": {
        if (type.kind !== "decimal") return { data: new BigInt64Array(this.#copy(values, 8 * rows).buffer) };
        const wide = temporary(16 * rows);
        exports["decimals_widen"]!(values, wide, rows);
        return { data: new Uint32Array(this.#copy(wide, 16 * rows).buffer) };
      }
      case "wide": {
        const wide = temporary(16 * rows);
        exports["fixed_from_views"]!(values, validity, 16, wide, rows);
        return { data: new Uint32Array(this.#copy(wide, 16 * rows).buffer) };
      }
      default: {
        const length = exports["views_total_bytes"]!(values, validity, rows) >>> 0;
        const offsets = temporary(4 * (rows + 1));
        const data = temporary(length);
        exports["offsets_from_views"]!(values, validity, offsets, data, 0, rows);
        return { valueOffsets: new Int32Array(this.#copy(offsets, 4 * (rows + 1)).buffer), data: this.#copy(data, length) };
      }
    }
  }

  /** Value by value; lists inside structs are found by way of their top-level column. */
  #lists(field: StructField, top: number): Arrow.Data {
    const reader = new BlockReader(this.#kernels, this.#block, this.#schema);
    const path = pathTo(this.#schema.fields[top]!, field);
    const values = Array.from({ length: this.#rows }, (_, row) => {
      let value = reader.value(top, row);
      for (const position of path) value = value === null ? null : (value as readonly any[])[position];
      return value;
    });
    return arrowData(field.dataType, values);
  }

  /** An own copy: what is in the worker's memory does not outlive the block. */
  #copy(address: number, bytes: number): Uint8Array {
    return Uint8Array.from(this.#kernels.bytes().subarray(address, address + bytes));
  }
}

/** Positions from a top-level field down to `wanted` (the very object). */
function pathTo(field: StructField, wanted: StructField): readonly number[] {
  const find = (at: StructField): number[] | null => {
    if (at === wanted) return [];
    if (at.dataType.kind !== "struct") return null;
    for (const [index, child] of at.dataType.fields.entries()) {
      const rest = find(child);
      if (rest) return [index, ...rest];
    }
    return null;
  };
  return find(field) ?? [];
}
