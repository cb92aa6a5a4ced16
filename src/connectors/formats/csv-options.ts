/** Options of the CSV format, readers' and writers' together, with Spark's names and defaults. */
import { booleanOption, choiceOption, integerOption, type OptionSpecs, stringOption } from "../options.ts";
import { encodingOption, samplingRatioOption } from "./json-options.ts";
import { RECORD_MODES } from "./record-mode.ts";

/** One character or none; `\t` and the like may be spelled out. */
const characterOption = (description: string, defaultValue: string | null): OptionSpecs[string] => ({
  description,
  default: defaultValue,
  parse: (text) => {
    const character = text === "\\t" ? "\t" : text === "\\\\" ? "\\" : text === "\\0" || text === "\u0000" ? "" : text;
    if (character.length > 1) throw new Error(`"${text}" is not one character`);
    return character;
  },
});

const separatorOption = (defaultValue: string | null): OptionSpecs[string] => ({
  description: "What separates values, one or more characters.",
  default: defaultValue,
  parse: (text) => {
    if (text === "") throw new Error("it must not be empty");
    return text.replaceAll("\\t", "\t");
  },
});

export const csvOptions: OptionSpecs = {
  mode: choiceOption("What becomes of malformed records: PERMISSIVE (nulls), DROPMALFORMED, FAILFAST (error).", RECORD_MODES, "PERMISSIVE"),
  columnNameOfCorruptRecord: stringOption(
    "The string column, if the schema has it, that gets the text of malformed records.",
    "_corrupt_record",
  ),
  header: booleanOption("The first line of each file has the names of the columns.", false),
  enforceSchema: booleanOption("Take the schema by position; otherwise the names in the header must be the schema's.", true),
  inferSchema: booleanOption("Find out the types from the data; otherwise all columns are strings.", false),
  samplingRatio: samplingRatioOption,
  sep: separatorOption(","),
  delimiter: separatorOption(null),
  quote: characterOption("What values are quoted with; empty: nothing.", '"'),
  escape: characterOption("What stands before a quote inside a quoted value.", "\\"),
  comment: characterOption("Lines that begin with it are skipped.", ""),
  nullValue: stringOption("The text of null.", ""),
  emptyValue: stringOption('The text of an empty string. Default: the empty text when reading, "" in quotes when writing.'),
  nanValue: stringOption("The text of not-a-number.", "NaN"),
  positiveInf: stringOption("The text of positive infinity.", "Inf"),
  negativeInf: stringOption("The text of negative infinity.", "-Inf"),
  ignoreLeadingWhiteSpace: stringOption("Drop white space before values (true or false). Default: false when reading, true when writing."),
  ignoreTrailingWhiteSpace: stringOption("Drop white space behind values (true or false). Default: false when reading, true when writing."),
  dateFormat: stringOption("Pattern of dates. Default: ISO and the forms that a cast accepts; written as yyyy-MM-dd."),
  timestampFormat: stringOption("Pattern of timestamps. Default: ISO and the forms that a cast accepts; written as ISO with an offset."),
  timestampNTZFormat: stringOption("Pattern of timestamps without time zone."),
  timeZone: stringOption("Time zone of timestamps without an offset, and of written ones. Default: the session's."),
  multiLine: booleanOption("Quoted values may contain line ends; files are not cut into splits.", false),
  maxColumns: integerOption("More values than this make a record malformed.", 20480, 1),
  maxCharsPerColumn: integerOption("A longer value makes a record malformed; -1: no limit.", -1, -1),
  lineSep: stringOption("What separates lines. Default: line feed, carriage return, or both; written as a line feed."),
  encoding: encodingOption("Charset of the file; UTF-8 only."),
  charset: encodingOption("Another name of encoding."),
  quoteAll: booleanOption("Writing: quote every value.", false),
  escapeQuotes: booleanOption("Writing: quote values that contain a quote.", true),
};
