/**
 * A checkpoint as somebody else sees it: opened for reading only, without its lock, also while its query runs. Used by the command line.
 * What a running query purges in the meantime is simply not there any more. Main thread.
 */
import { CheckpointError } from "../base/errors.ts";
import type { FileSystem, Ports, ProcessIdentity } from "../base/ports.ts";
import type { StateSchema } from "../state/state-metadata.ts";
import { AtomicFiles } from "./atomic-file.ts";
import { type BatchFiles, commitLog, type CommitLog, type CommitRecord, decodeChangeIndex } from "./commit-log.ts";
import { batchIdsAmong } from "./metadata-log.ts";
import { offsetLog, type OffsetLog } from "./offset-log.ts";
import { currentChain, readSchemas } from "./operator-metadata.ts";
import { readQueryId } from "./query-metadata.ts";

export class CheckpointReader {
  readonly path: string;
  readonly queryId: string;
  readonly offsets: OffsetLog;
  readonly commits: CommitLog;
  readonly #files: FileSystem;

  private constructor(ports: Ports, path: string, queryId: string) {
    const writer = new AtomicFiles(ports, path);
    this.path = path;
    this.queryId = queryId;
    this.#files = ports.files;
    this.offsets = offsetLog(ports.files, writer, path, queryId);
    this.commits = commitLog(ports.files, writer, path, queryId);
  }

  /** Throws `NO_CHECKPOINT` where there is none, and what `readQueryId` throws. */
  static async open(ports: Ports, path: string): Promise<CheckpointReader> {
    const queryId = await readQueryId(ports.files, path);
    if (queryId === null) throw new CheckpointError("NO_CHECKPOINT", { path });
    return new CheckpointReader(ports, path, queryId);
  }

  /** The newest start: its number and who made it; null for a checkpoint without. */
  async newestEpoch(): Promise<{ readonly epoch: number; readonly owner: ProcessIdentity } | null> {
    const newest = batchIdsAmong(await this.#files.list(`${this.path}/epoch`)).at(-1);
    if (newest === undefined) return null;
    const text = Buffer.from(await this.#files.readFile(`${this.path}/epoch/${newest}`)).toString("utf8");
    return JSON.parse(text) as { epoch: number; owner: ProcessIdentity };
  }

  /** Change files that a record counts on, those in its index files included. An index file that is gone lists none. */
  async changesOf({ indexes, changes }: CommitRecord): Promise<readonly BatchFiles[]> {
    const indexed: BatchFiles[] = [];
    for (const { path, lastBatch } of indexes) {
      const fileName = `${this.path}/${path}`;
      if ((await this.#files.stat(fileName)) === undefined) continue;
      indexed.push(...decodeChangeIndex(fileName, await this.#files.readFile(fileName), this.queryId, lastBatch));
    }
    return [...indexed, ...changes];
  }

  /** Schemas of the state after the batch of `record` (the newest there are, if there is none), the first one first; none: no operator has state. */
  async stateSchemas(record: Pick<CommitRecord, "stateSchema"> | null): Promise<readonly StateSchema[]> {
    const names = (await this.filesIn("operators")).map(({ name }) => name);
    const known = await readSchemas(names, (name) => this.text(`operators/${name}`), this.path);
    return known.length === 0 ? [] : currentChain(known, record?.stateSchema ?? null, this.path);
  }

  /** Every state file that a record counts on, relative to the checkpoint. */
  async stateFilesOf(record: CommitRecord): Promise<readonly string[]> {
    const batches = [...record.snapshots, ...(await this.changesOf(record))];
    return [...record.indexes.map(({ path }) => path), ...batches.flatMap(({ files }) => files.map(({ path }) => path))];
  }

  /** Files directly in a directory of the checkpoint, without unfinished ones; subdirectories are left out. */
  async filesIn(directory: string): Promise<readonly { readonly name: string; readonly sizeBytes: number }[]> {
    const found = await this.#files.list(`${this.path}/${directory}`);
    return found
      .filter(({ isDirectory }) => !isDirectory)
      .map(({ path, sizeBytes }) => ({ name: path.slice(path.lastIndexOf("/") + 1), sizeBytes }))
      .filter(({ name }) => !name.startsWith("."))
      .sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
  }

  /** Names of the sources with a log of their own. */
  async sourceDirectories(): Promise<readonly string[]> {
    const found = await this.#files.list(`${this.path}/sources`);
    return found
      .filter(({ isDirectory }) => isDirectory)
      .map(({ path }) => path.slice(path.lastIndexOf("/") + 1))
      .sort((a, b) => Number(a) - Number(b));
  }

  /** The text of a file of the checkpoint, or null. */
  async text(name: string): Promise<string | null> {
    const path = `${this.path}/${name}`;
    if ((await this.#files.stat(path)) === undefined) return null;
    return Buffer.from(await this.#files.readFile(path)).toString("utf8");
  }
}
