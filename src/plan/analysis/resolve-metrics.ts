/** `observe(name, …)`: named aggregates beside the rows. Main thread. */
import { hasAggregate, type ExpressionResolver } from "./resolve-expressions.ts";
import { type AggregateCall, type Alias, type Attribute, type Expression } from "../expr/expression.ts";
import { aliasOf } from "../expr/expression-type.ts";
import { MillraceError } from "../../base/errors.ts";
import { prettyName, quotedSql } from "../expr/sql-text.ts";
import type { CollectMetrics, LogicalPlan } from "../logical/nodes.ts";
import { childrenOf } from "../tree.ts";
import { analysisError } from "./context.ts";
import { notYet } from "./context.ts";
import { scopeOf } from "./resolve-names.ts";

/** Throws `INVALID_OBSERVED_METRICS.*`. */
export function resolveMetrics(node: CollectMetrics, child: LogicalPlan, resolver: ExpressionResolver): LogicalPlan {
  if (node.name === "") throw analysisError("INVALID_OBSERVED_METRICS.MISSING_NAME", { operator: "CollectMetrics" });
  const bound = resolver.bindNamed(node.metrics, scopeOf([child], resolver.caseSensitive));
  const metrics = bound.map((metric): Expression => {
    const finished = finishMetric(metric, resolver);
    checkMetric(finished.kind === "alias" ? finished.child : finished, finished, resolver);
    return single(finished, resolver);
  });
  return Object.freeze({ ...node, child, metrics });
}

function finishMetric(metric: Alias | Attribute, resolver: ExpressionResolver): Alias | Attribute {
  try {
    return resolver.finish(metric) as Alias | Attribute;
  } catch (error) {
    if (error instanceof MillraceError && error.condition === "NESTED_AGGREGATE_FUNCTION")
      throw analysisError("INVALID_OBSERVED_METRICS.NESTED_AGGREGATES_UNSUPPORTED", { expr: `"${prettyName(metric)}"` });
    throw error;
  }
}

/** Columns and non-deterministic functions may stand inside aggregate functions only; DISTINCT nowhere. */
function checkMetric(expression: Expression, metric: Expression, resolver: ExpressionResolver): void {
  const expr = quotedSql(metric);
  switch (expression.kind) {
    case "aggregate_call":
      if (expression.isDistinct) throw analysisError("INVALID_OBSERVED_METRICS.AGGREGATE_EXPRESSION_WITH_DISTINCT_UNSUPPORTED", { expr });
      return;
    case "attribute":
      throw analysisError("INVALID_OBSERVED_METRICS.NON_AGGREGATE_FUNC_ARG_IS_ATTRIBUTE", { expr });
    case "call": {
      const definition = resolver.context.functions.find(expression.name);
      if (definition?.kind === "scalar" && definition.deterministic === false)
        throw analysisError("INVALID_OBSERVED_METRICS.NON_AGGREGATE_FUNC_ARG_IS_NON_DETERMINISTIC", { expr });
    }
  }
  for (const child of childrenOf(expression)) checkMetric(child, metric, resolver);
}

function single(metric: Alias | Attribute, resolver: ExpressionResolver): Alias {
  if (metric.kind === "alias" && metric.child.kind === "aggregate_call") return metric as Alias & { child: AggregateCall };
  if (!hasAggregate(metric)) throw notYet("an observed metric without an aggregate function", "Use an aggregate such as max(lit(1)).");
  if (metric.kind === "attribute") return aliasOf(metric, metric.name, resolver.context.ids());
  throw notYet("a calculation over aggregates as an observed metric", "Observe the aggregates themselves and calculate with their values.");
}
