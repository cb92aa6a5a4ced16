/** Variance and standard deviation by Welford's method: count, mean and sum of squared distances, merged pairwise. */
import { DoubleType } from "../../columnar/types.ts";
import type { Value } from "../../columnar/values.ts";
import { call, literal, type Expression } from "../../plan/expr/expression.ts";
import type { AggregateFunction, AggregateOracle, DeclarativeAggregate } from "../../plan/expr/function-registry.ts";
import { nullableOf } from "../../plan/expr/expression-type.ts";
import { allNotNull, when } from "../../plan/expr/null-logic.ts";
import { checkCount, coerceAll, DOUBLE } from "../signature.ts";
import { add, divide, equals, multiply, number, subtract } from "./builders.ts";

const plus = (a: Expression, b: Expression): Expression => add(a, b, DoubleType);
const minus = (a: Expression, b: Expression): Expression => subtract(a, b, DoubleType);
const times = (a: Expression, b: Expression): Expression => multiply(a, b, DoubleType);
const over = (a: Expression, b: Expression): Expression => divide(a, b, DoubleType);
const zero = number(0);
const nothing = literal(null, DoubleType);

function momentPlan(isSample: boolean, isRoot: boolean): DeclarativeAggregate {
  return {
    form: "declarative",
    buffer: ["n", "avg", "m2"].map((name) => ({ name, dataType: DoubleType, nullable: false, initial: 0 })),
    update: ([n, avg, m2], [x]) => {
      const present = allNotNull([x!]);
      const count = plus(n!, number(1));
      const delta = minus(x!, avg!);
      const step = over(delta, count);
      return [
        when(present, count, n!),
        when(present, plus(avg!, step), avg!),
        when(present, plus(m2!, times(delta, minus(delta, step))), m2!),
      ];
    },
    merge: ([n1, avg1, m21], [n2, avg2, m22]) => {
      const count = plus(n1!, n2!);
      const delta = minus(avg2!, avg1!);
      const step = when(equals(count, zero), zero, over(delta, count));
      return [count, plus(avg1!, times(step, n2!)), plus(plus(m21!, m22!), times(times(delta, step), times(n1!, n2!)))];
    },
    evaluate: ([n, , m2]) => {
      const variance = over(m2!, isSample ? minus(n!, number(1)) : n!);
      const result = isRoot ? call("sqrt", [variance], DoubleType, nullableOf(variance)) : variance;
      const enough = when(equals(n!, zero), nothing, isSample ? when(equals(n!, number(1)), nothing, result) : result);
      return enough;
    },
  };
}

interface Moments {
  readonly n: number;
  readonly avg: number;
  readonly m2: number;
}

function momentOracle(isSample: boolean, isRoot: boolean): AggregateOracle<Moments> {
  return {
    initial: () => ({ n: 0, avg: 0, m2: 0 }),
    update: (state, [x]) => {
      if (x === null) return state;
      const n = state.n + 1;
      const delta = (x as number) - state.avg;
      return { n, avg: state.avg + delta / n, m2: state.m2 + delta * (delta - delta / n) };
    },
    merge: (left, right) => {
      const n = left.n + right.n;
      if (n === 0) return left;
      const delta = right.avg - left.avg;
      const step = delta / n;
      return { n, avg: left.avg + step * right.n, m2: left.m2 + right.m2 + delta * step * (left.n * right.n) };
    },
    evaluate: ({ n, m2 }): Value => {
      const degrees = isSample ? n - 1 : n;
      if (degrees <= 0) return null;
      return isRoot ? Math.sqrt(m2 / degrees) : m2 / degrees;
    },
  };
}

function moment(name: string, aliases: readonly string[], isSample: boolean, isRoot: boolean, description: string): AggregateFunction {
  return {
    kind: "aggregate",
    name,
    aliases,
    description,
    resolve: (args) => {
      checkCount(name, args, 1);
      return { argumentTypes: coerceAll(name, args, [DOUBLE]), returnType: DoubleType, nullable: true };
    },
    plan: () => momentPlan(isSample, isRoot),
    oracle: () => momentOracle(isSample, isRoot),
  };
}

export const momentFunctions: readonly AggregateFunction[] = [
  moment("stddev", ["std", "stddev_samp"], true, true, "Standard deviation of a sample; null for fewer than two values."),
  moment("stddev_pop", [], false, true, "Standard deviation of a whole population."),
  moment("variance", ["var_samp"], true, false, "Variance of a sample; null for fewer than two values."),
  moment("var_pop", [], false, false, "Variance of a whole population."),
];
