/**
 * The state of one stateful operator in one worker: partitions `p` with `p % workerCount === workerIndex`. The tables, the undo
 * log and the encoding of changes are kernels (`kernels/assembly/state-store.ts`, `change-log.ts`); generated code calls
 * these directly with `handle`. This class is the life around them: batches, files, numbers. On the worker's thread. What all of it promises, and
 * at what cost, is the contract in `state-contract.ts`.
 *
 * Per batch: `begin`, generated code, `writeChanges`, then `commit` or `abort`; after that the caller resets ARENA_BATCH.
 */
import { assert } from "../base/assert.ts";
import { CheckpointError } from "../base/errors.ts";
import { ARENA_QUERY } from "../columnar/memory-layout.ts";
import { type RowLayout, rowLayoutDescriptorBytes, writeRowLayout } from "../columnar/row-layout.ts";
import type { Kernels } from "../kernels/load.ts";
import type { ChunkName } from "./chunk-key.ts";
import type { ChunkSeal } from "./chunk-value.ts";
import type { StateKernels } from "./state-contract.ts";
import type { FrameTarget, StateFileWriter } from "./state-file.ts";

export interface StateStoreOptions {
  /** Identifies the operator within the query; stable over restarts. */
  readonly operatorId: number;
  readonly layout: RowLayout;
  /** State partitions of the operator over all workers; fixed for the life of a checkpoint. */
  readonly partitionCount: number;
  readonly workerIndex: number;
  readonly workerCount: number;
  /** Whether rows at or before the late watermark are dropped (everywhere but in complete mode). */
  readonly dropsLateRows: boolean;
  /** Buckets of more rows wait until all of them can go; not set: rows go as soon as the watermark has passed them. */
  readonly evictRowsMax?: number;
}

export interface ChunkCounts {
  readonly chunksInMemory: number;
  readonly coldChunks: number;
  /** Of the running batch. */
  readonly loadedChunks: number;
  readonly coldBytes: number;
}

/** Numbers of the running batch, to be read before `commit` or `abort`. */
export interface StateStoreMetrics extends ChunkCounts {
  readonly rows: number;
  readonly updatedRows: number;
  readonly removedRows: number;
  /** Distinct late groups, as Spark counts `numRowsDroppedByWatermark`. */
  readonly lateGroups: number;
  readonly memoryBytes: number;
}

/** Of a kernel, without the handle. */
type ArgumentsOf<Kernel> = Kernel extends (state: number, ...rest: infer Rest) => unknown ? Rest : never;

const CURSOR_BYTES = 64;
/** Where a writing kernel leaves the buffer size it needs. */
const CURSOR_NEEDED = 24;
const BUFFER_TOO_SMALL = 0xffffffff;

export class StateStore {
  readonly operatorId: number;
  readonly layout: RowLayout;
  /** The layout's descriptor in memory, for tables of the same rows. */
  readonly layoutAddress: number;
  /** The store in memory, as `store_*` kernels take it. */
  readonly handle: number;
  readonly #kernels: Kernels;
  readonly #options: StateStoreOptions;
  readonly #cursor: number;

  constructor(kernels: Kernels, options: StateStoreOptions) {
    assert(options.partitionCount > 0 && options.workerIndex < options.workerCount, "partitions and workers of a state store");
    this.#kernels = kernels;
    this.#options = options;
    this.operatorId = options.operatorId;
    this.layout = options.layout;
    this.layoutAddress = this.#address("arena_alloc", ARENA_QUERY, rowLayoutDescriptorBytes(options.layout));
    writeRowLayout(options.layout, kernels.view(), this.layoutAddress);
    this.handle = this.#address("store_new", this.layoutAddress, options.partitionCount);
    this.#cursor = this.#address("heap_alloc", CURSOR_BYTES);
    this.#kernel("store_set_late_check", options.dropsLateRows ? 1 : 0);
    if (options.evictRowsMax !== undefined) this.#kernel("store_set_evict_rows_max", options.evictRowsMax);
  }

  ownsPartition(partition: number): boolean {
    return partition % this.#options.workerCount === this.#options.workerIndex;
  }

  /** The partitions of this worker. */
  partitions(): readonly number[] {
    const { partitionCount, workerIndex, workerCount } = this.#options;
    return Array.from({ length: Math.ceil((partitionCount - workerIndex) / workerCount) }, (_, i) => workerIndex + i * workerCount);
  }

  /** Starts a batch. `epoch` is never 0 and differs from that of every earlier batch of this process. */
  begin(epoch: number): void {
    this.#kernel("store_begin", epoch);
  }

  /** Forgets the undo records of the batch. */
  commit(): void {
    this.#kernel("store_commit");
  }

  /** Restores the state of before the batch. */
  abort(): void {
    this.#kernel("store_abort");
  }

