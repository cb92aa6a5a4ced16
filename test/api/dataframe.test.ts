/** Frames wrap logical nodes; results come through the executor. */
import { describe, expect, test } from "vitest";
import { type DataFrame, functions as F, types as T, type Row } from "../../src/index.ts";
import type { LogicalPlan } from "../../src/plan/logical/nodes.ts";
import { printExpression } from "../sql/print-expression.ts";
import { fakeSession } from "./fake-executor.ts";

const { col } = F;
const { spark, executor } = fakeSession();
const frame: DataFrame = spark.readStream.format("rate").option("rowsPerSecond", 5).load();
/** The node without what the frame adds. */
const node = (df: DataFrame<any>): Record<string, unknown> => {
  const { planId: _, child: _child, ...rest } = df.plan as LogicalPlan & { child?: LogicalPlan };
  return rest;
};

describe("nodes", () => {
  test("read", () => {
    expect(node(frame)).toEqual({
      kind: "read",
      format: "rate",
      schema: null,
      options: { rowsPerSecond: "5" },
      paths: [],
      isStreaming: true,
    });
    const batch = spark.read.format("json").schema("a INT").options({ Path: "/x", multiLine: true }).load();
    expect(node(batch)).toEqual({
      kind: "read",
      format: "json",
      schema: T.schemaFromDDL("a INT"),
      options: { multiLine: "true" },
      paths: ["/x"],
      isStreaming: false,
    });
    expect(spark.read.option("a", 1).option("A", 2).load("/x").plan).toMatchObject({ options: { A: "2" } });
  });

  test("every method wraps its own frame and leaves it alone", () => {
    const before = frame.plan;
    const derived = frame.filter("a > 1");
    expect(derived.plan).toMatchObject({ kind: "filter", child: before });
    expect(Object.isFrozen(derived.plan)).toBe(true);
    expect(derived.plan.planId).not.toBe(before.planId);
  });

  test("columns", () => {
    expect((node(frame.select("a", col("b").as("c"), "*")).expressions as never[]).map(printExpression)).toEqual(["a", "b as c", "*"]);
    expect(node(frame.selectExpr("a + 1 AS b"))).toEqual({
      kind: "project",
      expressions: [{ kind: "expression_string", text: "a + 1 AS b" }],
    });
    expect((node(frame.withColumn("x", col("a").plus(1))).columns as never[]).map(printExpression)).toEqual(["+(a, 1:int) as x"]);
    expect((node(frame.withColumns({ x: col("a"), y: F.lit(1) })).columns as never[]).map(printExpression)).toEqual([
      "a as x",
      "1:int as y",
    ]);
    expect(node(frame.withColumnRenamed("a", "b"))).toEqual({ kind: "with_columns_renamed", renames: [{ from: "a", to: "b" }] });
    expect((node(frame.drop("a.b", col("c"))).columns as never[]).map(printExpression)).toEqual(["`a.b`", "c"]);
    expect(frame.col("a").expression).toMatchObject({ kind: "unresolved_attribute", planId: frame.plan.planId });
  });

  test("rows", () => {
    expect((node(frame.orderBy("a", col("b").desc())).order as never[]).map(printExpression)).toEqual([
      "a asc nulls first",
      "b desc nulls last",
    ]);
    expect(node(frame.limit(5))).toEqual({ kind: "limit", limit: 5, offset: 0 });
    expect(() => frame.limit(-1)).toThrow(expect.objectContaining({ condition: "INVALID_LIMIT_LIKE_EXPRESSION.IS_NEGATIVE" }));
    expect(node(frame.distinct())).toEqual({ kind: "deduplicate", columns: [], withinWatermark: false });
    expect((node(frame.dropDuplicatesWithinWatermark(["a", "b"])).columns as never[]).map(printExpression)).toEqual(["a", "b"]);
  });

  test("groups and time", () => {
    expect(node(frame.withWatermark("ts", "1 minute 30 seconds"))).toMatchObject({
      kind: "with_watermark",
      delay: "1 minute 30 seconds",
      delayMs: 90_000,
    });
    expect(node(frame.withWatermark("ts", "1 month"))).toMatchObject({ delayMs: 31 * 86_400_000 });
    expect(() => frame.withWatermark("ts", "-1 second")).toThrow(expect.objectContaining({ condition: "INVALID_DELAY_THRESHOLD" }));
    expect(() => frame.withWatermark("ts", "soon")).toThrow(expect.objectContaining({ condition: "CANNOT_PARSE_INTERVAL" }));
    const { grouping, results } = frame.groupBy(F.window("ts", "1 minute"), "url").agg(F.count("*").as("n")).plan as any;
    expect(grouping.map(printExpression)).toEqual(['window(ts, "1 minute":string)', "url"]);
    expect(results.map(printExpression)).toEqual(["count(1:int) as n"]);
    expect((node(frame.groupBy("a").count()).results as never[]).map(printExpression)).toEqual(["count(1:int) as count"]);
    expect((node(frame.groupBy("a").avg("x", "y")).results as never[]).map(printExpression)).toEqual(["avg(x)", "avg(y)"]);
    expect(node(frame.observe("m", F.max("a").as("x")))).toMatchObject({ kind: "collect_metrics", name: "m" });
  });

  test("several frames", () => {
    const other = spark.range(10);
    expect(node(frame.join(other, "id", "left"))).toMatchObject({
      kind: "join",
      left: frame.plan,
      right: other.plan,
      joinType: "left_outer",
      usingColumns: ["id"],
      condition: null,
    });
    expect(node(frame.join(frame, ["id", "x"], "full_outer"))).toMatchObject({ joinType: "full_outer", usingColumns: ["id", "x"] });
    expect(node(frame.join(other, col("a").equalTo(col("b"))))).toMatchObject({
      joinType: "inner",
      usingColumns: [],
      condition: { name: "=" },
    });
    expect(() => frame.join(other, "id", "sideways" as "left")).toThrow(expect.objectContaining({ condition: "UNSUPPORTED_JOIN_TYPE" }));
    expect(node(frame.crossJoin(other))).toMatchObject({ joinType: "cross" });
    expect(node(frame.union(other))).toMatchObject({
      kind: "set_operation",
      operation: "union",
      isAll: true,
      inputs: [frame.plan, other.plan],
    });
    expect(node(frame.unionByName(other, true))).toMatchObject({ operation: "union_by_name", allowMissingColumns: true });
    expect(node(frame.as("t"))).toEqual({ kind: "subquery_alias", name: "t" });
    expect(node(other)).toEqual({ kind: "range", start: 0n, end: 10n, step: 1n, output: [] });
    expect(node(spark.range(5, 0, -2))).toMatchObject({ start: 5n, end: 0n, step: -2n });
    expect(node(spark.table("`my view`"))).toEqual({ kind: "unresolved_relation", nameParts: ["my view"], isStreaming: false });
  });

  test("what there is not says so", () => {
    for (const call of [() => frame.rollup("a"), () => frame.na, () => frame.groupBy("a").pivot("x"), () => spark.sql("SELECT 1")])
      expect(call).toThrow(expect.objectContaining({ condition: "UNSUPPORTED_FEATURE.NOT_YET" }));
  });
});

