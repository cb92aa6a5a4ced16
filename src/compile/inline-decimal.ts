/**
 * Decimal arithmetic. Up to 18 digits: unscaled i64, inline. Up to 38: 128-bit numbers under views, by kernels. Operands may
 * differ in scale; an operation is compiled when no exact intermediate has more than 38 digits, which is always so unless
 * Spark had to cut the result's scale.
 */
import { ERROR_CODE, ERROR_CODES } from "../columnar/memory-layout.ts";
import type { DataType, DecimalType } from "../columnar/types.ts";
import type { FunctionBuilder, WasmType } from "./emitter.ts";
import type { Fail, InlineConditions, StrictEmission } from "./inline-function.ts";
import type { ModuleContext } from "./module-context.ts";
import type { CompiledValue } from "./value.ts";

/** Digits that every i64 holds. */
const NARROW_DIGITS = 18;
const WIDE_DIGITS = 38;

export const isNarrowDecimal = (type: DataType): boolean => type.kind === "decimal" && type.precision <= NARROW_DIGITS;

interface Shape {
  readonly a: DecimalType;
  readonly b: DecimalType;
  readonly result: DecimalType;
}

/** How an operation on given types is computed. */
interface Plan {
  /** Decimal digits of the largest exact intermediate. */
  readonly digits: number;
  /** Digits that each operand gains before the operation. */
  readonly shifts: readonly [number, number];
  /** Digits that the exact result may have; checked when the result's type has fewer. */
  readonly resultDigits: number;
  readonly narrow: (f: FunctionBuilder) => void;
  readonly wideKernel: string;
  readonly zeroDivisor?: "divide_by_zero" | "remainder_by_zero";
}

export type DecimalOperator = "add" | "sub" | "mul" | "div" | "rem";

export function acceptsDecimals(operator: DecimalOperator, conditions: InlineConditions): boolean {
  const shape = shapeOf(conditions.types, conditions.returnType);
  const plan = shape && planOf(operator, shape);
  if (!shape || !plan || plan.digits > WIDE_DIGITS) return false;
  return [shape.a, shape.b].every((type, index) => plan.shifts[index]! <= (isNarrowDecimal(type) ? NARROW_DIGITS : WIDE_DIGITS));
}

/** Pushes the result. */
export function emitDecimals(operator: DecimalOperator, { f, module, args, call, fail }: StrictEmission): void {
  const shape = shapeOf(
    args.map((arg) => arg.dataType),
    call.dataType,
  )!;
  const plan = planOf(operator, shape)!;
  const { a, b, result } = shape;
  if (plan.zeroDivisor) {
    args[1]!.push();
    if (isNarrowDecimal(b)) f.op("i64.eqz");
    else f.call(module.kernel("wide_is_zero", ["i64"], ["i32"]));
    f.if(() => fail(plan.zeroDivisor!));
  }
  if ([a, b, result].every(isNarrowDecimal) && plan.digits <= NARROW_DIGITS) {
    args.forEach((arg, index) => pushScaled(f, arg, plan.shifts[index]!));
    plan.narrow(f);
    if (plan.resultDigits > result.precision) emitPrecisionCheck(f, result.precision, fail);
    return;
  }
  args.forEach((arg, index) => pushWide(f, module, arg, plan.shifts[index]!));
  callWide(f, module, plan.wideKernel, ["i64", "i64"]);
  if (plan.resultDigits > result.precision) pushRescaled(f, module, 0, result.precision);
  emitWideCheck(f, fail);
  if (isNarrowDecimal(result)) f.call(module.kernel("wide_to_long", ["i64"], ["i64"]));
}

function shapeOf(types: readonly DataType[], result: DataType): Shape | null {
  const [a, b] = types;
  if (types.length !== 2 || a?.kind !== "decimal" || b?.kind !== "decimal" || result.kind !== "decimal") return null;
  return { a, b, result };
}

const integerDigits = (type: DecimalType): number => type.precision - type.scale;

function planOf(operator: DecimalOperator, { a, b, result }: Shape): Plan | null {
  const scale = Math.max(a.scale, b.scale);
  const digits = Math.max(integerDigits(a), integerDigits(b)) + scale;
  const toCommonScale = [scale - a.scale, scale - b.scale] as const;
  switch (operator) {
    case "add":
    case "sub":
      if (result.scale !== scale) return null;
      return {
        digits,
        shifts: toCommonScale,
        resultDigits: digits + 1,
        narrow: (f) => f.op(`i64.${operator}`),
        wideKernel: operator === "add" ? "wide_add" : "wide_subtract",
      };
    case "rem":
      if (result.scale !== scale) return null;
      return {
        digits,
        shifts: toCommonScale,
        resultDigits: Math.min(integerDigits(a), integerDigits(b)) + scale,
        narrow: (f) => f.op("i64.rem_s"),
        wideKernel: "wide_remainder",
        zeroDivisor: "remainder_by_zero",
      };
    case "mul": {
      if (result.scale !== a.scale + b.scale) return null;
      const product = a.precision + b.precision;
      return { digits: product, shifts: [0, 0], resultDigits: product, narrow: (f) => f.op("i64.mul"), wideKernel: "wide_multiply" };
    }
    case "div": {
      const shift = result.scale - a.scale + b.scale;
      if (shift < 0) return null;
      const dividend = a.precision + shift;
      return {
        digits: dividend,
        shifts: [shift, 0],
        resultDigits: dividend,
        narrow: emitDivideHalfUp,
        wideKernel: "wide_divide",
        zeroDivisor: "divide_by_zero",
      };
    }
  }
}

