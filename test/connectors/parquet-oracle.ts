/** Rows of Parquet files as parquet-wasm and apache-arrow see them: the second opinion on our own reader. */
import { readFileSync } from "node:fs";
import * as arrow from "apache-arrow";
import type * as Arrow from "apache-arrow";
import { readParquet } from "parquet-wasm/node";
import { decodeUtf8, decodeWide } from "../../src/columnar/value-bytes.ts";
import type { DataType, StructType } from "../../src/columnar/types.ts";
import type { Value } from "../../src/columnar/values.ts";

/** All rows; columns by position, values as the engine has them for `schema`. */
export function oracleRows(path: string, schema: StructType): Value[][] {
  const table = arrow.tableFromIPC(readParquet(readFileSync(path)).intoIPCStream());
  return table.batches.flatMap((batch) =>
    Array.from({ length: batch.numRows }, (_, row) =>
      schema.fields.map((field, index) => arrowValue(batch.data.children[index]!, row, field.dataType)),
    ),
  );
}

const isNull = (data: Arrow.Data, index: number): boolean => {
  const { nullBitmap } = data;
  return nullBitmap !== undefined && nullBitmap.length > 0 && data.nullCount !== 0 && ((nullBitmap[index >> 3]! >> (index & 7)) & 1) === 0;
};

function arrowValue(data: Arrow.Data, index: number, type: DataType): Value {
  if (arrow.DataType.isNull(data.type) || isNull(data, index)) return null;
  if (arrow.DataType.isDictionary(data.type)) return arrowValue(data.dictionary!.data[0]!, Number(data.values[index]), type);
  const { values, valueOffsets: offsets, children } = data as Arrow.Data & { values: any; valueOffsets: Int32Array };
  switch (type.kind) {
    case "boolean":
      return ((values[index >> 3] >> (index & 7)) & 1) === 1;
    case "string":
    case "binary": {
      const [from, to] = arrow.DataType.isFixedSizeBinary(data.type)
        ? [index * data.type.byteWidth, (index + 1) * data.type.byteWidth]
        : [Number(offsets[index]), Number(offsets[index + 1])];
      return type.kind === "string" ? decodeUtf8(values, from, to) : (values as Uint8Array).slice(from, to);
    }
    case "decimal":
      if (values instanceof BigUint64Array) return values[index]!;
      return decodeWide(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), 16 * index);
    case "long":
      return BigInt(values[index] as bigint | number);
    case "timestamp":
    case "timestamp_ntz":
    case "day_time_interval":
      return toMicros(values[index] as bigint, data.type as Arrow.Timestamp);
    case "array":
      return Array.from({ length: offsets[index + 1]! - offsets[index]! }, (_, at) =>
        arrowValue(children[0]!, offsets[index]! + at, type.elementType),
      );
    case "map": {
      const [keys, entries] = children[0]!.children as [Arrow.Data, Arrow.Data];
      return Array.from({ length: offsets[index + 1]! - offsets[index]! }, (_, at) => [
        arrowValue(keys, offsets[index]! + at, type.keyType),
        arrowValue(entries, offsets[index]! + at, type.valueType),
      ]);
    }
    case "struct":
      return type.fields.map((field, at) => arrowValue(children[at]!, index, field.dataType));
    default:
      return Number(values[index]);
  }
}

function toMicros(time: bigint, { unit }: Arrow.Timestamp): bigint {
  if (unit === arrow.TimeUnit.NANOSECOND) return time / 1000n - (time % 1000n < 0n ? 1n : 0n);
  return time * (unit === arrow.TimeUnit.SECOND ? 1_000_000n : unit === arrow.TimeUnit.MILLISECOND ? 1000n : 1n);
}
