/**
 * Whether a row group can hold rows that a query keeps, by the statistics of its columns. Only statistics with a defined order count, and
 * what NaN, truncation or an unknown type leaves open is read. In workers.
 */
import type { ScanPredicate } from "../../columnar/scan-predicate.ts";
import { type DataType } from "../../columnar/types.ts";
import type { Value } from "../../columnar/values.ts";
import { type ChunkStatistics, PHYSICAL, type RowGroup } from "./footer.ts";
import { type LeafShape, sparkType } from "./parquet-schema.ts";

/** A condition on a flat column that is read as `type`. */
export interface ColumnPredicate {
  readonly leaf: LeafShape;
  readonly type: DataType;
  readonly predicate: ScanPredicate;
}

export function mayHoldRows(group: RowGroup, predicates: readonly ColumnPredicate[]): boolean {
  return predicates.every((predicate) => mayHold(group.columns[predicate.leaf.column]!.statistics, group.rowCount, predicate));
}

/** Whether one of `rowCount` rows with such statistics can fulfil the condition. */
export function mayHold(statistics: ChunkStatistics | null, rowCount: number, { leaf, type, predicate }: ColumnPredicate): boolean {
  if (statistics === null) return true;
  const { nullCount } = statistics;
  const { test, values } = predicate;
  if (test === "isnull") return nullCount !== 0;
  if (nullCount !== null && nullCount >= rowCount) return false;
  if (test === "isnotnull" || !statistics.isOrdered) return true;
  const [min, max] = [bound(statistics.min, leaf), bound(statistics.max, leaf)];
  // NaN is above everything in Spark, and writers leave it out of the statistics.
  const isUnboundedAbove = type.kind === "float" || type.kind === "double";
  const above = (value: Value): boolean => max !== null && !isUnboundedAbove && compare(max, comparable(value)) < 0;
  const below = (value: Value): boolean => min !== null && compare(min, comparable(value)) > 0;
  const isNaN = (value: Value): boolean => typeof value === "number" && Number.isNaN(value);
  const equals = (value: Value): boolean => isNaN(value) || !(below(value) || (max !== null && compare(max, comparable(value)) < 0));
  const [value] = values as [Value];
  switch (test) {
    case "=":
    case "in":
      return values.some(equals);
    case "<":
      return isNaN(value) || min === null || compare(min, comparable(value)) < 0;
    case "<=":
      return isNaN(value) || !below(value);
    case ">":
      return isUnboundedAbove || max === null || compare(max, comparable(value)) > 0;
    case ">=":
      return !above(value);
  }
}

type Comparable = bigint | number | Uint8Array;

function comparable(value: Value): Comparable {
  if (typeof value === "string") return Buffer.from(value);
  return typeof value === "number" && Number.isInteger(value) ? BigInt(value) : (value as Comparable);
}

/** Numbers by value, bytes without sign. */
function compare(a: Comparable, b: Comparable): number {
  if (a instanceof Uint8Array) return Buffer.compare(a, b as Uint8Array);
  return a < (b as number) ? -1 : a > (b as number) ? 1 : 0;
}

/** A bound as it compares with values of the column; null if there is none to be relied on. */
function bound(bytes: Uint8Array | null, leaf: LeafShape): Comparable | null {
  if (bytes === null) return null;
  const { physical, logical } = leaf.element;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  switch (physical) {
    case PHYSICAL.int32:
      if (bytes.length !== 4) return null;
      return BigInt(logical?.kind === "integer" && !logical.isSigned ? view.getUint32(0, true) : view.getInt32(0, true));
    case PHYSICAL.int64: {
      if (bytes.length !== 8) return null;
      const value = logical?.kind === "integer" && !logical.isSigned ? view.getBigUint64(0, true) : view.getBigInt64(0, true);
      if (logical?.kind !== "timestamp" || logical.unit === "micros") return value;
      return logical.unit === "millis" ? value * 1000n : value / 1000n - (value % 1000n < 0n ? 1n : 0n);
    }
    case PHYSICAL.float:
      return bytes.length === 4 ? floatBound(view.getFloat32(0, true)) : null;
    case PHYSICAL.double:
      return bytes.length === 8 ? floatBound(view.getFloat64(0, true)) : null;
    case PHYSICAL.byteArray:
      return sparkType(leaf).kind === "string" ? bytes : null;
    default:
      return null;
  }
}

const floatBound = (value: number): Comparable | null => (Number.isNaN(value) ? null : value);
