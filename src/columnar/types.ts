/**
 * Data types: Spark's, as frozen plain objects, with the physical representation each has inside the engine.
 * Used on every thread. Text forms (DDL, schema JSON) are parsed in `sql/ddl.ts`.
 */

export type DataType =
  | { readonly kind: "void" }
  | { readonly kind: "boolean" }
  | { readonly kind: "byte" }
  | { readonly kind: "short" }
  | { readonly kind: "integer" }
  | { readonly kind: "long" }
  | { readonly kind: "float" }
  | { readonly kind: "double" }
  | DecimalType
  | { readonly kind: "string" }
  | { readonly kind: "binary" }
  | { readonly kind: "date" }
  | { readonly kind: "timestamp" }
  | { readonly kind: "timestamp_ntz" }
  | IntervalType
  | ArrayType
  | MapType
  | StructType;

export interface DecimalType {
  readonly kind: "decimal";
  /** Total digits, 1 to 38. */
  readonly precision: number;
  /** Digits right of the point, 0 to `precision`. */
  readonly scale: number;
}
/** From a first to a last field: of `day hour minute second` by number, or of `year month`. Values are microseconds, or months, whatever they are. */
export interface IntervalType {
  readonly kind: "day_time_interval" | "year_month_interval";
  readonly start: number;
  readonly end: number;
}
export interface ArrayType {
  readonly kind: "array";
  readonly elementType: DataType;
  readonly containsNull: boolean;
}
export interface MapType {
  readonly kind: "map";
  readonly keyType: DataType;
  readonly valueType: DataType;
  readonly valueContainsNull: boolean;
}
/** Named fields: the type of a row or of a nested record. */
export interface StructType {
  readonly kind: "struct";
  readonly fields: readonly StructField[];
}
/** One column or nested field. */
export interface StructField {
  readonly name: string;
  readonly dataType: DataType;
  readonly nullable: boolean;
  /** User metadata and Spark's own keys (`spark.watermarkDelayMs`). */
  readonly metadata?: Readonly<Record<string, unknown>>;
}

export type TypeKind = DataType["kind"];

export const VoidType: DataType = Object.freeze({ kind: "void" });
export const BooleanType: DataType = Object.freeze({ kind: "boolean" });
export const ByteType: DataType = Object.freeze({ kind: "byte" });
export const ShortType: DataType = Object.freeze({ kind: "short" });
export const IntegerType: DataType = Object.freeze({ kind: "integer" });
export const LongType: DataType = Object.freeze({ kind: "long" });
export const FloatType: DataType = Object.freeze({ kind: "float" });
export const DoubleType: DataType = Object.freeze({ kind: "double" });
export const StringType: DataType = Object.freeze({ kind: "string" });
export const BinaryType: DataType = Object.freeze({ kind: "binary" });
export const DateType: DataType = Object.freeze({ kind: "date" });
export const TimestampType: DataType = Object.freeze({ kind: "timestamp" });
export const TimestampNTZType: DataType = Object.freeze({ kind: "timestamp_ntz" });
export const DAY_TIME_FIELDS: readonly string[] = ["day", "hour", "minute", "second"];
export const YEAR_MONTH_FIELDS: readonly string[] = ["year", "month"];
export const intervalType = (kind: IntervalType["kind"], start: number, end: number): IntervalType => Object.freeze({ kind, start, end });
/** Day to second. */
export const DayTimeIntervalType: IntervalType = intervalType("day_time_interval", 0, 3);
/** Year to month. */
export const YearMonthIntervalType: IntervalType = intervalType("year_month_interval", 0, 1);

export const decimalType = (precision: number, scale: number): DecimalType => Object.freeze({ kind: "decimal", precision, scale });
export const arrayType = (elementType: DataType, containsNull = true): ArrayType =>
  Object.freeze({ kind: "array", elementType, containsNull });
export const mapType = (keyType: DataType, valueType: DataType, valueContainsNull = true): MapType =>
  Object.freeze({ kind: "map", keyType, valueType, valueContainsNull });
export const structType = (fields: readonly StructField[]): StructType =>
  Object.freeze({ kind: "struct", fields: Object.freeze([...fields]) });
export const structField = (name: string, dataType: DataType, nullable = true, metadata?: Readonly<Record<string, unknown>>): StructField =>
  Object.freeze(metadata ? { name, dataType, nullable, metadata } : { name, dataType, nullable });

/**
 * How one value lies in a values buffer and which WebAssembly type carries it.
 *
 * | physical | bytes | WebAssembly | holds |
 * |---|---|---|---|
 * | i8 | 1 | i32 | boolean (0 or 1), byte |
 * | i16 | 2 | i32 | short |
 * | i32 | 4 | i32 | integer, date (days), year_month_interval (months) |
 * | i64 | 8 | i64 | long, timestamp and timestamp_ntz (µs), day_time_interval (µs), decimal of precision <= 18 (unscaled) |
 * | f32, f64 | 4, 8 | f32, f64 | float, double |
 * | view | 8 | i64 | string, binary: address in the low, byte length in the high 32 bits |
 * | wide | 8 | i64 | decimal of precision > 18: a view (as above) on its 16-byte little-endian two's complement number |
 * | list | 8 | i64 | array, map: a view (as above) on an encoded list (`columnar/list-encoding.ts`) |
 * | struct | 0 | none | nothing of its own but validity; its fields are columns of their own, right after it |
 */
