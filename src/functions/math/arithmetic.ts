/** `+ - * / div % pmod`, unary minus and plus, `abs`, and the `try_` variants: on numbers, decimals, intervals and dates. */
import { absolute, divideHalfUp, fitsPrecision, powerOfTen, rescale } from "../../columnar/decimal.ts";
import { compareDoubles } from "../../columnar/compare.ts";
import { DoubleType, LongType, sameType, type DataType, type DecimalType } from "../../columnar/types.ts";
import type { Value } from "../../columnar/values.ts";
import type { ArgumentInfo, Resolution, ScalarFunction } from "../../plan/expr/function-registry.ts";
import { decimalForType, decimalResult, isIntegral, isNumeric, widerTypeForTwo } from "../../plan/expr/type-coercion.ts";
import {
  arithmeticOverflow,
  binaryOverflow,
  decimalOutOfRange,
  divideByZero,
  integralBits,
  remainderByZero,
} from "../arithmetic-errors.ts";
import { resolveDateTime, evaluateDateTime } from "../datetime/datetime-arithmetic.ts";
import {
  callSql,
  checkCount,
  differentOperandTypes,
  refuseOperands,
  resolution,
  strict,
  unexpectedInput,
  wrongOperandType,
} from "../signature.ts";

type Operator = "+" | "-" | "*" | "/" | "%" | "pmod" | "div";

const NUMBER_OR_INTERVAL = '("NUMERIC" or "INTERVAL DAY TO SECOND" or "INTERVAL YEAR TO MONTH" or "INTERVAL")';
const INPUT_TYPES: Readonly<Record<Operator, string>> = {
  "+": NUMBER_OR_INTERVAL,
  "-": NUMBER_OR_INTERVAL,
  "*": '"NUMERIC"',
  "/": '("DOUBLE" or "DECIMAL")',
  div: '("BIGINT" or "DECIMAL" or "INTERVAL DAY TO SECOND" or "INTERVAL YEAR TO MONTH")',
  "%": '"NUMERIC"',
  pmod: '"NUMERIC"',
};
const TRY_NAMES: Readonly<Record<Operator, string>> = {
  "+": "try_add",
  "-": "try_subtract",
  "*": "try_multiply",
  "/": "try_divide",
  div: "try_divide",
  "%": "try_mod",
  pmod: "try_mod",
};

/** Operand and result types of a numeric operator. */
function resolveNumbers(operator: Operator, name: string, args: readonly ArgumentInfo[]): Resolution {
  const [left, right] = args as [ArgumentInfo, ArgumentInfo];
  const sql = callSql(name, args);
  const decimals = decimalOperands(left, right);
  if (decimals) return resolution(decimals, decimalResult(operator, decimals[0], decimals[1]), args);
  let common = widerTypeForTwo(left.dataType, right.dataType);
  if (!common) return differentOperandTypes(sql, left.dataType, right.dataType);
  if (common.kind === "void") common = operator === "div" ? LongType : DoubleType;
  if (!isNumeric(common)) {
    // Strings take the other side's type before the operator is looked at; other pairs keep their own types.
    const isPromoted = left.dataType.kind === "string" || right.dataType.kind === "string" || sameType(left.dataType, right.dataType);
    return isPromoted || left.dataType.kind === "void" || right.dataType.kind === "void"
      ? wrongOperandType(sql, INPUT_TYPES[operator], common)
      : differentOperandTypes(sql, left.dataType, right.dataType);
  }
  if (operator === "/") return resolution([DoubleType, DoubleType], DoubleType, args);
  if (operator === "div") {
    if (!isIntegral(common)) return refuseOperands(sql, INPUT_TYPES.div, left.dataType, right.dataType);
    return resolution([LongType, LongType], LongType, args);
  }
  return resolution([common, common], common, args);
}

