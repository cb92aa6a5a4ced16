/** What analyzed plans produce: output columns and whether they are streams. Main thread. */
import { assert } from "../../base/assert.ts";
import type { Attribute, Output } from "../expr/expression.ts";
import { attributeOf } from "../expr/expression-type.ts";
import { inputsOf } from "../tree.ts";
import type { Join, LogicalPlan } from "./nodes.ts";

const outputs = new WeakMap<LogicalPlan, Output>();

/** The columns of an analyzed plan, in order. Nodes that analysis removes are an internal error. */
export function outputOf(plan: LogicalPlan): Output {
  let output = outputs.get(plan);
  if (output === undefined) {
    output = Object.freeze(computeOutput(plan));
    outputs.set(plan, output);
  }
  return output;
}

/** Whether the plan reads at least one streaming source. */
export function isStreaming(plan: LogicalPlan): boolean {
  if (plan.kind === "relation" || plan.kind === "read" || plan.kind === "unresolved_relation") return plan.isStreaming;
  return inputsOf(plan).some(isStreaming);
}

function computeOutput(plan: LogicalPlan): Output {
  switch (plan.kind) {
    case "local_relation":
    case "range":
    case "relation":
      return plan.output;
    case "project":
      return plan.expressions.map(attributeOf);
    case "aggregate":
      return plan.results.map(attributeOf);
    case "filter":
    case "sort":
    case "limit":
    case "deduplicate":
    case "collect_metrics":
      return outputOf(plan.child);
    case "subquery_alias":
      return outputOf(plan.child).map((attribute) => Object.freeze({ ...attribute, qualifier: [plan.name] }));
    case "with_watermark":
    case "map_partitions":
    case "set_operation":
      assert(plan.output, `${plan.kind} has no output before analysis`);
      return plan.output;
    case "expand_window":
      return [...outputOf(plan.child), plan.window];
    case "join":
      return joinOutput(plan);
    case "read":
    case "unresolved_relation":
    case "with_columns":
    case "with_columns_renamed":
    case "drop":
      throw new Error(`millrace internal error: ${plan.kind} has no output before analysis`);
  }
}

function joinOutput({ left, right, joinType }: Join): Output {
  const leftOutput = outputOf(left);
  const rightOutput = outputOf(right);
  switch (joinType) {
    case "left_semi":
    case "left_anti":
      return leftOutput;
    case "left_outer":
      return [...leftOutput, ...rightOutput.map(asNullable)];
    case "right_outer":
      return [...leftOutput.map(asNullable), ...rightOutput];
    case "full_outer":
      return [...leftOutput, ...rightOutput].map(asNullable);
    case "inner":
    case "cross":
      return [...leftOutput, ...rightOutput];
  }
}

const asNullable = (attribute: Attribute): Attribute => (attribute.nullable ? attribute : Object.freeze({ ...attribute, nullable: true }));
