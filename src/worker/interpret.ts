/**
 * Tier-three columns: expressions that generated code does not know are computed here, row by row with the interpreter, over the rows of an
 * out-block. In a worker.
 */
import {
  ARENA_BLOCK,
  BATCH_TIMESTAMP,
  BLOCK_COLUMN_BYTES,
  BLOCK_COLUMNS,
  BLOCK_ROW_COUNT,
  BLOCK_ROWS_MAX,
} from "../columnar/memory-layout.ts";
import { leafCount, leavesOf } from "../columnar/types.ts";
import type { Value } from "../columnar/values.ts";
import { BlockReader, writeValues } from "../columnar/block-values.ts";
import { evaluate } from "../compile/interpreter.ts";
import type { Kernels } from "../kernels/load.ts";
import { type Attribute, type ResolvedExpression, schemaOf } from "../plan/expr/expression.ts";
import type { FunctionRegistry } from "../plan/expr/function-registry.ts";
import type { Step } from "../plan/physical/program.ts";

export class Interpreter {
  readonly #kernels: Kernels;
  readonly #functions: FunctionRegistry;
  readonly #timeZone: string;

  constructor(kernels: Kernels, functions: FunctionRegistry, timeZone: string) {
    this.#kernels = kernels;
    this.#functions = functions;
    this.#timeZone = timeZone;
  }

  /** A block (ARENA_BLOCK) with the columns of `block`, shared, and those that `step` computes. */
  extend(block: number, attributes: readonly Attribute[], step: Extract<Step, { kind: "interpret" }>): number {
    const kernels = this.#kernels;
    const rows = kernels.view().getUint32(block + BLOCK_ROW_COUNT, true);
    const context = { batchTimestampMicros: kernels.view().getBigInt64(BATCH_TIMESTAMP, true), timeZone: this.#timeZone };
    const reader = new BlockReader(kernels, block, schemaOf(attributes));
    const columnOf = new Map(attributes.map(({ id }, column) => [id, column]));
    const computed = step.columns.map(({ expression }) => {
      const values: Value[] = [];
      for (let row = 0; row < rows; row++) {
        values.push(evaluate(expression as ResolvedExpression, (id) => reader.value(columnOf.get(id)!, row), this.#functions, context));
      }
      return values;
    });
    const before = leavesOf(schemaOf(attributes)).length;
    const added = step.columns.reduce((sum, { attribute }) => sum + leafCount(attribute.dataType), 0);
    const bytes = BLOCK_COLUMNS + BLOCK_COLUMN_BYTES * (before + added);
    const extended = (kernels.exports["arena_alloc"]!(ARENA_BLOCK, bytes) as number) >>> 0;
    kernels.bytes().copyWithin(extended, block, block + BLOCK_COLUMNS + BLOCK_COLUMN_BYTES * before);
    writeValues(
      kernels,
      extended,
      before,
      schemaOf(step.columns.map(({ attribute }) => attribute)),
      computed,
      Math.min(rows, BLOCK_ROWS_MAX),
    );
    return extended;
  }
}
