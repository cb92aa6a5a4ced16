/**
 * Chunks of a worker's state that are not in its memory (`kernels/assembly/cold-chunk.ts`): those that the chunk store has, and a spill file for
 * the others, which have changed since. On the worker's thread; the kernels call it.
 *
 * The spill file is as transient as memory: it has no name from the moment that it is open, nothing of it is ever durable, and whoever starts
 * again takes the state from chunk store, snapshot and change files. Its chunks' checksums are in memory, so that one that comes back is the one that
 * went, and not an older one in its place.
 */
import { copyBytes } from "../base/copy-bytes.ts";
import { CheckpointError } from "../base/errors.ts";
import type { ChunkEnvironment, Ports, SyncFile } from "../base/ports.ts";
import type { ColdChunkPlaces, Kernels, StoredChunkName } from "../kernels/load.ts";
import { chunkKey, type ChunkName } from "./chunk-key.ts";
import { CHUNK_HEADER_BYTES, checkChunkHeader } from "./chunk-value.ts";
import { CHUNKS_DIRECTORY, LOADING_MARK } from "./chunk-writer.ts";
import type { StateStore } from "./state-store.ts";

/** Places are numbered from 1 in steps of the smallest chunk. */
const PLACE_BYTES = 1024;

/** A chunk in the spill file. */
interface SpillImage {
  readonly place: number;
  readonly bytes: number;
  readonly checksum: number;
}

export class ColdChunks implements ColdChunkPlaces {
  readonly #kernels: Kernels;
  readonly #ports: Ports;
  readonly #checkpointPath: string;
  /** By the addresses of their stores in memory. */
  readonly #operatorIds: ReadonlyMap<number, number>;
  #chunkStore: ChunkEnvironment | null = null;
  #spill: { readonly path: string; readonly writer: SyncFile; readonly reader: SyncFile } | null = null;
  #spillEnd = 0;
  /** Free places by bytes. */
  readonly #free = new Map<number, number[]>();
  #isReadOnly = false;
  /** While nothing is changed: where chunks in memory also are, by their addresses. They need not be written again. */
  readonly #images = new Map<number, SpillImage>();

  constructor(kernels: Kernels, ports: Ports, checkpointPath: string, stores: Iterable<StateStore>) {
    this.#kernels = kernels;
    this.#ports = ports;
    this.#checkpointPath = checkpointPath;
    this.#operatorIds = new Map([...stores].map(({ handle, operatorId }) => [handle, operatorId]));
    kernels.coldChunks = this;
  }

  /** Chunks that were loaded as cold ones are in this environment, which belongs to this object now. */
  useChunkStore(environment: ChunkEnvironment): void {
    this.#chunkStore = environment;
  }

