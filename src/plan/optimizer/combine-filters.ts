/** A filter over a filter is one filter; the inner condition is tested first. Main thread. */
import { transformPlanUp } from "../tree.ts";
import { conjunctsOf, filtered } from "../logical/conjunction.ts";
import type { Rule } from "./rule-context.ts";

export const combineFilters: Rule = (plan) =>
  transformPlanUp(plan, (node) =>
    node.kind === "filter" && node.child.kind === "filter"
      ? filtered(node.child.child, [...conjunctsOf(node.child.condition), ...conjunctsOf(node.condition)])
      : node,
  );
