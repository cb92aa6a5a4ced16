/**
 * Sliding windows by panes: a row is aggregated once, in the piece of time (pane) that its windows have in common with those of its
 * neighbours; windows are merged from panes when they are emitted. Here: whether an aggregate can work so, and what changes in its plan.
 * Main thread, called by the planner.
 */
import type { RowLayout, RowPanes } from "../../columnar/row-layout.ts";
import type { Alias, Attribute, Expression } from "../expr/expression.ts";
import type { FunctionRegistry } from "../expr/function-registry.ts";
import type { Aggregate, LogicalPlan } from "../logical/nodes.ts";
import { isDeterministic } from "../optimizer/rule-context.ts";
import { contains } from "../tree.ts";
import type { Step } from "./program.ts";

type ExpandWindow = Extract<LogicalPlan, { kind: "expand_window" }>;

export interface SlidingWindows {
  /** The grouping attribute that is the window. */
  readonly grouping: Attribute;
  readonly expand: ExpandWindow;
  readonly paneMicros: bigint;
}

/** Merging more panes than these for every window costs more than it saves. */
const PANES_MAX = 64n;

/**
 * The overlapping windows that `plan` groups by, if nothing but the grouping looks at them and if rows may be aggregated in another
 * order and grouping; else null.
 */
export function slidingWindows(plan: Aggregate, functions: FunctionRegistry): SlidingWindows | null {
  const calls = plan.results.flatMap((result) => (result.kind === "alias" ? [result.child] : []));
  if (!calls.every((call) => isDeterministic(call, { functions }))) return null;
  if (calls.some((call) => call.kind === "aggregate_call" && functions.aggregate(call.name).dependsOnOrder)) return null;
  for (const grouping of plan.grouping as Attribute[]) {
    const readsWindow = calls.some((call) => call.kind === "aggregate_call" && mentions(call, grouping.id));
    const expand = grouping.dataType.kind === "struct" && !readsWindow ? windowBelow(plan.child, grouping.id, functions) : null;
    if (!expand || expand.slideMicros >= expand.windowMicros) continue;
    const paneMicros = greatestCommonDivisor(expand.windowMicros, expand.slideMicros);
    return expand.windowMicros / paneMicros <= PANES_MAX ? { grouping, expand, paneMicros } : null;
  }
  return null;
}

/** The node that makes column `id`, if only filters and projections that hand the column on lie between. */
function windowBelow(plan: LogicalPlan, id: number, functions: FunctionRegistry): ExpandWindow | null {
  switch (plan.kind) {
    case "expand_window":
      return plan.window.id === id ? plan : null;
    case "filter":
      if (mentions(plan.condition, id) || !isDeterministic(plan.condition, { functions })) return null;
      return windowBelow(plan.child, id, functions);
    case "project": {
      const expressions = plan.expressions as (Attribute | Alias)[];
      const handedOn = expressions.find((expression) => expression.id === id);
      const source = handedOn?.kind === "alias" ? handedOn.child : handedOn;
      if (source?.kind !== "attribute") return null;
      const others = expressions.filter((expression) => expression !== handedOn);
      if (others.some((expression) => mentions(expression, source.id) || !isDeterministic(expression, { functions }))) return null;
      return windowBelow(plan.child, source.id, functions);
    }
    default:
      return null;
  }
}

const mentions = (expression: Expression, id: number): boolean =>
  contains(expression, (node) => node.kind === "attribute" && node.id === id);

function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  return b === 0n ? a : greatestCommonDivisor(b, a % b);
}

/** What the rows of `layout`, whose keys hold the window, need to know of their panes. */
export function rowPanes({ grouping, expand, paneMicros }: SlidingWindows, { keys }: RowLayout): RowPanes {
  const offsetOf = (field: string): number => keys.find(({ name }) => name === `${grouping.name}.${field}`)!.offset;
  const { windowMicros, slideMicros, startMicros } = expand;
  return { startOffset: offsetOf("start"), endOffset: offsetOf("end"), windowMicros, slideMicros, startMicros, paneMicros };
}

/** Makes the step that expands rows into these windows put each row into its pane. */
export function expandIntoPanes(steps: Step[], { expand, paneMicros }: SlidingWindows): void {
  steps.forEach((step, i) => {
    if (step.kind === "expand_window" && step.window.id === expand.window.id) steps[i] = { ...step, paneMicros };
  });
}
