/** `millrace checkpoint inspect <dir>`: what a restart would find, from the files alone, also while the query runs. Main thread. */
import { resolve } from "node:path";
import { isAlive, nodePorts } from "../base/node-ports.ts";
import type { ProcessIdentity } from "../base/ports.ts";
import { CheckpointReader } from "../checkpoint/checkpoint-reader.ts";
import type { BatchFiles } from "../checkpoint/commit-log.ts";
import { EXIT_OK } from "./exit-code.ts";
import { bytesText, grouped, type Terminal } from "./terminal.ts";

interface BatchRange {
  readonly first: number;
  readonly last: number;
  readonly count: number;
}

interface FileGroup {
  readonly batchId: number;
  readonly files: readonly { readonly path: string; readonly sizeBytes: number }[];
}

export interface CheckpointDescription {
  readonly path: string;
  readonly queryId: string;
  /** How often the query was started, and by whom last; null where no start is recorded. */
  readonly epoch: number | null;
  readonly owner: (ProcessIdentity & { readonly isAlive: boolean }) | null;
  readonly planned: BatchRange | null;
  readonly committed: BatchRange | null;
  /** Planned and not committed: the next start runs it again. */
  readonly unfinishedBatch: number | null;
  /** End offsets of the last committed batch, one per source. */
  readonly offsets: readonly unknown[];
  /** Of the batch after the last committed one; null when not set. */
  readonly watermark: string | null;
  /** Clock of the last planned batch. */
  readonly batchTime: string | null;
  readonly rowsOut: number | null;
  readonly conf: Readonly<Record<string, string>>;
  readonly operators: readonly {
    readonly operatorId: number;
    readonly operatorName: string;
    readonly partitions: number;
    readonly keys: readonly string[];
    readonly values: readonly string[];
  }[];
  readonly snapshots: readonly FileGroup[];
  readonly changes: readonly FileGroup[];
  readonly sources: readonly { readonly source: string; readonly files: number; readonly sizeBytes: number }[];
}

export async function inspectCheckpoint(directory: string, { json }: { readonly json: boolean }, terminal: Terminal): Promise<number> {
  const description = await describeCheckpoint(resolve(directory));
  terminal.write(json ? `${JSON.stringify(description, null, 2)}\n` : descriptionText(description, terminal));
  return EXIT_OK;
}

/** Throws `NO_CHECKPOINT`, and a `CheckpointError` when a file that it needs is damaged. */
export async function describeCheckpoint(path: string): Promise<CheckpointDescription> {
  const reader = await CheckpointReader.open(nodePorts(), path);
  const epoch = await reader.newestEpoch();
  const committedIds = await reader.commits.list();
  const plannedIds = await reader.offsets.list();
  const commit = await reader.commits.latest();
  const newestPlanned = await reader.offsets.latest();
  const finished = commit && (await reader.offsets.get(commit.batchId));
  const operators = (await reader.stateSchemas(commit)).at(-1)?.operators ?? [];
  const group = ({ batchId, files }: BatchFiles): FileGroup => ({
    batchId,
    files: files.map(({ path: file, lengthBytes }) => ({ path: file, sizeBytes: lengthBytes })),
  });
  const sources = [];
  for (const source of await reader.sourceDirectories()) {
    const files = await reader.filesIn(`sources/${source}`);
    sources.push({ source, files: files.length, sizeBytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) });
  }
  const watermarkMs = commit?.nextBatchWatermarkMs ?? 0;
  const last = Math.max(commit?.batchId ?? -1, -1);
  return {
    path,
    queryId: reader.queryId,
    epoch: epoch?.epoch ?? null,
    owner: epoch && { ...epoch.owner, isAlive: isAlive(epoch.owner) },
    planned: range(plannedIds),
    committed: range(committedIds),
    unfinishedBatch: newestPlanned && newestPlanned.batchId > last ? newestPlanned.batchId : null,
    offsets: finished?.offsets ?? [],
    watermark: watermarkMs > 0 ? new Date(watermarkMs).toISOString() : null,
    batchTime: newestPlanned && new Date(newestPlanned.batchTimestampMs).toISOString(),
    rowsOut: commit?.receipt.rows ?? null,
    conf: newestPlanned?.conf ?? {},
    operators: operators.map(({ operatorId, operatorName, partitionCount, layout }) => ({
      operatorId,
      operatorName,
      partitions: partitionCount,
      keys: layout.keys.map(({ name }) => name),
      values: layout.values.map(({ name }) => name),
    })),
    snapshots: (commit?.snapshots ?? []).map(group),
    changes: commit ? (await reader.changesOf(commit)).map(group) : [],
    sources,
  };
}

function descriptionText(description: CheckpointDescription, { colors }: Terminal): string {
  const { path, queryId, epoch, owner, planned, committed, unfinishedBatch, offsets, conf, operators, snapshots, changes } = description;
  const lines: string[] = [];
  const add = (label: string, text: string): void => void lines.push(`${colors.dim(label.padEnd(12))}${text}`);
  add("checkpoint", colors.bold(path));
  add("query", queryId);
  if (owner)
    add(
      "started",
      `${epoch === 0 ? "once" : `${epoch! + 1} times`}, last by process ${owner.pid}, ${owner.isAlive ? "which runs" : "which is gone"}`,
    );
  add("planned", rangeText(planned));
  add("committed", rangeText(committed));
  if (unfinishedBatch !== null) add("unfinished", `batch ${unfinishedBatch}: runs now, or again at the next start`);
  if (description.batchTime !== null) add("last batch", `${description.batchTime}, ${grouped(description.rowsOut ?? 0)} rows out`);
  add("watermark", description.watermark ?? "not set");
  offsets.forEach((offset, source) => add(source === 0 ? "offsets" : "", `source ${source}: ${JSON.stringify(offset)}`));
  Object.entries(conf).forEach(([key, value], index) => add(index === 0 ? "settings" : "", `${key} = ${value}`));
  for (const { operatorId, operatorName, partitions, keys, values } of operators) {
    add("state", `operator ${operatorId}: ${operatorName}, ${partitions} partitions`);
    add("", colors.dim(`keys ${keys.join(", ") || "none"}; values ${values.join(", ") || "none"}`));
  }
  for (const snapshot of snapshots) add("", `snapshot after batch ${snapshot.batchId}: ${filesText([snapshot])}`);
  if (changes.length > 0) add("", `changes of batches ${changes[0]!.batchId} to ${changes.at(-1)!.batchId}: ${filesText(changes)}`);
  for (const { source, files, sizeBytes } of description.sources)
    add("source log", `source ${source}: ${files} files, ${bytesText(sizeBytes)}`);
  return `${lines.join("\n")}\n`;
}

function range(ids: readonly number[]): BatchRange | null {
  return ids.length === 0 ? null : { first: ids[0]!, last: ids.at(-1)!, count: ids.length };
}

function rangeText(batches: BatchRange | null): string {
  return batches === null ? "nothing" : `batches ${batches.first} to ${batches.last} are on record`;
}

function filesText(groups: readonly FileGroup[]): string {
  const files = groups.flatMap((group) => group.files);
  return `${files.length} files, ${bytesText(files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0))}`;
}
