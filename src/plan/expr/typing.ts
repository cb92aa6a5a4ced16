/** Type and nullability of resolved expressions, and the output of resolved plans. Pure look-ups; nothing is inferred here. */
import { unreachable } from "../../base/assert.ts";
import { type DataType, type StructType, structField, structType, TimestampType, VoidType } from "../../columnar/types.ts";
import type { Alias, Attribute, Expression } from "./expression.ts";
import type { LogicalPlan } from "../logical/nodes.ts";

export function typeOf(expression: Expression): DataType {
  switch (expression.kind) {
    case "literal":
    case "attribute":
    case "call":
    case "aggregate_call":
      return expression.dataType;
    case "alias":
    case "sort_order":
      return typeOf(expression.child);
    case "cast":
      return expression.to as DataType;
    case "case_when":
      return expression.branches.length > 0
        ? typeOf(expression.branches[0]!.value)
        : expression.otherwise
          ? typeOf(expression.otherwise)
          : VoidType;
    case "get_field":
      return (typeOf(expression.child) as StructType).fields[expression.ordinal]!.dataType;
    case "create_struct":
      return structType(expression.values.map((value, i) => structField(expression.names[i]!, typeOf(value), nullableOf(value))));
    case "batch_timestamp":
      return TimestampType;
    case "unresolved_attribute":
    case "unresolved_star":
    case "unresolved_function":
    case "unresolved_extract_value":
    case "expression_string":
      throw new Error(`millrace internal error: ${expression.kind} has no type yet`);
    default:
      return unreachable(expression);
  }
}

export function nullableOf(expression: Expression): boolean {
  switch (expression.kind) {
    case "literal":
      return expression.value === null;
    case "attribute":
    case "call":
    case "aggregate_call":
      return expression.nullable;
    case "alias":
    case "sort_order":
      return nullableOf(expression.child);
    case "cast":
      return expression.mode === "try" || nullableOf(expression.child);
    case "case_when":
      return (
        expression.otherwise === null || nullableOf(expression.otherwise) || expression.branches.some(({ value }) => nullableOf(value))
      );
    case "get_field":
      return nullableOf(expression.child) || (typeOf(expression.child) as StructType).fields[expression.ordinal]!.nullable;
    case "create_struct":
    case "batch_timestamp":
      return false;
    default:
      return true;
  }
}

/** The attribute that a projected expression defines. */
export function outputOf(expression: Attribute | Alias): Attribute {
  if (expression.kind === "attribute") return expression;
  const { child, name, id, watermarkDelayMs } = expression;
  return Object.freeze({
    kind: "attribute",
    id,
    name,
    dataType: typeOf(child),
    nullable: nullableOf(child),
    ...(watermarkDelayMs !== undefined && { watermarkDelayMs }),
  });
}

const asNullable = (attributes: readonly Attribute[]): Attribute[] => attributes.map((attribute) => ({ ...attribute, nullable: true }));

/** Output columns of a resolved plan. */
export function logicalOutput(plan: LogicalPlan): readonly Attribute[] {
  switch (plan.kind) {
    case "local_relation":
    case "range":
    case "relation":
      return plan.output;
    case "project":
      return (plan.expressions as (Attribute | Alias)[]).map(outputOf);
    case "aggregate":
      return (plan.results as (Attribute | Alias)[]).map(outputOf);
    case "expand_window":
      return [...logicalOutput(plan.child), plan.window];
    case "with_watermark":
      return plan.output ?? logicalOutput(plan.child);
    case "set_operation":
      return plan.output!;
    case "filter":
    case "sort":
    case "limit":
    case "deduplicate":
    case "collect_metrics":
      return logicalOutput(plan.child);
    case "subquery_alias":
      return logicalOutput(plan.child).map((attribute) => ({ ...attribute, qualifier: [plan.name] }));
    case "join": {
      const left = logicalOutput(plan.left);
      const right = logicalOutput(plan.right);
      switch (plan.joinType) {
        case "left_semi":
        case "left_anti":
          return left;
        case "left_outer":
          return [...left, ...asNullable(right)];
        case "right_outer":
          return [...asNullable(left), ...right];
        case "full_outer":
          return [...asNullable(left), ...asNullable(right)];
        case "inner":
        case "cross":
          return [...left, ...right];
        default:
          return unreachable(plan.joinType);
      }
    }
    case "read":
    case "unresolved_relation":
    case "with_columns":
    case "with_columns_renamed":
    case "drop":
      throw new Error(`millrace internal error: ${plan.kind} has no output yet`);
    default:
      return unreachable(plan);
  }
}
