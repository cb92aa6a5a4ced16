/**
 * Reads splits of CSV files (whole files in multi-line mode) into blocks, on workers. The kernel `csv_next` converts lines;
 * `csv-record.ts` parses those that it defers.
 */
import { AnalysisError, IllegalArgumentError } from "../../base/errors.ts";
import { sqlType, type StructType } from "../../columnar/types.ts";
import { decodeUtf8 } from "../../columnar/value-bytes.ts";
import type { Kernels } from "../../kernels/load.ts";
import type { ConnectorOptions } from "../options.ts";
import type { ReaderContext, Split, SplitCursor, SplitReader } from "../source.ts";
import { type CsvColumns, type CsvRecordOptions, convertCsvRecord, parseCsvLine } from "./csv-record.ts";
import { parseCsvRecords } from "./csv-syntax.ts";
import { type DateTimeFormats, dateTimeFormats, hasPattern } from "./datetime-formats.ts";
import { parsedSchema, type ParsedRecords, recordPolicy } from "./record-mode.ts";
import { PlainCursor, ScanCursor, type TextRecord, textLines } from "./scan-cursor.ts";
import { allocate } from "../block-memory.ts";
import { ScanMemory } from "./scan-memory.ts";
import { fileSplit, LineWindows, readLines, readWhole, type SplitInput } from "./split-input.ts";

export const csvReader: SplitReader = { name: "csv", open };

/** Whether files may be cut into splits that begin anywhere. */
export function isCsvSplittable(options: ConnectorOptions): boolean {
  return !options.get<boolean>("multiLine");
}

/** Throws for columns that a CSV file cannot hold. */
export function checkCsvSchema(schema: StructType): void {
  for (const { name, dataType } of schema.fields) {
    if (["struct", "array", "map", "day_time_interval", "year_month_interval"].includes(dataType.kind)) {
      throw new AnalysisError("UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE", {
        format: "CSV",
        columnName: `\`${name}\``,
        columnType: `"${sqlType(dataType)}"`,
      });
    }
  }
}

function open(split: Split, context: ReaderContext): SplitCursor {
  const { kernels, options, schema, needed } = context;
  checkCsvSchema(schema);
  const file = fileSplit(split);
  const policy = recordPolicy(options, schema);
  const formats = dateTimeFormats(options, context.timeZone);
  const recordOptions = csvRecordOptions(options, formats);
  const columns: CsvColumns = {
    schema: parsedSchema(schema, needed, policy.corruptIndex),
    corruptIndex: policy.corruptIndex,
    checksCount: needed.every((isNeeded, index) => isNeeded || index === policy.corruptIndex),
  };
  const lineSeparator = options.get<string | null>("lineSep");
  const separator = lineSeparator === null ? null : new TextEncoder().encode(lineSeparator);
  const isWhole = options.get<boolean>("multiLine");
  const hasHeader = options.get<boolean>("header") && file.start === 0;
  const source = { kernels, schema, policy, files: context.files, path: file.path, separator };

  const hasColumns = schema.fields.length > (policy.corruptIndex >= 0 ? 1 : 0);
  if (isWhole || separator !== null || !hasColumns || !isKernelDialect(recordOptions)) {
    const input = isWhole ? readWhole(file, context) : readLines(file, context, separator);
    const content = decodeUtf8(kernels.bytes(), input.begin, input.end);
    const records = isWhole ? wholeRecords(content, recordOptions) : textLines(content, lineSeparator);
    if (hasHeader) checkHeader(nextRecord(records, recordOptions), schema, policy.corruptIndex, options, file.path);
    if (!isWhole) return new PlainCursor(source, input, content, records, (line) => parseCsvLine(line, columns, recordOptions));
    return new PlainCursor(source, input, content, records, (record) => parseWhole(record, columns, recordOptions));
  }
  const scan = new ScanMemory(kernels, schema, needed, formats.zone);
  writeDialect(kernels, scan, schema, policy.corruptIndex, recordOptions);
  const windows = new LineWindows(file, context);
  const check = (names: readonly string[]): void => checkHeader(names, schema, policy.corruptIndex, options, file.path);
  const firstWindow = hasHeader ? () => behindHeader(windows, kernels, recordOptions, check) : null;
  return new ScanCursor(source, windows, scan, "csv_next", (line) => parseCsvLine(line, columns, recordOptions), firstWindow);
}

