/** Builders of unresolved plans and an analysis context over the real registry, parser and interpreter. */
import { evaluate } from "../../src/compile/interpreter.ts";
import type { StructType } from "../../src/columnar/types.ts";
import { functionRegistry } from "../../src/functions/registry.ts";
import { analyze, type AnalysisContext } from "../../src/plan/analysis/analyzer.ts";
import { type Alias, type Expression, type SortOrder } from "../../src/plan/expr/expression.ts";
import type { JoinType, LogicalPlan } from "../../src/plan/logical/nodes.ts";
import { outputOf } from "../../src/plan/logical/output.ts";
import { parseDataType, parseExpression, parseSchema, parseSelectItems } from "../../src/sql/parser.ts";
import { simpleString } from "../../src/columnar/types.ts";

const SCHEMA = "k STRING, x INT, big BIGINT, d DOUBLE, ts TIMESTAMP, s STRUCT<a: INT, b: STRUCT<c: STRING>>, name STRING";

export interface ContextOptions {
  readonly conf?: Readonly<Record<string, string>>;
  readonly views?: Readonly<Record<string, LogicalPlan>>;
}

let lastId = 0;

export function contextOf({ conf = {}, views = {} }: ContextOptions = {}): AnalysisContext {
  return {
    functions: functionRegistry,
    catalog: { find: (nameParts) => views[nameParts.join(".")] },
    resolveRead: (read) => Promise.resolve(read.schema as StructType),
    parseExpression,
    parseDataType,
    parseSchema,
    conf: { get: (key) => conf[key] },
    ids: () => ++lastId,
    evaluate: (expression) =>
      evaluate(
        expression,
        () => {
          throw new Error("no row");
        },
        functionRegistry,
        { batchTimestampMicros: 0n, timeZone: "UTC" },
      ),
  };
}

export const analyzed = (plan: LogicalPlan, options?: ContextOptions): Promise<LogicalPlan> => analyze(plan, contextOf(options));

/** `name: type` of every output column, `name: type!` where it is not null. */
export const columnsOf = (plan: LogicalPlan): string[] =>
  outputOf(plan).map(({ name, dataType, nullable }) => `${name}: ${simpleString(dataType)}${nullable ? "" : "!"}`);

export const namesOf = (plan: LogicalPlan): string[] => outputOf(plan).map(({ name }) => name);

/** The error that analysis of `plan` ends with. */
export async function failureOf(plan: LogicalPlan, options?: ContextOptions): Promise<{ condition: string; parameters: unknown }> {
  try {
    await analyzed(plan, options);
  } catch (error) {
    const { condition, messageParameters } = error as { condition: string; messageParameters: unknown };
    if (condition === undefined) throw error;
    return { condition, parameters: messageParameters };
  }
  throw new Error("analysis succeeded");
}

const items = (text: string): Expression[] => parseSelectItems(text);

export const read = (schema = SCHEMA, isStreaming = false, path = "t"): LogicalPlan => ({
  kind: "read",
  format: "json",
  schema,
  options: {},
  paths: [path],
  isStreaming,
});
export const stream = (schema = SCHEMA, path = "t"): LogicalPlan => read(schema, true, path);
export const select = (child: LogicalPlan, text: string): LogicalPlan => ({ kind: "project", child, expressions: items(text) });
export const where = (child: LogicalPlan, text: string): LogicalPlan => ({ kind: "filter", child, condition: parseExpression(text) });
export const withColumns = (child: LogicalPlan, text: string): LogicalPlan => ({
  kind: "with_columns",
  child,
  columns: items(text) as Alias[],
});
export const named = (child: LogicalPlan, name: string): LogicalPlan => ({ kind: "subquery_alias", child, name });
export const group = (child: LogicalPlan, grouping: string, results: string): LogicalPlan => ({
  kind: "aggregate",
  child,
  grouping: grouping === "" ? [] : items(grouping),
  results: results === "" ? [] : items(results),
});
export const watermark = (child: LogicalPlan, column: string, delay: string): LogicalPlan => ({
  kind: "with_watermark",
  child,
  eventTime: parseExpression(column),
  delay,
  delayMs: 0,
});
export const join = (
  left: LogicalPlan,
  right: LogicalPlan,
  on: string | readonly string[] | null,
  joinType: JoinType = "inner",
): LogicalPlan => ({
  kind: "join",
  left,
  right,
  joinType,
  condition: typeof on === "string" ? parseExpression(on) : null,
  usingColumns: typeof on === "string" || on === null ? [] : on,
});
export const union = (inputs: readonly LogicalPlan[], byName = false, allowMissingColumns = false): LogicalPlan => ({
  kind: "set_operation",
  operation: byName ? "union_by_name" : "union",
  isAll: true,
  allowMissingColumns,
  inputs,
});
export const sort = (child: LogicalPlan, ...texts: string[]): LogicalPlan => ({
  kind: "sort",
  child,
  order: texts.map((text): SortOrder => ({ kind: "sort_order", child: parseExpression(text), ascending: true, nullsFirst: true })),
});
export const limit = (child: LogicalPlan, count: number, offset = 0): LogicalPlan => ({ kind: "limit", child, limit: count, offset });
export const distinct = (child: LogicalPlan, columns = "", withinWatermark = false): LogicalPlan => ({
  kind: "deduplicate",
  child,
  columns: columns === "" ? [] : items(columns),
  withinWatermark,
});
export const observe = (child: LogicalPlan, name: string, metrics: string): LogicalPlan => ({
  kind: "collect_metrics",
  child,
  name,
  metrics: items(metrics),
});
export const withPlanId = <P extends LogicalPlan>(plan: P, planId: number): P => ({ ...plan, planId });
export const column = (name: string, planId: number): Expression => ({ kind: "unresolved_attribute", nameParts: name.split("."), planId });
