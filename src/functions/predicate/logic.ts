/** Three-valued logic and tests for null and NaN. */
import { BooleanType, DoubleType, FloatType, type DataType } from "../../columnar/types.ts";
import type { Value } from "../../columnar/values.ts";
import type { ArgumentInfo, ScalarFunction } from "../../plan/expr/function-registry.ts";
import { implicitCast } from "../../plan/expr/type-coercion.ts";
import { anyNullable, callSql, checkCount, differentOperandTypes, strict, wrongOperandType, BOOLEAN } from "../signature.ts";

function booleanOperands(name: string, args: readonly ArgumentInfo[]): readonly DataType[] {
  checkCount(name, args, 2);
  const [left, right] = [args[0]!.dataType, args[1]!.dataType];
  for (const [type, other] of [
    [left, right],
    [right, left],
  ] as const) {
    if (implicitCast(type, BooleanType)) continue;
    if (type.kind === other.kind) return wrongOperandType(callSql(name, args), '"BOOLEAN"', type);
    return differentOperandTypes(callSql(name, args), left, right);
  }
  return [BooleanType, BooleanType];
}

function connective(
  name: string,
  description: string,
  example: readonly [string, string],
  evaluate: (left: Value, right: Value) => Value,
): ScalarFunction {
  return {
    kind: "scalar",
    name,
    description,
    example,
    nulls: "custom",
    lazy: true,
    resolve: (args) => ({ argumentTypes: booleanOperands(name, args), returnType: BooleanType, nullable: anyNullable(args) }),
    evaluate: (args) => evaluate(args[0]!, args[1]!),
  };
}

function nullTest(name: string, description: string, example: readonly [string, string], test: (value: Value) => boolean): ScalarFunction {
  return {
    kind: "scalar",
    name,
    description,
    example,
    nulls: "custom",
    resolve: (args) => {
      checkCount(name, args, 1);
      return { argumentTypes: [args[0]!.dataType], returnType: BooleanType, nullable: false };
    },
    evaluate: (args) => test(args[0]!),
  };
}

export const logicFunctions: readonly ScalarFunction[] = [
  connective("and", "Logical and; false if either side is, null if the other may decide.", ["true AND NULL", "NULL"], (left, right) =>
    left === false || right === false ? false : left === null || right === null ? null : true,
  ),
  connective("or", "Logical or; true if either side is, null if the other may decide.", ["true OR NULL", "true"], (left, right) =>
    left === true || right === true ? true : left === null || right === null ? null : false,
  ),
  strict({
    name: "not",
    aliases: ["!"],
    description: "Logical not.",
    example: ["NOT true", "false"],
    args: [BOOLEAN],
    returns: BooleanType,
    evaluate: ([value]) => !value,
  }),
  nullTest("isnull", "True if the argument is null.", ["isnull(1)", "false"], (value) => value === null),
  nullTest("isnotnull", "True if the argument is not null.", ["isnotnull(1)", "true"], (value) => value !== null),
  {
    kind: "scalar",
    name: "isnan",
    description: "True if the argument is NaN; false for null.",
    example: ["isnan(CAST('NaN' AS DOUBLE))", "true"],
    nulls: "custom",
    resolve: (args) => {
      checkCount("isnan", args, 1);
      const type = args[0]!.dataType.kind === "float" ? FloatType : DoubleType;
      return { argumentTypes: [type], returnType: BooleanType, nullable: false };
    },
    evaluate: (args) => Number.isNaN(args[0]),
  },
];
