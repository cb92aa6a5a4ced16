/** `LogStore` (`connectors/source.ts`) over the checkpoint's file writer: the logs of file sources and file sinks. Main thread. */
import { CheckpointError } from "../base/errors.ts";
import type { FileSystem } from "../base/ports.ts";
import type { LogStore } from "../connectors/source.ts";
import { type AtomicFiles, TEMPORARY_SUFFIX } from "./atomic-file.ts";

export class DirectoryLogStore implements LogStore {
  readonly directory: string;
  readonly #files: FileSystem;
  readonly #writer: AtomicFiles;
  #exists = false;
  #isSettled = false;

  constructor(files: FileSystem, writer: AtomicFiles, directory: string) {
    this.#files = files;
    this.#writer = writer;
    this.directory = directory;
  }

  async read(name: string): Promise<string | null> {
    try {
      const bytes = await this.#files.readFile(`${this.directory}/${name}`);
      await this.#settle();
      return Buffer.from(bytes).toString("utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
      throw error;
    }
  }

  async putIfAbsent(name: string, text: string): Promise<boolean> {
    if (!this.#exists) await this.#writer.makeDirectory(this.directory);
    this.#exists = true;
    try {
      await this.#writer.create(this.directory, name, Buffer.from(text));
      return true;
    } catch (error) {
      if (error instanceof CheckpointError && error.condition === "CONCURRENT_STREAM_LOG_UPDATE") return false;
      throw error;
    }
  }

  async list(): Promise<readonly string[]> {
    const files = await this.#files.list(this.directory);
    if (files.length > 0) await this.#settle();
    return files.map(({ path }) => path.slice(path.lastIndexOf("/") + 1)).filter((name) => !name.endsWith(TEMPORARY_SUFFIX));
  }

  async remove(name: string): Promise<void> {
    await this.#writer.remove(`${this.directory}/${name}`);
  }

  /** What an earlier start left must stay, once it has been seen: that start may have died before it was durable. */
  async #settle(): Promise<void> {
    if (this.#isSettled) return;
    await this.#writer.makeDirectory(this.directory);
    await this.#writer.syncDirectory(this.directory);
    this.#isSettled = true;
  }
}
