/**
 * Which state files a query's state consists of: snapshots, and the change files of the batches after them. Held for the newest commit;
 * the part of a commit record that lists them is made here. Owned by `Checkpoint`, main thread; the files themselves are written and
 * read by workers.
 */
import { crc32c } from "../base/crc32c.ts";
import type { CheckpointError } from "../base/errors.ts";
import type { FileSystem } from "../base/ports.ts";
import type { ChangeFile, StateStart } from "../coordinator/batch-runner.ts";
import type { AtomicFiles } from "./atomic-file.ts";
import { decodeChangeIndex, encodeChangeIndex, type BatchFiles, type ChangeIndex, type CommitRecord } from "./commit-log.ts";
import { damagedFile } from "./log-file.ts";

/** Where the runner puts change files and snapshots (flat, names unique per attempt); what no commit record lists is swept from there. */
export const CHANGES_DIRECTORY = "state/changes";
export const SNAPSHOTS_DIRECTORY = "state/snapshots";
export const INDEX_DIRECTORY = "state/index";

/** `<batch>-<worker>-<attempt>` */
const CHANGE_FILE = /\/(\d+)-\d+-([^/]+)$/;
const SNAPSHOTS_KEPT = 2;
/** Batches whose change files a commit record lists itself; older ones go into an index file, all at once. */
const LISTED_BATCHES_MAX = 128;

/** The part of a commit record that this class is about. */
export type StateFileLists = Pick<CommitRecord, "snapshots" | "indexes" | "changes">;

export class StateFiles {
  readonly #files: FileSystem;
  readonly #writer: AtomicFiles;
  readonly #root: string;
  readonly #queryId: string;
  #lists: StateFileLists = { snapshots: [], indexes: [], changes: [] };
  /** Written after the newest commit; the next commit record lists it. */
  #newSnapshot: BatchFiles | null = null;
  /** The newest index file of this run: an attempt that failed after it was written has it already. */
  #newIndex: ChangeIndex | null = null;

  constructor(files: FileSystem, writer: AtomicFiles, checkpointPath: string, queryId: string) {
    this.#files = files;
    this.#writer = writer;
    this.#root = checkpointPath;
    this.#queryId = queryId;
  }

