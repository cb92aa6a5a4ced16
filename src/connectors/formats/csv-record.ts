/**
 * CSV records to rows by Spark's rules (its UnivocityParser), in plain TypeScript: for the lines that the scanner kernel defers, for
 * multi-line files and `from_csv`. Any thread.
 *
 * A record with another number of values than the schema has gives the values it has and is malformed; so does one with a value
 * that does not fit its type, which is null then.
 */
import { fitsPrecision, parseDecimal, rescale } from "../../columnar/decimal.ts";
import type { DataType, StructType } from "../../columnar/types.ts";
import type { Value } from "../../columnar/values.ts";
import { type CsvDialect, type CsvRecord, parseCsvRecords } from "./csv-syntax.ts";
import { dateFromText, type DateTimeFormats, timestampFromText, timestampNtzFromText } from "./datetime-formats.ts";
import { nearestFloat } from "./json-record.ts";
import type { ParsedRecords } from "./record-mode.ts";

export interface CsvRecordOptions extends CsvDialect {
  readonly nanValue: string;
  readonly positiveInf: string;
  readonly negativeInf: string;
  readonly maxColumns: number;
  /** -1: no limit. */
  readonly maxCharsPerColumn: number;
  readonly formats: DateTimeFormats;
}

/** How records map to a schema. */
export interface CsvColumns {
  readonly schema: StructType;
  /** Position of the column of corrupt records, which is no value of the record; -1: none. */
  readonly corruptIndex: number;
  /** Whether a record with another number of values is malformed: only if all columns are read, as in Spark. */
  readonly checksCount: boolean;
}

/** Parses one line. Blank lines and comments have no rows. */
export function parseCsvLine(line: string, columns: CsvColumns, options: CsvRecordOptions): ParsedRecords {
  for (const record of parseCsvRecords(line, options)) return convertCsvRecord(record, columns, options);
  return { rows: [], isMalformed: false };
}

export function convertCsvRecord({ values }: CsvRecord, columns: CsvColumns, options: CsvRecordOptions): ParsedRecords {
  const { schema, corruptIndex, checksCount } = columns;
  const row: Value[] = schema.fields.map(() => null);
  const isTooLong = options.maxCharsPerColumn >= 0 && values.some((value) => value.length > options.maxCharsPerColumn);
  if (values.length > options.maxColumns || isTooLong) return { rows: [row], isMalformed: true };
  const positions = [...schema.fields.keys()].filter((index) => index !== corruptIndex);
  let isMalformed = checksCount && values.length !== positions.length;
  positions.forEach((fieldIndex, at) => {
    const text = values[at];
    if (text === undefined || text === options.nullValue) return;
    const value = convertText(text, schema.fields[fieldIndex]!.dataType, options);
    if (value === undefined) isMalformed = true;
    row[fieldIndex] = value ?? null;
  });
  return { rows: [row], isMalformed };
}

/** The value that `text` stands for; undefined if it is none of the type. */
function convertText(text: string, type: DataType, options: CsvRecordOptions): Value | undefined {
  switch (type.kind) {
    case "string":
      return text;
    case "boolean":
      return /^true$/i.test(text) ? true : /^false$/i.test(text) ? false : undefined;
    case "byte":
    case "short":
    case "integer":
    case "long":
      return wholeNumber(text, type.kind);
    case "float":
      return floatingPoint(text, options, nearestFloat);
    case "double":
      return floatingPoint(text, options, Number);
    case "decimal": {
      const parsed = parseDecimal(text);
      if (!parsed || Math.abs(parsed.scale) > 100 + text.length) return undefined;
      const unscaled = rescale(parsed.unscaled, parsed.scale, type.scale);
      return fitsPrecision(unscaled, type.precision) ? unscaled : undefined;
    }
    case "date":
      return dateFromText(text, options.formats);
    case "timestamp":
      return timestampFromText(text, options.formats);
    case "timestamp_ntz":
      return timestampNtzFromText(text, options.formats);
    case "binary":
      return new TextEncoder().encode(text);
    case "void":
      return null;
    default:
      return undefined;
  }
}

const INTEGER_BITS = { byte: 8, short: 16, integer: 32, long: 64 } as const;

function wholeNumber(text: string, kind: keyof typeof INTEGER_BITS): Value | undefined {
  if (!/^[+-]?\d+$/.test(text)) return undefined;
  const value = BigInt(text.replace("+", ""));
  if (BigInt.asIntN(INTEGER_BITS[kind], value) !== value) return undefined;
  return kind === "long" ? value : Number(value);
}

/** Java's `parseDouble` and the texts of the options. */
function floatingPoint(text: string, options: CsvRecordOptions, parse: (text: string) => number): number | undefined {
  if (text === options.nanValue) return NaN;
  if (text === options.positiveInf) return Infinity;
  if (text === options.negativeInf) return -Infinity;
  const trimmed = text.trim();
  const special = /^([+-]?)(NaN|Infinity)$/.exec(trimmed);
  if (special) return special[2] === "NaN" ? NaN : special[1] === "-" ? -Infinity : Infinity;
  const number = /^([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)[dDfF]?$/.exec(trimmed);
  return number ? parse(number[1]!.replace(/^\+/, "")) : undefined;
}
