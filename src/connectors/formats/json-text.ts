/**
 * Rows as JSON text by the rules of Spark's `to_json` (its JacksonGenerator), in plain TypeScript. Used by the JSON writer for
 * columns that the kernel does not write, by `to_json`, and as the kernel's oracle in tests. Any thread.
 */
import { formatDecimal } from "../../columnar/decimal.ts";
import { formatDouble, formatFloat } from "../../columnar/format.ts";
import { formatInterval } from "../../columnar/interval.ts";
import type { DataType, StructType } from "../../columnar/types.ts";
import type { Value } from "../../columnar/values.ts";
import { type DateTimeFormats, dateToText, timestampNtzToText, timestampToText } from "./datetime-formats.ts";

export interface JsonTextOptions {
  readonly ignoreNullFields: boolean;
  readonly formats: DateTimeFormats;
}

/** A row (fields of `type` by position) as a JSON object. Null fields are left out if the options say so. */
export function jsonObject(row: readonly Value[], type: StructType, options: JsonTextOptions): string {
  const fields: string[] = [];
  type.fields.forEach((field, index) => {
    const value = row[index] ?? null;
    if (value === null && options.ignoreNullFields) return;
    fields.push(`${jsonString(field.name)}:${jsonValue(value, field.dataType, options)}`);
  });
  return `{${fields.join(",")}}`;
}

/** Any value as JSON; timestamps, dates and binary become strings, maps objects. */
function jsonValue(value: Value, type: DataType, options: JsonTextOptions): string {
  if (value === null) return "null";
  switch (type.kind) {
    case "float":
      return Number.isFinite(value) ? formatFloat(value as number) : `"${formatFloat(value as number)}"`;
    case "double":
      return Number.isFinite(value) ? formatDouble(value as number) : `"${formatDouble(value as number)}"`;
    case "decimal":
      return formatDecimal(value as bigint, type.scale);
    case "string":
      return jsonString(value as string);
    case "binary":
      return `"${Buffer.from(value as Uint8Array).toString("base64")}"`;
    case "date":
      return jsonString(dateToText(value as number, options.formats));
    case "timestamp":
      return jsonString(timestampToText(value as bigint, options.formats));
    case "timestamp_ntz":
      return jsonString(timestampNtzToText(value as bigint, options.formats));
    case "day_time_interval":
    case "year_month_interval":
      return jsonString(formatInterval(value as bigint | number, type));
    case "array":
      return `[${(value as readonly Value[]).map((item) => jsonValue(item, type.elementType, options)).join(",")}]`;
    case "map":
      return `{${(value as readonly (readonly [Value, Value])[])
        .map(([key, item]) => `${jsonString(keyText(key, type.keyType, options))}:${jsonValue(item, type.valueType, options)}`)
        .join(",")}}`;
    case "struct":
      return jsonObject(value as readonly Value[], type, options);
    default:
      return String(value);
  }
}

function keyText(key: Value, type: DataType, options: JsonTextOptions): string {
  const text = jsonValue(key, type, options);
  return type.kind === "string" ? (key as string) : text.replace(/^"(.*)"$/s, "$1");
}

const SHORT_ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  "\\": "\\\\",
  "\b": "\\b",
  "\t": "\\t",
  "\n": "\\n",
  "\f": "\\f",
  "\r": "\\r",
};

export function jsonString(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what must be escaped
  const escaped = text.replace(/["\\\u0000-\u001f]/g, (unit) => {
    return SHORT_ESCAPES[unit] ?? `\\u${unit.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
  });
  return `"${escaped}"`;
}
