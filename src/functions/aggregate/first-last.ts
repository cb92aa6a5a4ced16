/** `first`, `last`, `any_value`, `collect_list`: aggregates that depend on the order of rows. */
import { AnalysisError } from "../../base/errors.ts";
import { arrayType, BooleanType, type DataType, simpleString } from "../../columnar/types.ts";
import type { Value } from "../../columnar/values.ts";
import type {
  AggregateFunction,
  AggregateOracle,
  ArgumentInfo,
  DeclarativeAggregate,
  Resolution,
} from "../../plan/expr/function-registry.ts";
import { allNotNull, trueLiteral, when } from "../../plan/expr/null-logic.ts";
import type { Expression } from "../../plan/expr/expression.ts";
import { BOOLEAN, checkCount, coerceAll } from "../signature.ts";
import { either } from "./builders.ts";

type End = "first" | "last";

/** The value and whether there is one yet. */
function endPlan(end: End, type: DataType, ignoreNulls: boolean): DeclarativeAggregate {
  return {
    form: "declarative",
    buffer: [
      { name: end, dataType: type, nullable: true, initial: null },
      { name: "value_set", dataType: BooleanType, nullable: false, initial: false },
    ],
    update: ([kept, isSet], [value, skipsNulls]) => {
      const skips = ignoreNulls || (skipsNulls?.kind === "literal" && skipsNulls.value === true);
      const counts: Expression = (skips ? allNotNull([value!]) : undefined) ?? trueLiteral;
      const taken = when(counts, value!, kept!);
      return [end === "first" ? when(isSet, kept!, taken) : taken, either(isSet!, counts)];
    },
    merge: ([left, leftSet], [right, rightSet]) => [
      end === "first" ? when(leftSet, left!, right!) : when(rightSet, right!, left!),
      either(leftSet!, rightSet!),
    ],
    evaluate: ([kept]) => kept!,
  };
}

type EndState = readonly [value: Value, isSet: boolean];

function endOracle(end: End, ignoreNulls: boolean): AggregateOracle<EndState> {
  const choose = (left: EndState, right: EndState): EndState => {
    const [preferred, other] = end === "first" ? [left, right] : [right, left];
    return preferred[1] ? preferred : other;
  };
  return {
    initial: () => [null, false],
    update: (state, [value, skipsNulls]) => choose(state, [value!, !((ignoreNulls || skipsNulls === true) && value === null)]),
    merge: choose,
    evaluate: ([value]) => value,
  };
}

/** The optional second argument of `first(x, true)` is a literal that asks to skip nulls. */
const skipOption = (name: string, args: readonly ArgumentInfo[]): readonly DataType[] => coerceAll(name, args.slice(1), [BOOLEAN]);

function resolveEnd(name: string, args: readonly ArgumentInfo[]): Resolution {
  checkCount(name, args, 1, 2);
  const type = args[0]!.dataType;
  return { argumentTypes: [type, ...skipOption(name, args)], returnType: type, nullable: true };
}

function endFunction(name: string, aliases: readonly string[], end: End, description: string): AggregateFunction {
  return {
    kind: "aggregate",
    dependsOnOrder: true,
    name,
    aliases,
    description,
    resolve: (args) => resolveEnd(name, args),
    plan: ([type], _returnType, { ignoreNulls }) => endPlan(end, type!, ignoreNulls),
    oracle: (_types, _returnType, { ignoreNulls }) => endOracle(end, ignoreNulls),
  };
}

export const orderDependentFunctions: readonly AggregateFunction[] = [
  endFunction("first", ["first_value"], "first", "Value of the first row, or of the first that is not null with IGNORE NULLS."),
  endFunction("last", ["last_value"], "last", "Value of the last row, or of the last that is not null with IGNORE NULLS."),
  endFunction("any_value", [], "first", "Some value of the group."),
  {
    kind: "aggregate",
    dependsOnOrder: true,
    name: "collect_list",
    aliases: ["array_agg"],
    description: "All values that are not null, as an array.",
    resolve: (args) => {
      checkCount("collect_list", args, 1);
      const type = args[0]!.dataType;
      if (type.kind === "struct" || type.kind === "array" || type.kind === "map") {
        throw new AnalysisError("UNSUPPORTED_FEATURE.NOT_YET", {
          feature: `collect_list over ${simpleString(type)}`,
          remedy: "Collect each field by itself.",
        });
      }
      return { argumentTypes: [type], returnType: arrayType(type, false), nullable: false };
    },
    plan: ([type]) => ({ form: "list", elementType: type! }),
    oracle: (): AggregateOracle<readonly Value[]> => ({
      initial: () => [],
      update: (list, [value]) => (value === null ? list : [...list, value!]),
      merge: (left, right) => [...left, ...right],
      evaluate: (list) => list,
    }),
  },
];
