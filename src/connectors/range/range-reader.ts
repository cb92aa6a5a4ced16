/**
 * `spark.range(start, end, step)`: how the planner cuts it and how workers produce it. No provider: the logical node says it all.
 */
import { BLOCK_ROWS_MAX } from "../../columnar/memory-layout.ts";
import { allocate, newBlock, setColumn } from "../block-memory.ts";
import type { Split, SplitReader } from "../source.ts";

/** Rows in one split at most: 8 MB. */
const SPLIT_ROWS_MAX = 1n << 20n;

/** Splits for the rows start, start + step, … before `end` (after it if `step` is negative). `step` is not 0. */
export function rangeSplits(start: bigint, end: bigint, step: bigint, parallelism: number): Split[] {
  const distance = step > 0n ? end - start : start - end;
  const stride = step > 0n ? step : -step;
  const rows = distance <= 0n ? 0n : (distance + stride - 1n) / stride;
  const share = (rows + BigInt(parallelism) - 1n) / BigInt(parallelism);
  const length = share < SPLIT_ROWS_MAX ? share : SPLIT_ROWS_MAX;
  const splits: Split[] = [];
  for (let row = 0n; row < rows; row += length) {
    const count = Number(rows - row < length ? rows - row : length);
    // 64-bit numbers do not fit JSON's: they travel as text.
    splits.push({ reader: "range", first: String(start + row * step), step: String(step), count });
  }
  return splits;
}

export const rangeReader: SplitReader = {
  name: "range",
  open(split, { kernels, needed }) {
    const first = BigInt(split["first"] as string);
    const step = BigInt(split["step"] as string);
    const total = split["count"] as number;
    const metrics = { rows: 0, bytes: 0, malformed: 0 };
    return {
      metrics,
      next() {
        const count = Math.min(BLOCK_ROWS_MAX, total - metrics.rows);
        if (count === 0) return 0;
        const block = newBlock(kernels, 1, count);
        if (needed[0]) {
          const values = allocate(kernels, 8 * count);
          kernels.exports["generate_series"]!(values, first + BigInt(metrics.rows) * step, step, count);
          setColumn(kernels, block, 0, values, 0);
        }
        metrics.rows += count;
        return block;
      },
      close() {},
    };
  },
};
