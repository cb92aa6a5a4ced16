/**
 * How values get into the buffers of aggregates in rows, in generated code: fields of fixed length in place, others by kernels. Main thread, while a
 * stage is compiled (`aggregate.ts`).
 */
import { TABLE_BASE } from "../columnar/memory-layout.ts";
import type { RowField } from "../columnar/row-layout.ts";
import { type DataType, physicalKind, physicalWidthBytes } from "../columnar/types.ts";
import type { FunctionBuilder, Local, ModuleBuilder } from "./emitter.ts";
import { type HeldField, type RowPlace, rowField } from "./rows.ts";
import { type CompiledValue, pushZero, STORE_OPS, wasmTypeOf } from "./value.ts";

/** How variable-length buffer values get into a row: kernel exports taking (container, row, fieldOffset, …) and returning the row. */
export interface VariableWriter {
  /** Pushes the container: a table or a store. */
  readonly pushContainer: () => void;
  readonly setKernel: string;
  readonly appendKernel: string;
}

export class BufferWriter {
  readonly #module: ModuleBuilder;
  readonly #f: FunctionBuilder;

  constructor(module: ModuleBuilder, f: FunctionBuilder) {
    this.#module = module;
    this.#f = f;
  }

  /** Sets the locals of a held field. */
  hold(held: HeldField, value: CompiledValue, nullable: boolean): void {
    const f = this.#f;
    value.push();
    f.set(held.value);
    if (!nullable || (held.known && !value.isNull)) return;
    if (value.isNull) value.isNull();
    else f.i32(0);
    f.set(held.nulls);
    if (held.known) held.known.mayEnd = true;
  }

  /** Null bits of a row share a byte, and a store of it waits for the one before: it is left out where it changes nothing. */
  ifChanged(place: RowPlace, field: RowField, value: CompiledValue, nullable: boolean, write: () => void): void {
    const f = this.#f;
    const current = rowField(f, place, field, value.dataType, nullable);
    const type = wasmTypeOf(value.physical);
    const pushBits = ({ push }: CompiledValue): void => {
      push();
      if (type === "f32") f.op("i32.reinterpret_f32");
      else if (type === "f64") f.op("i64.reinterpret_f64");
    };
    // Null is stored as zero.
    pushBits(value);
    pushBits(current);
    f.op(type === "i64" || type === "f64" ? "i64.ne" : "i32.ne");
    if (current.isNull) {
      current.isNull();
      if (value.isNull) {
        value.isNull();
        f.op("i32.ne");
      }
      f.op("i32.or");
    }
    f.if(write);
  }

  /** Writes a field with its null bit; `writer` null: what has a variable length stays where it is. */
  write(place: RowPlace, field: RowField, value: CompiledValue, nullable: boolean, writer: VariableWriter | null): void {
    const f = this.#f;
    if (nullable) {
      const mask = 1 << (field.nullBit & 7);
      const offset = field.nullsOffset + (field.nullBit >> 3);
      f.get(place.row);
      f.get(place.row);
      f.memory("i32.load8_u", offset);
      f.i32(~mask & 0xff);
      f.op("i32.and");
      if (value.isNull) {
        value.isNull();
        f.i32(field.nullBit & 7);
        f.op("i32.shl", "i32.or");
      }
      f.memory("i32.store8", offset);
    }
    if (!field.isVariable || !place.base || !writer) {
      f.get(place.row);
      if (value.isNull) {
        value.isNull();
        f.if(
          () => pushZero(f, wasmTypeOf(value.physical)),
          () => value.push(),
          wasmTypeOf(value.physical),
        );
      } else value.push();
      f.memory(STORE_OPS[field.physical], field.offset);
      return;
    }
    // An unchanged value is the very view that the row holds: nothing to copy then.
    const current = rowField(f, place, field, value.dataType, false);
    const emit = (): void => {
      current.push();
      value.push();
      f.op("i64.ne");
      f.if(() => this.callVariable(place, field, value, writer, writer.setKernel));
    };
    this.unlessNull(value, emit);
  }

  /** Adds an element to the list in a field. */
  append(place: RowPlace, field: RowField, value: CompiledValue, writer: VariableWriter | null): void {
    const f = this.#f;
    const encoded = f.local("i64");
    value.push();
    if (value.physical === "f32") f.op("i32.reinterpret_f32", "i64.extend_i32_u");
    else if (value.physical === "f64") f.op("i64.reinterpret_f64");
    else if (wasmTypeOf(value.physical) === "i32") f.op("i64.extend_i32_s");
    f.i32(listElementWidth(value.dataType));
    f.call(this.#module.importFunction("kernels", "list_element", ["i64", "i32"], ["i64"]));
    f.set(encoded);
    const element: CompiledValue = { dataType: { kind: "binary" }, physical: "view", isNull: null, push: () => f.get(encoded) };
    if (place.base && writer) this.callVariable(place, field, element, writer, writer.appendKernel);
    else {
      f.get(place.row);
      f.get(encoded);
      f.memory("i64.store", field.offset);
    }
  }

  /** Calls a kernel that may move the row: its place is set anew. */
  callVariable(place: RowPlace, field: RowField, value: CompiledValue, writer: VariableWriter, kernel: string): void {
    const f = this.#f;
    writer.pushContainer();
    f.get(place.row);
    f.i32(field.offset);
    value.push();
    f.op("i32.wrap_i64");
    value.push();
    f.i64(32);
    f.op("i64.shr_u", "i32.wrap_i64");
    f.call(this.#module.importFunction("kernels", kernel, ["i32", "i32", "i32", "i32", "i32"], ["i32"]));
    f.set(place.row);
    f.i32(0);
    f.memory("i32.load", TABLE_BASE);
    f.set(place.base as Local);
  }

  /** Emits what is to be done with a value that is not null. */
  unlessNull(value: CompiledValue, emit: () => void): void {
    if (!value.isNull) return emit();
    value.isNull();
    this.#f.op("i32.eqz");
    this.#f.if(emit);
  }
}

/** Bytes per element of a collected list; 0 for variable-length elements. */
export function listElementWidth(type: DataType): number {
  const physical = physicalKind(type);
  return physical === "view" || physical === "wide" || physical === "list" ? 0 : physicalWidthBytes[physical];
}
