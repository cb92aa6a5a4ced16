/**
 * Casts in generated code: among numbers, booleans, decimals, dates, timestamps and intervals. Mirrors
 * Spark's ANSI `Cast`; in `try` mode what does not fit is null.
 */
import { ERROR_CODE } from "../columnar/memory-layout.ts";
import { unitOf } from "../columnar/interval.ts";
import { type DataType, type DecimalType, physicalKind, sameType } from "../columnar/types.ts";
import type { Cast } from "../plan/expr/expression.ts";
import type { CompileOptions, ExpressionCompiler } from "./expression.ts";
import { typeOf } from "../plan/expr/expression-type.ts";
import { isFractional, isInterval } from "../plan/expr/type-coercion.ts";
import type { FunctionBuilder } from "./emitter.ts";
import { emitNarrowLong, integerBits } from "./inline-arithmetic.ts";
import { isNarrowDecimal, pushWide } from "./inline-decimal.ts";
import { decimalToText, emitRescale, fromNarrow, fromWide, textToDecimal, toWide } from "./inline-decimal-cast.ts";
import { type Conversion, emitKernelCheck, type Fail } from "./inline-function.ts";
import { emitFloorDivide, emitScale, MICROS_PER_DAY } from "./inline-interval.ts";
import { literalBytes } from "./literal.ts";
import { textKernel } from "./text-casts.ts";
import { isUtc } from "./time-zone-names.ts";
import type { CompiledValue } from "./value.ts";

const MICROS_PER_SECOND = 1_000_000n;

/** Whether `compileCast` covers the cast. */
export function isInlineCast(cast: Cast, options: CompileOptions): boolean {
  const [from, to] = [typeOf(cast.child), cast.to as DataType];
  const utc = isUtc(options.timeZone);
  return isSameRepresentation(from, to) || from.kind === "void" || conversion(from, to, utc) !== null || textKernel(from, to, utc) !== null;
}

/** Whether no value of `from` is refused by `to`. */
export function isSafeCast(from: DataType, to: DataType): boolean {
  if (isSameRepresentation(from, to) || from.kind === "void") return true;
  const toBits = integerBits(to);
  if (from.kind === "boolean" || to.kind === "boolean") return from.kind !== "string" && to.kind !== "decimal";
  const fromBits = integerBits(from);
  if (fromBits !== undefined) {
    if (to.kind === "decimal") return to.precision - to.scale >= INTEGER_DIGITS[fromBits];
    return toBits === undefined ? isFractional(to) || to.kind === "timestamp" : toBits >= fromBits;
  }
  if (isFractional(from)) return isFractional(to);
  if (from.kind === "decimal") {
    if (to.kind !== "decimal") return isFractional(to);
    return to.precision - to.scale >= from.precision - from.scale + (to.scale < from.scale ? 1 : 0);
  }
  return (from.kind === "timestamp" || from.kind === "timestamp_ntz") && (toBits === undefined || toBits === 64);
}

export function compileCast(compiler: ExpressionCompiler, cast: Cast): CompiledValue {
  const [from, to] = [typeOf(cast.child), cast.to as DataType];
  const value = compiler.compile(cast.child);
  if (isSameRepresentation(from, to)) return { ...value, dataType: to };
  if (from.kind === "void") return compiler.compile({ kind: "literal", value: null, dataType: to });
  const site = { name: "cast", operands: [value], resultType: to, ...(cast.origin && { origin: cast.origin }) };
  const onError = cast.mode === "try" ? "null" : "raise";
  const text = textKernel(from, to, compiler.isUtc);
  if (text) return compiler.kernelCall(text.kernel, site, { mayBeNull: false, onError, constants: text.constants });
  const convert = conversion(from, to, compiler.isUtc)!;
  const emit = (fail: Fail): void => convert(compiler.f, value, fail, compiler);
  if (isWidening(from, to)) {
    // Made wide only where somebody wants it so.
    const { f, module } = compiler;
    const push = (): void => pushWide(f, module, value);
    return { dataType: to, physical: "wide", isNull: compiler.anyNull([value]), push, narrow: () => pushLong(f, value) };
  }
  const isMemoryFree = [value.physical, physicalKind(to)].every((kind) => kind !== "wide" && kind !== "view");
  if (isMemoryFree && isSafeCast(from, to)) return compiler.strictSafe(to, [value], () => emit(neverFails));
  return compiler.strictFallible(site, [value], onError, emit);
}

