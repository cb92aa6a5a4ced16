/**
 * Words the error that generated code or a kernel left in the error cells as Spark's typed error. Called by the worker after
 * a generated function returned status 1.
 */
import { assert } from "../base/assert.ts";
import { ArithmeticError, type ErrorOptions, MillraceError } from "../base/errors.ts";
import { powerOfTen, rescale } from "../columnar/decimal.ts";
import { ERROR_CODE, ERROR_CODES, ERROR_OPERAND_0, ERROR_OPERAND_1, ERROR_SITE, type ErrorCode } from "../columnar/memory-layout.ts";
import { type DataType, type DecimalType, physicalKind } from "../columnar/types.ts";
import type { Value } from "../columnar/values.ts";
import { decodeWide } from "../columnar/value-bytes.ts";
import {
  arithmeticOverflow,
  binaryOverflow,
  dateTimeOverflow,
  decimalOutOfRange,
  divideByZero,
  intervalOverflow,
  remainderByZero,
} from "../functions/arithmetic-errors.ts";
import { castOverflow, decimalCastError, invalidInput, literalSql } from "../functions/cast.ts";
import { likePattern } from "../functions/string/like.ts";
import { outOfMemory } from "../kernels/out-of-memory.ts";
import type { Origin } from "../plan/expr/expression.ts";
import type { ErrorSite } from "./module-context.ts";

const CODE_NAMES = Object.keys(ERROR_CODES) as ErrorCode[];

/** The error in the cells of the worker's memory; clears `ERROR_CODE`. `sites` is the table of the module that failed. */
export function runtimeError(kernels: { view(): DataView }, sites: readonly ErrorSite[]): MillraceError {
  const memory = kernels.view();
  const code = CODE_NAMES[memory.getUint32(ERROR_CODE, true)];
  assert(code !== undefined && code !== "none", "a generated function failed without an error code");
  memory.setUint32(ERROR_CODE, 0, true);
  if (code === "out_of_memory") return outOfMemory(kernels);
  const site = sites[memory.getUint32(ERROR_SITE, true)];
  if (!site) return new MillraceError("INTERNAL_ERROR", { message: `generated code failed: ${code}` });
  const operands = [ERROR_OPERAND_0, ERROR_OPERAND_1]
    .slice(0, site.operandTypes.length)
    .map((cell, index) => decode(memory, memory.getBigInt64(cell, true), site.operandTypes[index]!));
  const error = word(code, site, operands);
  if (!site.origin) return error;
  const Condition = error.constructor as typeof MillraceError;
  return new Condition(error.condition, error.messageParameters, contextOf(site.origin));
}

/** Functions that Spark's messages suggest in place of the one that overflowed. */
const TRY_FUNCTIONS: Readonly<Record<string, string>> = {
  "+": "try_add",
  "-": "try_subtract",
  "*": "try_multiply",
  div: "try_divide",
};

function word(code: Exclude<ErrorCode, "none" | "out_of_memory">, site: ErrorSite, operands: readonly Value[]): MillraceError {
  const [first = null, second = null] = operands;
  const [from = site.resultType, other = from] = site.operandTypes;
  const suggestion = TRY_FUNCTIONS[site.name];
  switch (code) {
    case "arithmetic_overflow":
      return arithmeticOverflow(overflowMessage(site, first, from), suggestion);
    case "binary_arithmetic_overflow":
      return binaryOverflow(literalSql(first, from), site.name, literalSql(second, other), suggestion ?? "");
    case "divide_by_zero":
      return divideByZero();
    case "remainder_by_zero":
      return remainderByZero();
    case "cast_invalid_input":
      return invalidInput(String(first), from, site.resultType);
    case "cast_overflow":
      return castOverflow(first, from, site.resultType);
    case "decimal_out_of_range":
      return rangeError(site, operands);
    case "interval_overflow":
      return intervalOverflow(suggestion ?? "try_add");
    case "datetime_overflow":
      return dateTimeOverflow("add an interval to a timestamp");
    case "invalid_argument":
      if (site.name === "split_part") return new ArithmeticError("INVALID_INDEX_OF_ZERO", {});
      if (site.name === "like") return patternError(String(second));
      if (site.name === "ilike") return patternError(String(second).toLowerCase());
      return new MillraceError("INTERNAL_ERROR", { message: `${site.name} failed: ${code}` });
    case "malformed_record":
    case "collection_size_limit":
      return new MillraceError("INTERNAL_ERROR", { message: `${site.name} failed: ${code}` });
  }
}

