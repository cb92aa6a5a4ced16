/**
 * Rows that users see, from and to the engine's values (`columnar/values.ts`). Converters are made once per schema and called once per
 * row, on the session's thread only.
 */
import { IllegalArgumentError } from "../base/errors.ts";
import { absolute, fitsPrecision, rescale } from "./decimal.ts";
import { parseDate, parseTimestamp, parseTimestampNtz } from "./parse-text.ts";
import { timeZone } from "./time-zone.ts";
import * as types from "./types.ts";
import { sqlType, type DataType, type StructType } from "./types.ts";
import type { Value } from "./values.ts";
import { Decimal, LocalDate, Timestamp, TimestampNtz } from "./row-values.ts";

type FromEngine = (value: Value) => unknown;

/** A function from the values of a row (by position) to a plain object with the columns in order. */
export function rowDecoder(schema: StructType): (values: readonly Value[]) => Record<string, any> {
  const names = schema.fields.map((field) => field.name);
  const converters = schema.fields.map((field) => fromEngine(field.dataType));
  return (values) => {
    const row: Record<string, unknown> = {};
    for (let index = 0; index < names.length; index++) {
      const value = values[index]!;
      setColumn(row, names[index]!, value === null ? null : converters[index]!(value));
    }
    return row;
  };
}

/** An ordinary assignment would set the prototype for a column that is called `__proto__`. */
function setColumn(row: Record<string, unknown>, name: string, value: unknown): void {
  if (name === "__proto__") Object.defineProperty(row, name, { value, enumerable: true, configurable: true, writable: true });
  else row[name] = value;
}

/** What rows hold for a value (not null) of `type`. */
export function fromEngine(type: DataType): FromEngine {
  switch (type.kind) {
    case "decimal":
      return (value) => new Decimal(value as bigint, type.scale);
    case "date":
      return (value) => new LocalDate(value as number);
    case "timestamp":
      return (value) => new Timestamp(value as bigint);
    case "timestamp_ntz":
      return (value) => new TimestampNtz(value as bigint);
    case "array": {
      const convert = nullSafe(fromEngine(type.elementType));
      return (value) => (value as readonly Value[]).map(convert);
    }
    case "map": {
      const key = nullSafe(fromEngine(type.keyType));
      const entry = nullSafe(fromEngine(type.valueType));
      return (value) => new Map((value as unknown as readonly [Value, Value][]).map(([k, v]) => [key(k), entry(v)]));
    }
    case "struct":
      return rowDecoder(type) as FromEngine;
    default:
      return (value) => value;
  }
}

const nullSafe =
  (convert: FromEngine): FromEngine =>
  (value) =>
    value === null ? null : convert(value);

/**
 * The engine's value of what a program gives for a column of `type`. Takes what rows hold, and `Date`, number, bigint and
 * string where they are exact. `name` is for messages. Throws `INVALID_EXTERNAL_TYPE`, `NOT_NULL_ASSERT_VIOLATION`.
 */
export function toEngine(value: unknown, type: DataType, name: string, nullable = true): Value {
  if (value === null || value === undefined) {
    if (!nullable) throw new IllegalArgumentError("NOT_NULL_ASSERT_VIOLATION", { walkedTypePath: `\n- column: ${name}\n` });
    return null;
  }
  const converted = convertInput(value, type, name);
  if (converted === undefined)
    throw new IllegalArgumentError("INVALID_EXTERNAL_TYPE", { externalType: describe(value), type: `"${sqlType(type)}"`, expr: name });
  return converted;
}

const knownNames = new WeakMap<StructType, ReadonlySet<string>>();

/** Field names; made once for each schema, for rows come in numbers. */
function namesOf(schema: StructType): ReadonlySet<string> {
  let names = knownNames.get(schema);
  if (!names) knownNames.set(schema, (names = new Set(schema.fields.map((field) => field.name))));
  return names;
}

