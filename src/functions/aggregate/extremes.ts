/** `min`, `max`, `min_by`, `max_by`, and on booleans `bool_and`, `bool_or`. */
import { compareValues } from "../../columnar/compare.ts";
import { BooleanType, type DataType } from "../../columnar/types.ts";
import type { Value } from "../../columnar/values.ts";
import { isNull, when } from "../../plan/expr/null-logic.ts";
import type { Expression } from "../../plan/expr/expression.ts";
import type { AggregateFunction, AggregateOracle, DeclarativeAggregate } from "../../plan/expr/function-registry.ts";
import { isOrderable } from "../../plan/expr/type-coercion.ts";
import { BOOLEAN, callSql, checkCount, coerceAll, unexpectedInput } from "../signature.ts";
import { extremeOf, greater, less } from "./builders.ts";

type Direction = "greatest" | "least";

function extremePlan(direction: Direction, type: DataType): DeclarativeAggregate {
  return {
    form: "declarative",
    buffer: [{ name: direction === "greatest" ? "max" : "min", dataType: type, nullable: true, initial: null }],
    update: ([best], [value]) => [extremeOf(direction, best!, value!)],
    merge: ([left], [right]) => [extremeOf(direction, left!, right!)],
    evaluate: ([best]) => best!,
    isMostlyKept: true,
  };
}

function extremeOracle(direction: Direction, type: DataType): AggregateOracle<Value> {
  const better = (left: Value, right: Value): Value => {
    if (left === null || right === null) return left ?? right;
    const order = compareValues(type, right, left);
    return (direction === "greatest" ? order > 0 : order < 0) ? right : left;
  };
  return { initial: () => null, update: (best, [value]) => better(best, value!), merge: better, evaluate: (best) => best };
}

/** Value and ordering of the best row; of equal orderings the later row counts. */
function extremeByPlan(direction: Direction, valueType: DataType, orderingType: DataType): DeclarativeAggregate {
  const keepsOld = direction === "greatest" ? greater : less;
  const choose = (old: readonly Expression[], next: readonly Expression[]): Expression[] => {
    const pick = (kept: Expression, taken: Expression): Expression =>
      when(isNull(old[1]!), taken, when(isNull(next[1]!), kept, when(keepsOld(old[1]!, next[1]!), kept, taken)));
    return [pick(old[0]!, next[0]!), pick(old[1]!, next[1]!)];
  };
  return {
    form: "declarative",
    buffer: [
      { name: "value", dataType: valueType, nullable: true, initial: null },
      { name: "ordering", dataType: orderingType, nullable: true, initial: null },
    ],
    update: (buffer, args) => {
      const [value, ordering] = choose(buffer, args);
      // A row without an ordering never counts, not even as the first.
      return [when(isNull(args[1]!), buffer[0]!, value!), ordering!];
    },
    merge: choose,
    evaluate: ([value]) => value!,
    isMostlyKept: true,
    choice: { by: (args) => args[1]!, keepsOld },
  };
}

function extremeByOracle(direction: Direction, orderingType: DataType): AggregateOracle<readonly [Value, Value]> {
  const choose = (old: readonly [Value, Value], next: readonly [Value, Value]): readonly [Value, Value] => {
    if (next[1] === null) return old;
    if (old[1] === null) return next;
    const order = compareValues(orderingType, old[1], next[1]);
    return (direction === "greatest" ? order > 0 : order < 0) ? old : next;
  };
  return {
    initial: () => [null, null],
    update: (state, [value, ordering]) => choose(state, [value!, ordering!]),
    merge: choose,
    evaluate: ([value]) => value,
  };
}

function extreme(name: string, direction: Direction, description: string): AggregateFunction {
  return {
    kind: "aggregate",
    name,
    description,
    resolve: (args) => {
      checkCount(name, args, 1);
      const type = args[0]!.dataType;
      if (!isOrderable(type)) unexpectedInput(callSql(name, args), 0, '"ORDERABLE"', args[0]!);
      return { argumentTypes: [type], returnType: type, nullable: true };
    },
    plan: ([type]) => extremePlan(direction, type!),
    oracle: ([type]) => extremeOracle(direction, type!),
  };
}

function extremeBy(name: string, direction: Direction, description: string): AggregateFunction {
  return {
    kind: "aggregate",
    name,
    description,
    resolve: (args) => {
      checkCount(name, args, 2);
      const [value, ordering] = [args[0]!.dataType, args[1]!.dataType];
      if (!isOrderable(ordering)) unexpectedInput(callSql(name, args), 1, '"ORDERABLE"', args[1]!);
      return { argumentTypes: [value, ordering], returnType: value, nullable: true };
    },
    plan: ([value, ordering]) => extremeByPlan(direction, value!, ordering!),
    oracle: ([, ordering]) => extremeByOracle(direction, ordering!),
  };
}

function ofBooleans(name: string, aliases: readonly string[], direction: Direction, description: string): AggregateFunction {
  return {
    kind: "aggregate",
    name,
    aliases,
    description,
    resolve: (args) => {
      checkCount(name, args, 1);
      return { argumentTypes: coerceAll(name, args, [BOOLEAN]), returnType: BooleanType, nullable: true };
    },
    plan: () => extremePlan(direction, BooleanType),
    oracle: () => extremeOracle(direction, BooleanType),
  };
}

export const extremeFunctions: readonly AggregateFunction[] = [
  extreme("min", "least", "Least value."),
  extreme("max", "greatest", "Greatest value."),
  extremeBy("min_by", "least", "Value of the row with the least ordering."),
  extremeBy("max_by", "greatest", "Value of the row with the greatest ordering."),
  ofBooleans("bool_and", ["every"], "least", "True if no value is false."),
  ofBooleans("bool_or", ["some", "any"], "greatest", "True if some value is true."),
];
