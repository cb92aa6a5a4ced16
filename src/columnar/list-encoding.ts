/**
 * The byte form of one array or map value: what a `list` column's views point to, in blocks, column batches and rows of state.
 * Used on every thread; the kernels read and write the same form. It has no addresses inside, so it can be copied as it is.
 *
 * ```
 * list    = count u32 | 0 u32 | column of elements                     (array)
 *         | count u32 | 0 u32 | column of keys | column of values      (map)
 * column  = validity: one byte per element, 1 = valid, padded to 8 bytes; then
 *           fixed width (boolean, numbers, dates, …): count values, padded to 8 bytes
 *           variable (string, binary, decimal over 18 digits, array, map): count + 1 u32 offsets into the bytes that follow
 *             (padded to 8), then those bytes (padded to 8)
 *           struct: the columns of its fields, one after the other
 * ```
 * Everything is little-endian; a null element is zero bytes (fixed) or empty (variable), so equal lists have equal bytes as long
 * as floating-point elements are canonical.
 */
import { type ArrayType, type DataType, type MapType, physicalKind, physicalWidthBytes } from "./types.ts";
import type { Value } from "./values.ts";
import { decodeUtf8, decodeWide, encodeWide, WIDE_BYTES } from "./value-bytes.ts";

const HEADER_BYTES = 8;
const padded = (bytes: number): number => (bytes + 7) & ~7;

/** Encodes an array (`Value[]`) or a map (`[key, value][]`). */
export function encodeList(type: ArrayType | MapType, value: readonly Value[]): Uint8Array {
  const writer = new ListWriter();
  const count = value.length;
  const at = writer.reserve(HEADER_BYTES);
  writer.view.setUint32(at, count, true);
  if (type.kind === "array") {
    writeColumn(writer, type.elementType, value);
  } else {
    const entries = value as readonly (readonly [Value, Value])[];
    writeColumn(
      writer,
      type.keyType,
      entries.map((entry) => entry[0]),
    );
    writeColumn(
      writer,
      type.valueType,
      entries.map((entry) => entry[1]),
    );
  }
  return writer.bytes.slice(0, writer.length);
}

/** The inverse of `encodeList`. `bytes` may view shared memory; nothing of it is kept. */
export function decodeList(type: ArrayType | MapType, bytes: Uint8Array): Value[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = view.getUint32(0, true);
  const reader: ListReader = { bytes, view, position: HEADER_BYTES };
  if (type.kind === "array") return readColumn(reader, type.elementType, count);
  const keys = readColumn(reader, type.keyType, count);
  const values = readColumn(reader, type.valueType, count);
  return keys.map((key, index): Value => [key, values[index]!]);
}

class ListWriter {
  bytes = new Uint8Array(256);
  view = new DataView(this.bytes.buffer);
  length = 0;

  /** Appends `byteCount` zero bytes, padded to 8, and returns where they begin. */
  reserve(byteCount: number): number {
    const start = this.length;
    const end = start + padded(byteCount);
    if (end > this.bytes.length) {
      const grown = new Uint8Array(Math.max(end, this.bytes.length * 2));
      grown.set(this.bytes.subarray(0, this.length));
      this.bytes = grown;
      this.view = new DataView(grown.buffer);
    }
    this.length = end;
    return start;
  }
}

interface ListReader {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  position: number;
}

