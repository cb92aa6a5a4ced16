/**
 * Writes blocks as Parquet, in workers: pages are encoded by kernels as blocks come (`column-encoder.ts`), and a row group leaves when it is
 * full. Files with nested columns and with other codecs are written by way of Arrow (`arrow-writer.ts`).
 *
 * ```
 * "PAR1"  row group: a chunk of pages per column   row group …   footer (thrift)   its length u32   "PAR1"
 * ```
 */
import type { StructType } from "../../columnar/types.ts";
import type { Kernels } from "../../kernels/load.ts";
import { blockRowCount, getColumn } from "../block-memory.ts";
import type { FileEncoder, OpenFileEncoder } from "../file/file-encoder.ts";
import { ArrowFileEncoder, ROW_GROUP_ROWS } from "./arrow-writer.ts";
import { CODEC_NUMBER, ColumnEncoder, type OwnCodec } from "./column-encoder.ts";
import type { ParquetCodec } from "./parquet-options.ts";
import { sparkMetadata } from "./spark-metadata.ts";
import { binary, i32, i64, list, struct, type ThriftField, thriftBytes } from "./thrift-writer.ts";
import { schemaElement, type WrittenColumn, writtenColumn } from "./written-column.ts";

const ROW_GROUP_BYTES = 128 << 20;
const MAGIC = Buffer.from("PAR1");

export const parquetEncoder: FileEncoder = {
  open(schema, options, kernels) {
    const codec: ParquetCodec = options.get("compression");
    const columns = columnsOf(schema);
    return columns && codec in CODEC_NUMBER
      ? new ParquetFileEncoder(schema, columns, codec as OwnCodec, kernels)
      : new ArrowFileEncoder(schema, codec, kernels);
  },
};

/** Null if a column is nested. */
function columnsOf({ fields }: StructType): readonly WrittenColumn[] | null {
  const columns = fields.map(({ name, dataType }) => writtenColumn(name, dataType));
  return columns.length > 0 && columns.every((column) => column !== null) ? columns : null;
}

class ParquetFileEncoder implements OpenFileEncoder {
  readonly #schema: StructType;
  readonly #columns: readonly WrittenColumn[];
  readonly #codec: OwnCodec;
  readonly #kernels: Kernels;
  #encoders: readonly ColumnEncoder[];
  /** Of the row group under way. */
  #rows = 0;
  #rowGroups: { readonly rows: number; readonly entry: ThriftField }[] = [];
  #ready: Uint8Array[] = [MAGIC];
  /** Of the next byte in the file. */
  #offset = MAGIC.length;

  constructor(schema: StructType, columns: readonly WrittenColumn[], codec: OwnCodec, kernels: Kernels) {
    this.#schema = schema;
    this.#columns = columns;
    this.#codec = codec;
    this.#kernels = kernels;
    this.#encoders = this.#newEncoders();
  }

  append(block: number): void {
    const rows = blockRowCount(this.#kernels, block);
    this.#encoders.forEach((encoder, leaf) => encoder.append(getColumn(this.#kernels, block, leaf), rows));
    this.#rows += rows;
    const bytes = this.#encoders.reduce((sum, encoder) => sum + encoder.bytes, 0);
    if (this.#rows >= ROW_GROUP_ROWS || bytes >= ROW_GROUP_BYTES) this.#endRowGroup();
  }

  take(): Uint8Array {
    const bytes = Buffer.concat(this.#ready);
    this.#ready = [];
    return bytes;
  }

  finish(): Uint8Array {
    if (this.#rows > 0) this.#endRowGroup();
    const footer = thriftBytes(
      struct({
        1: i32(1),
        2: list([struct({ 4: binary("spark_schema"), 5: i32(this.#columns.length) }), ...this.#columns.map(schemaElement)]),
        3: i64(this.#rowGroups.reduce((sum, { rows }) => sum + rows, 0)),
        4: list(this.#rowGroups.map(({ entry }) => entry)),
        5: list([...sparkMetadata(this.#schema)].map(([key, value]) => struct({ 1: binary(key), 2: binary(value) }))),
        6: binary("millrace"),
        7: list(this.#columns.map(() => struct({ 1: struct({}) }))),
      }),
    );
    const length = Buffer.alloc(4);
    length.writeUInt32LE(footer.length);
    this.#ready.push(footer, length, MAGIC);
    return this.take();
  }

  #newEncoders(): ColumnEncoder[] {
    return this.#columns.map((column) => new ColumnEncoder(column, this.#codec, this.#kernels));
  }

  #endRowGroup(): void {
    const chunks: ThriftField[] = [];
    let [bytes, uncompressedBytes] = [0, 0];
    for (const encoder of this.#encoders) {
      const column = encoder.finish(this.#offset);
      this.#ready.push(...column.parts);
      this.#offset += column.bytes;
      chunks.push(column.chunk);
      bytes += column.bytes;
      uncompressedBytes += column.uncompressedBytes;
    }
    const entry = struct({ 1: list(chunks), 2: i64(uncompressedBytes), 3: i64(this.#rows), 6: i64(bytes) });
    this.#rowGroups.push({ rows: this.#rows, entry });
    this.#rows = 0;
    this.#encoders = this.#newEncoders();
  }
}
