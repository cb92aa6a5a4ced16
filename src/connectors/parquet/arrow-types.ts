/** Spark's types as Arrow's, through which Parquet files are written. In workers. */
import { createRequire } from "node:module";
import type * as Arrow from "apache-arrow";
import type * as ParquetWasm from "parquet-wasm";
import { ConnectorError } from "../../base/errors.ts";
import { type DataType, simpleString } from "../../columnar/types.ts";

// Loaded when the first Parquet file is written: together they take longer to load than the rest of a worker.
const require = createRequire(import.meta.url);
let libraries: { readonly arrow: typeof Arrow; readonly parquet: typeof ParquetWasm } | null = null;

export function parquetLibraries(): { readonly arrow: typeof Arrow; readonly parquet: typeof ParquetWasm } {
  libraries ??= { arrow: require("apache-arrow") as typeof Arrow, parquet: require("parquet-wasm") as typeof ParquetWasm };
  return libraries;
}

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
