/**
 * Grouping and aggregate functions. Whatever the user wrote becomes three layers: a Project that computes grouping expressions, an
 * Aggregate whose results are grouping columns and single aggregate calls, and a Project that computes with their results.
 * Called by the analyzer for `aggregate` nodes, for select lists with aggregate functions, and for filters and sorts over an
 * aggregate. Main thread.
 */
import { assert } from "../../base/assert.ts";
import { type AggregateCall, type Alias, type Attribute, type Expression } from "../expr/expression.ts";
import { aliasOf, attributeOf, typeOf } from "../expr/expression-type.ts";
import { expressionKey } from "../expr/expression-key.ts";
import { prettyName, quotedSql, quotedType } from "../expr/sql-text.ts";
import { isOrderable } from "../expr/type-coercion.ts";
import type { Aggregate, LogicalPlan, Project } from "../logical/nodes.ts";
import { outputOf } from "../logical/output.ts";
import { contains, mapChildren } from "../tree.ts";
import { analysisError } from "./context.ts";
import { hasAggregate, type ExpressionResolver } from "./resolve-expressions.ts";
import { scopeOf } from "./resolve-names.ts";
import { extractTimeWindows } from "./time-windows.ts";

type Named = Alias | Attribute;

/** Resolves an `aggregate` node over its resolved child: output is the grouping columns, then the results. */
export function resolveAggregate(node: Aggregate, child: LogicalPlan, resolver: ExpressionResolver): LogicalPlan {
  const scope = scopeOf([child], resolver.caseSensitive);
  const grouping = resolver.bindNamed(node.grouping, scope);
  const results = resolver.bindNamed(node.results, scope);
  const extracted = extractTimeWindows(child, [...grouping, ...results], resolver);
  const finished = extracted.expressions.map((expression) => resolver.finish(expression) as Named);
  return buildAggregate(extracted.child, finished.slice(0, grouping.length), finished.slice(grouping.length), true, resolver);
}

/**
 * The plan for `results` (resolved, named) grouped by `grouping` (resolved, named) over `child`.
 * Throws `GROUP_BY_AGGREGATE`, `MISSING_AGGREGATION`, `MISSING_GROUP_BY`, `GROUP_EXPRESSION_TYPE_IS_NOT_ORDERABLE`.
 */
export function buildAggregate(
  child: LogicalPlan,
  grouping: readonly Named[],
  results: readonly Named[],
  prependsGrouping: boolean,
  resolver: ExpressionResolver,
): LogicalPlan {
  for (const named of grouping) checkGrouping(named);
  const computed = grouping.filter((named): named is Alias => named.kind === "alias");
  const input: LogicalPlan =
    computed.length === 0 ? child : Object.freeze({ kind: "project", child, expressions: [...outputOf(child), ...computed] });
  const keys = grouping.map(attributeOf);
  const core = new AggregateCore(
    input,
    uniqueById(keys),
    new Map(grouping.map((named, index) => [groupingKey(named), keys[index]!])),
    resolver,
  );
  const computedResults = results.map((result) => core.rewriteNamed(result));
  return core.finish([...(prependsGrouping ? keys : []), ...computedResults]);
}

/** Collects aggregate calls while expressions over them are rewritten to columns of the Aggregate node. */
class AggregateCore {
  readonly #input: LogicalPlan;
  readonly #keys: readonly Attribute[];
  /** Key of a grouping expression → its column. */
  readonly #keyColumns: ReadonlyMap<string, Attribute>;
  readonly #resolver: ExpressionResolver;
  readonly #calls = new Map<string, Alias>();

  constructor(input: LogicalPlan, keys: readonly Attribute[], keyColumns: ReadonlyMap<string, Attribute>, resolver: ExpressionResolver) {
    this.#input = input;
    this.#keys = keys;
    this.#keyColumns = keyColumns;
    this.#resolver = resolver;
  }

  rewriteNamed(result: Named): Named {
    if (result.kind === "attribute") return this.rewrite(result, result) as Attribute;
    const isFirstUse = result.child.kind === "aggregate_call" && !this.#calls.has(expressionKey(result.child));
    if (isFirstUse) {
      this.#calls.set(expressionKey(result.child), result);
      return attributeOf(result);
    }
    return Object.freeze({ ...result, child: this.rewrite(result.child, result.child) });
  }

  rewrite(expression: Expression, whole: Expression): Expression {
    const key = this.#keyColumns.get(expressionKey(expression));
    if (key !== undefined) return expression.kind === "attribute" ? Object.freeze({ ...key, name: expression.name }) : key;
    if (expression.kind === "aggregate_call") return this.#columnOf(expression);
    if (expression.kind === "attribute") throw this.#missingAggregation(expression);
    return mapChildren(expression, (child) => this.rewrite(child, whole));
  }

  /** Aggregate and, unless `output` is exactly its columns, a Project of `output` above it. */
  finish(output: readonly Named[]): LogicalPlan {
    const aggregate: Aggregate = Object.freeze({
      kind: "aggregate",
      child: this.#input,
      grouping: this.#keys,
      results: [...this.#keys, ...this.#calls.values()],
    });
    const columns = outputOf(aggregate);
    const isWhole =
      output.length === columns.length &&
      output.every((named, index) => named.kind === "attribute" && named.id === columns[index]!.id && named.name === columns[index]!.name);
    return isWhole ? aggregate : Object.freeze({ kind: "project", child: aggregate, expressions: output });
  }

  #columnOf(call: AggregateCall): Attribute {
    const key = expressionKey(call);
    const named = this.#calls.get(key) ?? aliasOf(call, prettyName(call), this.#resolver.context.ids());
    this.#calls.set(key, named);
    return attributeOf(named);
  }

