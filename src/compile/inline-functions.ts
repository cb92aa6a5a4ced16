/** All functions with an inline emitter, by canonical name. */
import { hashFunctions } from "./hash.ts";
import { arithmeticFunctions } from "./inline-arithmetic.ts";
import { comparisonFunctions } from "./inline-comparison.ts";
import { datetimeFunctions } from "./inline-datetime.ts";
import type { InlineFunctions } from "./inline-function.ts";
import { logicFunctions } from "./inline-logic.ts";
import { mathFunctions } from "./inline-math.ts";
import { roundFunctions } from "./inline-round.ts";
import { textFunctions } from "./inline-text.ts";

export const inlineFunctions: InlineFunctions = {
  ...arithmeticFunctions,
  ...comparisonFunctions,
  ...datetimeFunctions,
  ...hashFunctions,
  ...logicFunctions,
  ...mathFunctions,
  ...roundFunctions,
  ...textFunctions,
};