/** Whole numbers as decimals that hold all of them and need more than 64 bits for others. */
function isWidening(from: DataType, to: DataType): to is DecimalType {
  const bits = integerBits(from);
  return bits !== undefined && to.kind === "decimal" && !isNarrowDecimal(to) && to.scale === 0 && INTEGER_DIGITS[bits] <= to.precision;
}

function neverFails(): never {
  throw new Error("millrace internal error: a safe cast fails");
}

/** Nothing to do: names and nullability of struct fields may still differ. */
function isSameRepresentation(from: DataType, to: DataType): boolean {
  if (from.kind === "struct" && to.kind === "struct") {
    return (
      from.fields.length === to.fields.length &&
      from.fields.every((field, i) => isSameRepresentation(field.dataType, to.fields[i]!.dataType))
    );
  }
  return sameType(from, to) || (isInterval(from) && from.kind === to.kind && from.end <= to.end);
}

/** Decimal digits of integers by their width in bits. */
const INTEGER_DIGITS = { 1: 1, 8: 3, 16: 5, 32: 10, 64: 19 } as const;

const isInteger = (type: DataType): boolean => integerBits(type) !== undefined;

function conversion(from: DataType, to: DataType, utc: boolean): Conversion | null {
  if (from.kind === "boolean" && to.kind === "string") return booleanToText;
  if (from.kind === "string" && to.kind === "binary") return (_, value) => value.push();
  if (from.kind === "string" && to.kind === "decimal") return textToDecimal(to);
  if (from.kind === "string" && to.kind === "timestamp") return utc ? textToTimestamp : null;
  if (from.kind === "decimal" && to.kind === "string") return decimalToText(from.scale);
  if (isInteger(from) || from.kind === "boolean") return fromInteger(from, to);
  if (isFractional(from)) return fromFractional(from, to);
  if (from.kind === "decimal") return isNarrowDecimal(from) ? fromNarrow(from, to) : fromWide(from, to);
  switch (from.kind) {
    case "date":
      if (to.kind === "timestamp_ntz" || (to.kind === "timestamp" && utc)) return dateToTimestamp;
      return null;
    case "timestamp":
      if ((to.kind === "date" || to.kind === "timestamp_ntz") && !utc) return null;
      return fromTimestamp(to);
    case "timestamp_ntz":
      if (to.kind === "timestamp") return utc ? (_, value) => value.push() : null;
      return to.kind === "date" ? fromTimestamp(to) : null;
    case "day_time_interval":
    case "year_month_interval":
      return isInteger(to)
        ? (f, value, fail) => {
            pushLong(f, value);
            f.i64(unitOf(from));
            f.op("i64.div_s");
            emitNarrowLong(f, to, fail);
          }
        : null;
    default:
      return null;
  }
}

const booleanToText: Conversion = (f, value, _fail, { module }) => {
  for (const text of [true, false]) module.pushLiteralView(f, literalBytes(String(text)));
  value.push();
  f.op("select");
};

/** The kernel refuses what it does not know, zones by name among them: then the plain parser has the last word. */
const textToTimestamp: Conversion = (f, value, fail, { module }) => {
  const result = f.local("i64");
  value.push();
  f.call(module.kernel("parse_timestamp", ["i64"], ["i64"]));
  f.set(result);
  emitKernelCheck(f, () => {
    f.i32(0);
    f.i32(0);
    f.memory("i32.store", ERROR_CODE);
    value.push();
    f.call(module.host("parse_timestamp", ["i64"], ["i64"]));
    f.set(result);
    emitKernelCheck(f, fail);
  });
  f.get(result);
};

const pushLong = (f: FunctionBuilder, value: CompiledValue): void => {
  value.push();
  if (value.physical !== "i64") f.op("i64.extend_i32_s");
};

