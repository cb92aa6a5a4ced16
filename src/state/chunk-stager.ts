/**
 * Hands the chunks that have changed to the chunk store, a slice at a time: copies of them go into a buffer that the writer's thread reads
 * (`chunk-writer.ts`). On the worker that owns the state, between batches, so that what is staged was committed.
 *
 * A pass begins right after some commit N and ends when every chunk that had changed by then has been staged; chunks staged late in
 * it may hold later batches. Redoing the change files after N over them gives the same state all the same: redo puts whole rows,
 * so the last change of each key wins. That is why no batch has to wait for a pass.
 */
import { copyBytes } from "../base/copy-bytes.ts";
import { assert } from "../base/assert.ts";
import type { Kernels } from "../kernels/load.ts";
import type { ChunkName } from "./chunk-key.ts";
import type { StateStore } from "./state-store.ts";

/** How a slice begins a pass: not at all, over what has changed since the last one, or over all chunks, into a store that is empty. */
export type PassBegin = "no" | "changed" | "all";

/** A chunk in the staging buffer. */
export interface StagedChunk extends ChunkName {
  /** Where it begins in the buffer. */
  readonly offset: number;
  readonly bytes: number;
  /** Shared memory of its own instead, for a chunk larger than the buffer. */
  readonly image?: Uint8Array;
}

export interface StagedSlice {
  readonly chunks: readonly StagedChunk[];
  /** To be removed before the chunks are put: of tables that are gone. */
  readonly removed: readonly ChunkName[];
  /** The worker has staged everything of this pass. */
  readonly isDone: boolean;
  /** With the last slice, to be removed after its chunks are put: what was split into chunks that are staged now. */
  readonly retired: readonly ChunkName[];
}

const CURSOR_BYTES = 32;
const CURSOR_DONE = 24;
const CURSOR_FULL = 28;
const ENTRY_BYTES = 32;
/** Chunks listed at a time: half a megabyte, between two looks at the clock. */
const ENTRIES = 8;
/** What a chunk grows to before it is split, as a rule. */
const CHUNK_BYTES_FULL = 65536;

export class ChunkStager {
  readonly #kernels: Kernels;
  readonly #stores: readonly StateStore[];
  readonly #cursor: number;
  readonly #entries: number;
  /** Codes in the chunk store or on their way to it, by operator, partition and bucket. */
  readonly #stored = new Map<string, { readonly table: Omit<ChunkName, "code">; readonly codes: Set<number> }>();
  /** Index of the store that the pass has come to. */
  #position: number;
  /** Of this pass: chunks in the store whose rows have been staged as chunks of their own. */
  #retired: ChunkName[] = [];

  constructor(kernels: Kernels, stores: readonly StateStore[]) {
    this.#kernels = kernels;
    this.#stores = stores;
    this.#position = stores.length;
    this.#cursor = kernels.exports["heap_alloc"]!(CURSOR_BYTES) as number;
    this.#entries = kernels.exports["heap_alloc"]!(ENTRIES * ENTRY_BYTES) as number;
    assert(this.#cursor !== 0 && this.#entries !== 0, "memory for the list of staged chunks");
  }

  /** The chunk store holds this chunk, which has just been loaded. */
  loaded(name: ChunkName): void {
    this.#codesOf(name).add(name.code);
  }

  /** The next slice: chunks of at most `into.length` bytes, or a larger one alone; fewer once `isTimeUp`. */
  slice(into: Uint8Array, begins: PassBegin, isTimeUp: () => boolean): StagedSlice {
    const slice = { chunks: [] as StagedChunk[], removed: [] as ChunkName[] };
    if (begins === "all") {
      this.#stored.clear();
      for (const { handle } of this.#stores) this.#kernels.exports["store_unstage"]!(handle);
    }
    if (begins !== "no") {
      this.#position = 0;
      this.#retired = [];
      this.#rewind();
      slice.removed.push(...this.#ofGoneTables());
    }
    let used = 0;
    for (let lists = 0; this.#position < this.#stores.length; lists++) {
      if ((used > 0 && into.length - used < CHUNK_BYTES_FULL) || (lists > 0 && isTimeUp())) break;
      const store = this.#stores[this.#position]!;
      const count = this.#kernels.exports["store_stage"]!(store.handle, this.#cursor, this.#entries, ENTRIES, into.length - used) as number;
      used = this.#take(store, count, into, used, slice);
      const view = this.#kernels.view();
      if (view.getUint32(this.#cursor + CURSOR_FULL, true) === 1) break;
      if (view.getUint32(this.#cursor + CURSOR_DONE, true) === 0) continue;
      this.#position++;
      this.#rewind();
    }
    const isDone = this.#position === this.#stores.length;
    // A table that came anew may have taken such a name again.
    const retired = isDone ? this.#retired.filter((name) => !this.#codesOf(name).has(name.code)) : [];
    return { ...slice, isDone, retired };
  }

  /** Copies the listed chunks behind the first `used` bytes of the buffer; returns the bytes used then. */
  #take(
    { operatorId }: StateStore,
    count: number,
    into: Uint8Array,
    used: number,
    { chunks, removed }: { chunks: StagedChunk[]; removed: ChunkName[] },
  ): number {
    const [memory, view] = [this.#kernels.bytes(), this.#kernels.view()];
    for (let entry = this.#entries; entry < this.#entries + count * ENTRY_BYTES; entry += ENTRY_BYTES) {
      const bytes = view.getUint32(entry + 4, true);
      const image = memory.subarray(view.getUint32(entry, true), view.getUint32(entry, true) + bytes);
      const name: ChunkName = {
        operatorId,
        partition: view.getUint32(entry + 8, true),
        bucket: view.getBigInt64(entry + 16, true),
        code: view.getUint32(entry + 12, true),
      };
      const codes = this.#codesOf(name);
      if (view.getUint32(entry + 24, true) === 1) {
        // A table of the same bucket was there before and is gone.
        removed.push(...[...codes].map((code) => ({ ...name, code })));
        codes.clear();
      }
      for (let parent = name.code >> 1; parent !== 0; parent >>= 1) if (codes.delete(parent)) this.#retired.push({ ...name, code: parent });
      codes.add(name.code);
      if (bytes <= into.length - used) {
        copyBytes(into, used, image);
        chunks.push({ ...name, offset: used, bytes });
        used += bytes;
      } else {
        const own = new Uint8Array(new SharedArrayBuffer(bytes));
        copyBytes(own, 0, image);
        chunks.push({ ...name, offset: 0, bytes, image: own });
      }
    }
    return used;
  }

  #ofGoneTables(): ChunkName[] {
    const gone: ChunkName[] = [];
    const handles = new Map(this.#stores.map((store) => [store.operatorId, store.handle]));
    for (const [key, { table, codes }] of this.#stored) {
      if ((this.#kernels.exports["store_has_bucket"]!(handles.get(table.operatorId)!, table.partition, table.bucket) as number) === 1)
        continue;
      for (const code of codes) gone.push({ ...table, code });
      this.#stored.delete(key);
    }
    return gone;
  }

  #codesOf({ operatorId, partition, bucket }: Omit<ChunkName, "code">): Set<number> {
    const key = `${operatorId}/${partition}/${bucket}`;
    let stored = this.#stored.get(key);
    if (!stored) this.#stored.set(key, (stored = { table: { operatorId, partition, bucket }, codes: new Set() }));
    return stored.codes;
  }

  #rewind(): void {
    this.#kernels.bytes().fill(0, this.#cursor, this.#cursor + CURSOR_BYTES);
  }
}
