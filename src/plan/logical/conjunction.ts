/** Conditions as lists of conjuncts. Main thread, pure. */
import { BooleanType } from "../../columnar/types.ts";
import { call, type Expression } from "../expr/expression.ts";
import { nullableOf } from "../expr/expression-type.ts";
import type { LogicalPlan } from "./nodes.ts";

/** `a AND (b AND c)` → a, b, c, in order of evaluation. */
export function conjunctsOf(condition: Expression): Expression[] {
  return condition.kind === "call" && condition.name === "and" ? condition.args.flatMap(conjunctsOf) : [condition];
}

/** The inverse of `conjunctsOf`; null for no conjuncts. */
export function conjunctionOf(conjuncts: readonly Expression[]): Expression | null {
  if (conjuncts.length === 0) return null;
  return conjuncts.reduce((left, right) => call("and", [left, right], BooleanType, nullableOf(left) || nullableOf(right)));
}

/** `child` with the rows for which all `conjuncts` hold. */
export function filtered(child: LogicalPlan, conjuncts: readonly Expression[]): LogicalPlan {
  const condition = conjunctionOf(conjuncts);
  return condition === null ? child : Object.freeze({ kind: "filter", child, condition });
}
