/** Equality of expressions by meaning: attributes by id, everything else by structure. Main thread. */
import { simpleString } from "../../columnar/types.ts";
import { childrenOf } from "../tree.ts";
import type { Expression } from "./expression.ts";

/**
 * A text that two expressions share iff they compute the same thing from the same columns. Names of attributes and
 * aliases, and positions in SQL text, do not count.
 */
export function expressionKey(expression: Expression): string {
  const children = childrenOf(expression).map(expressionKey).join(",");
  return `${expression.kind}:${detail(expression)}(${children})`;
}

function detail(expression: Expression): string {
  switch (expression.kind) {
    case "attribute":
      return `${expression.id}`;
    case "literal":
      return `${JSON.stringify(expression.value, exactJson)} ${simpleString(expression.dataType)}`;
    case "cast":
      return `${expression.mode} ${typeof expression.to === "string" ? expression.to : simpleString(expression.to)}`;
    case "call":
      return expression.name;
    case "aggregate_call":
      return `${expression.name} ${expression.isDistinct} ${expression.ignoreNulls} ${expression.filter !== null}`;
    case "case_when":
      return `${expression.branches.length}`;
    case "user_function":
      return `${expression.id}`;
    case "get_field":
      return `${expression.ordinal}`;
    case "create_struct":
      return JSON.stringify(expression.names);
    case "sort_order":
      return `${expression.ascending} ${expression.nullsFirst}`;
    case "unresolved_function":
      return `${expression.name.toLowerCase()} ${expression.isDistinct ?? false} ${expression.ignoreNulls ?? false} ${expression.filter !== undefined}`;
    case "unresolved_attribute":
      return JSON.stringify([expression.nameParts, expression.planId]);
    case "unresolved_star":
      return JSON.stringify(expression.target ?? []);
    case "expression_string":
      return JSON.stringify(expression.text);
    case "alias":
    case "unresolved_extract_value":
    case "batch_timestamp":
      return "";
  }
}

/** JSON that keeps numbers apart which JSON.stringify would merge: 1 and 1n, 0 and -0, NaN and null. */
function exactJson(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return `n${value}`;
  if (typeof value === "number" && (!Number.isFinite(value) || Object.is(value, -0))) return `f${Object.is(value, -0) ? "-0" : value}`;
  if (value instanceof Uint8Array) return `x${Buffer.from(value).toString("hex")}`;
  if (typeof value === "string") return `s${value}`;
  return value;
}
