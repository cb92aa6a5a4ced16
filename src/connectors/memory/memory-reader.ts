/**
 * Reads rows of an encoded column batch that came with the split: memory streams, sockets, rows held by the program. Copies only the
 * columns and the rows that are asked for, a block at a time, so that the pipeline finds them in the cache. In workers.
 */
import { copyBytes } from "../../base/copy-bytes.ts";
import { assert } from "../../base/assert.ts";
import { batchColumnPlace } from "../../columnar/column-batch.ts";
import { BLOCK_ROWS_MAX } from "../../columnar/memory-layout.ts";
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
    const batch = new BatchCopier(kernels, attachment);
    const cursor: SplitCursor = {
      metrics,
      next() {
        const count = Math.min(BLOCK_ROWS_MAX, rows - metrics.rows);
        if (count === 0) return 0;
        const block = newBlock(kernels, leaves.length, count);
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

/** Brings rows of a batch into a worker's memory. */
class BatchCopier {
  readonly pool: BufferPool;
  readonly #kernels: Kernels;
  readonly #batch: Uint8Array;
  /** Copied so far, without validity. */
  bytes = 0;

  constructor(kernels: Kernels, batch: Uint8Array) {
    this.pool = new BufferPool(kernels);
    this.#kernels = kernels;
    this.#batch = batch;
  }

  copy(leaf: Leaf, index: number, firstRow: number, rows: number): BlockColumn {
    const place = batchColumnPlace(this.#batch, index);
    const validity = place.validity === 0 ? 0 : this.#copyIn(place.validity + firstRow, rows);
    if (leaf.physical === "struct") return { values: 0, validity };
    const width = physicalWidthBytes[leaf.physical];
    this.bytes += width * rows;
    if (leaf.physical !== "view" && leaf.physical !== "wide" && leaf.physical !== "list")
      return { values: this.#copyIn(place.values + firstRow * width, rows * width), validity };

    const offsets = this.#copyIn(place.values + 4 * firstRow, 4 * (rows + 1));
    const view = this.#kernels.view();
    const from = view.getUint32(offsets, true);
    const length = view.getUint32(offsets + 4 * rows, true) - from;
    this.bytes += length;
    const data = this.#copyIn(place.data + from, length);
    const values = this.#take(width * rows);
    this.#kernels.exports["views_from_offsets"]!(offsets, data - from, values, rows);
    return { values, validity };
  }

  #copyIn(offset: number, bytes: number): number {
    const address = this.#take(bytes);
    copyBytes(this.#kernels.bytes(), address, this.#batch.subarray(offset, offset + bytes));
    return address;
  }

  #take(bytes: number): number {
    const address = this.pool.take(bytes);
    this.pool.retire(address);
    return address;
  }
}
