/**
 * Expressions as SQL text. `prettyName` is the text that Spark gives to unnamed result columns (`sum(x)`, `(a + 1)`) and,
 * in quotes, to expressions in error messages. `formatExpression` is the same layout with other leaves; explain uses it.
 * Works before and after analysis. Main thread.
 */
import { formatDate, formatLocalTimestamp, formatValue } from "../../columnar/format.ts";
import { simpleString, sqlType, type DataType } from "../../columnar/types.ts";
import type { Value } from "../../columnar/values.ts";
import type { Alias, Attribute, Cast, Expression, Literal, UnresolvedAttribute } from "./expression.ts";
import { fieldOf } from "./expression-type.ts";

/** How the leaves of an expression are written. */
export interface ExpressionStyle {
  attribute(attribute: Attribute): string;
  unresolvedAttribute(attribute: UnresolvedAttribute): string;
  literal(literal: Literal): string;
  alias(alias: Alias, child: string): string;
  cast(cast: Cast, child: string): string;
  /** Put before functions that are not resolved yet. */
  readonly unresolvedMark: string;
}

const prettyStyle: ExpressionStyle = {
  attribute: (attribute) => attribute.name,
  unresolvedAttribute: ({ nameParts }) => nameParts.map(quoteIfNeeded).join("."),
  literal: ({ value, dataType }) => (typeof value === "string" ? value : literalText(value, dataType)),
  alias: ({ name }, child) => `${child} AS ${quoteIfNeeded(name)}`,
  cast: ({ mode, to }, child) =>
    `${mode === "try" ? "TRY_CAST" : "CAST"}(${child} AS ${typeof to === "string" ? to.toUpperCase() : sqlType(to)})`,
  unresolvedMark: "",
};

/** As `prettyName`, without casts: the same for a column that has become wider. */
export const castlessName = (expression: Expression): string => formatExpression(expression, { ...prettyStyle, cast: (_, child) => child });

/** Spark's pretty SQL: the name of an unnamed result column. */
export const prettyName = (expression: Expression): string => formatExpression(expression, prettyStyle);

/** The form of an expression in error messages: `"(a + 1)"` with the quotes. */
export const quotedSql = (expression: Expression): string => `"${prettyName(expression)}"`;

/** A type in error messages: `"BIGINT"` with the quotes. */
export const quotedType = (type: DataType): string => `"${sqlType(type)}"`;

