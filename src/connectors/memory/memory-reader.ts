/**
 * Reads rows of an encoded column batch that came with the split: memory streams, sockets, rows held by the program. Copies only the
 * columns and the rows that are asked for. In workers.
 */
import { assert } from "../../base/assert.ts";
import { batchColumnPlace } from "../../columnar/column-batch.ts";
import { BLOCK_ROWS_MAX, PADDING_BYTES } from "../../columnar/memory-layout.ts";
import { type Leaf, physicalWidthBytes } from "../../columnar/types.ts";
import type { Kernels } from "../../kernels/load.ts";
import { allocate, copyIn, newBlock, setColumn } from "../block-memory.ts";
import type { SplitCursor, SplitReader } from "../source.ts";

export const memoryReader: SplitReader = {
  name: "memory",
  open(split, { kernels, leaves, needed }, attachment) {
    assert(attachment !== undefined, "a split of a memory stream came without its batch");
    const firstRow = split["firstRow"] as number;
    const rows = split["rows"] as number;
    const metrics = { rows: 0, bytes: 0, malformed: 0 };
    const columns = leaves.map((leaf, index) => {
      const column = loadColumn(kernels, attachment, leaf, index, firstRow, rows, needed[index]!);
      metrics.bytes += column.bytes;
      return column;
    });
    const cursor: SplitCursor = {
      metrics,
      next() {
        const count = Math.min(BLOCK_ROWS_MAX, rows - metrics.rows);
        if (count === 0) return 0;
        const block = newBlock(kernels, leaves.length, count);
        columns.forEach(({ values, validity }, index) => {
          const width = physicalWidthBytes[leaves[index]!.physical];
          const at = metrics.rows;
          setColumn(kernels, block, index, values === 0 ? 0 : values + at * width, validity === 0 ? 0 : validity + at);
        });
        metrics.rows += count;
        return block;
      },
      close() {},
    };
    return cursor;
  },
};

interface LoadedColumn {
  readonly values: number;
  readonly validity: number;
  readonly bytes: number;
}

function loadColumn(
  kernels: Kernels,
  batch: Uint8Array,
  leaf: Leaf,
  index: number,
  firstRow: number,
  rows: number,
  isNeeded: boolean,
): LoadedColumn {
  const place = batchColumnPlace(batch, index);
  const slice = (offset: number, bytes: number): Uint8Array => batch.subarray(offset, offset + bytes);
  if (!isNeeded && leaf.physical !== "struct") return { values: 0, validity: 0, bytes: 0 };
  const validity = place.validity === 0 ? 0 : copyIn(kernels, slice(place.validity + firstRow, rows));
  if (leaf.physical === "struct") return { values: 0, validity, bytes: 0 };
  const width = physicalWidthBytes[leaf.physical];
  if (leaf.physical !== "view" && leaf.physical !== "wide" && leaf.physical !== "list")
    return { values: copyIn(kernels, slice(place.values + firstRow * width, rows * width)), validity, bytes: rows * width };

  const offsets = copyIn(kernels, slice(place.values + 4 * firstRow, 4 * (rows + 1)));
  const view = kernels.view();
  const from = view.getUint32(offsets, true);
  const length = view.getUint32(offsets + 4 * rows, true) - from;
  const data = copyIn(kernels, slice(place.data + from, length), PADDING_BYTES);
  const values = allocate(kernels, width * rows);
  kernels.exports["views_from_offsets"]!(offsets, data - from, values, rows);
  return { values, validity, bytes: length + width * rows };
}
