import { expect, test } from "vitest";
import { tierOf } from "../../src/compile/tier.ts";
import {
  BooleanType,
  type DataType,
  DateType,
  decimalType,
  DoubleType,
  IntegerType,
  LongType,
  StringType,
  TimestampType,
} from "../../src/columnar/types.ts";
import { functionRegistry } from "../../src/functions/registry.ts";
import type { AggregateFunction } from "../../src/plan/expr/function-registry.ts";
import type { Expression } from "../../src/plan/expr/expression.ts";
import { attribute } from "./harness.ts";

const options = { registry: functionRegistry, timeZone: "UTC" };
const types: readonly DataType[] = [
  BooleanType,
  IntegerType,
  LongType,
  DoubleType,
  decimalType(10, 2),
  StringType,
  DateType,
  TimestampType,
];
const aggregates = functionRegistry.names().flatMap((name) => {
  const definition = functionRegistry.find(name);
  return definition?.kind === "aggregate" && definition.name === name ? [definition] : [];
});

/** Per accepted list of argument types, the expressions of the aggregate that generated code cannot compute. */
function unfused(definition: AggregateFunction, argumentTypes: readonly DataType[]): Expression[] {
  const infos = argumentTypes.map((dataType) => ({ dataType, nullable: true, sql: "x" }));
  const resolveOptions = { ignoreNulls: false };
  let resolution;
  try {
    resolution = definition.resolve(infos, resolveOptions);
  } catch {
    return [];
  }
  const plan = definition.plan(resolution.argumentTypes, resolution.returnType, resolveOptions);
  const args = resolution.argumentTypes.map((type, index) => attribute(index, type));
  if (plan.form === "list") return [];
  const expressions: readonly Expression[] =
    plan.form === "sketch"
      ? [plan.input(args)]
      : ((): Expression[] => {
          const left = plan.buffer.map((field, index) => attribute(100 + index, field.dataType, field.nullable));
          const right = plan.buffer.map((field, index) => attribute(200 + index, field.dataType, field.nullable));
          return [...plan.update(left, args), ...plan.merge(left, right), plan.evaluate(left)];
        })();
  return expressions.filter((expression) => tierOf(expression, options) !== "fused");
}

test.each(aggregates.map((definition) => [definition.name, definition] as const))("%s runs in generated code", (_, definition) => {
  const lists = [[], ...types.map((type) => [type]), ...types.flatMap((first) => types.map((second) => [first, second]))];
  expect(lists.flatMap((list) => unfused(definition, list))).toEqual([]);
});
