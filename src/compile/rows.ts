/**
 * Rows (`columnar/row-layout.ts`) in generated code: fields as values, and writing fields. Main thread, while a stage is compiled.
 */
import { partsOf, type RowField, type RowLayout } from "../columnar/row-layout.ts";
import { ROW_FIELDS, ROW_FLAGS } from "../columnar/memory-layout.ts";
import { type DataType, physicalKind, physicalWidthBytes, type StructType } from "../columnar/types.ts";
import { either } from "./columns.ts";
import type { FunctionBuilder, Local } from "./emitter.ts";
import { type CompiledValue, LOAD_OPS, pushCanonical, pushZero, STORE_OPS, wasmTypeOf } from "./value.ts";

/** Where a row is: its address, and what its slots are relative to (null: absolute views). */
export interface RowPlace {
  readonly row: Local;
  readonly base: Local | null;
  /** Fields whose contents are in locals for a while; those in memory do not count then (`group-run.ts`). */
  readonly held?: ReadonlyMap<RowField, HeldField>;
}

export interface HeldField {
  readonly value: Local;
  /** i32, 1 = null. */
  readonly nulls: Local;
  /** It is not null before the row at hand; `mayEnd` is set when code is emitted that may change that. */
  readonly known?: { mayEnd: boolean };
}

/** The value of `field` in the row at `place`; read again at every push, so it shows the row's current contents. */
export function rowField(f: FunctionBuilder, place: RowPlace, field: RowField, dataType: DataType, nullable: boolean): CompiledValue {
  const held = place.held?.get(field);
  if (held) {
    return {
      dataType,
      physical: physicalKind(dataType),
      isNull: nullable && !held.known ? () => f.get(held.nulls) : null,
      push: () => f.get(held.value),
    };
  }
  return {
    dataType,
    physical: physicalKind(dataType),
    isNull: nullable ? () => pushNullBit(f, place, field) : null,
    push: () => {
      f.get(place.row);
      f.memory(LOAD_OPS[field.physical], field.offset);
      if (field.isVariable && place.base) {
        f.get(place.base);
        f.op("i64.extend_i32_u", "i64.add");
      }
    },
  };
}

function pushNullBit(f: FunctionBuilder, place: RowPlace, field: RowField): void {
  f.get(place.row);
  f.memory("i32.load8_u", field.nullsOffset + (field.nullBit >> 3));
  f.i32(field.nullBit & 7);
  f.op("i32.shr_u");
  f.i32(1);
  f.op("i32.and");
}

/** Rebuilds a value (structs too) of type `dataType` from consecutive fields; returns it with the number of fields used. */
export function valueFromFields(
  f: FunctionBuilder,
  place: RowPlace,
  fields: readonly RowField[],
  first: number,
  dataType: DataType,
  nullable: boolean,
): { value: CompiledValue; used: number } {
  if (dataType.kind !== "struct") return { value: rowField(f, place, fields[first]!, dataType, nullable), used: 1 };
  let used = 0;
  let isNull: (() => void) | null = null;
  if (nullable) {
    const flag = rowField(f, place, fields[first]!, { kind: "boolean" }, false);
    isNull = flag.push;
    used = 1;
  }
  const children = dataType.fields.map((field) => {
    const child = valueFromFields(f, place, fields, first + used, field.dataType, nullable || field.nullable);
    used += child.used;
    return child.value;
  });
  return { value: { dataType, physical: "struct", isNull, push: () => {}, fields: children }, used };
}

/**
 * Flat values of `value` as key fields want them: a boolean for a struct that may be null, then its fields. `nullable` is the column's: in a
 * block without nulls the value cannot be null, but the layout has the field all the same.
 */
export function flattenValue(
  f: FunctionBuilder,
  value: CompiledValue,
  nullable: boolean,
  parentNull: (() => void) | null = null,
): CompiledValue[] {
  const isNull = either(f, parentNull, value.isNull);
  if (!value.fields) return [{ ...value, isNull }];
  const { fields } = value.dataType as StructType;
  const flag: CompiledValue = { dataType: { kind: "boolean" }, physical: "i8", isNull: null, push: isNull ?? (() => f.i32(0)) };
  const children = value.fields.flatMap((field, i) => flattenValue(f, field, nullable || fields[i]!.nullable, isNull));
  return nullable ? [flag, ...children] : children;
}

/**
 * Writes key fields in canonical form: nulls as zero with their bit set, -0.0 as 0.0, one NaN. Views are stored as they are (base 0). Null bits of values
 * that are in the same word are clear then.
 */