  /** Says whether the state is only going to be read for a while; to be called before anything changes it again. */
  setReadOnly(isReadOnly: boolean): void {
    this.#isReadOnly = isReadOnly;
    if (isReadOnly) return;
    for (const { place, bytes } of this.#images.values()) this.forget(place, bytes);
    this.#images.clear();
  }

  read(address: number, bytes: number, place: number, name: StoredChunkName): void {
    if (address === 0) throw new CheckpointError("STATE_MEMORY_EXHAUSTED", { what: `a chunk of ${bytes} bytes` });
    if (place === 0) return this.#readStored(address, bytes, name);
    const { path, reader } = this.#spill!;
    const into = this.#kernels.bytes().subarray(address, address + bytes);
    attempt(path, () => {
      for (let done = 0; done < bytes;) {
        const count = reader.read(into.subarray(done), (place - 1) * PLACE_BYTES + done);
        if (count === 0) throw new Error("it is too short");
        done += count;
      }
    });
    if (this.#checksum("image_checksum", address, bytes) !== name.checksum)
      throw new CheckpointError("STATE_SPILL_DAMAGED", { path, reason: `the checksum of ${bytes} bytes is wrong` });
    if (this.#isReadOnly) this.#images.set(address, { place, bytes, checksum: name.checksum });
    else this.forget(place, bytes);
  }

  write(address: number, bytes: number, to: number): void {
    const image = this.#images.get(address);
    if (image) this.#images.delete(address);
    const { place, checksum } = image ?? this.#spillOut(address, bytes);
    const view = this.#kernels.view();
    view.setUint32(to, place, true);
    view.setUint32(to + 4, checksum, true);
  }

  #spillOut(address: number, bytes: number): SpillImage {
    const place = this.#free.get(bytes)?.pop() ?? this.#newPlace(bytes);
    const { path, writer } = (this.#spill ??= this.#open());
    attempt(path, () => writer.write(this.#kernels.bytes().subarray(address, address + bytes), (place - 1) * PLACE_BYTES));
    return { place, bytes, checksum: this.#checksum("image_checksum", address, bytes) };
  }

  #checksum(kernel: "crc32c" | "image_checksum", address: number, bytes: number): number {
    return (this.#kernels.exports[kernel]!(address, bytes, 0) as number) >>> 0;
  }

  forget(place: number, bytes: number): void {
    const free = this.#free.get(bytes);
    if (free) free.push(place);
    else this.#free.set(bytes, [place]);
  }

  close(): void {
    this.#chunkStore?.close();
    this.#spill?.writer.close();
    this.#spill?.reader.close();
    this.#chunkStore = null;
    this.#spill = null;
  }

  #newPlace(bytes: number): number {
    const place = this.#spillEnd / PLACE_BYTES + 1;
    this.#spillEnd += bytes;
    return place;
  }

  #open() {
    const { files, random } = this.#ports;
    const path = `${this.#checkpointPath}/state/spill-${random.uuid()}`;
    return attempt(path, () => {
      files.makeDirectorySync(`${this.#checkpointPath}/state`);
      const writer = files.createSync(path);
      const reader = files.openReadSync(path);
      files.removeSync(path);
      return { path, writer, reader };
    });
  }

  #readStored(address: number, bytes: number, { store, checksum, ...rest }: StoredChunkName): void {
    const name = { ...rest, operatorId: this.#operatorIds.get(store)! };
    const environment = this.#chunkStore!;
    const problem = this.#copyStored(environment, address, bytes, checksum, name);
    environment.refresh();
    if (problem === null) return;
    const path = `${this.#checkpointPath}/${CHUNKS_DIRECTORY}`;
    this.#markDamaged(`${path}/${LOADING_MARK}`);
    const chunk = `operator ${name.operatorId}, partition ${name.partition}, bucket ${name.bucket}, chunk ${name.code}`;
    throw new CheckpointError("STATE_CHUNK_STORE_DAMAGED", { path, reason: `${chunk}: ${problem}` });
  }

  /** The next start finds this mark and takes the state from snapshot and change files. */
  #markDamaged(path: string): void {
    try {
      this.#ports.files.createSync(path).close();
    } catch {
      // It is there while a start loads the chunks, or the disk takes nothing any more: then the next start finds the damage itself.
    }
  }

  /** What is wrong with the chunk, or null. */
  #copyStored(environment: ChunkEnvironment, address: number, bytes: number, checksum: number, name: ChunkName): string | null {
    const value = environment.get(chunkKey("chunk", name));
    if (value === undefined) return "it is missing";
    const problem = checkChunkHeader(value, checksum);
    if (problem !== null) return problem;
    if (value.length !== CHUNK_HEADER_BYTES + bytes) return "its length has changed";
    copyBytes(this.#kernels.bytes(), address, value.subarray(CHUNK_HEADER_BYTES));
    return this.#checksum("crc32c", address, bytes) === checksum ? null : "its checksum is wrong";
  }
}

function attempt<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw new CheckpointError("STATE_SPILL_FAILED", { path, reason: (cause as Error).message }, { cause });
  }
}
