/**
 * One query's checkpoint directory, open for one run: lock, epoch, logs, the list of state files, and what may be thrown away.
 * `Session` opens it when a query starts; the micro-batch loop drives it on the main thread, one call at a time. Layout and formats:
 * `docs/on-disk-format.md`.
 */
import { CheckpointError } from "../base/errors.ts";
import { failpoint } from "../base/failpoint.ts";
import type { BatchAttempt } from "../connectors/sink.ts";
import type { FileSystem, Ports, ProcessIdentity } from "../base/ports.ts";
import type { ChangeFile, StateStart } from "../coordinator/batch-runner.ts";
import { AtomicFiles, TEMPORARY_SUFFIX } from "./atomic-file.ts";
import { CheckpointLock } from "./checkpoint-lock.ts";
import { commitLog, isPreparedName, preparedName, type BatchFiles, type CommitLog, type CommitRecord } from "./commit-log.ts";
import { batchIdsAmong } from "./metadata-log.ts";
import { offsetLog, type OffsetLog, type OffsetRecord } from "./offset-log.ts";
import { readQueryId, writeQueryId } from "./query-metadata.ts";
import { CHANGES_DIRECTORY, INDEX_DIRECTORY, SNAPSHOTS_DIRECTORY, StateFiles, type StateFileLists } from "./state-files.ts";

/** What the directory held when it was opened. */
export interface CheckpointInventory {
  /** Batches with a record, ascending. */
  readonly offsetBatches: readonly number[];
  readonly commitBatches: readonly number[];
  /** Whether there is any state file. */
  readonly hasState: boolean;
  /** Whether `commits/` holds anything but temporary files. */
  readonly hasCommitFiles: boolean;
}

/** Batches that are purged together when at least eight times as many stay. */
const PURGED_AT_ONCE = 16;

export class Checkpoint {
  readonly path: string;
  readonly queryId: string;
  readonly offsets: OffsetLog;
  readonly commits: CommitLog;
  readonly inventory: CheckpointInventory;
  /** Of the state that this run writes (`operator-metadata.ts`). */
  stateSchema = 0;
  readonly #files: FileSystem;
  readonly #writer: AtomicFiles;
  readonly #lock: CheckpointLock;
  readonly #state: StateFiles;
  /** Records of this run, newest `minBatchesToRetain` and a little more; older ones are read when they are purged. */
  readonly #recentCommits = new Map<number, CommitRecord>();
  /** Files that nothing may list: checked against the records and removed after the next commit. */
  #sweepCandidates: readonly string[];
  #purgedBelow: number;
  #background: Promise<void> = Promise.resolve();

  private constructor(opened: Opened) {
    this.path = opened.path;
    this.queryId = opened.queryId;
    this.#files = opened.files;
    this.#writer = opened.writer;
    this.#lock = opened.lock;
    this.#state = new StateFiles(opened.files, opened.writer, opened.path, opened.queryId);
    this.offsets = offsetLog(opened.files, opened.writer, opened.path, opened.queryId);
    this.commits = commitLog(opened.files, opened.writer, opened.path, opened.queryId);
    this.inventory = opened.inventory;
    this.#sweepCandidates = opened.leftovers;
    this.#purgedBelow = Math.min(opened.inventory.offsetBatches[0] ?? 0, opened.inventory.commitBatches[0] ?? Number.MAX_SAFE_INTEGER);
  }

