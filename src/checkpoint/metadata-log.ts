/**
 * A log of one file per batch, named by the batch's number: `offsets/` and `commits/` (Spark's HDFSMetadataLog). Owned by
 * `Checkpoint`, used by the micro-batch loop on the main thread, one call at a time (purging aside).
 */
import type { FileSystem } from "../base/ports.ts";
import type { AtomicFiles } from "./atomic-file.ts";
import { decodeLogFile, type LogFile } from "./log-file.ts";

/** How records of type `T` look as files. */
export interface LogCodec<T> {
  encode(record: T): Uint8Array;
  decode(file: LogFile, batchId: number, fileName: string): T;
}

export class MetadataLog<T extends { readonly batchId: number }> {
  readonly directory: string;
  readonly #files: FileSystem;
  readonly #writer: AtomicFiles;
  readonly #queryId: string;
  readonly #codec: LogCodec<T>;
  /** Made ready for the record of a batch. */
  #temporary: { readonly batchId: number; readonly path: string } | null = null;

  constructor(files: FileSystem, writer: AtomicFiles, directory: string, queryId: string, codec: LogCodec<T>) {
    this.#files = files;
    this.#writer = writer;
    this.directory = directory;
    this.#queryId = queryId;
    this.#codec = codec;
  }

  /** Batches that have a record, ascending. */
  async list(): Promise<readonly number[]> {
    return batchIdsAmong(await this.#files.list(this.directory));
  }

  /** The record of a batch, or null. Throws a `CheckpointError` when the file is not what was written. */
  async get(batchId: number): Promise<T | null> {
    const path = `${this.directory}/${batchId}`;
    const bytes = await this.#readIfExists(path);
    return bytes && this.decode(path, bytes, batchId);
  }

  /** Reads a record from a file of another name in this directory: one that is prepared but does not count yet. */
  async getPrepared(name: string, batchId: number): Promise<T | null> {
    const path = `${this.directory}/${name}`;
    const bytes = await this.#readIfExists(path);
    return bytes && this.decode(path, bytes, batchId);
  }

  /** The newest record, or null for an empty log. */
  async latest(): Promise<T | null> {
    const newest = (await this.list()).at(-1);
    return newest === undefined ? null : await this.get(newest);
  }

  /** Adds a record, durably, once `mayPublish` resolves. Throws `CONCURRENT_STREAM_LOG_UPDATE` when the batch has one. */
  async add(record: T, mayPublish?: Promise<void>): Promise<void> {
    const temporary = this.#temporary?.batchId === record.batchId ? this.#temporary.path : undefined;
    await this.#writer.create(this.directory, String(record.batchId), this.#codec.encode(record), mayPublish, temporary);
  }

  /** The record of `batchId` is the next one that `add` is called with. */
  makeReady(batchId: number): void {
    this.#temporary = { batchId, path: this.#writer.temporaryPath(this.directory, String(batchId)) };
    this.#writer.makeReady(this.#temporary.path);
  }

  /** `name` is the next one that `prepare` is called with. */
  makeReadyAs(name: string): void {
    this.#writer.makeReady(`${this.directory}/${name}`);
  }

  /** First half of `add`: writes the record under `name`; with `isNameDurable` it survives power loss under that name. */
  async prepare(name: string, record: T, isNameDurable: boolean): Promise<void> {
    await this.#writer.write(`${this.directory}/${name}`, this.#codec.encode(record));
    if (isNameDurable) await this.#writer.syncDirectory(this.directory);
  }

  /** Second half of `add`. */
  async publish(name: string, batchId: number): Promise<void> {
    await this.#writer.publish(this.directory, `${this.directory}/${name}`, String(batchId));
  }

  async remove(batchId: number): Promise<void> {
    await this.#files.remove(`${this.directory}/${batchId}`);
  }

  decode(fileName: string, bytes: Uint8Array, batchId: number): T {
    return this.#codec.decode(decodeLogFile(fileName, bytes, { queryId: this.#queryId, batchId }), batchId, fileName);
  }

  async #readIfExists(path: string): Promise<Uint8Array | null> {
    try {
      return await this.#files.readFile(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
      throw error;
    }
  }
}

/** Numbers of the log files in a directory listing, ascending; other names are not records. */
export function batchIdsAmong(files: readonly { readonly path: string }[]): readonly number[] {
  return files
    .map(({ path }) => path.slice(path.lastIndexOf("/") + 1))
    .filter((name) => /^(0|[1-9]\d*)$/.test(name))
    .map(Number)
    .sort((a, b) => a - b);
}
