/** The data type of a resolved expression; used by the compiler on the main thread. */
import { assert } from "../base/assert.ts";
import { type DataType, structField, structType, TimestampType } from "../columnar/types.ts";
import type { Expression } from "../plan/expr/expression.ts";

/** The type of a resolved expression. */
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
      assert(typeof expression.to !== "string", "an unresolved cast reached the compiler");
      return expression.to;
    case "case_when":
      return typeOf(expression.branches[0]!.value);
    case "get_field": {
      const struct = typeOf(expression.child);
      assert(struct.kind === "struct", "a field of something that is no struct");
      return struct.fields[expression.ordinal]!.dataType;
    }
    case "create_struct":
      return structType(expression.values.map((value, index) => structField(expression.names[index]!, typeOf(value))));
    case "batch_timestamp":
      return TimestampType;
    default:
      throw new Error(`millrace internal error: ${expression.kind} has no type before analysis`);
  }
}