/** A name in error messages: `` `a`.`b` ``. */
export const quotedName = (nameParts: readonly string[]): string => nameParts.map((part) => `\`${part.replaceAll("`", "``")}\``).join(".");

/** Backquotes only where a name is not a plain identifier. */
export const quoteIfNeeded = (name: string): string => (/^[A-Za-z_]\w*$/.test(name) ? name : quotedName([name]));

const BINARY_OPERATORS: Readonly<Record<string, string>> = {
  "+": "+",
  "-": "-",
  "*": "*",
  "/": "/",
  "%": "%",
  div: "div",
  "=": "=",
  "==": "=",
  "<=>": "<=>",
  "<": "<",
  "<=": "<=",
  ">": ">",
  ">=": ">=",
  "&": "&",
  "|": "|",
  "^": "^",
  and: "AND",
  or: "OR",
};

export function formatExpression(expression: Expression, style: ExpressionStyle): string {
  const format = (child: Expression): string => formatExpression(child, style);
  const list = (children: readonly Expression[]): string => children.map(format).join(", ");
  switch (expression.kind) {
    case "attribute":
      return style.attribute(expression);
    case "unresolved_attribute":
      return style.unresolvedAttribute(expression);
    case "unresolved_star":
      return [...(expression.target ?? []), "*"].join(".");
    case "expression_string":
      return expression.text;
    case "literal":
      return style.literal(expression);
    case "alias":
      return style.alias(expression, format(expression.child));
    case "cast":
      return style.cast(expression, format(expression.child));
    case "call":
      return functionText(expression.name, expression.args.map(format));
    case "user_function":
      return `${expression.name}(${list(expression.args)})`;
    case "unresolved_function":
      return aggregateText(expression, expression.args.map(format), format, style.unresolvedMark);
    case "aggregate_call":
      return aggregateText(expression, expression.args.map(format), format);
    case "case_when": {
      const branches = expression.branches.map(({ condition, value }) => ` WHEN ${format(condition)} THEN ${format(value)}`).join("");
      return `CASE${branches}${expression.otherwise ? ` ELSE ${format(expression.otherwise)}` : ""} END`;
    }
    case "get_field":
      return `${format(expression.child)}.${fieldOf(expression).name}`;
    case "unresolved_extract_value":
      return typeof literalValue(expression.extraction) === "string"
        ? `${format(expression.child)}.${format(expression.extraction)}`
        : `${format(expression.child)}[${format(expression.extraction)}]`;
    case "create_struct":
      return `struct(${list(expression.values)})`;
    case "batch_timestamp":
      return "current_timestamp()";
    case "sort_order":
      return `${format(expression.child)} ${expression.ascending ? "ASC" : "DESC"} NULLS ${expression.nullsFirst ? "FIRST" : "LAST"}`;
  }
}

const literalValue = (expression: Expression): Value | undefined => (expression.kind === "literal" ? expression.value : undefined);

interface AggregateLike {
  readonly name: string;
  readonly isDistinct?: boolean;
  readonly filter?: Expression | null;
}

function aggregateText(
  { name, isDistinct, filter }: AggregateLike,
  args: readonly string[],
  format: (expression: Expression) => string,
  mark = "",
): string {
  const counted = name.toLowerCase() === "count" && args.length === 1 && args[0] === "*" ? ["1"] : args;
  const text = isDistinct ? `${mark}${name.toLowerCase()}(DISTINCT ${counted.join(", ")})` : functionText(name, counted, mark);
  return filter ? `${text} FILTER (WHERE ${format(filter)})` : text;
}

function functionText(writtenName: string, args: readonly string[], mark = ""): string {
  const name = writtenName.toLowerCase();
  if (args.length === 2 && name in BINARY_OPERATORS) return `(${args[0]} ${BINARY_OPERATORS[name]} ${args[1]})`;
  switch (name) {
    case "!=":
    case "<>":
      return `(NOT (${args[0]} = ${args[1]}))`;
    case "not":
    case "!":
      return `(NOT ${args[0]})`;
    case "-":
    case "negative":
      return args.length === 1 ? `(- ${args[0]})` : `negative(${args.join(", ")})`;
    case "+":
    case "positive":
      return `(+ ${args[0]})`;
    case "~":
      return `~${args[0]}`;
    case "isnull":
      return `(${args[0]} IS NULL)`;
    case "isnotnull":
      return `(${args[0]} IS NOT NULL)`;
    case "in":
      return `(${args[0]} IN (${args.slice(1).join(", ")}))`;
    case "like":
      return args.length === 2 ? `${args[0]} LIKE ${args[1]}` : `${args[0]} LIKE ${args[1]} ESCAPE '${args[2]}'`;
    case "rlike":
    case "regexp_like":
      return `${name === "rlike" ? "RLIKE" : "REGEXP_LIKE"}(${args.join(", ")})`;
    case "if":
      return `(IF(${args.join(", ")}))`;
    case "||":
      return `concat(${args.join(", ")})`;
    case "window":
    case "session_window":
      return mark + name;
    default:
      return `${mark}${name}(${args.join(", ")})`;
  }
}

/** A literal as SQL text: `NULL`, `1.0`, `DATE '2024-01-01'`, `'it''s'`. Timestamps are shown in UTC. */
export function literalText(value: Value, type: DataType): string {
  if (value === null) return "NULL";
  switch (type.kind) {
    case "string":
      return `'${String(value).replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
    case "date":
      return `DATE '${formatDate(value as number)}'`;
    case "timestamp":
      return `TIMESTAMP '${formatLocalTimestamp(value as bigint)}'`;
    case "timestamp_ntz":
      return `TIMESTAMP_NTZ '${formatLocalTimestamp(value as bigint)}'`;
    case "binary":
      return `X'${Array.from(value as Uint8Array, (byte) => byte.toString(16).padStart(2, "0"))
        .join("")
        .toUpperCase()}'`;
    case "array":
      return `array(${(value as readonly Value[]).map((item) => literalText(item, type.elementType)).join(", ")})`;
    case "map":
      return `map(${(value as readonly (readonly Value[])[])
        .map(([key, item]) => `${literalText(key!, type.keyType)}, ${literalText(item!, type.valueType)}`)
        .join(", ")})`;
    case "struct":
      return `named_struct(${type.fields
        .map((field, index) => `'${field.name}', ${literalText((value as readonly Value[])[index]!, field.dataType)}`)
        .join(", ")})`;
    default:
      return formatValue(value, type, "UTC");
  }
}

/** The style of Spark's `simpleString`, for casts in plans. */
export const simpleCastText = ({ mode, to }: Cast, child: string): string =>
  `${mode === "try" ? "try_cast" : "cast"}(${child} as ${typeof to === "string" ? to : simpleString(to)})`;
