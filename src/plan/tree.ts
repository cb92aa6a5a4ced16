/**
 * The tree toolkit: one table of child fields per kind, for expressions and for logical plans, and the few generic
 * functions that everything else walks and rewrites trees with. A new kind does not compile without an entry here.
 * Every rewrite returns the same object when it changed nothing. Used on the main thread by analysis, optimizer,
 * physical planning and explain.
 */
import type { Expression, ExpressionKind } from "./expr/expression.ts";
import type { LogicalKind, LogicalPlan } from "./logical/nodes.ts";

type ExpressionOf<Kind extends ExpressionKind> = Extract<Expression, { kind: Kind }>;
type PlanOf<Kind extends LogicalKind> = Extract<LogicalPlan, { kind: Kind }>;

/** Fields that hold an expression, a list of them, or the branches of a CASE WHEN. */
const expressionChildFields: { readonly [Kind in ExpressionKind]: readonly (keyof ExpressionOf<Kind> & string)[] } = {
  unresolved_attribute: [],
  unresolved_star: [],
  unresolved_function: ["args", "filter"],
  unresolved_extract_value: ["child", "extraction"],
  expression_string: [],
  literal: [],
  attribute: [],
  alias: ["child"],
  cast: ["child"],
  call: ["args"],
  case_when: ["branches", "otherwise"],
  get_field: ["child"],
  create_struct: ["values"],
  aggregate_call: ["args", "filter"],
  user_function: ["args"],
  batch_timestamp: [],
  sort_order: ["child"],
};

const planChildFields: { readonly [Kind in LogicalKind]: readonly (keyof PlanOf<Kind> & string)[] } = {
  read: [],
  local_relation: [],
  range: [],
  relation: [],
  unresolved_relation: [],
  project: ["child"],
  filter: ["child"],
  with_columns: ["child"],
  with_columns_renamed: ["child"],
  drop: ["child"],
  subquery_alias: ["child"],
  aggregate: ["child"],
  join: ["left", "right"],
  set_operation: ["inputs"],
  sort: ["child"],
  limit: ["child"],
  deduplicate: ["child"],
  with_watermark: ["child"],
  expand_window: ["child"],
  collect_metrics: ["child"],
  map_partitions: ["child"],
};

/** Fields that hold expressions which a node evaluates (not the attributes it defines). */
const planExpressionFields: { readonly [Kind in LogicalKind]: readonly (keyof PlanOf<Kind> & string)[] } = {
  read: [],
  local_relation: [],
  range: [],
  relation: [],
  unresolved_relation: [],
  project: ["expressions"],
  filter: ["condition"],
  with_columns: ["columns"],
  with_columns_renamed: [],
  drop: ["columns"],
  subquery_alias: [],
  aggregate: ["grouping", "results"],
  join: ["condition"],
  set_operation: [],
  sort: ["order"],
  limit: [],
  deduplicate: ["columns"],
  with_watermark: ["eventTime"],
  expand_window: ["time"],
  collect_metrics: ["metrics"],
  map_partitions: [],
};

/** The expressions directly below `expression`, in order of evaluation. */
export function childrenOf(expression: Expression): Expression[] {
  return collectFields<Expression>(expression, expressionChildFields[expression.kind]);
}

/** The plans directly below `plan`, left to right. */
export function inputsOf(plan: LogicalPlan): LogicalPlan[] {
  return collectFields<LogicalPlan>(plan, planChildFields[plan.kind]);
}

/** The expressions that `plan` itself evaluates. */
export function expressionsOf(plan: LogicalPlan): Expression[] {
  return collectFields<Expression>(plan, planExpressionFields[plan.kind]);
}

/** `expression` with `map` applied to each direct child. */
export function mapChildren(expression: Expression, map: (child: Expression) => Expression): Expression {
  return mapFields(expression, expressionChildFields[expression.kind], map);
}

/** `plan` with `map` applied to each direct input. */
export function mapInputs(plan: LogicalPlan, map: (input: LogicalPlan) => LogicalPlan): LogicalPlan {
  return mapFields(plan, planChildFields[plan.kind], map);
}

/** `plan` with `map` applied to each of its own expressions (whole expressions, not their parts). */
export function mapExpressions<P extends LogicalPlan>(plan: P, map: (expression: Expression) => Expression): P {
  return mapFields(plan, planExpressionFields[plan.kind], map);
}

/** Children first, then the node. */
export function transformUp(expression: Expression, rewrite: (node: Expression) => Expression): Expression {
  return rewrite(mapChildren(expression, (child) => transformUp(child, rewrite)));
}

/** The node first, then the children of what it became. */
export function transformDown(expression: Expression, rewrite: (node: Expression) => Expression): Expression {
  return mapChildren(rewrite(expression), (child) => transformDown(child, rewrite));
}

export function transformPlanUp(plan: LogicalPlan, rewrite: (node: LogicalPlan) => LogicalPlan): LogicalPlan {
  return rewrite(mapInputs(plan, (input) => transformPlanUp(input, rewrite)));
}

export function transformPlanDown(plan: LogicalPlan, rewrite: (node: LogicalPlan) => LogicalPlan): LogicalPlan {
  return mapInputs(rewrite(plan), (input) => transformPlanDown(input, rewrite));
}

/** Every node of an expression, parents before children. */
export function* walk(expression: Expression): Generator<Expression> {
  yield expression;
  for (const child of childrenOf(expression)) yield* walk(child);
}

/** Every node of a plan, parents before children. */
export function* walkPlan(plan: LogicalPlan): Generator<LogicalPlan> {
  yield plan;
  for (const input of inputsOf(plan)) yield* walkPlan(input);
}

/** Whether some node of `expression` satisfies `test`. */
export function contains(expression: Expression, test: (node: Expression) => boolean): boolean {
  return test(expression) || childrenOf(expression).some((child) => contains(child, test));
}

type Tagged = { readonly kind: string };
type Fields = Readonly<Record<string, unknown>>;

function collectFields<Child extends Tagged>(node: object, fields: readonly string[]): Child[] {
  const found: Child[] = [];
  const take = (value: unknown): void => {
    if (value === null || value === undefined) return;
    if (Array.isArray(value)) value.forEach(take);
    else if ("kind" in (value as object)) found.push(value as Child);
    else Object.values(value as object).forEach(take);
  };
  for (const field of fields) take((node as Fields)[field]);
  return found;
}

function mapFields<Node extends object, Child extends Tagged>(node: Node, fields: readonly string[], map: (child: Child) => Child): Node {
  let changes: Record<string, unknown> | null = null;
  for (const field of fields) {
    const before = (node as Fields)[field];
    const after = mapValue(before, map);
    if (after !== before) (changes ??= {})[field] = after;
  }
  return changes === null ? node : Object.freeze({ ...node, ...changes });
}

function mapValue<Child extends Tagged>(value: unknown, map: (child: Child) => Child): unknown {
  if (value === null || value === undefined) return value;
  if (Array.isArray(value)) {
    const mapped = value.map((item) => mapValue(item, map));
    return mapped.some((item, index) => item !== value[index]) ? Object.freeze(mapped) : value;
  }
  if ("kind" in (value as object)) return map(value as Child);
  return mapFields(value as object, Object.keys(value as object), map);
}
