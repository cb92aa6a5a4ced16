/** What the main thread does behind the last stage: sorts and limits over rows from all workers. Main thread, once per query. */
import type { Alias, Attribute } from "../expr/expression.ts";
import type { LogicalPlan } from "../logical/nodes.ts";
import type { OutputMode, TailStep } from "./program.ts";

/**
 * Cuts sorts, limits and what stands above them off the top: the main thread does them. Of a stream only where every batch brings the whole
 * result; elsewhere a limit counts over all batches.
 */
export function splitTail(plan: LogicalPlan, outputMode: OutputMode | "batch"): { below: LogicalPlan; tail: TailStep[] } {
  if (outputMode === "append" || outputMode === "update") return { below: plan, tail: [] };
  const steps: TailStep[] = [];
  let node = plan;
  let cut: { below: LogicalPlan; length: number } | null = null;
  for (;;) {
    if (node.kind === "sort") steps.push({ kind: "sort", order: node.order });
    else if (node.kind === "limit") steps.push({ kind: "limit", limit: node.limit, offset: node.offset });
    else if (node.kind === "filter") steps.push({ kind: "filter", condition: node.condition });
    else if (node.kind === "project") steps.push({ kind: "project", expressions: node.expressions as (Attribute | Alias)[] });
    else break;
    if (node.kind === "sort" || node.kind === "limit") cut = { below: node.child, length: steps.length };
    node = node.child;
  }
  return cut ? { below: cut.below, tail: steps.slice(0, cut.length).reverse() } : { below: plan, tail: [] };
}
