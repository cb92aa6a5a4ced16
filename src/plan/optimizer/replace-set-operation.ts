/**
 * UNION without ALL becomes a deduplicated UNION ALL; INTERSECT and EXCEPT become deduplicated semi and anti joins in which nulls are
 * equal. Main thread.
 */
import { AnalysisError } from "../../base/errors.ts";
import { BooleanType } from "../../columnar/types.ts";
import { alias, call, type Expression } from "../expr/expression.ts";
import type { LogicalPlan, SetOperation } from "../logical/nodes.ts";
import { outputOf } from "../logical/output.ts";
import { transformPlanUp } from "../tree.ts";
import { conjunctionOf } from "../logical/conjunction.ts";
import type { Rule } from "./rule-context.ts";

export const replaceSetOperation: Rule = (plan) => transformPlanUp(plan, (node) => (node.kind === "set_operation" ? replaced(node) : node));

function replaced(node: SetOperation): LogicalPlan {
  if (node.operation === "union") return node.isAll ? node : distinct(Object.freeze({ ...node, isAll: true }));
  if (node.operation === "union_by_name") return node;
  if (node.isAll) {
    throw new AnalysisError("UNSUPPORTED_FEATURE.NOT_YET", {
      feature: `${node.operation.toUpperCase()} ALL`,
      remedy: `Use ${node.operation.toUpperCase()}, which keeps one of equal rows.`,
    });
  }
  const joined = node.inputs.reduce((left, right) => {
    const equalities = outputOf(left).map((column, index): Expression =>
      call("<=>", [column, outputOf(right)[index]!], BooleanType, false),
    );
    return Object.freeze({
      kind: "join",
      left,
      right,
      joinType: node.operation === "intersect" ? "left_semi" : "left_anti",
      condition: conjunctionOf(equalities),
      usingColumns: [],
    });
  });
  const columns = outputOf(joined).map((column, index) => alias(column, node.output![index]!.name, node.output![index]!.id));
  return distinct(Object.freeze({ kind: "project", child: joined, expressions: columns }));
}

const distinct = (child: LogicalPlan): LogicalPlan =>
  Object.freeze({ kind: "deduplicate", child, columns: outputOf(child), withinWatermark: false });