describe("results", () => {
  test("rows", async () => {
    executor.answer("a INT, b STRING", [1, "x"], [2, null]);
    const rows: Row[] = await frame.collect();
    expect(rows).toEqual([
      { a: 1, b: "x" },
      { a: 2, b: null },
    ]);
    expect(await frame.take(1)).toEqual([{ a: 1, b: "x" }]);
    expect(await frame.first()).toEqual({ a: 1, b: "x" });
    const batches: Row[][] = [];
    for await (const batch of frame) batches.push(batch);
    expect(batches.map((batch) => batch.length)).toEqual([1, 1]);
    expect((await executor.answer("a INT")) && (await frame.first())).toBeNull();
    executor.answer("count BIGINT", [7n]);
    expect(await frame.count()).toBe(7n);
  });

  test("descriptions", async () => {
    executor.answer("a INT NOT NULL, b ARRAY<STRING>");
    expect(await frame.columns()).toEqual(["a", "b"]);
    expect(await frame.dtypes()).toEqual([
      ["a", "int"],
      ["b", "array<string>"],
    ]);
    expect(await frame.schema()).toEqual(T.schemaFromDDL("a INT NOT NULL, b ARRAY<STRING>"));
    executor.printed.length = 0;
    await frame.explain(true);
    await frame.printSchema();
    expect(executor.printed).toEqual([
      "plan (extended)",
      "root\n |-- a: integer (nullable = false)\n |-- b: array (nullable = true)\n |    |-- element: string (containsNull = true)\n\n",
    ]);
  });

  test("views", async () => {
    await frame.createOrReplaceTempView("v");
    expect(await spark.catalog.tableExists("V")).toBe(true);
    expect(await spark.catalog.listTables()).toEqual([{ name: "v", tableType: "TEMPORARY", isTemporary: true }]);
    expect(await spark.catalog.dropTempView("v")).toBe(true);
  });
});

