import { expect, test } from "vitest";
import { explainPlans, planText } from "../../src/plan/explain.ts";
import { optimize } from "../../src/plan/optimizer/optimizer.ts";
import {
  analyzed,
  contextOf,
  group,
  join,
  limit,
  named,
  read,
  select,
  sort,
  stream,
  union,
  watermark,
  where,
  withColumns,
} from "./fixtures.ts";

const numbered = (text: string): string => {
  const numbers = new Map<string, number>();
  return text.replace(/#(\d+)/g, (_, id: string) => {
    if (!numbers.has(id)) numbers.set(id, numbers.size + 1);
    return `#${numbers.get(id)}`;
  });
};

test("explain shows the four plans of a windowed count", async () => {
  const parsed = where(
    group(watermark(stream("user STRING, ts TIMESTAMP"), "ts", "10 minutes"), "window(ts, '1 minute'), user", "count(*) AS n"),
    "n > 1",
  );
  const resolved = await analyzed(parsed);
  const optimized = optimize(resolved, contextOf());
  expect(numbered(explainPlans({ parsed, analyzed: resolved, optimized, physical: "Stage 0" }, "extended"))).toBe(`\
== Parsed Logical Plan ==
'Filter ('n > 1)
+- 'Aggregate ['window, 'user], ['count(1) AS n]
   +- 'EventTimeWatermark 'ts, 10 minutes
      +- StreamingDataSource json [t], user STRING, ts TIMESTAMP

== Analyzed Logical Plan ==
window: struct<start:timestamp,end:timestamp>, user: string, n: bigint
Filter (n#1L > 1)
+- Aggregate [window#2-T600000ms, user#3], [window#2-T600000ms, user#3, count(1) AS n#1L]
   +- ExpandWindow window#2-T600000ms, ts#4-T600000ms, 60000000us, 60000000us, 0us
      +- EventTimeWatermark ts#4, 10 minutes
         +- StreamingRelation json, [user#3, ts#4]

== Optimized Logical Plan ==
Filter (n#1L > 1)
+- Aggregate [window#2-T600000ms, user#3], [window#2-T600000ms, user#3, count(1) AS n#1L]
   +- ExpandWindow window#2-T600000ms, ts#4-T600000ms, 60000000us, 60000000us, 0us
      +- EventTimeWatermark ts#4, 10 minutes
         +- StreamingRelation json, [user#3, ts#4]

== Physical Plan ==
Stage 0
`);
  expect(explainPlans({ parsed, analyzed: resolved, optimized, physical: "Stage 0" }, "simple")).toBe("== Physical Plan ==\nStage 0\n");
});

test("branches are drawn, unresolved parts are marked", () => {
  const left = named(select(read("a INT"), "a, a + 1"), "l");
  const plan = limit(
    sort(join(left, union([read("a INT"), withColumns(read("a INT"), "1 AS b")], true, true), ["a"], "left_outer"), "a"),
    5,
    2,
  );
  expect(planText(plan)).toBe(`\
'GlobalLimit 5, offset 2
+- 'Sort ['a ASC NULLS FIRST], true
   +- 'Join LeftOuter, using [a]
      :- 'SubqueryAlias l
      :  +- 'Project ['a, unresolvedalias(('a + 1))]
      :     +- DataSource json [t], a INT
      +- 'Union true, true
         :- DataSource json [t], a INT
         +- 'WithColumns [1 AS b]
            +- DataSource json [t], a INT`);
});