  /** `lists` is in force now. */
  committed(lists: StateFileLists): void {
    this.#lists = lists;
    if (this.#newSnapshot && lists.snapshots.includes(this.#newSnapshot)) this.#newSnapshot = null;
  }

  addSnapshot(snapshot: BatchFiles): void {
    this.#newSnapshot = snapshot;
  }

  /** Snapshots there are, older first. */
  get snapshots(): readonly BatchFiles[] {
    return this.#newSnapshot ? [...this.#lists.snapshots, this.#newSnapshot] : this.#lists.snapshots;
  }

  /** See `Checkpoint.stateStart`. */
  async start(committedBatch: number, skipNewestSnapshot: boolean): Promise<StateStart> {
    const candidates = this.snapshots.slice(0, skipNewestSnapshot ? -1 : undefined);
    while (candidates.length > 0 && (await this.#firstProblem(candidates.at(-1)!.files)) !== null) candidates.pop();
    const snapshot = candidates.at(-1) ?? null;
    const firstNeeded = keptAfter(this.#lists.snapshots);
    if (snapshot === null && firstNeeded !== null) {
      const { files } = this.#lists.snapshots[0]!;
      throw (await this.#firstProblem(files)) ?? damagedFile(`${this.#root}/${files[0]?.path}`, 0, "it cannot be read");
    }
    const isAfter = ({ batchId }: BatchFiles) => snapshot === null || batchId > snapshot.batchId;
    const indexes = this.#lists.indexes.filter(({ lastBatch }) => snapshot === null || lastBatch > snapshot.batchId);
    const indexed: BatchFiles[] = [];
    for (const index of indexes) {
      const listed = await this.#readIndex(index);
      if (listed === null) throw damagedFile(`${this.#root}/${index.path}`, 0, "the file is missing");
      indexed.push(...listed);
    }
    const changes = [...indexed, ...this.#lists.changes].filter(isAfter);
    const problems = await Promise.all(changes.map(({ files }) => this.#firstProblem(files)));
    for (const problem of problems) if (problem) throw problem;
    return { committedBatch, snapshot, changes };
  }

  /** The lists after batch `batchId`, which wrote `own`. Now and then writes an index file. */
  async after(batchId: number, epoch: number, own: readonly ChangeFile[]): Promise<StateFileLists> {
    const snapshots = this.snapshots.slice(-SNAPSHOTS_KEPT);
    const isNeeded = (lastBatch: number) => lastBatch > (keptAfter(snapshots) ?? -1);
    const indexes = this.#lists.indexes.filter(({ lastBatch }) => isNeeded(lastBatch));
    let changes = this.#lists.changes.filter((entry) => isNeeded(entry.batchId));
    if (changes.length >= LISTED_BATCHES_MAX) {
      indexes.push(await this.#writeIndex(epoch, changes));
      changes = [];
    }
    if (own.length > 0) changes.push({ batchId, files: own });
    return { snapshots, indexes, changes };
  }

  /** Whether the files are there with the right length and content. */
  async areWhole(files: readonly ChangeFile[]): Promise<boolean> {
    if ((await this.#firstProblem(files)) !== null) return false;
    for (const file of files) if (crc32c(await this.#files.readFile(`${this.#root}/${file.path}`)) !== file.crc32c) return false;
    return true;
  }

  /**
   * The lists up to batch `committedBatch` from what lies in the directories, for a checkpoint that still has all its batches but lost commit
   * records. Null when there are snapshots, which a crash may have left incomplete, or when a batch has files of several attempts.
   */
  async fromFiles(committedBatch: number): Promise<StateFileLists | null> {
    if ((await this.#files.list(`${this.#root}/${SNAPSHOTS_DIRECTORY}`)).length > 0) return null;
    const batches = new Map<number, { attempt: string; files: ChangeFile[] }>();
    for (const { path: fileName, sizeBytes } of await this.#files.list(`${this.#root}/${CHANGES_DIRECTORY}`)) {
      const path = fileName.slice(this.#root.length + 1);
      const [, batch, attempt] = CHANGE_FILE.exec(path) ?? [];
      if (attempt === undefined) return null;
      const batchId = Number(batch);
      if (batchId > committedBatch) continue;
      const found = batches.get(batchId) ?? { attempt, files: [] };
      if (found.attempt !== attempt) return null;
      found.files.push({ path, lengthBytes: sizeBytes, crc32c: crc32c(await this.#files.readFile(fileName)) });
      batches.set(batchId, found);
    }
    const changes = [...batches].map(([batchId, { files }]) => ({ batchId, files })).sort((a, b) => a.batchId - b.batchId);
    return { snapshots: [], indexes: [], changes };
  }

  /** Everything that a record needs, relative to the checkpoint; of a record that is being purged, what is left of it. */
  async pathsIn({ snapshots, indexes, changes }: StateFileLists): Promise<readonly string[]> {
    const indexed = await Promise.all(indexes.map(async (index) => (await this.#readIndex(index)) ?? []));
    return [
      ...indexes.map(({ path }) => path),
      ...[...snapshots, ...indexed.flat(), ...changes].flatMap(({ files }) => files.map(({ path }) => path)),
    ];
  }

  /** Removes what `purged` lists and `retained`, a later record, can do without. */
  async removeUnneeded(purged: StateFileLists, retained: StateFileLists): Promise<void> {
    const before = keptAfter(retained.snapshots) ?? -1;
    const isUnneeded = ({ batchId }: BatchFiles) =>
      batchId <= before && !retained.snapshots.some((snapshot) => snapshot.batchId === batchId);
    const changesUnneeded = purged.changes.filter(({ batchId }) => batchId <= before);
    await this.#removeAll([...purged.snapshots.filter(isUnneeded), ...changesUnneeded]);
    for (const index of purged.indexes) {
      if (index.lastBatch > before) continue;
      // Its files go first, so an index that is gone already has none left.
      await this.#removeAll((await this.#readIndex(index)) ?? []);
      await this.#files.remove(`${this.#root}/${index.path}`);
    }
  }

  async #removeAll(batches: readonly BatchFiles[]): Promise<void> {
    for (const { files } of batches) for (const { path } of files) await this.#files.remove(`${this.#root}/${path}`);
  }

  async #writeIndex(epoch: number, changes: readonly BatchFiles[]): Promise<ChangeIndex> {
    const { batchId: lastBatch } = changes.at(-1)!;
    if (this.#newIndex?.lastBatch === lastBatch) return this.#newIndex;
    const name = `${lastBatch}-${epoch}`;
    await this.#writer.makeDirectory(`${this.#root}/${INDEX_DIRECTORY}`);
    await this.#writer.create(`${this.#root}/${INDEX_DIRECTORY}`, name, encodeChangeIndex(this.#queryId, lastBatch, changes));
    this.#newIndex = { lastBatch, path: `${INDEX_DIRECTORY}/${name}` };
    return this.#newIndex;
  }

  async #readIndex({ lastBatch, path }: ChangeIndex): Promise<readonly BatchFiles[] | null> {
    const fileName = `${this.#root}/${path}`;
    if ((await this.#files.stat(fileName)) === undefined) return null;
    return decodeChangeIndex(fileName, await this.#files.readFile(fileName), this.#queryId, lastBatch);
  }

  async #firstProblem(files: readonly ChangeFile[]): Promise<CheckpointError | null> {
    for (const { path, lengthBytes } of files) {
      const fileName = `${this.#root}/${path}`;
      const stat = await this.#files.stat(fileName);
      if (stat === undefined) return damagedFile(fileName, 0, "the file is missing");
      if (stat.sizeBytes === lengthBytes) continue;
      return damagedFile(fileName, Math.min(stat.sizeBytes, lengthBytes), `it has ${stat.sizeBytes} bytes instead of ${lengthBytes}`);
    }
    return null;
  }
}

/** Changes up to this batch are not needed any more: even the older snapshot holds them. Null: all are needed. */
function keptAfter(snapshots: readonly BatchFiles[]): number | null {
  return snapshots.length === SNAPSHOTS_KEPT ? snapshots[0]!.batchId : null;
}
