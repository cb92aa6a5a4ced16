/** Reads splits of text files into blocks with one string column `value`, a row per line (or per file). On workers. */
import { AnalysisError } from "../../base/errors.ts";
import { timeZone } from "../../columnar/time-zone.ts";
import { type StructType, StringType, structField, structType } from "../../columnar/types.ts";
import { decodeUtf8 } from "../../columnar/value-bytes.ts";
import type { ConnectorOptions } from "../options.ts";
import type { ReaderContext, Split, SplitCursor, SplitReader } from "../source.ts";
import { PlainCursor, ScanCursor, textLines } from "./scan-cursor.ts";
import { ScanMemory } from "./scan-memory.ts";
import { fileSplit, LineWindows, readLines, readWhole } from "./split-input.ts";

export const textReader: SplitReader = { name: "text", open };

/** The schema of every text file. */
export const textSchema: StructType = structType([structField("value", StringType)]);

/** Whether files may be cut into splits that begin anywhere. */
export function isTextSplittable(options: ConnectorOptions): boolean {
  return !options.get<boolean>("wholetext");
}

/** Throws unless `schema` is one string column, which is all that a text file can hold. */
export function checkTextSchema(schema: StructType): void {
  if (schema.fields.length === 1 && schema.fields[0]!.dataType.kind === "string") return;
  throw new AnalysisError("TEXT_FILE_COLUMNS", { columns: schema.fields.map((field) => field.name).join(", ") });
}

function open(split: Split, context: ReaderContext): SplitCursor {
  const { kernels, options, schema, needed } = context;
  checkTextSchema(schema);
  const file = fileSplit(split);
  const lineSeparator = options.get<string | null>("lineSep");
  const separator = lineSeparator === null ? null : new TextEncoder().encode(lineSeparator);
  const isWhole = options.get<boolean>("wholetext");
  const source = {
    kernels,
    schema,
    policy: { mode: "PERMISSIVE", corruptIndex: -1 } as const,
    files: context.files,
    path: file.path,
    separator,
  };
  const parse = (text: string) => ({ rows: [[text]], isMalformed: false });
  if (isWhole || separator !== null) {
    const input = isWhole ? readWhole(file, context) : readLines(file, context, separator);
    const text = decodeUtf8(kernels.bytes(), input.begin, input.end);
    const records = isWhole ? (file.start === 0 ? [{ text, start: 0 }] : []).values() : textLines(text, lineSeparator);
    return new PlainCursor(source, input, text, records, parse);
  }
  const scan = new ScanMemory(kernels, schema, needed, timeZone("UTC"));
  scan.writeFields([{ name: "value", dataType: StringType, leafIndex: 0 }]);
  return new ScanCursor(source, new LineWindows(file, context), scan, "text_next", parse);
}
