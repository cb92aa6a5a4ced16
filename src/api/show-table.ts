/** Rows as `show()` and the console sink print them: a box of right-aligned cells, or one column per line. Session's thread. */
import { formatValue } from "../columnar/format.ts";
import type { DataType, StructType } from "../columnar/types.ts";
import type { Value } from "../columnar/values.ts";

export interface ShowOptions {
  /** More rows than these are cut off, and a line says so. */
  readonly rowsMax: number;
  /** Characters per cell; 0 = all, and then cells are left-aligned. */
  readonly truncate: number;
  readonly timeZone: string;
}

const COLUMN_WIDTH_MIN = 3;

/** `rows` may hold one row more than `rowsMax`, to tell that there are more. */
export function showTable(schema: StructType, rows: readonly (readonly Value[])[], options: ShowOptions): string {
  const table = cells(schema, rows, options);
  const widths = schema.fields.map((_, column) =>
    table.reduce((width, line) => Math.max(width, displayWidth(line[column]!)), COLUMN_WIDTH_MIN),
  );
  const rule = `+${widths.map((width) => "-".repeat(width)).join("+")}+\n`;
  const lines = table.map((line) => {
    const padded = line.map((cell, column) => {
      const padding = " ".repeat(widths[column]! - displayWidth(cell));
      return options.truncate > 0 ? padding + cell : cell + padding;
    });
    return `|${padded.join("|")}|\n`;
  });
  return `${rule}${lines[0]}${rule}${lines.slice(1).join("")}${rule}${more(rows, options)}\n`;
}

/** One line per column, one block per row. */
export function showVertical(schema: StructType, rows: readonly (readonly Value[])[], options: ShowOptions): string {
  const [names, ...records] = cells(schema, rows, options) as [string[], ...string[][]];
  const nameWidth = names.reduce((width, name) => Math.max(width, displayWidth(name)), COLUMN_WIDTH_MIN);
  const valueWidth = records.flat().reduce((width, cell) => Math.max(width, displayWidth(cell)), COLUMN_WIDTH_MIN);
  const pad = (text: string, width: number): string => text + " ".repeat(width - displayWidth(text));
  const blocks = records.map((record, index) => {
    const header = `-RECORD ${index}`.padEnd(nameWidth + valueWidth + 5, "-");
    const lines = record.map((cell, column) => ` ${pad(names[column]!, nameWidth)} | ${pad(cell, valueWidth)} \n`);
    return `${header}\n${lines.join("")}`;
  });
  return `${blocks.join("") || "(0 rows)\n"}${more(rows, options)}\n`;
}

function more(rows: readonly unknown[], { rowsMax }: ShowOptions): string {
  if (rows.length <= rowsMax) return "";
  return `only showing top ${rowsMax} ${rowsMax === 1 ? "row" : "rows"}\n`;
}

/** Header and rows as text, escaped and cut. */
function cells(schema: StructType, rows: readonly (readonly Value[])[], { rowsMax, truncate, timeZone }: ShowOptions): string[][] {
  const cut = (text: string): string => {
    const characters = [...text];
    if (truncate <= 0 || characters.length <= truncate) return text;
    return truncate < 4 ? characters.slice(0, truncate).join("") : `${characters.slice(0, truncate - 3).join("")}...`;
  };
  const header = schema.fields.map((field) => cut(escape(field.name)));
  const body = rows.slice(0, rowsMax).map((row) =>
    row.map((value, column) => {
      return cut(escape(prettyValue(value, schema.fields[column]!.dataType, timeZone)));
    }),
  );
  return [header, ...body];
}

/** Like a cast to string, but nulls are `NULL` and bytes are hexadecimal, also inside other values. */
function prettyValue(value: Value, type: DataType, timeZone: string): string {
  if (value === null) return "NULL";
  switch (type.kind) {
    case "binary":
      return hexText(value as Uint8Array);
    case "array":
      return `[${(value as readonly Value[]).map((element) => prettyValue(element, type.elementType, timeZone)).join(", ")}]`;
    case "map": {
      const entries = (value as readonly (readonly Value[])[]).map(
        ([key, entry]) => `${prettyValue(key!, type.keyType, timeZone)} -> ${prettyValue(entry!, type.valueType, timeZone)}`,
      );
      return `{${entries.join(", ")}}`;
    }
    case "struct":
      return `{${(value as readonly Value[]).map((field, index) => prettyValue(field, type.fields[index]!.dataType, timeZone)).join(", ")}}`;
    default:
      return formatValue(value, type, timeZone);
  }
}

const hexText = (bytes: Uint8Array): string =>
  `[${Array.from(bytes, (byte) => byte.toString(16).toUpperCase().padStart(2, "0")).join(" ")}]`;

const ESCAPES: Readonly<Record<string, string>> = {
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\f": "\\f",
  "\b": "\\b",
  "\u000b": "\\v",
  "\u0007": "\\a",
};
const escape = (text: string): string => Array.from(text, (character) => ESCAPES[character] ?? character).join("");

/** Columns on a terminal: East Asian wide characters take two. */
function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) width += WIDE.test(character) ? 2 : 1;
  return width;
}
const WIDE = /[\u1100-\u115F\u2E80-\u303E\u3041-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE4F\uFF00-\uFF60\uFFE0-\uFFE6]/;
