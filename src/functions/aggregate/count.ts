/** `count`, `count_if`. */
import { LongType } from "../../columnar/types.ts";
import { literal, type Expression } from "../../plan/expr/expression.ts";
import type { AggregateFunction, AggregateOracle, DeclarativeAggregate } from "../../plan/expr/function-registry.ts";
import { allNotNull, when } from "../../plan/expr/null-logic.ts";
import { BOOLEAN, checkCount, coerceAll } from "../signature.ts";
import { add } from "./builders.ts";

const one = literal(1n, LongType);

/** A counter that grows where `counts` holds; undefined: always. */
function counter(counts: (args: readonly Expression[]) => Expression | undefined): DeclarativeAggregate {
  return {
    form: "declarative",
    buffer: [{ name: "count", dataType: LongType, nullable: false, initial: 0n }],
    update: ([count], args) => [when(counts(args), add(count!, one, LongType), count!)],
    merge: ([left], [right]) => [add(left!, right!, LongType)],
    evaluate: ([count]) => count!,
  };
}

function counterOracle(counts: (args: readonly unknown[]) => boolean): AggregateOracle<bigint> {
  return {
    initial: () => 0n,
    update: (count, args) => (counts(args) ? count + 1n : count),
    merge: (left, right) => left + right,
    evaluate: (count) => count,
  };
}

export const countFunctions: readonly AggregateFunction[] = [
  {
    kind: "aggregate",
    name: "count",
    description: "Number of rows for which no argument is null; count(*) counts every row.",
    resolve: (args) => {
      checkCount("count", args, 1, Infinity);
      return { argumentTypes: args.map((arg) => arg.dataType), returnType: LongType, nullable: false };
    },
    plan: () => counter(allNotNull),
    oracle: () => counterOracle((args) => args.every((arg) => arg !== null)),
  },
  {
    kind: "aggregate",
    name: "count_if",
    description: "Number of rows for which the argument is true.",
    resolve: (args) => {
      checkCount("count_if", args, 1);
      return { argumentTypes: coerceAll("count_if", args, [BOOLEAN]), returnType: LongType, nullable: false };
    },
    plan: () => counter(([condition]) => condition!),
    oracle: () => counterOracle(([condition]) => condition === true),
  },
];