  #missingAggregation(column: Attribute): Error {
    if (this.#keys.length === 0) return analysisError("MISSING_GROUP_BY");
    return analysisError("MISSING_AGGREGATION", { expression: quotedSql(column), expressionAnyValue: `"any_value(${column.name})"` });
  }
}

const groupingKey = (named: Named): string => expressionKey(named.kind === "alias" ? named.child : named);

function uniqueById(attributes: readonly Attribute[]): Attribute[] {
  return [...new Map(attributes.map((attribute) => [attribute.id, attribute])).values()];
}

function checkGrouping(named: Named): void {
  const expression = named.kind === "alias" ? named.child : named;
  if (hasAggregate(expression)) throw analysisError("GROUP_BY_AGGREGATE", { sqlExpr: prettyName(expression) });
  const type = typeOf(expression);
  if (!isOrderable(type))
    throw analysisError("GROUP_EXPRESSION_TYPE_IS_NOT_ORDERABLE", { sqlExpr: quotedSql(expression), dataType: quotedType(type) });
}

/** An Aggregate, alone or under the Project and Filters that analysis put above it: where later operators may reach it. */
export interface AggregateStack {
  readonly aggregate: Aggregate;
  readonly filters: readonly Expression[];
  readonly project: Project | null;
}

export function aggregateStackOf(plan: LogicalPlan): AggregateStack | null {
  const project = plan.kind === "project" ? plan : null;
  let node = project ? project.child : plan;
  const filters: Expression[] = [];
  while (node.kind === "filter") {
    filters.push(node.condition);
    node = node.child;
  }
  return node.kind === "aggregate" ? { aggregate: node, filters, project } : null;
}

/**
 * Places an operator (a HAVING filter, a sort) between an aggregate and what was computed above it, so that its expressions may
 * use aggregate functions and grouping expressions that the output does not have. `expressions` are resolved: columns of the
 * stack's output or of the aggregate's input. The output stays as it was.
 */
export function overAggregate(
  stack: AggregateStack,
  expressions: readonly Expression[],
  place: (child: LogicalPlan, expressions: readonly Expression[]) => LogicalPlan,
  resolver: ExpressionResolver,
): LogicalPlan {
  const { aggregate, project } = stack;
  const definitions = new Map(project?.expressions.flatMap((named) => (named.kind === "alias" ? [[named.id, named.child] as const] : [])));
  const produced = new Map(aggregate.results.map((result) => [attributeOf(result).id, attributeOf(result)]));
  const existing = new Map(
    aggregate.results.flatMap((result) => (result.kind === "alias" ? [[expressionKey(result.child), attributeOf(result)] as const] : [])),
  );
  const groupings = groupingDefinitions(aggregate);
  const added = new Map<string, Alias>();
  const rewrite = (expression: Expression): Expression => {
    const grouping = groupings.get(expressionKey(expression));
    if (grouping !== undefined) return grouping;
    if (expression.kind === "attribute") {
      const definition = definitions.get(expression.id);
      if (definition !== undefined) return definition;
      if (produced.has(expression.id)) return expression;
      throw analysisError("MISSING_AGGREGATION", {
        expression: quotedSql(expression),
        expressionAnyValue: `"any_value(${expression.name})"`,
      });
    }
    if (expression.kind === "aggregate_call") {
      const key = expressionKey(expression);
      const known = existing.get(key);
      if (known !== undefined) return known;
      const named = added.get(key) ?? aliasOf(expression, prettyName(expression), resolver.context.ids());
      added.set(key, named);
      return attributeOf(named);
    }
    return mapChildren(expression, rewrite);
  };
  const rewritten = expressions.map(rewrite);
  const widened: LogicalPlan =
    added.size === 0 ? aggregate : Object.freeze({ ...aggregate, results: [...aggregate.results, ...added.values()] });
  const filtered = stack.filters.reduceRight<LogicalPlan>(
    (child, condition) => Object.freeze({ kind: "filter", child, condition }),
    widened,
  );
  const output = project ? project.expressions : outputOf(aggregate);
  const placed = place(filtered, rewritten);
  return project || added.size > 0 ? Object.freeze({ kind: "project", child: placed, expressions: output }) : placed;
}

/** Expressions computed for grouping → their column in the aggregate's output. */
function groupingDefinitions({ child, grouping }: Aggregate): Map<string, Attribute> {
  const found = new Map<string, Attribute>();
  for (const key of grouping) {
    assert(key.kind === "attribute", "grouping keys are columns after analysis");
    found.set(expressionKey(key), key);
    if (child.kind !== "project") continue;
    const definition = child.expressions.find((named) => named.kind === "alias" && named.id === key.id);
    if (definition?.kind === "alias") found.set(expressionKey(definition.child), key);
  }
  return found;
}

/** Whether `expression` uses a column that is not in `output`. */
export const hasForeignColumn = (expression: Expression, output: readonly Attribute[]): boolean => {
  const ids = new Set(output.map((attribute) => attribute.id));
  return contains(expression, (node) => node.kind === "attribute" && !ids.has(node.id));
};