  /**
   * Opens or creates the checkpoint in the absolute directory `path` and makes this run its owner. Throws a `CheckpointError`:
   * `CONCURRENT_CHECKPOINT_USE`, `STREAMING_CHECKPOINT_MISSING_METADATA_FILE`, `CHECKPOINT_FILE_CHECKSUM_VERIFICATION_FAILED`,
   * `CHECKPOINT_WRITE_FAILED`. Whether the logs make sense together is for `coordinator/batch-decision.ts`.
   */
  static async open(ports: Ports, path: string): Promise<Checkpoint> {
    const { files } = ports;
    const writer = new AtomicFiles(ports, path);
    for (const directory of [path, `${path}/offsets`, `${path}/commits`]) await writer.makeDirectory(directory);
    const directoryLock = await CheckpointLock.lockDirectory(files, path);
    try {
      const queryId = (await readQueryId(files, path)) ?? (await newQueryId(ports, writer, path));
      const lock = await CheckpointLock.startEpoch(files, writer, path, directoryLock);
      // Only now: what an owner from before this epoch still did is in.
      const [root, offsetFiles, commitFiles, state] = [
        await files.list(path),
        await files.list(`${path}/offsets`),
        await files.list(`${path}/commits`),
        await listState(files, path),
      ];
      // What was found must stay: whoever gave it its name may have died before the name was durable.
      for (const log of [`${path}/offsets`, `${path}/commits`]) {
        await writer.keepOpen(log);
        await writer.syncDirectory(log);
      }
      const inventory: CheckpointInventory = {
        offsetBatches: batchIdsAmong(offsetFiles),
        commitBatches: batchIdsAmong(commitFiles),
        hasState: state.hasFiles,
        hasCommitFiles: commitFiles.some(({ path: file }) => !isLeftover(file)),
      };
      const logLeftovers = [...root, ...offsetFiles, ...commitFiles, ...(await files.list(`${path}/epoch`))]
        .map((file) => file.path)
        .filter(isLeftover);
      return new Checkpoint({ path, queryId, files, writer, lock, inventory, leftovers: [...logLeftovers, ...state.files] });
    } catch (error) {
      await writer.close();
      await directoryLock.release();
      throw error;
    }
  }

  /** The newest planned batch, if there is no commit record of it; else null. */
  get unfinishedBatch(): number | null {
    const newest = this.inventory.offsetBatches.at(-1);
    return newest === undefined || this.inventory.commitBatches.includes(newest) ? null : newest;
  }

  /** Number of this start. */
  get epoch(): number {
    return this.#lock.epoch;
  }

  /** The process that this is. */
  get owner(): ProcessIdentity {
    return this.#lock.owner;
  }

  /** The settings fixed at the first start, or null for a new checkpoint (see `effectiveConf`). */
  async loggedConf(): Promise<Readonly<Record<string, string>> | null> {
    const newest = this.inventory.offsetBatches.at(-1);
    return newest === undefined ? null : ((await this.offsets.get(newest))?.conf ?? null);
  }

  /** Makes `lists` (of the newest commit, as a rule) the state files to continue from, without writing. */
  resumeFrom(lists: StateFileLists): void {
    this.#state.committed(lists);
  }

  /** The state files after `committedBatch` when its commit record was removed, or null when the files alone do not tell for sure. */
  async stateFromFiles(committedBatch: number): Promise<StateFileLists | null> {
    const isComplete = this.inventory.offsetBatches[0] === 0;
    return isComplete ? await this.#state.fromFiles(committedBatch) : null;
  }

  /**
   * What state to start from after batch `committedBatch`: the newest snapshot whose files are all there, and the changes after it. Throws
   * `CHECKPOINT_FILE_CHECKSUM_VERIFICATION_FAILED` when a file that no older snapshot can replace is missing or has another length.
   * `skipNewestSnapshot`: that one turned out to be damaged.
   */
  async stateStart(committedBatch: number, skipNewestSnapshot = false): Promise<StateStart> {
    return await this.#state.start(committedBatch, skipNewestSnapshot);
  }

  /** Whether `stateStart` has a snapshot to leave out. */
  get hasSnapshot(): boolean {
    return this.#state.snapshots.length > 0;
  }

  /** Notes a snapshot that the runner wrote after the newest commit. */
  addSnapshot(snapshot: BatchFiles): void {
    this.#state.addSnapshot(snapshot);
  }

