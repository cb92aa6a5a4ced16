/**
 * Plans as text, in the manner of Spark's `explain`: one line a node, children indented below. Called by `explain()` and by golden tests,
 * main thread.
 */
import { simpleString, type StructType } from "../columnar/types.ts";
import type { Attribute, Expression } from "./expr/expression.ts";
import { typeOf } from "./expr/expression-type.ts";
import { formatExpression, literalText, quoteIfNeeded, simpleCastText, type ExpressionStyle } from "./expr/sql-text.ts";
import type { JoinType, LogicalPlan } from "./logical/nodes.ts";
import { outputOf } from "./logical/output.ts";
import { expressionsOf, inputsOf, walk } from "./tree.ts";

/** The trees of one query. `physical` is a text made elsewhere (`plan/physical`). */
export interface ExplainedPlans {
  readonly parsed: LogicalPlan;
  readonly analyzed: LogicalPlan;
  readonly optimized: LogicalPlan;
  readonly physical: string;
}

/** `extended`: all four plans under Spark's headings; `cost`: the optimized and the physical one; any other mode: the physical plan. */
export function explainPlans({ parsed, analyzed, optimized, physical }: ExplainedPlans, mode: string): string {
  const optimizedText = section("Optimized Logical Plan", planText(optimized));
  const physicalText = section("Physical Plan", physical);
  if (mode === "cost") return [optimizedText, physicalText].join("\n");
  if (mode !== "extended") return physicalText;
  const columns = outputOf(analyzed).map(({ name, dataType }) => `${name}: ${simpleString(dataType)}`);
  return [
    section("Parsed Logical Plan", planText(parsed)),
    section("Analyzed Logical Plan", `${columns.join(", ")}\n${planText(analyzed)}`),
    optimizedText,
    physicalText,
  ].join("\n");
}

const section = (title: string, text: string): string => `== ${title} ==\n${text.trimEnd()}\n`;

/** The tree of a logical plan, resolved or not; unresolved nodes begin with `'`. Ends without a line break. */
export function planText(plan: LogicalPlan): string {
  return linesOf(plan).join("\n");
}

function linesOf(plan: LogicalPlan): string[] {
  const inputs = inputsOf(plan);
  const below = inputs.flatMap((input, index) => {
    const isLast = index === inputs.length - 1;
    return linesOf(input).map((line, row) => (row === 0 ? `${isLast ? "+-" : ":-"} ` : isLast ? "   " : ":  ") + line);
  });
  return [`${isUnresolved(plan) ? "'" : ""}${nodeText(plan)}`, ...below];
}

const UNRESOLVED_NODES: ReadonlySet<string> = new Set(["unresolved_relation", "with_columns", "with_columns_renamed", "drop"]);
const UNRESOLVED_EXPRESSIONS: ReadonlySet<string> = new Set([
  "unresolved_attribute",
  "unresolved_star",
  "unresolved_function",
  "unresolved_extract_value",
  "expression_string",
]);

const hasUnresolved = (expression: Expression): boolean => [...walk(expression)].some((node) => UNRESOLVED_EXPRESSIONS.has(node.kind));

function isUnresolved(plan: LogicalPlan): boolean {
  if (UNRESOLVED_NODES.has(plan.kind)) return true;
  if (plan.kind === "join" && plan.usingColumns.length > 0) return true;
  return expressionsOf(plan).some(hasUnresolved) || inputsOf(plan).some(isUnresolved);
}

