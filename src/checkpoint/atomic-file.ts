/**
 * The only code that creates checkpoint files. A file appears under its final name whole and durable, or not at all, and it never
 * replaces another: unique temporary name in the same directory, write, fdatasync, `link` to the final name (fails when somebody else
 * made it: two queries on one checkpoint), unlink, fsync of the directory. Called on the main thread by the logs of `checkpoint/` and by
 * sources that keep a log under `sources/<i>`.
 */
import { makeDurableDirectory } from "../base/durable-directory.ts";
import { CheckpointError } from "../base/errors.ts";
import { failpoint } from "../base/failpoint.ts";
import type { Ports } from "../base/ports.ts";

export type AtomicFilePorts = Pick<Ports, "files" | "random">;

/** Suffix of files that count for nothing; whatever has it and is left over may be removed. */
export const TEMPORARY_SUFFIX = ".tmp";

/**
 * Writes through one checkpoint. After an fsync has failed nobody knows what is on the disk, so the handle is poisoned: every
 * later write throws `CHECKPOINT_POISONED` without touching the disk, and only a fresh start, which reads again, goes on.
 */
export class AtomicFiles {
  readonly #ports: AtomicFilePorts;
  readonly #checkpointLocation: string;
  #poison: CheckpointError | null = null;

  constructor(ports: AtomicFilePorts, checkpointLocation: string) {
    this.#ports = ports;
    this.#checkpointLocation = checkpointLocation;
  }

  /**
   * Creates `<directory>/<name>`, which gets its name only when `mayPublish` resolves. Throws `CONCURRENT_STREAM_LOG_UPDATE` when it
   * exists.
   */
  async create(directory: string, name: string, bytes: Uint8Array, mayPublish?: Promise<void>): Promise<void> {
    const temporary = `${directory}/.${name}.${this.#ports.random.uuid()}${TEMPORARY_SUFFIX}`;
    await this.write(temporary, bytes);
    failpoint("during-log-write");
    await mayPublish;
    await this.publish(directory, temporary, name);
  }

  /** First half of `create`: a durable file under a name that does not count yet. Its directory entry is durable after `syncDirectory`. */
  async write(path: string, bytes: Uint8Array): Promise<void> {
    await this.#guard(path, () => this.#ports.files.writeNew(path, bytes));
  }

  /** Second half: gives the written file its final name. */
  async publish(directory: string, temporary: string, name: string): Promise<void> {
    const { files } = this.#ports;
    await this.#guard(`${directory}/${name}`, () => files.link(temporary, `${directory}/${name}`));
    failpoint("after-log-link");
    await this.#guard(directory, () => Promise.all([files.remove(temporary), files.syncDirectory(directory)]));
  }

  async remove(path: string): Promise<void> {
    await this.#guard(path, () => this.#ports.files.remove(path));
  }

  /** Makes a directory and those above it, or sees to it that one that is there stays there. */
  async makeDirectory(directory: string): Promise<void> {
    await this.#guard(directory, () => makeDurableDirectory(this.#ports.files, directory));
  }

  async syncDirectory(directory: string): Promise<void> {
    await this.#guard(directory, () => this.#ports.files.syncDirectory(directory));
  }

  async #guard(path: string, write: () => Promise<unknown>): Promise<void> {
    if (this.#poison) throw this.#poison;
    try {
      await write();
    } catch (cause) {
      throw this.#explain(path, cause as NodeJS.ErrnoException);
    }
  }

  #explain(path: string, cause: NodeJS.ErrnoException): CheckpointError {
    if (cause.code === "EEXIST" && cause.syscall !== "mkdir") {
      return new CheckpointError("CONCURRENT_STREAM_LOG_UPDATE", { batchId: path.slice(path.lastIndexOf("/") + 1) }, { cause });
    }
    // EIO: a write that was to be durable at once.
    if (cause.syscall === "fsync" || cause.syscall === "fdatasync" || cause.code === "EIO") {
      const parameters = { checkpointLocation: this.#checkpointLocation, path, reason: cause.message };
      this.#poison = new CheckpointError("CHECKPOINT_POISONED", parameters, { cause });
      return this.#poison;
    }
    return new CheckpointError("CHECKPOINT_WRITE_FAILED", { path, reason: cause.message }, { cause });
  }
}