  /** The commit record of a batch: what the caller knows of it, and the lists of state files. */
  async commitRecord(
    fields: Pick<CommitRecord, "batchId" | "attempt" | "nextBatchWatermarkMs" | "receipt">,
    own: readonly ChangeFile[],
  ): Promise<CommitRecord> {
    return { ...fields, epoch: this.epoch, stateSchema: this.stateSchema, ...(await this.#state.after(fields.batchId, this.epoch, own)) };
  }

  /** Writes the record so that it can be adopted (`isDurable`), or only so that `commit` is quick. */
  async prepareCommit(record: CommitRecord, isDurable: boolean): Promise<void> {
    failpoint("before-commit-prepared");
    await this.commits.prepare(preparedName(record.batchId, record.attempt), record, isDurable);
    failpoint("after-commit-prepared");
  }

  /** The commit point: gives the prepared record its name. */
  async commit(record: CommitRecord): Promise<void> {
    await this.#asOwner(async (isOwner) => {
      await isOwner;
      failpoint("before-commits-log");
      await this.commits.publish(preparedName(record.batchId, record.attempt), record.batchId);
      failpoint("after-commits-log");
    });
    this.#state.committed(record);
    this.#recentCommits.set(record.batchId, record);
    this.#sweep();
  }

  /**
   * The prepared record of the attempt that a sink says it holds, if it can be adopted: the record is whole and its change files
   * are there with the right content. Null otherwise.
   */
  async adoptable(batchId: number, attempt: string): Promise<CommitRecord | null> {
    // A torn file: then the sink cannot have committed on the strength of it.
    const record = await unlessDamaged(this.commits.getPrepared(preparedName(batchId, attempt), batchId));
    if (record === null) return null;
    const own = record.changes.find((entry) => entry.batchId === batchId);
    return (await this.#state.areWhole(own?.files ?? [])) ? record : null;
  }

  /** Throws `CONCURRENT_CHECKPOINT_USE` when a later start owns the checkpoint; asked before anything becomes visible. */
  async checkOwner(): Promise<void> {
    await this.#lock.check();
  }

  /** Adds `offsets/N`. */
  async addOffsets(record: OffsetRecord): Promise<void> {
    await this.#asOwner(async (isOwner) => {
      failpoint("before-offsets-log");
      await this.offsets.add(record, isOwner);
      failpoint("after-offsets-log");
    });
  }

  /** Creates the log files of the attempt that comes next unless something happens. */
  makeReady({ batchId, attempt }: Pick<BatchAttempt, "batchId" | "attempt">): void {
    this.offsets.makeReady(batchId);
    this.commits.makeReadyAs(preparedName(batchId, attempt));
  }

  /** Notes that an attempt of this run failed: what it left in the state directories goes after the next commit. */
  async attemptFailed(batchId: number, attempt: string): Promise<void> {
    const prepared = `${this.path}/commits/${preparedName(batchId, attempt)}`;
    await this.#writer.forget(prepared);
    // Not snapshots: one may be on its way, and no attempt leaves any.
    const changes = await stateFilesIn(this.#files, `${this.path}/${CHANGES_DIRECTORY}`);
    this.#sweepCandidates = [...new Set([...this.#sweepCandidates, prepared, ...changes])];
  }

  /**
   * In the background: removes the records of all batches but the newest `minBatches` up to `newest`, and the state files that no remaining
   * record lists. Syncs wait for removals, so many go at a time, seldom.
   */
  retain(minBatches: number, newest: number): void {
    const batchId = newest - minBatches;
    if (batchId - this.#purgedBelow < Math.max(1, Math.min(PURGED_AT_ONCE, minBatches / 8))) return;
    this.#inBackground(async () => {
      for (let id = this.#purgedBelow; id < batchId; id++) {
        // Records first: who reads meanwhile never finds a record without its files. What a crash leaves behind is swept by the next start.
        const purged = await unlessDamaged(this.#commitRecordOf(id));
        const retained = await unlessDamaged(this.#commitRecordOf(batchId));
        await this.commits.remove(id);
        failpoint("during-purge");
        await this.offsets.remove(id);
        if (purged && retained) await this.#state.removeUnneeded(purged, retained);
        this.#recentCommits.delete(id);
        this.#purgedBelow = id + 1;
      }
    });
  }

  /** Waits for background removals and gives the checkpoint back. */
  async close(): Promise<void> {
    await this.#background;
    await this.#writer.close();
    await this.#lock.release();
  }

  /** Removals only free space, and are tried again at the next start: their failure does not stop a query. */
  #inBackground(removal: () => Promise<void>): void {
    this.#background = this.#background.then(removal).catch(() => undefined);
  }

  #sweep(): void {
    const candidates = this.#sweepCandidates;
    if (candidates.length === 0) return;
    this.#sweepCandidates = [];
    const hasStateFiles = candidates.some((file) => file.startsWith(`${this.path}/state/`));
    this.#inBackground(async () => {
      const listed = new Set(this.#state.snapshots.flatMap(({ files }) => files.map(({ path }) => path)));
      if (hasStateFiles) {
        for (const id of await this.commits.list()) {
          const record = await this.#commitRecordOf(id);
          if (record) for (const path of await this.#state.pathsIn(record)) listed.add(path);
        }
      }
      for (const file of candidates) {
        if (listed.has(file.slice(this.path.length + 1))) continue;
        await this.#files.remove(file);
        failpoint("during-sweep");
      }
    });
  }

  /**
   * `write` gives no file its name before `isOwner` resolves. Who lost the checkpoint is told so, and not what became of the files
   * meanwhile.
   */
  async #asOwner(write: (isOwner: Promise<void>) => Promise<void>): Promise<void> {
    const isOwner = this.checkOwner();
    isOwner.catch(() => undefined);
    try {
      await write(isOwner);
    } catch (error) {
      await this.checkOwner();
      throw error;
    }
  }

  async #commitRecordOf(batchId: number): Promise<CommitRecord | null> {
    return this.#recentCommits.get(batchId) ?? (await this.commits.get(batchId));
  }
}

