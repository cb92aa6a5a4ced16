/** What analysis needs from outside, as interfaces; `Session` wires the real ones. Main thread. */
import { AnalysisError, MillraceError, type ErrorCondition, type MessageParameters, type QueryContext } from "../../base/errors.ts";
import type { DataType, StructType } from "../../columnar/types.ts";
import type { Value } from "../../columnar/values.ts";
import type { Expression, Origin, UserImplementation } from "../expr/expression.ts";
import type { FunctionRegistry } from "../expr/function-registry.ts";
import type { LogicalPlan, Read } from "../logical/nodes.ts";

/** Temporary views and tables by name. */
export interface Catalog {
  /** The view's plan, analyzed or not; undefined if there is none of that name. */
  find(nameParts: readonly string[]): LogicalPlan | undefined;
}

export interface AnalysisContext {
  readonly functions: FunctionRegistry;
  readonly catalog: Catalog;
  /** Functions that the program has registered, by name in lower case; they come before those of the registry. */
  readonly userFunctions?: ReadonlyMap<string, { readonly implementation: UserImplementation; readonly returnType: DataType }>;
  /** Asks the connector for the schema of what `read` describes. `read.schema` is never text here. */
  resolveRead(read: Read): Promise<StructType>;
  parseExpression(text: string): Expression;
  parseDataType(text: string): DataType;
  parseSchema(text: string): StructType;
  /** The value of a configuration key, undefined where it is not set. */
  readonly conf: { get(key: string): string | undefined };
  /** A fresh attribute id, unique in the session. */
  ids(): number;
  /**
   * Computes an expression without columns; used to fold constants. May throw what the expression throws at run time:
   * the expression is then left as it is. Absent: nothing is folded.
   */
  evaluate?(expression: Expression): Value;
}

/** An `AnalysisError` that points at the SQL text which caused it, where there is one. */
export function analysisError(condition: ErrorCondition, parameters: MessageParameters = {}, origin?: Origin): AnalysisError {
  return new AnalysisError(condition, parameters, origin ? { queryContext: queryContextOf(origin) } : {});
}

/** Runs `body`; a typed error without a position gets that of `origin`. */
export function locatedAt<T>(origin: Origin | undefined, body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (origin === undefined || !(error instanceof MillraceError) || error.queryContext !== undefined) throw error;
    throw MillraceError.revive({ ...error.toTransfer(), queryContext: queryContextOf(origin) });
  }
}

function queryContextOf({ text, start, stop }: Origin): QueryContext {
  const before = text.slice(0, start).split("\n");
  return { fragment: text.slice(start, stop), start, stop, line: before.length, column: before.at(-1)!.length + 1 };
}

/** For features that Spark has and this version does not. */
export const notYet = (feature: string, remedy: string): AnalysisError =>
  new AnalysisError("UNSUPPORTED_FEATURE.NOT_YET", { feature, remedy });
