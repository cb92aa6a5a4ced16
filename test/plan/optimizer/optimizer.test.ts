import { describe, expect, test } from "vitest";
import { planText } from "../../../src/plan/explain.ts";
import type { LogicalPlan, SetOperation } from "../../../src/plan/logical/nodes.ts";
import { outputOf } from "../../../src/plan/logical/output.ts";
import { optimize } from "../../../src/plan/optimizer/optimizer.ts";
import {
  analyzed,
  contextOf,
  distinct,
  group,
  join,
  limit,
  named,
  observe,
  read,
  select,
  sort,
  stream,
  union,
  watermark,
  where,
  withColumns,
} from "../fixtures.ts";

/** The optimized plan's text, with columns numbered in the order in which the text shows them. */
async function optimized(plan: LogicalPlan): Promise<string> {
  const resolved = await analyzed(plan);
  const result = optimize(resolved, contextOf());
  expect(outputOf(result).map(({ name }) => name)).toEqual(outputOf(resolved).map(({ name }) => name));
  const numbers = new Map<string, number>();
  return planText(result).replace(/#(\d+)/g, (_, id: string) => {
    if (!numbers.has(id)) numbers.set(id, numbers.size + 1);
    return `#${numbers.get(id)}`;
  });
}

const ab = read("a INT, b INT");
const lines = (...text: string[]): string => text.join("\n");

