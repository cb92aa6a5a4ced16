/**
 * Conditions with known parts: `true AND x` is x, `false AND x` is false, `NOT NOT x` is x, null tests of what cannot be null, CASE
 * branches that are never or always taken. Filters that let everything through go. Main thread.
 */
import { BooleanType } from "../../columnar/types.ts";
import { literal, type Call, type CaseWhen, type Expression } from "../expr/expression.ts";
import { nullableOf, typeOf } from "../expr/expression-type.ts";
import { mapExpressions, transformPlanUp, transformUp } from "../tree.ts";
import type { Rule } from "./rule-context.ts";

export const simplifyBooleans: Rule = (plan) =>
  transformPlanUp(plan, (node) => {
    const simplified = mapExpressions(node, (expression) => transformUp(expression, simplify));
    return simplified.kind === "filter" && isLiteral(simplified.condition, true) ? simplified.child : simplified;
  });

const isLiteral = (expression: Expression, value: boolean): boolean => expression.kind === "literal" && expression.value === value;
const truth = (value: boolean): Expression => literal(value, BooleanType);

function simplify(expression: Expression): Expression {
  if (expression.kind === "case_when") return simplifyCase(expression);
  return expression.kind === "call" ? simplifyCall(expression) : expression;
}

function simplifyCall(node: Call): Expression {
  const [first, second] = node.args;
  switch (node.name) {
    case "and":
    case "or": {
      const decisive = node.name === "or";
      if (isLiteral(first!, decisive) || isLiteral(second!, decisive)) return truth(decisive);
      if (isLiteral(first!, !decisive)) return second!;
      if (isLiteral(second!, !decisive)) return first!;
      return node;
    }
    case "not":
      if (first!.kind === "literal" && typeof first.value === "boolean") return truth(!first.value);
      return first!.kind === "call" && first.name === "not" ? first.args[0]! : node;
    case "isnull":
      return nullableOf(first!) ? node : truth(false);
    case "isnotnull":
      return nullableOf(first!) ? node : truth(true);
    default:
      return node;
  }
}

/** Drops branches that are never taken and all after one that always is. */
function simplifyCase(node: CaseWhen): Expression {
  const never = (condition: Expression): boolean => condition.kind === "literal" && condition.value !== true;
  const possible = node.branches.filter(({ condition }) => !never(condition));
  const always = possible.findIndex(({ condition }) => isLiteral(condition, true));
  const branches = always < 0 ? possible : possible.slice(0, always);
  const otherwise = always < 0 ? node.otherwise : possible[always]!.value;
  if (branches.length === node.branches.length) return node;
  if (branches.length > 0) return Object.freeze({ ...node, branches, otherwise });
  return otherwise ?? literal(null, typeOf(node));
}
