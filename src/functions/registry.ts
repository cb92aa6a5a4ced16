/** All functions: the one list that analysis, compiler, interpreter and documentation read. */
import { assert } from "../base/assert.ts";
import type { AggregateFunction, FunctionDefinition, FunctionRegistry, ScalarFunction } from "../plan/expr/function-registry.ts";
import { countFunctions } from "./aggregate/count.ts";
import { distinctEstimateFunction } from "./aggregate/distinct-estimate.ts";
import { extremeFunctions } from "./aggregate/extremes.ts";
import { orderDependentFunctions } from "./aggregate/first-last.ts";
import { momentFunctions } from "./aggregate/moments.ts";
import { sumFunctions } from "./aggregate/sum.ts";
import { choiceFunctions } from "./conditional/choice.ts";
import { structureFunctions } from "./conditional/structs.ts";
import { calendarFunctions } from "./datetime/calendar.ts";
import { conversionFunctions } from "./datetime/convert.ts";
import { fieldFunctions } from "./datetime/fields.ts";
import { hashFunctions } from "./hash/hash.ts";
import { arithmeticFunctions, signFunction } from "./math/arithmetic.ts";
import { mathFunctions } from "./math/functions.ts";
import { roundingFunctions } from "./math/rounding.ts";
import { specialFunctions } from "./planned.ts";
import { comparisonFunctions } from "./predicate/comparison.ts";
import { logicFunctions } from "./predicate/logic.ts";
import { concatFunctions } from "./string/concat.ts";
import { matchingFunctions } from "./string/matching.ts";
import { transformFunctions } from "./string/transform.ts";

const definitions: readonly FunctionDefinition[] = [
  ...arithmeticFunctions,
  signFunction,
  ...comparisonFunctions,
  ...logicFunctions,
  ...choiceFunctions,
  ...structureFunctions,
  ...mathFunctions,
  ...roundingFunctions,
  ...concatFunctions,
  ...matchingFunctions,
  ...transformFunctions,
  ...fieldFunctions,
  ...calendarFunctions,
  ...conversionFunctions,
  ...hashFunctions,
  ...countFunctions,
  ...sumFunctions,
  ...extremeFunctions,
  ...orderDependentFunctions,
  ...momentFunctions,
  distinctEstimateFunction,
  ...specialFunctions,
];

const byName = new Map<string, FunctionDefinition>();
for (const definition of definitions)
  for (const name of [definition.name, ...(definition.aliases ?? [])]) {
    assert(!byName.has(name), `two functions are called ${name}`);
    byName.set(name, definition);
  }

export const functionRegistry: FunctionRegistry = Object.freeze({
  find: (name: string) => byName.get(name.toLowerCase()),
  scalar(name: string): ScalarFunction {
    const definition = byName.get(name);
    assert(definition?.kind === "scalar", `${name} is no scalar function`);
    return definition;
  },
  aggregate(name: string): AggregateFunction {
    const definition = byName.get(name);
    assert(definition?.kind === "aggregate", `${name} is no aggregate function`);
    return definition;
  },
  names: () => [...byName.keys()].sort(),
});