/** Pushes an unscaled number with `shift` more digits. */
function pushScaled(f: FunctionBuilder, value: CompiledValue, shift: number): void {
  value.push();
  if (shift === 0) return;
  f.i64(10n ** BigInt(shift));
  f.op("i64.mul");
}

/** Pushes a decimal, or an integer, as a wide number with `shift` more digits right of the point; check with `emitWideCheck`. */
export function pushWide(f: FunctionBuilder, module: ModuleContext, value: CompiledValue, shift: number): void {
  value.push();
  if (value.physical === "wide") {
    if (shift > 0) pushRescaled(f, module, shift, WIDE_DIGITS);
    return;
  }
  if (value.physical !== "i64") f.op("i64.extend_i32_s");
  if (shift === 0) return callWide(f, module, "wide_from_long", ["i64"]);
  f.i64(10n ** BigInt(shift));
  callWide(f, module, "wide_multiply_longs", ["i64", "i64"]);
}

/** Pops a wide number, pushes it with `shift` more digits right of the point; beyond `precision` digits the error cell is set. */
export function pushRescaled(f: FunctionBuilder, module: ModuleContext, shift: number, precision: number): void {
  f.i32(shift);
  f.i32(precision);
  callWide(f, module, "wide_rescale", ["i64", "i32", "i32"]);
}

function callWide(f: FunctionBuilder, module: ModuleContext, kernel: string, params: readonly WasmType[]): void {
  f.call(module.kernel(kernel, params, ["i64"]));
}

/** Fails if a kernel has set the error cell, which is cleared. */
export function emitWideCheck(f: FunctionBuilder, fail: Fail): void {
  f.i32(0);
  f.memory("i32.load", ERROR_CODE);
  f.if(() => {
    f.i32(0);
    f.memory("i32.load", ERROR_CODE);
    f.i32(ERROR_CODES.out_of_memory);
    f.op("i32.eq");
    f.i32(0);
    f.i32(0);
    f.memory("i32.store", ERROR_CODE);
    f.if(() => fail("out_of_memory"));
    fail("decimal_out_of_range");
  });
}

/** Passes the i64 on top of the stack if it has at most `digits` decimal digits. */
export function emitPrecisionCheck(f: FunctionBuilder, digits: number, fail: Fail): void {
  const limit = 10n ** BigInt(digits) - 1n;
  const value = f.local("i64");
  f.tee(value);
  f.i64(limit);
  f.op("i64.gt_s");
  f.get(value);
  f.i64(-limit);
  f.op("i64.lt_s", "i32.or");
  f.if(() => fail("decimal_out_of_range"));
  f.get(value);
}

/** Pops dividend and divisor (not zero, at most 10^18 in magnitude), pushes the quotient rounded half away from zero. */
export function emitDivideHalfUp(f: FunctionBuilder): void {
  const [dividend, divisor, quotient, rest] = [f.local("i64"), f.local("i64"), f.local("i64"), f.local("i64")];
  f.set(divisor);
  f.tee(dividend);
  f.get(divisor);
  f.op("i64.div_s");
  f.set(quotient);
  f.get(dividend);
  f.get(quotient);
  f.get(divisor);
  f.op("i64.mul", "i64.sub");
  f.set(rest);
  // |2 rest| >= |divisor|, then one further from zero.
  emitMagnitude(f, () => f.get(rest));
  f.i64(1n);
  f.op("i64.shl");
  emitMagnitude(f, () => f.get(divisor));
  f.op("i64.ge_s");
  f.if(
    () => {
      f.get(quotient);
      f.get(dividend);
      f.get(divisor);
      f.op("i64.xor");
      f.i64(63n);
      f.op("i64.shr_s");
      f.i64(1n);
      f.op("i64.or", "i64.add");
    },
    () => f.get(quotient),
    "i64",
  );
}

function emitMagnitude(f: FunctionBuilder, push: () => void): void {
  f.i64(0n);
  push();
  f.op("i64.sub");
  push();
  push();
  f.i64(0n);
  f.op("i64.lt_s", "select");
}
