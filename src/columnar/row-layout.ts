/**
 * Computes where the fields of a row lie (`columnar/memory-layout.ts` draws a row). Used by the planner and the compiler on
 * the main thread, by state and exchange on workers.
 */
import { type DataType, type PhysicalKind, physicalKind, physicalWidthBytes, sameType, simpleString } from "./types.ts";
import {
  LAYOUT_BUCKET_MICROS,
  LAYOUT_BUCKET_NULL_BIT,
  LAYOUT_BUCKET_OFFSET,
  LAYOUT_KEY_FIXED_END,
  LAYOUT_ROW_BYTES,
  LAYOUT_VALUE_NULLS,
  LAYOUT_VAR_COUNT,
  LAYOUT_VAR_KEY_COUNT,
  LAYOUT_VAR_OFFSETS,
  ROW_KEYS,
  ROW_KEY_NULLS,
} from "./memory-layout.ts";
import { assert } from "../base/assert.ts";
import { AnalysisError } from "../base/errors.ts";

export interface RowFieldSpec {
  readonly name: string;
  readonly dataType: DataType;
  /** For aggregate sketches: raw bytes of this length inside the row. */
  readonly inlineBytes?: number;
}

export interface RowField {
  readonly name: string;
  readonly dataType: DataType;
  readonly physical: PhysicalKind;
  /** Byte offset from the row's start. */
  readonly offset: number;
  /** Offset of the u64 that holds the null bit, and the bit; 1 = null. */
  readonly nullsOffset: number;
  readonly nullBit: number;
  /** The field is a slot (variable length). */
  readonly isVariable: boolean;
}

/** Plain data: crosses threads, is written into the state metadata. */
export interface RowLayout {
  readonly version: 1;
  readonly keys: readonly RowField[];
  readonly values: readonly RowField[];
  readonly rowBytes: number;
  readonly keyFixedEnd: number;
  /** Offsets of all slots, keys first. */
  readonly variableOffsets: readonly number[];
  readonly variableKeyCount: number;
  readonly bucket: RowBucket | null;
  /** Absent: the rows are no panes. */
  readonly panes?: RowPanes;
  /** What the values are buffers of; absent where they are none. */
  readonly aggregates?: readonly RowAggregate[];
}

/** The buffers of one aggregate: by its call they are found again in state that an earlier version of the program has left. */
export interface RowAggregate {
  /** As SQL text: `sum(price) FILTER (WHERE (channel = 'web'))`. */
  readonly call: string;
  /** The same without casts: an argument that has become wider is still that argument. */
  readonly castless: string;
  /** Types of the arguments, where the bytes of a buffer depend on them (lists, sketches); else empty. */
  readonly encoding: string;
  /** First value field, and how many. */
  readonly firstField: number;
  readonly fieldCount: number;
  /** Values of these fields in a group that no row has got to yet; none for lists and sketches, which are empty. */
  readonly initial: readonly (bigint | number | boolean | null)[];
}

/**
 * Rows that stand for panes of sliding windows. The key of a pane is its start, and the end of the newest window that it belongs to: so the
 * key's time is when the pane is of no use any more, as for a row that is a window.
 */
export interface RowPanes {
  /** Offsets of these two keys. */
  readonly startOffset: number;
  readonly endOffset: number;
  readonly windowMicros: bigint;
  readonly slideMicros: bigint;
  /** When windows start, modulo the slide. */
  readonly startMicros: bigint;
  /** Length of a pane: the greatest common divisor of window and slide. */
  readonly paneMicros: bigint;
}

export interface RowBucket {
  /** Index of the key (type timestamp or long, µs) that decides bucket and lateness, e.g. the window's end; -1: a value decides. */
  readonly keyIndex: number;
  /** Index of that value: until when the row is kept. It is never null. */
  readonly valueIndex?: number;
  readonly offset: number;
  readonly widthMicros: bigint;
}

const isVariable = (physical: PhysicalKind): boolean => physical === "view" || physical === "wide" || physical === "list";

/** Of keys, and of values: their null bits are one word each. */
const FIELDS_MAX = 64;

