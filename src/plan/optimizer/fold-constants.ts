/**
 * Expressions of literals become literals. One whose evaluation fails stays as it is, so that the error comes when a row reaches it and not
 * before. Main thread.
 */
import { literal, type Expression } from "../expr/expression.ts";
import { typeOf } from "../expr/expression-type.ts";
import { isAtomic } from "../expr/type-coercion.ts";
import { mapExpressions, transformPlanUp, transformUp } from "../tree.ts";
import { isDeterministic, type OptimizerContext, type Rule } from "./rule-context.ts";

export const foldConstants: Rule = (plan, context) =>
  transformPlanUp(plan, (node) => mapExpressions(node, (expression) => transformUp(expression, (part) => folded(part, context))));

function folded(expression: Expression, context: OptimizerContext): Expression {
  if (context.evaluate === undefined || !isConstant(expression, context) || !isAtomic(typeOf(expression))) return expression;
  try {
    return literal(context.evaluate(expression), typeOf(expression));
  } catch {
    return expression;
  }
}

function isConstant(expression: Expression, context: OptimizerContext): boolean {
  switch (expression.kind) {
    case "cast":
      return expression.child.kind === "literal";
    case "call":
      return expression.args.every((arg) => arg.kind === "literal") && isDeterministic(expression, context);
    default:
      return false;
  }
}
