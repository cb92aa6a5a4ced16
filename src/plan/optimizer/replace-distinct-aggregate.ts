/**
 * `count(DISTINCT x)` and its kin: duplicates are removed by grouping before the function is applied. One Aggregate over the distinct
 * values per list of arguments; several such Aggregates, and the one without DISTINCT, are joined on the grouping columns. Batch only:
 * streams with DISTINCT are refused before. Main thread.
 */
import { BooleanType } from "../../columnar/types.ts";
import { withFreshIds } from "../analysis/fresh-ids.ts";
import { call, type AggregateCall, type Alias, type Attribute, type Expression } from "../expr/expression.ts";
import { expressionKey } from "../expr/expression-key.ts";
import { aliasOf, attributeOf } from "../expr/expression-type.ts";
import type { Aggregate, Join, LogicalPlan } from "../logical/nodes.ts";
import { outputOf } from "../logical/output.ts";
import { transformPlanUp } from "../tree.ts";
import { conjunctionOf } from "../logical/conjunction.ts";
import type { OptimizerContext, Rule } from "./rule-context.ts";

export const replaceDistinctAggregate: Rule = (plan, context) =>
  transformPlanUp(plan, (node) => (node.kind === "aggregate" ? replaced(node, context) : node));

type NamedCall = Alias & { readonly child: AggregateCall };

/** Functions for which duplicates make no difference. */
const INDIFFERENT: ReadonlySet<string> = new Set(["min", "max"]);

function replaced(node: Aggregate, context: OptimizerContext): LogicalPlan {
  const calls = node.results.filter((result): result is NamedCall => result.kind === "alias" && result.child.kind === "aggregate_call");
  if (!calls.some((named) => named.child.isDistinct)) return node;
  const groups = new Map<string, NamedCall[]>();
  for (const named of calls) {
    const key = isPlain(named.child)
      ? ""
      : [...named.child.args, ...(named.child.filter ? [named.child.filter] : [])].map(expressionKey).join();
    groups.set(key, [...(groups.get(key) ?? []), named]);
  }
  const parts = [...groups.values()].map((group) =>
    isPlain(group[0]!.child) ? plainPart(node, group) : distinctPart(node, group, context),
  );
  return joined(node, parts, context);
}

const isPlain = (aggregate: AggregateCall): boolean => !aggregate.isDistinct || INDIFFERENT.has(aggregate.name);

function plainPart(node: Aggregate, group: readonly NamedCall[]): Aggregate {
  const results = group.map((named): Expression => Object.freeze({ ...named, child: { ...named.child, isDistinct: false } }));
  return Object.freeze({ ...node, results: [...node.grouping, ...results] });
}

/** Rows that fail a FILTER count as nulls, so that their group is there all the same. */
function distinctPart(node: Aggregate, group: readonly NamedCall[], context: OptimizerContext): Aggregate {
  const { args, filter } = group[0]!.child;
  const values = args.map((arg, index): Alias => {
    const value: Expression = filter ? { kind: "case_when", branches: [{ condition: filter, value: arg }], otherwise: null } : arg;
    return aliasOf(value, `distinct_${index}`, context.ids());
  });
  const columns = values.map(attributeOf);
  const keys = [...(node.grouping as readonly Attribute[]), ...columns];
  const input: LogicalPlan = Object.freeze({ kind: "project", child: node.child, expressions: [...node.grouping, ...values] });
  const distinct: Aggregate = Object.freeze({ kind: "aggregate", child: input, grouping: keys, results: keys });
  const results = group.map((named): Expression =>
    Object.freeze({ ...named, child: { ...named.child, args: columns, isDistinct: false, filter: null } }),
  );
  return Object.freeze({ ...node, child: distinct, results: [...node.grouping, ...results] });
}

/** The parts side by side, under the results of the original node. */
function joined(node: Aggregate, [first, ...others]: readonly Aggregate[], context: OptimizerContext): LogicalPlan {
  const columns = new Map<number, Attribute>(outputOf(first!).map((column) => [column.id, column]));
  let plan: LogicalPlan = first!;
  for (const part of others) {
    const copy = withFreshIds(part, () => context.ids());
    const output = outputOf(copy);
    const equalities = node.grouping.map((key, index): Expression => call("<=>", [key, output[index]!], BooleanType, false));
    outputOf(part).forEach((column, index) => columns.has(column.id) || columns.set(column.id, output[index]!));
    plan = Object.freeze<Join>({
      kind: "join",
      left: plan,
      right: copy,
      joinType: equalities.length > 0 ? "inner" : "cross",
      condition: conjunctionOf(equalities),
      usingColumns: [],
    });
  }
  const expressions = node.results.map((result): Expression => {
    const original = attributeOf(result);
    const column = columns.get(original.id)!;
    return column.id === original.id ? column : aliasOf(column, original.name, original.id);
  });
  return Object.freeze({ kind: "project", child: plan, expressions });
}
