/**
 * Rows as one contiguous, self-describing buffer: how rows travel between the main thread and the workers, and how static tables
 * and results of `collect` are kept. The main thread encodes and decodes here; workers do it with the kernels of
 * `kernels/assembly/column-batch.ts`, which must agree with this file.
 *
 * ```
 * header   32 bytes  magic u32 | version u32 | rows u32 | columns u32 | total bytes u32 | 0 …
 * column   24 bytes  kind u32 | flags u32 (0) | validity u32 | values u32 | data u32 | data length u32   (one per leaf)
 * buffers            each 8-byte aligned; 16 bytes of padding after the last
 * ```
 * Offsets count from the start of the buffer. `validity` has one byte per row (1 = valid), offset 0 means that every row is valid.
 * Fixed-width values lie as in a block; `view`, `wide` and `list` columns have `rows + 1` i32 offsets at `values`, relative to
 * `data`. `struct` columns have validity only; nested fields are columns of their own (`leavesOf`).
 */
import { assert } from "../base/assert.ts";
import { PADDING_BYTES } from "./memory-layout.ts";
import { variableBytes, variableValue } from "./list-encoding.ts";
import { type DataType, type Leaf, leavesOf, type PhysicalKind, physicalWidthBytes, type StructField, type StructType } from "./types.ts";
import type { Value } from "./values.ts";

const MAGIC = 0x4243524d; // "MRCB"
const VERSION = 1;
const HEADER_BYTES = 32;
const COLUMN_BYTES = 24;

/** Codes of physical kinds in column descriptors and in the kernels. */
export const PHYSICAL_CODES: Readonly<Record<PhysicalKind, number>> = {
  i8: 0,
  i16: 1,
  i32: 2,
  i64: 3,
  f32: 4,
  f64: 5,
  view: 6,
  wide: 7,
  list: 8,
  struct: 9,
};

const aligned = (bytes: number): number => Math.ceil(bytes / 8) * 8;

/**
 * Encodes rows (top-level fields by position) on a SharedArrayBuffer. Values must fit their type; a null in a column that is not
 * nullable is encoded as a null all the same.
 */
export function encodeColumnBatch(schema: StructType, rows: readonly (readonly Value[])[]): Uint8Array {
  const leaves = leavesOf(schema);
  const paths = leafPositions(schema);
  const columns = leaves.map((leaf, index) => encodeColumn(leaf, columnValues(rows, paths[index]!)));

  let total = aligned(HEADER_BYTES + COLUMN_BYTES * leaves.length);
  const place = (part: Uint8Array | null): number => {
    if (part === null) return 0;
    const offset = total;
    total += aligned(part.length);
    return offset;
  };
  const places = columns.map((column) => ({ validity: place(column.validity), values: place(column.values), data: place(column.data) }));
  total += PADDING_BYTES;
  assert(total < 2 ** 32, "a column batch is larger than 4 GiB");

  const bytes = new Uint8Array(new SharedArrayBuffer(total));
  const view = new DataView(bytes.buffer);
  [MAGIC, VERSION, rows.length, leaves.length, total].forEach((word, index) => view.setUint32(4 * index, word, true));
  columns.forEach((column, index) => {
    const { validity, values, data } = places[index]!;
    const words = [PHYSICAL_CODES[leaves[index]!.physical], 0, validity, values, data, column.data?.length ?? 0];
    words.forEach((word, at) => view.setUint32(HEADER_BYTES + COLUMN_BYTES * index + 4 * at, word, true));
    if (column.validity) bytes.set(column.validity, validity);
    if (column.values) bytes.set(column.values, values);
    if (column.data) bytes.set(column.data, data);
  });
  return bytes;
}

/**
 * Rows that a thread with other things to do takes on at once: a millisecond or two with ordinary work on each. Whoever goes through the rows of a
 * batch on the session's thread lets others have it in between.
 */
const SLICE_ROWS = 512;

/** The rows of a batch, a slice at a time. */
export function* columnBatchSlices(schema: StructType, bytes: Uint8Array): Generator<Value[][]> {
  const rowCount = columnBatchRowCount(bytes);
  for (let from = 0; from < rowCount; from += SLICE_ROWS)
    yield decodeColumnBatch(schema, bytes, from, Math.min(from + SLICE_ROWS, rowCount));
}

