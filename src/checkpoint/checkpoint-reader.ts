/**
 * A checkpoint as somebody else sees it: opened for reading only, without its lock, also while its query runs. Used by the command line.
 * What a running query purges in the meantime is simply not there any more. Main thread.
 */
import { CheckpointError } from "../base/errors.ts";
import type { FileSystem, Ports, ProcessIdentity } from "../base/ports.ts";
import { unsealText } from "../base/sealed-text.ts";
import type { StateSchema } from "../state/state-metadata.ts";
import { AtomicFiles } from "./atomic-file.ts";
import { type BatchFiles, commitLog, type CommitLog, type CommitRecord, decodeChangeIndex } from "./commit-log.ts";
import { batchIdsAmong } from "./metadata-log.ts";
import { offsetLog, type OffsetLog } from "./offset-log.ts";
import { currentChain, readSchemas } from "./operator-metadata.ts";
import { damagedFile } from "./log-file.ts";
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

  /** Throws `NO_CHECKPOINT` where there is none, `STREAMING_CHECKPOINT_MISSING_METADATA_FILE`, and what `readQueryId` throws. */
  static async open(ports: Ports, path: string): Promise<CheckpointReader> {
    const stat = await ports.files.stat(path);
    if (!stat?.isDirectory) throw new CheckpointError("NO_CHECKPOINT", { path });
    const queryId = await readQueryId(ports.files, path);
    if (queryId !== null) return new CheckpointReader(ports, path, queryId);
    const logs = [...(await ports.files.list(`${path}/offsets`)), ...(await ports.files.list(`${path}/commits`))];
    if (batchIdsAmong(logs).length > 0)
      throw new CheckpointError("STREAMING_CHECKPOINT_MISSING_METADATA_FILE", { checkpointLocation: path });
    throw new CheckpointError("NO_CHECKPOINT", { path });
  }

  /** The newest start: its number and who made it; null for a checkpoint without. */
  async newestEpoch(): Promise<Epoch | null> {
    for (;;) {
      const newest = batchIdsAmong(await this.#files.list(`${this.path}/epoch`)).at(-1);
      if (newest === undefined) return null;
      const text = await this.text(`epoch/${newest}`);
      // Null: a start has made the next one.
      if (text !== null) return parseEpoch(text, `${this.path}/epoch/${newest}`, newest);
    }
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
    try {
      return Buffer.from(await this.#files.readFile(`${this.path}/${name}`)).toString("utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
      throw error;
    }
  }
}

interface Epoch {
  readonly epoch: number;
  readonly owner: ProcessIdentity;
}

/** Only its name counts for anybody who starts. */
function parseEpoch(text: string, fileName: string, epoch: number): Epoch {
  // Version 0.1.0 wrote no checksum.
  const unsealed = unsealText(text);
  if (unsealed === null) throw damagedFile(fileName, 0, "its checksum is wrong");
  let found: Partial<Epoch> | null;
  try {
    found = JSON.parse(unsealed.text) as Partial<Epoch> | null;
  } catch (cause) {
    throw damagedFile(fileName, 0, `it is not JSON: ${(cause as Error).message}`);
  }
  if (found?.epoch !== epoch || typeof found.owner?.pid !== "number")
    throw damagedFile(fileName, 0, "it does not name an epoch and its owner");
  return found as Epoch;
}
