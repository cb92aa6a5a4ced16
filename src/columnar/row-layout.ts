/**
 * Computes where the fields of a row lie (`columnar/memory-layout.ts` draws a row). Used by the planner and the compiler on
 * the main thread, by state and exchange on workers.
 */
import { type DataType, type PhysicalKind, physicalKind, physicalWidthBytes, sameType, simpleString } from "./types.ts";
import {
  LAYOUT_BUCKET_MICROS,
  LAYOUT_BUCKET_NULL_BIT,
  FLAGS_NULLS_MAX,
  LAYOUT_BUCKET_OFFSET,
  LAYOUT_KEYS,
  LAYOUT_KEY_FIXED_END,
  LAYOUT_KEY_NULLS,
  LAYOUT_NULLS,
  LAYOUT_ROW_BYTES,
  LAYOUT_VALUES,
  LAYOUT_VALUE_NULLS,
  LAYOUT_VAR_COUNT,
  LAYOUT_VAR_KEY_COUNT,
  LAYOUT_VAR_OFFSETS,
  ROW_FIELDS,
  ROW_FLAGS,
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
  /** Offset of the word that holds the null bit, and the bit; 1 = null. */
  readonly nullsOffset: number;
  readonly nullBit: number;
  /** The field is a slot (variable length). */
  readonly isVariable: boolean;
}

/** Plain data: crosses threads, is written into the state metadata. */
export interface RowLayout {
  /** 2: null bits are in the header. 1: in words before the keys and before the values; all rows were so once, and those of many fields are. */
  readonly version: 1 | 2;
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

/** Of keys, and of values: their null bits are one word each where they are not in the header. */
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
  let offset = ROW_FIELDS;
  const variableOffsets: number[] = [];
  const place = (specs: readonly RowFieldSpec[], firstBit: number, variable: boolean, out: RowField[]): void => {
    specs.forEach((spec, index) => {
      const physical = physicalKind(spec.dataType);
      assert(physical !== "struct", "structs are flattened before they get into rows");
      if ((isVariable(physical) && spec.inlineBytes === undefined) !== variable) return;
      const width = spec.inlineBytes === undefined ? Math.max(physicalWidthBytes[physical], 1) : spec.inlineBytes;
      const alignment = spec.inlineBytes === undefined ? width : 8;
      offset = Math.ceil(offset / alignment) * alignment;
      out[index] = {
        name: spec.name,
        dataType: spec.dataType,
        physical,
        offset,
        nullsOffset: ROW_FLAGS,
        nullBit: firstBit + index,
        isVariable: variable,
      };
      if (variable) variableOffsets.push(offset);
      offset += width;
    });
  };
  const align8 = (): void => {
    offset = Math.ceil(offset / 8) * 8;
  };

  const keyFields: RowField[] = [];
  place(keys, 0, false, keyFields);
  align8();
  const keyFixedEnd = offset;
  place(keys, 0, true, keyFields);
  const variableKeyCount = variableOffsets.length;
  align8();
  const valueFields: RowField[] = [];
  place(values, keys.length, false, valueFields);
  align8();
  place(values, keys.length, true, valueFields);
  align8();
  const layout: RowLayout = {
    version: 2,
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
  return keys.length + values.length <= FLAGS_NULLS_MAX ? layout : withNullWords(layout);
}

/** The layout of the same fields with their null bits in words before them. */
export function withNullWords(layout: RowLayout): RowLayout {
  if (layout.version === 1) return layout;
  const { keys, values, variableKeyCount, bucket, panes } = layout;
  const { valuesStart } = partsOf(layout);
  const [keyShift, valueShift] = [NULLS_BYTES, values.length > 0 ? 2 * NULLS_BYTES : NULLS_BYTES];
  return {
    ...layout,
    version: 1,
    keys: keys.map((field) => ({ ...field, offset: field.offset + keyShift, nullsOffset: ROW_FIELDS })),
    values: values.map((field) => ({
      ...field,
      offset: field.offset + valueShift,
      nullsOffset: valuesStart + keyShift,
      nullBit: field.nullBit - keys.length,
    })),
    rowBytes: layout.rowBytes + valueShift,
    keyFixedEnd: layout.keyFixedEnd + keyShift,
    variableOffsets: layout.variableOffsets.map((offset, index) => offset + (index < variableKeyCount ? keyShift : valueShift)),
    bucket: bucket && { ...bucket, offset: bucket.offset + (bucket.valueIndex === undefined ? keyShift : valueShift) },
    ...(panes && { panes: { ...panes, startOffset: panes.startOffset + keyShift, endOffset: panes.endOffset + keyShift } }),
  };
}

const NULLS_BYTES = 8;

/** Where keys and values begin, and where the keys end. */
export function partsOf({ version, values, rowBytes }: RowLayout): { keysStart: number; keysEnd: number; valuesStart: number } {
  const keysStart = version === 1 ? ROW_FIELDS + NULLS_BYTES : ROW_FIELDS;
  const valuesStart = Math.min(rowBytes, ...values.map(({ offset }) => offset));
  return { keysStart, keysEnd: version === 1 && values.length > 0 ? valuesStart - NULLS_BYTES : valuesStart, valuesStart };
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
  const { keysStart, valuesStart } = partsOf(layout);
  const bits = (fields: number): number => (layout.version === 1 ? 0 : 2 ** fields - 1);
  memory.setUint32(address + LAYOUT_VALUE_NULLS, layout.values[0]?.nullsOffset ?? 0, true);
  memory.setUint32(address + LAYOUT_KEYS, keysStart, true);
  memory.setUint32(address + LAYOUT_KEY_NULLS, bits(layout.keys.length), true);
  memory.setUint32(address + LAYOUT_NULLS, bits(layout.keys.length + layout.values.length), true);
  memory.setUint32(address + LAYOUT_VALUES, valuesStart, true);
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
