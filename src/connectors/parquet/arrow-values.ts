/**
 * Single values in Arrow buffers, for arrays and maps, which have no columns of their own in a block. One by one: the plain path. In workers.
 */
import type * as Arrow from "apache-arrow";
import { type DataType, type StructType, structField, structType } from "../../columnar/types.ts";
import { encodeWide } from "../../columnar/value-bytes.ts";
import type { Value } from "../../columnar/values.ts";
import { arrowType, parquetLibraries } from "./arrow-types.ts";

/** A whole column. */
export function arrowData(type: DataType, values: readonly Value[]): Arrow.Data {
  const { arrow } = parquetLibraries();
  const length = values.length;
  const nullBitmap = new Uint8Array(Math.ceil(length / 64) * 8);
  let nullCount = 0;
  values.forEach((value, index) => {
    if (value === null) nullCount++;
    else nullBitmap[index >> 3]! |= 1 << (index & 7);
  });
  const make = (rest: object): Arrow.Data =>
    arrow.makeData({ type: arrowType(type, "element"), length, nullCount, nullBitmap, ...rest } as never);
  const fixed = <A extends { [index: number]: any }>(array: A): Arrow.Data => {
    values.forEach((value, index) => (value === null ? undefined : (array[index] = value as never)));
    return make({ data: array });
  };
  const offsetsOf = (lengths: readonly number[]): Int32Array => {
    const offsets = new Int32Array(length + 1);
    lengths.forEach((part, index) => (offsets[index + 1] = offsets[index]! + part));
    return offsets;
  };
  switch (type.kind) {
    case "boolean": {
      const data = new Uint8Array(Math.ceil(length / 64) * 8);
      values.forEach((value, index) => (value === true ? (data[index >> 3]! |= 1 << (index & 7)) : undefined));
      return make({ data });
    }
    case "byte":
      return fixed(new Int8Array(length));
    case "short":
      return fixed(new Int16Array(length));
    case "integer":
    case "date":
    case "year_month_interval":
      return fixed(new Int32Array(length));
    case "long":
    case "timestamp":
    case "timestamp_ntz":
    case "day_time_interval":
      return fixed(new BigInt64Array(length));
    case "float":
      return fixed(new Float32Array(length));
    case "double":
      return fixed(new Float64Array(length));
    case "decimal": {
      const data = new Uint8Array(16 * length);
      values.forEach((value, index) => value !== null && data.set(encodeWide(value as bigint), 16 * index));
      return make({ data: new Uint32Array(data.buffer) });
    }
    case "string":
    case "binary": {
      const parts = values.map((value) =>
        value === null ? new Uint8Array(0) : typeof value === "string" ? new TextEncoder().encode(value) : (value as Uint8Array),
      );
      return make({ valueOffsets: offsetsOf(parts.map((part) => part.length)), data: new Uint8Array(Buffer.concat(parts)) });
    }
    case "array": {
      const lists = values.map((value) => (value ?? []) as readonly Value[]);
      return make({
        valueOffsets: offsetsOf(lists.map((list) => list.length)),
        child: arrowData(type.elementType, lists.flat(1) as Value[]),
      });
    }
    case "map": {
      const lists = values.map((value) => (value ?? []) as readonly (readonly [Value, Value])[]);
      const entry: StructType = structType([structField("key", type.keyType, false), structField("value", type.valueType)]);
      return make({
        valueOffsets: offsetsOf(lists.map((list) => list.length)),
        child: arrowData(entry, lists.flat() as unknown as Value[]),
      });
    }
    case "struct":
      return make({
        children: type.fields.map((field, at) =>
          arrowData(
            field.dataType,
            values.map((value) => (value === null ? null : (value as readonly Value[])[at]!)),
          ),
        ),
      });
    case "void":
      return make({});
  }
}
