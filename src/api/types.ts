/** `types`: Spark's data types for programs that build schemas in code; `new` may be left out. */
import * as columnar from "../columnar/types.ts";
import { parseDataType, parseSchema, schemaFromJson, schemaToDdl, schemaToJson } from "../sql/parser.ts";

export {
  BinaryType,
  BooleanType,
  ByteType,
  DateType,
  DayTimeIntervalType,
  DoubleType,
  FloatType,
  IntegerType,
  LongType,
  ShortType,
  StringType,
  TimestampNTZType,
  TimestampType,
  VoidType as NullType,
  YearMonthIntervalType,
  simpleString,
} from "../columnar/types.ts";
export type { DataType } from "../columnar/types.ts";
export { parseDataType as fromDDL, parseSchema as schemaFromDDL, schemaFromJson, schemaToDdl, schemaToJson };

interface TypeConstructor<Arguments extends readonly unknown[], T> {
  (...args: Arguments): T;
  new (...args: Arguments): T;
}
function constructor<Arguments extends readonly unknown[], T extends object>(
  make: (...args: Arguments) => T,
): TypeConstructor<Arguments, T> {
  return function (...args: Arguments): T {
    return make(...args);
  } as unknown as TypeConstructor<Arguments, T>;
}

export type StructType = columnar.StructType;
export type StructField = columnar.StructField;
export type ArrayType = columnar.ArrayType;
export type MapType = columnar.MapType;
export type DecimalType = columnar.DecimalType;

export const StructType: TypeConstructor<[fields: readonly columnar.StructField[]], columnar.StructType> = constructor(columnar.structType);
export const StructField: TypeConstructor<
  [name: string, dataType: columnar.DataType, nullable?: boolean, metadata?: Readonly<Record<string, unknown>>],
  columnar.StructField
> = constructor(columnar.structField);
export const ArrayType: TypeConstructor<[elementType: columnar.DataType, containsNull?: boolean], columnar.ArrayType> = constructor(
  columnar.arrayType,
);
export const MapType: TypeConstructor<
  [keyType: columnar.DataType, valueType: columnar.DataType, valueContainsNull?: boolean],
  columnar.MapType
> = constructor(columnar.mapType);
/** Without arguments DECIMAL(10,0). */
export const DecimalType: TypeConstructor<[precision?: number, scale?: number], columnar.DecimalType> = constructor(
  (precision = 10, scale = 0) => columnar.decimalType(precision, scale),
);
