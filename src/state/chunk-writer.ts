/**
 * The chunk store of one query: takes in staged chunks, keeps the record of what they are worth, and writes snapshot files of all of them. On a
 * thread of its own, which alone writes to the store; workers only read it. It is a copy that can always be made anew from snapshot files
 * and change files, so what cannot be trusted is thrown away.
 *
 *     open → write … write, endPass → (snapshot) → write … → close
 */
import { copyBytes } from "../base/copy-bytes.ts";
import { CheckpointError, MillraceError } from "../base/errors.ts";
import { failpoint } from "../base/failpoint.ts";
import type { ChunkEntry, ChunkEnvironment, Ports, SyncFile } from "../base/ports.ts";
import { type ChunkName, chunkKey, chunkName, spaceRange, VERSION_KEY } from "./chunk-key.ts";
import type { StagedChunk } from "./chunk-stager.ts";
import {
  CHUNK_HEADER_BYTES,
  type ChunkStoreIdentity,
  type ChunkStoreVersion,
  entryChecksum,
  readChunkSeal,
  writeChunkHeader,
  writeChunkSeal,
} from "./chunk-value.ts";
import { SnapshotFrames, type StoredOperator } from "./snapshot-frames.ts";
import { type FinishedStateFile, type StateBuffer, type StateFileHeader, StateFileWriter } from "./state-file.ts";

export interface ChunkStoreTarget extends Omit<ChunkStoreIdentity, "shape"> {
  /** Of the checkpoint. */
  readonly path: string;
  readonly bootId: string;
  readonly operators: readonly StoredOperator[];
  /** Of the rows in the chunks. */
  readonly schema: number;
}

/** Below the checkpoint. */
export const CHUNKS_DIRECTORY = "state/chunks";
/** In that directory while chunks are loaded: a start that finds it knows that the one before it did not survive that. */
export const LOADING_MARK = "loading";

export class ChunkWriter {
  readonly #ports: Ports;
  readonly #buffer: StateBuffer;
  readonly #target: ChunkStoreTarget;
  readonly #directory: string;
  readonly #identity: ChunkStoreIdentity;
  #environment: ChunkEnvironment | null = null;
  #version: ChunkStoreVersion;
  /** Seal of every chunk, by its key in hexadecimal digits. */
  readonly #seals = new Map<string, Buffer>();

  constructor(ports: Ports, buffer: StateBuffer, target: ChunkStoreTarget) {
    this.#ports = ports;
    this.#buffer = buffer;
    this.#target = target;
    this.#directory = `${target.path}/${CHUNKS_DIRECTORY}`;
    const { queryId, inode, operators, schema } = target;
    this.#identity = { queryId, inode, shape: JSON.stringify(schema === 0 ? operators : { schema, operators }, bigintText) };
    this.#version = this.#emptyVersion();
  }

  /**
   * The batch after which change files have to be redone over the chunks that are there, or null where there are none that can be used: then they
   * have been removed. Usable is what this query wrote, whole, at a batch that was committed and not before `oldestBatch`, and what a
   * start before this one did not die of. `loaded` comes after the loading.
   */
  open(committedBatch: number, oldestBatch: number): number | null {
    const { files, chunks } = this.#ports;
    try {
      files.createSync(`${this.#directory}/${LOADING_MARK}`).close();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
      this.discard();
      return null;
    }
    try {
      this.#environment ??= chunks.open(this.#directory);
      this.#version = this.#readVersion(this.#environment, committedBatch, oldestBatch);
      return this.#version.batchId;
    } catch {
      this.discard();
      return null;
    }
  }

  /** The chunks are in the workers' memory. */
  loaded(): void {
    try {
      this.#ports.files.removeSync(`${this.#directory}/${LOADING_MARK}`);
    } catch {
      // The next start does without the store.
    }
  }