/** Decimal operand types when one side is a decimal and the other a decimal or a whole number; integer literals are kept narrow. */
function decimalOperands(left: ArgumentInfo, right: ArgumentInfo): [DecimalType, DecimalType] | undefined {
  if (left.dataType.kind !== "decimal" && right.dataType.kind !== "decimal") return undefined;
  const [a, b] = [decimalOperand(left, right), decimalOperand(right, left)];
  return a && b && [a, b];
}

function decimalOperand(arg: ArgumentInfo, other: ArgumentInfo): DecimalType | undefined {
  if (arg.dataType.kind === "void") return decimalForType(other.dataType);
  const type = decimalForType(arg.dataType);
  if (!type || arg.dataType.kind === "decimal" || arg.literal === undefined || arg.literal === null) return type;
  return { ...type, precision: absolute(BigInt(arg.literal as number | bigint)).toString().length };
}

function compute(operator: Operator, left: Value, right: Value, types: readonly DataType[], returnType: DataType): Value {
  switch (returnType.kind) {
    case "byte":
    case "short":
    case "integer":
      return computeInteger(operator, left as number, right as number, returnType);
    case "long":
      if (types[0]!.kind === "decimal") return decimalDiv(left as bigint, right as bigint, types as readonly DecimalType[]);
      return computeLong(operator, left as bigint, right as bigint);
    case "float":
      return Math.fround(computeDouble(operator, left as number, right as number));
    case "decimal":
      return computeDecimal(operator, left as bigint, right as bigint, types as readonly DecimalType[], returnType);
    default:
      return computeDouble(operator, left as number, right as number);
  }
}

function computeInteger(operator: Operator, left: number, right: number, type: DataType): number {
  const result = wholeNumber(operator, BigInt(left), BigInt(right));
  const bits = integralBits(type)!;
  if (BigInt.asIntN(bits, result) === result) return Number(result);
  if (bits === 32) throw arithmeticOverflow("integer overflow", TRY_NAMES[operator]);
  const suffix = bits === 8 ? "Y" : "S";
  throw binaryOverflow(`${left}${suffix}`, operator, `${right}${suffix}`, TRY_NAMES[operator]);
}

function computeLong(operator: Operator, left: bigint, right: bigint): bigint {
  const result = wholeNumber(operator, left, right);
  if (BigInt.asIntN(64, result) === result) return result;
  throw arithmeticOverflow(operator === "div" ? "Overflow in integral divide" : "long overflow", TRY_NAMES[operator]);
}

function wholeNumber(operator: Operator, left: bigint, right: bigint): bigint {
  switch (operator) {
    case "+":
      return left + right;
    case "-":
      return left - right;
    case "*":
      return left * right;
    case "/":
    case "div":
      if (right === 0n) throw divideByZero();
      return left / right;
    case "%":
      if (right === 0n) throw remainderByZero();
      return left % right;
    case "pmod": {
      if (right === 0n) throw remainderByZero();
      const remainder = left % right;
      return remainder < 0n ? (remainder + right) % right : remainder;
    }
  }
}

function computeDouble(operator: Operator, left: number, right: number): number {
  switch (operator) {
    case "+":
      return left + right;
    case "-":
      return left - right;
    case "*":
      return left * right;
    case "/":
    case "div":
      if (right === 0) throw divideByZero();
      return left / right;
    case "%":
      if (right === 0) throw remainderByZero();
      return left % right;
    case "pmod": {
      if (right === 0) throw remainderByZero();
      const remainder = left % right;
      return compareDoubles(remainder, 0) < 0 ? (remainder + right) % right : remainder;
    }
  }
}

