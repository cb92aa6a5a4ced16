/** The one schema of `rate` and `rate-micro-batch`, and how a range of rows is cut into splits for their common reader. */
import { LongType, structField, structType, TimestampType } from "../../columnar/types.ts";
import type { Split } from "../source.ts";

export const rateSchema = structType([structField("timestamp", TimestampType), structField("value", LongType)]);

/** Rows in one split at most: 16 MB of columns. */
const SPLIT_ROWS_MAX = 1 << 20;

/**
 * Rows [first, end) for `partitions` readers: number p takes first + p, first + p + partitions, … Row v has the time
 * `startMs + round((v - first) * msPerRow)`.
 */
export function rateSplits(first: number, end: number, partitions: number, startMs: number, msPerRow: number): Split[] {
  const splits: Split[] = [];
  for (let partition = 0; partition < partitions; partition++) {
    const rows = Math.ceil((end - first - partition) / partitions);
    for (let row = 0; row < rows; row += SPLIT_ROWS_MAX) {
      splits.push({
        reader: "rate",
        first: first + partition + row * partitions,
        step: partitions,
        count: Math.min(SPLIT_ROWS_MAX, rows - row),
        rangeStart: first,
        startMs,
        msPerRow,
      });
    }
  }
  return splits;
}
