/**
 * Copies a checkpoint as of its newest committed batch, also while its query runs: `millrace checkpoint backup` and `restore`. The copy is a
 * checkpoint itself: whole, checked, durable, or not there at all. Main thread.
 */
import { CheckpointError } from "../base/errors.ts";
import type { FileSystem, Ports } from "../base/ports.ts";
import { TEMPORARY_SUFFIX } from "./atomic-file.ts";
import { CheckpointReader } from "./checkpoint-reader.ts";
import { damagedFile } from "./log-file.ts";
import { verifyCheckpoint } from "./verify-checkpoint.ts";

export interface CheckpointCopy {
  readonly path: string;
  readonly queryId: string;
  /** The newest batch that the copy knows. */
  readonly batchId: number;
  readonly files: number;
  readonly bytes: number;
}

/** A running query may purge a file between listing and reading; then everything is listed again. */
const TRIES_MAX = 10;
const PIECE_BYTES = 1 << 20;

/**
 * Copies the checkpoint `from` to `to`, a directory that does not exist or is empty (both absolute). Throws a `CheckpointError`:
 * `NO_CHECKPOINT`, `CHECKPOINT_NOTHING_COMMITTED`, `CHECKPOINT_TARGET_NOT_EMPTY`, and what the checks of the copy find.
 */
export async function copyCheckpoint(ports: Ports, from: string, to: string): Promise<CheckpointCopy> {
  const { files, random } = ports;
  if ((await files.list(to)).length > 0) throw new CheckpointError("CHECKPOINT_TARGET_NOT_EMPTY", { path: to });
  for (let tries = 1; ; tries++) {
    const unfinished = `${to}.${random.uuid()}${TEMPORARY_SUFFIX}`;
    try {
      const copy = await copyOnce(ports, from, unfinished);
      await files.rename(unfinished, to);
      await files.syncDirectory(parentOf(to));
      return { ...copy, path: to };
    } catch (error) {
      await files.remove(unfinished);
      const isGone = (error as NodeJS.ErrnoException).code === "ENOENT";
      if (!isGone || tries === TRIES_MAX) throw error;
    }
  }
}

async function copyOnce(ports: Ports, from: string, to: string): Promise<Omit<CheckpointCopy, "path">> {
  const reader = await CheckpointReader.open(ports, from);
  const commitIds = await reader.commits.list();
  const batchId = commitIds.at(-1);
  if (batchId === undefined) throw new CheckpointError("CHECKPOINT_NOTHING_COMMITTED", { path: from });
  const names = await filesUpTo(reader, commitIds, batchId);
  const directories = new Set(names.map(parentOf).filter((directory) => directory !== ""));
  await ports.files.makeDirectory(to);
  for (const directory of directories) await ports.files.makeDirectory(`${to}/${directory}`);
  let bytes = 0;
  for (const name of names) bytes += copyFile(ports.files, `${from}/${name}`, `${to}/${name}`);
  for (const directory of withParents(directories)) await ports.files.syncDirectory(`${to}/${directory}`);
  await ports.files.syncDirectory(to);

  const { problems } = await verifyCheckpoint(ports, to);
  if (problems.length > 0) throw damagedFile(`${from}/${problems[0]!.file}`, problems[0]!.offset, problems[0]!.reason);
  return { queryId: reader.queryId, batchId, files: names.length, bytes };
}

/** What the batches up to `batchId` need, relative to the checkpoint. A batch that is planned and not committed is left out. */
async function filesUpTo(reader: CheckpointReader, commitIds: readonly number[], batchId: number): Promise<readonly string[]> {
  const offsetIds = (await reader.offsets.list()).filter((id) => id <= batchId);
  const names = new Set(["metadata"]);
  for (const id of offsetIds) names.add(`offsets/${id}`);
  for (const id of commitIds) {
    names.add(`commits/${id}`);
    const record = await reader.commits.get(id);
    for (const path of record ? await reader.stateFilesOf(record) : []) names.add(path);
  }
  const epoch = await reader.newestEpoch();
  if (epoch) names.add(`epoch/${epoch.epoch}`);
  const logs = (await reader.sourceDirectories()).map((source) => `sources/${source}`);
  for (const directory of ["operators", ...logs]) {
    for (const { name } of await reader.filesIn(directory)) names.add(`${directory}/${name}`);
  }
  return [...names];
}

/** Returns the bytes. */
function copyFile(files: FileSystem, from: string, to: string): number {
  const source = files.openReadSync(from);
  try {
    const target = files.createSync(to);
    try {
      const piece = new Uint8Array(Math.min(PIECE_BYTES, Math.max(1, source.sizeBytes())));
      let position = 0;
      for (let read = source.read(piece, 0); read > 0; read = source.read(piece, position)) {
        target.append(piece.subarray(0, read));
        position += read;
      }
      target.sync();
      return position;
    } finally {
      target.close();
    }
  } finally {
    source.close();
  }
}

const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf("/")));

function withParents(directories: Iterable<string>): ReadonlySet<string> {
  const all = new Set<string>();
  for (const directory of directories) for (let path = directory; path !== ""; path = parentOf(path)) all.add(path);
  return all;
}
