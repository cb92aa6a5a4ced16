/** `struct(…)` and `named_struct(…)` become `create_struct` expressions. Called by the expression resolver, main thread. */
import { assert } from "../../base/assert.ts";
import { StringType } from "../../columnar/types.ts";
import type { Expression } from "../expr/expression.ts";
import { typeOf } from "../expr/expression-type.ts";
import { prettyName, quotedSql, quotedType } from "../expr/sql-text.ts";
import { analysisError } from "./context.ts";

/** `struct(a, b + 1, c AS d)`: fields take the names of their values, unnamed ones `col` and their position. */
export function createStruct(args: readonly Expression[]): Expression {
  return Object.freeze({
    kind: "create_struct",
    names: args.map((arg, index) => fieldName(arg, index)),
    values: args.map((arg) => (arg.kind === "alias" ? arg.child : arg)),
  });
}

/** `named_struct('a', x, 'b', y)`. Throws `WRONG_NUM_ARGS.WITHOUT_SUGGESTION`, `DATATYPE_MISMATCH.NON_FOLDABLE_INPUT`. */
export function namedStruct(args: readonly Expression[]): Expression {
  const names = args.filter((_, index) => index % 2 === 0);
  if (args.length === 0 || args.length % 2 === 1 || names.some((name) => name.kind !== "literal" || typeof name.value !== "string")) {
    const wrong = names.find((name) => name.kind !== "literal" || typeof name.value !== "string");
    if (wrong && args.length % 2 === 0)
      throw analysisError("DATATYPE_MISMATCH.NON_FOLDABLE_INPUT", {
        sqlExpr: `"named_struct(${args.map(prettyName).join(", ")})"`,
        inputName: "`name`",
        inputType: quotedType(StringType),
        inputExpr: quotedSql(wrong),
      });
    throw analysisError("WRONG_NUM_ARGS.WITHOUT_SUGGESTION", {
      functionName: "`named_struct`",
      expectedNum: "2n (n > 0)",
      actualNum: String(args.length),
      docroot: "https://spark.apache.org/docs/latest",
    });
  }
  return Object.freeze({
    kind: "create_struct",
    names: names.map((name) => (name as { value: string }).value),
    values: args.filter((_, index) => index % 2 === 1),
  });
}

function fieldName(value: Expression, index: number): string {
  if (value.kind === "alias" || value.kind === "attribute") return value.name;
  if (value.kind === "get_field") {
    const parent = typeOf(value.child);
    assert(parent.kind === "struct", "a field of something that is no struct");
    return parent.fields[value.ordinal]!.name;
  }
  return `col${index + 1}`;
}
