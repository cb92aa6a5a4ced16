/**
 * Evaluates resolved expressions one row at a time: constant folding, functions without a compiled form, batch-side work,
 * and the oracle against which compiled code is tested. Plain on purpose. Used on every thread.
 */
import { assert, unreachable } from "../base/assert.ts";
import type { DataType } from "../columnar/types.ts";
import type { Value } from "../columnar/values.ts";
import { castValue } from "../functions/cast.ts";
import { callUserFunction } from "../functions/user-function.ts";
import type { AggregateCall, Call, Expression } from "../plan/expr/expression.ts";
import type { AggregateOracle, EvaluationContext, FunctionRegistry } from "../plan/expr/function-registry.ts";
import { typeOf } from "../plan/expr/expression-type.ts";

export { compareValues } from "../columnar/compare.ts";

/** The value of a column of the current row, by attribute id. */
export type RowReader = (attributeId: number) => Value;

/** The value of `expression` for one row. Throws what the functions throw (`ArithmeticError`). */
export function evaluate(expression: Expression, row: RowReader, registry: FunctionRegistry, context: EvaluationContext): Value {
  const recurse = (child: Expression): Value => evaluate(child, row, registry, context);
  switch (expression.kind) {
    case "literal":
      return expression.value;
    case "attribute":
      return row(expression.id);
    case "alias":
    case "sort_order":
      return recurse(expression.child);
    case "batch_timestamp":
      return context.batchTimestampMicros;
    case "cast":
      assert(typeof expression.to !== "string", "cast to an unparsed type");
      return castValue(recurse(expression.child), typeOf(expression.child), expression.to, expression.mode, context.timeZone);
    case "call":
      return evaluateCall(expression, recurse, registry, context);
    case "user_function":
      return callUserFunction(expression, expression.args.map(recurse));
    case "case_when": {
      const branch = expression.branches.find(({ condition }) => recurse(condition) === true);
      return branch ? recurse(branch.value) : expression.otherwise ? recurse(expression.otherwise) : null;
    }
    case "get_field": {
      const parent = recurse(expression.child);
      return parent === null ? null : (parent as readonly Value[])[expression.ordinal]!;
    }
    case "create_struct":
      return expression.values.map(recurse);
    case "aggregate_call":
      throw new Error("millrace internal error: an aggregate has no value for one row");
    case "unresolved_attribute":
    case "unresolved_star":
    case "unresolved_function":
    case "unresolved_extract_value":
    case "expression_string":
      throw new Error(`millrace internal error: ${expression.kind} cannot be evaluated`);
    default:
      return unreachable(expression);
  }
}

function evaluateCall(
  expression: Call,
  recurse: (child: Expression) => Value,
  registry: FunctionRegistry,
  context: EvaluationContext,
): Value {
  const definition = registry.scalar(expression.name);
  if (definition.lazy) return evaluateLazily(expression, recurse);
  const args: Value[] = [];
  for (const arg of expression.args) {
    const value = recurse(arg);
    if (value === null && definition.nulls === "strict") return null;
    args.push(value);
  }
  return definition.evaluate(args, expression.args.map(typeOf), expression.dataType, context);
}

/** Arguments are evaluated only as far as the result needs them. */
function evaluateLazily({ name, args }: Call, recurse: (child: Expression) => Value): Value {
  switch (name) {
    case "and":
    case "or": {
      const decisive = name === "or";
      const left = recurse(args[0]!);
      if (left === decisive) return decisive;
      const right = recurse(args[1]!);
      if (right === decisive) return decisive;
      return left === null || right === null ? null : !decisive;
    }
    case "coalesce":
    case "nvl":
      for (const arg of args) {
        const value = recurse(arg);
        if (value !== null) return value;
      }
      return null;
    case "if":
      return recurse(recurse(args[0]!) === true ? args[1]! : args[2]!);
    case "nvl2":
      return recurse(recurse(args[0]!) !== null ? args[1]! : args[2]!);
    default:
      throw new Error(`millrace internal error: lazy function ${name} is unknown to the interpreter`);
  }
}

/** An aggregate over rows, by the plain definition of the function. */
export interface AggregateRunner {
  /** Takes in one row, unless the aggregate's filter excludes it. */
  add(row: RowReader): void;
  /** Takes in everything that `later` has seen; its rows count as coming after. */
  merge(later: AggregateRunner): void;
  result(): Value;
  readonly state: unknown;
}

/** A runner for a resolved aggregate; DISTINCT is the caller's (rows must be distinct already). */
export function runAggregate(expression: AggregateCall, registry: FunctionRegistry, context: EvaluationContext): AggregateRunner {
  const types: readonly DataType[] = expression.args.map(typeOf);
  const oracle: AggregateOracle = registry
    .aggregate(expression.name)
    .oracle(types, expression.dataType, { ignoreNulls: expression.ignoreNulls });
  let state = oracle.initial();
  return {
    add(row) {
      if (expression.filter && evaluate(expression.filter, row, registry, context) !== true) return;
      state = oracle.update(
        state,
        expression.args.map((arg) => evaluate(arg, row, registry, context)),
      );
    },
    merge(later) {
      state = oracle.merge(state, later.state);
    },
    result: () => oracle.evaluate(state),
    get state() {
      return state;
    },
  };
}
