/**
 * How definitions say which arguments they take: type specifications, the builder for strict functions, and the typed
 * errors of a call that does not fit. Called by the definitions and, through `resolve`, by the analyzer.
 */
import { AnalysisError } from "../base/errors.ts";
import {
  BooleanType,
  DateType,
  DoubleType,
  IntegerType,
  LongType,
  sameType,
  sqlType,
  StringType,
  TimestampType,
  type DataType,
} from "../columnar/types.ts";
import type { Value } from "../columnar/values.ts";
import type { Expression } from "../plan/expr/expression.ts";
import type { ArgumentInfo, EvaluationContext, Resolution, ScalarFunction } from "../plan/expr/function-registry.ts";
import { implicitCast, isNumeric } from "../plan/expr/type-coercion.ts";

/** What an argument may be: the text for error messages and the type that an actual type is cast to. */
export interface TypeSpec {
  /** As Spark prints it in `requiredType`: `"STRING"`, `("STRING" or "BINARY")`. */
  readonly required: string;
  /** The type to cast to; undefined where `type` is not accepted. */
  coerce(type: DataType): DataType | undefined;
}

const quotedType = (type: DataType): string => `"${sqlType(type)}"`;

/** Takes what casts implicitly to the one type. */
export const only = (type: DataType): TypeSpec => ({ required: quotedType(type), coerce: (from) => implicitCast(from, type) });

/** Takes the type and nothing that would have to be cast. */
export const exactly = (type: DataType): TypeSpec => ({
  required: quotedType(type),
  coerce: (from) => (from.kind === type.kind || from.kind === "void" ? type : undefined),
});

/** Takes any of the types as they are, else what casts implicitly to the first one that fits. */
export const anyOf = (...types: DataType[]): TypeSpec => ({
  required: types.length === 1 ? quotedType(types[0]!) : `(${types.map(quotedType).join(" or ")})`,
  coerce: (from) => types.find((type) => type.kind === from.kind) ?? types.find((type) => implicitCast(from, type)),
});

export const STRING = only(StringType);
export const INTEGER = only(IntegerType);
export const LONG = only(LongType);
export const DOUBLE = only(DoubleType);
export const BOOLEAN = only(BooleanType);
export const DATE = only(DateType);
export const TIMESTAMP = only(TimestampType);
/** Any number as it is; strings and nulls become doubles. */
export const NUMERIC: TypeSpec = {
  required: '"NUMERIC"',
  coerce: (from) => (isNumeric(from) ? from : from.kind === "string" || from.kind === "void" ? DoubleType : undefined),
};

type Evaluate = (args: readonly any[], types: readonly DataType[], returnType: DataType, context: EvaluationContext) => Value;

interface StrictFunction {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly description: string;
  readonly example?: readonly [string, string];
  /** Arguments in order. */
  readonly args: readonly TypeSpec[];
  /** How many of them, from the right, may be left out. */
  readonly optional?: number;
  readonly returns: DataType | ((argumentTypes: readonly DataType[], args: readonly ArgumentInfo[]) => DataType);
  /** True if non-null arguments may still give null. */
  readonly mayReturnNull?: boolean;
  readonly kernel?: string | ((argumentTypes: readonly DataType[]) => string | undefined);
  readonly cannotFail?: (args: readonly Expression[]) => boolean;
  readonly usesTimeZone?: boolean;
  /** Arguments are never null and have the coerced types. */
  readonly evaluate: Evaluate;
}

/** A function of fixed argument types that is null if any argument is. */
export function strict(definition: StrictFunction): ScalarFunction {
  const { args: specs, optional = 0, returns, mayReturnNull = false, kernel, ...rest } = definition;
  return {
    ...rest,
    ...(typeof kernel === "string" && { kernel }),
    ...(typeof kernel === "function" && { kernelFor: kernel }),
    kind: "scalar",
    nulls: "strict",
    resolve: (args) => {
      checkCount(rest.name, args, specs.length - optional, specs.length);
      const argumentTypes = coerceAll(rest.name, args, specs);
      const returnType = typeof returns === "function" ? returns(argumentTypes, args) : returns;
      return { argumentTypes, returnType, nullable: mayReturnNull || anyNullable(args) };
    },
    evaluate: definition.evaluate as ScalarFunction["evaluate"],
  };
}

