/** Table names matter for resolving columns only; after analysis their nodes go. Main thread. */
import { transformPlanUp } from "../tree.ts";
import type { Rule } from "./rule-context.ts";

export const eliminateSubqueryAlias: Rule = (plan) => transformPlanUp(plan, (node) => (node.kind === "subquery_alias" ? node.child : node));
