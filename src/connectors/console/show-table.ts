/** Rows as the table that Spark's `show()` prints. Used by the console sink and by `DataFrame.show`. Any thread. */
import { formatValue } from "../../columnar/format.ts";
import type { DataType, StructType } from "../../columnar/types.ts";
import type { Value } from "../../columnar/values.ts";

export interface ShowOptions {
  /** Rows printed at most. */
  readonly numRows: number;
  /** Cells are cut to so many characters; 0 = not at all (and then aligned left). */
  readonly truncate: number;
  /** IANA name. */
  readonly timeZone: string;
}

const COLUMN_WIDTH_MIN = 3;

/** Ends with a line feed. */
export function showTable(schema: StructType, rows: readonly (readonly Value[])[], { numRows, truncate, timeZone }: ShowOptions): string {
  const cells = tableCells(schema, rows, { numRows, truncate, timeZone });
  const widths = schema.fields.map((_, index) => Math.max(COLUMN_WIDTH_MIN, ...cells.map((row) => displayWidth(row[index]!))));
  const line = (row: readonly string[]): string => {
    const padded = row.map((cell, index) => {
      const padding = " ".repeat(widths[index]! - displayWidth(cell));
      return truncate > 0 ? padding + cell : cell + padding;
    });
    return `|${padded.join("|")}|\n`;
  };
  const rule = `+${widths.map((width) => "-".repeat(width)).join("+")}+\n`;
  const [header, ...body] = cells;
  return `${rule}${line(header!)}${rule}${body.map(line).join("")}${rule}${more(rows, numRows)}`;
}

/** One line per column, one block per row. Ends with a line feed. */
export function showVertical(schema: StructType, rows: readonly (readonly Value[])[], options: ShowOptions): string {
  const [names, ...records] = tableCells(schema, rows, options) as [string[], ...string[][]];
  const nameWidth = Math.max(COLUMN_WIDTH_MIN, ...names.map(displayWidth));
  const valueWidth = records.flat().reduce((width, cell) => Math.max(width, displayWidth(cell)), COLUMN_WIDTH_MIN);
  const pad = (text: string, width: number): string => text + " ".repeat(width - displayWidth(text));
  const blocks = records.map((record, index) => {
    const lines = record.map((cell, column) => ` ${pad(names[column]!, nameWidth)} | ${pad(cell, valueWidth)} \n`);
    return `${`-RECORD ${index}`.padEnd(nameWidth + valueWidth + 5, "-")}\n${lines.join("")}`;
  });
  return `${blocks.join("") || "(0 rows)\n"}${more(rows, options.numRows)}`;
}

/** The header and the rows to print, as text. */
function tableCells(schema: StructType, rows: readonly (readonly Value[])[], { numRows, truncate, timeZone }: ShowOptions): string[][] {
  const header = schema.fields.map((field) => cut(escapeControl(field.name), truncate));
  const body = rows
    .slice(0, numRows)
    .map((row) => schema.fields.map((field, index) => cut(cellText(row[index]!, field.dataType, timeZone), truncate)));
  return [header, ...body];
}

function more(rows: readonly unknown[], numRows: number): string {
  return rows.length > numRows ? `only showing top ${numRows} ${numRows === 1 ? "row" : "rows"}\n` : "";
}

function cellText(value: Value, type: DataType, timeZone: string): string {
  return escapeControl(prettyValue(value, type, timeZone));
}

/** As a cast to string, but null is NULL and binary is hexadecimal, at any depth. */
function prettyValue(value: Value, type: DataType, timeZone: string): string {
  if (value === null) return "NULL";
  const pretty = (part: Value, partType: DataType): string => prettyValue(part, partType, timeZone);
  switch (type.kind) {
    case "binary":
      return `[${Array.from(value as Uint8Array, (byte) => byte.toString(16).toUpperCase().padStart(2, "0")).join(" ")}]`;
    case "array":
      return `[${(value as readonly Value[]).map((element) => pretty(element, type.elementType)).join(", ")}]`;
    case "map":
      return `{${(value as readonly [Value, Value][]).map(([key, entry]) => `${pretty(key, type.keyType)} -> ${pretty(entry, type.valueType)}`).join(", ")}}`;
    case "struct":
      return `{${(value as readonly Value[]).map((field, index) => pretty(field, type.fields[index]!.dataType)).join(", ")}}`;
    default:
      return formatValue(value, type, timeZone);
  }
}

const CONTROL_NAMES: Readonly<Record<string, string>> = {
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\f": "\\f",
  "\b": "\\b",
  "\u000b": "\\v",
  "\u0007": "\\a",
};

const escapeControl = (text: string): string => text.replace(/\p{Cc}/gu, (character) => CONTROL_NAMES[character] ?? character);

function cut(text: string, length: number): string {
  if (length <= 0 || text.length <= length) return text;
  return length < 4 ? text.slice(0, length) : `${text.slice(0, length - 3)}...`;
}

const WIDE = /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff01-\uff60\uffe0-\uffe6]/g;

/** Columns on a terminal: East Asian wide characters take two. */
const displayWidth = (text: string): number => text.length + (text.match(WIDE)?.length ?? 0);
