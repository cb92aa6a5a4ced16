/** Prints an unresolved expression as nested calls, with the types of literals, for parser tables. */
import { simpleString } from "../../src/columnar/types.ts";
import type { Expression } from "../../src/plan/expr/expression.ts";

export function printExpression(expression: Expression): string {
  const list = (items: readonly Expression[]): string => items.map(printExpression).join(", ");
  switch (expression.kind) {
    case "unresolved_attribute":
      return expression.nameParts.map((part) => (/^\w+$/.test(part) ? part : `\`${part}\``)).join(".");
    case "unresolved_star":
      return expression.target ? `${expression.target.join(".")}.*` : "*";
    case "unresolved_function": {
      const filter = expression.filter ? ` filter ${printExpression(expression.filter)}` : "";
      const args = `${expression.isDistinct ? "distinct " : ""}${list(expression.args)}${expression.ignoreNulls ? " ignore nulls" : ""}`;
      return `${expression.name}(${args})${filter}`;
    }
    case "unresolved_extract_value":
      return `${printExpression(expression.child)}[${printExpression(expression.extraction)}]`;
    case "expression_string":
      return `expr(${expression.text})`;
    case "literal": {
      const { value } = expression;
      const text =
        value instanceof Uint8Array
          ? Buffer.from(value).toString("hex")
          : typeof value === "string"
            ? JSON.stringify(value)
            : String(value);
      return `${text}:${simpleString(expression.dataType)}`;
    }
    case "alias":
      return `${printExpression(expression.child)} as ${expression.name}`;
    case "cast":
      return `${expression.mode === "try" ? "try_" : ""}cast(${printExpression(expression.child)} to ${typeof expression.to === "string" ? `'${expression.to}'` : simpleString(expression.to)})`;
    case "case_when": {
      const branches = expression.branches.map(
        ({ condition, value }) => `when ${printExpression(condition)} then ${printExpression(value)}`,
      );
      return `case(${branches.join(" ")}${expression.otherwise ? ` else ${printExpression(expression.otherwise)}` : ""})`;
    }
    case "sort_order":
      return `${printExpression(expression.child)} ${expression.ascending ? "asc" : "desc"} nulls ${expression.nullsFirst ? "first" : "last"}`;
    default:
      return expression.kind;
  }
}
