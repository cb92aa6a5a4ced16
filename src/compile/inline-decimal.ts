/**
 * Decimal arithmetic. Up to 18 digits: unscaled i64, inline as long as no intermediate needs more. Up to 38: 128-bit numbers
 * under views, by kernels (`kernels/assembly/decimal.ts`).
 */
import type { DataType, DecimalType } from "../columnar/types.ts";
import { ARENA_BLOCK, ARENAS } from "../columnar/memory-layout.ts";
import type { Call } from "../plan/expr/expression.ts";
import type { FunctionBuilder, Local } from "./emitter.ts";
import { emitKernelCheck, type Fail, type InlineConditions, type StrictEmission } from "./inline-function.ts";
import type { ModuleContext } from "./module-context.ts";
import type { CompiledValue } from "./value.ts";

/** Digits that every i64 holds. */
const NARROW_DIGITS = 18;
const WIDE_BYTES = 16;

export const isNarrowDecimal = (type: DataType): boolean => type.kind === "decimal" && type.precision <= NARROW_DIGITS;

interface Shape {
  readonly a: DecimalType;
  readonly b: DecimalType;
  readonly result: DecimalType;
}

/** How an operation is computed on i64. */
interface NarrowPlan {
  /** Decimal digits of the largest intermediate. */
  readonly digits: number;
  /** Digits that each operand gains before the operation. */
  readonly shifts: readonly [number, number];
  /** Digits that the result may have; checked when the result's type has fewer. */
  readonly resultDigits: number;
  readonly emit: (f: FunctionBuilder) => void;
}

export type DecimalOperator = "add" | "sub" | "mul" | "div" | "rem";

const KERNELS: Readonly<Record<DecimalOperator, string>> = {
  add: "decimal_add",
  sub: "decimal_subtract",
  mul: "decimal_multiply",
  div: "decimal_divide",
  rem: "decimal_remainder",
};

export const acceptsDecimals = ({ types, returnType }: InlineConditions): boolean => shapeOf(types, returnType) !== null;

/** Pushes the result. */
export function emitDecimals(operator: DecimalOperator, { f, module, args, call, fail }: StrictEmission): void {
  const shape = shapeOf(
    args.map((arg) => arg.dataType),
    call.dataType,
  )!;
  const { a, b, result } = shape;
  const plan = [a, b, result].every(isNarrowDecimal) ? narrowPlan(operator, shape) : null;
  if (plan && plan.digits <= NARROW_DIGITS) {
    if (operator === "div" || operator === "rem") {
      args[1]!.push();
      f.op("i64.eqz");
      f.if(() => fail(operator === "div" ? "divide_by_zero" : "remainder_by_zero"));
    }
    args.forEach((arg, index) => pushScaled(f, arg, plan.shifts[index]!));
    plan.emit(f);
    if (plan.resultDigits > result.precision) emitPrecisionCheck(f, result.precision, fail);
    return;
  }
  const isOfLongs = operator === "mul" && args.every(({ physical, narrow }) => physical === "i64" || narrow);
  const byKernel = (): void => {
    for (const arg of args) {
      if (isOfLongs) pushLong(arg);
      else pushWide(f, module, arg);
    }
    for (const constant of [a.scale, b.scale, result.scale, result.precision]) f.i32(constant);
    const kernel = isOfLongs ? "decimal_multiply_longs" : KERNELS[operator];
    f.call(module.kernel(kernel, ["i64", "i64", "i32", "i32", "i32", "i32"], ["i64"]));
    emitKernelCheck(f, fail);
    emitFit(f, module, result);
  };
  const factor = isOfLongs && hasRoomForLongs(shape) ? literalFactor(call) : null;
  if (factor === null) return byKernel();
  // Inline unless the product needs more than 64 bits.
  const { value, other } = factor;
  const limit = (2n ** 63n - 1n) / (value < 0n ? -value : value);
  const product = f.local("i64");
  pushLong(args[other]!);
  f.tee(product);
  f.i64(limit);
  f.op("i64.add");
  f.i64(BigInt.asIntN(64, 2n * limit));
  f.op("i64.le_u");
  f.if(
    () => {
      f.get(product);
      f.i64(value);
      f.op("i64.mul");
      f.set(product);
      pushWideOf(f, module, product);
    },
    byKernel,
    "i64",
  );
}

const pushLong = (value: CompiledValue): void => (value.narrow ? value.narrow() : value.push());

/** Whether the product of any two longs that fits a long is a result as it is. */
const hasRoomForLongs = ({ a, b, result }: Shape): boolean => result.scale === a.scale + b.scale && result.precision > NARROW_DIGITS;