  /** One transaction: `removed` go, then `chunks` come, whose bytes are in `buffer`; none holds anything of a batch after `newestBatchId`. */
  write(slices: readonly StagedWrite[], newestBatchId: number): void {
    const removed = slices.flatMap((slice) => slice.removed);
    const chunks = slices.flatMap((slice) => slice.chunks.map((chunk) => this.#entries(chunk, chunk.image ?? slice.buffer, slice.batchId)));
    this.#transact(removed, chunks.flat(), { newestBatchId: Math.max(newestBatchId, this.#version.newestBatchId) });
  }

  /** One transaction: `retired` go, and redo begins after `batchId` from now on. */
  endPass(batchId: number, retired: readonly ChunkName[]): void {
    failpoint("before-chunk-version");
    this.#transact(retired, [], { batchId, newestBatchId: Math.max(batchId, this.#version.newestBatchId) });
    failpoint("after-chunk-version");
  }

  /**
   * Writes all chunks into `file`, which has just been created, and makes it durable. Only between passes. Throws `STATE_CHUNK_STORE_DAMAGED` when
   * a chunk is not what this writer put there.
   */
  snapshot(file: SyncFile, header: StateFileHeader): FinishedStateFile {
    const writer = new StateFileWriter(this.#buffer, file, header);
    const frames = new SnapshotFrames(writer, this.#target.operators, header.batchId);
    const environment = this.#open();
    const entries = [...this.#seals.keys()].sort().map((digits) => ({ digits, name: chunkName(Buffer.from(digits, "hex")) }));
    for (const { name, digits } of withoutCovered(entries)) {
      const value = environment.get(chunkKey("chunk", name));
      const checksum = value && frames.add(name, value.subarray(CHUNK_HEADER_BYTES));
      if (checksum === readChunkSeal(this.#seals.get(digits)!).checksum) continue;
      throw new CheckpointError("STATE_CHUNK_STORE_DAMAGED", { path: this.#directory, reason: `chunk ${digits} has changed` });
    }
    frames.end();
    const finished = writer.finish();
    file.sync();
    return finished;
  }

  /** Flushes everything, so that it outlives a power failure, and gives the store back. */
  close(): void {
    const environment = this.#environment;
    if (!environment) return;
    environment.sync();
    this.#transact([], [], { isClean: true });
    environment.sync();
    environment.close();
    this.#environment = null;
  }

  /** Removes the store; the next pass makes a new one. */
  discard(): void {
    this.#environment?.close();
    this.#environment = null;
    this.#seals.clear();
    this.#version = this.#emptyVersion();
    this.#reach(() => {
      this.#ports.chunks.remove(this.#directory);
      this.#ports.files.removeSync(this.#directory);
    });
  }

  /** What the disk refuses is an error of the chunk store. */
  #reach<T>(work: () => T): T {
    try {
      return work();
    } catch (cause) {
      if (cause instanceof MillraceError) throw cause;
      throw new CheckpointError("STATE_CHUNK_STORE_FAILED", { path: this.#directory, reason: (cause as Error).message }, { cause });
    }
  }

  #emptyVersion(): ChunkStoreVersion {
    const { bootId } = this.#target;
    return { format: 2, ...this.#identity, batchId: -1, newestBatchId: -1, chunks: 0, checksum: 0, bootId, isClean: false };
  }

  /** Throws where the store cannot be used. */
  #readVersion(environment: ChunkEnvironment, committedBatch: number, oldestBatch: number): ChunkStoreVersion {
    const version = JSON.parse(Buffer.from(environment.get(VERSION_KEY)!).toString()) as ChunkStoreVersion;
    const { queryId, inode, shape } = this.#identity;
    if (version.format !== 2) throw new Error(`its format is ${String(version.format)}`);
    if (version.queryId !== queryId || version.inode !== inode || version.shape !== shape) throw new Error("it is not this query's");
    if (version.bootId !== this.#target.bootId && !version.isClean) throw new Error("the machine went down before it was flushed");
    if (version.newestBatchId > committedBatch || version.batchId < oldestBatch) throw new Error("it is not of the committed batches");
    this.#seals.clear();
    let checksum = 0;
    for (const { key, value } of environment.range(...spaceRange("checksum"))) {
      this.#seals.set(Buffer.from(key).toString("hex"), Buffer.from(value));
      checksum = (checksum + entryChecksum(key, value)) >>> 0;
    }
    if (this.#seals.size !== version.chunks || checksum !== version.checksum) throw new Error("chunks are missing");
    return version;
  }

  #open(): ChunkEnvironment {
    if (this.#environment) return this.#environment;
    this.discard();
    return (this.#environment = this.#reach(() => {
      this.#ports.files.makeDirectorySync(this.#directory);
      return this.#ports.chunks.open(this.#directory);
    }));
  }

  /** The two entries of a chunk. */
  #entries(chunk: StagedChunk, buffer: Uint8Array, batchId: number): ChunkEntry[] {
    const value = Buffer.allocUnsafe(CHUNK_HEADER_BYTES + chunk.bytes);
    const image = buffer.subarray(chunk.offset, chunk.offset + chunk.bytes);
    copyBytes(value, CHUNK_HEADER_BYTES, image);
    this.#buffer.reserve(chunk.bytes);
    copyBytes(this.#buffer.view(chunk.bytes), 0, image);
    const checksum = this.#buffer.crc(0, chunk.bytes, 0);
    writeChunkHeader(value, checksum, chunk.bytes);
    return [
      { key: chunkKey("chunk", chunk), value },
      { key: chunkKey("checksum", chunk), value: writeChunkSeal({ checksum, batchId }) },
    ];
  }

  #transact(removed: readonly ChunkName[], entries: readonly ChunkEntry[], changes: Partial<ChunkStoreVersion>): void {
    const environment = this.#writable(() => this.#open());
    let { chunks, checksum } = this.#version;
    const forget = (key: Buffer): void => {
      const before = this.#seals.get(key.toString("hex"));
      if (!before) return;
      this.#seals.delete(key.toString("hex"));
      checksum = (checksum - entryChecksum(key, before)) >>> 0;
      chunks--;
    };
    const removedKeys = removed.map((name) => chunkKey("checksum", name));
    removedKeys.forEach(forget);
    // A chunk's two entries follow each other.
    for (let i = 1; i < entries.length; i += 2) {
      const { key, value } = entries[i] as { key: Buffer; value: Buffer };
      forget(key);
      this.#seals.set(key.toString("hex"), value);
      checksum = (checksum + entryChecksum(key, value)) >>> 0;
      chunks++;
    }
    const version: ChunkStoreVersion = { ...this.#version, isClean: false, bootId: this.#target.bootId, ...changes, chunks, checksum };
    const removes = [...removed.map((name) => chunkKey("chunk", name)), ...removedKeys];
    failpoint("before-chunk-transaction");
    this.#writable(() => environment.write(removes, [...entries, { key: VERSION_KEY, value: Buffer.from(JSON.stringify(version)) }]));
    failpoint("after-chunk-transaction");
    this.#version = version;
  }

  #writable<T>(action: () => T): T {
    try {
      return action();
    } catch (cause) {
      if (cause instanceof MillraceError) throw cause;
      throw new CheckpointError("STATE_CHUNK_STORE_FAILED", { path: this.#directory, reason: (cause as Error).message }, { cause });
    }
  }
}

/** What one worker staged. */
export interface StagedWrite {
  readonly chunks: readonly StagedChunk[];
  readonly removed: readonly ChunkName[];
  readonly buffer: Uint8Array;
  /** Committed when they were staged: the chunks hold everything up to it. */
  readonly batchId: number;
}

interface NamedKey {
  readonly digits: string;
  readonly name: ChunkName;
}

/** Leaves out chunks that a crash has left beside those they were split into. */
function withoutCovered(entries: readonly NamedKey[]): readonly NamedKey[] {
  const text = ({ operatorId, partition, bucket }: ChunkName, code: number): string => `${operatorId}/${partition}/${bucket}/${code}`;
  const parents = new Set<string>();
  for (const { name } of entries) for (let code = name.code >> 1; code !== 0; code >>= 1) parents.add(text(name, code));
  return entries.filter(({ name }) => !parents.has(text(name, name.code)));
}

const bigintText = (_key: string, value: unknown): unknown => (typeof value === "bigint" ? value.toString() : value);