/** Throws `UNSUPPORTED_FEATURE.NOT_YET` for more fields than a row can have. */
export function rowLayout(
  keys: readonly RowFieldSpec[],
  values: readonly RowFieldSpec[],
  bucket?: { keyIndex: number; valueIndex?: number; widthMicros: bigint },
): RowLayout {
  if (keys.length > FIELDS_MAX || values.length > FIELDS_MAX)
    throw new AnalysisError("UNSUPPORTED_FEATURE.NOT_YET", {
      feature: `rows of ${keys.length} key and ${values.length} other fields in an aggregation, a deduplication, a limit or the static side of a join`,
      remedy: `Take fewer columns: of either kind there may be ${FIELDS_MAX} fields. avg and its like take two, a struct one more than it has fields.`,
    });
  let offset = ROW_KEYS;
  const variableOffsets: number[] = [];
  const place = (specs: readonly RowFieldSpec[], nullsOffset: number, variable: boolean, out: RowField[]): void => {
    specs.forEach((spec, index) => {
      const physical = physicalKind(spec.dataType);
      assert(physical !== "struct", "structs are flattened before they get into rows");
      if ((isVariable(physical) && spec.inlineBytes === undefined) !== variable) return;
      const width = spec.inlineBytes === undefined ? Math.max(physicalWidthBytes[physical], 1) : spec.inlineBytes;
      const alignment = spec.inlineBytes === undefined ? width : 8;
      offset = Math.ceil(offset / alignment) * alignment;
      out[index] = { name: spec.name, dataType: spec.dataType, physical, offset, nullsOffset, nullBit: index, isVariable: variable };
      if (variable) variableOffsets.push(offset);
      offset += width;
    });
  };
  const align8 = (): void => {
    offset = Math.ceil(offset / 8) * 8;
  };

  const keyFields: RowField[] = [];
  place(keys, ROW_KEY_NULLS, false, keyFields);
  align8();
  const keyFixedEnd = offset;
  place(keys, ROW_KEY_NULLS, true, keyFields);
  const variableKeyCount = variableOffsets.length;
  align8();
  const valueNulls = offset;
  if (values.length > 0) offset += 8;
  const valueFields: RowField[] = [];
  place(values, valueNulls, false, valueFields);
  align8();
  place(values, valueNulls, true, valueFields);
  align8();
  return {
    version: 1,
    keys: keyFields,
    values: valueFields,
    rowBytes: offset,
    keyFixedEnd,
    variableOffsets,
    variableKeyCount,
    bucket: bucket
      ? { ...bucket, offset: (bucket.valueIndex === undefined ? keyFields[bucket.keyIndex] : valueFields[bucket.valueIndex])!.offset }
      : null,
  };
}

/** Size of the descriptor that `writeRowLayout` writes. */
export const rowLayoutDescriptorBytes = (layout: RowLayout): number => LAYOUT_VAR_OFFSETS + 4 * layout.variableOffsets.length;

/** Writes the descriptor that the table kernels read at `address` (8-byte aligned). */
export function writeRowLayout(layout: RowLayout, memory: DataView, address: number): void {
  memory.setUint32(address + LAYOUT_ROW_BYTES, layout.rowBytes, true);
  memory.setUint32(address + LAYOUT_KEY_FIXED_END, layout.keyFixedEnd, true);
  memory.setUint32(address + LAYOUT_VAR_COUNT, layout.variableOffsets.length, true);
  memory.setUint32(address + LAYOUT_VAR_KEY_COUNT, layout.variableKeyCount, true);
  memory.setUint32(address + LAYOUT_BUCKET_OFFSET, layout.bucket?.offset ?? 0, true);
  memory.setUint32(address + LAYOUT_BUCKET_NULL_BIT, Math.max(0, layout.bucket?.keyIndex ?? 0), true);
  memory.setBigInt64(address + LAYOUT_BUCKET_MICROS, layout.bucket?.widthMicros ?? 1n, true);
  memory.setUint32(address + LAYOUT_VALUE_NULLS, layout.values[0]?.nullsOffset ?? 0, true);
  layout.variableOffsets.forEach((offset, index) => memory.setUint32(address + LAYOUT_VAR_OFFSETS + 4 * index, offset, true));
}

/** Buffers of another function are other buffers, even of the same type; names of key columns may change. */
const isDifferent = (before: RowField, now: RowField, part: "key" | "value"): boolean =>
  !sameType(before.dataType, now.dataType) || (part === "value" && before.name !== now.name);

/** Null if rows of `stored` can be read as `wanted`, otherwise what differs, in words. */
export function layoutDifference(stored: RowLayout, wanted: RowLayout): { part: "key" | "value"; text: string } | null {
  for (const part of ["key", "value"] as const) {
    const before = part === "key" ? stored.keys : stored.values;
    const now = part === "key" ? wanted.keys : wanted.values;
    const text = (fields: readonly RowField[]): string =>
      fields.map((field) => `${field.name}: ${simpleString(field.dataType)}`).join(", ");
    if (before.length !== now.length || before.some((field, i) => isDifferent(field, now[i]!, part))) {
      return { part, text: `stored (${text(before)}), wanted (${text(now)})` };
    }
  }
  return null;
}