function nodeText(plan: LogicalPlan): string {
  switch (plan.kind) {
    case "read":
      return `${plan.isStreaming ? "StreamingDataSource" : "DataSource"} ${plan.format}${plan.paths.length > 0 ? ` [${plan.paths.join(", ")}]` : ""}${readSchema(plan.schema)}`;
    case "local_relation":
      return `LocalRelation [${plan.output.length > 0 ? columnList(plan.output) : plan.schema.fields.map(({ name }) => name).join(",")}]`;
    case "range":
      return `Range (${plan.start}, ${plan.end}, step=${plan.step})`;
    case "relation":
      return plan.isStreaming
        ? `StreamingRelation ${plan.read.format}, [${columnList(plan.output, ", ")}]`
        : `Relation [${columnList(plan.output)}] ${plan.read.format}`;
    case "unresolved_relation":
      return `UnresolvedRelation [${plan.nameParts.join(", ")}], [], ${plan.isStreaming}`;
    case "project":
      return `Project ${listText(plan.expressions.map(selectText))}`;
    case "filter":
      return `Filter ${expressionText(plan.condition)}`;
    case "with_columns":
      return `WithColumns ${listText(plan.columns.map(expressionText))}`;
    case "with_columns_renamed":
      return `WithColumnsRenamed ${listText(plan.renames.map(({ from, to }) => `${from} AS ${to}`))}`;
    case "drop":
      return `Drop ${listText(plan.columns.map(expressionText))}`;
    case "subquery_alias":
      return `SubqueryAlias ${quoteIfNeeded(plan.name)}`;
    case "aggregate":
      return `Aggregate ${listText(plan.grouping.map(expressionText))}, ${listText(plan.results.map(selectText))}`;
    case "join": {
      const using = plan.usingColumns.length > 0 ? `, using [${plan.usingColumns.join(", ")}]` : "";
      return `Join ${joinTexts[plan.joinType]}${using}${plan.condition ? `, ${expressionText(plan.condition)}` : ""}`;
    }
    case "set_operation":
      return setOperationText(plan.operation, plan.isAll, plan.allowMissingColumns);
    case "sort":
      return `Sort ${listText(plan.order.map(expressionText))}, true`;
    case "limit":
      return plan.offset > 0 ? `GlobalLimit ${plan.limit}, offset ${plan.offset}` : `GlobalLimit ${plan.limit}`;
    case "deduplicate":
      return `${plan.withinWatermark ? "DeduplicateWithinWatermark" : "Deduplicate"} ${listText(plan.columns.map(expressionText))}`;
    case "with_watermark":
      return `EventTimeWatermark ${expressionText(plan.eventTime)}, ${plan.delay}`;
    case "expand_window": {
      const { time, windowMicros, slideMicros, startMicros, window } = plan;
      const lengths = [windowMicros, slideMicros, startMicros].map((micros) => `${micros}us`).join(", ");
      return `ExpandWindow ${attributeText(window)}, ${expressionText(time)}, ${lengths}`;
    }
    case "map_partitions":
      return `MapPartitions ${plan.name}, [${plan.output ? columnList(plan.output) : plan.schema.fields.map(({ name }) => name).join(",")}]`;
    case "collect_metrics":
      return `CollectMetrics ${plan.name}, ${listText(plan.metrics.map(selectText))}`;
  }
}

function readSchema(schema: StructType | string | null): string {
  if (schema === null) return "";
  return typeof schema === "string" ? `, ${schema}` : `, ${simpleString(schema)}`;
}

const joinTexts: Readonly<Record<JoinType, string>> = {
  inner: "Inner",
  cross: "Cross",
  left_outer: "LeftOuter",
  right_outer: "RightOuter",
  full_outer: "FullOuter",
  left_semi: "LeftSemi",
  left_anti: "LeftAnti",
};

function setOperationText(operation: string, isAll: boolean, allowMissing: boolean): string {
  if (operation.startsWith("union")) return `Union ${operation === "union_by_name"}, ${allowMissing}${isAll ? "" : ", distinct"}`;
  return `${operation === "intersect" ? "Intersect" : "Except"} ${isAll}`;
}

const listText = (items: readonly string[]): string => `[${items.join(", ")}]`;
const columnList = (columns: readonly Attribute[], separator = ","): string => columns.map(attributeText).join(separator);

/** Results without a name yet show that one is to come. */
function selectText(expression: Expression): string {
  const isNamed = expression.kind === "attribute" || expression.kind === "alias" || expression.kind === "unresolved_attribute";
  const text = expressionText(expression);
  return isNamed || expression.kind === "unresolved_star" ? text : `unresolvedalias(${text})`;
}

/** An expression in a plan: `(a#1L > 5)`, `'a`, `count(1) AS n#3L`. */
const expressionText = (expression: Expression): string => formatExpression(expression, planStyle);

/** `a#1`, with `L` for longs and the delay of event times: `ts#4-T10000ms`. */
function attributeText({ id, name, dataType, watermarkDelayMs }: Attribute): string {
  return `${name}#${id}${dataType.kind === "long" ? "L" : ""}${watermarkDelayMs === undefined ? "" : `-T${watermarkDelayMs}ms`}`;
}

const planStyle: ExpressionStyle = {
  attribute: attributeText,
  unresolvedAttribute: ({ nameParts }) => `'${nameParts.map(quoteIfNeeded).join(".")}`,
  literal: ({ value, dataType }) => (typeof value === "string" ? value : value === null ? "null" : literalText(value, dataType)),
  alias: ({ name, id, child, watermarkDelayMs }, text) => {
    if (id < 0) return `${text} AS ${name}`;
    const isLong = !hasUnresolved(child) && typeOf(child).kind === "long";
    return `${text} AS ${name}#${id}${isLong ? "L" : ""}${watermarkDelayMs === undefined ? "" : `-T${watermarkDelayMs}ms`}`;
  },
  cast: simpleCastText,
  unresolvedMark: "'",
};