function computeDecimal(operator: Operator, left: bigint, right: bigint, types: readonly DecimalType[], type: DecimalType): bigint {
  const [scaleA, scaleB] = [types[0]!.scale, types[1]!.scale];
  if (operator === "*") return toDecimal(left * right, scaleA + scaleB, type);
  if (operator === "/") {
    if (right === 0n) throw divideByZero();
    // left·10^-a / right·10^-b, scaled to the result's digits and rounded once.
    const shift = type.scale - scaleA + scaleB;
    const quotient = shift >= 0 ? divideHalfUp(left * powerOfTen(shift), right) : divideHalfUp(left, right * powerOfTen(-shift));
    if (fitsPrecision(quotient, type.precision)) return quotient;
    throw decimalOutOfRange((left * powerOfTen(39 + scaleB)) / (right * powerOfTen(scaleA)), 39, type);
  }
  const scale = Math.max(scaleA, scaleB);
  const [a, b] = [rescale(left, scaleA, scale), rescale(right, scaleB, scale)];
  if (operator === "div") return toDecimal(wholeNumber(operator, a, b), 0, type);
  return toDecimal(wholeNumber(operator, a, b), scale, type);
}

function decimalDiv(left: bigint, right: bigint, types: readonly DecimalType[]): bigint {
  const scale = Math.max(types[0]!.scale, types[1]!.scale);
  const quotient = wholeNumber("div", rescale(left, types[0]!.scale, scale), rescale(right, types[1]!.scale, scale));
  return BigInt.asIntN(64, quotient);
}

function toDecimal(unscaled: bigint, scale: number, type: DecimalType): bigint {
  const result = rescale(unscaled, scale, type.scale);
  if (!fitsPrecision(result, type.precision)) throw outOfRange(unscaled, scale, type);
  return result;
}

/** The error shows no more than 39 digits before fraction digits are left out. */
function outOfRange(unscaled: bigint, scale: number, type: DecimalType): Error {
  const surplus = Math.min(scale, Math.max(0, absolute(unscaled).toString().length - 39));
  return decimalOutOfRange(unscaled / powerOfTen(surplus), scale - surplus, type);
}

function binary(
  operator: Operator,
  description: string,
  example: readonly [string, string],
  aliases: readonly string[] = [],
): ScalarFunction {
  return {
    kind: "scalar",
    name: operator,
    aliases,
    description,
    example,
    nulls: "strict",
    resolve: (args) => {
      checkCount(operator, args, 2);
      const resolved = resolveDateTime(operator, args) ?? resolveNumbers(operator, operator, args);
      // The quotient of decimals by DIV is a bigint.
      return operator === "div" && resolved.returnType.kind === "decimal" ? { ...resolved, returnType: LongType } : resolved;
    },
    evaluate: (args, types, returnType, context) =>
      evaluateDateTime(operator, args, types, returnType, context) ?? compute(operator, args[0]!, args[1]!, types, returnType),
  };
}

/** The operator with null in place of an error. */
function tolerant(operator: Operator, name: string, description: string, example: readonly [string, string]): ScalarFunction {
  return {
    kind: "scalar",
    name,
    description,
    example,
    nulls: "strict",
    resolve: (args) => {
      checkCount(name, args, 2);
      return { ...(resolveDateTime(operator, args) ?? resolveNumbers(operator, operator, args)), nullable: true };
    },
    evaluate: (args, types, returnType, context) => {
      try {
        return evaluateDateTime(operator, args, types, returnType, context) ?? compute(operator, args[0]!, args[1]!, types, returnType);
      } catch {
        return null;
      }
    },
  };
}

const isNumberOrInterval = (type: DataType): boolean =>
  isNumeric(type) || type.kind === "day_time_interval" || type.kind === "year_month_interval";

/** A number or interval as it is; strings become doubles. */
function resolveUnary(name: string, args: readonly ArgumentInfo[]): Resolution {
  checkCount(name, args, 1);
  const { dataType } = args[0]!;
  if (isNumberOrInterval(dataType)) return resolution([dataType], dataType, args);
  if (dataType.kind === "string" || dataType.kind === "void") return resolution([DoubleType], DoubleType, args);
  return unexpectedInput(
    name === "abs" ? callSql(name, args) : `(${name === "negative" ? "-" : "+"} ${args[0]!.sql})`,
    0,
    NUMBER_OR_INTERVAL,
    args[0]!,
  );
}

