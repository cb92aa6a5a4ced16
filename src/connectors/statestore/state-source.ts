/**
 * `spark.read.format("statestore")`: the state of an operator as a table, and its changes, from a checkpoint that a query may be writing
 * meanwhile. Columns and options are Spark's. Decides on the main thread which files make up the state; `state-reader.ts` reads them.
 */
import { CheckpointError } from "../../base/errors.ts";
import { CheckpointReader } from "../../checkpoint/checkpoint-reader.ts";
import type { BatchFiles, CommitRecord } from "../../checkpoint/commit-log.ts";
import { type StateOperatorMetadata, type StateSchema, stateSchemaJson } from "../../state/state-metadata.ts";
import { localPath } from "../file/file-listing.ts";
import type { SourceContext, SourceProvider, Split } from "../source.ts";
import { checkConflicts, checkpointPath, DEFAULT_STORE, invalidOption, stateStoreOptions } from "./state-options.ts";
import { changeFeedSchema, stateSchema } from "./state-schema.ts";

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
    const { reader, schemas, operator, record } = await openState(context);
    const feedFrom = context.options.get<number | null>("changeStartBatchId");
    const snapshotBatch = context.options.get<number | null>("snapshotStartBatchId");
    const { snapshot, changes } =
      feedFrom === null ? await stateFiles(reader, record, snapshotBatch) : await feedFiles(reader, feedFrom, record.batchId);
    const partition = context.options.get<number | null>("snapshotPartitionId");
    const partitions = partition === null ? Array.from({ length: operator.partitionCount }, (_, i) => i) : [partition];
    if (partition !== null && partition >= operator.partitionCount)
      throw new CheckpointError("CANNOT_LOAD_STATE_STORE.SNAPSHOT_PARTITION_ID_NOT_FOUND", {
        snapshotPartitionId: String(partition),
        operatorId: String(operator.operatorId),
        checkpointLocation: reader.path,
        last: String(operator.partitionCount - 1),
      });
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

/** The checkpoint that is asked for. Throws what `checkpointPath` throws, and `NO_CHECKPOINT` where there is none. */
export async function openCheckpoint(context: SourceContext): Promise<CheckpointReader> {
  return await CheckpointReader.open(context.ports, localPath(checkpointPath(context)));
}

/** The record of the batch that is asked for; of the newest one if none is, and null where no batch is committed. */
export async function recordAt(reader: CheckpointReader, asked: number | null): Promise<CommitRecord | null> {
  return asked === null ? await reader.commits.latest() : await committedRecord(reader, asked);
}

interface OpenState {
  readonly reader: CheckpointReader;
  /** Up to that of the batch whose state is read. */
  readonly schemas: readonly StateSchema[];
  readonly operator: StateOperatorMetadata;
  /** Of that batch. */
  readonly record: CommitRecord;
}

async function openState(context: SourceContext): Promise<OpenState> {
  const { options } = context;
  checkConflicts(context);
  const reader = await openCheckpoint(context);
  const record = await recordAt(
    reader,
    options.get<number | null>(options.get<boolean>("readChangeFeed") ? "changeEndBatchId" : "batchId"),
  );
  if (record === null) throw new CheckpointError("STDS_COMMITTED_BATCH_UNAVAILABLE", { checkpointLocation: reader.path, detail: "" });
  const schemas = await reader.stateSchemas(record);
  const operators = schemas.at(-1)?.operators ?? [];
  const operatorId = options.get<number>("operatorId");
  const operator = operators.find((candidate) => candidate.operatorId === operatorId);
  if (!operator) {
    const known = operators.map(({ operatorId: id, operatorName }) => `${id} (${operatorName})`).join(", ") || "none";
    throw invalidOption("operatorId", `the query has no stateful operator ${operatorId}; it has ${known}`);
  }
  const name = `operator ${operatorId} (${operator.operatorName})`;
  if (options.get<string>("storeName") !== DEFAULT_STORE) throw invalidOption("storeName", `${name} has one store, ${DEFAULT_STORE}`);
  for (const [option, unset, of] of [
    ["joinSide", "none", "join of two streams"],
    ["stateVarName", null, "transformWithState"],
    ["readRegisteredTimers", false, "transformWithState"],
  ] as const)
    if (options.get(option) !== unset) throw invalidOption(option, `${name} is no ${of}`);
  return { reader, schemas, operator, record };
}

async function committedRecord(reader: CheckpointReader, batchId: number): Promise<CommitRecord> {
  const record = await reader.commits.get(batchId);
  if (record) return record;
  const kept = await reader.commits.list();
  const detail = kept.length === 0 ? "" : ` Batch ${batchId} is not among those that are kept, ${kept[0]} to ${kept.at(-1)}.`;
  throw new CheckpointError("STDS_COMMITTED_BATCH_UNAVAILABLE", { checkpointLocation: reader.path, detail });
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
    throw invalidOption("snapshotStartBatchId", `batch ${record.batchId} knows snapshots after these batches: ${found}`);
  }
  const changes = await reader.changesOf(record);
  return { snapshot, changes: changes.filter(({ batchId }) => snapshot === null || batchId > snapshot.batchId) };
}

/**
 * The state before batch `from`, and what the batches from there on changed: each record lists its own batch's files, and those that the state before it
 * consists of.
 */
async function feedFiles(reader: CheckpointReader, from: number, to: number): Promise<StateFiles> {
  if (from > to) throw invalidOption("changeEndBatchId", `it is batch ${to}, before changeStartBatchId (${from})`);
  const { snapshot, changes } = await stateFiles(reader, await committedRecord(reader, from), null);
  const own: BatchFiles[] = [];
  for (let batchId = from; batchId <= to; batchId++) {
    const record = await committedRecord(reader, batchId);
    own.push(...record.changes.filter((entry) => entry.batchId === batchId));
  }
  return { snapshot, changes: [...changes.filter(({ batchId }) => batchId < from), ...own] };
}
