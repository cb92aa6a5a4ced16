import { expect, test } from "vitest";
import type { LogicalPlan } from "../../../src/plan/logical/nodes.ts";
import {
  analyzed,
  column,
  distinct,
  failureOf,
  group,
  join,
  named,
  observe,
  read,
  select,
  sort,
  union,
  where,
  withColumns,
  withPlanId,
} from "../fixtures.ts";

const ab = read("a INT, b STRING");
const one = withPlanId(read("id INT"), 1);
const onPlanColumns = (left: LogicalPlan, right: LogicalPlan): LogicalPlan => ({
  kind: "project",
  child: join(left, right, null),
  expressions: [column("id", 1)],
});

test.each<[string, LogicalPlan, string, Record<string, string>]>([
  ["unknown column", select(ab, "aa"), "UNRESOLVED_COLUMN.WITH_SUGGESTION", { objectName: "`aa`", proposal: "`a`, `b`" }],
  [
    "unknown column of a named table",
    select(named(ab, "t"), "t.aa"),
    "UNRESOLVED_COLUMN.WITH_SUGGESTION",
    { objectName: "`t`.`aa`", proposal: "`t`.`a`, `t`.`b`" },
  ],
  [
    "no columns at all",
    select({ kind: "drop", child: read("a INT"), columns: [{ kind: "unresolved_attribute", nameParts: ["a"] }] }, "a"),
    "UNRESOLVED_COLUMN.WITHOUT_SUGGESTION",
    { objectName: "`a`" },
  ],
  [
    "two tables, one name",
    select(join(named(ab, "t"), named(ab, "u"), null), "a"),
    "AMBIGUOUS_REFERENCE",
    { name: "`a`", referenceNames: "[`t`.`a`, `u`.`a`]" },
  ],
  ["unknown field", select(read("s STRUCT<a: INT, b: INT>"), "s.c"), "FIELD_NOT_FOUND", { fieldName: "`c`", fields: "`a`, `b`" }],
  ["field of a number", select(ab, "a.x"), "INVALID_EXTRACT_BASE_FIELD_TYPE", { base: '"a"', other: '"INT"' }],
  [
    "a frame that is not there",
    { kind: "project", child: ab, expressions: [column("a", 99)] },
    "CANNOT_RESOLVE_DATAFRAME_COLUMN",
    { name: '"a"' },
  ],
  ["a frame that is there twice", onPlanColumns(one, one), "AMBIGUOUS_COLUMN_REFERENCE", { name: "`id`" }],
  [
    "unknown function",
    select(ab, "frobnicate(a)"),
    "UNRESOLVED_ROUTINE",
    {
      routineName: "`frobnicate`",
      searchPath: "[`system`.`builtin`, `system`.`session`, `spark_catalog`.`default`]",
      suggestion: expect.stringMatching(/\w+, \w+, \w+/) as string,
    },
  ],
  [
    "impossible cast",
    select(ab, "CAST(a AS DATE)"),
    "DATATYPE_MISMATCH.CAST_WITH_FUNC_SUGGESTION",
    { sqlExpr: '"CAST(a AS DATE)"', srcType: '"INT"', targetType: '"DATE"', functionNames: "`DATE_FROM_UNIX_DATE`" },
  ],
  [
    "impossible cast without a way out",
    select(read("b BOOLEAN"), "CAST(b AS DATE)"),
    "DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION",
    { sqlExpr: '"CAST(b AS DATE)"', srcType: '"BOOLEAN"', targetType: '"DATE"' },
  ],
  [
    "filter that is no condition",
    where(ab, "a + 1"),
    "DATATYPE_MISMATCH.FILTER_NOT_BOOLEAN",
    { sqlExpr: '"(a + 1)"', filter: '"(a + 1)"', type: '"INT"' },
  ],
  [
    "join condition that is none",
    join(ab, read("c INT"), "a + c"),
    "JOIN_CONDITION_IS_NOT_BOOLEAN_TYPE",
    { joinCondition: '"(a + c)"', conditionType: '"INT"' },
  ],
  [
    "branches that do not fit together",
    select(read("a INT, s STRUCT<x: INT>"), "CASE WHEN true THEN a ELSE s END"),
    "DATATYPE_MISMATCH.DATA_DIFF_TYPES",
    { sqlExpr: '"CASE WHEN true THEN a ELSE s END"', functionName: "`casewhen`", dataType: '["INT", "STRUCT<x: INT>"]' },
  ],
  ["aggregate in GROUP BY", group(ab, "sum(a)", "count(*)"), "GROUP_BY_AGGREGATE", { sqlExpr: "sum(a)" }],
  ["aggregate of an aggregate", group(ab, "b", "sum(count(a))"), "NESTED_AGGREGATE_FUNCTION", {}],
  [
    "column outside of the groups",
    group(ab, "b", "a + sum(a)"),
    "MISSING_AGGREGATION",
    { expression: '"a"', expressionAnyValue: '"any_value(a)"' },
  ],
  ["column beside a total", select(ab, "b, sum(a)"), "MISSING_GROUP_BY", {}],
  ["aggregate in withColumn", withColumns(ab, "sum(a) AS c"), "MISSING_GROUP_BY", {}],
  ["aggregate in WHERE", where(ab, "sum(a) > 1"), "INVALID_WHERE_CONDITION", { condition: '"(sum(a) > 1)"', expressionList: '"sum(a)"' }],
  ["aggregate in ORDER BY", sort(ab, "sum(a)"), "UNSUPPORTED_EXPR_FOR_OPERATOR", { invalidExprSqls: '"sum(a)"' }],
  [
    "DISTINCT in a plain function",
    select(ab, "abs(DISTINCT a)"),
    "INVALID_SQL_SYNTAX.FUNCTION_WITH_UNSUPPORTED_SYNTAX",
    { prettyName: "`abs`", syntax: "DISTINCT" },
  ],
  ["one column twice", withColumns(ab, "1 AS c, 2 AS C"), "COLUMN_ALREADY_EXISTS", { columnName: "`c`" }],
  ["unknown dropDuplicates column", distinct(ab, "c"), "UNRESOLVED_COLUMN_AMONG_FIELD_NAMES", { colName: "c", fieldNames: "a, b" }],
  [
    "unknown USING column",
    join(ab, read("c INT"), ["a"]),
    "UNRESOLVED_USING_COLUMN_FOR_JOIN",
    { colName: "`a`", side: "right", suggestion: "`c`" },
  ],
  [
    "union of different widths",
    union([ab, read("a INT")]),
    "NUM_COLUMNS_MISMATCH",
    { operator: "UNION", firstNumColumns: "2", invalidOrdinalNum: "second", invalidNumColumns: "1" },
  ],
  [
    "union of different types",
    union([ab, read("a STRUCT<x: INT>, b STRING")]),
    "INCOMPATIBLE_COLUMN_TYPE",
    {
      operator: "UNION",
      columnOrdinalNumber: "first",
      tableOrdinalNumber: "second",
      dataType1: '"STRUCT<x: INT>"',
      dataType2: '"INT"',
      hint: "",
    },
  ],
  [
    "union by name without the name",
    union([ab, read("a INT, c STRING")], true),
    "UNRESOLVED_COLUMN_AMONG_FIELD_NAMES",
    { colName: "b", fieldNames: "a, c" },
  ],
  [
    "no such view",
    { kind: "unresolved_relation", nameParts: ["v"], isStreaming: false },
    "TABLE_OR_VIEW_NOT_FOUND",
    { relationName: "`v`" },
  ],
  [
    "observed column",
    observe(ab, "m", "a + 1 AS x"),
    "INVALID_OBSERVED_METRICS.NON_AGGREGATE_FUNC_ARG_IS_ATTRIBUTE",
    { expr: '"(a + 1) AS x"' },
  ],
  [
    "observed distinct",
    observe(ab, "m", "count(DISTINCT a) AS x"),
    "INVALID_OBSERVED_METRICS.AGGREGATE_EXPRESSION_WITH_DISTINCT_UNSUPPORTED",
    { expr: '"count(DISTINCT a) AS x"' },
  ],
  [
    "observed aggregate of an aggregate",
    observe(ab, "m", "sum(sum(a)) AS x"),
    "INVALID_OBSERVED_METRICS.NESTED_AGGREGATES_UNSUPPORTED",
    { expr: '"sum(sum(a)) AS x"' },
  ],
  ["observation without a name", observe(ab, "", "count(*)"), "INVALID_OBSERVED_METRICS.MISSING_NAME", { operator: "CollectMetrics" }],
  ["sort position out of range", sort(ab, "3"), "ORDER_BY_POS_OUT_OF_RANGE", { index: "3", size: "2" }],
])("%s: %#", async (_title, plan, condition, parameters) => {
  expect(await failureOf(plan)).toEqual({ condition, parameters });
});

test("planned functions say that they are not there yet", async () => {
  expect((await failureOf(select(ab, "monotonically_increasing_id()"))).condition).toBe("UNSUPPORTED_FEATURE.NOT_YET");
});

test("names are case sensitive on request", async () => {
  const options = { conf: { "spark.sql.caseSensitive": "true" } };
  expect((await failureOf(select(ab, "A"), options)).condition).toBe("UNRESOLVED_COLUMN.WITH_SUGGESTION");
});

test("errors point into the SQL text", async () => {
  await expect(analyzed(select(ab, "a +\n  missing"))).rejects.toMatchObject({
    queryContext: { fragment: "missing", line: 2, column: 3 },
  });
});
