/** Type and nullability of resolved expressions, and small builders that keep expressions short where nulls cannot occur. Pure. */
import { assert } from "../../base/assert.ts";
import { BooleanType, structField, structType, TimestampType, VoidType, type DataType } from "../../columnar/types.ts";
import { call, literal, type Expression } from "./expression.ts";

/** The type of a resolved expression; fails for unresolved ones. */
export function typeOf(expression: Expression): DataType {
  switch (expression.kind) {
    case "literal":
    case "attribute":
    case "call":
    case "aggregate_call":
      return expression.dataType;
    case "alias":
    case "sort_order":
      return typeOf(expression.child);
    case "cast":
      assert(typeof expression.to !== "string", "cast to an unparsed type");
      return expression.to;
    case "case_when":
      return expression.branches.length > 0
        ? typeOf(expression.branches[0]!.value)
        : expression.otherwise
          ? typeOf(expression.otherwise)
          : VoidType;
    case "get_field": {
      const parent = typeOf(expression.child);
      assert(parent.kind === "struct", "field of something that is no struct");
      return parent.fields[expression.ordinal]!.dataType;
    }
    case "create_struct":
      return structType(expression.values.map((value, index) => structField(expression.names[index]!, typeOf(value), isNullable(value))));
    case "batch_timestamp":
      return TimestampType;
    default:
      throw new Error(`millrace internal error: ${expression.kind} has no type before analysis`);
  }
}

/** True if a resolved expression can be null. */
export function isNullable(expression: Expression): boolean {
  switch (expression.kind) {
    case "literal":
      return expression.value === null;
    case "attribute":
    case "call":
    case "aggregate_call":
      return expression.nullable;
    case "alias":
    case "sort_order":
      return isNullable(expression.child);
    case "cast":
      return expression.mode === "try" || isNullable(expression.child);
    case "case_when":
      return (
        expression.otherwise === null || isNullable(expression.otherwise) || expression.branches.some((branch) => isNullable(branch.value))
      );
    case "get_field": {
      const parent = typeOf(expression.child);
      assert(parent.kind === "struct", "field of something that is no struct");
      return isNullable(expression.child) || parent.fields[expression.ordinal]!.nullable;
    }
    case "create_struct":
    case "batch_timestamp":
      return false;
    default:
      return true;
  }
}

export const trueLiteral: Expression = literal(true, BooleanType);
export const falseLiteral: Expression = literal(false, BooleanType);

/** `x IS NULL`; `false` where that is certain. */
export function isNull(expression: Expression): Expression {
  return isNullable(expression) ? call("isnull", [expression], BooleanType, false) : falseLiteral;
}

/** All of `expressions` IS NOT NULL; undefined where that is certain. */
export function allNotNull(expressions: readonly Expression[]): Expression | undefined {
  return expressions
    .filter(isNullable)
    .map((expression) => call("isnotnull", [expression], BooleanType, false) as Expression)
    .reduce<Expression | undefined>((left, right) => (left ? call("and", [left, right], BooleanType, false) : right), undefined);
}

/** CASE WHEN `condition` THEN `value` ELSE `otherwise` END, shortened where the condition is a literal. */
export function when(condition: Expression | undefined, value: Expression, otherwise: Expression): Expression {
  if (condition === undefined) return value;
  if (condition.kind === "literal") return condition.value === true ? value : otherwise;
  return Object.freeze({ kind: "case_when", branches: [{ condition, value }], otherwise });
}
