/**
 * Columns that nobody reads are not computed, not kept in state and not carried through joins. Works from the root down with the set of
 * columns that are wanted. Sources keep their output: the planner asks connectors for the wanted leaves only. Main thread.
 */
import type { Expression } from "../expr/expression.ts";
import type { LogicalPlan } from "../logical/nodes.ts";
import { isStreaming, outputOf } from "../logical/output.ts";
import { expressionsOf } from "../tree.ts";
import { idsOf, referencesOf, type Rule } from "./rule-context.ts";

export const pruneColumns: Rule = (plan) => pruned(plan, idsOf(outputOf(plan)));

type Ids = ReadonlySet<number>;

const also = (wanted: Ids, expressions: readonly Expression[]): Ids =>
  new Set([...wanted, ...expressions.flatMap((expression) => [...referencesOf(expression)])]);

const readBy = (expressions: readonly Expression[]): Ids => also(new Set(), expressions);

const isWanted = (named: Expression, wanted: Ids): boolean =>
  (named.kind === "alias" || named.kind === "attribute") && wanted.has(named.id);

function pruned(plan: LogicalPlan, wanted: Ids): LogicalPlan {
  switch (plan.kind) {
    case "project": {
      const kept = plan.expressions.filter((named) => isWanted(named, wanted));
      const child = pruned(plan.child, readBy(kept));
      if (kept.length === plan.expressions.length && child === plan.child) return plan;
      return Object.freeze({ ...plan, child, expressions: kept });
    }
    case "aggregate": {
      const read = plan.results.filter((result) => result.kind !== "alias" || wanted.has(result.id));
      const kept = read.length > 0 ? read : plan.results.slice(0, 1);
      const child = pruned(plan.child, readBy([...plan.grouping, ...kept]));
      if (kept.length === plan.results.length && child === plan.child) return plan;
      return Object.freeze({ ...plan, child, results: kept });
    }
    case "join": {
      const needed = also(wanted, expressionsOf(plan));
      const left = narrowed(pruned(plan.left, needed), needed);
      const right = narrowed(pruned(plan.right, needed), needed);
      return left === plan.left && right === plan.right ? plan : Object.freeze({ ...plan, left, right });
    }
    case "set_operation": {
      const output = plan.output!;
      const positions = output.flatMap((column, index) => (wanted.has(column.id) ? [index] : []));
      const isWhole = positions.length === output.length || positions.length === 0 || plan.operation !== "union" || !plan.isAll;
      const inputs = plan.inputs.map((input) => {
        if (isWhole) return pruned(input, idsOf(outputOf(input)));
        const expressions = positions.map((index) => outputOf(input)[index]!);
        return Object.freeze({ kind: "project", child: pruned(input, idsOf(expressions)), expressions } as const);
      });
      if (isWhole) return inputs.every((input, index) => input === plan.inputs[index]) ? plan : Object.freeze({ ...plan, inputs });
      return Object.freeze({ ...plan, inputs, output: positions.map((index) => output[index]!) });
    }
    case "deduplicate": {
      // The event time decides how long a key is kept. Without a limit only rows are late by it: as in Spark, where somebody looks at it.
      const times = plan.withinWatermark ? outputOf(plan.child).filter(({ watermarkDelayMs }) => watermarkDelayMs !== undefined) : [];
      const needed = also(wanted, [...plan.columns, ...times]);
      const child = narrowed(pruned(plan.child, needed), needed, true);
      return child === plan.child ? plan : Object.freeze({ ...plan, child });
    }
    case "with_watermark": {
      const child = pruned(plan.child, also(wanted, [plan.eventTime]));
      if (child === plan.child) return plan;
      const left = idsOf(outputOf(child));
      return Object.freeze({ ...plan, child, output: plan.output!.filter((column) => left.has(column.id)) });
    }
    case "limit": {
      const child = narrowed(pruned(plan.child, wanted), wanted, isStreaming(plan));
      return child === plan.child ? plan : Object.freeze({ ...plan, child });
    }
    case "map_partitions": {
      const child = pruned(plan.child, idsOf(outputOf(plan.child)));
      return child === plan.child ? plan : Object.freeze({ ...plan, child });
    }
    case "filter":
    case "sort":
    case "expand_window":
    case "collect_metrics":
    case "subquery_alias": {
      const child = pruned(plan.child, also(wanted, expressionsOf(plan)));
      return child === plan.child ? plan : Object.freeze({ ...plan, child });
    }
    default:
      return plan;
  }
}

/**
 * `plan` with the wanted columns only, where rows are stored (join tables, deduplication). A stream flows on without being stored, so
 * its join side is left alone.
 */
function narrowed(plan: LogicalPlan, wanted: Ids, always = false): LogicalPlan {
  const output = outputOf(plan);
  const kept = output.filter((column) => wanted.has(column.id));
  if (kept.length === output.length || kept.length === 0 || (isStreaming(plan) && !always)) return plan;
  return Object.freeze({ kind: "project", child: plan, expressions: kept });
}
