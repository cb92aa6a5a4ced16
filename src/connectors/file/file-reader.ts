/**
 * Reads a piece of a file in a worker: checks that the file is still what was planned, lets the format's reader parse it, and adds the
 * columns that come from directory names.
 */
import { assert } from "../../base/assert.ts";
import { ConnectorError } from "../../base/errors.ts";
import { BLOCK_ROWS_MAX, PADDING_BYTES } from "../../columnar/memory-layout.ts";
import { encodeWide } from "../../columnar/value-bytes.ts";
import { type Leaf, leafCount, physicalWidthBytes, structType } from "../../columnar/types.ts";
import type { Value } from "../../columnar/values.ts";
import type { Kernels } from "../../kernels/load.ts";
import { allocate, type BlockColumn, blockRowCount, copyIn, getColumn, newBlock, setColumn } from "../block-memory.ts";
import type { ReaderContext, Split, SplitCursor, SplitReader } from "../source.ts";
import { fileUri } from "./file-listing.ts";
import { partitionValue } from "./partition-values.ts";

type PartitionTexts = Readonly<Record<string, string | null>>;

/** The reader over formats by name. */
export function fileReaderOver(formats: ReadonlyMap<string, SplitReader>): SplitReader {
  return {
    name: "file",
    open(split, context) {
      if (!isUnchanged(split, context)) return EMPTY;
      const format = formats.get(split["format"] as string);
      assert(format !== undefined, `no reader for files of format ${String(split["format"])}`);
      const inner = { ...split, reader: format.name };
      const texts = (split["partitions"] ?? {}) as PartitionTexts;
      const columns = splitColumns(context, texts);
      if (columns.constants.length === 0) return format.open(inner, context);
      return withConstants(format.open(inner, columns.data), columns, context, texts);
    },
  };
}

const EMPTY: SplitCursor = { metrics: { rows: 0, bytes: 0, malformed: 0 }, next: () => 0, close() {} };

/** False: the file is gone and may be skipped. */
function isUnchanged(split: Split, { files, options }: ReaderContext): boolean {
  const path = split["path"] as string;
  try {
    const file = files.openReadSync(path);
    const sizeBytes = file.sizeBytes();
    file.close();
    if (sizeBytes === split["sizeBytes"]) return true;
    throw new ConnectorError("FAILED_READ_FILE.FILE_CHANGED", {
      path: fileUri(path),
      planned: String(split["sizeBytes"]),
      found: String(sizeBytes),
    });
  } catch (error) {
    if (error instanceof ConnectorError) throw error;
    if ((error as NodeJS.ErrnoException).code !== "ENOENT")
      throw new ConnectorError("FAILED_READ_FILE.NO_HINT", { path: fileUri(path), reason: (error as Error).message }, { cause: error });
    if (options.get<boolean>("ignoreMissingFiles")) return false;
    throw new ConnectorError("FAILED_READ_FILE.FILE_NOT_EXIST", { path: fileUri(path) }, { cause: error });
  }
}

interface SplitColumns {
  /** The context for the format's reader, which knows the columns of the file only. */
  readonly data: ReaderContext;
  /** Per leaf of the relation, its index among the file's leaves, or -1 for a column of the directory names. */
  readonly sources: readonly number[];
  readonly constants: readonly { readonly leaf: Leaf; readonly index: number; readonly name: string }[];
}

function splitColumns(context: ReaderContext, texts: PartitionTexts): SplitColumns {
  const names = new Map(Object.keys(texts).map((name) => [name.toLowerCase(), name]));
  const { schema, leaves, needed } = context;
  const constants: { leaf: Leaf; index: number; name: string }[] = [];
  const sources: number[] = [];
  const dataIndexes: number[] = [];
  const dataFields = schema.fields.filter((field) => {
    const index = sources.length;
    const name = names.get(field.name.toLowerCase());
    if (name === undefined) {
      for (let leaf = 0; leaf < leafCount(field.dataType); leaf++) {
        sources.push(dataIndexes.length);
        dataIndexes.push(index + leaf);
      }
      return true;
    }
    sources.push(-1);
    constants.push({ leaf: leaves[index]!, index, name });
    return false;
  });
  const data = {
    ...context,
    schema: structType(dataFields),
    leaves: dataIndexes.map((index) => leaves[index]!),
    needed: dataIndexes.map((index) => needed[index]!),
  };
  return { data, sources, constants };
}

function withConstants(
  cursor: SplitCursor,
  { sources, constants }: SplitColumns,
  context: ReaderContext,
  texts: PartitionTexts,
): SplitCursor {
  const { kernels, needed, timeZone } = context;
  const columns = new Map<number, BlockColumn>();
  for (const { leaf, index, name } of constants) {
    if (needed[index]) columns.set(index, constantColumn(kernels, leaf, partitionValue(texts[name]!, leaf.dataType, timeZone)));
  }
  return {
    metrics: cursor.metrics,
    next() {
      const inner = cursor.next();
      if (inner === 0) return 0;
      const block = newBlock(kernels, sources.length, blockRowCount(kernels, inner));
      sources.forEach((source, index) => {
        const column = source >= 0 ? getColumn(kernels, inner, source) : columns.get(index);
        if (column) setColumn(kernels, block, index, column.values, column.validity, column.dictionary);
      });
      return block;
    },
    get reusableBytes() {
      return cursor.reusableBytes ?? 0;
    },
    reuse: () => cursor.reuse?.(),
    close: () => cursor.close(),
  };
}

/** A full block's worth of one value; every block of the split uses the same. */
function constantColumn(kernels: Kernels, leaf: Leaf, value: Value): BlockColumn {
  const width = physicalWidthBytes[leaf.physical];
  const values = allocate(kernels, width * BLOCK_ROWS_MAX);
  let validity = 0;
  if (value === null) {
    validity = allocate(kernels, BLOCK_ROWS_MAX);
    kernels.bytes().fill(0, validity, validity + BLOCK_ROWS_MAX);
  }
  kernels.exports["generate_constant"]!(values, width, value === null ? 0n : valueBits(kernels, leaf, value), BLOCK_ROWS_MAX);
  return { values, validity };
}

/** The bits of one value as it lies in a column; strings and the like are copied to the split arena and stand as a view. */
function valueBits(kernels: Kernels, leaf: Leaf, value: Value): bigint {
  const scratch = new DataView(new ArrayBuffer(8));
  const variable = (bytes: Uint8Array): bigint => BigInt(copyIn(kernels, bytes, PADDING_BYTES)) | (BigInt(bytes.length) << 32n);
  switch (leaf.physical) {
    case "view":
      return variable(typeof value === "string" ? new TextEncoder().encode(value) : (value as Uint8Array));
    case "wide":
      return variable(encodeWide(value as bigint));
    case "i64":
      return value as bigint;
    case "f32":
      scratch.setFloat32(0, value as number, true);
      return scratch.getBigInt64(0, true);
    case "f64":
      scratch.setFloat64(0, value as number, true);
      return scratch.getBigInt64(0, true);
    default:
      return BigInt(Number(value));
  }
}
