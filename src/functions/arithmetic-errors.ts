/** The run-time errors of ANSI arithmetic, with Spark's conditions and parameters. Thrown by definitions and by workers' error slots. */
import { ArithmeticError } from "../base/errors.ts";
import { formatDecimal } from "../columnar/decimal.ts";
import type { DataType, DecimalType } from "../columnar/types.ts";

export const ANSI_CONFIG = '"spark.sql.ansi.enabled"';

/** `suggestion` is the function that gives null instead, e.g. `try_add`. */
export function arithmeticOverflow(message: string, suggestion?: string): ArithmeticError {
  return new ArithmeticError("ARITHMETIC_OVERFLOW", {
    message,
    alternative: suggestion ? ` Use '${suggestion}' to tolerate overflow and return NULL instead.` : "",
    config: ANSI_CONFIG,
  });
}

/** Overflow of tiny and small integers. */
export function binaryOverflow(left: string, symbol: string, right: string, suggestion: string): ArithmeticError {
  return new ArithmeticError("BINARY_ARITHMETIC_OVERFLOW", {
    value1: left,
    symbol,
    value2: right,
    functionName: `\`${suggestion}\``,
  });
}

export const divideByZero = (): ArithmeticError => new ArithmeticError("DIVIDE_BY_ZERO", { config: ANSI_CONFIG });
export const remainderByZero = (): ArithmeticError => new ArithmeticError("REMAINDER_BY_ZERO", { config: ANSI_CONFIG });
export const intervalOverflow = (suggestion: string): ArithmeticError =>
  new ArithmeticError("INTERVAL_ARITHMETIC_OVERFLOW.WITH_SUGGESTION", { functionName: `\`${suggestion}\`` });
export const intervalDividedByZero = (): ArithmeticError => new ArithmeticError("INTERVAL_DIVIDED_BY_ZERO", { config: ANSI_CONFIG });
export const dateTimeOverflow = (operation: string): ArithmeticError => new ArithmeticError("DATETIME_OVERFLOW", { operation });

export function decimalOutOfRange(unscaled: bigint, scale: number, type: DecimalType): ArithmeticError {
  return new ArithmeticError("NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION", {
    value: formatDecimal(unscaled, scale),
    precision: String(type.precision),
    scale: String(type.scale),
    config: ANSI_CONFIG,
  });
}

/** Range of integral types; undefined for others. */
export function integralBits(type: DataType): 8 | 16 | 32 | 64 | undefined {
  switch (type.kind) {
    case "byte":
      return 8;
    case "short":
      return 16;
    case "integer":
      return 32;
    case "long":
      return 64;
    default:
      return undefined;
  }
}
