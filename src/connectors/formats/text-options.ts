/** Options of the text format, readers' and writers' together, with Spark's names and defaults. */
import { booleanOption, type OptionSpecs, stringOption } from "../options.ts";
import { encodingOption } from "./json-options.ts";

export const textOptions: OptionSpecs = {
  wholetext: booleanOption("Each file is one row.", false),
  lineSep: stringOption("What separates lines. Default: line feed, carriage return, or both; written as a line feed."),
  encoding: encodingOption("Charset of the file; UTF-8 only."),
};
