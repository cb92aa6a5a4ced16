/**
 * Columns of blocks in generated code: reading the input block's columns as values, and appending rows to an out-block.
 * Main thread, while a stage is compiled.
 */
import { BLOCK_COLUMN_BYTES, BLOCK_COLUMN_DICTIONARY, BLOCK_COLUMNS, BLOCK_ROWS_MAX } from "../columnar/memory-layout.ts";
import { type DataType, leafCount, leavesOf, physicalKind, physicalWidthBytes } from "../columnar/types.ts";
import { type Attribute, schemaOf } from "../plan/expr/expression.ts";
import type { FunctionBuilder, Local } from "./emitter.ts";
import { CONTEXT_ALL_VALID, outBlockSlot } from "./stage-context.ts";
import { type CompiledValue, LOAD_OPS, pushZero, STORE_OPS, wasmTypeOf } from "./value.ts";

/** Pushes `base + row * width`. */
function pushElement(f: FunctionBuilder, base: Local, row: Local, width: number): void {
  f.get(base);
  f.get(row);
  if (width > 1) {
    f.i32(Math.log2(width));
    f.op("i32.shl");
  }
  f.op("i32.add");
}

/** The columns of one block, addresses held in locals. */
export class InputColumns {
  readonly #f: FunctionBuilder;
  readonly #context: Local;
  readonly #row: Local;
  readonly #input: readonly Attribute[];
  readonly #leaves;
  readonly #values: (Local | null)[];
  readonly #validity: (Local | null)[];
  readonly #dictionaries: (Local | null)[];

  /** Emits the loading of column addresses from `block`; only `needed` leaves are readable afterwards. */
  constructor(f: FunctionBuilder, block: Local, context: Local, row: Local, input: readonly Attribute[], needed: readonly boolean[]) {
    this.#f = f;
    this.#input = input;
    this.#context = context;
    this.#row = row;
    this.#leaves = leavesOf(schemaOf(input));
    const part = (leaf: number, offset: number): Local => {
      const local = f.local("i32");
      f.get(block);
      f.memory("i32.load", BLOCK_COLUMNS + BLOCK_COLUMN_BYTES * leaf + offset);
      f.set(local);
      return local;
    };
    this.#values = this.#leaves.map((leaf, i) => (needed[i] && leaf.physical !== "struct" ? part(i, 0) : null));
    this.#validity = this.#leaves.map((leaf, i) => (needed[i] && leaf.nullable ? part(i, 4) : null));
    this.#dictionaries = this.#leaves.map((leaf, i) => (needed[i] && leaf.physical === "view" ? part(i, BLOCK_COLUMN_DICTIONARY) : null));
  }

  /** Pushes 1 if no needed column has a validity buffer in this block. */
  pushAllValid(): void {
    const f = this.#f;
    f.i32(0);
    for (const validity of this.#validity) {
      if (!validity) continue;
      f.get(validity);
      f.op("i32.or");
    }
    f.op("i32.eqz");
  }

