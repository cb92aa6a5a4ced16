/**
 * Columns in directory names, `key=value`, as Hive and Spark write them: escaping, types inferred from the values there are, values of a
 * given type. Both threads.
 */
import { ConnectorError } from "../../base/errors.ts";
import { parseDecimal, rescale } from "../../columnar/decimal.ts";
import { formatValue } from "../../columnar/format.ts";
import { parseBoolean, parseDate, parseDouble, parseInteger, parseTimestamp, parseTimestampNtz } from "../../columnar/parse-text.ts";
import { timeZone } from "../../columnar/time-zone.ts";
import {
  type DataType,
  DateType,
  decimalType,
  DoubleType,
  IntegerType,
  LongType,
  simpleString,
  StringType,
  TimestampType,
} from "../../columnar/types.ts";
import type { Value } from "../../columnar/values.ts";

/** How a null is spelt. */
const HIVE_NULL = "__HIVE_DEFAULT_PARTITION__";

const ESCAPED = new Set("\"#%'*/:=?\\{[]^");
const isEscaped = (character: string): boolean => ESCAPED.has(character) || character < " " || character === "\u007f";

/** `key=value` with the characters escaped (%XX) that Hive escapes; null and the empty string become `HIVE_NULL`. */
export function partitionDirectory(name: string, value: Value, type: DataType, zone: string): string {
  const text = value === null ? "" : formatValue(value, type, zone);
  return `${escapePathName(name)}=${text === "" ? HIVE_NULL : escapePathName(text)}`;
}

function escapePathName(text: string): string {
  const escape = (character: string): string => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
  return Array.from(text, (character) => (isEscaped(character) ? escape(character) : character)).join("");
}

/** Name and text (null for `HIVE_NULL`) of a directory name, or null if it has not the form. */
export function parsePartitionDirectory(directory: string): readonly [name: string, text: string | null] | null {
  const at = directory.indexOf("=");
  if (at <= 0 || at === directory.length - 1) return null;
  const text = unescapePathName(directory.slice(at + 1));
  return [unescapePathName(directory.slice(0, at)), text === HIVE_NULL ? null : text];
}

function unescapePathName(text: string): string {
  return text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** The narrowest type for all texts of a column: int, bigint, decimal, double, date, timestamp or string. */
export function inferPartitionType(texts: Iterable<string | null>, zone: string): DataType {
  let type: DataType | null = null;
  for (const text of texts) {
    if (text === null) continue;
    const own = inferType(text, zone);
    type = type === null ? own : commonType(type, own);
  }
  return type ?? StringType;
}

function inferType(text: string, zone: string): DataType {
  if (/^[+-]?\d+$/.test(text)) {
    const number = BigInt(text);
    if (number >= -(2n ** 31n) && number < 2n ** 31n) return IntegerType;
    if (number >= -(2n ** 63n) && number < 2n ** 63n) return LongType;
    const digits = text.replace(/^[+-]?0*/, "").length;
    return digits <= 38 ? decimalType(digits, 0) : DoubleType;
  }
  // Only numbers in plain notation: "NaN", "1d" and the like stay text.
  if (/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text)) return DoubleType;
  if (/^\d{4}-\d{1,2}-\d{1,2}$/.test(text) && parseDate(text) !== undefined) return DateType;
  if (/^\d{4}-\d{1,2}-\d{1,2}[ T]/.test(text) && parseTimestamp(text, timeZone(zone)) !== undefined) return TimestampType;
  return StringType;
}

const NUMERIC_ORDER = ["integer", "long", "decimal", "double"];

function commonType(a: DataType, b: DataType): DataType {
  if (a.kind === b.kind) {
    if (a.kind === "decimal" && b.kind === "decimal") return a.precision >= b.precision ? a : b;
    return a;
  }
  const [low, high] = [a, b].map((type) => NUMERIC_ORDER.indexOf(type.kind)) as [number, number];
  if (low >= 0 && high >= 0) return low > high ? a : b;
  const isTime = (type: DataType): boolean => type.kind === "date" || type.kind === "timestamp";
  return isTime(a) && isTime(b) ? TimestampType : StringType;
}

/** A directory's text as a value of `type`. Throws `CAST_INVALID_INPUT` in a typed error when it is none. */
export function partitionValue(text: string | null, type: DataType, zone: string): Value {
  if (text === null) return null;
  const value = parseValue(text, type, zone);
  if (value === undefined)
    throw new ConnectorError("CAST_INVALID_INPUT", {
      expression: `'${text}'`,
      sourceType: `"STRING"`,
      targetType: `"${simpleString(type).toUpperCase()}"`,
    });
  return value;
}

const INTEGER_BITS: Readonly<Record<string, bigint>> = { byte: 7n, short: 15n, integer: 31n, long: 63n };

function parseValue(text: string, type: DataType, zone: string): Value | undefined {
  switch (type.kind) {
    case "string":
      return text;
    case "binary":
      return new TextEncoder().encode(text);
    case "boolean":
      return parseBoolean(text);
    case "byte":
    case "short":
    case "integer":
    case "long": {
      const number = parseInteger(text);
      const limit = 2n ** INTEGER_BITS[type.kind]!;
      if (number === undefined || number < -limit || number >= limit) return undefined;
      return type.kind === "long" ? number : Number(number);
    }
    case "float":
    case "double": {
      const number = parseDouble(text);
      return number !== undefined && type.kind === "float" ? Math.fround(number) : number;
    }
    case "decimal": {
      const parsed = parseDecimal(text);
      return parsed && rescale(parsed.unscaled, parsed.scale, type.scale);
    }
    case "date":
      return parseDate(text);
    case "timestamp":
      return parseTimestamp(text, timeZone(zone));
    case "timestamp_ntz":
      return parseTimestampNtz(text);
    default:
      return undefined;
  }
}
