/**
 * State rows as a table: which nested columns the flat fields of a row layout make up. The main thread takes the schema from here, workers
 * the way from its leaves to fields.
 */
import type { RowField, RowLayout } from "../../columnar/row-layout.ts";
import {
  BooleanType,
  type DataType,
  IntegerType,
  LongType,
  StringType,
  type StructField,
  structType,
  type StructType,
} from "../../columnar/types.ts";

/** Where the values of a leaf come from. */
export type LeafSource =
  | { readonly kind: "field"; readonly field: RowField; readonly inlineBytes: number }
  /** A struct of the row; `nullFlag`: the field that says that it is null, where it can be. */
  | { readonly kind: "struct"; readonly nullFlag: RowField | null };

/** A struct column and what its leaves, itself first, are made of. */
export interface RowPart {
  readonly dataType: StructType;
  readonly leaves: readonly LeafSource[];
}

const NULL_FLAG = / is null$/;

/** The key of a row, `struct<window:struct<start,end>,channel>` for example. */
export function keyPart(layout: RowLayout): RowPart {
  return partOf(layout.keys, layout);
}

/**
 * The value of a row: one field per aggregate, a struct of its buffers where it has several; the second `sum` is `sum_2`. What is no aggregate's has
 * its own name.
 */
export function valuePart(layout: RowLayout): RowPart {
  const taken = new Map<string, number>();
  const seen = new Set<string>();
  let [group, suffix] = ["", ""];
  const renamed = layout.values.map((field): RowField => {
    const [name, buffer] = splitName(field.name);
    if (buffer === null) return { ...field, dataType: field.name === EXPIRY ? LongType : field.dataType };
    if (name !== group || seen.has(buffer)) {
      const count = (taken.get(name) ?? 0) + 1;
      taken.set(name, count);
      [group, suffix] = [name, count === 1 ? "" : `_${count}`];
      seen.clear();
    }
    seen.add(buffer);
    return { ...field, name: `${name}${suffix}.${buffer}` };
  });
  const groups = groupBy(renamed, ({ name }) => splitName(name)[0]);
  const single = [...groups].map(([name, fields]) => (fields.length === 1 ? [{ ...fields[0]!, name }] : fields));
  return partOf(single.flat(), layout);
}

/** When a row of dropDuplicatesWithinWatermark goes: a number, as in Spark. */
const EXPIRY = "expiresAtMicros";

/** `avg.sum` is the buffer `sum` of the aggregate `avg`. */
function splitName(name: string): readonly [aggregate: string, buffer: string | null] {
  const dot = name.indexOf(".");
  return dot < 0 ? [name, null] : [name.slice(0, dot), name.slice(dot + 1)];
}

/** The table of the state. */
export const stateSchema = (layout: RowLayout): StructType =>
  structType([
    { name: "key", dataType: keyPart(layout).dataType, nullable: true },
    { name: "value", dataType: valuePart(layout).dataType, nullable: true },
    { name: "partition_id", dataType: IntegerType, nullable: true },
  ]);

/** The table of its changes. A removed row has no value. */
export const changeFeedSchema = (layout: RowLayout): StructType =>
  structType([
    { name: "batch_id", dataType: LongType, nullable: true },
    { name: "change_type", dataType: StringType, nullable: true },
    { name: "key", dataType: keyPart(layout).dataType, nullable: true },
    { name: "value", dataType: valuePart(layout).dataType, nullable: true },
    { name: "partition_id", dataType: IntegerType, nullable: true },
  ]);

function partOf(fields: readonly RowField[], layout: RowLayout): RowPart {
  const leaves: LeafSource[] = [];
  const placed = fields.map((field) => {
    return { field, path: field.name.replace(NULL_FLAG, "").split("."), isFlag: NULL_FLAG.test(field.name) };
  });
  return { dataType: nest(placed, null, layout, leaves), leaves };
}

interface Placed {
  readonly field: RowField;
  readonly path: readonly string[];
  readonly isFlag: boolean;
}

/** Adds the struct's leaf and those of its fields, in the order of `leavesOf`. */
function nest(placed: readonly Placed[], nullFlag: RowField | null, layout: RowLayout, leaves: LeafSource[]): StructType {
  leaves.push({ kind: "struct", nullFlag });
  const fields: StructField[] = [];
  const add = (name: string, dataType: DataType): void => void fields.push({ name, dataType, nullable: true });
  for (const [name, group] of groupBy(placed, ({ path }) => path[0]!)) {
    const [first] = group;
    if (group.length === 1 && first!.path.length === 1) {
      leaves.push({ kind: "field", field: first!.field, inlineBytes: inlineBytes(first!.field, layout) });
      add(name, first!.isFlag ? BooleanType : first!.field.dataType);
      continue;
    }
    const flag = group.find(({ path, isFlag }) => isFlag && path.length === 1)?.field ?? null;
    const inside = group.filter(({ field }) => field !== flag).map((entry) => ({ ...entry, path: entry.path.slice(1) }));
    add(name, nest(inside, flag, layout, leaves));
  }
  return structType(fields);
}

/** Length of a sketch, which lies in the row; 0 for everything else. */
function inlineBytes({ physical, isVariable, offset }: RowField, layout: RowLayout): number {
  if (isVariable || (physical !== "view" && physical !== "wide" && physical !== "list")) return 0;
  const later = [...layout.keys, ...layout.values].map((field) => field.offset).filter((other) => other > offset);
  return Math.min(layout.rowBytes, ...later) - offset;
}

/** In the order of first appearance. */
function groupBy<T>(items: readonly T[], nameOf: (item: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(nameOf(item));
    if (group) group.push(item);
    else groups.set(nameOf(item), [item]);
  }
  return groups;
}
