/**
 * Runs functions of the program over the rows of a stage, and hands the result to the next stage. Session's thread, between two stages; some rows at
 * a time, and in between the thread is the program's.
 */
import { columnBatchSlices, encodeColumnBatch } from "../columnar/column-batch.ts";
import type { Value } from "../columnar/values.ts";
import { evaluate } from "../compile/interpreter.ts";
import { type Expression, schemaOf } from "../plan/expr/expression.ts";
import type { EvaluationContext, FunctionRegistry } from "../plan/expr/function-registry.ts";
import type { SessionStep } from "../plan/physical/program.ts";
import type { TableBatches } from "./tail.ts";

/** The step's output, one batch for each slice of `batches` that leaves rows. Throws what the functions throw. */
export async function runSessionStep(
  { input, output, work }: SessionStep,
  batches: TableBatches,
  functions: FunctionRegistry,
  context: EvaluationContext,
  yieldThread: () => Promise<void>,
): Promise<TableBatches> {
  const columnOf = new Map(input.map(({ id }, column) => [id, column]));
  const results: Uint8Array[] = [];
  for (const batch of batches) {
    for (const rows of columnBatchSlices(schemaOf(input), batch)) {
      const produced =
        work.kind === "rows" ? work.call(rows) : rows.map((row) => work.expressions.map((expression) => valueOf(expression, row)));
      if (produced.length > 0) results.push(encodeColumnBatch(schemaOf(output), produced));
      await yieldThread();
    }
  }
  return results;

  function valueOf(expression: Expression, row: readonly Value[]): Value {
    return evaluate(expression, (id) => row[columnOf.get(id)!]!, functions, context);
  }
}
