/** `ceil`, `floor`, `round`, `bround`. */
import { decimalFromDouble, decimalToDouble, divideHalfEven, divideHalfUp, fitsPrecision, powerOfTen } from "../../columnar/decimal.ts";
import { decimalType, IntegerType, LongType, type DataType, type DecimalType } from "../../columnar/types.ts";
import type { Value } from "../../columnar/values.ts";
import type { ScalarFunction } from "../../plan/expr/function-registry.ts";
import { boundedDecimal, decimalForType, isFractional } from "../../plan/expr/type-coercion.ts";
import { arithmeticOverflow, decimalOutOfRange, integralBits } from "../arithmetic-errors.ts";
import { anyNullable, callSql, checkCount, coerceAll, INTEGER, NUMERIC, resolution, unexpectedInput } from "../signature.ts";
import { AnalysisError } from "../../base/errors.ts";

type Rounding = (dividend: bigint, divisor: bigint) => bigint;

const toFloor: Rounding = (dividend, divisor) => {
  const quotient = dividend / divisor;
  return dividend % divisor < 0n ? quotient - 1n : quotient;
};
const toCeiling: Rounding = (dividend, divisor) => -toFloor(-dividend, divisor);

const LONG_MIN = -(2n ** 63n);

/** A double as a long, saturated as Java's conversion does; NaN is 0. */
function toLong(value: number): bigint {
  if (Number.isNaN(value)) return 0n;
  if (value >= 2 ** 63) return -LONG_MIN - 1n;
  return value < -(2 ** 63) ? LONG_MIN : BigInt(value);
}

/** `ceil(x)` and `floor(x)`: bigint, or a decimal without fraction; with a scale, a decimal of that scale. */
function toWhole(
  name: string,
  aliases: readonly string[],
  description: string,
  example: readonly [string, string],
  rounding: Rounding,
): ScalarFunction {
  const round = name === "ceil" ? Math.ceil : Math.floor;
  return {
    kind: "scalar",
    name,
    aliases,
    description,
    example,
    nulls: "strict",
    resolve: (args) => {
      checkCount(name, args, 1, 2);
      const [type, scaleType] = coerceAll(name, args, [NUMERIC, INTEGER]);
      if (scaleType) {
        const decimal = decimalForScale(type!);
        // What is no number becomes null on its way to the decimal.
        const nullable = anyNullable(args) || isFractional(type!);
        return { argumentTypes: [decimal, scaleType], returnType: roundedDecimal(decimal, literalScale(name, args)), nullable };
      }
      const whole = type!.kind === "decimal" ? boundedDecimal(type.precision - type.scale + (type.scale > 0 ? 1 : 0), 0) : LongType;
      return resolution([type!], whole, args);
    },
    evaluate: ([value, scale], [type], returnType) => {
      if (returnType.kind === "decimal")
        return roundDecimal(exact(value as bigint, type!), (scale as number | undefined) ?? 0, returnType, rounding);
      return typeof value === "bigint" ? value : toLong(round(value as number));
    },
  };
}

interface ExactNumber {
  readonly unscaled: bigint;
  readonly scale: number;
}

function exact(value: number | bigint, type: DataType): ExactNumber {
  if (type.kind === "decimal") return { unscaled: value as bigint, scale: type.scale };
  return { unscaled: BigInt(value), scale: 0 };
}

const decimalForScale = (type: DataType): DecimalType =>
  decimalForType(type) ?? (type.kind === "float" ? decimalType(14, 7) : decimalType(30, 15));

/** Type of a decimal rounded to `scale` digits: rounding may add one digit before the point. */
function roundedDecimal(type: DecimalType, scale: number): DecimalType {
  const whole = type.precision - type.scale + 1;
  if (scale < 0) return boundedDecimal(Math.max(whole, -scale + 1), 0);
  const kept = Math.min(type.scale, scale);
  return boundedDecimal(whole + kept, kept);
}

