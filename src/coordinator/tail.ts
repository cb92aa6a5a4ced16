/**
 * What the main thread does with the rows of the last stage before anybody sees them: sorts, limits and what stands above them. Row by
 * row with the interpreter; results that are sorted are small. Main thread.
 */
import { decodeColumnBatch, encodeColumnBatch } from "../columnar/column-batch.ts";
import type { Value } from "../columnar/values.ts";
import { compareValues, evaluate } from "../compile/interpreter.ts";
import { type Attribute, type ResolvedExpression, schemaOf } from "../plan/expr/expression.ts";
import type { EvaluationContext, FunctionRegistry } from "../plan/expr/function-registry.ts";
import { attributeOf, typeOf } from "../plan/expr/expression-type.ts";
import type { TailStep } from "../plan/physical/program.ts";

/** Encoded column batches of one relation. */
export type TableBatches = readonly Uint8Array[];

type Row = readonly Value[];

/** Columns after `tail`. */
export function tailOutput(output: readonly Attribute[], tail: readonly TailStep[]): readonly Attribute[] {
  const last = tail.findLast((step) => step.kind === "project");
  return last ? last.expressions.map(attributeOf) : output;
}

export function runTail(
  batches: TableBatches,
  output: readonly Attribute[],
  tail: readonly TailStep[],
  functions: FunctionRegistry,
  context: EvaluationContext,
): TableBatches {
  if (tail.length === 0) return batches;
  let attributes = output;
  let rows: Row[] = batches.flatMap((batch) => decodeColumnBatch(schemaOf(output), batch));
  const valueOf = (expression: ResolvedExpression): ((row: Row) => Value) => {
    const columns = new Map(attributes.map(({ id }, index) => [id, index]));
    return (row) => evaluate(expression, (id) => row[columns.get(id)!]!, functions, context);
  };
  for (const step of tail) {
    switch (step.kind) {
      case "sort":
        rows = sortRows(
          rows,
          step.order.map((order) => ({ ...order, type: typeOf(order.child), value: valueOf(order.child as ResolvedExpression) })),
        );
        break;
      case "limit":
        rows = rows.slice(step.offset, step.offset + step.limit);
        break;
      case "filter": {
        const condition = valueOf(step.condition as ResolvedExpression);
        rows = rows.filter((row) => condition(row) === true);
        break;
      }
      case "project": {
        const values = step.expressions.map((expression) => valueOf(expression));
        rows = rows.map((row) => values.map((value) => value(row)));
        attributes = step.expressions.map(attributeOf);
        break;
      }
    }
  }
  return [encodeColumnBatch(schemaOf(attributes), rows)];
}

interface Ordering {
  readonly type: ReturnType<typeof typeOf>;
  readonly value: (row: Row) => Value;
  readonly ascending: boolean;
  readonly nullsFirst: boolean;
}

function sortRows(rows: readonly Row[], orderings: readonly Ordering[]): Row[] {
  const keyed = rows.map((row) => ({ row, keys: orderings.map(({ value }) => value(row)) }));
  keyed.sort((a, b) => {
    for (const [i, { type, ascending, nullsFirst }] of orderings.entries()) {
      const [x, y] = [a.keys[i]!, b.keys[i]!];
      if (x === null || y === null) {
        if (x !== y) return (x === null) === nullsFirst ? -1 : 1;
        continue;
      }
      const order = compareValues(type, x, y);
      if (order !== 0) return ascending ? order : -order;
    }
    return 0;
  });
  return keyed.map(({ row }) => row);
}
