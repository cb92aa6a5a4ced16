/** Blocks to CSV for file sinks, on workers. With the option `header`, each file begins with the names of the columns. */
import type { ConnectorOptions } from "../options.ts";
import { type BlockEncoder, type BlockEncoderFormat, kernelsWrite, KernelEncoder, PlainEncoder, writeBytes } from "./block-encoder.ts";
import { dateTimeFormats } from "./datetime-formats.ts";
import { checkCsvSchema } from "./csv-reader.ts";
import { csvHeader, csvLine, type CsvTextOptions } from "./csv-text.ts";

const TRIM_LEADING = 1;
const TRIM_TRAILING = 2;
const QUOTE_IF_QUOTES = 4;

export const csvBlockEncoder: BlockEncoderFormat = {
  open(schema, options, kernels, timeZone) {
    checkCsvSchema(schema);
    const text = csvTextOptions(options, timeZone);
    const lineSep = options.get<string | null>("lineSep") ?? "\n";
    const header = options.get<boolean>("header") ? csvHeader(schema, text) + lineSep : "";
    if (!kernelsWrite(schema, text.formats) || lineSep !== "\n" || !isKernelDialect(text)) {
      return withHeader(new PlainEncoder(kernels, schema, (row) => csvLine(row, schema, text) + lineSep), header);
    }
    const constant = (value: string): number[] => {
      const bytes = new TextEncoder().encode(value);
      return [writeBytes(kernels, bytes), bytes.length];
    };
    const flags =
      (text.ignoreLeadingWhiteSpace ? TRIM_LEADING : 0) |
      (text.ignoreTrailingWhiteSpace ? TRIM_TRAILING : 0) |
      (text.escapeQuotes ? QUOTE_IF_QUOTES : 0);
    const characters = [text.separator, text.quote, text.escape].map((character) => character.charCodeAt(0));
    const words = [flags, ...characters, ...constant(text.nullValue), ...constant(text.emptyValue)];
    return withHeader(new KernelEncoder(kernels, text.formats.zone, "csv_encode", schema, [], words), header);
  },
};

export function csvTextOptions(options: ConnectorOptions, timeZone: string): CsvTextOptions {
  const text = (name: string): string => options.get<string>(name);
  return {
    separator: options.get<string | null>("delimiter") ?? text("sep"),
    quote: text("quote"),
    escape: text("escape"),
    nullValue: text("nullValue"),
    emptyValue: options.get<string | null>("emptyValue") ?? '""',
    ignoreLeadingWhiteSpace: options.get<string | null>("ignoreLeadingWhiteSpace")?.toLowerCase() !== "false",
    ignoreTrailingWhiteSpace: options.get<string | null>("ignoreTrailingWhiteSpace")?.toLowerCase() !== "false",
    quoteAll: options.get<boolean>("quoteAll"),
    escapeQuotes: options.get<boolean>("escapeQuotes"),
    formats: dateTimeFormats(options, timeZone),
  };
}

/** The kernel writes single ASCII characters, and separators that numbers and times do not contain. */
function isKernelDialect({ separator, quote, escape, quoteAll }: CsvTextOptions): boolean {
  const characters = [separator, quote, escape];
  // oxlint-disable-next-line no-control-regex -- all of ASCII
  return !quoteAll && characters.every((character) => /^[\x01-\x7f]$/.test(character)) && !/[\w+\-.:]/.test(separator + quote);
}

function withHeader(encoder: BlockEncoder, header: string): BlockEncoder {
  let pending = header;
  return {
    append: (address) => encoder.append(address),
    take() {
      const bytes = encoder.take();
      if (pending === "") return bytes;
      const both = Buffer.concat([Buffer.from(pending), bytes]);
      pending = "";
      return both;
    },
  };
}
