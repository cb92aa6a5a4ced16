/**
 * Analysis: an unresolved plan, as the API built it, becomes a plan in which every column has an id and a type, every function is
 * known and every implicit cast is written out. One pass from the leaves up; each kind has its rule, the longer ones in a file of their own:
 *
 * | kind | becomes | rule |
 * |---|---|---|
 * | read, local_relation, range, unresolved_relation | relation, … | resolve-relations.ts |
 * | project | project, aggregate when it has aggregate functions | here |
 * | with_columns, with_columns_renamed, drop | project | resolve-columns.ts |
 * | filter, sort | itself; may reach below a select or an aggregate | here |
 * | aggregate | project over aggregate over project | resolve-aggregate.ts |
 * | join, set_operation, with_watermark, collect_metrics | itself | resolve-….ts |
 * | `window(…)`, `window_time(…)` in any of them | expand_window, project below | time-windows.ts |
 *
 * Called by the session for schemas, actions and `start()`; main thread. Asynchronous only because connectors are asked for schemas.
 */
import { unreachable } from "../../base/assert.ts";
import type { Alias, Attribute, Expression, SortOrder } from "../expr/expression.ts";
import { typeOf } from "../expr/expression-type.ts";
import { quotedSql, quotedType } from "../expr/sql-text.ts";
import { isOrderable } from "../expr/type-coercion.ts";
import type { Filter, LogicalPlan, Project, Sort } from "../logical/nodes.ts";
import { outputOf } from "../logical/output.ts";
import { walk, walkPlan } from "../tree.ts";
import { analysisError, type AnalysisContext } from "./context.ts";
import { aggregateStackOf, buildAggregate, hasForeignColumn, overAggregate, resolveAggregate } from "./resolve-aggregate.ts";
import { project, resolveDeduplicate, resolveDrop, resolveRenames, resolveWithColumns } from "./resolve-columns.ts";
import { ExpressionResolver, hasAggregate } from "./resolve-expressions.ts";
import { resolveJoin } from "./resolve-join.ts";
import { resolveMetrics } from "./resolve-metrics.ts";
import { scopeOf } from "./resolve-names.ts";
import { lookUpView, resolveLocal, resolveRead, type SchemaCache } from "./resolve-relations.ts";
import { resolveSetOperation } from "./resolve-set-operation.ts";
import { resolveWatermark } from "./resolve-watermark.ts";
import { extractTimeWindows } from "./time-windows.ts";

export type { AnalysisContext } from "./context.ts";

/** Nodes that analysis has made; they are taken as they are when a new plan is built over them. */
const analyzed = new WeakSet<LogicalPlan>();

/**
 * The analyzed form of `plan`. Plans that are analyzed already, or have analyzed parts, are fine. Rejects with an `AnalysisError`
 * that carries Spark's condition and parameters, or with what the connector, the parser or a type rule raised.
 */
export async function analyze(plan: LogicalPlan, context: AnalysisContext): Promise<LogicalPlan> {
  const result = await new Analyzer(context).resolve(plan);
  for (const node of walkPlan(result)) analyzed.add(node);
  return result;
}

class Analyzer {
  readonly #context: AnalysisContext;
  readonly #resolver: ExpressionResolver;
  readonly #schemas: SchemaCache = new Map();

  constructor(context: AnalysisContext) {
    this.#context = context;
    this.#resolver = new ExpressionResolver(context);
  }

