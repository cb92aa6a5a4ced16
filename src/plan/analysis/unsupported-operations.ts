/**
 * Which analyzed plans can run as a stream, in which output mode, and which as a batch. Refuses, before anything starts, what could never
 * give an answer. Conditions and texts are Spark's. Called by `start()` and by batch actions, main thread.
 */
import { AnalysisError } from "../../base/errors.ts";
import type { Attribute, Expression } from "../expr/expression.ts";
import type { Aggregate, Deduplicate, Join, JoinType, LogicalPlan } from "../logical/nodes.ts";
import { isStreaming, outputOf } from "../logical/output.ts";
import { contains, expressionsOf, inputsOf, walk, walkPlan } from "../tree.ts";
import { notYet } from "./context.ts";

export type StreamingOutputMode = "append" | "update" | "complete";

/** Throws unless `plan` (analyzed) can be the plan of a batch action. */
export function checkBatch(plan: LogicalPlan): void {
  if (isStreaming(plan)) {
    throw refusal(
      "Queries with streaming sources must be executed with writeStream.start(), or from a streaming table or flow definition " +
        "within a Spark Declarative Pipeline.",
    );
  }
  for (const node of walkPlan(plan)) {
    if (node.kind === "deduplicate" && node.withinWatermark)
      throw refusal("dropDuplicatesWithinWatermark is not supported with batch DataFrames/DataSets");
  }
}

export interface StreamingCheckOptions {
  /** `spark.sql.streaming.statefulOperator.checkCorrectness.enabled`; default true. */
  readonly checkCorrectness?: boolean;
}

/**
 * Throws unless `plan` (analyzed) can run as a stream in `outputMode`: `_LEGACY_ERROR_TEMP_3102` with Spark's text,
 * `STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION`, or `UNSUPPORTED_FEATURE.NOT_YET` for what Spark could run and this version cannot.
 */
export function checkStreaming(
  plan: LogicalPlan,
  outputMode: StreamingOutputMode,
  { checkCorrectness = true }: StreamingCheckOptions = {},
): void {
  if (!isStreaming(plan)) throw refusal("Queries without streaming sources cannot be executed with writeStream.start()");
  checkOutputMode(plan, outputMode);
  for (const node of [...walkPlan(plan)].reverse()) {
    checkOperator(node, outputMode);
    checkExpressions(node);
  }
  if (checkCorrectness) checkGlobalWatermark(plan, outputMode);
  refuseUnbuilt(plan);
}

const refusal = (msg: string): AnalysisError => new AnalysisError("_LEGACY_ERROR_TEMP_3102", { msg });

const isEventTime = (attribute: Attribute): boolean => attribute.watermarkDelayMs !== undefined;

const streamingAggregates = (plan: LogicalPlan): Aggregate[] =>
  [...walkPlan(plan)].filter((node): node is Aggregate => node.kind === "aggregate" && isStreaming(node));

function checkOutputMode(plan: LogicalPlan, outputMode: StreamingOutputMode): void {
  const aggregates = streamingAggregates(plan);
  const unsupported = (operation: string): Error =>
    new AnalysisError("STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION", { outputMode, operation });
  const hasWatermark = ({ grouping }: Aggregate): boolean =>
    grouping.some((key) => contains(key, (node) => node.kind === "attribute" && isEventTime(node)));
  if (outputMode === "append" && !aggregates.every(hasWatermark)) throw unsupported("streaming aggregations without watermark");
  if (outputMode === "complete" && aggregates.length === 0) throw unsupported("no streaming aggregations");
}

function checkOperator(node: LogicalPlan, outputMode: StreamingOutputMode): void {
  switch (node.kind) {
    case "aggregate":
      if (isStreaming(node.child) && node.results.some((result) => contains(result, isDistinctCall)))
        throw refusal(
          "Distinct aggregations are not supported on streaming DataFrames/Datasets. Consider using approx_count_distinct() instead.",
        );
      return;
    case "join":
      return checkJoin(node, outputMode);
    case "deduplicate":
      if (node.withinWatermark && isStreaming(node) && !outputOf(node.child).some(isEventTime))
        throw refusal("dropDuplicatesWithinWatermark is not supported on streaming DataFrames/DataSets without watermark");
      return;
    case "set_operation": {
      const streams = node.inputs.map(isStreaming);
      if (node.operation === "except" && streams.slice(1).includes(true))
        throw refusal("Except on a streaming DataFrame/Dataset on the right is not supported");
      if (node.operation === "intersect" && streams.includes(true))
        throw refusal("Intersect of streaming DataFrames/Datasets is not supported");
      if (node.operation.startsWith("union") && new Set(streams).size === 2)
        throw refusal("Union between streaming and batch DataFrames/Datasets is not supported");
      return;
    }
    case "limit":
      if (node.offset > 0) throw refusal("Offset is not supported on streaming DataFrames/Datasets");
      if (isStreaming(node) && outputMode === "update")
        throw refusal("Limits are not supported on streaming DataFrames/Datasets in Update output mode");
      return;
    case "sort":
      if (isStreaming(node) && !(streamingAggregates(node).length > 0 && outputMode === "complete"))
        throw refusal(
          "Sorting is not supported on streaming DataFrames/Datasets, unless it is on aggregated DataFrame/Dataset in Complete output mode",
        );
  }
}