function writeColumn(writer: ListWriter, type: DataType, values: readonly Value[]): void {
  const count = values.length;
  const validity = writer.reserve(count);
  for (let i = 0; i < count; i++) writer.bytes[validity + i] = values[i] === null ? 0 : 1;
  if (type.kind === "struct") {
    type.fields.forEach((field, index) => {
      writeColumn(
        writer,
        field.dataType,
        values.map((value) => (value === null ? null : ((value as readonly Value[])[index] ?? null))),
      );
    });
    return;
  }
  const physical = physicalKind(type);
  if (physical === "view" || physical === "wide" || physical === "list") {
    const encoded = values.map((value) => (value === null ? EMPTY : variableBytes(type, value)));
    const offsets = writer.reserve(4 * (count + 1));
    let total = 0;
    for (let i = 0; i < count; i++) writer.view.setUint32(offsets + 4 * i + 4, (total += encoded[i]!.length), true);
    let at = writer.reserve(total);
    for (const bytes of encoded) {
      writer.bytes.set(bytes, at);
      at += bytes.length;
    }
    return;
  }
  const width = physicalWidthBytes[physical];
  const start = writer.reserve(count * width);
  for (let i = 0; i < count; i++) {
    const value = values[i]!;
    if (value === null) continue;
    const at = start + i * width;
    if (physical === "i8") writer.view.setInt8(at, Number(value));
    else if (physical === "i16") writer.view.setInt16(at, value as number, true);
    else if (physical === "i32") writer.view.setInt32(at, value as number, true);
    else if (physical === "i64") writer.view.setBigInt64(at, value as bigint, true);
    else if (physical === "f32") writer.view.setFloat32(at, value as number, true);
    else writer.view.setFloat64(at, value as number, true);
  }
}

const EMPTY = new Uint8Array(0);
const encoder = new TextEncoder();

/** Bytes of one non-null value of a variable-length type, as they lie in lists and column batches. */
export function variableBytes(type: DataType, value: Value): Uint8Array {
  switch (type.kind) {
    case "string":
      return encoder.encode(value as string);
    case "binary":
      return value as Uint8Array;
    case "decimal":
      return encodeWide(value as bigint);
    default:
      return encodeList(type as ArrayType | MapType, value as readonly Value[]);
  }
}

/** The inverse of `variableBytes` for `bytes[start, end)`. */
export function variableValue(type: DataType, bytes: Uint8Array, start: number, end: number): Value {
  switch (type.kind) {
    case "string":
      return decodeUtf8(bytes, start, end);
    case "binary":
      return bytes.slice(start, end);
    case "decimal":
      return end - start === WIDE_BYTES ? decodeWide(bytes, start) : null;
    default:
      return decodeList(type as ArrayType | MapType, bytes.subarray(start, end));
  }
}

function readColumn(reader: ListReader, type: DataType, count: number): Value[] {
  const { bytes, view } = reader;
  const validity = reader.position;
  reader.position += padded(count);
  const values = Array.from({ length: count }, (): Value => null);
  if (type.kind === "struct") {
    const fields = type.fields.map((field) => readColumn(reader, field.dataType, count));
    return values.map((_, i) => (bytes[validity + i] === 1 ? fields.map((column) => column[i]!) : null));
  }
  const physical = physicalKind(type);
  if (physical === "view" || physical === "wide" || physical === "list") {
    const offsets = reader.position;
    const data = offsets + padded(4 * (count + 1));
    reader.position = data + padded(view.getUint32(offsets + 4 * count, true));
    for (let i = 0; i < count; i++) {
      if (bytes[validity + i] !== 1) continue;
      const start = view.getUint32(offsets + 4 * i, true);
      values[i] = variableValue(type, bytes, data + start, data + view.getUint32(offsets + 4 * i + 4, true));
    }
    return values;
  }
  const width = physicalWidthBytes[physical];
  const start = reader.position;
  reader.position += padded(count * width);
  for (let i = 0; i < count; i++) {
    if (bytes[validity + i] !== 1) continue;
    const at = start + i * width;
    if (physical === "i8") values[i] = type.kind === "boolean" ? view.getInt8(at) !== 0 : view.getInt8(at);
    else if (physical === "i16") values[i] = view.getInt16(at, true);
    else if (physical === "i32") values[i] = view.getInt32(at, true);
    else if (physical === "i64") values[i] = view.getBigInt64(at, true);
    else if (physical === "f32") values[i] = view.getFloat32(at, true);
    else values[i] = view.getFloat64(at, true);
  }
  return values;
}
