/** Cuts files into splits for the workers. Main thread. */
import type { Split } from "../source.ts";
import type { FoundFile } from "./file-listing.ts";

const MIB = 1 << 20;
const SPLIT_BYTES_MIN = MIB;
const SPLIT_BYTES_MAX = 16 * MIB;

/**
 * Splits of about equal size, several for each worker if there is enough to read, at least 1 MB and at most 16 MB each. A file that
 * cannot be cut is one split, whatever its size.
 */
export function fileSplits(files: readonly FoundFile[], format: string, isSplittable: boolean, parallelism: number): Split[] {
  const total = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  const wanted = Math.min(SPLIT_BYTES_MAX, Math.max(SPLIT_BYTES_MIN, Math.ceil(total / (4 * parallelism))));
  return files.flatMap(({ path, sizeBytes, modifiedMs, partitions }) => {
    const pieces = isSplittable ? Math.max(1, Math.ceil(sizeBytes / wanted)) : 1;
    const length = Math.ceil(sizeBytes / pieces);
    return Array.from({ length: sizeBytes === 0 ? 0 : pieces }, (_, piece) => ({
      reader: "file",
      format,
      path,
      start: piece * length,
      length: Math.min(length, sizeBytes - piece * length),
      sizeBytes,
      modifiedMs,
      ...(Object.keys(partitions).length > 0 && { partitions }),
    }));
  });
}