/** The values of a row given as an object by column name, or as an array by position. */
export function rowToEngine(row: unknown, schema: StructType): Value[] {
  if (Array.isArray(row)) {
    if (row.length !== schema.fields.length) {
      throw new IllegalArgumentError("AXIS_LENGTH_MISMATCH", {
        expectedLength: String(schema.fields.length),
        actualLength: String(row.length),
      });
    }
    return schema.fields.map((field, index) => toEngine(row[index], field.dataType, field.name, field.nullable));
  }
  if (typeof row !== "object" || row === null) {
    if (schema.fields.length === 1) return [toEngine(row, schema.fields[0]!.dataType, schema.fields[0]!.name, schema.fields[0]!.nullable)];
    throw new IllegalArgumentError("INVALID_EXTERNAL_TYPE", { externalType: describe(row), type: `"${sqlType(schema)}"`, expr: "row" });
  }
  const names = namesOf(schema);
  const unknown = Object.keys(row).find((key) => !names.has(key));
  if (unknown !== undefined)
    throw new IllegalArgumentError("FIELD_NOT_FOUND", {
      fieldName: `\`${unknown}\``,
      fields: [...names].map((name) => `\`${name}\``).join(", "),
    });
  return schema.fields.map((field) => {
    const value = Object.hasOwn(row, field.name) ? (row as Record<string, unknown>)[field.name] : null;
    return toEngine(value, field.dataType, field.name, field.nullable);
  });
}

const INTEGER_LIMITS: Partial<Record<DataType["kind"], bigint>> = {
  byte: 2n ** 7n,
  short: 2n ** 15n,
  integer: 2n ** 31n,
  year_month_interval: 2n ** 31n,
  long: 2n ** 63n,
  day_time_interval: 2n ** 63n,
};

/** Undefined: `value` is none of the type's. */
function convertInput(value: unknown, type: DataType, name: string): Value | undefined {
  switch (type.kind) {
    case "void":
      return undefined;
    case "boolean":
      return typeof value === "boolean" ? value : undefined;
    case "byte":
    case "short":
    case "integer":
    case "year_month_interval":
    case "long":
    case "day_time_interval": {
      const whole = wholeNumber(value);
      const limit = INTEGER_LIMITS[type.kind]!;
      if (whole === undefined || whole < -limit || whole >= limit) return undefined;
      return type.kind === "long" || type.kind === "day_time_interval" ? whole : Number(whole);
    }
    case "float":
      return typeof value === "number" ? Math.fround(value) : undefined;
    case "double":
      return typeof value === "number" ? value : undefined;
    case "decimal":
      return decimalInput(value, type);
    case "string":
      return typeof value === "string" ? value : undefined;
    case "binary":
      return value instanceof Uint8Array ? value : undefined;
    case "date":
      if (value instanceof LocalDate) return value.epochDays;
      return typeof value === "string" ? parseDate(value) : undefined;
    case "timestamp":
      if (value instanceof Timestamp) return value.epochMicros;
      if (value instanceof Date) return Number.isNaN(value.getTime()) ? undefined : BigInt(value.getTime()) * 1000n;
      return typeof value === "string" ? parseTimestamp(value, timeZone("UTC")) : undefined;
    case "timestamp_ntz":
      if (value instanceof TimestampNtz) return value.localMicros;
      return typeof value === "string" ? parseTimestampNtz(value) : undefined;
    case "array":
      return Array.isArray(value) || ArrayBuffer.isView(value)
        ? Array.from(value as Iterable<unknown>, (element) => toEngine(element, type.elementType, `${name}.element`, type.containsNull))
        : undefined;
    case "map": {
      const entries = value instanceof Map ? [...value] : isPlainObject(value) ? Object.entries(value) : undefined;
      return entries?.map(([key, entry]): readonly Value[] => [
        toEngine(key, type.keyType, `${name}.key`, false),
        toEngine(entry, type.valueType, `${name}.value`, type.valueContainsNull),
      ]);
    }
    case "struct":
      return typeof value === "object" ? rowToEngine(value, type) : undefined;
  }
}

function wholeNumber(value: unknown): bigint | undefined {
  if (typeof value === "bigint") return value;
  return typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : undefined;
}

function decimalInput(value: unknown, type: types.DecimalType): Value | undefined {
  let decimal: Decimal | undefined;
  if (value instanceof Decimal) decimal = value;
  else if (typeof value === "bigint") decimal = new Decimal(value, 0);
  else if (typeof value === "number" && Number.isFinite(value)) decimal = Decimal.parse(String(value));
  else if (typeof value === "string") decimal = Decimal.parse(value);
  if (decimal === undefined) return undefined;
  const unscaled = rescale(decimal.unscaled, decimal.scale, type.scale);
  const isExact =
    rescale(unscaled, type.scale, Math.max(type.scale, decimal.scale)) ===
    rescale(decimal.unscaled, decimal.scale, Math.max(type.scale, decimal.scale));
  return isExact && fitsPrecision(unscaled, type.precision) ? unscaled : undefined;
}

