/** Real functions (`sqrt`, `exp`, `ln`, …) and bit operations. */
import { DoubleType, IntegerType, LongType, type DataType } from "../../columnar/types.ts";
import type { Value } from "../../columnar/values.ts";
import type { ArgumentInfo, Resolution, ScalarFunction } from "../../plan/expr/function-registry.ts";
import { isIntegral, tightestCommonType } from "../../plan/expr/type-coercion.ts";
import { callSql, checkCount, DOUBLE, INTEGER, resolution, strict, unexpectedInput, refuseOperands } from "../signature.ts";

function real(
  name: string,
  aliases: readonly string[],
  description: string,
  example: readonly [string, string],
  compute: (x: number) => number,
): ScalarFunction {
  return strict({ name, aliases, description, example, args: [DOUBLE], returns: DoubleType, evaluate: ([x]) => compute(x) });
}

/** Logarithms are null where they are not defined. */
function logarithm(name: string, description: string, example: readonly [string, string], compute: (x: number) => number): ScalarFunction {
  return strict({
    name,
    description,
    example,
    args: [DOUBLE],
    returns: DoubleType,
    mayReturnNull: true,
    evaluate: ([x]) => (x <= 0 ? null : compute(x)),
  });
}

function bitwise(
  name: string,
  description: string,
  example: readonly [string, string],
  compute: (a: bigint, b: bigint) => bigint,
): ScalarFunction {
  return {
    kind: "scalar",
    name,
    description,
    example,
    nulls: "strict",
    resolve: (args): Resolution => {
      checkCount(name, args, 2);
      const [left, right] = args as [ArgumentInfo, ArgumentInfo];
      const common = tightestCommonType(left.dataType, right.dataType);
      const type = common?.kind === "void" ? IntegerType : common;
      if (!type || !isIntegral(type)) return refuseOperands(callSql(name, args), '"INTEGRAL"', left.dataType, right.dataType);
      return resolution([type, type], type, args);
    },
    evaluate: (args, _types, returnType) =>
      fromBits(compute(BigInt(args[0] as number | bigint), BigInt(args[1] as number | bigint)), returnType),
  };
}

const fromBits = (value: bigint, type: DataType): Value => (type.kind === "long" ? BigInt.asIntN(64, value) : Number(value));

/** Shifts of int or bigint; the distance counts modulo the width. */
function shift(
  name: string,
  aliases: readonly string[],
  description: string,
  example: readonly [string, string],
  compute: (value: bigint, by: bigint) => bigint,
): ScalarFunction {
  return strict({
    name,
    aliases,
    description,
    example,
    args: [{ required: '("INT" or "BIGINT")', coerce: (type) => (type.kind === "long" ? LongType : INTEGER.coerce(type)) }, INTEGER],
    returns: ([type]) => type!,
    evaluate: ([value, by], [type]) => {
      const bits = type!.kind === "long" ? 64 : 32;
      const result = BigInt.asIntN(bits, compute(BigInt(value), BigInt(by & (bits - 1))));
      return bits === 64 ? result : Number(result);
    },
  });
}

export const mathFunctions: readonly ScalarFunction[] = [
  real("sqrt", [], "Square root; NaN for negative numbers.", ["sqrt(4)", "2.0"], Math.sqrt),
  real("exp", [], "e to the power of the argument.", ["exp(0)", "1.0"], Math.exp),
  logarithm("ln", "Natural logarithm; null for numbers that are not positive.", ["ln(1)", "0.0"], Math.log),
  logarithm("log10", "Decimal logarithm; null for numbers that are not positive.", ["log10(10)", "1.0"], Math.log10),
  logarithm("log2", "Binary logarithm; null for numbers that are not positive.", ["log2(2)", "1.0"], (x) => Math.log(x) / Math.LN2),
  strict({
    name: "pow",
    aliases: ["power"],
    description: "The first argument to the power of the second.",
    example: ["pow(2, 3)", "8.0"],
    args: [DOUBLE, DOUBLE],
    returns: DoubleType,
    evaluate: ([base, exponent]) => base ** exponent,
  }),
  bitwise("&", "Bits set in both.", ["3 & 5", "1"], (a, b) => a & b),
  bitwise("|", "Bits set in either.", ["3 | 5", "7"], (a, b) => a | b),
  bitwise("^", "Bits set in one only.", ["3 ^ 5", "6"], (a, b) => a ^ b),
  {
    kind: "scalar",
    name: "~",
    description: "Bits turned around.",
    example: ["~0", "-1"],
    nulls: "strict",
    resolve: (args) => {
      checkCount("~", args, 1);
      const type = args[0]!.dataType.kind === "void" ? IntegerType : args[0]!.dataType;
      if (!isIntegral(type)) return unexpectedInput(`~${args[0]!.sql}`, 0, '"INTEGRAL"', args[0]!);
      return resolution([type], type, args);
    },
    evaluate: (args, _types, returnType) => fromBits(~BigInt(args[0] as number | bigint), returnType),
  },
  shift("shiftleft", ["<<"], "Bits moved to the left.", ["shiftleft(2, 1)", "4"], (value, by) => value << by),
  shift("shiftright", [">>"], "Bits moved to the right, the sign kept.", ["shiftright(4, 1)", "2"], (value, by) => value >> by),
];