export function csvRecordOptions(options: ConnectorOptions, formats: DateTimeFormats): CsvRecordOptions {
  const text = (name: string): string => options.get<string>(name);
  return {
    separator: options.get<string | null>("delimiter") ?? text("sep"),
    quote: text("quote"),
    escape: text("escape"),
    comment: text("comment"),
    nullValue: text("nullValue"),
    emptyValue: options.get<string | null>("emptyValue") ?? "",
    ignoreLeadingWhiteSpace: options.get<string | null>("ignoreLeadingWhiteSpace")?.toLowerCase() === "true",
    ignoreTrailingWhiteSpace: options.get<string | null>("ignoreTrailingWhiteSpace")?.toLowerCase() === "true",
    nanValue: text("nanValue"),
    positiveInf: text("positiveInf"),
    negativeInf: text("negativeInf"),
    maxColumns: options.get<number>("maxColumns"),
    maxCharsPerColumn: options.get<number>("maxCharsPerColumn"),
    formats,
  };
}

/** Whether the kernel knows the dialect; it looks at single ASCII bytes and does not trim. */
function isKernelDialect(options: CsvRecordOptions): boolean {
  const { separator, quote, escape, comment, maxCharsPerColumn } = options;
  const characters = [separator, quote, escape, comment].join("");
  // oxlint-disable-next-line no-control-regex -- all of ASCII
  const isAscii = /^[\x01-\x7f]*$/.test(characters) && separator.length === 1 && escape !== "";
  const isTrimmed = options.ignoreLeadingWhiteSpace || options.ignoreTrailingWhiteSpace;
  return isAscii && !isTrimmed && maxCharsPerColumn < 0 && !/[\d+\-.eE\n\r ]/.test(separator);
}

function* wholeRecords(text: string, options: CsvRecordOptions): Generator<TextRecord> {
  for (const { start, end } of parseCsvRecords(text, options)) yield { text: text.slice(start, end), start };
}

function parseWhole(record: string, columns: CsvColumns, options: CsvRecordOptions): ParsedRecords {
  const [parsed] = parseCsvRecords(record, options);
  return parsed ? convertCsvRecord(parsed, columns, options) : { rows: [], isMalformed: false };
}

/** The first line or record that is not blank. */
function nextRecord(records: Iterator<TextRecord>, options: CsvRecordOptions): readonly string[] {
  for (let record = records.next(); !record.done; record = records.next()) {
    const [parsed] = parseCsvRecords(record.value.text, options);
    if (parsed) return parsed.values;
  }
  return [];
}

/** What is left of the window that has the first line that is not blank. */
function behindHeader(
  windows: LineWindows,
  kernels: Kernels,
  recordOptions: CsvRecordOptions,
  check: (names: readonly string[]) => void,
): SplitInput | null {
  for (let input = windows.next(); input !== null; input = windows.next()) {
    const { end, fileOffset } = input;
    for (let begin = input.begin; begin < end;) {
      const lineEnd: number = kernels.exports["line_end"]!(begin, end) >>> 0;
      const [header] = parseCsvRecords(decodeUtf8(kernels.bytes(), begin, lineEnd), recordOptions);
      const bytes = kernels.bytes();
      const isPair = bytes[lineEnd] === 13 && bytes[lineEnd + 1] === 10;
      begin = Math.min(lineEnd + (isPair ? 2 : 1), end);
      if (!header) continue;
      check(header.values);
      return { begin, end, fileOffset: fileOffset + begin - input.begin };
    }
  }
  return null;
}

/** With `enforceSchema` off, the names in the header must be the schema's, in order. */
function checkHeader(names: readonly string[], schema: StructType, corruptIndex: number, options: ConnectorOptions, path: string): void {
  if (options.get<boolean>("enforceSchema")) return;
  const expected = schema.fields.filter((_, index) => index !== corruptIndex).map((field) => field.name);
  const isSame = expected.length === names.length && expected.every((name, index) => name.toLowerCase() === names[index]!.toLowerCase());
  if (!isSame) throw new IllegalArgumentError("CSV_HEADER_MISMATCH", { header: names.join(", "), schema: expected.join(", "), path });
}

function writeDialect(kernels: Kernels, scan: ScanMemory, schema: StructType, corruptIndex: number, options: CsvRecordOptions): void {
  const fields = schema.fields
    .map(({ name, dataType }, leafIndex) => ({
      name,
      dataType,
      leafIndex,
      isSkipped: !scan.needed[leafIndex],
      plainOnly: hasPattern(dataType, options.formats),
    }))
    .filter((field) => field.leafIndex !== corruptIndex);
  scan.writeFields(fields);
  const nullText = new TextEncoder().encode(options.nullValue);
  const nullAddress = allocate(kernels, nullText.length + 16);
  kernels.bytes().set(nullText, nullAddress);
  const code = (character: string): number => (character === "" ? 0 : character.charCodeAt(0));
  const quotedEmptyIsNull = options.emptyValue === options.nullValue ? 1 : 0;
  const words = [code(options.separator), code(options.quote), code(options.escape), code(options.comment), nullAddress, nullText.length];
  [...words, quotedEmptyIsNull].forEach((word, index) => scan.setFormatWord(index, word));
}
