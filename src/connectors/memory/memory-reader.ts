/**
 * Reads rows of an encoded column batch that came with the split: memory streams, sockets, rows held by the program. Copies only the
 * columns and the rows that are asked for, a block at a time, so that the pipeline finds them in the cache. In workers.
 */
import { copyBytes } from "../../base/copy-bytes.ts";
import { assert } from "../../base/assert.ts";
import { type BatchColumnPlace, batchColumnPlace } from "../../columnar/column-batch.ts";
import { BLOCK_ROW_COUNT, BLOCK_ROWS_MAX } from "../../columnar/memory-layout.ts";
import { type Leaf, physicalWidthBytes } from "../../columnar/types.ts";
import type { Kernels } from "../../kernels/load.ts";
import { type BlockColumn, newBlock, setColumn } from "../block-memory.ts";
import { BufferPool } from "../buffer-pool.ts";
import type { SplitCursor, SplitReader } from "../source.ts";

export const memoryReader: SplitReader = {
  name: "memory",
  open(split, { kernels, leaves, needed }, attachment) {
    assert(attachment !== undefined, "a split of a memory stream came without its batch");
    const firstRow = split["firstRow"] as number;
    const rows = split["rows"] as number;
    const metrics = { rows: 0, bytes: 0, malformed: 0 };
    const batch = new BatchCopier(kernels, attachment, Math.min(BLOCK_ROWS_MAX, rows));
    const block = newBlock(kernels, leaves.length, 0);
    const cursor: SplitCursor = {
      metrics,
      next() {
        const count = Math.min(BLOCK_ROWS_MAX, rows - metrics.rows);
        if (count === 0) return 0;
        kernels.view().setUint32(block + BLOCK_ROW_COUNT, count, true);
        leaves.forEach((leaf, index) => {
          if (!needed[index] && leaf.physical !== "struct") return;
          const { values, validity } = batch.copy(leaf, index, firstRow + metrics.rows, count);
          setColumn(kernels, block, index, values, validity);
        });
        metrics.rows += count;
        metrics.bytes = batch.bytes;
        return block;
      },
      get reusableBytes() {
        return batch.pool.retiredBytes;
      },
      reuse: () => batch.pool.recycle(),
      close() {},
    };
    return cursor;
  },
};

/** Where the rows of each block go that belong to a column. Addresses. */
interface ColumnBuffers {
  readonly place: BatchColumnPlace;
  readonly validity: number;
  readonly values: number;
  /** Of columns whose values are made from them. */
  readonly offsets: number;
}

/** Brings rows of a batch into a worker's memory: each block into the same buffers, which stay in the cache, but for the bytes of strings. */
class BatchCopier {
  readonly pool: BufferPool;
  readonly #kernels: Kernels;
  readonly #batch: Uint8Array;
  readonly #rowsMax: number;
  readonly #buffers: ColumnBuffers[] = [];
  /** Copied so far, without validity. */
  bytes = 0;

  constructor(kernels: Kernels, batch: Uint8Array, rowsMax: number) {
    this.pool = new BufferPool(kernels);
    this.#kernels = kernels;
    this.#batch = batch;
    this.#rowsMax = rowsMax;
  }

  copy(leaf: Leaf, index: number, firstRow: number, rows: number): BlockColumn {
    const { place, validity, values, offsets } = (this.#buffers[index] ??= this.#buffersOf(leaf, index));
    if (validity !== 0) this.#copyTo(validity, place.validity + firstRow, rows);
    if (leaf.physical === "struct") return { values, validity };
    const width = physicalWidthBytes[leaf.physical];
    this.bytes += width * rows;
    if (offsets === 0) {
      this.#copyTo(values, place.values + firstRow * width, rows * width);
      return { values, validity };
    }
    this.#copyTo(offsets, place.values + 4 * firstRow, 4 * (rows + 1));
    const view = this.#kernels.view();
    const from = view.getUint32(offsets, true);
    const length = view.getUint32(offsets + 4 * rows, true) - from;
    this.bytes += length;
    const data = this.pool.take(length);
    this.pool.retire(data);
    this.#copyTo(data, place.data + from, length);
    this.#kernels.exports["views_from_offsets"]!(offsets, data - from, values, rows);
    return { values, validity };
  }

  #buffersOf({ physical }: Leaf, index: number): ColumnBuffers {
    const place = batchColumnPlace(this.#batch, index);
    const isVariable = physical === "view" || physical === "wide" || physical === "list";
    return {
      place,
      validity: place.validity === 0 ? 0 : this.pool.take(this.#rowsMax),
      values: physical === "struct" ? 0 : this.pool.take(physicalWidthBytes[physical] * this.#rowsMax),
      offsets: isVariable ? this.pool.take(4 * (this.#rowsMax + 1)) : 0,
    };
  }

  #copyTo(address: number, offset: number, bytes: number): void {
    copyBytes(this.#kernels.bytes(), address, this.#batch.subarray(offset, offset + bytes));
  }
}