export type PhysicalKind = "i8" | "i16" | "i32" | "i64" | "f32" | "f64" | "view" | "wide" | "list" | "struct";

export function physicalKind(type: DataType): PhysicalKind {
  switch (type.kind) {
    case "void":
    case "boolean":
    case "byte":
      return "i8";
    case "short":
      return "i16";
    case "integer":
    case "date":
    case "year_month_interval":
      return "i32";
    case "long":
    case "timestamp":
    case "timestamp_ntz":
    case "day_time_interval":
      return "i64";
    case "float":
      return "f32";
    case "double":
      return "f64";
    case "decimal":
      return type.precision <= 18 ? "i64" : "wide";
    case "string":
    case "binary":
      return "view";
    case "array":
    case "map":
      return "list";
    case "struct":
      return "struct";
  }
}

export const physicalWidthBytes: Readonly<Record<PhysicalKind, number>> = {
  i8: 1,
  i16: 2,
  i32: 4,
  i64: 8,
  f32: 4,
  f64: 8,
  view: 8,
  wide: 8,
  list: 8,
  struct: 0,
};

/** One column of a block: a schema's fields in order, structs flattened depth first (the struct itself, then its fields). */
export interface Leaf {
  /** Field names from the root, e.g. `["window", "start"]`. */
  readonly path: readonly string[];
  readonly dataType: DataType;
  readonly physical: PhysicalKind;
  /** True if the value can be null for any reason, a null struct above it included. */
  readonly nullable: boolean;
}

export function leavesOf(schema: StructType): Leaf[] {
  const leaves: Leaf[] = [];
  const add = (field: StructField, path: readonly string[], parentNullable: boolean): void => {
    const nullable = parentNullable || field.nullable;
    leaves.push({ path, dataType: field.dataType, physical: physicalKind(field.dataType), nullable });
    if (field.dataType.kind === "struct") for (const child of field.dataType.fields) add(child, [...path, child.name], nullable);
  };
  for (const field of schema.fields) add(field, [field.name], false);
  return leaves;
}

/** How many leaves a value of `type` occupies (1 for anything but a struct). */
export function leafCount(type: DataType): number {
  return type.kind === "struct" ? type.fields.reduce((sum, field) => sum + leafCount(field.dataType), 1) : 1;
}

/** Structural equality; field names and nullability count, metadata does not. */
export function sameType(a: DataType, b: DataType): boolean {
  if (a === b) return true;
  if (a.kind !== b.kind) return false;
  switch (a.kind) {
    case "decimal":
      return a.precision === (b as DecimalType).precision && a.scale === (b as DecimalType).scale;
    case "day_time_interval":
    case "year_month_interval":
      return a.start === (b as IntervalType).start && a.end === (b as IntervalType).end;
    case "array":
      return sameType(a.elementType, (b as ArrayType).elementType);
    case "map":
      return sameType(a.keyType, (b as MapType).keyType) && sameType(a.valueType, (b as MapType).valueType);
    case "struct": {
      const other = (b as StructType).fields;
      return (
        a.fields.length === other.length && a.fields.every((f, i) => f.name === other[i]!.name && sameType(f.dataType, other[i]!.dataType))
      );
    }
    default:
      return true;
  }
}

/** Spark's `simpleString`/`catalogString`: `bigint`, `decimal(10,2)`, `struct<a:int>`. */
export function simpleString(type: DataType): string {
  switch (type.kind) {
    case "byte":
      return "tinyint";
    case "short":
      return "smallint";
    case "integer":
      return "int";
    case "long":
      return "bigint";
    case "decimal":
      return `decimal(${type.precision},${type.scale})`;
    case "day_time_interval":
    case "year_month_interval": {
      const names = type.kind === "day_time_interval" ? DAY_TIME_FIELDS : YEAR_MONTH_FIELDS;
      return `interval ${names[type.start]}${type.start === type.end ? "" : ` to ${names[type.end]}`}`;
    }
    case "array":
      return `array<${simpleString(type.elementType)}>`;
    case "map":
      return `map<${simpleString(type.keyType)},${simpleString(type.valueType)}>`;
    case "struct":
      return `struct<${type.fields.map((field) => `${field.name}:${simpleString(field.dataType)}`).join(",")}>`;
    default:
      return type.kind;
  }
}

/** Spark's `sql` form used in error messages: `"BIGINT"`, `"DECIMAL(10,2)"` without the quotes. */
export function sqlType(type: DataType): string {
  switch (type.kind) {
    case "array":
      return `ARRAY<${sqlType(type.elementType)}>`;
    case "map":
      return `MAP<${sqlType(type.keyType)}, ${sqlType(type.valueType)}>`;
    case "struct":
      return `STRUCT<${type.fields.map((field) => `${field.name}: ${sqlType(field.dataType)}${field.nullable ? "" : " NOT NULL"}`).join(", ")}>`;
    default:
      return simpleString(type).toUpperCase();
  }
}
