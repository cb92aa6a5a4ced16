/** Types of Arrow, which Parquet files are read and written through, and Spark's. Both threads. */
import { createRequire } from "node:module";
import type * as Arrow from "apache-arrow";
import type * as ParquetWasm from "parquet-wasm";
import { ConnectorError } from "../../base/errors.ts";
import {
  arrayType,
  BinaryType,
  BooleanType,
  ByteType,
  type DataType,
  DateType,
  decimalType,
  DoubleType,
  FloatType,
  IntegerType,
  LongType,
  mapType,
  ShortType,
  simpleString,
  StringType,
  structField,
  type StructType,
  structType,
  TimestampNTZType,
  TimestampType,
  VoidType,
} from "../../columnar/types.ts";

// Loaded when the first Parquet file is touched: together they take longer to load than the rest of a worker.
const require = createRequire(import.meta.url);
let libraries: { readonly arrow: typeof Arrow; readonly parquet: typeof ParquetWasm } | null = null;

export function parquetLibraries(): { readonly arrow: typeof Arrow; readonly parquet: typeof ParquetWasm } {
  libraries ??= { arrow: require("apache-arrow") as typeof Arrow, parquet: require("parquet-wasm") as typeof ParquetWasm };
  return libraries;
}

/** The columns of a file. Every column is nullable, as Spark reads files. */
export function sparkSchema(schema: Arrow.Schema): StructType {
  return structType(schema.fields.map((field) => structField(field.name, sparkType(field.type, field.name))));
}

/** Throws `PARQUET_TYPE_NOT_SUPPORTED` for types that Spark does not have. */
export function sparkType(type: Arrow.DataType, column: string): DataType {
  const { arrow } = parquetLibraries();
  const { DataType: is } = arrow;
  if (is.isInt(type) && (type.isSigned || type.bitWidth < 64)) return type.isSigned ? SIGNED[type.bitWidth]! : UNSIGNED[type.bitWidth]!;
  if (is.isFloat(type) && type.precision !== arrow.Precision.HALF)
    return type.precision === arrow.Precision.SINGLE ? FloatType : DoubleType;
  if (is.isBool(type)) return BooleanType;
  if (is.isUtf8(type) || is.isLargeUtf8(type)) return StringType;
  if (is.isBinary(type) || is.isFixedSizeBinary(type) || is.isLargeBinary(type)) return BinaryType;
  if (is.isDecimal(type) && type.bitWidth === 128) return decimalType(type.precision, type.scale);
  if (is.isDate(type)) return DateType;
  if (is.isTimestamp(type)) return type.timezone ? TimestampType : TimestampNTZType;
  if (is.isNull(type)) return VoidType;
  if (is.isDictionary(type)) return sparkType(type.dictionary, column);
  if (is.isList(type)) return arrayType(sparkType(type.children[0]!.type, column));
  if (is.isStruct(type))
    return structType(type.children.map((child) => structField(child.name, sparkType(child.type, `${column}.${child.name}`))));
  if (is.isMap(type)) {
    const [key, value] = type.children[0]!.type.children as [Arrow.Field, Arrow.Field];
    return mapType(sparkType(key.type, column), sparkType(value.type, column));
  }
  throw new ConnectorError("PARQUET_TYPE_NOT_SUPPORTED", { column, parquetType: String(type) });
}

const SIGNED: Readonly<Record<number, DataType>> = { 8: ByteType, 16: ShortType, 32: IntegerType, 64: LongType };
const UNSIGNED: Readonly<Record<number, DataType>> = { 8: ShortType, 16: IntegerType, 32: LongType };

/** The Arrow type under which a column is written. */
export function arrowType(type: DataType, column: string): Arrow.DataType {
  const { arrow } = parquetLibraries();
  const field = (name: string, child: DataType, nullable = true): Arrow.Field => new arrow.Field(name, arrowType(child, column), nullable);
  switch (type.kind) {
    case "boolean":
      return new arrow.Bool();
    case "byte":
      return new arrow.Int8();
    case "short":
      return new arrow.Int16();
    case "integer":
    case "year_month_interval":
      return new arrow.Int32();
    case "long":
    case "day_time_interval":
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
    case "array":
      return new arrow.List(field("element", type.elementType));
    case "map": {
      const entry = new arrow.Struct([field("key", type.keyType, false), field("value", type.valueType)]);
      return new arrow.Map_(new arrow.Field("key_value", entry, false));
    }
    case "struct":
      return new arrow.Struct(type.fields.map((child) => field(child.name, child.dataType)));
    case "void":
      throw new ConnectorError("UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE", {
        format: "Parquet",
        columnName: `\`${column}\``,
        columnType: `"${simpleString(type).toUpperCase()}"`,
      });
  }
}
