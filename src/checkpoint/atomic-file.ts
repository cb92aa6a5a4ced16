/**
 * The only code that creates checkpoint files. A file appears under its final name whole and durable, or not at all, and it never
 * replaces another: unique temporary name in the same directory, write, fdatasync, `link` to the final name (fails when somebody else
 * made it: two queries on one checkpoint), unlink, fsync of the directory. Called on the main thread by the logs of `checkpoint/` and by
 * sources that keep a log under `sources/<i>`.
 */
import { makeDurableDirectory } from "../base/durable-directory.ts";
import { CheckpointError } from "../base/errors.ts";
import { failpoint } from "../base/failpoint.ts";
import type { NewFile, OpenDirectory, Ports } from "../base/ports.ts";

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
  /** By path. */
  readonly #readyFiles = new Map<string, Promise<NewFile>>();
  readonly #openDirectories = new Map<string, OpenDirectory>();
  #poison: CheckpointError | null = null;

  constructor(ports: AtomicFilePorts, checkpointLocation: string) {
    this.#ports = ports;
    this.#checkpointLocation = checkpointLocation;
  }

  /**
   * Creates `<directory>/<name>`, which gets its name only when `mayPublish` resolves. `temporary` is where the bytes are until then. Throws
   * `CONCURRENT_STREAM_LOG_UPDATE` when it exists.
   */
  async create(
    directory: string,
    name: string,
    bytes: Uint8Array,
    mayPublish?: Promise<void>,
    temporary = this.temporaryPath(directory, name),
  ): Promise<void> {
    await this.write(temporary, bytes);
    failpoint("during-log-write");
    await mayPublish;
    await this.publish(directory, temporary, name);
  }

  /** First half of `create`: a durable file under a name that does not count yet. Its directory entry is durable after `syncDirectory`. */
  async write(path: string, bytes: Uint8Array): Promise<void> {
    await this.#guard(path, async () => (await this.#newFile(path)).write(bytes));
  }

  /** A path that nobody else has, for the file that will be `<directory>/<name>`. */
  temporaryPath(directory: string, name: string): string {
    return `${directory}/.${name}.${this.#ports.random.uuid()}${TEMPORARY_SUFFIX}`;
  }

  /** Creates the file that `write` is going to fill, in the background: while other files are made durable a new name takes longer. */
  makeReady(path: string): void {
    if (this.#poison) return;
    const file = this.#ports.files.createNew(path);
    // Whoever writes it tries again, and says what is wrong.
    file.catch(() => this.#readyFiles.delete(path));
    this.#readyFiles.set(path, file);
  }

  /** The file at `path` is not going to be written. It stays. */
  async forget(path: string): Promise<void> {
    const file = this.#readyFiles.get(path);
    this.#readyFiles.delete(path);
    (await file?.catch(() => null))?.close();
  }

  /** Keeps `directory` open for `syncDirectory`. */
  async keepOpen(directory: string): Promise<void> {
    this.#openDirectories.set(directory, await this.#ports.files.openDirectory(directory));
  }

  /** Removes what was made ready in vain, and closes what is open. */
  async close(): Promise<void> {
    for (const path of this.#readyFiles.keys()) {
      await this.forget(path);
      // Else the next start sweeps it.
      if (!this.#poison) await this.#ports.files.remove(path).catch(() => undefined);
    }
    for (const directory of this.#openDirectories.values()) directory.close();
    this.#openDirectories.clear();
  }

  /** Second half: gives the written file its final name. */
  async publish(directory: string, temporary: string, name: string): Promise<void> {
    const { files } = this.#ports;
    await this.#guard(`${directory}/${name}`, () => files.link(temporary, `${directory}/${name}`));
    failpoint("after-log-link");
    await this.#guard(directory, () => Promise.all([files.remove(temporary), this.#sync(directory)]));
  }

  async remove(path: string): Promise<void> {
    await this.#guard(path, () => this.#ports.files.remove(path));
  }

  /** Makes a directory and those above it, or sees to it that one that is there stays there. */
  async makeDirectory(directory: string): Promise<void> {
    await this.#guard(directory, () => makeDurableDirectory(this.#ports.files, directory));
  }

  async syncDirectory(directory: string): Promise<void> {
    await this.#guard(directory, () => this.#sync(directory));
  }

  async #newFile(path: string): Promise<NewFile> {
    const ready = this.#readyFiles.get(path);
    this.#readyFiles.delete(path);
    return (await ready?.catch(() => null)) ?? (await this.#ports.files.createNew(path));
  }

  async #sync(directory: string): Promise<void> {
    const opened = this.#openDirectories.get(directory);
    if (opened) await opened.sync();
    else await this.#ports.files.syncDirectory(directory);
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
