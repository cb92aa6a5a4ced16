/**
 * `+ - * / % div pmod negative positive abs` and their `try_` forms on integers, floating point and decimals of up to 18
 * digits, with Spark's ANSI checks. Mirrors Spark's `arithmetic.scala`.
 */
import type { ErrorCode } from "../columnar/memory-layout.ts";
import type { DataType } from "../columnar/types.ts";
import type { Literal } from "../plan/expr/expression.ts";
import { isFractional } from "../plan/expr/type-coercion.ts";
import type { FunctionBuilder } from "./emitter.ts";
import type { CompiledValue } from "./value.ts";
import { type Fail, type InlineConditions, type InlineFunctions, type StrictEmission, strictFunction } from "./inline-function.ts";
import { acceptsDecimals, emitDecimals, isNarrowDecimal } from "./inline-decimal.ts";
import { emitTemporalAddition, isTemporalAddition } from "./inline-interval.ts";

type Operator = "add" | "sub" | "mul";

/** Integer kinds by width in bits; intervals are computed like integers elsewhere. */
const INTEGER_BITS: Readonly<Record<string, 8 | 16 | 32 | 64>> = { byte: 8, short: 16, integer: 32, long: 64 };

export const integerBits = (type: DataType): 8 | 16 | 32 | 64 | undefined => INTEGER_BITS[type.kind];

/** Pops an i64, pushes it in the type's own width; fails when it does not fit. */
export function emitNarrowLong(f: FunctionBuilder, to: DataType, fail: Fail): void {
  const bits = integerBits(to)!;
  if (bits === 64) return;
  const value = f.local("i64");
  f.tee(value);
  f.get(value);
  f.op(bits === 8 ? "i64.extend8_s" : bits === 16 ? "i64.extend16_s" : "i64.extend32_s", "i64.ne");
  f.if(() => fail("cast_overflow"));
  f.get(value);
  f.op("i32.wrap_i64");
}

const sameKinds = ({ types, returnType }: InlineConditions): boolean => types.every((type) => type.kind === returnType.kind);
const isNumber = (type: DataType): boolean => integerBits(type) !== undefined || isFractional(type);
const onNumbers = (conditions: InlineConditions): boolean => isNumber(conditions.returnType) && sameKinds(conditions);

function additive(operator: Operator, onError: "raise" | "null") {
  return strictFunction(
    (conditions) => onNumbers(conditions) || acceptsDecimals(conditions) || isTemporalAddition(operator, conditions),
    (emission) => {
      const type = emission.call.dataType;
      if (isFractional(type)) emitFloating(emission, operator);
      else if (type.kind === "decimal") emitDecimals(operator, emission);
      else if (integerBits(type) === undefined || emission.args.some((arg) => arg.dataType.kind !== type.kind)) {
        emitTemporalAddition(emission, operator);
      } else emitInteger(emission, operator);
    },
    { onError },
  );
}

function emitFloating({ f, args, call }: StrictEmission, operator: Operator): void {
  for (const arg of args) arg.push();
  f.op(`${call.dataType.kind === "float" ? "f32" : "f64"}.${operator}`);
}

