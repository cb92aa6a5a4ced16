/** Casts from decimals, and to them: the part of `inline-cast.ts` that is about scale and precision. */
import { type DataType, type DecimalType } from "../columnar/types.ts";
import { isFractional } from "../plan/expr/type-coercion.ts";
import type { FunctionBuilder, Local } from "./emitter.ts";
import type { ExpressionCompiler } from "./expression.ts";
import { emitNarrowLong, integerBits } from "./inline-arithmetic.ts";
import { emitDivideHalfUp, emitFit, emitPrecisionCheck, emitRescaleWide, isNarrowDecimal, pushWide } from "./inline-decimal.ts";
import { type Conversion, emitKernelCheck, type Fail } from "./inline-function.ts";
import type { ModuleContext } from "./module-context.ts";
import type { CompiledValue } from "./value.ts";

/** Doubles hold whole numbers up to this exactly. */
const EXACT_DOUBLE_MAX = 2n ** 53n;
/** And powers of ten up to this one. */
const EXACT_POWER_MAX = 22;

export const textToDecimal =
  (to: DecimalType): Conversion =>
  (f, value, fail, { module }) => {
    value.push();
    f.i32(to.precision);
    f.i32(to.scale);
    f.call(module.kernel("decimal_parse", ["i64", "i32", "i32"], ["i64"]));
    emitKernelCheck(f, fail);
    emitFit(f, module, to);
  };

export const decimalToText =
  (scale: number): Conversion =>
  (f, value, fail, { module }) => {
    pushWide(f, module, value);
    f.i32(scale);
    f.call(module.kernel("decimal_format", ["i64", "i32"], ["i64"]));
    emitKernelCheck(f, fail);
  };

export function fromNarrow(from: DecimalType, to: DataType): Conversion | null {
  if (to.kind === "boolean") {
    return (f, value) => {
      value.push();
      f.op("i64.eqz", "i32.eqz");
    };
  }
  if (integerBits(to) !== undefined) {
    return (f, value, fail) => {
      value.push();
      f.i64(10n ** BigInt(from.scale));
      f.op("i64.div_s");
      emitNarrowLong(f, to, fail);
    };
  }
  if (to.kind === "decimal" && isNarrowDecimal(to)) {
    return (f, value, fail) => {
      value.push();
      emitRescale(f, from.precision, from.scale, to, fail);
    };
  }
  if (to.kind === "decimal") return toWide(from.precision, from.scale, to);
  if (isFractional(to)) {
    return (f, value, _, compiler) => {
      emitDecimalToDouble(compiler, value, from.scale);
      if (to.kind === "float") f.op("f32.demote_f64");
    };
  }
  return null;
}

/** To a decimal of more than 18 digits, from an unscaled number of at most `digits` digits at scale `from`. */
export function toWide(digits: number, from: number, to: DecimalType): Conversion {
  return (f, value, fail, { module }) => {
    pushWide(f, module, value);
    if (to.scale !== from || digits > to.precision) emitRescaleWide(f, module, from, to, fail);
  };
}

export function fromWide(from: DecimalType, to: DataType): Conversion | null {
  if (to.kind === "decimal") {
    return (f, value, fail, { module }) => {
      value.push();
      emitRescaleWide(f, module, from.scale, to, fail);
    };
  }
  if (to.kind === "boolean") {
    return (f, value) => {
      const { low, high } = loadWide(f, value);
      f.get(low);
      f.get(high);
      f.op("i64.or", "i64.eqz", "i32.eqz");
    };
  }
  if (integerBits(to) !== undefined) {
    return (f, value, fail, { module }) => {
      value.push();
      f.i32(from.scale);
      f.call(module.kernel("wide_to_integer", ["i64", "i32"], ["i64"]));
      emitKernelCheck(f, fail);
      emitNarrowLong(f, to, fail);
    };
  }
  if (isFractional(to)) {
    return (f, value, _, { module }) => {
      emitWideToDouble(f, module, value, from.scale);
      if (to.kind === "float") f.op("f32.demote_f64");
    };
  }
  return null;
}

/** Both halves of a wide number in locals. */
function loadWide(f: FunctionBuilder, value: CompiledValue): { low: Local; high: Local } {
  const [low, high] = [f.local("i64"), f.local("i64")];
  for (const [half, offset] of [
    [low, 0],
    [high, 8],
  ] as const) {
    value.push();
    f.op("i32.wrap_i64");
    f.memory("i64.load", offset);
    f.set(half);
  }
  return { low, high };
}

/** As `emitDecimalToDouble`, if the number and the power of ten are exact. */
function emitWideToDouble(f: FunctionBuilder, module: ModuleContext, value: CompiledValue, scale: number): void {
  const byHost = (): void => {
    value.push();
    f.i32(scale);
    f.call(module.host("wide_to_double", ["i64", "i32"], ["f64"]));
  };
  if (scale > EXACT_POWER_MAX) return byHost();
  const { low, high } = loadWide(f, value);
  f.get(high);
  f.get(low);
  f.i64(63n);
  f.op("i64.shr_s", "i64.eq");
  f.get(low);
  f.i64(EXACT_DOUBLE_MAX);
  f.op("i64.add");
  f.i64(2n * EXACT_DOUBLE_MAX);
  f.op("i64.le_u", "i32.and");
  f.if(
    () => {
      f.get(low);
      f.op("f64.convert_i64_s");
      f.f64(10 ** scale);
      f.op("f64.div");
    },
    byHost,
    "f64",
  );
}

/** Both numbers exact: one division rounds correctly. Larger ones take the slow way. */
function emitDecimalToDouble(compiler: ExpressionCompiler, value: CompiledValue, scale: number): void {
  const { f, module } = compiler;
  const quick = (): void => {
    value.push();
    f.op("f64.convert_i64_s");
    if (scale === 0) return;
    f.f64(10 ** scale);
    f.op("f64.div");
  };
  if (scale === 0) return quick();
  value.push();
  f.i64(EXACT_DOUBLE_MAX);
  f.op("i64.add");
  f.i64(2n * EXACT_DOUBLE_MAX);
  f.op("i64.le_u");
  f.if(
    quick,
    () => {
      value.push();
      f.i32(scale);
      f.call(module.host("decimal_to_double", ["i64", "i32"], ["f64"]));
    },
    "f64",
  );
}

/** Pops an unscaled number of at most `digits` digits at scale `from`, pushes it at the scale of `to`; fails beyond its precision. */
export function emitRescale(f: FunctionBuilder, digits: number, from: number, to: DecimalType, fail: Fail): void {
  const up = to.scale - from;
  if (up < 0) {
    f.i64(10n ** BigInt(-up));
    emitDivideHalfUp(f);
    if (digits + up + 1 > to.precision) emitPrecisionCheck(f, to.precision, fail);
    return;
  }
  const digitsMax = Math.max(to.precision - up, 0);
  if (digits > digitsMax) emitPrecisionCheck(f, digitsMax, fail);
  if (up === 0) return;
  f.i64(10n ** BigInt(up));
  f.op("i64.mul");
}
