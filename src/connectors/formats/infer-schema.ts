/**
 * Schemas from data, by Spark's rules for JSON and CSV: the narrowest type that holds all values seen. Main thread, on samples.
 */
import { AnalysisError } from "../../base/errors.ts";
import { parseDecimal } from "../../columnar/decimal.ts";
import {
  arrayType,
  BooleanType,
  type DataType,
  DateType,
  type DecimalType,
  decimalType,
  DoubleType,
  IntegerType,
  LongType,
  StringType,
  structField,
  type StructType,
  structType,
  TimestampType,
  VoidType,
} from "../../columnar/types.ts";
import type { ConnectorOptions } from "../options.ts";
import { csvRecordOptions } from "./csv-reader.ts";
import { parseCsvRecords } from "./csv-syntax.ts";
import { dateFromText, dateTimeFormats, timestampFromText } from "./datetime-formats.ts";
import { jsonRecordOptions } from "./json-reader.ts";
import { type JsonNode, JsonSyntaxError, parseJsonValues } from "./json-syntax.ts";
import { malformedRecord, type RecordMode } from "./record-mode.ts";

const DECIMAL_DIGITS_MAX = 38;

/**
 * The schema of JSON records (lines, or whole files in multi-line mode), fields in alphabetical order. Malformed ones add the column
 * of corrupt records, are skipped, or throw MALFORMED_RECORD_IN_PARSING, as the mode says.
 */
export function inferJsonSchema(records: Iterable<string>, options: ConnectorOptions, timeZone: string): StructType {
  const mode = options.get<RecordMode>("mode");
  const syntax = jsonRecordOptions(options, dateTimeFormats(options, timeZone));
  const rules: JsonRules = {
    primitivesAsString: options.get<boolean>("primitivesAsString"),
    prefersDecimal: options.get<boolean>("prefersDecimal"),
  };
  let merged: DataType = structType([]);
  let isAnyMalformed = false;
  const isInSample = sampler(options.get("samplingRatio"));
  let recordNumber = 0;
  for (const record of records) {
    recordNumber++;
    if (!isInSample()) continue;
    let nodes: JsonNode[] | null = null;
    try {
      nodes = parseJsonValues(record, syntax);
    } catch (error) {
      if (!(error instanceof JsonSyntaxError)) throw error;
    }
    const objects = nodes?.flatMap((node) => (node.kind === "array" ? node.items : [node]));
    if (nodes === null || nodes.length > 1 || objects!.some((node) => node.kind !== "object")) {
      if (mode === "FAILFAST") throw malformedRecord(record, `record ${recordNumber} of those read for the schema`);
      isAnyMalformed ||= mode === "PERMISSIVE";
      continue;
    }
    for (const node of objects!) merged = mergeTypes(merged, jsonType(node, rules));
  }
  const schema = finished(merged, options.get<boolean>("dropFieldIfAllNull")) as StructType | null;
  const fields = schema?.fields ?? [];
  const corrupt = options.get<string>("columnNameOfCorruptRecord");
  const all = isAnyMalformed && fields.every((field) => field.name !== corrupt) ? [...fields, structField(corrupt, StringType)] : fields;
  return structType([...all].sort((a, b) => (a.name < b.name ? -1 : 1)));
}

interface JsonRules {
  readonly primitivesAsString: boolean;
  readonly prefersDecimal: boolean;
}

function jsonType(node: JsonNode, rules: JsonRules): DataType {
  switch (node.kind) {
    case "null":
      return VoidType;
    case "boolean":
      return rules.primitivesAsString ? StringType : BooleanType;
    case "string":
      return StringType;
    case "number":
      return rules.primitivesAsString ? StringType : node.isFinite ? jsonNumberType(node.text, rules.prefersDecimal) : DoubleType;
    case "array":
      return arrayType(node.items.reduce((type: DataType, item) => mergeTypes(type, jsonType(item, rules)), VoidType));
    case "object": {
      const fields = [...new Map(node.entries)].map(([name, value]) => structField(name, jsonType(value, rules)));
      return structType(fields.sort((a, b) => (a.name < b.name ? -1 : 1)));
    }
  }
}

function jsonNumberType(text: string, prefersDecimal: boolean): DataType {
  const isWhole = /^-?\d+$/.test(text);
  if (isWhole && BigInt.asIntN(64, BigInt(text)) === BigInt(text)) return LongType;
  return (isWhole || prefersDecimal ? decimalOf(text) : null) ?? DoubleType;
}

/** The smallest decimal type that holds the number; null if none does. */
function decimalOf(text: string): DecimalType | null {
  const parsed = parseDecimal(text);
  if (!parsed || Math.abs(parsed.scale) > DECIMAL_DIGITS_MAX) return null;
  const scale = Math.max(parsed.scale, 0);
  const digits = String(parsed.unscaled).replace("-", "").length + Math.max(-parsed.scale, 0);
  const precision = Math.max(digits, scale);
  return precision <= DECIMAL_DIGITS_MAX ? decimalType(precision, scale) : null;
}