/** A factor that is known, and which argument the other is. */
function literalFactor({ args }: Call): { value: bigint; other: number } | null {
  for (const [index, arg] of args.entries())
    if (arg.kind === "literal" && typeof arg.value === "bigint" && arg.value !== 0n) return { value: arg.value, other: 1 - index };
  return null;
}

/** Pushes the i64 in `value` as a wide number in the block's arena. Without memory the error cell is set, and what is pushed does not count. */
function pushWideOf(f: FunctionBuilder, module: ModuleContext, value: Local): void {
  const arena = ARENAS + 32 * ARENA_BLOCK;
  const [address, end] = [f.local("i32"), f.local("i32")];
  f.i32(0);
  f.memory("i32.load", arena);
  f.tee(address);
  f.i32(WIDE_BYTES);
  f.op("i32.add");
  f.tee(end);
  f.i32(0);
  f.memory("i32.load", arena + 4);
  f.op("i32.le_u");
  f.if(
    () => {
      f.i32(0);
      f.get(end);
      f.memory("i32.store", arena);
    },
    () => {
      f.i32(ARENA_BLOCK);
      f.i32(WIDE_BYTES);
      f.call(module.kernel("arena_alloc", ["i32", "i32"], ["i32"]));
      f.set(address);
    },
  );
  f.get(address);
  f.get(value);
  f.memory("i64.store");
  f.get(address);
  f.get(value);
  f.i64(63n);
  f.op("i64.shr_s");
  f.memory("i64.store", 8);
  f.get(address);
  f.op("i64.extend_i32_u");
  f.i64(BigInt(WIDE_BYTES) << 32n);
  f.op("i64.or");
}

function shapeOf(types: readonly DataType[], result: DataType): Shape | null {
  const [a, b] = types;
  if (types.length !== 2 || a?.kind !== "decimal" || b?.kind !== "decimal" || result.kind !== "decimal") return null;
  return { a, b, result };
}

const integerDigits = (type: DecimalType): number => type.precision - type.scale;

/** Null where the result's scale is not the natural one. */
function narrowPlan(operator: DecimalOperator, { a, b, result }: Shape): NarrowPlan | null {
  const scale = Math.max(a.scale, b.scale);
  const digits = Math.max(integerDigits(a), integerDigits(b)) + scale;
  const toCommonScale = [scale - a.scale, scale - b.scale] as const;
  switch (operator) {
    case "add":
    case "sub":
      if (result.scale !== scale) return null;
      return { digits, shifts: toCommonScale, resultDigits: digits + 1, emit: (f) => f.op(`i64.${operator}`) };
    case "rem": {
      if (result.scale !== scale) return null;
      const resultDigits = Math.min(integerDigits(a), integerDigits(b)) + scale;
      return { digits, shifts: toCommonScale, resultDigits, emit: (f) => f.op("i64.rem_s") };
    }
    case "mul": {
      if (result.scale !== a.scale + b.scale) return null;
      const product = a.precision + b.precision;
      return { digits: product, shifts: [0, 0], resultDigits: product, emit: (f) => f.op("i64.mul") };
    }
    case "div": {
      const shift = result.scale - a.scale + b.scale;
      if (shift < 0) return null;
      const dividend = a.precision + shift;
      return { digits: dividend, shifts: [shift, 0], resultDigits: dividend, emit: emitDivideHalfUp };
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

/** Pushes a decimal or an integer as a wide number of the same scale. */
export function pushWide(f: FunctionBuilder, module: ModuleContext, value: CompiledValue): void {
  value.push();
  if (value.physical === "wide") return;
  if (value.physical !== "i64") f.op("i64.extend_i32_s");
  f.call(module.kernel("wide_from_long", ["i64"], ["i64"]));
}

/** Pops a wide number that fits the type, pushes it in the type's representation. */
export function emitFit(f: FunctionBuilder, module: ModuleContext, type: DecimalType): void {
  if (isNarrowDecimal(type)) f.call(module.kernel("wide_to_long", ["i64"], ["i64"]));
}

/** Pops a wide number of scale `from`, pushes it as a decimal of type `to`; fails beyond its precision. */
export function emitRescaleWide(f: FunctionBuilder, module: ModuleContext, from: number, to: DecimalType, fail: Fail): void {
  for (const constant of [from, to.scale, to.precision]) f.i32(constant);
  f.call(module.kernel("decimal_rescale", ["i64", "i32", "i32", "i32"], ["i64"]));
  emitKernelCheck(f, fail);
  emitFit(f, module, to);
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