/** Of a new checkpoint; logs without an id are somebody's whose `metadata` is gone. */
async function newQueryId({ files, random }: Ports, writer: AtomicFiles, path: string): Promise<string> {
  const logs = [...(await files.list(`${path}/offsets`)), ...(await files.list(`${path}/commits`))];
  if (batchIdsAmong(logs).length > 0) throw new CheckpointError("STREAMING_CHECKPOINT_MISSING_METADATA_FILE", { checkpointLocation: path });
  const queryId = random.uuid();
  await writeQueryId(writer, path, queryId);
  return queryId;
}

/** Null for a record that is damaged and that nothing depends on. */
async function unlessDamaged(record: Promise<CommitRecord | null>): Promise<CommitRecord | null> {
  try {
    return await record;
  } catch (error) {
    if (error instanceof CheckpointError) return null;
    throw error;
  }
}

interface Opened {
  readonly path: string;
  readonly queryId: string;
  readonly files: FileSystem;
  readonly writer: AtomicFiles;
  readonly lock: CheckpointLock;
  readonly inventory: CheckpointInventory;
  readonly leftovers: readonly string[];
}

/** Files of the swept state directories, and whether there is any state: an operator's description alone is none. */
async function listState(files: FileSystem, path: string): Promise<{ readonly files: readonly string[]; readonly hasFiles: boolean }> {
  const swept = [CHANGES_DIRECTORY, SNAPSHOTS_DIRECTORY, INDEX_DIRECTORY].map((directory) => `${path}/${directory}`);
  const found: string[] = [];
  for (const directory of swept) found.push(...(await stateFilesIn(files, directory)));
  let hasFiles = found.length > 0;
  for (const child of await files.list(`${path}/state`)) {
    if (!child.isDirectory || swept.includes(child.path)) continue;
    const inside = (await files.list(child.path)).filter((file) => !isLeftover(file.path));
    hasFiles ||= inside.length !== 1 || !inside[0]!.path.endsWith("/metadata");
  }
  return { files: found, hasFiles };
}

/** Paths of files that a runner has written, listed or not: their names begin with a batch. Whatever else lies there is somebody else's. */
async function stateFilesIn(files: FileSystem, directory: string): Promise<readonly string[]> {
  return (await files.list(directory)).map(({ path }) => path).filter((path) => /\/\d[^/]*$/.test(path));
}

function isLeftover(path: string): boolean {
  const name = path.slice(path.lastIndexOf("/") + 1);
  return name.startsWith(".") && (name.endsWith(TEMPORARY_SUFFIX) || isPreparedName(name));
}
