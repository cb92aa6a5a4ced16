/**
 * Reads splits of NDJSON files (and whole files in multi-line mode) into blocks, on workers. The kernel `json_next` converts the
 * declared fields that the query needs; `json-record.ts` parses the lines that it defers.
 */
import { type StructType } from "../../columnar/types.ts";
import { decodeUtf8 } from "../../columnar/value-bytes.ts";
import type { ConnectorOptions } from "../options.ts";
import type { ReaderContext, Split, SplitCursor, SplitReader } from "../source.ts";
import { type DateTimeFormats, dateTimeFormats, hasPattern } from "./datetime-formats.ts";
import { type JsonRecordOptions, parseJsonRecord } from "./json-record.ts";
import { parsedSchema, recordPolicy } from "./record-mode.ts";
import { PlainCursor, ScanCursor, textLines } from "./scan-cursor.ts";
import { allocate } from "../block-memory.ts";
import { type ScanField, ScanMemory } from "./scan-memory.ts";
import { fileSplit, LineWindows, readLines, readWhole } from "./split-input.ts";

export const jsonReader: SplitReader = { name: "json", open };

/** Whether files may be cut into splits that begin anywhere. */
export function isJsonSplittable(options: ConnectorOptions): boolean {
  return !options.get<boolean>("multiLine");
}

function open(split: Split, context: ReaderContext): SplitCursor {
  const { kernels, options, schema, needed } = context;
  const file = fileSplit(split);
  const policy = recordPolicy(options, schema);
  const formats = dateTimeFormats(options, context.timeZone);
  const recordOptions = jsonRecordOptions(options, formats);
  const parsed = parsedSchema(schema, needed, policy.corruptIndex);
  const parse = (text: string) => parseJsonRecord(text, parsed, recordOptions);

  const lineSeparator = options.get<string | null>("lineSep");
  const separator = lineSeparator === null ? null : new TextEncoder().encode(lineSeparator);
  const isWhole = options.get<boolean>("multiLine");
  const source = { kernels, schema, policy, files: context.files, path: file.path, separator };
  if (isWhole || separator !== null) {
    const input = isWhole ? readWhole(file, context) : readLines(file, context, separator);
    const text = decodeUtf8(kernels.bytes(), input.begin, input.end);
    return new PlainCursor(source, input, text, isWhole ? [{ text, start: 0 }].values() : textLines(text, lineSeparator), parse);
  }
  const scan = new ScanMemory(kernels, schema, needed, formats.zone);
  writeFields(context, scan, schema, policy.corruptIndex, formats);
  return new ScanCursor(source, new LineWindows(file, context), scan, "json_next", parse);
}

/** The options that matter to the plain parser. */
export function jsonRecordOptions(options: ConnectorOptions, formats: DateTimeFormats): JsonRecordOptions {
  const flag = (name: string): boolean => options.get<boolean>(name);
  return {
    formats,
    allowComments: flag("allowComments"),
    allowSingleQuotes: flag("allowSingleQuotes"),
    allowUnquotedFieldNames: flag("allowUnquotedFieldNames"),
    allowNumericLeadingZeros: flag("allowNumericLeadingZeros"),
    allowNonNumericNumbers: flag("allowNonNumericNumbers"),
    allowBackslashEscapingAnyCharacter: flag("allowBackslashEscapingAnyCharacter"),
    allowUnquotedControlChars: flag("allowUnquotedControlChars"),
  };
}

const NODE_BYTES = 16 + 64 * 64;

/** Writes the needed fields and one node per struct, as `kernels/assembly/json-scan.ts` reads them. */
function writeFields(context: ReaderContext, scan: ScanMemory, schema: StructType, corruptIndex: number, formats: DateTimeFormats): void {
  interface Node {
    readonly fields: ScanField[];
    readonly children: { readonly at: number; readonly node: Node }[];
  }
  let leaf = 0;
  const collect = (type: StructType, isRoot: boolean): Node => {
    const node: Node = { fields: [], children: [] };
    type.fields.forEach((field, index) => {
      const leafIndex = leaf++;
      const { dataType } = field;
      const child = dataType.kind === "struct" ? collect(dataType, false) : null;
      if (!scan.needed[leafIndex] || (isRoot && index === corruptIndex)) return;
      if (child) node.children.push({ at: node.fields.length, node: child });
      node.fields.push({ name: field.name, dataType, leafIndex, plainOnly: hasPattern(dataType, formats) });
    });
    return node;
  };
  const nodes: Node[] = [];
  const flatten = (node: Node): void => {
    nodes.push(node);
    for (const child of node.children) flatten(child.node);
  };
  flatten(collect(schema, true));

  const fieldAddresses = scan.writeFields(nodes.flatMap((node) => node.fields));
  const { kernels } = context;
  const addresses = nodes.map(() => allocate(kernels, NODE_BYTES));
  let first = 0;
  nodes.forEach((node, index) => {
    const address = addresses[index]!;
    kernels.bytes().fill(0, address, address + NODE_BYTES);
    kernels.view().setUint32(address, node.fields.length, true);
    kernels.view().setUint32(address + 4, fieldAddresses[first] ?? 0, true);
    for (const child of node.children) scan.setChild(fieldAddresses[first + child.at]!, addresses[nodes.indexOf(child.node)]!);
    first += node.fields.length;
  });
  scan.setFormatWord(0, addresses[0]!);
}