/** What is wrong with a pattern of LIKE. */
function patternError(pattern: string): MillraceError {
  try {
    likePattern(pattern, "\\");
  } catch (error) {
    return error as MillraceError;
  }
  throw new Error(`millrace internal error: the pattern '${pattern}' is right`);
}

function overflowMessage(site: ErrorSite, first: Value, from: DataType): string {
  if (site.name === "div") return "Overflow in integral divide";
  if (site.operandTypes.length === 1 && (from.kind === "byte" || from.kind === "short"))
    return `- ${literalSql(first, from)} caused overflow.`;
  return site.resultType.kind === "integer" ? "integer overflow" : "long overflow";
}

/** The number that did not fit: of casts the operand, of arithmetic the exact result. */
function rangeError(site: ErrorSite, operands: readonly Value[]): MillraceError {
  const type = site.resultType as DecimalType;
  const [operandType] = site.operandTypes;
  if (operandType && ["string", "float", "double"].includes(operandType.kind)) return decimalCastError(operands[0]!, operandType, type);
  const scales = site.operandTypes.map((operand) => (operand.kind === "decimal" ? operand.scale : 0));
  const [a = 0n, b = 0n] = operands.map((operand) => (typeof operand === "bigint" ? operand : BigInt(Number(operand))));
  const [scaleA = 0, scaleB = 0] = scales;
  const scale = Math.max(scaleA, scaleB);
  switch (site.name) {
    case "+":
      return decimalOutOfRange(rescale(a, scaleA, scale) + rescale(b, scaleB, scale), scale, type);
    case "-":
      return decimalOutOfRange(rescale(a, scaleA, scale) - rescale(b, scaleB, scale), scale, type);
    case "*":
      return decimalOutOfRange(a * b, scaleA + scaleB, type);
    case "/":
      return decimalOutOfRange((a * powerOfTen(type.scale + scaleB)) / (b * powerOfTen(scaleA)), type.scale, type);
    default:
      return decimalOutOfRange(a, scaleA, type);
  }
}

/** An operand's value from its bits. */
function decode(memory: DataView, bits: bigint, type: DataType): Value {
  switch (physicalKind(type)) {
    case "i8":
    case "i16":
    case "i32":
      return type.kind === "boolean" ? bits === 1n : Number(bits);
    case "i64":
      return bits;
    case "f32":
    case "f64": {
      const view = new DataView(new ArrayBuffer(8));
      view.setBigInt64(0, bits);
      return view.getFloat64(0);
    }
    case "view": {
      const bytes = new Uint8Array(memory.buffer, Number(bits & 0xffffffffn), Number((bits >> 32n) & 0xffffffffn)).slice();
      return type.kind === "string" ? new TextDecoder().decode(bytes) : bytes;
    }
    case "wide":
      return decodeWide(new Uint8Array(memory.buffer), Number(bits & 0xffffffffn));
    case "list":
    case "struct":
      return null;
  }
}

function contextOf(origin: Origin): ErrorOptions {
  const before = origin.text.slice(0, origin.start).split("\n");
  return {
    queryContext: {
      fragment: origin.text.slice(origin.start, origin.stop),
      start: origin.start,
      stop: origin.stop,
      line: before.length,
      column: before.at(-1)!.length + 1,
    },
  };
}
