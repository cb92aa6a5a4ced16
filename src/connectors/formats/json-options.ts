/** Options of the JSON format, readers' and writers' together, with Spark's names and defaults. */
import { booleanOption, choiceOption, fractionOption, type OptionSpecs, stringOption } from "../options.ts";
import { RECORD_MODES } from "./record-mode.ts";

/** Accepts UTF-8 only; Spark knows more charsets. */
export const encodingOption = (description: string): OptionSpecs[string] => ({
  description,
  default: "UTF-8",
  parse: (text) => {
    if (!/^utf-?8$/i.test(text.trim())) throw new Error(`only UTF-8 is supported, not "${text}"`);
    return "UTF-8";
  },
});

/** Inference reads no more than the first 64 MiB in any case (`file/file-sample.ts`). */
export const samplingRatioOption = fractionOption("Schema inference: share of the records that it looks at.", 1, 0, 1);

export const jsonOptions: OptionSpecs = {
  mode: choiceOption("What becomes of malformed records: PERMISSIVE (nulls), DROPMALFORMED, FAILFAST (error).", RECORD_MODES, "PERMISSIVE"),
  columnNameOfCorruptRecord: stringOption(
    "The string column, if the schema has it, that gets the text of malformed records.",
    "_corrupt_record",
  ),
  dateFormat: stringOption("Pattern of dates. Default: ISO and the forms that a cast accepts; written as yyyy-MM-dd."),
  timestampFormat: stringOption("Pattern of timestamps. Default: ISO and the forms that a cast accepts; written as ISO with an offset."),
  timestampNTZFormat: stringOption("Pattern of timestamps without time zone."),
  timeZone: stringOption("Time zone of timestamps without an offset, and of written ones. Default: the session's."),
  multiLine: booleanOption("A file is one record (or an array of records), which may span lines.", false),
  allowComments: booleanOption("Skip comments in the style of Java and C++.", false),
  allowSingleQuotes: booleanOption("Accept strings in single quotes.", true),
  allowUnquotedFieldNames: booleanOption("Accept field names without quotes.", false),
  allowNumericLeadingZeros: booleanOption("Accept numbers such as 007.", false),
  allowNonNumericNumbers: booleanOption("Accept NaN, Infinity, INF and their signed forms.", true),
  allowBackslashEscapingAnyCharacter: booleanOption("Accept a backslash before any character.", false),
  allowUnquotedControlChars: booleanOption("Accept control characters inside strings.", false),
  primitivesAsString: booleanOption("Schema inference: read all primitive values as strings.", false),
  prefersDecimal: booleanOption("Schema inference: read numbers with a fraction as decimals if they fit.", false),
  samplingRatio: samplingRatioOption,
  dropFieldIfAllNull: booleanOption("Schema inference: leave out columns of nulls and empty arrays only.", false),
  lineSep: stringOption("What separates lines. Default: line feed, carriage return, or both; written as a line feed."),
  encoding: encodingOption("Charset of the file; UTF-8 only."),
  ignoreNullFields: booleanOption("Writing: leave out fields that are null.", true),
};
