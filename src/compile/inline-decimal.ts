/**
 * Decimals of up to 18 digits: unscaled i64. Operands may differ in scale, results have Spark's type; whenever that type has
 * at most 18 digits no step here can leave 64 bits, so only division by zero needs a check.
 */
import type { DataType, DecimalType } from "../columnar/types.ts";
import type { FunctionBuilder } from "./emitter.ts";
import type { InlineConditions, StrictEmission } from "./inline-function.ts";

/** Digits that every i64 holds. */
const DIGITS_MAX = 18;

export const isNarrowDecimal = (type: DataType): type is DecimalType => type.kind === "decimal" && type.precision <= DIGITS_MAX;

interface DecimalOperation {
  accepts(conditions: InlineConditions): boolean;
  emit(emission: StrictEmission): void;
}

interface Shape {
  readonly a: DecimalType;
  readonly b: DecimalType;
  readonly result: DecimalType;
}

function shapeOf({ types, returnType }: Pick<InlineConditions, "types" | "returnType">): Shape | null {
  const [a, b] = types;
  if (!a || !b || types.length !== 2 || !isNarrowDecimal(a) || !isNarrowDecimal(b) || !isNarrowDecimal(returnType)) return null;
  return { a, b, result: returnType };
}

const integerDigits = (type: DecimalType): number => type.precision - type.scale;

/** Digits right of the point that both operands are brought to. */
const commonScale = ({ a, b }: Shape): number => Math.max(a.scale, b.scale);
/** Decimal digits of the larger operand at the common scale. */
const commonDigits = (shape: Shape): number => Math.max(integerDigits(shape.a), integerDigits(shape.b)) + commonScale(shape);

function operation(fits: (shape: Shape) => boolean, emit: (emission: StrictEmission, shape: Shape) => void): DecimalOperation {
  return {
    accepts: (conditions) => {
      const shape = shapeOf(conditions);
      return shape !== null && fits(shape);
    },
    emit: (emission) => emit(emission, shapeOf({ types: emission.args.map((arg) => arg.dataType), returnType: emission.call.dataType })!),
  };
}

const sum = (operator: "add" | "sub"): DecimalOperation =>
  operation(
    (shape) => shape.result.scale === commonScale(shape) && commonDigits(shape) < shape.result.precision,
    ({ f, args }, shape) => {
      pushAtScale(f, args[0]!.push, shape.a.scale, shape.result.scale);
      pushAtScale(f, args[1]!.push, shape.b.scale, shape.result.scale);
      f.op(`i64.${operator}`);
    },
  );

export const decimalArithmetic: Readonly<Record<"add" | "sub" | "mul" | "div" | "rem", DecimalOperation>> = {
  add: sum("add"),
  sub: sum("sub"),
  mul: operation(
    ({ a, b, result }) => result.scale === a.scale + b.scale && a.precision + b.precision <= DIGITS_MAX,
    ({ f, args }) => {
      args[0]!.push();
      args[1]!.push();
      f.op("i64.mul");
    },
  ),
  div: operation(
    ({ a, b, result }) => a.precision + result.scale - a.scale + b.scale <= DIGITS_MAX && result.scale - a.scale + b.scale >= 0,
    ({ f, args, fail }, { a, b, result }) => {
      args[1]!.push();
      f.op("i64.eqz");
      f.if(() => fail("divide_by_zero"));
      pushAtScale(f, args[0]!.push, a.scale, result.scale + b.scale);
      args[1]!.push();
      emitDivideHalfUp(f);
    },
  ),
  rem: operation(
    (shape) => shape.result.scale === commonScale(shape) && commonDigits(shape) <= DIGITS_MAX,
    ({ f, args, fail }, shape) => {
      args[1]!.push();
      f.op("i64.eqz");
      f.if(() => fail("remainder_by_zero"));
      pushAtScale(f, args[0]!.push, shape.a.scale, shape.result.scale);
      pushAtScale(f, args[1]!.push, shape.b.scale, shape.result.scale);
      f.op("i64.rem_s");
    },
  ),
};

/** Pushes an unscaled number brought from scale `from` to the larger or equal scale `to`. */
export function pushAtScale(f: FunctionBuilder, push: () => void, from: number, to: number): void {
  push();
  if (to === from) return;
  f.i64(10n ** BigInt(to - from));
  f.op("i64.mul");
}

/** Pops dividend and divisor (not zero, below 10^18 in magnitude), pushes the quotient rounded half away from zero. */
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
