import { describe, expect, test } from "vitest";
import type { Aggregate, ExpandWindow, Project, WithWatermark } from "../../../src/plan/logical/nodes.ts";
import { outputOf } from "../../../src/plan/logical/output.ts";
import { walkPlan } from "../../../src/plan/tree.ts";
import {
  analyzed,
  column,
  columnsOf,
  distinct,
  failureOf,
  group,
  join,
  limit,
  named,
  namesOf,
  observe,
  read,
  select,
  sort,
  stream,
  union,
  watermark,
  where,
  withColumns,
  withPlanId,
} from "../fixtures.ts";

const kinds = async (plan: Parameters<typeof analyzed>[0]): Promise<string[]> =>
  [...walkPlan(await analyzed(plan))].map((node) => node.kind);

describe("names of unnamed results are Spark's", () => {
  test.each([
    ["k", "k"],
    ["K", "K"],
    ["s.a", "a"],
    ["s.b.c", "c"],
    ["x + 1", "(x + 1)"],
    ["-x", "(- x)"],
    ["NOT x > 1", "(NOT (x > 1))"],
    ["x != 1", "(NOT (x = 1))"],
    ["x > 1 AND d < 2.5", "((x > 1) AND (d < 2.5))"],
    ["CAST(x AS STRING)", "x"],
    ["CAST(x + 1 AS STRING)", "CAST((x + 1) AS STRING)"],
    ["CASE WHEN x > 1 THEN 'big' ELSE 'small' END", "CASE WHEN (x > 1) THEN big ELSE small END"],
    ["coalesce(k, 'none')", "coalesce(k, none)"],
    ["x IN (1, 2)", "(x IN (1, 2))"],
    ["k IS NULL", "(k IS NULL)"],
    ["count(*)", "count(1)"],
    ["sum(x)", "sum(x)"],
    ["mean(d)", "mean(d)"],
    ["count(DISTINCT k)", "count(DISTINCT k)"],
    ["sum(x) + 1", "(sum(x) + 1)"],
    ["sum(x) FILTER (WHERE x > 1)", "sum(x) FILTER (WHERE (x > 1))"],
    ["current_timestamp()", "current_timestamp()"],
    ["window(ts, '5 seconds')", "window"],
    ["1.5", "1.5"],
    ["NULL", "NULL"],
  ])("%s → %s", async (text, name) => {
    expect(namesOf(await analyzed(select(read(), text)))).toEqual([name]);
  });
});

describe("types", () => {
  test.each([
    ["x + big", "bigint"],
    ["x / 2", "double"],
    ["CASE WHEN x > 1 THEN x ELSE big END", "bigint"],
    ["sum(x)", "bigint"],
    ["avg(x)", "double"],
    ["count(1)", "bigint"],
    ["s.b", "struct<c:string>"],
    ["struct(k, x + 1, d AS e)", "struct<k:string,col2:int,e:double>"],
    ["current_date()", "date"],
    ["window(ts, '5 seconds').end", "timestamp"],
  ])("%s is %s", async (text, type) => {
    expect(columnsOf(await analyzed(select(read(), text)))[0]).toMatch(`: ${type}`);
  });

  test("implicit casts are written out, literals converted at once", async () => {
    const plan = (await analyzed(select(read(), "x > big, ts > '1970-01-01 00:00:01'"))) as Project;
    expect(plan.expressions).toMatchObject([
      { child: { name: ">", args: [{ kind: "cast", to: { kind: "long" } }, { kind: "attribute" }] } },
      { child: { name: ">", args: [{ kind: "attribute" }, { kind: "literal", value: 1_000_000n, dataType: { kind: "timestamp" } }] } },
    ]);
  });

  test("a literal that does not convert stays a cast, to fail when it is reached", async () => {
    const plan = (await analyzed(select(read(), "x = 'abc'"))) as Project;
    expect(plan.expressions[0]).toMatchObject({ child: { args: [{}, { kind: "cast", child: { value: "abc" } }] } });
  });
});

