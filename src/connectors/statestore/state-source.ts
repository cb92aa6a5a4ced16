/**
 * `spark.read.format("statestore")`: the state of an operator as a table, and its changes, from a checkpoint that a query may be writing
 * meanwhile. Columns and options are Spark's. Decides on the main thread which files make up the state; `state-reader.ts` reads them.
 */
import { AnalysisError, CheckpointError, IllegalArgumentError } from "../../base/errors.ts";
import { CheckpointReader } from "../../checkpoint/checkpoint-reader.ts";
import type { BatchFiles, CommitRecord } from "../../checkpoint/commit-log.ts";
import { type StateOperatorMetadata, type StateSchema, stateSchemaJson } from "../../state/state-metadata.ts";
import { localPath } from "../file/file-listing.ts";
import { booleanOption, choiceOption, integerOption, type OptionSpecs, stringOption } from "../options.ts";
import type { SourceContext, SourceProvider, Split } from "../source.ts";
import { changeFeedSchema, stateSchema } from "./state-schema.ts";

const DEFAULT_STORE = "default";

const stateStoreOptions: OptionSpecs = {
  path: stringOption("The query's checkpoint location; required"),
  batchId: integerOption("The state after this batch; the newest committed one if not given", null),
  operatorId: integerOption("Which stateful operator of the query", 0),
  storeName: stringOption("Which store of the operator", DEFAULT_STORE),
  joinSide: choiceOption("Which side of a join of two streams", ["left", "right", "none"], "none"),
  snapshotStartBatchId: integerOption("Start from the snapshot after this batch and redo what follows; needs snapshotPartitionId", null),
  snapshotPartitionId: integerOption("Read this partition only; needs snapshotStartBatchId", null),
  readChangeFeed: booleanOption("The changes of a range of batches instead of the state", false),
  changeStartBatchId: integerOption("First batch of the change feed; required for it", null),
  changeEndBatchId: integerOption("Last batch of the change feed; the newest committed one if not given", null),
  stateVarName: stringOption("Which state variable of transformWithState"),
  readRegisteredTimers: booleanOption("The timers of transformWithState instead of a variable", false),
};

/** A state file and the batch that it belongs to. */
export type StateSplitFile = { readonly path: string; readonly batchId: number };

/** What a worker needs to read one partition. Plain JSON. */
export type StateSplit = Split & {
  readonly reader: "statestore";
  readonly queryId: string;
  /** `stateSchemaJson` of all that the files may have, the one that is read last. Of all operators: their state shares files. */
  readonly schemas: readonly string[];
  readonly operatorId: number;
  readonly partition: number;
  readonly snapshot: readonly StateSplitFile[];
  readonly changes: readonly StateSplitFile[];
  /** First batch of the change feed; null: the state itself. */
  readonly feedFrom: number | null;
};

export const stateStoreSource: SourceProvider = {
  name: "statestore",
  options: stateStoreOptions,
  async schema(context) {
    const { layout } = (await openState(context)).operator;
    return context.options.get<boolean>("readChangeFeed") ? changeFeedSchema(layout) : stateSchema(layout);
  },
  async planBatch(context) {
    const { reader, schemas, operator } = await openState(context);
    const { last, feedFrom } = await batchRange(context, reader);
    const snapshotBatch = context.options.get<number | null>("snapshotStartBatchId");
    const { snapshot, changes } =
      feedFrom === null
        ? await stateFiles(reader, await committedRecord(reader, last), snapshotBatch)
        : await feedFiles(reader, feedFrom, last);
    const partition = context.options.get<number | null>("snapshotPartitionId");
    const partitions = partition === null ? Array.from({ length: operator.partitionCount }, (_, i) => i) : [partition];
    if (partition !== null && partition >= operator.partitionCount)
      throw invalid("snapshotPartitionId", `the operator has ${operator.partitionCount} partitions`);
    const absolute = ({ batchId, files }: BatchFiles) => files.map(({ path }) => ({ path: `${reader.path}/${path}`, batchId }));
    return partitions.map((index): StateSplit => {
      return {
        reader: "statestore",
        queryId: reader.queryId,
        schemas: schemas.map(stateSchemaJson),
        operatorId: operator.operatorId,
        partition: index,
        snapshot: snapshot ? absolute(snapshot) : [],
        changes: changes.flatMap(absolute),
        feedFrom,
      };
    });
  },
};

/** The checkpoint that option `path` or `load(path)` names. Throws `STDS_REQUIRED_OPTION_UNSPECIFIED` without, `NO_CHECKPOINT` where there is none. */
export async function openCheckpoint({ ports, paths, options }: SourceContext): Promise<CheckpointReader> {
  const path = paths[0] ?? options.get<string | null>("path");
  if (path === null || path === "") throw new IllegalArgumentError("STDS_REQUIRED_OPTION_UNSPECIFIED", { optionName: "path" });
  return await CheckpointReader.open(ports, localPath(path));
}

/** Stateful operators of the query, none before its first start. */
export async function stateOperators(reader: CheckpointReader): Promise<readonly StateOperatorMetadata[]> {
  return (await reader.stateSchemas(await reader.commits.latest())).at(-1)?.operators ?? [];
}

interface OpenState {
  readonly reader: CheckpointReader;
  /** Up to that of the batch whose state is read. */
  readonly schemas: readonly StateSchema[];
  readonly operator: StateOperatorMetadata;
}

