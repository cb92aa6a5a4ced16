/**
 * Copies a checkpoint as of its newest committed batch, also while its query runs: `millrace checkpoint backup` and `restore`. The copy is a
 * checkpoint itself: whole, checked, durable, or not there at all. Main thread.
 */
import { dirname } from "node:path";
import { makeDurableDirectory } from "../base/durable-directory.ts";
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
 * `NO_CHECKPOINT`, `CHECKPOINT_NOTHING_COMMITTED`, `CHECKPOINT_TARGET_NOT_EMPTY`, `CHECKPOINT_COPY_FAILED`, and what the checks of the copy find.
 */
export async function copyCheckpoint(ports: Ports, from: string, to: string): Promise<CheckpointCopy> {
  const { files, random } = ports;
  await CheckpointReader.open(ports, from);
  const existing = await files.stat(to);
  const isTaken = existing !== undefined && !(existing.isDirectory && (await files.list(to)).length === 0);
  if (isTaken) throw new CheckpointError("CHECKPOINT_TARGET_NOT_EMPTY", { path: to });
  for (let tries = 1; ; tries++) {
    const unfinished = `${to}.${random.uuid()}${TEMPORARY_SUFFIX}`;
    let place = unfinished;
    try {
      await makeDurableDirectory(files, dirname(to));
      const copy = await copyOnce(ports, from, unfinished);
      await files.rename(unfinished, to);
      place = to;
      await files.syncDirectory(dirname(to));
      return { ...copy, path: to };
    } catch (error) {
      await files.remove(place).catch(() => undefined);
      const { code, path = "", syscall } = error as NodeJS.ErrnoException;
      const isPurged = code === "ENOENT" && path.startsWith(`${from}/`);
      if (isPurged && tries < TRIES_MAX) continue;
      if (syscall === undefined) throw error;
      throw new CheckpointError("CHECKPOINT_COPY_FAILED", { path: to, reason: (error as Error).message }, { cause: error });
    }
  }
}

/** What a batch has in the logs, read at once: a running query removes it soon. */
interface LoggedBatch {
  readonly batchId: number;
  readonly commit: Uint8Array | null;
  readonly offsets: Uint8Array;
  readonly stateFiles: readonly string[];
}

async function copyOnce(ports: Ports, from: string, to: string): Promise<Omit<CheckpointCopy, "path">> {
  const reader = await CheckpointReader.open(ports, from);
  const batches = await loggedBatches(ports.files, reader);
  if (batches[0] === undefined) throw new CheckpointError("CHECKPOINT_NOTHING_COMMITTED", { path: from });
  const copy = new Copy(ports.files, from, to);
  await copy.begin();
  const required = batches[0].batchId === 0 ? 1 : 2;
  for (const [index, batch] of batches.entries()) {
    // The query needs the newest batch and the offsets before it; older ones are for going back, as far as they are still there.
    const isThere = await copy.add(batch, index < required);
    if (!isThere) break;
  }
  const epoch = await reader.newestEpoch();
  const names = ["metadata", ...(epoch ? [`epoch/${epoch.epoch}`] : [])];
  for (const directory of ["operators", ...(await reader.sourceDirectories()).map((source) => `sources/${source}`)]) {
    for (const { name } of await reader.filesIn(directory)) names.push(`${directory}/${name}`);
  }
  for (const name of names) await copy.file(name);
  await copy.sync();
  const { problems } = await verifyCheckpoint(ports, to);
  if (problems.length > 0) throw damagedFile(`${from}/${problems[0]!.file}`, problems[0]!.offset, problems[0]!.reason);
  return { queryId: reader.queryId, batchId: batches[0].batchId, files: copy.files, bytes: copy.bytes };
}

/** Committed batches, newest first, as far back as they are all there. A batch that is planned and not committed is left out. */
async function loggedBatches(files: FileSystem, reader: CheckpointReader): Promise<readonly LoggedBatch[]> {
  const commits = await reader.commits.list();
  const newest = commits.at(-1);
  if (newest === undefined) return [];
  const batches: LoggedBatch[] = [];
  for (let batchId = newest; batchId >= 0; batchId--) {
    // A newest batch that goes in this moment is a reason to begin again.
    const read = (path: string) => (batchId === newest ? files.readFile(path) : readIfThere(files, path));
    const offsets = await read(`${reader.offsets.directory}/${batchId}`);
    if (offsets === null) break;
    const commit = await read(`${reader.commits.directory}/${batchId}`);
    const record = commit && reader.commits.decode(`${reader.commits.directory}/${batchId}`, commit, batchId);
    batches.push({ batchId, commit, offsets, stateFiles: record ? await reader.stateFilesOf(record) : [] });
  }
  return batches;
}

async function readIfThere(files: FileSystem, path: string): Promise<Uint8Array | null> {
  try {
    return await files.readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/** A directory that fills with the files of a checkpoint. */
class Copy {
  files = 0;
  bytes = 0;
  readonly #files: FileSystem;
  readonly #from: string;
  readonly #to: string;
  readonly #copied = new Set<string>();
  readonly #directories = new Set<string>();

  constructor(files: FileSystem, from: string, to: string) {
    this.#files = files;
    this.#from = from;
    this.#to = to;
  }

  async begin(): Promise<void> {
    await this.#files.makeDirectory(this.#to);
  }

  /** False if the query has removed state files of the batch, which must not be for one that `isRequired`: that throws. */
  async add({ batchId, commit, offsets, stateFiles }: LoggedBatch, isRequired: boolean): Promise<boolean> {
    try {
      for (const name of stateFiles) await this.file(name);
    } catch (error) {
      if (isRequired || (error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      return false;
    }
    await this.#write(`offsets/${batchId}`, offsets);
    if (commit) await this.#write(`commits/${batchId}`, commit);
    return true;
  }

  async file(name: string): Promise<void> {
    if (this.#copied.has(name)) return;
    await this.#makeDirectoryOf(name);
    this.#count(name, copyFile(this.#files, `${this.#from}/${name}`, `${this.#to}/${name}`));
  }

  async sync(): Promise<void> {
    for (const directory of this.#directories) await this.#files.syncDirectory(`${this.#to}/${directory}`);
    await this.#files.syncDirectory(this.#to);
  }

  async #write(name: string, bytes: Uint8Array): Promise<void> {
    await this.#makeDirectoryOf(name);
    await this.#files.writeNew(`${this.#to}/${name}`, bytes);
    this.#count(name, bytes.length);
  }

  async #makeDirectoryOf(name: string): Promise<void> {
    const directory = parentOf(name);
    if (directory !== "" && !this.#directories.has(directory)) await this.#files.makeDirectory(`${this.#to}/${directory}`);
    for (let path = directory; path !== ""; path = parentOf(path)) this.#directories.add(path);
  }

  #count(name: string, bytes: number): void {
    this.#copied.add(name);
    this.files++;
    this.bytes += bytes;
  }
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