describe("columns", () => {
  test("star, qualified star, struct star", async () => {
    expect(namesOf(await analyzed(select(read("a INT, b INT"), "*, a + b AS c")))).toEqual(["a", "b", "c"]);
    expect(namesOf(await analyzed(select(named(read("a INT, b INT"), "t"), "t.*")))).toEqual(["a", "b"]);
    expect(namesOf(await analyzed(select(read(), "s.*")))).toEqual(["a", "b"]);
  });

  test("with_columns replaces in place and appends", async () => {
    const plan = await analyzed(withColumns(read("a INT, b INT"), "a + 1 AS A, a * 2 AS c"));
    expect(columnsOf(plan)).toEqual(["A: int", "b: int", "c: int"]);
  });

  test("renames and drops ignore unknown names", async () => {
    const renamed = await analyzed({
      kind: "with_columns_renamed",
      child: read("a INT, b INT"),
      renames: [
        { from: "A", to: "z" },
        { from: "nope", to: "y" },
      ],
    });
    expect(namesOf(renamed)).toEqual(["z", "b"]);
    const dropped = await analyzed({
      kind: "drop",
      child: read("a INT, b INT"),
      columns: [
        { kind: "unresolved_attribute", nameParts: ["B"] },
        { kind: "unresolved_attribute", nameParts: ["nope"] },
      ],
    });
    expect(namesOf(dropped)).toEqual(["a"]);
  });

  test("a frame's column is found by the frame, also beside one of the same name", async () => {
    const left = withPlanId(read("id INT, v INT"), 1);
    const right = withPlanId(where(read("id INT, v INT"), "v > 1"), 2);
    const joined = {
      ...join(left, right, null),
      condition: { kind: "unresolved_function" as const, name: "=", args: [column("id", 1), column("id", 2)] },
    };
    const plan = await analyzed({ kind: "project", child: joined, expressions: [column("v", 2), column("id", 1)] });
    const [v, id] = (plan as Project).expressions;
    const output = outputOf((plan as Project).child);
    expect([v, id]).toMatchObject([{ id: output[3]!.id }, { id: output[0]!.id }]);
  });

  test("of a frame that is there twice the nearest is meant", async () => {
    const frame = withPlanId(read("x INT"), 1);
    const derived = withPlanId(where(frame, "x > 1"), 2);
    const joined = join(frame, derived, null);
    const plan = (await analyzed({ kind: "project", child: joined, expressions: [column("x", 1), column("x", 2)] })) as Project;
    expect(plan.expressions).toMatchObject(outputOf(plan.child).map(({ id }) => ({ id })));
  });

  test("sorts and filters may use columns that the select list left out", async () => {
    const plan = await analyzed(sort(select(read("a INT, b INT"), "a"), "b"));
    expect(namesOf(plan)).toEqual(["a"]);
    expect([...walkPlan(plan)].map((node) => node.kind)).toEqual(["project", "sort", "project", "relation"]);
    expect(namesOf(await analyzed(where(select(read("a INT, b INT"), "a"), "b > 1")))).toEqual(["a"]);
  });

  test("a view's columns take its name", async () => {
    const plan = await analyzed(select({ kind: "unresolved_relation", nameParts: ["v"], isStreaming: false }, "v.a"), {
      views: { v: read("a INT") },
    });
    expect(namesOf(plan)).toEqual(["a"]);
  });
});

describe("aggregates", () => {
  test("grouping columns come first; single calls need no project", async () => {
    const plan = await analyzed(group(read(), "k", "count(*) AS n, sum(x)"));
    expect(plan.kind).toBe("aggregate");
    expect(columnsOf(plan)).toEqual(["k: string", "n: bigint!", "sum(x): bigint"]);
  });

  test("grouping expressions are computed below, calculations above", async () => {
    const plan = await analyzed(group(read(), "x % 10 AS bucket", "sum(x) / count(*) + 1 AS score"));
    expect(namesOf(plan)).toEqual(["bucket", "score"]);
    expect([...walkPlan(plan)].map((node) => node.kind)).toEqual(["project", "aggregate", "project", "relation"]);
    const aggregate = (plan as Project).child as Aggregate;
    expect(aggregate.grouping).toMatchObject([{ kind: "attribute", name: "bucket" }]);
    expect(aggregate.results.slice(1)).toMatchObject([{ child: { name: "sum" } }, { child: { name: "count" } }]);
  });

  test("a call used twice is computed once", async () => {
    const plan = (await analyzed(group(read(), "k", "sum(x) AS a, sum(x) * 2 AS b"))) as Project;
    expect((plan.child as Aggregate).results).toHaveLength(2);
  });

  test("a grouping expression may be used again above", async () => {
    const plan = await analyzed(group(read(), "x + 1", "(x + 1) * 2 AS twice, count(*) AS n"));
    expect(namesOf(plan)).toEqual(["(x + 1)", "twice", "n"]);
  });

  test("select with an aggregate function is one group", async () => {
    expect(await kinds(select(read(), "count(*), max(x)"))).toEqual(["aggregate", "relation"]);
  });

  test("filter over an aggregate may use aggregate functions (HAVING)", async () => {
    const plan = await analyzed(where(group(read(), "k", "count(*) AS n"), "sum(x) > 10 AND n > 1"));
    expect(namesOf(plan)).toEqual(["k", "n"]);
    expect([...walkPlan(plan)].map((node) => node.kind)).toEqual(["project", "filter", "aggregate", "relation"]);
  });

  test("sort over an aggregate may use aggregate functions", async () => {
    const plan = await analyzed(sort(group(read(), "k", "count(*) AS n"), "max(x)"));
    expect(namesOf(plan)).toEqual(["k", "n"]);
  });
});

