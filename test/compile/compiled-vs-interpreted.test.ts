import fc from "fast-check";
import { expect, test } from "vitest";
import type { CompileOptions } from "../../src/compile/expression.ts";
import { evaluate } from "../../src/compile/interpreter.ts";
import { splitTierThree, tierOf } from "../../src/compile/tier.ts";
import { MillraceError } from "../../src/base/errors.ts";
import type { Value } from "../../src/columnar/values.ts";
import { functionRegistry } from "../../src/functions/registry.ts";
import type { Expression } from "../../src/plan/expr/expression.ts";
import { type Column, attribute, evaluateCompiled } from "./harness.ts";
import { columnAttributes, columnTypes, expressionOf, type Row, rows } from "./random-expressions.ts";

const options: CompileOptions = { registry: functionRegistry, timeZone: "UTC" };
const BATCH_TIMESTAMP = 1_700_000_000_123_456n;
const context = { batchTimestampMicros: BATCH_TIMESTAMP, timeZone: "UTC" };
const RUNS = process.env.MILLRACE_LONG ? 50_000 : 2500;

/** A value, or the condition of the error that evaluating raised. */
type Outcome = { readonly value: Value } | { readonly condition: string };

function outcomeOf(compute: () => Value): Outcome {
  try {
    return { value: compute() };
  } catch (error) {
    if (error instanceof MillraceError) return { condition: error.condition };
    throw error;
  }
}

const interpreted = (expression: Expression, row: Row): Outcome =>
  outcomeOf(() => evaluate(expression, (id) => row[id]!, functionRegistry, context));

/** Evaluates through generated code; what has no compiled form is interpreted first, as the pipeline does. */
function compiled(expression: Expression, data: readonly Row[]): Value[] {
  let nextId = columnAttributes.length;
  const { hoisted, rest } = splitTierThree(expression, options, () => nextId++);
  const columns: Column[] = columnAttributes.map((column) => ({ attribute: column, values: data.map((row) => row[column.id]!) }));
  for (const { id, expression: part, resultType } of hoisted) {
    const values = data.map((row) => evaluate(part, (column) => row[column]!, functionRegistry, context));
    columns.push({ attribute: attribute(id, resultType), values });
  }
  return evaluateCompiled(rest, columns, data.length, options, BATCH_TIMESTAMP);
}

function compare(expression: Expression, data: readonly Row[]): void {
  const expected = data.map((row) => interpreted(expression, row));
  const good = data.filter((_, index) => "value" in expected[index]!);
  const values = expected.flatMap((outcome) => ("value" in outcome ? [outcome.value] : []));
  if (good.length > 0) expect(compiled(expression, good)).toEqual(values);
  const bad = expected.findIndex((outcome) => "condition" in outcome);
  if (bad < 0 || tierOf(expression, options) !== "fused") return;
  expect(outcomeOf(() => compiled(expression, [data[bad]!])[0]!)).toEqual(expected[bad]);
}

test.each(columnTypes.map((type) => [type.kind === "decimal" ? `decimal(${type.precision},${type.scale})` : type.kind, type] as const))(
  "compiled and interpreted %s expressions agree on value, null and error",
  (_, type) => {
    fc.assert(
      fc.property(expressionOf(type, 4), rows, (expression, data) => compare(expression, data)),
      { numRuns: Math.ceil(RUNS / columnTypes.length) },
    );
  },
);
