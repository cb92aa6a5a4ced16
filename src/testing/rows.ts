/** Compares and prints rows of engine values, for the checks of the test kit. */
import { inspect } from "node:util";
import { rowDecoder } from "../columnar/row.ts";
import type { StructType } from "../columnar/types.ts";
import type { Value } from "../columnar/values.ts";

type EngineRow = readonly Value[];

/** Whether both hold the same rows, as often, in any order. */
export function isSameMultiset(a: readonly EngineRow[], b: readonly EngineRow[]): boolean {
  const keysOf = (rows: readonly EngineRow[]): string[] => rows.map(valueKey).sort();
  const others = keysOf(b);
  return a.length === b.length && keysOf(a).every((key, index) => key === others[index]);
}

/** Equal for equal values only. */
function valueKey(value: Value): string {
  if (Array.isArray(value)) return `[${value.map(valueKey).join(",")}]`;
  if (value instanceof Uint8Array) return `x${[...value].join(" ")}`;
  if (typeof value === "number" && Object.is(value, -0)) return "-0";
  return typeof value === "string" ? JSON.stringify(value) : `${value}${typeof value === "bigint" ? "n" : ""}`;
}

/** One row a line, sorted, so that a difference shows. */
export function printRows(rows: readonly EngineRow[], schema: StructType): string {
  if (rows.length === 0) return "    (none)";
  const decode = rowDecoder(schema);
  return rows
    .map((row) => `    ${printRow(Object.values(decode(row)))}`)
    .sort()
    .join("\n");
}

/** A row as a test would write it. */
export function printRow(row: unknown): string {
  return inspect(row, { depth: 6, breakLength: Number.POSITIVE_INFINITY, compact: true, maxStringLength: 200, maxArrayLength: 50 });
}
