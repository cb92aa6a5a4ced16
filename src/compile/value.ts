/**
 * Values inside generated code: what the expression compiler hands to the pipeline and takes from it. A compiled value is a
 * recipe that pushes an already computed value; pushing twice computes nothing twice.
 */
import { type DataType, type PhysicalKind, physicalKind } from "../columnar/types.ts";
import type { FunctionBuilder, Local, MemoryOp, WasmType } from "./emitter.ts";

export interface CompiledValue {
  readonly dataType: DataType;
  readonly physical: PhysicalKind;
  /** Pushes the value (WebAssembly type `wasmTypeOf(physical)`; a struct pushes nothing). Undefined bits when null. */
  push(): void;
  /** Pushes i32 1 if the value is null, else 0. Itself null: the value cannot be null. */
  readonly isNull: (() => void) | null;
  /** Of wide decimals that are known to fit 64 bits: pushes them as i64. */
  readonly narrow?: () => void;
  /** Of a column's texts, as it is: the number of their dictionary, i32, 0 in blocks where they have none (`BLOCK_COLUMN_DICTIONARY`). */
  readonly dictionary?: Local;
  /** Of structs. Undefined bits, and undefined null tests, when the struct is null. */
  readonly fields?: readonly CompiledValue[];
}

/**
 * What attributes are while an expression is compiled: column loads, row fields, computed locals. The compiler copies a value
 * into locals where an expression mentions it.
 */
export interface Scope {
  attribute(id: number): CompiledValue;
}

const WASM_TYPES: Readonly<Record<PhysicalKind, WasmType>> = {
  i8: "i32",
  i16: "i32",
  i32: "i32",
  i64: "i64",
  f32: "f32",
  f64: "f64",
  view: "i64",
  wide: "i64",
  list: "i64",
  struct: "i32",
};

/** The WebAssembly type that carries a value; meaningless for structs. */
export const wasmTypeOf = (physical: PhysicalKind): WasmType => WASM_TYPES[physical];

/** Instruction that loads a value of the kind from a values buffer. */
export const LOAD_OPS: Readonly<Record<PhysicalKind, MemoryOp>> = {
  i8: "i32.load8_s",
  i16: "i32.load16_s",
  i32: "i32.load",
  i64: "i64.load",
  f32: "f32.load",
  f64: "f64.load",
  view: "i64.load",
  wide: "i64.load",
  list: "i64.load",
  struct: "i32.load8_u",
};

/** Instruction that stores a value of the kind into a values buffer. */
export const STORE_OPS: Readonly<Record<PhysicalKind, MemoryOp>> = {
  i8: "i32.store8",
  i16: "i32.store16",
  i32: "i32.store",
  i64: "i64.store",
  f32: "f32.store",
  f64: "f64.store",
  view: "i64.store",
  wide: "i64.store",
  list: "i64.store",
  struct: "i32.store8",
};

/** Pushes the zero of a WebAssembly type. */
export function pushZero(f: FunctionBuilder, type: WasmType): void {
  if (type === "i32") f.i32(0);
  else if (type === "i64") f.i64(0n);
  else if (type === "f32") f.f32(0);
  else f.f64(0);
}

/** Locals that hold one value: targets of assignments in branches. */
export interface Slot {
  readonly dataType: DataType;
  /** Null for structs. */
  readonly value: Local | null;
  /** i32, 1 = null; null: never null. */
  readonly nulls: Local | null;
  readonly fields: readonly Slot[];
}

export function newSlot(f: FunctionBuilder, dataType: DataType, nullable: boolean): Slot {
  const isStruct = dataType.kind === "struct";
  return {
    dataType,
    value: isStruct ? null : f.local(wasmTypeOf(physicalKind(dataType))),
    nulls: nullable ? f.local("i32") : null,
    fields: isStruct ? dataType.fields.map((field) => newSlot(f, field.dataType, true)) : [],
  };
}

/** The slot's present contents as a value. */
export function slotValue(f: FunctionBuilder, slot: Slot): CompiledValue {
  const { dataType, value, nulls } = slot;
  return {
    dataType,
    physical: physicalKind(dataType),
    push: () => value && f.get(value),
    isNull: nulls && (() => f.get(nulls)),
    ...(dataType.kind === "struct" && { fields: slot.fields.map((field) => slotValue(f, field)) }),
  };
}

/** Copies `value` into `slot`. A value that may be null needs a slot with a null local. */
export function assignSlot(f: FunctionBuilder, slot: Slot, value: CompiledValue): void {
  if (slot.value) {
    value.push();
    f.set(slot.value);
  }
  if (slot.nulls) {
    if (value.isNull) value.isNull();
    else f.i32(0);
    f.set(slot.nulls);
  }
  slot.fields.forEach((field, index) => assignSlot(f, field, value.fields![index]!));
}

/** Makes a nullable slot null. */
export function assignNull(f: FunctionBuilder, slot: Slot): void {
  f.i32(1);
  f.set(slot.nulls!);
}

/** A value that is null whatever happens. */
export function nullValue(f: FunctionBuilder, dataType: DataType): CompiledValue {
  const physical = physicalKind(dataType);
  return {
    dataType,
    physical,
    push: () => {
      if (physical !== "struct") pushZero(f, wasmTypeOf(physical));
    },
    isNull: () => f.i32(1),
    ...(dataType.kind === "struct" && { fields: dataType.fields.map((field) => nullValue(f, field.dataType)) }),
  };
}

/** Pushes the value as grouping, joining and hashing see it: floats with one pattern for NaN, and 0.0 for -0.0. */
export function pushCanonical(f: FunctionBuilder, value: CompiledValue): void {
  const { physical } = value;
  if (physical !== "f32" && physical !== "f64") {
    value.push();
    return;
  }
  f.scratch(physical, (x) => {
    // x + 0.0 turns -0.0 into 0.0.
    value.push();
    if (physical === "f32") f.f32(0);
    else f.f64(0);
    f.op(`${physical}.add`);
    f.set(x);
    if (physical === "f32") f.f32(Number.NaN);
    else f.f64(Number.NaN);
    f.get(x);
    f.get(x);
    f.get(x);
    f.op(`${physical}.ne`);
    f.op("select");
  });
}
