/**
 * Options of `format("statestore")` and `format("state-metadata")`, and how Spark refuses them. What is for operators that this version does not have is
 * known and refused by name. Main thread.
 */
import { AnalysisError, IllegalArgumentError } from "../../base/errors.ts";
import { booleanOption, choiceOption, type ConnectorOptions, integerOption, type OptionSpecs, stringOption } from "../options.ts";
import type { SourceContext } from "../source.ts";

export const DEFAULT_STORE = "default";
const NO_SIDE = "none";

const batchOption = (description: string) => integerOption(description, null, Number.MIN_SAFE_INTEGER);
const pathOption = stringOption("The query's checkpoint location; required");

export const stateStoreOptions = asSpark({
  path: pathOption,
  batchId: batchOption("The state after this batch; the newest committed one if not given"),
  operatorId: integerOption("Which stateful operator of the query", 0, Number.MIN_SAFE_INTEGER),
  storeName: stringOption("Which store of the operator", DEFAULT_STORE),
  joinSide: choiceOption("Which side of a join of two streams", ["left", "right", NO_SIDE], NO_SIDE),
  snapshotStartBatchId: batchOption("Start from the snapshot after this batch and redo what follows; needs snapshotPartitionId"),
  snapshotPartitionId: batchOption("Read this partition only; needs snapshotStartBatchId"),
  readChangeFeed: booleanOption("The changes of a range of batches instead of the state", false),
  changeStartBatchId: batchOption("First batch of the change feed; required for it"),
  changeEndBatchId: batchOption("Last batch of the change feed; the newest committed one if not given"),
  stateVarName: stringOption("Which state variable of transformWithState"),
  readRegisteredTimers: booleanOption("The timers of transformWithState instead of a variable", false),
  flattenCollectionTypes: booleanOption("A row for each element of lists and maps of transformWithState; other state has none", true),
});

export const stateMetadataOptions = asSpark({
  path: pathOption,
  batchId: batchOption("The operators as of this batch; of the newest committed one if not given"),
});

export const invalidOption = (optionName: string, message: string): IllegalArgumentError =>
  new IllegalArgumentError("STDS_INVALID_OPTION_VALUE.WITH_MESSAGE", { optionName, message });

/** The checkpoint location. Throws where there is none, or several. */
export function checkpointPath({ paths, options }: SourceContext): string {
  if (paths.length > 1) throw invalidOption("path", `it is one checkpoint at a time, not ${paths.length}`);
  const path = paths[0] ?? options.get<string | null>("path");
  if (path === null || path === "") throw new IllegalArgumentError("STDS_REQUIRED_OPTION_UNSPECIFIED", { optionName: "path" });
  return path;
}

/** Throws for options that exclude or need one another. */
export function checkConflicts({ options }: SourceContext): void {
  const isSet = (name: string): boolean => options.has(name) && !UNSET.includes(options.get(name));
  const conflict = (...names: readonly string[]): void => {
    if (names.every(isSet))
      throw new AnalysisError("STDS_CONFLICT_OPTIONS", { options: `[${names.map((name) => `'${name}'`).join(", ")}]` });
  };
  conflict("readRegisteredTimers", "stateVarName");
  conflict("joinSide", "storeName");
  for (const name of ["joinSide", "batchId", "snapshotStartBatchId", "snapshotPartitionId"]) conflict(name, "readChangeFeed");
  if (isSet("readChangeFeed")) required(options, "changeStartBatchId");
  else
    for (const name of ["changeStartBatchId", "changeEndBatchId"])
      if (isSet(name)) throw invalidOption(name, "Only specify this option when readChangeFeed is set to true");
  if (isSet("snapshotStartBatchId")) required(options, "snapshotPartitionId");
  if (isSet("snapshotPartitionId")) required(options, "snapshotStartBatchId");
}

/** Values that say the same as no value. */
const UNSET: readonly unknown[] = [false, NO_SIDE, DEFAULT_STORE];

function required(options: ConnectorOptions, optionName: string): void {
  if (!options.has(optionName)) throw new IllegalArgumentError("STDS_REQUIRED_OPTION_UNSPECIFIED", { optionName });
}

/** Values that are no values have Spark's conditions. */
function asSpark(specs: OptionSpecs): OptionSpecs {
  const parse = (optionName: string, text: string): unknown => {
    if (text.trim() === "") throw new IllegalArgumentError("STDS_INVALID_OPTION_VALUE.IS_EMPTY", { optionName });
    let value: unknown;
    try {
      value = specs[optionName]!.parse(text);
    } catch (error) {
      throw invalidOption(optionName, (error as Error).message);
    }
    if (typeof value === "number" && value < 0) throw new IllegalArgumentError("STDS_INVALID_OPTION_VALUE.IS_NEGATIVE", { optionName });
    return value;
  };
  return Object.fromEntries(Object.entries(specs).map(([name, spec]) => [name, { ...spec, parse: (text: string) => parse(name, text) }]));
}