function literalScale(name: string, args: readonly { readonly literal?: Value; readonly sql: string }[]): number {
  const scale = args[1]?.literal;
  if (typeof scale === "number") return scale;
  if (args.length < 2) return 0;
  throw new AnalysisError("DATATYPE_MISMATCH.NON_FOLDABLE_INPUT", {
    sqlExpr: `"${name}(${args.map((arg) => arg.sql).join(", ")})"`,
    inputName: "`scale`",
    inputType: '"INT"',
    inputExpr: `"${args[1]!.sql}"`,
  });
}

function roundDecimal(value: ExactNumber, scale: number, type: DecimalType, rounding: Rounding): bigint {
  const dropped = value.scale - scale;
  const kept = dropped > 0 ? rounding(value.unscaled, powerOfTen(dropped)) : value.unscaled;
  const roundedScale = dropped > 0 ? scale : value.scale;
  const shift = type.scale - roundedScale;
  const unscaled = shift >= 0 ? kept * powerOfTen(shift) : kept / powerOfTen(-shift);
  if (!fitsPrecision(unscaled, type.precision)) throw decimalOutOfRange(unscaled, type.scale, type);
  return unscaled;
}

/** By the decimal that the double is written as. */
export function roundDouble(value: number, scale: number, rounding: Rounding): number {
  if (!Number.isFinite(value)) return value;
  const { unscaled, scale: digits } = decimalFromDouble(value);
  // Without the sign of a zero, as from any decimal.
  if (digits <= scale) return value + 0;
  if (scale < -400) return 0;
  const quotient = rounding(unscaled, powerOfTen(digits - scale));
  return scale >= 0 ? decimalToDouble(quotient, scale) : Number(quotient * powerOfTen(-scale));
}

function rounded(name: string, description: string, example: readonly [string, string], rounding: Rounding): ScalarFunction {
  return {
    kind: "scalar",
    name,
    description,
    example,
    nulls: "strict",
    resolve: (args) => {
      checkCount(name, args, 1, 2);
      const type = NUMERIC.coerce(args[0]!.dataType);
      if (!type) return unexpectedInput(callSql(name, args), 0, '"NUMERIC"', args[0]!);
      const returnType = type.kind === "decimal" ? roundedDecimal(type, literalScale(name, args)) : type;
      return { argumentTypes: [type, ...args.slice(1).map(() => IntegerType)], returnType, nullable: anyNullable(args) };
    },
    evaluate: (args, [type], returnType) => {
      const [value, scale] = [args[0] as number | bigint, (args[1] as number | undefined) ?? 0];
      if (returnType.kind === "decimal") return roundDecimal(exact(value, type!), scale, returnType, rounding);
      if (returnType.kind === "double") return roundDouble(value as number, scale, rounding);
      if (returnType.kind === "float") return Math.fround(roundDouble(value as number, scale, rounding));
      if (scale >= 0) return value;
      const unit = powerOfTen(Math.min(-scale, 40));
      const whole = rounding(BigInt(value), unit) * unit;
      const bits = integralBits(returnType)!;
      if (BigInt.asIntN(bits, whole) !== whole) throw arithmeticOverflow(bits === 64 ? "long overflow" : "Overflow");
      return bits === 64 ? whole : Number(whole);
    },
  };
}

export const roundingFunctions: readonly ScalarFunction[] = [
  toWhole("ceil", ["ceiling"], "The least whole number that is not below the argument.", ["ceil(-0.1)", "0"], toCeiling),
  toWhole("floor", [], "The greatest whole number that is not above the argument.", ["floor(-0.1)", "-1"], toFloor),
  rounded("round", "The number rounded to some digits after the point, halves away from zero.", ["round(2.5, 0)", "3"], divideHalfUp),
  rounded(
    "bround",
    "The number rounded to some digits after the point, halves to the even neighbour.",
    ["bround(2.5, 0)", "2"],
    divideHalfEven,
  ),
];
