/** Functions that choose among their arguments: `coalesce`, `nvl`, `nvl2`, `nullif`, `if`, `greatest`, `least`. */
import { compareValues } from "../../columnar/compare.ts";
import { BooleanType, type DataType } from "../../columnar/types.ts";
import type { Value } from "../../columnar/values.ts";
import type { ArgumentInfo, ScalarFunction } from "../../plan/expr/function-registry.ts";
import { implicitCast, isOrderable, widerTypeForTwo, widerTypeOf } from "../../plan/expr/type-coercion.ts";
import { callSql, checkCount, differentDataTypes, differentOperandTypes, unexpectedInput } from "../signature.ts";

function commonType(name: string, args: readonly ArgumentInfo[]): DataType {
  return widerTypeOf(args.map((arg) => arg.dataType)) ?? differentDataTypes(name, args);
}

function firstNonNull(
  name: string,
  aliases: readonly string[],
  description: string,
  example: readonly [string, string],
  max: number,
): ScalarFunction {
  return {
    kind: "scalar",
    name,
    aliases,
    description,
    example,
    nulls: "custom",
    lazy: true,
    resolve: (args) => {
      checkCount(name, args, max === Infinity ? 1 : max, max);
      const common = commonType(name, args);
      return { argumentTypes: args.map(() => common), returnType: common, nullable: args.every((arg) => arg.nullable) };
    },
    evaluate: (args) => args.find((arg) => arg !== null) ?? null,
  };
}

function extreme(name: string, description: string, example: readonly [string, string], wins: (order: number) => boolean): ScalarFunction {
  return {
    kind: "scalar",
    name,
    description,
    example,
    nulls: "custom",
    resolve: (args) => {
      checkCount(name, args, 2, Infinity);
      const common = commonType(name, args);
      if (!isOrderable(common)) return differentDataTypes(name, args);
      return { argumentTypes: args.map(() => common), returnType: common, nullable: args.every((arg) => arg.nullable) };
    },
    evaluate: (args, types) =>
      args.reduce<Value>((best, value) => {
        if (value === null) return best;
        return best === null || wins(compareValues(types[0]!, value, best)) ? value : best;
      }, null),
  };
}

export const choiceFunctions: readonly ScalarFunction[] = [
  firstNonNull("coalesce", [], "The first argument that is not null.", ["coalesce(NULL, 1, NULL)", "1"], Infinity),
  firstNonNull("nvl", ["ifnull"], "The first argument, or the second if the first is null.", ["nvl(NULL, 2)", "2"], 2),
  {
    kind: "scalar",
    name: "nvl2",
    description: "The second argument if the first is not null, else the third.",
    example: ["nvl2(NULL, 2, 1)", "1"],
    nulls: "custom",
    lazy: true,
    resolve: (args) => {
      checkCount("nvl2", args, 3);
      const common = commonType("nvl2", args.slice(1));
      return { argumentTypes: [args[0]!.dataType, common, common], returnType: common, nullable: args[1]!.nullable || args[2]!.nullable };
    },
    evaluate: (args) => (args[0] !== null ? args[1]! : args[2]!),
  },
  {
    kind: "scalar",
    name: "nullif",
    description: "Null if both arguments are equal, else the first.",
    example: ["nullif(2, 2)", "NULL"],
    nulls: "custom",
    resolve: (args) => {
      checkCount("nullif", args, 2);
      const common = widerTypeForTwo(args[0]!.dataType, args[1]!.dataType);
      if (!common) return differentOperandTypes(callSql("=", args), args[0]!.dataType, args[1]!.dataType);
      return { argumentTypes: [common, common], returnType: common, nullable: true };
    },
    evaluate: ([left, right], types) => (right !== null && left !== null && compareValues(types[0]!, left!, right!) === 0 ? null : left!),
  },
  {
    kind: "scalar",
    name: "if",
    description: "The second argument if the first is true, else the third.",
    example: ["if(1 < 2, 'a', 'b')", "a"],
    nulls: "custom",
    lazy: true,
    resolve: (args) => {
      checkCount("if", args, 3);
      const condition = args[0]!;
      if (!implicitCast(condition.dataType, BooleanType)) unexpectedInput(callSql("if", args), 0, '"BOOLEAN"', condition);
      const common = commonType("if", args.slice(1));
      return { argumentTypes: [BooleanType, common, common], returnType: common, nullable: args[1]!.nullable || args[2]!.nullable };
    },
    evaluate: (args) => (args[0] === true ? args[1]! : args[2]!),
  },
  extreme("greatest", "The greatest argument that is not null.", ["greatest(10, 9, 2, 4, 3)", "10"], (order) => order > 0),
  extreme("least", "The least argument that is not null.", ["least(10, 9, 2, 4, 3)", "2"], (order) => order < 0),
];