export const anyNullable = (args: readonly ArgumentInfo[]): boolean => args.some((arg) => arg.nullable);

/** `resolved` types, strict null rule. */
export const resolution = (argumentTypes: readonly DataType[], returnType: DataType, args: readonly ArgumentInfo[]): Resolution => ({
  argumentTypes,
  returnType,
  nullable: anyNullable(args),
});

/** Casts each argument to what its specification asks for; throws DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE. */
export function coerceAll(name: string, args: readonly ArgumentInfo[], specs: readonly TypeSpec[]): DataType[] {
  return args.map((arg, index) => {
    const spec = specs[index]!;
    return spec.coerce(arg.dataType) ?? unexpectedInput(callSql(name, args), index, spec.required, arg);
  });
}

/** `upper(a)`; operators in parentheses: `(a + b)`. */
export function callSql(name: string, args: readonly ArgumentInfo[]): string {
  const operator = !/^\w/.test(name) || ["and", "or", "div"].includes(name);
  if (!operator) return `${name}(${args.map((arg) => arg.sql).join(", ")})`;
  const symbol = name.toUpperCase();
  return args.length === 1 ? `(${symbol} ${args[0]!.sql})` : `(${args.map((arg) => arg.sql).join(` ${symbol} `)})`;
}

/** Throws WRONG_NUM_ARGS.WITHOUT_SUGGESTION unless `min <= args.length <= max`. */
export function checkCount(name: string, args: readonly unknown[], min: number, max = min): void {
  if (args.length >= min && args.length <= max) return;
  const counts = Array.from({ length: Math.min(max, min + 20) - min + 1 }, (_, index) => min + index);
  throw new AnalysisError("WRONG_NUM_ARGS.WITHOUT_SUGGESTION", {
    functionName: `\`${name}\``,
    expectedNum: max === Infinity ? `> ${min - 1}` : counts.length === 1 ? String(min) : `[${counts.join(", ")}]`,
    actualNum: String(args.length),
    docroot: "https://spark.apache.org/docs/latest",
  });
}

const ORDINALS = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"];

export function unexpectedInput(sqlExpression: string, index: number, requiredType: string, arg: ArgumentInfo): never {
  throw new AnalysisError("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE", {
    sqlExpr: `"${sqlExpression}"`,
    paramIndex: ORDINALS[index] ?? `${index + 1}th`,
    requiredType,
    inputSql: `"${arg.sql}"`,
    inputType: quotedType(arg.dataType),
  });
}

export function wrongOperandType(sqlExpression: string, inputType: string, actual: DataType): never {
  throw new AnalysisError("DATATYPE_MISMATCH.BINARY_OP_WRONG_TYPE", {
    sqlExpr: `"${sqlExpression}"`,
    inputType,
    actualDataType: quotedType(actual),
  });
}

export function differentOperandTypes(sqlExpression: string, left: DataType, right: DataType): never {
  throw new AnalysisError("DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES", {
    sqlExpr: `"${sqlExpression}"`,
    left: quotedType(left),
    right: quotedType(right),
  });
}

/** Of two numbers that an operator does not take: a decimal beside a double counts as a double first. */
export function refuseOperands(sqlExpression: string, inputType: string, left: DataType, right: DataType): never {
  const kinds = [left.kind, right.kind];
  if (kinds.includes("decimal") && kinds.includes("double")) return wrongOperandType(sqlExpression, inputType, DoubleType);
  if (sameType(left, right)) return wrongOperandType(sqlExpression, inputType, left);
  return differentOperandTypes(sqlExpression, left, right);
}

export function differentDataTypes(name: string, args: readonly ArgumentInfo[]): never {
  throw new AnalysisError("DATATYPE_MISMATCH.DATA_DIFF_TYPES", {
    sqlExpr: `"${callSql(name, args)}"`,
    functionName: `\`${name}\``,
    dataType: `(${args.map((arg) => quotedType(arg.dataType)).join(" or ")})`,
  });
}
