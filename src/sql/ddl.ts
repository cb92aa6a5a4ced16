/**
 * Schemas and types as DDL text, both ways, and the tree that `printSchema` shows. Called when a reader gets a schema, by casts and
 * by `from_json` at analysis. JSON text: `schema-json.ts`.
 */
import { typeName } from "../columnar/schema-json.ts";
import * as types from "../columnar/types.ts";
import { sqlType, structField, structType, type DataType, type StructField, type StructType } from "../columnar/types.ts";
import { quoteIfNeeded } from "../plan/expr/sql-text.ts";
import { TokenCursor } from "./token-cursor.ts";

/** `"ARRAY<INT>"`. Throws `ParseError`: `PARSE_SYNTAX_ERROR`, `UNSUPPORTED_DATATYPE`. */
export function parseDataType(ddl: string): DataType {
  const cursor = new TokenCursor(ddl);
  const type = readDataType(cursor);
  cursor.expectEnd();
  return type;
}

/** `"user STRING, ts TIMESTAMP NOT NULL"`, with or without colons, or one `STRUCT<…>`. Throws `ParseError`. */
export function parseSchema(ddl: string): StructType {
  if (ddl.trim() === "") return structType([]);
  const cursor = new TokenCursor(ddl);
  if (cursor.at("STRUCT", "<") || cursor.at("STRUCT", "<>")) {
    const type = readDataType(cursor);
    cursor.expectEnd();
    return type as StructType;
  }
  const fields = cursor.list(() => readField(cursor));
  cursor.expectEnd();
  return structType(fields);
}

/** What `from_json` takes: a type (`"ARRAY<INT>"`), or else the columns of a struct (`"a INT, b STRING"`). */
export function parseTypeOrSchema(ddl: string): DataType {
  const cursor = new TokenCursor(ddl);
  const looksLikeField = cursor.peek(1).kind === "word" || cursor.peek(1).key === ":" || cursor.peek().kind === "quoted";
  return looksLikeField && !cursor.at("INTERVAL") ? parseSchema(ddl) : parseDataType(ddl);
}

/** Reads one type at the cursor. */
export function readDataType(cursor: TokenCursor): DataType {
  return cursor.nested(() => readType(cursor));
}

/** One column per field, as `StructType.toDDL`: `"a INT NOT NULL,b STRING COMMENT 'x'"`. `parseSchema` reads it back. */
export function schemaToDdl(schema: StructType): string {
  return schema.fields.map((field) => `${quoteIfNeeded(field.name)} ${typeToDdl(field.dataType)}${fieldSuffix(field)}`).join(",");
}

/** What `printSchema` prints, line breaks included. */
export function treeString(schema: StructType): string {
  const lines = ["root"];
  const addField = (field: StructField, prefix: string): void => {
    lines.push(`${prefix}-- ${field.name}: ${typeName(field.dataType)} (nullable = ${field.nullable})`);
    addType(field.dataType, `${prefix}    |`);
  };
  const addElement = (name: string, type: DataType, suffix: string, prefix: string): void => {
    lines.push(`${prefix}-- ${name}: ${typeName(type)}${suffix}`);
    addType(type, `${prefix}    |`);
  };
  const addType = (type: DataType, prefix: string): void => {
    if (type.kind === "struct") for (const field of type.fields) addField(field, prefix);
    else if (type.kind === "array") addElement("element", type.elementType, ` (containsNull = ${type.containsNull})`, prefix);
    else if (type.kind === "map") {
      addElement("key", type.keyType, "", prefix);
      addElement("value", type.valueType, ` (valueContainsNull = ${type.valueContainsNull})`, prefix);
    }
  };
  addType(schema, " |");
  return `${lines.join("\n")}\n`;
}

function typeToDdl(type: DataType): string {
  switch (type.kind) {
    case "array":
      return `ARRAY<${typeToDdl(type.elementType)}>`;
    case "map":
      return `MAP<${typeToDdl(type.keyType)}, ${typeToDdl(type.valueType)}>`;
    case "struct":
      return `STRUCT<${type.fields.map((field) => `${quoteIfNeeded(field.name)}: ${typeToDdl(field.dataType)}${fieldSuffix(field)}`).join(", ")}>`;
    default:
      return sqlType(type);
  }
}

function fieldSuffix(field: StructField): string {
  const comment = field.metadata?.comment;
  const commentText = typeof comment === "string" ? ` COMMENT '${comment.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'` : "";
  return `${field.nullable ? "" : " NOT NULL"}${commentText}`;
}

const SIMPLE_TYPES: Readonly<Record<string, DataType>> = {
  BOOLEAN: types.BooleanType,
  TINYINT: types.ByteType,
  BYTE: types.ByteType,
  SMALLINT: types.ShortType,
  SHORT: types.ShortType,
  INT: types.IntegerType,
  INTEGER: types.IntegerType,
  BIGINT: types.LongType,
  LONG: types.LongType,
  FLOAT: types.FloatType,
  REAL: types.FloatType,
  DOUBLE: types.DoubleType,
  DATE: types.DateType,
  TIMESTAMP: types.TimestampType,
  TIMESTAMP_LTZ: types.TimestampType,
  TIMESTAMP_NTZ: types.TimestampNTZType,
  BINARY: types.BinaryType,
  VOID: types.VoidType,
};
const DECIMAL_NAMES = new Set(["DECIMAL", "DEC", "NUMERIC"]);
const PRECISION_MAX = 38;