function emitInteger(emission: StrictEmission, operator: Operator): void {
  const { f, args, call, fail } = emission;
  const bits = integerBits(call.dataType)!;
  const [a, b] = args;
  if (bits === 64 && operator === "mul") {
    const factor = call.args.findIndex((arg) => arg.kind === "literal" && arg.value !== null && arg.value !== 0n && arg.value !== -1n);
    if (factor < 0) return emitLongProduct(emission);
    return emitLongMultiple(emission, args[1 - factor]!, (call.args[factor] as Literal).value as bigint);
  }
  if (bits === 32 && operator === "mul") {
    const product = f.local("i64");
    a!.push();
    f.op("i64.extend_i32_s");
    b!.push();
    f.op("i64.extend_i32_s", "i64.mul");
    f.tee(product);
    f.get(product);
    f.op("i64.extend32_s", "i64.ne");
    f.if(() => fail("arithmetic_overflow"));
    f.get(product);
    f.op("i32.wrap_i64");
    return;
  }
  const type = bits === 64 ? "i64" : "i32";
  const result = f.local(type);
  a!.push();
  b!.push();
  f.op(`${type}.${operator}`);
  f.set(result);
  if (bits < 32) {
    f.get(result);
    f.op(bits === 8 ? "i32.extend8_s" : "i32.extend16_s");
    f.get(result);
    f.op("i32.ne");
    f.if(() => fail("binary_arithmetic_overflow"));
  } else {
    // Overflow iff the result's sign differs from that of both operands (for `-`: of the minuend, operands' signs differing).
    a!.push();
    f.get(result);
    f.op(`${type}.xor`);
    if (operator === "add") {
      b!.push();
      f.get(result);
    } else {
      a!.push();
      b!.push();
    }
    f.op(`${type}.xor`, `${type}.and`);
    if (type === "i64") f.i64(0n);
    else f.i32(0);
    f.op(`${type}.lt_s`);
    f.if(() => fail("arithmetic_overflow"));
  }
  f.get(result);
}

/** Products of two 32-bit numbers need no check; others are divided back. */
function emitLongProduct({ f, args, fail }: StrictEmission, code: ErrorCode = "arithmetic_overflow"): void {
  const [a, b] = [f.local("i64"), f.local("i64")];
  const product = f.local("i64");
  args[0]!.push();
  f.set(a);
  args[1]!.push();
  f.set(b);
  f.get(a);
  f.get(b);
  f.op("i64.mul");
  f.set(product);
  for (const operand of [a, b]) {
    f.get(operand);
    f.get(operand);
    f.op("i64.extend32_s", "i64.ne");
  }
  f.op("i32.or");
  f.if(() => {
    f.get(a);
    f.op("i64.eqz", "i32.eqz");
    f.if(() => {
      f.get(a);
      f.i64(-1n);
      f.op("i64.eq");
      f.if(
        () => {
          f.get(b);
          f.i64(-(2n ** 63n));
          f.op("i64.eq");
        },
        () => {
          f.get(product);
          f.get(a);
          f.op("i64.div_s");
          f.get(b);
          f.op("i64.ne");
        },
        "i32",
      );
      f.if(() => fail(code));
    });
  });
  f.get(product);
}

/** The product with a constant other than 0 and -1: operands in a range known beforehand do not overflow. */
function emitLongMultiple({ f, fail }: StrictEmission, operand: CompiledValue, factor: bigint): void {
  const [least, most] = [-(2n ** 63n) / factor, (2n ** 63n - 1n) / factor].sort((a, b) => (a < b ? -1 : 1)) as [bigint, bigint];
  operand.push();
  f.i64(least);
  f.op("i64.sub");
  f.i64(most - least);
  f.op("i64.gt_u");
  f.if(() => fail("arithmetic_overflow"));
  operand.push();
  f.i64(factor);
  f.op("i64.mul");
}

function division(onError: "raise" | "null") {
  return strictFunction(
    (conditions) => (isFractional(conditions.returnType) && sameKinds(conditions)) || acceptsDecimals(conditions),
    (emission) => {
      const { f, args, call, fail } = emission;
      if (!isFractional(call.dataType)) return emitDecimals("div", emission);
      const type = call.dataType.kind === "float" ? "f32" : "f64";
      args[1]!.push();
      if (type === "f32") f.f32(0);
      else f.f64(0);
      f.op(`${type}.eq`);
      f.if(() => fail("divide_by_zero"));
      for (const arg of args) arg.push();
      f.op(`${type}.div`);
    },
    { onError },
  );
}