describe("show", () => {
  const shown = async (...args: Parameters<DataFrame["show"]>): Promise<string> => {
    executor.printed.length = 0;
    await frame.show(...args);
    return executor.printed.join("");
  };

  test("as Spark prints it", async () => {
    executor.answer("id INT, name STRING", [1, "Ann"], [22, null]);
    expect(await shown()).toBe("+---+----+\n| id|name|\n+---+----+\n|  1| Ann|\n| 22|NULL|\n+---+----+\n\n");
    expect(await shown(1)).toBe("+---+----+\n| id|name|\n+---+----+\n|  1| Ann|\n+---+----+\nonly showing top 1 row\n\n");
    expect(await shown(20, false)).toBe("+---+----+\n|id |name|\n+---+----+\n|1  |Ann |\n|22 |NULL|\n+---+----+\n\n");
  });

  test("long and strange values", async () => {
    executor.answer("s STRING", ["abcdefghijklmnopqrstuvwxyz"], ["a\nb"], ["日本"]);
    expect(await shown()).toBe(
      "+--------------------+\n|                   s|\n+--------------------+\n|abcdefghijklmnopq...|\n|                a\\nb|\n|                日本|\n+--------------------+\n\n",
    );
    expect(await shown(1, 3)).toBe("+---+\n|  s|\n+---+\n|abc|\n+---+\nonly showing top 1 row\n\n");
  });

  test("other types", async () => {
    executor.answer("b BINARY, a ARRAY<INT>, ts TIMESTAMP, d DOUBLE", [new Uint8Array([1, 255]), [1, null], 1_500_000n, 1]);
    expect(await shown(20, false)).toBe(
      "+-------+---------+---------------------+---+\n|b      |a        |ts                   |d  |\n+-------+---------+---------------------+---+\n" +
        "|[01 FF]|[1, NULL]|1970-01-01 00:00:01.5|1.0|\n+-------+---------+---------------------+---+\n\n",
    );
  });

  test("vertical", async () => {
    executor.answer("id INT, name STRING", [1, "Ann"]);
    expect(await shown(20, true, true)).toBe("-RECORD 0---\n id   | 1   \n name | Ann \n\n");
  });
});

test("what is no column is told so, with the way out", () => {
  const numbers = spark.range(1);
  for (const value of [1, undefined, null, {}]) {
    const calls = [
      () => numbers.select(value as never),
      () => numbers.agg(value as never),
      () => numbers.groupBy("id").agg(value as never),
      () => numbers.withColumn("x", value as never),
      () => numbers.withColumns({ x: value as never }),
      () => numbers.filter(value as never),
      () => numbers.drop(value as never),
      () => numbers.observe("o", value as never),
      () => numbers.join(numbers, value as never),
    ];
    for (const call of calls) expect(call).toThrow(/NOT_COLUMN_OR_STR.*write lit/);
  }
});
