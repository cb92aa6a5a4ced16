/** The worker's half of `rate` and `rate-micro-batch`: both columns come from kernels. */
import { BLOCK_ROWS_MAX } from "../../columnar/memory-layout.ts";
import { allocate, newBlock, setColumn } from "../block-memory.ts";
import type { SplitReader } from "../source.ts";

export const rateReader: SplitReader = {
  name: "rate",
  open(split, { kernels, leaves, needed }) {
    const [first, step, total, rangeStart, startMs, msPerRow] = ["first", "step", "count", "rangeStart", "startMs", "msPerRow"].map(
      (field) => split[field] as number,
    ) as [number, number, number, number, number, number];
    const metrics = { rows: 0, bytes: 0, malformed: 0 };
    return {
      metrics,
      next() {
        const count = Math.min(BLOCK_ROWS_MAX, total - metrics.rows);
        if (count === 0) return 0;
        const block = newBlock(kernels, leaves.length, count);
        const row = BigInt(first + metrics.rows * step);
        if (needed[0]) {
          const times = allocate(kernels, 8 * count);
          const startMicros = BigInt(startMs) * 1000n;
          kernels.exports["generate_rate_times"]!(times, row, BigInt(step), BigInt(rangeStart), startMicros, msPerRow, count);
          setColumn(kernels, block, 0, times, 0);
        }
        if (needed[1]) {
          const values = allocate(kernels, 8 * count);
          kernels.exports["generate_series"]!(values, row, BigInt(step), count);
          setColumn(kernels, block, 1, values, 0);
        }
        metrics.rows += count;
        return block;
      },
      close() {},
    };
  },
};
