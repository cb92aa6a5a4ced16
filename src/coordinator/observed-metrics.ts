/** Results of `observe` for a batch: merges the buffers of all workers with the aggregates' own expressions. Main thread. */
import type { Value } from "../columnar/values.ts";
import { evaluate } from "../compile/interpreter.ts";
import type { JsonValue } from "../connectors/source.ts";
import type { Attribute, Expression, ResolvedExpression } from "../plan/expr/expression.ts";
import type { DeclarativeAggregate, EvaluationContext, FunctionRegistry } from "../plan/expr/function-registry.ts";
import { attributeOf } from "../plan/expr/expression-type.ts";
import { formatValue } from "../columnar/format.ts";
import type { ObservedMetrics, PlannedAggregate } from "../plan/physical/program.ts";

/** Per metric name an object of results. `buffers[worker][metric]`; null: the worker saw no row. */
export function observedResults(
  observed: readonly ObservedMetrics[],
  buffers: readonly (readonly (readonly Value[] | null)[])[],
  functions: FunctionRegistry,
  context: EvaluationContext,
): Record<string, JsonValue> {
  return Object.fromEntries(
    observed.map((metric, index) => {
      const rows = buffers.flatMap((perMetric) => (perMetric[index] ? [perMetric[index]] : []));
      return [metric.name, metricResult(metric, rows, functions, context)];
    }),
  );
}

function metricResult(
  metric: ObservedMetrics,
  rows: readonly (readonly Value[])[],
  functions: FunctionRegistry,
  context: EvaluationContext,
): JsonValue {
  const compute = (expression: Expression, values: ReadonlyMap<number, Value>): Value =>
    evaluate(expression as ResolvedExpression, (id) => values.get(id)!, functions, context);
  const results = new Map<number, Value>();
  for (const aggregate of metric.aggregate.aggregates) {
    const plan = planOf(aggregate, functions);
    const merged = rows
      .map((row) => row.slice(aggregate.firstField, aggregate.firstField + aggregate.fieldCount))
      .reduce(
        (left, right) => {
          const [a, b] = [bind(plan, 0), bind(plan, plan.buffer.length)];
          const values = new Map(left.concat(right).map((value, id) => [id, value]));
          return plan.merge(a, b).map((expression) => compute(expression, values));
        },
        plan.buffer.map(({ initial }) => initial),
      );
    results.set(aggregate.result.id, compute(plan.evaluate(bind(plan, 0)), new Map(merged.map((value, id) => [id, value]))));
  }
  return Object.fromEntries(
    metric.results.map((expression) => {
      const { name, dataType } = attributeOf(expression);
      return [name, jsonValue(compute(expression.kind === "alias" ? expression.child : expression, results), dataType, context.timeZone)];
    }),
  );
}

function planOf({ name, argumentTypes, result, ignoreNulls }: PlannedAggregate, functions: FunctionRegistry): DeclarativeAggregate {
  return functions.aggregate(name).plan(argumentTypes, result.dataType, { ignoreNulls }) as DeclarativeAggregate;
}

const bind = (plan: DeclarativeAggregate, firstId: number): Attribute[] =>
  plan.buffer.map(({ name, dataType, nullable }, i) => ({ kind: "attribute", id: firstId + i, name, dataType, nullable }));

/** Numbers and booleans as JSON has them (longs beyond 2^53 included in text), everything else as Spark prints it. */
function jsonValue(value: Value, dataType: Attribute["dataType"], timeZone: string): JsonValue {
  if (value === null || typeof value === "boolean" || typeof value === "number") return value;
  if (typeof value === "bigint" && dataType.kind === "long" && BigInt(Number(value)) === value) return Number(value);
  return formatValue(value, dataType, timeZone);
}