const isDistinctCall = (node: Expression): boolean => node.kind === "aggregate_call" && node.isDistinct;

const joinName: Readonly<Record<JoinType, string>> = {
  inner: "Inner",
  cross: "Cross",
  left_outer: "LeftOuter",
  right_outer: "RightOuter",
  full_outer: "FullOuter",
  left_semi: "LeftSemi",
  left_anti: "LeftAnti",
};

function checkJoin(node: Join, outputMode: StreamingOutputMode): void {
  const left = isStreaming(node.left);
  const right = isStreaming(node.right);
  if (left && right && outputMode !== "append") {
    const mode = outputMode === "update" ? "Update" : "Complete";
    throw refusal(`Join between two streaming DataFrames/Datasets is not supported in ${mode} output mode, only in Append output mode`);
  }
  const name = joinName[node.joinType];
  switch (node.joinType) {
    case "inner":
    case "cross":
      return;
    case "full_outer":
      if (left && !right)
        throw refusal(
          `${name} joins with streaming DataFrames/Datasets on the left and a static DataFrame/Dataset on the right is not supported`,
        );
      if (!left && right)
        throw refusal(
          `${name} joins with streaming DataFrames/Datasets on the right and a static DataFrame/Dataset on the left is not supported`,
        );
      return;
    case "left_anti":
      if (right) throw refusal(`${name} joins with a streaming DataFrame/Dataset on the right are not supported`);
      return;
    case "left_outer":
    case "left_semi":
      if (!left && right)
        throw refusal(
          `${name} join with a streaming DataFrame/Dataset on the right and a static DataFrame/Dataset on the left is not supported`,
        );
      return;
    case "right_outer":
      if (left && !right)
        throw refusal(
          `${name} join with a streaming DataFrame/Dataset on the left and a static DataFrame/DataSet on the right not supported`,
        );
  }
}

/** Functions that number rows have no meaning where rows keep coming. */
function checkExpressions(node: LogicalPlan): void {
  for (const expression of expressionsOf(node))
    for (const part of walk(expression)) {
      if (part.kind === "call" && part.name === "monotonically_increasing_id")
        throw refusal("Expression(s): monotonically_increasing_id() is not supported with streaming DataFrames/Datasets");
    }
}

/** An operator with state may not read from one that can emit rows older than the watermark. */
function checkGlobalWatermark(plan: LogicalPlan, outputMode: StreamingOutputMode): void {
  for (const node of walkPlan(plan)) {
    if (!isStateful(node)) continue;
    if (inputsOf(node).some((input) => outputMode !== "append" && streamingAggregates(input).length > 0)) {
      throw refusal(
        "Detected pattern of possible 'correctness' issue due to global watermark. The query contains stateful operation which can emit " +
          'rows older than the current watermark plus allowed late record delay, which are "late rows" in downstream stateful operations ' +
          "and these rows can be discarded. Please refer the programming guide doc for more details. If you understand the possible risk of " +
          "correctness issue and still need to run the query, you can disable this check by setting the config " +
          "`spark.sql.streaming.statefulOperator.checkCorrectness.enabled` to false.",
      );
    }
  }
}

function isStateful(node: LogicalPlan): boolean {
  if (!isStreaming(node)) return false;
  switch (node.kind) {
    case "aggregate":
      return true;
    case "join":
      return isStreaming(node.left) && isStreaming(node.right);
    case "deduplicate":
      return node.withinWatermark || keysHaveEventTime(node);
    default:
      return false;
  }
}

const keysHaveEventTime = (node: Deduplicate): boolean => node.columns.some((key) => key.kind === "attribute" && isEventTime(key));

/** What Spark would run from here on, and this version does not yet. */
function refuseUnbuilt(plan: LogicalPlan): void {
  for (const node of walkPlan(plan)) {
    if (node.kind === "join" && isStreaming(node.left) && isStreaming(node.right))
      throw notYet("a join of two streams", "Join the stream with a static DataFrame, or union the streams and aggregate.");
  }
}
