/**
 * A full outer join of two static sides becomes the left outer join and, below it, the rows of the right side that match nothing, with nulls
 * for the left: so that one side only is ever probed. Each side then runs twice; one that may not give the same rows again, a function of the
 * program in it for one, the planner runs before, once. Main thread.
 */
import { alias, literal } from "../expr/expression.ts";
import type { Join, LogicalPlan } from "../logical/nodes.ts";
import { isStreaming, outputOf } from "../logical/output.ts";
import { transformPlanUp } from "../tree.ts";
import { isRepeatable, type Rule } from "./rule-context.ts";

export const replaceFullOuterJoin: Rule = (plan, context) =>
  transformPlanUp(plan, (node) => {
    if (node.kind !== "join" || node.joinType !== "full_outer" || isStreaming(node)) return node;
    return isRepeatable(node.left, context) && isRepeatable(node.right, context) ? fullOuterAsUnion(node, context.ids) : node;
  });

/** The same rows by joins that probe one side; both sides stand in it twice. */
export function fullOuterAsUnion(join: Join, ids: () => number): LogicalPlan {
  const { left, right } = join;
  const withLeft: LogicalPlan = Object.freeze({ ...join, joinType: "left_outer" });
  const withoutLeft: LogicalPlan = Object.freeze({ ...join, left: right, right: left, joinType: "left_anti" });
  const nulls = outputOf(left).map(({ name, dataType }) => alias(literal(null, dataType), name, ids()));
  const padded: LogicalPlan = Object.freeze({ kind: "project", child: withoutLeft, expressions: [...nulls, ...outputOf(right)] });
  return Object.freeze({
    kind: "set_operation",
    operation: "union",
    isAll: true,
    allowMissingColumns: false,
    inputs: [withLeft, padded],
    output: outputOf(join),
  });
}