describe("filters", () => {
  test("two filters become one, the inner condition first", async () => {
    expect(await optimized(where(where(ab, "a > 1"), "b > 2"))).toBe(
      lines("Filter ((a#1 > 1) AND (b#2 > 2))", "+- Relation [a#1,b#2] json"),
    );
  });

  test("pass a select list, under the names below it", async () => {
    expect(await optimized(where(select(ab, "a AS x, a + b AS y"), "x > 1 AND y > 2"))).toBe(
      lines(
        "Filter (y#1 > 2)",
        "+- Project [a#2 AS x#3, (a#2 + b#4) AS y#1]",
        "   +- Filter (a#2 > 1)",
        "      +- Relation [a#2,b#4] json",
      ),
    );
  });

  test("pass unions, sorts and windows", async () => {
    expect(await optimized(where(union([ab, read("c INT, d INT")]), "a > 1"))).toBe(
      lines(
        "Union false, false",
        ":- Filter (a#1 > 1)",
        ":  +- Relation [a#1,b#2] json",
        "+- Filter (c#3 > 1)",
        "   +- Relation [c#3,d#4] json",
      ),
    );
    expect(await optimized(where(sort(ab, "b"), "a > 1"))).toBe(
      lines("Sort [b#1 ASC NULLS FIRST], true", "+- Filter (a#2 > 1)", "   +- Relation [a#2,b#1] json"),
    );
    const windows = withColumns(read("ts TIMESTAMP, a INT"), "window(ts, '5 seconds') AS window");
    expect(await optimized(where(windows, "a > 1 AND window.start IS NOT NULL"))).toBe(
      lines("ExpandWindow window#1, ts#2, 5000000us, 5000000us, 0us", "+- Filter (a#3 > 1)", "   +- Relation [ts#2,a#3] json"),
    );
  });

  test("pass a watermark up to the first that reads the event time", async () => {
    const marked = watermark(stream("ts TIMESTAMP, a INT, b INT"), "ts", "10 seconds");
    expect(await optimized(where(marked, "a > 1 AND ts > '2024-01-01' AND b > 2"))).toBe(
      lines(
        "Filter ((ts#1-T10000ms > TIMESTAMP '2024-01-01 00:00:00') AND (b#2 > 2))",
        "+- EventTimeWatermark ts#1, 10 seconds",
        "   +- Filter (a#3 > 1)",
        "      +- StreamingRelation json, [ts#1, a#3, b#2]",
      ),
    );
  });

  test("pass an aggregate when they test its keys, but not a total", async () => {
    expect(await optimized(where(group(ab, "a", "count(*) AS n"), "a > 1 AND n > 2"))).toBe(
      lines(
        "Filter (n#1L > 2)",
        "+- Aggregate [a#2], [a#2, count(1) AS n#1L]",
        "   +- Filter (a#2 > 1)",
        "      +- Relation [a#2,b#3] json",
      ),
    );
    expect(await optimized(where(group(ab, "", "count(*) AS n"), "n > 2"))).toMatch(/^Filter .*\n\+- Aggregate/);
  });

  test.each([
    ["limit", limit(ab, 5)],
    ["deduplication", distinct(ab, "a")],
    ["observed metrics", observe(ab, "m", "count(*) AS n")],
  ])("do not pass %s", async (_title, below) => {
    expect(await optimized(where(below, "b > 1"))).toMatch(/^Filter/);
  });

  test("go to the sides of a join", async () => {
    const joined = (type: Parameters<typeof join>[3]): LogicalPlan =>
      where(join(ab, read("c INT, d INT"), "a = c", type), "b > 1 AND d > 2 AND a + c > 3");
    expect(await optimized(joined("inner"))).toBe(
      lines(
        "Join Inner, ((a#1 = c#2) AND ((a#1 + c#2) > 3))",
        ":- Filter (b#3 > 1)",
        ":  +- Relation [a#1,b#3] json",
        "+- Filter (d#4 > 2)",
        "   +- Relation [c#2,d#4] json",
      ),
    );
    expect(await optimized(joined("left_outer"))).toBe(
      lines(
        "Filter ((d#1 > 2) AND ((a#2 + c#3) > 3))",
        "+- Join LeftOuter, (a#2 = c#3)",
        "   :- Filter (b#4 > 1)",
        "   :  +- Relation [a#2,b#4] json",
        "   +- Relation [c#3,d#1] json",
      ),
    );
    expect(await optimized(joined("full_outer"))).toMatch(
      /^Union .*\n:- Filter .*\n: {2}\+- Join LeftOuter, (.*\n)*\+- Project .*\n.*\n {6}\+- Join LeftAnti/,
    );
  });

  test("of a join condition move only where the side's rows may be dropped", async () => {
    const on = "a = c AND b > 1 AND d > 2";
    const joined = (type: Parameters<typeof join>[3]): LogicalPlan => join(ab, read("c INT, d INT"), on, type);
    expect(await optimized(joined("left_outer"))).toBe(
      lines(
        "Join LeftOuter, ((a#1 = c#2) AND (b#3 > 1))",
        ":- Relation [a#1,b#3] json",
        "+- Filter (d#4 > 2)",
        "   +- Relation [c#2,d#4] json",
      ),
    );
    expect(await optimized(joined("left_anti"))).toMatch(/^Join LeftAnti, \(\(a#1 = c#2\) AND \(b#3 > 1\)\)/);
    expect(await optimized(joined("left_semi"))).toMatch(/^Join LeftSemi, \(a#1 = c#2\)\n:- Filter \(b#3 > 1\)/);
  });
});

describe("expressions", () => {
  test.each([
    ["1 + 2 > 2 AND a > 1", "(a#1 > 1)"],
    ["NOT NOT a > 1", "(a#1 > 1)"],
    ["a > 1 OR 1 = 2", "(a#1 > 1)"],
    ["a > 1 AND 1 = 2", "false"],
    ["CASE WHEN 1 = 2 THEN a > 5 WHEN 1 = 1 THEN a > 6 ELSE a > 7 END", "(a#1 > 6)"],
    ["a > CAST('7' AS INT)", "(a#1 > 7)"],
  ])("%s → %s", async (text, condition) => {
    expect(await optimized(where(ab, text))).toContain(`Filter ${condition}\n`);
  });

  test("a filter that everything passes goes", async () => {
    expect(await optimized(where(ab, "1 = 1"))).toBe("Relation [a#1,b#2] json");
    expect(await optimized(where(read("a INT NOT NULL"), "a IS NOT NULL"))).toBe("Relation [a#1] json");
  });

  test("what fails stays where it is", async () => {
    expect(await optimized(select(ab, "CASE WHEN a = 0 THEN 0 ELSE 1 / 0 END AS x"))).toContain("/");
  });

  test("the clock is not folded", async () => {
    expect(await optimized(select(ab, "current_timestamp() AS now"))).toContain("current_timestamp() AS now");
  });
});

describe("columns", () => {
  test("lists collapse, unless that computes something twice", async () => {
    expect(await optimized(select(select(ab, "a + 1 AS x, b"), "x * 2 AS y"))).toBe(
      lines("Project [((a#1 + 1) * 2) AS y#2]", "+- Relation [a#1,b#3] json"),
    );
    expect(await optimized(select(select(ab, "a + 1 AS x, b"), "x * x AS y"))).toBe(
      lines("Project [(x#1 * x#1) AS y#2]", "+- Project [(a#3 + 1) AS x#1]", "   +- Relation [a#3,b#4] json"),
    );
  });

  test("lists that change nothing go", async () => {
    expect(await optimized(select(ab, "*"))).toBe("Relation [a#1,b#2] json");
    expect(await optimized(named(ab, "t"))).toBe("Relation [a#1,b#2] json");
  });

  test("unread aggregates are not computed", async () => {
    expect(await optimized(select(group(ab, "a", "count(*) AS n, sum(b) AS s"), "s"))).toBe(
      lines("Project [s#1L]", "+- Aggregate [a#2], [a#2, sum(b#3) AS s#1L]", "   +- Relation [a#2,b#3] json"),
    );
  });

  test("join tables hold what is read", async () => {
    const dimension = read("id INT, name STRING, unused STRING");
    expect(await optimized(select(join(stream("k INT, v INT"), dimension, "k = id"), "name, v"))).toBe(
      lines(
        "Project [name#1, v#2]",
        "+- Join Inner, (k#3 = id#4)",
        "   :- StreamingRelation json, [k#3, v#2]",
        "   +- Project [id#4, name#1]",
        "      +- Relation [id#4,name#1,unused#5] json",
      ),
    );
  });

  test("union inputs lose the same columns", async () => {
    expect(await optimized(select(union([ab, read("c INT, d INT")]), "b"))).toBe(
      lines("Union false, false", ":- Project [b#1]", ":  +- Relation [a#2,b#1] json", "+- Project [d#3]", "   +- Relation [c#4,d#3] json"),
    );
  });

  test("an event time that is not selected is still observed", async () => {
    const marked = watermark(withColumns(stream("ts TIMESTAMP, a INT, b INT"), "a + b AS c"), "ts", "1 second");
    expect(await optimized(select(marked, "a"))).toBe(
      lines(
        "Project [a#1]",
        "+- EventTimeWatermark ts#2, 1 second",
        "   +- Project [ts#2, a#1]",
        "      +- StreamingRelation json, [ts#2, a#1, b#3]",
      ),
    );
  });
});

describe("distinct aggregates", () => {
  test("group by their arguments first", async () => {
    expect(await optimized(group(ab, "a", "count(DISTINCT b) AS n"))).toBe(
      lines(
        "Aggregate [a#1], [a#1, count(distinct_0#2) AS n#3L]",
        "+- Aggregate [a#1, distinct_0#2], [a#1, distinct_0#2]",
        "   +- Project [a#1, b#4 AS distinct_0#2]",
        "      +- Relation [a#1,b#4] json",
      ),
    );
  });

  test("beside others are joined on the groups", async () => {
    const text = await optimized(group(ab, "a", "count(*) AS n, count(DISTINCT b) AS d, max(DISTINCT b) AS m"));
    expect(text).toMatch(/Join Inner, \(a#\d+ <=> a#\d+\)/);
    expect(text).not.toContain("DISTINCT");
  });
});

describe("set operations", () => {
  const set = (operation: SetOperation["operation"], isAll: boolean): LogicalPlan => ({
    kind: "set_operation",
    operation,
    isAll,
    allowMissingColumns: false,
    inputs: [ab, read("c INT, d INT")],
  });

  test("become joins and deduplication", async () => {
    expect(await optimized(set("union", false))).toMatch(/^Deduplicate \[a#1, b#2\]\n\+- Union false, false/);
    expect(await optimized(set("intersect", false))).toBe(
      lines(
        "Deduplicate [a#1, b#2]",
        "+- Project [a#3 AS a#1, b#4 AS b#2]",
        "   +- Join LeftSemi, ((a#3 <=> c#5) AND (b#4 <=> d#6))",
        "      :- Relation [a#3,b#4] json",
        "      +- Relation [c#5,d#6] json",
      ),
    );
    expect(await optimized(set("except", false))).toContain("Join LeftAnti");
  });

  test("that keep duplicates are refused", async () => {
    await expect(optimized(set("except", true))).rejects.toMatchObject({ condition: "UNSUPPORTED_FEATURE.NOT_YET" });
  });
});