  /** Appends what the running batch did to a change file; returns the bytes, 0 if nothing changed. */
  writeChanges(writer: StateFileWriter, batchId: number): number {
    const { buffer } = writer;
    this.#kernels.bytes().fill(0, this.#cursor, this.#cursor + CURSOR_BYTES);
    let total = 0;
    for (;;) {
      const bytes = this.#kernel("store_changes", this.#cursor, buffer.address, buffer.bytes, this.operatorId, BigInt(batchId)) >>> 0;
      if (bytes === 0) return total;
      if (bytes === BUFFER_TOO_SMALL) {
        buffer.reserve(this.#kernels.view().getUint32(this.#cursor + CURSOR_NEEDED, true));
      } else {
        writer.appendFrames(bytes);
        total += bytes;
      }
    }
  }

  /** Applies the frame at `address`; returns the kernel's code, 0 = done (`state-file.ts` names them). */
  applyFrame(address: number, length: number): number {
    return this.#kernel("store_apply_frame", address, length);
  }

  /** Frames of changes that follow may wait for each other in `bytes` bytes of memory, or less where there are none; until `endRedo`. */
  beginRedo(bytes: number): void {
    this.#kernel("store_redo_begin", bytes);
  }

  /** As `applyFrame`, but the rows of changes may be redone later, in another order that comes to the same. */
  queueFrame(address: number, length: number): number {
    return this.#kernel("store_queue_frame", address, length);
  }

  endRedo(): void {
    if (this.#kernel("store_redo_end") === 0) return;
    throw new CheckpointError("STATE_MEMORY_EXHAUSTED", { what: `the changes of state operator ${this.operatorId}` });
  }

  /**
   * Takes over a chunk that came from the chunk store into `bytes` bytes of the state heap; chunks of a bucket by ascending code. False: it is no
   * chunk of this store.
   */
  adoptChunk({ partition, bucket }: ChunkName, address: number, bytes: number, { batchId }: ChunkSeal): boolean {
    return this.#kernel("store_adopt_chunk", partition, bucket, address, bytes, 1, batchId) === 0;
  }

  /** The same for a chunk that stays in the chunk store; `image` holds its beginning. */
  adoptCold({ partition, bucket }: ChunkName, image: Uint8Array, bytes: number, { checksum, batchId }: ChunkSeal): boolean {
    this.#kernels.bytes().set(image.subarray(0, CURSOR_BYTES), this.#cursor);
    return this.#kernel("store_adopt_cold", partition, bucket, this.#cursor, bytes, checksum, batchId) === 0;
  }

  /**
   * To be called when all chunks are adopted, or all snapshot files read, before change files and batches. Of a table that went while a pass copied
   * it only some chunks are there, and of one that came after the pass had begun: redo takes it out, or makes the rest of it.
   */
  endLoading(): void {
    if (this.#kernel("store_load_end") === 1) return;
    throw new CheckpointError("STATE_MEMORY_EXHAUSTED", { what: `state operator ${this.operatorId}` });
  }

  /** Whether a watermark (µs) would evict anything. */
  hasEvictable(watermarkMicros: bigint): boolean {
    return this.#kernel("store_has_evictable", watermarkMicros) === 1;
  }

  metrics(): StateStoreMetrics {
    return {
      rows: this.#kernel("store_row_count"),
      updatedRows: this.#kernel("store_updated_rows"),
      removedRows: this.#kernel("store_removed_rows"),
      lateGroups: this.#kernel("store_late_groups"),
      memoryBytes: this.#kernel("store_memory_bytes"),
      ...this.chunkCounts(),
    };
  }

  /** Chunks in memory and out of it, and how many have come back in this batch. */
  chunkCounts(): ChunkCounts {
    this.#kernel("store_chunk_counts", this.#cursor);
    const view = this.#kernels.view();
    return {
      chunksInMemory: view.getUint32(this.#cursor, true),
      coldChunks: view.getUint32(this.#cursor + 4, true),
      loadedChunks: view.getUint32(this.#cursor + 8, true),
      coldBytes: view.getFloat64(this.#cursor + 16, true),
    };
  }

  /** Gives the memory back; only between batches. */
  close(): void {
    this.#kernel("store_free");
    this.#kernels.exports["heap_free"]!(this.#cursor, CURSOR_BYTES);
  }

  #kernel<Name extends keyof StateKernels>(name: Name, ...args: ArgumentsOf<StateKernels[Name]>): ReturnType<StateKernels[Name]> {
    return this.#kernels.exports[name]!(this.handle, ...args) as ReturnType<StateKernels[Name]>;
  }

  #address(name: "arena_alloc" | "heap_alloc" | "store_new", ...args: number[]): number {
    const address = (this.#kernels.exports[name]!(...args) as number) >>> 0;
    if (address === 0) throw new CheckpointError("STATE_MEMORY_EXHAUSTED", { what: `state operator ${this.#options.operatorId}` });
    return address;
  }
}

/** The store as one that lets changes wait, between `beginRedo` and `endRedo`. */
export function queueOf(store: StateStore): FrameTarget {
  return {
    ownsPartition: (partition) => store.ownsPartition(partition),
    applyFrame: (address, length) => store.queueFrame(address, length),
  };
}