  async resolve(plan: LogicalPlan): Promise<LogicalPlan> {
    if (analyzed.has(plan)) return plan;
    return withPlanId(await this.#resolveNode(plan), plan.planId);
  }

  async #resolveNode(plan: LogicalPlan): Promise<LogicalPlan> {
    const resolver = this.#resolver;
    switch (plan.kind) {
      case "read":
        return resolveRead(plan, this.#context, this.#schemas);
      case "local_relation":
      case "range":
        return resolveLocal(plan, this.#context);
      case "relation":
        return plan;
      case "unresolved_relation": {
        const child = await this.resolve(lookUpView(plan, this.#context));
        return Object.freeze({ kind: "subquery_alias", child, name: plan.nameParts.at(-1)! });
      }
      case "project":
        return this.#project(plan, await this.resolve(plan.child));
      case "filter":
        return this.#filter(plan, await this.resolve(plan.child));
      case "with_columns":
        return resolveWithColumns(plan, await this.resolve(plan.child), resolver);
      case "with_columns_renamed":
        return resolveRenames(plan, await this.resolve(plan.child), resolver);
      case "drop":
        return resolveDrop(plan, await this.resolve(plan.child), resolver);
      case "aggregate":
        return resolveAggregate(plan, await this.resolve(plan.child), resolver);
      case "join":
        return resolveJoin(plan, await this.resolve(plan.left), await this.resolve(plan.right), resolver);
      case "set_operation": {
        const inputs: LogicalPlan[] = [];
        for (const input of plan.inputs) inputs.push(await this.resolve(input));
        return resolveSetOperation(plan, inputs, resolver);
      }
      case "sort":
        return this.#sort(plan, await this.resolve(plan.child));
      case "subquery_alias":
      case "limit":
        return Object.freeze({ ...plan, child: await this.resolve(plan.child) });
      case "deduplicate":
        return resolveDeduplicate(plan, await this.resolve(plan.child), resolver);
      case "with_watermark":
        return resolveWatermark(plan, await this.resolve(plan.child), resolver);
      case "expand_window":
        return Object.freeze({ ...plan, child: await this.resolve(plan.child) });
      case "map_partitions": {
        const output = plan.schema.fields.map(({ name, dataType, nullable }): Attribute =>
          Object.freeze({ kind: "attribute", id: this.#context.ids(), name, dataType, nullable }),
        );
        return Object.freeze({ ...plan, child: await this.resolve(plan.child), output });
      }
      case "collect_metrics":
        return resolveMetrics(plan, await this.resolve(plan.child), resolver);
      default:
        return unreachable(plan);
    }
  }

  /** A select list with an aggregate function groups everything into one row. */
  #project(node: Project, child: LogicalPlan): LogicalPlan {
    const resolver = this.#resolver;
    const bound = resolver.bindNamed(node.expressions, scopeOf([child], resolver.caseSensitive));
    const extracted = extractTimeWindows(child, bound, resolver);
    const finished = extracted.expressions.map((expression) => resolver.finish(expression) as Alias | Attribute);
    return finished.some(hasAggregate)
      ? buildAggregate(extracted.child, [], finished, false, resolver)
      : Object.freeze({ ...node, child: extracted.child, expressions: finished });
  }

  #filter(node: Filter, child: LogicalPlan): LogicalPlan {
    const resolver = this.#resolver;
    const bound = resolver.bind(node.condition, scopeOf([child], resolver.caseSensitive, hiddenColumns(child)));
    const extracted = extractTimeWindows(child, [bound], resolver);
    const finished = resolver.finish(extracted.expressions[0]!);
    const condition = resolver.asCondition(finished, (type) => {
      const filter = quotedSql(finished);
      return analysisError("DATATYPE_MISMATCH.FILTER_NOT_BOOLEAN", { sqlExpr: filter, filter, type: quotedType(type) });
    });
    const filtered = this.#placed(extracted.child, [condition], (input, [placed]) =>
      Object.freeze({ ...node, child: input, condition: placed! }),
    );
    if (filtered === null) {
      const aggregates = [...walk(condition)].filter((part) => part.kind === "aggregate_call").map(quotedSql);
      throw analysisError("INVALID_WHERE_CONDITION", { condition: quotedSql(condition), expressionList: aggregates.join(", ") });
    }
    return extracted.child === child ? filtered : project(filtered, outputOf(child));
  }

  #sort(node: Sort, child: LogicalPlan): LogicalPlan {
    const resolver = this.#resolver;
    const scope = scopeOf([child], resolver.caseSensitive, hiddenColumns(child));
    const output = outputOf(child);
    const children = node.order.map(({ child: key }) => {
      if (key.kind === "literal" && key.dataType.kind === "integer" && key.value !== null) return columnAt(key.value as number, output);
      const resolved = resolver.resolve(key, scope);
      return resolved.kind === "alias" ? resolved.child : resolved;
    });
    for (const key of children) {
      if (isOrderable(typeOf(key))) continue;
      const parameters = { sqlExpr: quotedSql(key), functionName: "`sortorder`", dataType: quotedType(typeOf(key)) };
      throw analysisError("DATATYPE_MISMATCH.INVALID_ORDERING_TYPE", parameters);
    }
    const sorted = this.#placed(child, children, (input, keys) =>
      Object.freeze({ ...node, child: input, order: node.order.map((order, index): SortOrder => ({ ...order, child: keys[index]! })) }),
    );
    if (sorted !== null) return sorted;
    throw analysisError("UNSUPPORTED_EXPR_FOR_OPERATOR", { invalidExprSqls: children.filter(hasAggregate).map(quotedSql).join(", ") });
  }

  /**
   * Puts an operator over `child`; where its expressions need aggregates or columns that `child` does not produce, below `child`'s
   * select list. Null: aggregate functions, but nothing to aggregate.
   */
  #placed(
    child: LogicalPlan,
    expressions: readonly Expression[],
    place: (child: LogicalPlan, expressions: readonly Expression[]) => LogicalPlan,
  ): LogicalPlan | null {
    const output = outputOf(child);
    const reachesBelow = expressions.some((expression) => hasForeignColumn(expression, output));
    const aggregates = expressions.some(hasAggregate);
    if (!reachesBelow && !aggregates) return place(child, expressions);
    const stack = aggregateStackOf(child);
    if (stack !== null) return overAggregate(stack, expressions, place, this.#resolver);
    if (aggregates || child.kind !== "project") return null;
    const produced = new Set(output.map((attribute) => attribute.id));
    const missing = expressions.flatMap((expression) =>
      [...walk(expression)].filter((part): part is Attribute => part.kind === "attribute" && !produced.has(part.id)),
    );
    const unique = [...new Map(missing.map((attribute) => [attribute.id, attribute])).values()];
    const widened = Object.freeze({ ...child, expressions: [...child.expressions, ...unique] });
    return project(place(widened, expressions), output);
  }
}

/** What a filter or sort over `child` may name besides its output. */
function hiddenColumns(child: LogicalPlan): readonly Attribute[] | undefined {
  const stack = aggregateStackOf(child);
  if (stack !== null) return outputOf(stack.aggregate.child);
  return child.kind === "project" ? outputOf(child.child) : undefined;
}

/** `ORDER BY 2`. */
function columnAt(position: number, output: readonly Attribute[]): Attribute {
  const column = output[position - 1];
  if (column === undefined) throw analysisError("ORDER_BY_POS_OUT_OF_RANGE", { index: String(position), size: String(output.length) });
  return column;
}

/** Keeps the frame's number on the node that stands for it, so that `df.col("x")` finds it. */
function withPlanId(plan: LogicalPlan, planId: number | undefined): LogicalPlan {
  if (planId === undefined || plan.planId === planId) return plan;
  return plan.planId === undefined && !analyzed.has(plan)
    ? Object.freeze({ ...plan, planId })
    : Object.freeze({ ...(project(plan, outputOf(plan)) as Project), planId });
}
