/**
 * The optimizer: an analyzed plan → an equal plan that does less. Rules in order, and why they stand where they do:
 *
 * 1. `eliminateSubqueryAlias`, `replaceSetOperation`, `replaceFullOuterJoin`, `replaceDistinctAggregate`: what only users need goes first, so that no other rule knows them.
 * 2. Until nothing changes: `foldConstants` and `simplifyBooleans` (they make conditions smaller and filters vanish), `combineFilters`
 *    then `pushDownFilter` (one filter travels further than two), `collapseProject` (filters have left the gap between the lists).
 * 3. `pruneColumns` last, when it is clear what is read, and `collapseProject` once more for the lists that pruning emptied.
 *
 * Called once per query or action, main thread, pure.
 */
import type { LogicalPlan } from "../logical/nodes.ts";
import { collapseProject } from "./collapse-project.ts";
import { combineFilters } from "./combine-filters.ts";
import { eliminateSubqueryAlias } from "./eliminate-subquery-alias.ts";
import { foldConstants } from "./fold-constants.ts";
import { pruneColumns } from "./prune-columns.ts";
import { pushDownFilter } from "./push-down-filter.ts";
import { replaceDistinctAggregate } from "./replace-distinct-aggregate.ts";
import { replaceFullOuterJoin } from "./replace-full-outer-join.ts";
import { replaceSetOperation } from "./replace-set-operation.ts";
import type { OptimizerContext, Rule } from "./rule-context.ts";
import { simplifyBooleans } from "./simplify-booleans.ts";

export type { OptimizerContext } from "./rule-context.ts";

const preparing: readonly Rule[] = [eliminateSubqueryAlias, replaceSetOperation, replaceFullOuterJoin, replaceDistinctAggregate];
const repeated: readonly Rule[] = [foldConstants, simplifyBooleans, combineFilters, pushDownFilter, collapseProject];
const finishing: readonly Rule[] = [pruneColumns, collapseProject];

/** Rounds after which a plan is good enough even if rules still find something. */
const ROUNDS_MAX = 20;

/** Throws `UNSUPPORTED_FEATURE.NOT_YET` for INTERSECT ALL and EXCEPT ALL. */
export function optimize(analyzed: LogicalPlan, context: OptimizerContext): LogicalPlan {
  const apply = (rules: readonly Rule[], plan: LogicalPlan): LogicalPlan => rules.reduce((current, rule) => rule(current, context), plan);
  let plan = apply(preparing, analyzed);
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const before = plan;
    plan = apply(repeated, plan);
    if (plan === before) break;
  }
  return apply(finishing, plan);
}
