/**
 * One owner per checkpoint. Two layers: the directory lock (this machine; the kernel frees it when the owner dies) and an epoch,
 * `epoch/<n>`, made by `link` at every start, which then removes those before it (any machine or container that shares the directory).
 * Who finds its own gone has lost the checkpoint and must not publish anything. Used by `Checkpoint` only.
 */
import { CheckpointError } from "../base/errors.ts";
import { sealText } from "../base/sealed-text.ts";
import type { DirectoryLock, FileSystem, ProcessIdentity } from "../base/ports.ts";
import type { AtomicFiles } from "./atomic-file.ts";
import { batchIdsAmong } from "./metadata-log.ts";

export class CheckpointLock {
  /** Number of this start; larger than that of any earlier one. */
  readonly epoch: number;
  readonly #directory: string;
  readonly #files: FileSystem;
  readonly #lock: DirectoryLock;

  private constructor(files: FileSystem, directory: string, lock: DirectoryLock, epoch: number) {
    this.#files = files;
    this.#directory = directory;
    this.#lock = lock;
    this.epoch = epoch;
  }

  /** Takes the process lock of an existing directory. Throws `CONCURRENT_CHECKPOINT_USE` at once when somebody has it. */
  static async lockDirectory(files: FileSystem, directory: string): Promise<DirectoryLock> {
    const lock = await files.lockDirectory(directory);
    if (lock === null) throw new CheckpointError("CONCURRENT_CHECKPOINT_USE", { checkpointLocation: directory });
    return lock;
  }

  /** Starts a new epoch. `lock` is released by `release`. Throws `CONCURRENT_CHECKPOINT_USE` when another start overtakes this one. */
  static async startEpoch(files: FileSystem, writer: AtomicFiles, directory: string, lock: DirectoryLock): Promise<CheckpointLock> {
    await writer.makeDirectory(`${directory}/epoch`);
    const epochs = batchIdsAmong(await files.list(`${directory}/epoch`));
    const epoch = (epochs.at(-1) ?? -1) + 1;
    try {
      await writer.create(`${directory}/epoch`, String(epoch), Buffer.from(sealText(JSON.stringify({ epoch, owner: lock.owner }))));
    } catch (error) {
      // Another start had the number first, or came after it and removed what was unfinished.
      const code = ((error as Error).cause as NodeJS.ErrnoException | undefined)?.code;
      const isOvertaken = code === "EEXIST" || (code === "ENOENT" && batchIdsAmong(await files.list(`${directory}/epoch`)).length > 0);
      throw isOvertaken ? new CheckpointError("CONCURRENT_CHECKPOINT_USE", { checkpointLocation: directory }, { cause: error }) : error;
    }
    for (const earlier of epochs) await writer.remove(`${directory}/epoch/${earlier}`);
    // Else a power loss could bring back what tells an earlier owner that it still is the owner.
    if (epochs.length > 0) await writer.syncDirectory(`${directory}/epoch`);
    return new CheckpointLock(files, directory, lock, epoch);
  }

  /** Throws `CONCURRENT_CHECKPOINT_USE` when a later start has taken the checkpoint over. */
  async check(): Promise<void> {
    if ((await this.#files.stat(`${this.#directory}/epoch/${this.epoch}`)) !== undefined) return;
    throw new CheckpointError("CONCURRENT_CHECKPOINT_USE", { checkpointLocation: this.#directory });
  }

  get owner(): ProcessIdentity {
    return this.#lock.owner;
  }

  async release(): Promise<void> {
    await this.#lock.release();
  }
}
