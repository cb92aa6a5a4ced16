/**
 * Rows as CSV lines by the rules of Spark's writer, in plain TypeScript: for dialects and types that the kernel does not write, for
 * `to_csv`, and as the kernel's oracle in tests. Any thread.
 */
import { formatValue } from "../../columnar/format.ts";
import type { DataType, StructType } from "../../columnar/types.ts";
import type { Value } from "../../columnar/values.ts";
import { type DateTimeFormats, dateToText, timestampNtzToText, timestampToText } from "./datetime-formats.ts";

export interface CsvTextOptions {
  readonly separator: string;
  /** One character or empty; so is `escape`. */
  readonly quote: string;
  readonly escape: string;
  readonly nullValue: string;
  readonly emptyValue: string;
  readonly ignoreLeadingWhiteSpace: boolean;
  readonly ignoreTrailingWhiteSpace: boolean;
  readonly quoteAll: boolean;
  readonly escapeQuotes: boolean;
  readonly formats: DateTimeFormats;
}

/** A row without its line end. */
export function csvLine(row: readonly Value[], type: StructType, options: CsvTextOptions): string {
  return type.fields.map((field, index) => csvValue(row[index] ?? null, field.dataType, options)).join(options.separator);
}

/** The names of the columns, as the first line of a file. */
export function csvHeader(type: StructType, options: CsvTextOptions): string {
  return type.fields.map((field) => quoted(field.name, options)).join(options.separator);
}

function csvValue(value: Value, type: DataType, options: CsvTextOptions): string {
  if (value === null) return options.quoteAll ? quoted(options.nullValue, options) : options.nullValue;
  if (value === "") return options.emptyValue;
  return quoted(plainText(value, type, options.formats), options);
}

function plainText(value: Value, type: DataType, formats: DateTimeFormats): string {
  switch (type.kind) {
    case "date":
      return dateToText(value as number, formats);
    case "timestamp":
      return timestampToText(value as bigint, formats);
    case "timestamp_ntz":
      return timestampNtzToText(value as bigint, formats);
    default:
      return formatValue(value, type, "UTC");
  }
}

function quoted(text: string, options: CsvTextOptions): string {
  const { separator, quote, escape } = options;
  let trimmed = text;
  // White space is everything up to the space.
  if (options.ignoreLeadingWhiteSpace) trimmed = trimmed.replace(/^[\0-\x20]+/, "");
  if (options.ignoreTrailingWhiteSpace) trimmed = trimmed.replace(/[\0-\x20]+$/, "");
  const hasQuote = quote !== "" && (options.escapeQuotes ? trimmed.includes(quote) : trimmed.startsWith(quote));
  if (quote === "" || !(options.quoteAll || hasQuote || trimmed.includes(separator) || /[\n\r]/.test(trimmed))) return trimmed;
  let inside = "";
  for (const character of trimmed) inside += character === quote || character === escape ? escape + character : character;
  return quote + inside + quote;
}
