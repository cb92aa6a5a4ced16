/** `Deduplicate` of a batch query → `Aggregate`; those of streams keep rows in state (`plan-row-operator.ts`). Main thread, once per query. */
import type { Attribute } from "../expr/expression.ts";
import type { Deduplicate, LogicalPlan } from "../logical/nodes.ts";
import { outputOf } from "../logical/output.ts";

/** Batch `dropDuplicates`: group by the columns, take the first of the others. */
export function deduplicateAsAggregate(plan: Deduplicate): LogicalPlan {
  const keys = plan.columns as Attribute[];
  const output = outputOf(plan.child);
  const isKey = (attribute: Attribute): boolean => keys.some((key) => key.id === attribute.id);
  return {
    kind: "aggregate",
    child: plan.child,
    grouping: keys,
    results: output.map((attribute) =>
      isKey(attribute)
        ? attribute
        : {
            kind: "alias",
            name: attribute.name,
            id: attribute.id,
            child: {
              kind: "aggregate_call",
              name: "first",
              args: [attribute],
              isDistinct: false,
              filter: null,
              ignoreNulls: false,
              dataType: attribute.dataType,
              nullable: attribute.nullable,
            },
          },
    ),
  };
}
