/** Whether a resolved plan reads a stream. */
import type { LogicalPlan } from "../logical/nodes.ts";

export function isStreaming(plan: LogicalPlan): boolean {
  switch (plan.kind) {
    case "relation":
    case "read":
    case "unresolved_relation":
      return plan.isStreaming;
    case "local_relation":
    case "range":
      return false;
    case "join":
      return isStreaming(plan.left) || isStreaming(plan.right);
    case "set_operation":
      return plan.inputs.some(isStreaming);
    default:
      return isStreaming(plan.child);
  }
}