/** The rows [from, to) of a batch that has the columns of `schema`; structs come as `Value[]`. Nothing of `bytes` is kept. */
export function decodeColumnBatch(schema: StructType, bytes: Uint8Array, from = 0, to = columnBatchRowCount(bytes)): Value[][] {
  const rowCount = to - from;
  const own = bytes.byteOffset % 8 === 0 ? bytes : bytes.slice();
  const leaves = leavesOf(schema);
  const view = new DataView(own.buffer, own.byteOffset, own.byteLength);
  assert(view.getUint32(12, true) === leaves.length, "a column batch has another number of columns than its schema");
  let next = 0;
  const decodeField = (field: StructField): Value[] => {
    const index = next++;
    const leaf = leaves[index]!;
    const word = (at: number): number => view.getUint32(HEADER_BYTES + COLUMN_BYTES * index + 4 * at, true);
    assert(word(0) === PHYSICAL_CODES[leaf.physical], `column ${leaf.path.join(".")} of a column batch has another type than its schema`);
    const validity = word(2) === 0 ? null : own.subarray(word(2) + from, word(2) + to);
    if (field.dataType.kind === "struct") {
      const fields = field.dataType.fields.map(decodeField);
      return Array.from({ length: rowCount }, (_, row) =>
        validity !== null && validity[row] === 0 ? null : fields.map((column) => column[row]!),
      );
    }
    return decodeColumn(leaf, own, [from, rowCount], validity, word(3), word(4));
  };
  const columns = schema.fields.map(decodeField);
  return Array.from({ length: rowCount }, (_, row) => columns.map((column) => column[row]!));
}

/** Rows in an encoded batch; checks magic and version. */
export function columnBatchRowCount(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  assert(bytes.length >= HEADER_BYTES && view.getUint32(0, true) === MAGIC, "not a column batch");
  assert(view.getUint32(4, true) === VERSION, "a column batch of another version");
  return view.getUint32(8, true);
}

/** Per leaf, the positions to follow from a row: `[1, 0]` is the first field of the struct in the second field. */
function leafPositions(schema: StructType): number[][] {
  const positions: number[][] = [];
  const add = (type: DataType, position: number[]): void => {
    positions.push(position);
    if (type.kind === "struct") type.fields.forEach((field, index) => add(field.dataType, [...position, index]));
  };
  schema.fields.forEach((field, index) => add(field.dataType, [index]));
  return positions;
}

function columnValues(rows: readonly (readonly Value[])[], positions: readonly number[]): Value[] {
  const last = positions.length - 1;
  const values: Value[] = [];
  for (let row = 0; row < rows.length; row++) {
    let parent: readonly Value[] | null = rows[row]!;
    for (let depth = 0; depth < last && parent !== null; depth++) parent = (parent[positions[depth]!] ?? null) as readonly Value[] | null;
    values[row] = parent === null ? null : (parent[positions[last]!] ?? null);
  }
  return values;
}

interface EncodedColumn {
  readonly validity: Uint8Array | null;
  readonly values: Uint8Array | null;
  readonly data: Uint8Array | null;
}

function encodeColumn(leaf: Leaf, values: readonly Value[]): EncodedColumn {
  const count = values.length;
  let validity: Uint8Array | null = null;
  for (let row = 0; row < count; row++) {
    if (values[row] !== null) continue;
    validity ??= new Uint8Array(count).fill(1);
    validity[row] = 0;
  }
  switch (leaf.physical) {
    case "struct":
      return { validity, values: null, data: null };
    case "view":
    case "wide":
    case "list": {
      const { offsets, data } = leaf.dataType.kind === "string" ? encodeStrings(values) : encodeVariable(leaf.dataType, values);
      return { validity, values: new Uint8Array(offsets.buffer), data };
    }
    case "i64": {
      const array = new BigInt64Array(count);
      for (let row = 0; row < count; row++) if (values[row] !== null) array[row] = values[row] as bigint;
      return { validity, values: new Uint8Array(array.buffer), data: null };
    }
    default: {
      const array = new FIXED_ARRAYS[leaf.physical](count);
      for (let row = 0; row < count; row++) if (values[row] !== null) array[row] = Number(values[row]);
      return { validity, values: new Uint8Array(array.buffer), data: null };
    }
  }
}