  /** Gives columns without a validity buffer one that says valid, so that the general loop needs no test. */
  fillValidity(): void {
    const f = this.#f;
    for (const validity of this.#validity) {
      if (!validity) continue;
      f.get(validity);
      f.get(this.#context);
      f.memory("i32.load", CONTEXT_ALL_VALID);
      f.get(validity);
      f.op("select");
      f.set(validity);
    }
  }

  /** Values of the input attributes at the current row; `assumeValid` in the loop over blocks without nulls. */
  bind(assumeValid: boolean, into: Map<number, CompiledValue>): void {
    let leaf = 0;
    for (const attribute of this.#input) {
      into.set(attribute.id, this.#value(attribute.dataType, leaf, assumeValid));
      leaf += leafCount(attribute.dataType);
    }
  }

  #value(dataType: DataType, leaf: number, assumeValid: boolean): CompiledValue {
    const f = this.#f;
    const physical = physicalKind(dataType);
    const values = this.#values[leaf]!;
    const validity = this.#validity[leaf]!;
    const dictionary = this.#dictionaries[leaf];
    const isNull =
      assumeValid || !validity
        ? null
        : (): void => {
            f.get(validity);
            f.get(this.#row);
            f.op("i32.add");
            f.memory("i32.load8_u");
            f.op("i32.eqz");
          };
    if (dataType.kind === "struct") {
      let next = leaf + 1;
      const fields = dataType.fields.map((field) => {
        const value = this.#value(field.dataType, next, assumeValid);
        next += leafCount(field.dataType);
        return value;
      });
      return { dataType, physical, isNull, push: () => {}, fields };
    }
    return {
      dataType,
      physical,
      isNull,
      push: () => {
        pushElement(f, values, this.#row, physicalWidthBytes[physical]);
        f.memory(LOAD_OPS[physical]);
      },
      ...(dictionary && { dictionary }),
    };
  }
}

/** Appends rows to out-block number `index` of the context; the worker takes the rows when the block is full and at the end. */
export class OutBlockWriter {
  readonly #f: FunctionBuilder;
  readonly #context: Local;
  readonly #slot: number;
  readonly #values: (Local | null)[];
  readonly #validity: (Local | null)[];

  constructor(f: FunctionBuilder, context: Local, index: number, attributes: readonly Attribute[]) {
    this.#f = f;
    this.#context = context;
    this.#slot = outBlockSlot(index);
    const leaves = leavesOf(schemaOf(attributes));
    const block = f.local("i32");
    f.get(context);
    f.memory("i32.load", this.#slot);
    f.set(block);
    const address = (leaf: number, part: number): Local => {
      const local = f.local("i32");
      f.get(block);
      f.memory("i32.load", BLOCK_COLUMNS + BLOCK_COLUMN_BYTES * leaf + part);
      f.set(local);
      return local;
    };
    this.#values = leaves.map((leaf, i) => (leaf.physical === "struct" ? null : address(i, 0)));
    this.#validity = leaves.map((leaf, i) => (leaf.nullable ? address(i, 4) : null));
  }

  /** Emits the append of `values`; `full` emits what happens when the block has become full. */
  append(values: readonly CompiledValue[], full: () => void): void {
    const f = this.#f;
    f.scratch("i32", (row) => {
      f.get(this.#context);
      f.memory("i32.load", this.#slot + 4);
      f.set(row);
      let leaf = 0;
      for (const value of values) {
        this.write(leaf, value, row);
        leaf += leafCount(value.dataType);
      }
      f.get(this.#context);
      f.get(row);
      f.i32(1);
      f.op("i32.add");
      f.memory("i32.store", this.#slot + 4);
      f.get(row);
      f.i32(BLOCK_ROWS_MAX - 1);
      f.op("i32.eq");
      f.if(full);
    });
  }

  /** Emits the writing of a value to the columns from `leaf` on, at a row of the block. */
  write(leaf: number, value: CompiledValue, row: Local, parentNull: (() => void) | null = null): void {
    const f = this.#f;
    const isNull = either(f, parentNull, value.isNull);
    const validity = this.#validity[leaf];
    if (validity) {
      f.get(validity);
      f.get(row);
      f.op("i32.add");
      if (isNull) {
        isNull();
        f.op("i32.eqz");
      } else f.i32(1);
      f.memory("i32.store8");
    }
    if (value.fields) {
      let next = leaf + 1;
      for (const field of value.fields) {
        this.write(next, field, row, isNull);
        next += leafCount(field.dataType);
      }
      return;
    }
    const width = physicalWidthBytes[value.physical];
    const store = (push: () => void): void => {
      pushElement(f, this.#values[leaf]!, row, width);
      push();
      f.memory(STORE_OPS[value.physical]);
    };
    if (!isNull) return store(() => value.push());
    isNull();
    f.if(
      () => store(() => pushZero(f, wasmTypeOf(value.physical))),
      () => store(() => value.push()),
    );
  }
}

/** Null if either is; null when neither can be. */
export function either(f: FunctionBuilder, a: (() => void) | null, b: (() => void) | null): (() => void) | null {
  if (!a || !b) return a ?? b;
  return () => {
    a();
    b();
    f.op("i32.or");
  };
}
