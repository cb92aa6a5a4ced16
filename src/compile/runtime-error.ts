/**
 * Words the error that generated code or a kernel left in the error cells as Spark's typed error. Called by the worker after
 * a generated function returned status 1.
 */
import { assert } from "../base/assert.ts";
import { ArithmeticError, type ErrorCondition, type ErrorOptions, MillraceError } from "../base/errors.ts";
import { ERROR_CODE, ERROR_CODES, ERROR_OPERAND_0, ERROR_OPERAND_1, ERROR_SITE, type ErrorCode } from "../columnar/memory-layout.ts";
import { type DataType, physicalKind, sqlType } from "../columnar/types.ts";
import type { Origin } from "../plan/expr/expression.ts";
import type { ErrorSite } from "./module-context.ts";

const CONFIG = '"spark.sql.ansi.enabled"';

const CODE_NAMES = Object.keys(ERROR_CODES) as ErrorCode[];

/** The error in the cells of the worker's memory; clears `ERROR_CODE`. `sites` is the table of the module that failed. */
export function runtimeError(kernels: { view(): DataView }, sites: readonly ErrorSite[]): MillraceError {
  const memory = kernels.view();
  const code = CODE_NAMES[memory.getUint32(ERROR_CODE, true)];
  const site = sites[memory.getUint32(ERROR_SITE, true)];
  assert(code !== undefined && code !== "none", "a generated function failed without an error code");
  const operands = [ERROR_OPERAND_0, ERROR_OPERAND_1].map((cell, index) => {
    const type = site?.operandTypes[index];
    return type ? sqlValue(memory, memory.getBigInt64(cell, true), type) : "";
  });
  memory.setUint32(ERROR_CODE, 0, true);
  return error(code, site, operands);
}

/** Alternatives that Spark's overflow messages name. */
const TRY_FUNCTIONS: Readonly<Record<string, string>> = {
  "+": "try_add",
  "-": "try_subtract",
  "*": "try_multiply",
  div: "try_divide",
};

function error(code: ErrorCode, site: ErrorSite | undefined, operands: readonly string[]): MillraceError {
  const options = contextOf(site?.origin);
  const arithmetic = (condition: ErrorCondition, parameters: Record<string, string>): MillraceError =>
    new ArithmeticError(condition, parameters, options);
  const [first = "", second = ""] = operands;
  const sourceType = site?.operandTypes[0] ? quotedType(site.operandTypes[0]) : "";
  const targetType = site ? quotedType(site.resultType) : "";
  const alternative = site && TRY_FUNCTIONS[site.name];
  switch (code) {
    case "arithmetic_overflow":
    case "datetime_overflow":
    case "interval_overflow":
      return arithmetic("ARITHMETIC_OVERFLOW", {
        message: `${site?.resultType.kind === "integer" ? "integer" : "long"} overflow`,
        alternative: alternative ? ` Use '${alternative}' to tolerate overflow and return NULL instead.` : "",
        config: CONFIG,
      });
    case "binary_arithmetic_overflow":
      return arithmetic("BINARY_ARITHMETIC_OVERFLOW", {
        value1: first,
        symbol: site?.name ?? "",
        value2: second,
        functionName: alternative ? `\`${alternative}\`` : "",
      });
    case "divide_by_zero":
      return arithmetic("DIVIDE_BY_ZERO", { config: CONFIG });
    case "remainder_by_zero":
      return arithmetic("REMAINDER_BY_ZERO", { config: CONFIG });
    case "cast_invalid_input":
      return arithmetic("CAST_INVALID_INPUT", { expression: first, sourceType, targetType, ansiConfig: CONFIG });
    case "cast_overflow":
      return arithmetic("CAST_OVERFLOW", { value: first, sourceType, targetType, ansiConfig: CONFIG });
    case "decimal_out_of_range": {
      const type = site?.resultType;
      const [precision, scale] = type?.kind === "decimal" ? [type.precision, type.scale] : [38, 0];
      return arithmetic("NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION", {
        value: first,
        precision: String(precision),
        scale: String(scale),
        config: CONFIG,
      });
    }
    case "out_of_memory":
    case "malformed_record":
    case "invalid_argument":
    case "collection_size_limit":
    case "none":
      return new MillraceError("INTERNAL_ERROR", { message: `generated code failed: ${code}` }, options);
  }
}

const quotedType = (type: DataType): string => `"${sqlType(type)}"`;

/** An operand as Spark prints it in messages. */
function sqlValue(memory: DataView, bits: bigint, type: DataType): string {
  switch (physicalKind(type)) {
    case "i8":
      if (type.kind === "boolean") return bits === 1n ? "true" : "false";
      return `${bits}${type.kind === "byte" ? "T" : ""}`;
    case "i16":
      return `${bits}S`;
    case "i32":
      return String(bits);
    case "i64":
      if (type.kind === "decimal") return decimalText(bits, type.scale);
      return `${bits}${type.kind === "long" ? "L" : ""}`;
    case "f32":
      return `${doubleText(bits)}`;
    case "f64":
      return `${doubleText(bits)}D`;
    case "view": {
      const start = Number(bits & 0xffffffffn);
      const length = Number((bits >> 32n) & 0xffffffffn);
      const bytes = new Uint8Array(memory.buffer, start, length).slice();
      return type.kind === "string" ? `'${new TextDecoder().decode(bytes)}'` : `X'${Buffer.from(bytes).toString("hex").toUpperCase()}'`;
    }
    case "wide": {
      const address = Number(bits & 0xffffffffn);
      const unscaled = (memory.getBigInt64(address + 8, true) << 64n) | memory.getBigUint64(address, true);
      return decimalText(unscaled, type.kind === "decimal" ? type.scale : 0);
    }
    case "list":
    case "struct":
      return "";
  }
}

function doubleText(bits: bigint): string {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigInt64(0, bits);
  return String(view.getFloat64(0));
}

function decimalText(unscaled: bigint, scale: number): string {
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, "0");
  const point = digits.length - scale;
  return `${unscaled < 0n ? "-" : ""}${digits.slice(0, point)}${scale > 0 ? `.${digits.slice(point)}` : ""}`;
}

function contextOf(origin: Origin | undefined): ErrorOptions {
  if (!origin) return {};
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