/** The narrowest type that holds the values of both; string where nothing else does. */
function mergeTypes(a: DataType, b: DataType): DataType {
  if (a.kind === "void") return b;
  if (b.kind === "void") return a;
  if (a.kind === "struct" && b.kind === "struct") {
    const types = new Map(a.fields.map((field) => [field.name, field.dataType]));
    for (const { name, dataType } of b.fields) types.set(name, mergeTypes(types.get(name) ?? VoidType, dataType));
    return structType([...types].map(([name, type]) => structField(name, type)).sort((x, y) => (x.name < y.name ? -1 : 1)));
  }
  if (a.kind === "array" && b.kind === "array") return arrayType(mergeTypes(a.elementType, b.elementType));
  if (a.kind === "decimal" || b.kind === "decimal") return mergeWithDecimal(a, b);
  if (a.kind === b.kind) return a;
  const wider = (list: readonly DataType[]): DataType | undefined => {
    const [first, second] = [list.findIndex((type) => type.kind === a.kind), list.findIndex((type) => type.kind === b.kind)];
    return first < 0 || second < 0 ? undefined : list[Math.max(first, second)];
  };
  return wider([IntegerType, LongType, DoubleType]) ?? wider([DateType, TimestampType]) ?? StringType;
}

function mergeWithDecimal(a: DataType, b: DataType): DataType {
  const [x, y] = [asDecimal(a), asDecimal(b)];
  if (x === null || y === null) return a.kind === "double" || b.kind === "double" ? DoubleType : StringType;
  const scale = Math.max(x.scale, y.scale);
  const precision = Math.max(x.precision - x.scale, y.precision - y.scale) + scale;
  return precision <= DECIMAL_DIGITS_MAX ? decimalType(precision, scale) : DoubleType;
}

function asDecimal(type: DataType): DecimalType | null {
  if (type.kind === "decimal") return type;
  if (type.kind === "integer") return decimalType(10, 0);
  return type.kind === "long" ? decimalType(20, 0) : null;
}

/** Columns without any value become strings, or are left out (null) if asked for; structs without fields are left out. */
function finished(type: DataType, dropsNulls: boolean): DataType | null {
  switch (type.kind) {
    case "void":
      return dropsNulls ? null : StringType;
    case "array": {
      const element = finished(type.elementType, dropsNulls);
      return element === null ? null : arrayType(element);
    }
    case "struct": {
      const fields = type.fields.flatMap((field) => {
        const dataType = finished(field.dataType, dropsNulls);
        return dataType === null ? [] : [structField(field.name, dataType)];
      });
      return fields.length === 0 ? null : structType(fields);
    }
    default:
      return type;
  }
}

/**
 * The schema of CSV files from the beginning of each (complete lines). Names come from the header or are `_c0`, `_c1`, …; all columns
 * are strings unless the option `inferSchema` is set.
 */
export function inferCsvSchema(beginnings: Iterable<string>, options: ConnectorOptions, timeZone: string): StructType {
  const formats = dateTimeFormats(options, timeZone);
  const record = csvRecordOptions(options, formats);
  const hasHeader = options.get<boolean>("header");
  const isInSample = sampler(options.get("samplingRatio"));
  let names: string[] | null = null;
  const types: DataType[] = [];
  for (const text of beginnings) {
    let isFirst = true;
    for (const { values } of parseCsvRecords(text, record)) {
      names ??= hasHeader ? headerNames(values, record.nullValue) : values.map((_, index) => `_c${index}`);
      const isHeader = isFirst && hasHeader;
      isFirst = false;
      if (isHeader) continue;
      if (!options.get<boolean>("inferSchema")) break;
      if (!isInSample()) continue;
      values.forEach((value, index) => {
        if (value === record.nullValue || index >= names!.length) return;
        types[index] = mergeTypes(types[index] ?? VoidType, csvType(value));
      });
    }
  }
  if (names === null) throw new AnalysisError("UNABLE_TO_INFER_SCHEMA", { format: "CSV" });
  return structType(names.map((name, index) => structField(name, finished(types[index] ?? VoidType, false)!)));

  function csvType(value: string): DataType {
    if (/^[+-]?\d+$/.test(value)) {
      const whole = BigInt(value.replace("+", ""));
      if (BigInt.asIntN(32, whole) === whole) return IntegerType;
      if (BigInt.asIntN(64, whole) === whole) return LongType;
      return decimalOf(value) ?? DoubleType;
    }
    const isSpecial = [record.nanValue, record.positiveInf, record.negativeInf].includes(value);
    if (isSpecial || /^\s*[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?[dDfF]?|NaN|Infinity)\s*$/.test(value)) return DoubleType;
    if (/^\d{4}-/.test(value) || formats.date !== null || formats.timestamp !== null) {
      if (isDateOnly(value) && dateFromText(value, formats) !== undefined) return DateType;
      if (timestampFromText(value, formats) !== undefined) return TimestampType;
    }
    return /^(?:true|false)$/i.test(value) ? BooleanType : StringType;
  }

  /** A date by default ends after its day: with a time it is a timestamp. */
  function isDateOnly(value: string): boolean {
    return formats.date !== null || /^\d{4}-\d{1,2}-\d{1,2}$/.test(value);
  }
}

/** Says of record after record whether inference looks at it: an even choice with the share `ratio`, the first record always. */
function sampler(ratio: number): () => boolean {
  let credit = 1;
  return () => {
    const isChosen = credit >= 1;
    if (isChosen) credit--;
    credit += ratio;
    return isChosen;
  };
}

/** Empty names become `_c<index>`, repeated ones get their index at the end. */
function headerNames(values: readonly string[], nullValue: string): string[] {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value.toLowerCase(), (counts.get(value.toLowerCase()) ?? 0) + 1);
  return values.map((value, index) => {
    if (value === "" || value === nullValue) return `_c${index}`;
    return counts.get(value.toLowerCase())! > 1 ? `${value}${index}` : value;
  });
}
