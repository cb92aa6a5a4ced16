/** What a batch reads: per streaming source the offsets (start, end]. Made by the micro-batch loop, shown in progress and errors. */
import type { Offset } from "../connectors/source.ts";

export interface OffsetRange {
  /** Exclusive; null = from the beginning. */
  readonly start: Offset | null;
  /** Inclusive; null = the source has nothing yet. */
  readonly end: Offset | null;
}

/** Offsets are the same when their JSON is. */
export function hasNewData({ start, end }: OffsetRange): boolean {
  return end !== null && (start === null || JSON.stringify(start) !== JSON.stringify(end));
}

/** Offsets per source as error messages show them: `{FileStreamSource[file:/data]: {"logOffset":3}}`. */
export function describeOffsets(sources: readonly { readonly description: string }[], offsets: readonly (Offset | null)[]): string {
  const known = sources.flatMap(({ description }, i) => (offsets[i] == null ? [] : [`${description}: ${JSON.stringify(offsets[i])}`]));
  return `{${known.join(", ")}}`;
}