/** `div`: always long. */
function integralDivision() {
  return strictFunction(
    ({ types, returnType }) => returnType.kind === "long" && types.every((type) => type.kind === "long"),
    ({ f, args, fail }) => {
      args[1]!.push();
      f.op("i64.eqz");
      f.if(() => fail("divide_by_zero"));
      args[1]!.push();
      f.i64(-1n);
      f.op("i64.eq");
      args[0]!.push();
      f.i64(-(2n ** 63n));
      f.op("i64.eq", "i32.and");
      f.if(() => fail("arithmetic_overflow"));
      for (const arg of args) arg.push();
      f.op("i64.div_s");
    },
  );
}

/** `%` keeps the dividend's sign; `pmod` adds the divisor to a negative remainder and takes it again. */
function remainder(positive: boolean, onError: "raise" | "null") {
  return strictFunction(
    (conditions) =>
      (integerBits(conditions.returnType) !== undefined && sameKinds(conditions)) || (!positive && acceptsDecimals(conditions)),
    (emission) => {
      const { f, args, call, fail } = emission;
      if (call.dataType.kind === "decimal") return emitDecimals("rem", emission);
      const bits = integerBits(call.dataType)!;
      const type = bits === 64 ? "i64" : "i32";
      const zero = (): void => (type === "i64" ? f.i64(0n) : f.i32(0));
      args[1]!.push();
      f.op(`${type}.eqz`);
      f.if(() => fail("remainder_by_zero"));
      for (const arg of args) arg.push();
      f.op(`${type}.rem_s`);
      if (!positive) return;
      const result = f.local(type);
      f.tee(result);
      zero();
      f.op(`${type}.lt_s`);
      f.if(() => {
        f.get(result);
        args[1]!.push();
        f.op(`${type}.add`);
        args[1]!.push();
        f.op(`${type}.rem_s`);
        f.set(result);
      });
      f.get(result);
    },
    { onError },
  );
}

const isSigned = (type: DataType): boolean =>
  isNumber(type) || isNarrowDecimal(type) || type.kind === "day_time_interval" || type.kind === "year_month_interval";
const sameSigned = ({ types, returnType }: InlineConditions): boolean => isSigned(returnType) && types[0]!.kind === returnType.kind;

/** `negative` and, when `onlyNegative`, `abs`. Of integers the smallest has no counterpart. */
function negation(onlyNegative: boolean) {
  return strictFunction(sameSigned, ({ f, args, call, fail }) => {
    const [arg] = args;
    const kind = call.dataType.kind;
    arg!.push();
    if (kind === "float" || kind === "double") {
      f.op(`${kind === "float" ? "f32" : "f64"}.${onlyNegative ? "abs" : "neg"}`);
      return;
    }
    const type = arg!.physical === "i64" ? "i64" : "i32";
    const constant = (value: bigint): void => (type === "i64" ? f.i64(value) : f.i32(Number(value)));
    const bits = integerBits(call.dataType) ?? (type === "i64" ? 64 : 32);
    const result = f.local(type);
    f.tee(result);
    constant(-(1n << BigInt(bits - 1)));
    f.op(`${type}.eq`);
    f.if(() => fail("arithmetic_overflow"));
    const negate = (): void => {
      constant(0n);
      f.get(result);
      f.op(`${type}.sub`);
      f.set(result);
    };
    if (onlyNegative) {
      f.get(result);
      constant(0n);
      f.op(`${type}.lt_s`);
      f.if(negate);
    } else negate();
    f.get(result);
  });
}

const identity = strictFunction(sameSigned, ({ args }) => args[0]!.push(), { safe: true });

export const arithmeticFunctions: InlineFunctions = {
  "+": additive("add", "raise"),
  "-": additive("sub", "raise"),
  "*": additive("mul", "raise"),
  "/": division("raise"),
  "%": remainder(false, "raise"),
  pmod: remainder(true, "raise"),
  div: integralDivision(),
  try_add: additive("add", "null"),
  try_subtract: additive("sub", "null"),
  try_multiply: additive("mul", "null"),
  try_divide: division("null"),
  try_mod: remainder(false, "null"),
  negative: negation(false),
  positive: identity,
  abs: negation(true),
};
