/** Joins: columns of the right side get ids of their own, conditions are resolved over both sides, USING columns merged. Main thread. */
import { unresolvedFunction, type Attribute, type Expression, type Output } from "../expr/expression.ts";
import { aliasOf } from "../expr/expression-type.ts";
import { suggest } from "../../base/errors.ts";
import { quotedName, quotedSql, quotedType } from "../expr/sql-text.ts";
import type { Join, LogicalPlan } from "../logical/nodes.ts";
import { outputOf } from "../logical/output.ts";
import { analysisError } from "./context.ts";
import { withFreshIds } from "./fresh-ids.ts";
import { project } from "./resolve-columns.ts";
import { hasAggregate, type ExpressionResolver } from "./resolve-expressions.ts";
import { sameName, scopeOf } from "./resolve-names.ts";

/** Throws `JOIN_CONDITION_IS_NOT_BOOLEAN_TYPE`, `UNRESOLVED_USING_COLUMN_FOR_JOIN`, `UNSUPPORTED_EXPR_FOR_OPERATOR` and name errors. */
export function resolveJoin(node: Join, left: LogicalPlan, resolvedRight: LogicalPlan, resolver: ExpressionResolver): LogicalPlan {
  const leftIds = new Set(outputOf(left).map((attribute) => attribute.id));
  const overlaps = outputOf(resolvedRight).some((attribute) => leftIds.has(attribute.id));
  const right = overlaps ? withFreshIds(resolvedRight, () => resolver.context.ids()) : resolvedRight;
  if (node.usingColumns.length > 0) return resolveUsing(node, left, right, resolver);
  if (node.condition === null) return Object.freeze({ ...node, left, right });
  const resolved = resolver.resolve(node.condition, scopeOf([left, right], resolver.caseSensitive));
  if (hasAggregate(resolved)) throw analysisError("UNSUPPORTED_EXPR_FOR_OPERATOR", { invalidExprSqls: quotedSql(resolved) });
  const condition = resolver.asCondition(resolved, (type) =>
    analysisError("JOIN_CONDITION_IS_NOT_BOOLEAN_TYPE", { joinCondition: quotedSql(resolved), conditionType: quotedType(type) }),
  );
  return Object.freeze({ ...node, left, right, condition });
}

/** `USING (a, b)`: equality of the columns; each pair appears once, first, in the output. */
function resolveUsing(node: Join, left: LogicalPlan, right: LogicalPlan, resolver: ExpressionResolver): LogicalPlan {
  const leftKeys = node.usingColumns.map((name) => usingColumn(name, outputOf(left), "left", resolver));
  const rightKeys = node.usingColumns.map((name) => usingColumn(name, outputOf(right), "right", resolver));
  const condition = leftKeys
    .map((leftKey, index): Expression => unresolvedFunction("=", [leftKey, rightKeys[index]!]))
    .reduce((all, equality) => unresolvedFunction("and", [all, equality]));
  const join: Join = Object.freeze({ ...node, left, right, condition: resolver.finish(condition), usingColumns: [] });
  if (node.joinType === "left_semi" || node.joinType === "left_anti") return join;
  const output = outputOf(join);
  const column = (key: Attribute): Attribute => output.find((attribute) => attribute.id === key.id)!;
  const keyIds = new Set([...leftKeys, ...rightKeys].map((key) => key.id));
  const rest = output.filter((attribute) => !keyIds.has(attribute.id));
  const keys = leftKeys.map((leftKey, index): Expression => {
    switch (node.joinType) {
      case "right_outer":
        return column(rightKeys[index]!);
      case "full_outer": {
        const merged = resolver.finish(unresolvedFunction("coalesce", [column(leftKey), column(rightKeys[index]!)]));
        return aliasOf(merged, leftKey.name, resolver.context.ids());
      }
      default:
        return column(leftKey);
    }
  });
  return project(join, [...keys, ...rest]);
}

function usingColumn(name: string, output: Output, side: "left" | "right", { caseSensitive }: ExpressionResolver): Attribute {
  const found = output.filter((attribute) => sameName(attribute.name, name, caseSensitive));
  if (found.length === 0) {
    const suggestion = suggest(
      name,
      output.map((attribute) => attribute.name),
    ).map((candidate) => quotedName([candidate]));
    throw analysisError("UNRESOLVED_USING_COLUMN_FOR_JOIN", { colName: quotedName([name]), side, suggestion: suggestion.join(", ") });
  }
  if (found.length > 1) {
    const names = found.map((attribute) => quotedName([...(attribute.qualifier ?? []), attribute.name])).sort();
    throw analysisError("AMBIGUOUS_REFERENCE", { name: quotedName([name]), referenceNames: `[${names.join(", ")}]` });
  }
  return found[0]!;
}