const FIXED_ARRAYS = { i8: Int8Array, i16: Int16Array, i32: Int32Array, f32: Float32Array, f64: Float64Array } as const;

function encodeStrings(values: readonly Value[]): { offsets: Int32Array; data: Uint8Array } {
  const count = values.length;
  const offsets = new Int32Array(count + 1);
  let data = new Uint8Array(Math.max(64, count * 16));
  const encoder = new TextEncoder();
  let length = 0;
  for (let row = 0; row < count; row++) {
    const text = (values[row] ?? "") as string;
    const bound = length + 3 * text.length;
    if (bound > data.length) {
      const grown = new Uint8Array(Math.max(bound, data.length * 2));
      grown.set(data.subarray(0, length));
      data = grown;
    }
    // Short ASCII, the usual case, is copied here: a call of the encoder costs more than the loop.
    let at = 0;
    if (text.length <= 32) {
      for (; at < text.length; at++) {
        const unit = text.charCodeAt(at);
        if (unit > 127) break;
        data[length + at] = unit;
      }
    }
    length += at === text.length ? at : encoder.encodeInto(text, data.subarray(length)).written;
    assert(length < 2 ** 31, "a string column of a column batch is larger than 2 GiB");
    offsets[row + 1] = length;
  }
  return { offsets, data: data.subarray(0, length) };
}

function encodeVariable(type: DataType, values: readonly Value[]): { offsets: Int32Array; data: Uint8Array } {
  const offsets = new Int32Array(values.length + 1);
  const parts = values.map((value) => (value === null ? null : variableBytes(type, value)));
  let length = 0;
  parts.forEach((part, row) => {
    length += part === null ? 0 : part.length;
    assert(length < 2 ** 31, "a column of a column batch is larger than 2 GiB");
    offsets[row + 1] = length;
  });
  const data = new Uint8Array(length);
  parts.forEach((part, row) => part && data.set(part, offsets[row]));
  return { offsets, data };
}

function decodeColumn(
  { physical, dataType }: Leaf,
  bytes: Uint8Array,
  [first, rowCount]: readonly [first: number, rowCount: number],
  validity: Uint8Array | null,
  values: number,
  data: number,
): Value[] {
  const decoded: Value[] = [];
  const isVariable = physical === "view" || physical === "wide" || physical === "list";
  const start = bytes.byteOffset + values + first * (isVariable ? 4 : physicalWidthBytes[physical]);
  if (isVariable) {
    const offsets = new Int32Array(bytes.buffer, start, rowCount + 1);
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let row = 0; row < rowCount; row++) {
      const from = data + offsets[row]!;
      const to = data + offsets[row + 1]!;
      if (validity !== null && validity[row] === 0) decoded[row] = null;
      else decoded[row] = dataType.kind === "string" ? text.toString("utf8", from, to) : variableValue(dataType, bytes, from, to);
    }
    return decoded;
  }
  assert(physical !== "struct", "a struct has no values of its own");
  const buffer = bytes.buffer as ArrayBuffer;
  const array = physical === "i64" ? new BigInt64Array(buffer, start, rowCount) : new FIXED_ARRAYS[physical](buffer, start, rowCount);
  assert(array.byteLength === rowCount * physicalWidthBytes[physical], "width of a column");
  for (let row = 0; row < rowCount; row++) {
    if (validity !== null && validity[row] === 0) decoded[row] = null;
    else decoded[row] = dataType.kind === "boolean" ? array[row] !== 0 : array[row]!;
  }
  return decoded;
}

/** Where column `index` of a batch lies: byte offsets from the start of the batch, 0 = none (see the drawing above). */
export interface BatchColumnPlace {
  readonly validity: number;
  readonly values: number;
  readonly data: number;
}

export function batchColumnPlace(bytes: Uint8Array, index: number): BatchColumnPlace {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const at = HEADER_BYTES + COLUMN_BYTES * index;
  return { validity: view.getUint32(at + 8, true), values: view.getUint32(at + 12, true), data: view.getUint32(at + 16, true) };
}