function readType(cursor: TokenCursor): DataType {
  const start = cursor.peek().start;
  if (cursor.peek().kind !== "word") throw cursor.syntaxError();
  const name = cursor.next().key;
  if (Object.hasOwn(SIMPLE_TYPES, name)) return SIMPLE_TYPES[name]!;
  if (DECIMAL_NAMES.has(name)) return readDecimal(cursor, start);
  switch (name) {
    case "STRING":
      readCollation(cursor);
      return types.StringType;
    case "CHAR":
    case "CHARACTER":
    case "VARCHAR":
      if (!cursor.at("(")) throw cursor.error("DATATYPE_MISSING_SIZE", { type: `"${name}"` }, cursor.originFrom(start));
      readSizes(cursor, 1);
      return types.StringType;
    case "INTERVAL":
      return readIntervalType(cursor, start);
    case "ARRAY": {
      requireBracket(cursor, "ARRAY", start);
      const elementType = readDataType(cursor);
      cursor.expect(">");
      return types.arrayType(elementType);
    }
    case "MAP": {
      requireBracket(cursor, "MAP", start);
      const keyType = readDataType(cursor);
      cursor.expect(",");
      const valueType = readDataType(cursor);
      cursor.expect(">");
      return types.mapType(keyType, valueType);
    }
    case "STRUCT": {
      if (cursor.accept("<>")) return structType([]);
      requireBracket(cursor, "STRUCT", start);
      if (cursor.accept(">")) return structType([]);
      const fields = cursor.list(() => readField(cursor));
      cursor.expect(">");
      return structType(fields);
    }
    default:
      if (cursor.at("(")) readSizes(cursor, 2);
      throw unsupportedType(cursor, start);
  }
}

function readField(cursor: TokenCursor): StructField {
  const name = cursor.identifier();
  cursor.accept(":");
  const dataType = readDataType(cursor);
  let nullable = true;
  let comment: string | undefined;
  for (;;) {
    if (cursor.accept("NOT", "NULL")) nullable = false;
    else if (cursor.accept("COMMENT")) comment = cursor.expectKind("string").value;
    else break;
  }
  return structField(name, dataType, nullable, comment === undefined ? undefined : { comment });
}

function readDecimal(cursor: TokenCursor, start: number): DataType {
  if (!cursor.at("(")) return types.decimalType(10, 0);
  const [precision, scale = 0] = readSizes(cursor, 2) as [number, number?];
  if (precision > PRECISION_MAX || precision < 1)
    throw cursor.error(
      "DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION",
      { precision: String(precision), maxPrecision: String(PRECISION_MAX) },
      cursor.originFrom(start),
    );
  if (scale > precision) {
    throw cursor.error("INVALID_DECIMAL_SCALE", { scale: String(scale), precision: String(precision) }, cursor.originFrom(start));
  }
  return types.decimalType(precision, scale);
}

/** `(n)` or `(n, m)`, at most `countMax` whole numbers. */
function readSizes(cursor: TokenCursor, countMax: number): number[] {
  cursor.expect("(");
  const sizes = cursor.list(() => {
    if (!/^\d{1,9}$/.test(cursor.peek().value)) throw cursor.syntaxError();
    return Number(cursor.next().value);
  });
  if (sizes.length > countMax) throw cursor.syntaxError();
  cursor.expect(")");
  return sizes;
}

function readCollation(cursor: TokenCursor): void {
  if (!cursor.accept("COLLATE")) return;
  const token = cursor.peek();
  if (cursor.identifier().toUpperCase() !== "UTF8_BINARY")
    throw cursor.error("UNSUPPORTED_DATATYPE", { typeName: `"STRING COLLATE ${token.value.toUpperCase()}"` }, token);
}

function readIntervalType(cursor: TokenCursor, start: number): DataType {
  const from = cursor.peek().key.toLowerCase();
  const isDayTime = types.DAY_TIME_FIELDS.includes(from);
  const fields = isDayTime ? types.DAY_TIME_FIELDS : types.YEAR_MONTH_FIELDS;
  const first = fields.indexOf(from);
  if (first < 0) throw unsupportedType(cursor, start);
  cursor.next();
  let last = first;
  if (cursor.accept("TO")) {
    last = fields.indexOf(cursor.peek().key.toLowerCase());
    if (last <= first) throw cursor.syntaxError();
    cursor.next();
  }
  return types.intervalType(isDayTime ? "day_time_interval" : "year_month_interval", first, last);
}

function requireBracket(cursor: TokenCursor, type: "ARRAY" | "MAP" | "STRUCT", start: number): void {
  if (!cursor.accept("<")) throw cursor.error(`INCOMPLETE_TYPE_DEFINITION.${type}`, {}, cursor.originFrom(start));
}

function unsupportedType(cursor: TokenCursor, start: number): Error {
  const origin = cursor.originFrom(start);
  return cursor.error("UNSUPPORTED_DATATYPE", { typeName: `"${cursor.text.slice(origin.start, origin.stop).toUpperCase()}"` }, origin);
}
