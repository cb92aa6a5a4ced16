/** Type and nullability of resolved expressions. Used by analysis, optimizer, planner and compiler, on any thread. */
import { assert } from "../../base/assert.ts";
import { TimestampType, type DataType, type StructField, type StructType } from "../../columnar/types.ts";
import { isFractional } from "./type-coercion.ts";
import type { Alias, Attribute, Cast, Expression, GetField } from "./expression.ts";

/** The type of a resolved expression's value. Unresolved kinds are an internal error. */
export function typeOf(expression: Expression): DataType {
  switch (expression.kind) {
    case "literal":
    case "attribute":
    case "call":
    case "aggregate_call":
    case "user_function":
      return expression.dataType;
    case "alias":
    case "sort_order":
      return typeOf(expression.child);
    case "cast":
      assert(typeof expression.to !== "string", `the target type of a cast is still text: ${String(expression.to)}`);
      return expression.to;
    case "case_when":
      return typeOf(expression.branches[0]!.value);
    case "get_field":
      return fieldOf(expression).dataType;
    case "create_struct":
      return {
        kind: "struct",
        fields: expression.values.map((value, index) => {
          const delayMs = watermarkDelayOf(value);
          return {
            name: expression.names[index]!,
            dataType: typeOf(value),
            nullable: nullableOf(value),
            ...(delayMs !== undefined && { metadata: { "spark.watermarkDelayMs": delayMs } }),
          };
        }),
      };
    case "batch_timestamp":
      return TimestampType;
    case "unresolved_attribute":
    case "unresolved_star":
    case "unresolved_function":
    case "unresolved_extract_value":
    case "expression_string":
      throw new Error(`millrace internal error: ${expression.kind} has no type before analysis`);
  }
}

/** Whether a resolved expression's value can be null. */
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
      return expression.mode === "try" || nullableOf(expression.child) || maybeNoDecimal(expression);
    case "case_when":
      return (
        expression.otherwise === null || nullableOf(expression.otherwise) || expression.branches.some((branch) => nullableOf(branch.value))
      );
    case "get_field":
      return nullableOf(expression.child) || fieldOf(expression).nullable;
    case "user_function":
      return true;
    case "create_struct":
    case "batch_timestamp":
      return false;
    default:
      throw new Error(`millrace internal error: ${expression.kind} has no nullability before analysis`);
  }
}

/** A cast of a number that may be infinite or none at all. */
function maybeNoDecimal({ child, to }: Cast): boolean {
  return typeof to !== "string" && to.kind === "decimal" && isFractional(typeOf(child));
}

/** The event-time mark that an expression hands on to the column it defines: attributes, aliases and struct fields carry it. */
export function watermarkDelayOf(expression: Expression): number | undefined {
  switch (expression.kind) {
    case "attribute":
      return expression.watermarkDelayMs;
    case "alias":
      return expression.watermarkDelayMs ?? watermarkDelayOf(expression.child);
    case "get_field":
      return fieldOf(expression).metadata?.["spark.watermarkDelayMs"] as number | undefined;
    default:
      return undefined;
  }
}

/** `child AS name`, defining column `id`; an event-time mark of the child goes on to the column. */
export function aliasOf(child: Expression, name: string, id: number): Alias {
  const watermarkDelayMs = watermarkDelayOf(child);
  return Object.freeze({ kind: "alias", child, name, id, ...(watermarkDelayMs !== undefined && { watermarkDelayMs }) });
}

/** The attribute that a named expression (attribute or alias) defines. */
export function attributeOf(named: Expression): Attribute {
  if (named.kind === "attribute") return named;
  assert(named.kind === "alias" && named.id >= 0, `${named.kind} does not name a column`);
  const delayMs = watermarkDelayOf(named);
  return Object.freeze({
    kind: "attribute",
    id: named.id,
    name: named.name,
    dataType: typeOf(named.child),
    nullable: nullableOf(named.child),
    ...(delayMs !== undefined && { watermarkDelayMs: delayMs }),
  });
}

/** The struct field that a field access reads. */
export function fieldOf(access: GetField): StructField {
  return (typeOf(access.child) as StructType).fields[access.ordinal]!;
}
