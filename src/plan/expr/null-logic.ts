/** Small builders of conditions that keep expressions short where nulls cannot occur. Pure. */
import { BooleanType } from "../../columnar/types.ts";
import { nullableOf } from "./expression-type.ts";
import { call, literal, type Expression } from "./expression.ts";

export const trueLiteral: Expression = literal(true, BooleanType);
export const falseLiteral: Expression = literal(false, BooleanType);

/** `x IS NULL`; `false` where that is certain. */
export function isNull(expression: Expression): Expression {
  return nullableOf(expression) ? call("isnull", [expression], BooleanType, false) : falseLiteral;
}

/** All of `expressions` IS NOT NULL; undefined where that is certain. */
export function allNotNull(expressions: readonly Expression[]): Expression | undefined {
  return expressions
    .filter(nullableOf)
    .map((expression) => call("isnotnull", [expression], BooleanType, false) as Expression)
    .reduce<Expression | undefined>((left, right) => (left ? call("and", [left, right], BooleanType, false) : right), undefined);
}

/** CASE WHEN `condition` THEN `value` ELSE `otherwise` END, shortened where the condition is a literal. */
export function when(condition: Expression | undefined, value: Expression, otherwise: Expression): Expression {
  if (condition === undefined) return value;
  if (condition.kind === "literal") return condition.value === true ? value : otherwise;
  return Object.freeze({ kind: "case_when", branches: [{ condition, value }], otherwise });
}
