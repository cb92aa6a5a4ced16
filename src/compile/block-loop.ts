/** Loops over the rows of a block in generated code. Main thread, while a stage is compiled. */
import { BLOCK_ROW_COUNT } from "../columnar/memory-layout.ts";
import { leavesOf } from "../columnar/types.ts";
import { type Attribute, schemaOf } from "../plan/expr/expression.ts";
import { InputColumns } from "./columns.ts";
import type { FunctionBuilder, Local } from "./emitter.ts";
import type { Bindings } from "./segment.ts";

/** A loop over the rows of a block: number of the row at hand, number of rows, and whether it is the loop over blocks without nulls. */
export interface RowLoop {
  readonly row: Local;
  readonly rows: Local;
  readonly isValid: boolean;
}

/** Emits a loop over the rows of `block`, and a faster one for blocks without nulls; `body` is emitted for each. */
export function emitRowLoop(
  f: FunctionBuilder,
  context: Local,
  block: Local,
  input: readonly Attribute[],
  needed: readonly boolean[],
  body: (loop: RowLoop, bindings: Bindings) => void,
): void {
  const row = f.local("i32");
  const rows = f.local("i32");
  f.get(block);
  f.memory("i32.load", BLOCK_ROW_COUNT);
  f.set(rows);
  const columns = new InputColumns(f, block, context, row, input, needed);
  const loop = (assumeValid: boolean): void => {
    const bindings: Bindings = new Map();
    columns.bind(assumeValid, bindings);
    f.i32(0);
    f.set(row);
    f.block((done) => {
      f.loop((again) => {
        f.get(row);
        f.get(rows);
        f.op("i32.ge_u");
        f.brIf(done);
        body({ row, rows, isValid: assumeValid }, bindings);
        f.get(row);
        f.i32(1);
        f.op("i32.add");
        f.set(row);
        f.br(again);
      });
    });
  };
  if (!leavesOf(schemaOf(input)).some((leaf, i) => needed[i] && leaf.nullable)) return loop(true);
  columns.pushAllValid();
  f.if(
    () => loop(true),
    () => {
      columns.fillValidity();
      loop(false);
    },
  );
}
