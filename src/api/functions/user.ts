/** `udf`: functions of the program as functions of columns. */
import { pathToFileURL } from "node:url";
import { MillraceError } from "../../base/errors.ts";
import type { DataType } from "../../columnar/types.ts";
import { refuseAsync } from "../../functions/user-function.ts";
import type { UserImplementation } from "../../plan/expr/expression.ts";
import { userFunction } from "../../plan/expr/user-function.ts";
import { parseDataType } from "../../sql/parser.ts";
import { Column } from "../column.ts";
import type { ColumnOrName, UsesOf, ValueOfType } from "../typed.ts";
import { columnExpression } from "./builders.ts";

/** A function of the program that takes columns. `spark.udf.register` gives it a name for SQL text. */
export interface UserDefinedFunction<V = any> {
  <const A extends readonly ColumnOrName[]>(...columns: A): Column<string, V | null, UsesOf<A[number]>>;
  readonly functionName: string;
  readonly implementation: UserImplementation;
  readonly returnType: DataType;
}

/**
 * A function of columns from a closure: `const plusOne = udf((x: number) => x + 1, "INT")`, then `select(plusOne("x"))`. It is called once
 * for each row, on the thread of the program, with the values that rows hold (nulls too), so rows travel there and back: `udf.fromModule`
 * runs on the workers and is faster. After some hundred rows other work of the thread has its turn, a web server's say; a call itself has no
 * deadline. What it throws ends the query with `FAILED_EXECUTE_UDF`, the error itself as cause.
 * Throws `USER_FUNCTION_ASYNC`, `ParseError`.
 */
export function udf<const S extends string>(fn: (...args: any[]) => unknown, returnType: S): UserDefinedFunction<ValueOfType<S>>;
export function udf(fn: (...args: any[]) => unknown, returnType: DataType): UserDefinedFunction;
export function udf(fn: (...args: any[]) => unknown, returnType: string | DataType): UserDefinedFunction {
  const name = fn?.name || "UDF";
  refuseAsync(name, fn);
  return defined(name, { where: "session", call: fn }, returnType);
}

/**
 * A function of columns that a module exports: `udf.fromModule(import.meta.url, "plusOne", "INT")`. Every worker imports the module and
 * calls the function there, so it can capture nothing of the program. The module must not be the program's main file. Imported when a
 * query starts, which rejects with `USER_MODULE_FAILED`, `USER_FUNCTION_NOT_FOUND`, `USER_FUNCTION_ASYNC`.
 */
udf.fromModule = <const S extends string>(
  moduleUrl: string | URL,
  exportName: string,
  returnType: S | DataType,
): UserDefinedFunction<ValueOfType<S>> => {
  const module = String(moduleUrl);
  if (isMainFile(module)) throw new MillraceError("USER_MODULE_IS_THE_PROGRAM", { module, exportName });
  return defined(exportName, { where: "worker", module, exportName }, returnType);
};

/** Makes what `F.udf` returns. */
export function defined(functionName: string, implementation: UserImplementation, type: string | DataType): UserDefinedFunction {
  const returnType = typeof type === "string" ? parseDataType(type) : type;
  const call = (...columns: readonly ColumnOrName[]): Column<any, any, any> =>
    new Column(userFunction(functionName, implementation, returnType, columns.map(columnExpression)));
  return Object.freeze(Object.assign(call, { functionName, implementation, returnType }));
}

const isMainFile = (url: string): boolean => process.argv[1] !== undefined && pathToFileURL(process.argv[1]).href === url;
