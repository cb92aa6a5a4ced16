/** Bit operations, shifts, and the mathematics that WebAssembly has instructions for. */
import type { FunctionBuilder } from "./emitter.ts";
import { isFractional } from "../plan/expr/type-coercion.ts";
import { integerBits } from "./inline-arithmetic.ts";
import { isNarrowDecimal } from "./inline-decimal.ts";
import { type InlineConditions, type InlineFunction, type InlineFunctions, strictFunction } from "./inline-function.ts";
import type { CompiledValue } from "./value.ts";

const isIntegers = ({ types, returnType }: InlineConditions): boolean =>
  integerBits(returnType) !== undefined && types.every((type) => type.kind === returnType.kind);

const bitwise = (operator: "and" | "or" | "xor"): InlineFunction =>
  strictFunction(
    isIntegers,
    ({ f, args }) => {
      for (const arg of args) arg.push();
      f.op(`${args[0]!.physical === "i64" ? "i64" : "i32"}.${operator}`);
    },
    { safe: true },
  );

const complement = strictFunction(
  isIntegers,
  ({ f, args }) => {
    args[0]!.push();
    if (args[0]!.physical === "i64") {
      f.i64(-1n);
      f.op("i64.xor");
    } else {
      f.i32(-1);
      f.op("i32.xor");
    }
  },
  { safe: true },
);

/** The distance counts modulo the width, in Java as here. */
const shift = (operator: "shl" | "shr_s"): InlineFunction =>
  strictFunction(
    ({ types, returnType }) =>
      (returnType.kind === "integer" || returnType.kind === "long") && types[0]!.kind === returnType.kind && types[1]?.kind === "integer",
    ({ f, args }) => {
      args[0]!.push();
      args[1]!.push();
      if (args[0]!.physical === "i64") f.op("i64.extend_i32_s", `i64.${operator}`);
      else f.op(`i32.${operator}`);
    },
    { safe: true },
  );

const pushDouble = (f: FunctionBuilder, value: CompiledValue): void => {
  value.push();
  if (value.physical === "f32") f.op("f64.promote_f32");
};

/** `ceil` and `floor` with one argument: long for doubles (saturating, 0 for NaN) and integers, a whole decimal for decimals. */
const towards = (direction: "ceil" | "floor"): InlineFunction =>
  strictFunction(
    ({ types, returnType }) =>
      types.length === 1 &&
      ((types[0]!.kind === "double" && returnType.kind === "long") ||
        (types[0]!.kind === "long" && returnType.kind === "long") ||
        (isNarrowDecimal(types[0]!) && isNarrowDecimal(returnType) && returnType.kind === "decimal" && returnType.scale === 0)),
    ({ f, args }) => {
      const [value] = args;
      const type = value!.dataType;
      if (isFractional(type)) {
        pushDouble(f, value!);
        return f.op(`f64.${direction}`, "i64.trunc_sat_f64_s");
      }
      value!.push();
      if (type.kind !== "decimal" || type.scale === 0) return;
      const power = 10n ** BigInt(type.scale);
      const whole = f.local("i64");
      f.i64(power);
      f.op("i64.div_s");
      f.tee(whole);
      f.get(whole);
      f.i64(power);
      f.op("i64.mul");
      value!.push();
      // Cut towards zero; one step further where that went the wrong way.
      f.op(direction === "ceil" ? "i64.lt_s" : "i64.gt_s", "i64.extend_i32_u", direction === "ceil" ? "i64.add" : "i64.sub");
    },
    { safe: true },
  );

const onDouble = (emit: (f: FunctionBuilder) => void): InlineFunction =>
  strictFunction(
    ({ types, returnType }) => types.length === 1 && types[0]!.kind === "double" && returnType.kind === "double",
    ({ f, args }) => {
      args[0]!.push();
      emit(f);
    },
    { safe: true },
  );

const sign = onDouble((f) => {
  const value = f.local("f64");
  f.set(value);
  // The value itself when it is zero or NaN.
  f.f64(1);
  f.get(value);
  f.op("f64.copysign");
  f.get(value);
  f.get(value);
  f.f64(0);
  f.op("f64.lt");
  f.get(value);
  f.f64(0);
  f.op("f64.gt", "i32.or", "select");
});

export const mathFunctions: InlineFunctions = {
  "&": bitwise("and"),
  "|": bitwise("or"),
  "^": bitwise("xor"),
  "~": complement,
  shiftleft: shift("shl"),
  shiftright: shift("shr_s"),
  ceil: towards("ceil"),
  floor: towards("floor"),
  sqrt: onDouble((f) => f.op("f64.sqrt")),
  sign,
};