async function openState(context: SourceContext): Promise<OpenState> {
  const { options } = context;
  checkConflicts(context);
  const reader = await openCheckpoint(context);
  const asked = options.get<number | null>(options.get<boolean>("readChangeFeed") ? "changeEndBatchId" : "batchId");
  const schemas = await reader.stateSchemas(asked === null ? await reader.commits.latest() : await reader.commits.get(asked));
  const operators = schemas.at(-1)?.operators ?? [];
  const operatorId = options.get<number>("operatorId");
  const operator = operators.find((candidate) => candidate.operatorId === operatorId);
  if (!operator) {
    const known = operators.map(({ operatorId: id, operatorName }) => `${id} (${operatorName})`).join(", ") || "none";
    throw invalid("operatorId", `the query has no stateful operator ${operatorId}; it has ${known}`);
  }
  if (options.get<string>("storeName") !== DEFAULT_STORE)
    throw invalid("storeName", `operator ${operatorId} (${operator.operatorName}) has one store, ${DEFAULT_STORE}`);
  for (const [name, unset, of] of [
    ["joinSide", "none", "join of two streams"],
    ["stateVarName", null, "transformWithState"],
    ["readRegisteredTimers", false, "transformWithState"],
  ] as const)
    if (options.get(name) !== unset) throw invalid(name, `operator ${operatorId} (${operator.operatorName}) is no ${of}`);
  return { reader, schemas, operator };
}

function checkConflicts({ options }: SourceContext): void {
  const given = (name: string): boolean => options.has(name);
  const conflict = (...names: readonly string[]): void => {
    if (names.every(given)) throw new AnalysisError("STDS_CONFLICT_OPTIONS", { options: names.map((name) => `'${name}'`).join(", ") });
  };
  conflict("joinSide", "storeName");
  if (options.get<boolean>("readChangeFeed")) {
    for (const name of ["batchId", "joinSide", "snapshotStartBatchId"]) conflict("readChangeFeed", name);
    if (!given("changeStartBatchId"))
      throw new IllegalArgumentError("STDS_REQUIRED_OPTION_UNSPECIFIED", { optionName: "changeStartBatchId" });
  } else {
    for (const name of ["changeStartBatchId", "changeEndBatchId"]) if (given(name)) throw invalid(name, "it needs readChangeFeed");
  }
  for (const [name, other] of [
    ["snapshotStartBatchId", "snapshotPartitionId"],
    ["snapshotPartitionId", "snapshotStartBatchId"],
  ] as const)
    if (given(name) && !given(other)) throw new IllegalArgumentError("STDS_REQUIRED_OPTION_UNSPECIFIED", { optionName: other });
}

/** The batch whose state is read, or the last of the feed; and the feed's first. */
async function batchRange({ options }: SourceContext, reader: CheckpointReader): Promise<{ last: number; feedFrom: number | null }> {
  const isFeed = options.get<boolean>("readChangeFeed");
  const asked = options.get<number | null>(isFeed ? "changeEndBatchId" : "batchId");
  const newest = (await reader.commits.list()).at(-1);
  if (newest === undefined) throw new CheckpointError("STDS_COMMITTED_BATCH_UNAVAILABLE", { checkpointLocation: reader.path });
  const last = asked ?? newest;
  const feedFrom = isFeed ? options.get<number>("changeStartBatchId") : null;
  if (feedFrom !== null && feedFrom > last) throw invalid("changeEndBatchId", `it is before changeStartBatchId (${feedFrom})`);
  return { last, feedFrom };
}

async function committedRecord(reader: CheckpointReader, batchId: number): Promise<CommitRecord> {
  const record = await reader.commits.get(batchId);
  if (record) return record;
  const kept = await reader.commits.list();
  throw new CheckpointError("CHECKPOINT_BATCH_NOT_RETAINED", {
    path: reader.path,
    batchId: String(batchId),
    oldest: String(kept[0]),
    newest: String(kept.at(-1)),
  });
}

interface StateFiles {
  readonly snapshot: BatchFiles | null;
  readonly changes: readonly BatchFiles[];
}

/** The state after the batch of `record`: the snapshot to begin with and the changes after it. */
async function stateFiles(reader: CheckpointReader, record: CommitRecord, snapshotBatch: number | null): Promise<StateFiles> {
  const snapshot = record.snapshots.findLast(({ batchId }) => snapshotBatch === null || batchId === snapshotBatch) ?? null;
  if (snapshotBatch !== null && snapshot === null) {
    const found = record.snapshots.map(({ batchId }) => batchId).join(", ") || "none";
    throw invalid("snapshotStartBatchId", `batch ${record.batchId} knows snapshots after these batches: ${found}`);
  }
  const changes = await reader.changesOf(record);
  return { snapshot, changes: changes.filter(({ batchId }) => snapshot === null || batchId > snapshot.batchId) };
}

/** The state before batch `from`, and what the batches from there on changed: each record lists its own batch's files. */
async function feedFiles(reader: CheckpointReader, from: number, to: number): Promise<StateFiles> {
  const before = from === 0 ? { snapshot: null, changes: [] } : await stateFiles(reader, await committedRecord(reader, from - 1), null);
  const changes: BatchFiles[] = [];
  for (let batchId = from; batchId <= to; batchId++) {
    const record = await committedRecord(reader, batchId);
    changes.push(...record.changes.filter((entry) => entry.batchId === batchId));
  }
  return { snapshot: before.snapshot, changes: [...before.changes, ...changes] };
}

const invalid = (optionName: string, message: string): IllegalArgumentError =>
  new IllegalArgumentError("STDS_INVALID_OPTION_VALUE.WITH_MESSAGE", { optionName, message });
