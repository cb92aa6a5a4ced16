/** Options that every file format shares; a provider adds its format's own. */
import {
  booleanOption,
  byteSizeOption,
  choiceOption,
  durationOption,
  fractionOption,
  integerOption,
  type OptionSpecs,
  stringOption,
} from "../options.ts";

const readOptions: OptionSpecs = {
  path: stringOption("Path of a file or directory, may contain globs; the argument of load() wins"),
  pathGlobFilter: stringOption("Glob that file names (not directories) must match"),
  recursiveFileLookup: booleanOption("Read files in nested directories; key=value directories make no columns then", false),
  modifiedBefore: stringOption("Only files modified before this timestamp (batch reads only)"),
  modifiedAfter: stringOption("Only files modified after this timestamp (batch reads only)"),
  ignoreMissingFiles: booleanOption("Skip files that have vanished since they were listed", false),
};

const streamOptions: OptionSpecs = {
  maxFilesPerTrigger: integerOption("New files in one micro-batch at most; unlimited if not given", null, 1),
  maxBytesPerTrigger: byteSizeOption("Bytes of new files in one micro-batch at most, but at least one file", null),
  latestFirst: booleanOption("Read the newest files first", false),
  fileNameOnly: booleanOption("Know files by their name alone, whatever directory they are in", false),
  maxFileAge: durationOption("Files so much older than the newest one are ignored, except in the first batch", "7d"),
  maxCachedFiles: integerOption("Files that were listed but not read yet to remember for the next batches", 10_000),
  discardCachedInputRatio: fractionOption("List again when less than this share of a batch is remembered", 0.2, 0, 1),
  cleanSource: choiceOption("What happens to files when they have been read", ["off", "archive", "delete"], "off"),
  sourceArchiveDir: stringOption("Where cleanSource=archive moves files to, below their whole old path"),
};

export const fileReadOptions: OptionSpecs = { ...readOptions, ...streamOptions };

export const fileWriteOptions: OptionSpecs = {
  path: stringOption("Directory to write to; the argument of start() or save() wins"),
  retention: durationOption(
    "Files that were written longer ago than this leave the manifest (they are not deleted); for ever if not given",
    null,
  ),
};
