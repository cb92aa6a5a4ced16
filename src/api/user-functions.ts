/** `spark.udf`: functions of the program under names, for SQL text. Session's thread. */
import type { DataType } from "../columnar/types.ts";
import { defined, udf, type UserDefinedFunction } from "./functions/user.ts";
import type { Executor } from "./executor.ts";
import type { ValueOfType } from "./typed.ts";

export class UserFunctions {
  readonly #executor: Executor;

  constructor(executor: Executor) {
    this.#executor = executor;
  }

  /**
   * Registers a closure, or what `F.udf` or `F.udf.fromModule` made, under `name`, which SQL text can then call: `expr("plus_one(x)")`.
   * A name of before is replaced, Spark's own functions too. Returns it as a function of columns. Throws `USER_FUNCTION_ASYNC`, `ParseError`.
   */
  register<V>(name: string, fn: UserDefinedFunction<V>): UserDefinedFunction<V>;
  register<const S extends string>(name: string, fn: (...args: any[]) => unknown, returnType: S): UserDefinedFunction<ValueOfType<S>>;
  register(name: string, fn: (...args: any[]) => unknown, returnType: DataType): UserDefinedFunction;
  register(name: string, fn: UserDefinedFunction | ((...args: any[]) => unknown), returnType?: string | DataType): UserDefinedFunction {
    const made = "implementation" in fn ? fn : udf(fn, returnType as DataType);
    const named = defined(name, made.implementation, made.returnType);
    this.#executor.registerFunction(name, named);
    return named;
  }
}
