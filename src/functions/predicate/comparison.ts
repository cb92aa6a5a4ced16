/** Comparisons: `= <=> != < <= > >=`, `in`, `between`. */
import { compareValues } from "../../columnar/compare.ts";
import { BooleanType, type DataType } from "../../columnar/types.ts";
import type { Value } from "../../columnar/values.ts";
import type { ArgumentInfo, ScalarFunction } from "../../plan/expr/function-registry.ts";
import { isOrderable, widerTypeForTwo, widerTypeOf } from "../../plan/expr/type-coercion.ts";
import { anyNullable, callSql, checkCount, differentDataTypes, differentOperandTypes, wrongOperandType } from "../signature.ts";

/** The type at which operands meet; throws where they do not or where it has no order. */
function commonOperand(name: string, args: readonly ArgumentInfo[]): DataType {
  checkCount(name, args, 2);
  const [left, right] = [args[0]!.dataType, args[1]!.dataType];
  const common = widerTypeForTwo(left, right);
  if (!common) return differentOperandTypes(callSql(name, args), left, right);
  if (!isOrderable(common))
    return wrongOperandType(callSql(name, args), '("BOOLEAN" or "NUMERIC" or "STRING" or "DATE" or "TIMESTAMP")', common);
  return common;
}

function comparison(
  name: string,
  aliases: readonly string[],
  description: string,
  example: readonly [string, string],
  holds: (order: number) => boolean,
): ScalarFunction {
  return {
    kind: "scalar",
    name,
    aliases,
    description,
    example,
    nulls: "strict",
    resolve: (args) => {
      const common = commonOperand(name, args);
      return { argumentTypes: [common, common], returnType: BooleanType, nullable: anyNullable(args) };
    },
    evaluate: (args, types) => holds(compareValues(types[0]!, args[0]!, args[1]!)),
  };
}

export const comparisonFunctions: readonly ScalarFunction[] = [
  comparison("=", ["=="], "True if both are equal.", ["2 = 2", "true"], (order) => order === 0),
  comparison("!=", ["<>"], "True if they differ.", ["2 != 3", "true"], (order) => order !== 0),
  comparison("<", [], "True if the left is less.", ["1 < 2", "true"], (order) => order < 0),
  comparison("<=", [], "True if the left is not greater.", ["2 <= 2", "true"], (order) => order <= 0),
  comparison(">", [], "True if the left is greater.", ["2 > 1", "true"], (order) => order > 0),
  comparison(">=", [], "True if the left is not less.", ["2 >= 2", "true"], (order) => order >= 0),
  {
    kind: "scalar",
    name: "<=>",
    aliases: ["equal_null"],
    description: "Equality that takes two nulls as equal and is never null.",
    example: ["NULL <=> NULL", "true"],
    nulls: "custom",
    resolve: (args) => {
      const common = commonOperand("<=>", args);
      return { argumentTypes: [common, common], returnType: BooleanType, nullable: false };
    },
    evaluate: (args, types) => compareValues(types[0]!, args[0]!, args[1]!) === 0,
  },
  {
    kind: "scalar",
    name: "in",
    description: "True if the first argument equals one of the others; null if none does and a null is among them.",
    example: ["1 IN (1, 2, 3)", "true"],
    nulls: "custom",
    resolve: (args) => {
      checkCount("in", args, 2, Infinity);
      const common = widerTypeOf(args.map((arg) => arg.dataType));
      if (!common) return differentDataTypes("in", args);
      return { argumentTypes: args.map(() => common), returnType: BooleanType, nullable: anyNullable(args) };
    },
    evaluate: ([value, ...list], types) => {
      if (value === null) return null;
      let sawNull = false;
      for (const candidate of list) {
        if (candidate === null) sawNull = true;
        else if (compareValues(types[0]!, value!, candidate!) === 0) return true;
      }
      return sawNull ? null : false;
    },
  },
  {
    kind: "scalar",
    name: "between",
    description: "True if the first argument is not below the second and not above the third.",
    example: ["2 BETWEEN 1 AND 3", "true"],
    nulls: "custom",
    resolve: (args) => {
      checkCount("between", args, 3);
      const common = widerTypeOf(args.map((arg) => arg.dataType));
      if (!common) return differentDataTypes("between", args);
      return { argumentTypes: [common, common, common], returnType: BooleanType, nullable: anyNullable(args) };
    },
    evaluate: ([value, low, high], types) => {
      const above = ordered(types[0]!, low!, value!);
      const below = ordered(types[0]!, value!, high!);
      if (above === false || below === false) return false;
      return above === null || below === null ? null : true;
    },
  },
];

function ordered(type: DataType, low: Value, high: Value): boolean | null {
  return low === null || high === null ? null : compareValues(type, low, high) <= 0;
}
