/** Results as an Arrow table (`df.toArrow()`), for libraries that read Arrow. Loaded on first use; session's thread. */
import * as arrow from "apache-arrow";
import type { DataType, StructType } from "../columnar/types.ts";
import type { Value } from "../columnar/values.ts";

/** One record batch per element of `batches`, each rows by position. Times are microseconds, zoned ones in UTC. */
export function arrowTable(schema: StructType, batches: readonly (readonly (readonly Value[])[])[]): arrow.Table {
  const fields = schema.fields.map((field) => new arrow.Field(field.name, arrowType(field.dataType), field.nullable));
  const arrowSchema = new arrow.Schema(fields);
  const recordBatches = batches.map((rows) => {
    const children = schema.fields.map((field, column) =>
      columnData(
        field.dataType,
        rows.map((row) => row[column]!),
      ),
    );
    return new arrow.RecordBatch(
      arrowSchema,
      arrow.makeData({ type: new arrow.Struct(fields), length: rows.length, nullCount: 0, children }),
    );
  });
  return new arrow.Table(arrowSchema, recordBatches);
}

function arrowType(type: DataType): arrow.DataType {
  switch (type.kind) {
    case "void":
      return new arrow.Null();
    case "boolean":
      return new arrow.Bool();
    case "byte":
      return new arrow.Int8();
    case "short":
      return new arrow.Int16();
    case "integer":
      return new arrow.Int32();
    case "long":
      return new arrow.Int64();
    case "float":
      return new arrow.Float32();
    case "double":
      return new arrow.Float64();
    case "decimal":
      return new arrow.Decimal(type.scale, type.precision, 128);
    case "string":
      return new arrow.Utf8();
    case "binary":
      return new arrow.Binary();
    case "date":
      return new arrow.DateDay();
    case "timestamp":
      return new arrow.TimestampMicrosecond("UTC");
    case "timestamp_ntz":
      return new arrow.TimestampMicrosecond();
    case "day_time_interval":
      return new arrow.DurationMicrosecond();
    case "year_month_interval":
      return new arrow.IntervalYearMonth();
    case "array":
      return new arrow.List(new arrow.Field("element", arrowType(type.elementType), type.containsNull));
    case "map":
      return new arrow.Map_(new arrow.Field("entries", entryType(type) as arrow.Struct<any>, false));
    case "struct":
      return new arrow.Struct(type.fields.map((field) => new arrow.Field(field.name, arrowType(field.dataType), field.nullable)));
  }
}

function entryType(type: Extract<DataType, { kind: "map" }>): arrow.DataType {
  return new arrow.Struct([
    new arrow.Field("key", arrowType(type.keyType), false),
    new arrow.Field("value", arrowType(type.valueType), type.valueContainsNull),
  ]);
}

/** The Arrow buffers of one column. Nulls hold zeros. */
function columnData(type: DataType, values: readonly Value[]): arrow.Data {
  const length = values.length;
  const nullBitmap = bitmap(values.map((value) => value !== null));
  const nullCount = values.reduce<number>((count, value) => count + (value === null ? 1 : 0), 0);
  const make = (buffers: object): arrow.Data =>
    arrow.makeData({ type: arrowType(type), length, nullCount, nullBitmap: nullCount === 0 ? null : nullBitmap, ...buffers } as any);
  const numbers = values as readonly (number | null)[];
  const bigints = values as readonly (bigint | null)[];
  switch (type.kind) {
    case "void":
      return arrow.makeData({ type: new arrow.Null(), length });
    case "boolean":
      return make({ data: bitmap(values.map((value) => value === true)) });
    case "byte":
      return make({ data: Int8Array.from(numbers, (value) => value ?? 0) });
    case "short":
      return make({ data: Int16Array.from(numbers, (value) => value ?? 0) });
    case "integer":
    case "date":
    case "year_month_interval":
      return make({ data: Int32Array.from(numbers, (value) => value ?? 0) });
    case "float":
      return make({ data: Float32Array.from(numbers, (value) => value ?? 0) });
    case "double":
      return make({ data: Float64Array.from(numbers, (value) => value ?? 0) });
    case "long":
    case "timestamp":
    case "timestamp_ntz":
    case "day_time_interval":
      return make({ data: BigInt64Array.from(bigints, (value) => value ?? 0n) });
    case "decimal": {
      const limbs = bigints.flatMap((value) => [BigInt.asIntN(64, value ?? 0n), (value ?? 0n) >> 64n]);
      return make({ data: new Uint32Array(BigInt64Array.from(limbs).buffer) });
    }
    case "string": {
      const encoder = new TextEncoder();
      return make(concatenated(values.map((value) => (value === null ? NO_BYTES : encoder.encode(value as string)))));
    }
    case "binary":
      return make(concatenated(values.map((value) => (value as Uint8Array | null) ?? NO_BYTES)));
    case "array": {
      const lists = values.map((value) => (value as readonly Value[] | null) ?? []);
      return make({ valueOffsets: offsets(lists), child: columnData(type.elementType, lists.flat() as Value[]) });
    }
    case "map": {
      const maps = values.map((value) => (value as readonly (readonly Value[])[] | null) ?? []);
      const entries = maps.flat();
      const children = [
        columnData(
          type.keyType,
          entries.map((entry) => entry[0]!),
        ),
        columnData(
          type.valueType,
          entries.map((entry) => entry[1]!),
        ),
      ];
      const child = arrow.makeData({ type: entryType(type) as arrow.Struct<any>, length: entries.length, nullCount: 0, children });
      return make({ valueOffsets: offsets(maps), child });
    }
    case "struct":
      return make({
        children: type.fields.map((field, index) =>
          columnData(
            field.dataType,
            values.map((value) => (value === null ? null : (value as readonly Value[])[index]!)),
          ),
        ),
      });
  }
}

const NO_BYTES = new Uint8Array(0);

/** Bit i of the result is `bits[i]`, least significant first. */
function bitmap(bits: readonly boolean[]): Uint8Array {
  const bytes = new Uint8Array((bits.length + 7) >> 3);
  for (const [index, bit] of bits.entries()) if (bit) bytes[index >> 3]! |= 1 << (index & 7);
  return bytes;
}

function offsets(parts: readonly { readonly length: number }[]): Int32Array {
  const ends = new Int32Array(parts.length + 1);
  for (const [index, part] of parts.entries()) ends[index + 1] = ends[index]! + part.length;
  return ends;
}

function concatenated(parts: readonly Uint8Array[]): { readonly valueOffsets: Int32Array; readonly data: Uint8Array } {
  const valueOffsets = offsets(parts);
  const data = new Uint8Array(valueOffsets[parts.length]!);
  for (const [index, part] of parts.entries()) data.set(part, valueOffsets[index]);
  return { valueOffsets, data };
}