function fromInteger(from: DataType, to: DataType): Conversion | null {
  const fromBits = integerBits(from) ?? 1;
  if (to.kind === "boolean") {
    return (f, value) => {
      value.push();
      f.op(fromBits === 64 ? "i64.eqz" : "i32.eqz", "i32.eqz");
    };
  }
  const toBits = integerBits(to);
  if (toBits !== undefined) {
    if (toBits < fromBits) {
      return (f, value, fail) => {
        pushLong(f, value);
        emitNarrowLong(f, to, fail);
      };
    }
    return (f, value) => {
      value.push();
      if (toBits === 64 && fromBits < 64) f.op("i64.extend_i32_s");
    };
  }
  if (isFractional(to)) {
    return (f, value) => {
      value.push();
      f.op(`${to.kind === "float" ? "f32" : "f64"}.convert_${fromBits === 64 ? "i64" : "i32"}_s`);
    };
  }
  if (to.kind === "decimal" && isNarrowDecimal(to)) {
    return (f, value, fail) => {
      pushLong(f, value);
      emitRescale(f, INTEGER_DIGITS[fromBits], 0, to, fail);
    };
  }
  if (to.kind === "decimal") return toWide(INTEGER_DIGITS[fromBits], 0, to);
  if (from.kind === "boolean") return null;
  // Whole numbers count seconds, or months.
  if (to.kind === "timestamp") {
    return (f, value) => {
      const result = f.local("i64");
      pushLong(f, value);
      f.set(result);
      f.block((end) => {
        f.get(result);
        emitScale(f, MICROS_PER_SECOND, () => {
          f.get(result);
          f.i64(63n);
          f.op("i64.shr_s");
          f.i64(2n ** 63n - 1n);
          f.op("i64.xor");
          f.set(result);
          f.br(end);
        });
        f.set(result);
      });
      f.get(result);
    };
  }
  if (to.kind === "day_time_interval" || to.kind === "year_month_interval") {
    return (f, value, fail) => {
      pushLong(f, value);
      emitScale(f, unitOf(to), () => fail("cast_overflow"));
      if (to.kind === "year_month_interval") emitNarrowLong(f, { kind: "integer" }, fail);
    };
  }
  return null;
}

function fromFractional(from: { kind: "float" } | { kind: "double" }, to: DataType): Conversion | null {
  const type = from.kind === "float" ? "f32" : "f64";
  const pushDouble = (f: FunctionBuilder, value: CompiledValue): void => {
    value.push();
    if (type === "f32") f.op("f64.promote_f32");
  };
  switch (to.kind) {
    case "float":
      return (f, value) => {
        value.push();
        f.op("f32.demote_f64");
      };
    case "double":
      return pushDouble;
    case "boolean":
      return (f, value) => {
        pushDouble(f, value);
        f.f64(0);
        f.op("f64.ne");
      };
    case "byte":
    case "short":
    case "integer":
    case "long": {
      const bits = integerBits(to)!;
      // Spark compares with Long.MaxValue as a double, which is 2^63: that one double is taken and becomes the maximum.
      const [low, high] = bits === 64 ? [-(2 ** 63), 2 ** 63] : [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];
      return (f, value, fail) => {
        const whole = f.local("f64");
        pushDouble(f, value);
        f.op("f64.trunc");
        f.tee(whole);
        f.f64(low);
        f.op("f64.ge");
        f.get(whole);
        f.f64(high);
        f.op("f64.le", "i32.and", "i32.eqz");
        f.if(() => fail("cast_overflow"));
        f.get(whole);
        f.op(bits === 64 ? "i64.trunc_sat_f64_s" : "i32.trunc_sat_f64_s");
      };
    }
    default:
      return null;
  }
}

const dateToTimestamp: Conversion = (f, value, fail) => {
  value.push();
  f.op("i64.extend_i32_s");
  emitScale(f, MICROS_PER_DAY, () => fail("arithmetic_overflow"));
};

function fromTimestamp(to: DataType): Conversion | null {
  switch (to.kind) {
    case "date":
      return (f, value) => {
        value.push();
        emitFloorDivide(f, MICROS_PER_DAY);
        f.op("i32.wrap_i64");
      };
    case "timestamp_ntz":
      return (_, value) => value.push();
    case "byte":
    case "short":
    case "integer":
    case "long":
      return (f, value, fail) => {
        value.push();
        emitFloorDivide(f, MICROS_PER_SECOND);
        emitNarrowLong(f, to, fail);
      };
    case "double":
    case "float":
      return (f, value) => {
        value.push();
        f.op("f64.convert_i64_s");
        f.f64(1e6);
        f.op("f64.div");
        if (to.kind === "float") f.op("f32.demote_f64");
      };
    default:
      return null;
  }
}
