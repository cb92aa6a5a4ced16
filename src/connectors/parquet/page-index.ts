/**
 * Which rows of a row group can be of interest, by the page indexes of the columns that the query's conditions are about: statistics of every
 * page, and the rows it has. In workers.
 */
import type { SyncFile } from "../source.ts";
import { type ChunkStatistics, type IndexPlace, readAt, type RowGroup } from "./footer.ts";
import { damaged } from "./parquet-error.ts";
import { type ColumnPredicate, mayHold } from "./statistics.ts";
import { ThriftReader, type ThriftStruct, type ThriftValue } from "./thrift.ts";

/** Rows [from, to) of a row group. */
export interface RowRange {
  readonly from: number;
  readonly to: number;
}

/** Ascending, not touching each other; empty where no row can be of interest. */
export function rowRanges(file: SyncFile, path: string, group: RowGroup, predicates: readonly ColumnPredicate[]): readonly RowRange[] {
  let ranges: readonly RowRange[] = [{ from: 0, to: group.rowCount }];
  const known = new Map<number, readonly PageStatistics[]>();
  for (const predicate of predicates) {
    const { column } = predicate.leaf;
    const { columnIndex, offsetIndex, statistics } = group.columns[column]!;
    if (columnIndex === null || offsetIndex === null) continue;
    let pages = known.get(column);
    try {
      pages ??= pageStatistics(readIndex(file, columnIndex), readIndex(file, offsetIndex), group.rowCount, statistics?.isOrdered ?? false);
    } catch (cause) {
      const place = { path, column: predicate.leaf.path, rowGroup: group.index, offset: columnIndex.offset };
      throw damaged(place, `the page index is damaged: ${(cause as Error).message}`, cause);
    }
    known.set(column, pages);
    const kept = pages.filter((page) => mayHold(page.statistics, page.to - page.from, predicate));
    ranges = intersection(ranges, merged(kept));
  }
  return ranges;
}

interface PageStatistics extends RowRange {
  readonly statistics: ChunkStatistics;
}

const readIndex = (file: SyncFile, { offset, length }: IndexPlace): ThriftStruct => new ThriftReader(readAt(file, offset, length)).struct();

function pageStatistics(columnIndex: ThriftStruct, offsetIndex: ThriftStruct, rowCount: number, isOrdered: boolean): PageStatistics[] {
  const locations = listOf(offsetIndex[1]) as readonly ThriftStruct[];
  const [nullPages, minimums, maximums] = [listOf(columnIndex[1]), listOf(columnIndex[2]), listOf(columnIndex[3])];
  const nullCounts = columnIndex[5] === undefined ? null : listOf(columnIndex[5]);
  for (const list of [nullPages, minimums, maximums, nullCounts ?? nullPages])
    if (list.length !== locations.length) throw new Error("its lists have different lengths");
  const starts = locations.map((location) => location[3] as number);
  return starts.map((from, page) => {
    const to = starts[page + 1] ?? rowCount;
    if (!(from >= 0 && from <= to && to <= rowCount) || (page === 0 && from !== 0)) throw new Error("its pages are out of order");
    if (nullPages[page] === true) return { from, to, statistics: { min: null, max: null, nullCount: to - from, isOrdered } };
    const [min, max] = [minimums[page], maximums[page]];
    if (!(min instanceof Uint8Array && max instanceof Uint8Array)) throw new Error("a bound is no bytes");
    return { from, to, statistics: { min, max, nullCount: (nullCounts?.[page] as number | undefined) ?? null, isOrdered } };
  });
}

function listOf(value: ThriftValue | undefined): readonly ThriftValue[] {
  if (!Array.isArray(value)) throw new Error("a list is missing");
  return value as readonly ThriftValue[];
}

function merged(ranges: readonly RowRange[]): RowRange[] {
  const result: RowRange[] = [];
  for (const { from, to } of ranges) {
    const last = result.at(-1);
    if (last?.to === from) result[result.length - 1] = { from: last.from, to };
    else if (from < to) result.push({ from, to });
  }
  return result;
}

function intersection(a: readonly RowRange[], b: readonly RowRange[]): RowRange[] {
  const result: RowRange[] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    const from = Math.max(a[i]!.from, b[j]!.from);
    const to = Math.min(a[i]!.to, b[j]!.to);
    if (from < to) result.push({ from, to });
    if (a[i]!.to < b[j]!.to) i++;
    else j++;
  }
  return result;
}
