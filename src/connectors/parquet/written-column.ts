/** How a column of the engine lies in a Parquet file that we write: physical type, annotation, form of its values. In workers. */
import { type DataType, physicalKind } from "../../columnar/types.ts";
import { binary, bool, byte, i32, struct, type ThriftField } from "./thrift-writer.ts";

// Parquet's physical types.
const [BOOLEAN, INT32, INT64, FLOAT, DOUBLE, BYTE_ARRAY, FIXED] = [0, 1, 2, 4, 5, 6, 7];
const OPTIONAL = 1;

/** Forms of `kernels/assembly/parquet-encode.ts`. */
export const FORM = { bits: 0, int8: 1, int16: 2, int32: 3, int64: 4, text: 5, int64AsInt32: 6, float: 7, double: 8, fixed: 16 } as const;

export interface WrittenColumn {
  readonly name: string;
  readonly parquetType: number;
  readonly form: number;
  readonly typeLength?: number;
  readonly convertedType?: number;
  readonly logicalType?: ThriftField;
  readonly decimal?: { readonly precision: number; readonly scale: number };
}

/** Null for types that go by way of Arrow. */
export function writtenColumn(name: string, type: DataType): WrittenColumn | null {
  switch (type.kind) {
    case "boolean":
      return { name, parquetType: BOOLEAN!, form: FORM.bits };
    case "byte":
      return { name, parquetType: INT32!, form: FORM.int8, convertedType: 15, logicalType: integerType(8) };
    case "short":
      return { name, parquetType: INT32!, form: FORM.int16, convertedType: 16, logicalType: integerType(16) };
    case "integer":
    case "year_month_interval":
      return { name, parquetType: INT32!, form: FORM.int32 };
    case "long":
    case "day_time_interval":
      return { name, parquetType: INT64!, form: FORM.int64 };
    case "float":
      return { name, parquetType: FLOAT!, form: FORM.float };
    case "double":
      return { name, parquetType: DOUBLE!, form: FORM.double };
    case "string":
      return { name, parquetType: BYTE_ARRAY!, form: FORM.text, convertedType: 0, logicalType: struct({ 1: struct({}) }) };
    case "binary":
      return { name, parquetType: BYTE_ARRAY!, form: FORM.text };
    case "date":
      return { name, parquetType: INT32!, form: FORM.int32, convertedType: 6, logicalType: struct({ 6: struct({}) }) };
    case "timestamp":
      return { name, parquetType: INT64!, form: FORM.int64, convertedType: 10, logicalType: microsType(true) };
    case "timestamp_ntz":
      return { name, parquetType: INT64!, form: FORM.int64, logicalType: microsType(false) };
    case "decimal": {
      const { precision, scale } = type;
      const logicalType = struct({ 5: struct({ 1: i32(scale), 2: i32(precision) }) });
      const decimal = { name, convertedType: 5, logicalType, decimal: { precision, scale } };
      if (physicalKind(type) === "i64")
        return precision <= 9
          ? { ...decimal, parquetType: INT32!, form: FORM.int64AsInt32 }
          : { ...decimal, parquetType: INT64!, form: FORM.int64 };
      const typeLength = bytesForDigits(precision);
      return { ...decimal, parquetType: FIXED!, form: FORM.fixed + typeLength, typeLength };
    }
    case "array":
    case "map":
    case "struct":
    case "void":
      return null;
  }
}

const integerType = (bits: number): ThriftField => struct({ 10: struct({ 1: byte(bits), 2: bool(true) }) });
const microsType = (isUtc: boolean): ThriftField => struct({ 8: struct({ 1: bool(isUtc), 2: struct({ 2: struct({}) }) }) });

/** Bytes of the shortest two's complement number for all decimals of so many digits. */
function bytesForDigits(precision: number): number {
  let bytes = 1;
  while (2n ** BigInt(8 * bytes - 1) < 10n ** BigInt(precision)) bytes++;
  return bytes;
}

/** The column in the file's schema. */
export const schemaElement = ({ name, parquetType, typeLength, convertedType, decimal, logicalType }: WrittenColumn): ThriftField =>
  struct({
    1: i32(parquetType),
    2: typeLength === undefined ? undefined : i32(typeLength),
    3: i32(OPTIONAL),
    4: binary(name),
    6: convertedType === undefined ? undefined : i32(convertedType),
    7: decimal && i32(decimal.scale),
    8: decimal && i32(decimal.precision),
    10: logicalType,
  });

/** Bytes per value of the columns in a block. */
export const widthOfForm = (form: number): number =>
  form === FORM.bits || form === FORM.int8 ? 1 : form === FORM.int16 ? 2 : form === FORM.int32 || form === FORM.float ? 4 : 8;