function negate(value: Value, type: DataType): Value {
  if (typeof value === "bigint") {
    if (type.kind === "decimal") return -value;
    const result = -value;
    if (BigInt.asIntN(64, result) !== result) throw arithmeticOverflow("long overflow");
    return result;
  }
  const bits = integralBits(type) ?? (type.kind === "year_month_interval" ? 32 : undefined);
  if (!bits) return -(value as number);
  if (value === -(2 ** (bits - 1))) {
    if (bits === 32) throw arithmeticOverflow("integer overflow");
    throw arithmeticOverflow(`- ${value}${bits === 8 ? "Y" : "S"} caused overflow.`);
  }
  return 0 - (value as number);
}

export const arithmeticFunctions: readonly ScalarFunction[] = [
  binary("+", "Sum of two numbers or intervals, or a date or timestamp moved forward.", ["1 + 2", "3"]),
  binary("-", "Difference of two numbers, intervals, dates or timestamps, or a date or timestamp moved back.", ["5 - 3", "2"]),
  binary("*", "Product of two numbers, or an interval times a number.", ["2 * 3", "6"]),
  binary("/", "Quotient: double or decimal; of an interval and a number: an interval.", ["3 / 2", "1.5"]),
  binary("div", "Whole part of the quotient, as bigint.", ["7 div 2", "3"]),
  binary("%", "Remainder with the sign of the dividend.", ["-7 % 3", "-1"], ["mod"]),
  binary("pmod", "Remainder that is not negative for a positive divisor.", ["pmod(-7, 3)", "2"]),
  tolerant("+", "try_add", "Sum, or null on overflow.", ["try_add(2147483647, 1)", "NULL"]),
  tolerant("-", "try_subtract", "Difference, or null on overflow.", ["try_subtract(2, 1)", "1"]),
  tolerant("*", "try_multiply", "Product, or null on overflow.", ["try_multiply(2, 3)", "6"]),
  tolerant("/", "try_divide", "Quotient, or null when the divisor is zero.", ["try_divide(1, 0)", "NULL"]),
  tolerant("%", "try_mod", "Remainder, or null when the divisor is zero.", ["try_mod(7, 0)", "NULL"]),
  {
    kind: "scalar",
    name: "negative",
    description: "The value with its sign turned.",
    example: ["negative(1)", "-1"],
    nulls: "strict",
    resolve: (args) => resolveUnary("negative", args),
    evaluate: (args, types) => negate(args[0]!, types[0]!),
  },
  {
    kind: "scalar",
    name: "positive",
    description: "The value itself.",
    example: ["positive(1)", "1"],
    nulls: "strict",
    resolve: (args) => resolveUnary("positive", args),
    evaluate: (args) => args[0]!,
  },
  {
    kind: "scalar",
    name: "abs",
    description: "The value without its sign.",
    example: ["abs(-1)", "1"],
    nulls: "strict",
    resolve: (args) => resolveUnary("abs", args),
    evaluate: (args, types) => {
      const value = args[0] as number | bigint;
      if (typeof value === "number" && !Number.isInteger(value)) return Math.abs(value);
      return value < 0 ? negate(value, types[0]!) : value === 0 ? (typeof value === "number" ? 0 : value) : value;
    },
  },
];

export const signFunction: ScalarFunction = strict({
  name: "sign",
  aliases: ["signum"],
  description: "-1.0, 0.0 or 1.0 by the sign of the number.",
  example: ["sign(40)", "1.0"],
  args: [
    {
      required: '"DOUBLE"',
      coerce: (type) => (isNumeric(type) || type.kind === "string" || type.kind === "void" ? DoubleType : undefined),
    },
  ],
  returns: DoubleType,
  evaluate: ([value]) => Math.sign(value as number),
});