/**
 * The type of a plain JavaScript value, as literals and `createDataFrame` without a schema see it: a whole number is INT, BIGINT
 * where it does not fit, DOUBLE beyond 2^53. Throws `UNSUPPORTED_FEATURE.LITERAL_TYPE`.
 */
export function inferType(value: unknown): DataType {
  switch (typeof value) {
    case "undefined":
      return types.VoidType;
    case "boolean":
      return types.BooleanType;
    case "string":
      return types.StringType;
    case "bigint":
      return types.LongType;
    case "number":
      if (!Number.isSafeInteger(value) || Object.is(value, -0)) return types.DoubleType;
      return Math.abs(value) < 2 ** 31 || value === -(2 ** 31) ? types.IntegerType : types.LongType;
    case "object":
      return value === null ? types.VoidType : inferObjectType(value);
    default:
      throw unsupportedValue(value);
  }
}

function inferObjectType(value: object): DataType {
  if (value instanceof Timestamp || value instanceof Date) return types.TimestampType;
  if (value instanceof TimestampNtz) return types.TimestampNTZType;
  if (value instanceof LocalDate) return types.DateType;
  if (value instanceof Uint8Array) return types.BinaryType;
  if (value instanceof Decimal) {
    const digits = absolute(value.unscaled).toString().length;
    return types.decimalType(Math.max(digits, value.scale, 1), value.scale);
  }
  if (Array.isArray(value)) return types.arrayType(inferCommonType(value));
  if (value instanceof Map) return types.mapType(inferCommonType([...value.keys()]), inferCommonType([...value.values()]));
  if (isPlainObject(value))
    return types.structType(Object.entries(value).map(([name, field]) => types.structField(name, inferType(field))));
  throw unsupportedValue(value);
}

/** The type that all `values` have; VOID if there are only nulls. Throws `CANNOT_MERGE_TYPE`. */
export function inferCommonType(values: readonly unknown[]): DataType {
  return values.map(inferType).reduce(mergeTypes, types.VoidType);
}

const NUMBER_ORDER: readonly DataType["kind"][] = ["integer", "long", "double"];

function mergeTypes(a: DataType, b: DataType): DataType {
  if (types.sameType(a, b) || b.kind === "void") return a;
  if (a.kind === "void") return b;
  const [rankA, rankB] = [NUMBER_ORDER.indexOf(a.kind), NUMBER_ORDER.indexOf(b.kind)];
  if (rankA >= 0 && rankB >= 0) return rankA > rankB ? a : b;
  if (a.kind === "decimal" && b.kind === "decimal") {
    const scale = Math.max(a.scale, b.scale);
    return types.decimalType(Math.min(38, Math.max(a.precision - a.scale, b.precision - b.scale) + scale), scale);
  }
  if (a.kind === "array" && b.kind === "array") return types.arrayType(mergeTypes(a.elementType, b.elementType));
  if (a.kind === "map" && b.kind === "map") return types.mapType(mergeTypes(a.keyType, b.keyType), mergeTypes(a.valueType, b.valueType));
  if (a.kind === "struct" && b.kind === "struct") {
    const merged = new Map(a.fields.map((field) => [field.name, field.dataType]));
    for (const field of b.fields) merged.set(field.name, mergeTypes(merged.get(field.name) ?? types.VoidType, field.dataType));
    return types.structType([...merged].map(([name, type]) => types.structField(name, type)));
  }
  throw new IllegalArgumentError("CANNOT_MERGE_TYPE", { data_type1: sqlType(a), data_type2: sqlType(b) });
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function unsupportedValue(value: unknown): Error {
  return new IllegalArgumentError("UNSUPPORTED_FEATURE.LITERAL_TYPE", { value: String(value).slice(0, 100), type: describe(value) });
}

function describe(value: unknown): string {
  if (value === null || typeof value !== "object") return `${typeof value} ${String(value).slice(0, 100)}`;
  return value.constructor?.name ?? "object";
}