export function writeKeys(f: FunctionBuilder, row: Local, layout: RowLayout, values: readonly CompiledValue[]): void {
  if (layout.version === 1) writeNullWord(f, row, ROW_FIELDS, values);
  else {
    f.get(row);
    f.i32(0);
    orNullBits(f, values, 0);
    f.memory("i32.store", ROW_FLAGS);
  }
  clearKeyPadding(f, row, layout);
  values.forEach((value, i) => {
    const field = layout.keys[i]!;
    f.get(row);
    if (value.isNull) {
      value.isNull();
      f.if(
        () => pushZero(f, wasmTypeOf(value.physical)),
        () => pushCanonical(f, value),
        wasmTypeOf(value.physical),
      );
    } else pushCanonical(f, value);
    f.memory(STORE_OPS[field.physical], field.offset);
  });
}

/**
 * Zeroes the words of the fixed keys that fields do not fill: keys are compared with the gaps between them, and the memory of a row at hand
 * serves rows of several layouts.
 */
function clearKeyPadding(f: FunctionBuilder, row: Local, layout: RowLayout): void {
  const fixed = layout.keys.filter(({ isVariable }) => !isVariable);
  for (let word = partsOf(layout).keysStart; word < layout.keyFixedEnd; word += 8) {
    const filled = fixed
      .filter(({ offset }) => offset >= word && offset < word + 8)
      .reduce((bytes, { physical }) => bytes + physicalWidthBytes[physical], 0);
    if (filled === 8) continue;
    f.get(row);
    f.i64(0);
    f.memory("i64.store", word);
  }
}

type NullTests = readonly { readonly isNull: CompiledValue["isNull"] }[];

/** Sets the null bits of a row's values from their null tests; its keys have been written. */
export function writeValueNulls(f: FunctionBuilder, row: Local, layout: RowLayout, values: NullTests): void {
  if (layout.version === 1) return writeNullWord(f, row, layout.values[0]!.nullsOffset, values);
  if (values.every(({ isNull }) => isNull === null)) return;
  f.get(row);
  f.get(row);
  f.memory("i32.load", ROW_FLAGS);
  orNullBits(f, values, layout.keys.length);
  f.memory("i32.store", ROW_FLAGS);
}

/** Adds null bits, from `firstBit` on, to the i32 on the stack. */
function orNullBits(f: FunctionBuilder, values: NullTests, firstBit: number): void {
  values.forEach(({ isNull }, index) => {
    if (!isNull) return;
    isNull();
    f.i32(firstBit + index);
    f.op("i32.shl", "i32.or");
  });
}

/** Sets the u64 of null bits at `nullsOffset`. */
function writeNullWord(f: FunctionBuilder, row: Local, nullsOffset: number, values: NullTests): void {
  f.get(row);
  f.i64(0);
  values.forEach((value, bit) => {
    if (!value.isNull) return;
    value.isNull();
    f.op("i64.extend_i32_u");
    f.i64(bit);
    f.op("i64.shl", "i64.or");
  });
  f.memory("i64.store", nullsOffset);
}

/** Empties the slots of variable values: a table that takes the row in copies what its slots refer to. */
export function clearSlots(f: FunctionBuilder, row: Local, layout: RowLayout): void {
  for (const field of layout.values) {
    if (!field.isVariable) continue;
    f.get(row);
    f.i64(0);
    f.memory("i64.store", field.offset);
  }
}

/** Copies the values with their null bits to a row with the same keys; slots are copied as they are. */
export function copyValues(f: FunctionBuilder, from: Local, to: Local, layout: RowLayout): void {
  const { version, values, rowBytes } = layout;
  if (values.length === 0) return;
  const start = version === 1 ? values[0]!.nullsOffset : partsOf(layout).valuesStart;
  if (version !== 1) {
    f.get(to);
    f.get(from);
    f.memory("i32.load", ROW_FLAGS);
    f.memory("i32.store", ROW_FLAGS);
  }
  copyBytes(f, from, to, start, rowBytes);
}

/** Copies the whole row; slots are copied as they are. */
export function copyRow(f: FunctionBuilder, from: Local, to: Local, { rowBytes }: RowLayout): void {
  copyBytes(f, from, to, 0, rowBytes);
}

function copyBytes(f: FunctionBuilder, from: Local, to: Local, start: number, end: number): void {
  if (end - start > UNROLLED_BYTES_MAX) {
    for (const row of [to, from]) {
      f.get(row);
      f.i32(start);
      f.op("i32.add");
    }
    f.i32(end - start);
    f.memoryCopy();
    return;
  }
  for (let offset = start; offset < end; offset += 8) {
    f.get(to);
    f.get(from);
    f.memory("i64.load", offset);
    f.memory("i64.store", offset);
  }
}

const UNROLLED_BYTES_MAX = 128;
