/** A second copy of an analyzed plan with columns of its own, for self-joins. Main thread. */
import type { Attribute, Expression } from "../expr/expression.ts";
import type { LogicalPlan } from "../logical/nodes.ts";
import { mapExpressions, transformPlanUp, transformUp } from "../tree.ts";

/** `plan` with every column that it defines renumbered; what it reads (its sources) stays the same. */
export function withFreshIds(plan: LogicalPlan, freshId: () => number): LogicalPlan {
  const ids = new Map<number, number>();
  const renumber = (id: number): number => {
    const known = ids.get(id) ?? freshId();
    ids.set(id, known);
    return known;
  };
  const renumberNode = <N extends { readonly id: number }>(node: N): N => Object.freeze({ ...node, id: renumber(node.id) });
  const rewrite = (expression: Expression): Expression =>
    transformUp(expression, (node) => (node.kind === "attribute" || node.kind === "alias" ? renumberNode(node) : node));
  const output = (attributes: readonly Attribute[]): Attribute[] => attributes.map((attribute) => renumberNode(attribute));
  return transformPlanUp(plan, (node) => {
    const mapped = mapExpressions(node, rewrite);
    switch (mapped.kind) {
      case "local_relation":
      case "range":
      case "relation":
        return Object.freeze({ ...mapped, output: output(mapped.output) });
      case "set_operation":
      case "map_partitions":
      case "with_watermark":
        return mapped.output ? Object.freeze({ ...mapped, output: output(mapped.output) }) : mapped;
      case "expand_window":
        return Object.freeze({ ...mapped, window: renumberNode(mapped.window) });
      default:
        return mapped;
    }
  });
}