describe("event time", () => {
  const windowed = group(watermark(stream(), "ts", "10 seconds"), "window(ts, '10 seconds', '5 seconds') AS w, k", "count(*) AS n");

  test("a window becomes ExpandWindow below the operator and carries the delay", async () => {
    const plan = await analyzed(windowed);
    expect(columnsOf(plan)).toEqual(["w: struct<start:timestamp,end:timestamp>!", "k: string", "n: bigint!"]);
    expect(outputOf(plan)[0]!.watermarkDelayMs).toBe(10_000);
    const expand = [...walkPlan(plan)].find((node) => node.kind === "expand_window") as ExpandWindow;
    expect(expand).toMatchObject({ windowMicros: 10_000_000n, slideMicros: 5_000_000n, startMicros: 0n, window: { name: "window" } });
  });

  test("an unnamed window groups by the window column itself", async () => {
    const plan = (await analyzed(group(watermark(stream(), "ts", "10 seconds"), "window(ts, '5 seconds')", "count(*)"))) as Aggregate;
    expect([...walkPlan(plan)].map((node) => node.kind)).toEqual(["aggregate", "expand_window", "with_watermark", "relation"]);
    expect(namesOf(plan)).toEqual(["window", "count(1)"]);
  });

  test("a window of a window uses its last microsecond and keeps the delay", async () => {
    const plan = await analyzed(group(windowed, "window(w, '1 minute')", "sum(n) AS total"));
    expect(namesOf(plan)).toEqual(["window", "total"]);
    expect(outputOf(plan)[0]!.watermarkDelayMs).toBe(10_000);
    const expand = [...walkPlan(plan)].find((node) => node.kind === "expand_window") as ExpandWindow;
    const below = expand.child as Project;
    expect(below.expressions.at(-1)).toMatchObject({
      kind: "alias",
      name: "window_time",
      watermarkDelayMs: 10_000,
      child: { kind: "call", name: "-", args: [{ kind: "get_field", ordinal: 1 }, { value: 1n }], dataType: { kind: "timestamp" } },
    });
  });

  test("window_time is a column with the delay", async () => {
    const plan = await analyzed(select(windowed, "window_time(w) AS t, n"));
    expect(outputOf(plan)).toMatchObject([{ name: "t", watermarkDelayMs: 10_000 }, { name: "n" }]);
  });

  test("the delay follows aliases and pass-through, not calculations", async () => {
    const plan = await analyzed(select(watermark(stream(), "ts", "1 minute 30 seconds"), "ts AS t, ts, ts + INTERVAL '1' SECOND AS u"));
    expect(outputOf(plan).map((attribute) => attribute.watermarkDelayMs)).toEqual([90_000, 90_000, undefined]);
  });

  test("months count 31 days", async () => {
    const plan = (await analyzed(watermark(stream(), "ts", "1 month"))) as WithWatermark;
    expect(plan.delayMs).toBe(31 * 86_400_000);
  });

  test("a batch plan loses the watermark", async () => {
    expect(await kinds(watermark(read(), "ts", "1 minute"))).toEqual(["relation"]);
  });

  test("errors", async () => {
    expect(await failureOf(watermark(stream(), "k", "1 minute"))).toEqual({
      condition: "EVENT_TIME_IS_NOT_ON_TIMESTAMP_TYPE",
      parameters: { eventName: "`k`", eventType: '"STRING"' },
    });
    expect((await failureOf(watermark(stream(), "ts", "-1 minute"))).condition).toBe("INVALID_PARAMETER_VALUE.DELAY_THRESHOLD");
    expect((await failureOf(watermark(stream(), "ts", "soon"))).condition).toBe("CANNOT_PARSE_INTERVAL");
    const twice = await failureOf(watermark(watermark(stream(), "ts", "1 minute"), "ts", "2 minutes"));
    expect(twice.condition).toBe("_LEGACY_ERROR_TEMP_3102");
    expect((twice.parameters as { msg: string }).msg).toMatch(/^Redefining watermark is disallowed\..*statefulOperator\.allowMultiple/);
    const windows = (text: string): Promise<{ condition: string; parameters: unknown }> => failureOf(group(stream(), text, "count(*)"));
    expect((await windows("window(ts, '1 month')")).condition).toBe("_LEGACY_ERROR_TEMP_3231");
    expect((await windows("window(ts, '5 seconds', '10 seconds')")).condition).toBe("DATATYPE_MISMATCH.PARAMETER_CONSTRAINT_VIOLATION");
    expect((await windows("window(ts, '10 seconds', '5 seconds', '5 seconds')")).condition).toBe(
      "DATATYPE_MISMATCH.PARAMETER_CONSTRAINT_VIOLATION",
    );
    expect((await windows("window(ts, '0 seconds')")).condition).toBe("DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE");
    expect((await windows("window(x, '1 second')")).condition).toBe("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE");
    expect((await windows("window(ts, '1 second'), window(ts, '2 seconds')")).condition).toBe("_LEGACY_ERROR_TEMP_1039");
    expect((await windows("session_window(ts, '1 second')")).condition).toBe("UNSUPPORTED_FEATURE.NOT_YET");
  });
});

describe("joins and unions", () => {
  test("USING merges the columns", async () => {
    const [left, right] = [read("id INT, a INT"), read("id BIGINT, b INT")];
    expect(columnsOf(await analyzed(join(left, right, ["id"])))).toEqual(["id: int", "a: int", "b: int"]);
    expect(columnsOf(await analyzed(join(left, right, ["ID"], "right_outer")))).toEqual(["id: bigint", "a: int", "b: int"]);
    expect(columnsOf(await analyzed(join(left, right, ["id"], "full_outer")))).toEqual(["id: bigint", "a: int", "b: int"]);
    expect(columnsOf(await analyzed(join(left, right, ["id"], "left_semi")))).toEqual(["id: int", "a: int"]);
  });

  test("outer sides become nullable", async () => {
    const plan = join(read("id INT NOT NULL"), read("other INT NOT NULL"), "id = other", "left_outer");
    expect(columnsOf(await analyzed(plan))).toEqual(["id: int!", "other: int"]);
  });

  test("an analyzed plan joined with itself gets columns of its own on the right", async () => {
    const base = await analyzed(read("id INT, v INT"));
    const plan = await analyzed(join(named(base, "a"), named(base, "b"), "a.id = b.v"));
    expect(new Set(outputOf(plan).map((attribute) => attribute.id)).size).toBe(4);
  });

  test("union widens types and has columns of its own", async () => {
    const plan = await analyzed(union([read("a INT NOT NULL, b STRING"), read("c BIGINT, d STRING")]));
    expect(columnsOf(plan)).toEqual(["a: bigint", "b: string"]);
  });

  test("union by name reorders, and fills missing columns with null", async () => {
    expect(columnsOf(await analyzed(union([read("a INT, b STRING"), read("b STRING, a INT")], true)))).toEqual(["a: int", "b: string"]);
    expect(columnsOf(await analyzed(union([read("a INT"), read("b STRING")], true, true)))).toEqual(["a: int", "b: string"]);
  });

  test("distinct, limit and observe", async () => {
    expect(await analyzed(distinct(read("a INT, b INT")))).toMatchObject({ columns: [{ name: "a" }, { name: "b" }] });
    expect(await analyzed(distinct(read("a INT, b INT"), "b"))).toMatchObject({ columns: [{ name: "b" }] });
    expect(namesOf(await analyzed(limit(read("a INT"), 3)))).toEqual(["a"]);
    expect(namesOf(await analyzed(observe(read("a INT"), "m", "count(*) AS n")))).toEqual(["a"]);
  });
});
