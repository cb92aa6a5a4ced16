/** Optimized plans give the rows of the plans they came from: random plans over small tables, both run by a plain evaluator. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { evaluate } from "../../../src/compile/interpreter.ts";
import type { Value } from "../../../src/columnar/values.ts";
import { functionRegistry } from "../../../src/functions/registry.ts";
import type { Expression } from "../../../src/plan/expr/expression.ts";
import { typeOf } from "../../../src/plan/expr/expression-type.ts";
import type { JoinType, LogicalPlan } from "../../../src/plan/logical/nodes.ts";
import { outputOf } from "../../../src/plan/logical/output.ts";
import { optimize } from "../../../src/plan/optimizer/optimizer.ts";
import { analyzed, contextOf, distinct, group, join, named, read, select, union, where, withColumns } from "../fixtures.ts";

type Row = ReadonlyMap<number, Value>;
type Tables = Readonly<Record<string, readonly (readonly Value[])[]>>;

const valueOf = (expression: Expression, row: Row): Value =>
  evaluate(expression, (id) => row.get(id)!, functionRegistry, { batchTimestampMicros: 0n, timeZone: "UTC" });
const keyOf = (values: readonly Value[]): string =>
  JSON.stringify(values, (_, value: unknown) => (typeof value === "bigint" ? `${value}n` : value));

/** Rows of a plan, nested loops all the way. */
function run(plan: LogicalPlan, tables: Tables): Row[] {
  const ids = outputOf(plan).map((attribute) => attribute.id);
  switch (plan.kind) {
    case "relation":
      return tables[plan.read.paths[0]!]!.map((values) => new Map(values.map((value, index) => [ids[index]!, value])));
    case "subquery_alias":
      return run(plan.child, tables);
    case "filter":
      return run(plan.child, tables).filter((row) => valueOf(plan.condition, row) === true);
    case "project":
      return run(plan.child, tables).map((row) => new Map(plan.expressions.map((column, index) => [ids[index]!, valueOf(column, row)])));
    case "set_operation":
      return plan.inputs.flatMap((input) => {
        const from = outputOf(input).map((attribute) => attribute.id);
        return run(input, tables).map((row) => new Map(ids.map((id, index) => [id, row.get(from[index]!)!])));
      });
    case "deduplicate": {
      const keys = plan.columns.map((column) => (column as { id: number }).id);
      const seen = new Map(run(plan.child, tables).map((row) => [keyOf(keys.map((key) => row.get(key)!)), row]));
      return [...seen.values()];
    }
    case "aggregate": {
      const keys = plan.grouping.map((column) => (column as { id: number }).id);
      const groups = new Map<string, Row[]>();
      for (const row of run(plan.child, tables)) {
        const key = keyOf(keys.map((id) => row.get(id)!));
        groups.set(key, [...(groups.get(key) ?? []), row]);
      }
      if (keys.length === 0 && groups.size === 0) groups.set("", []);
      return [...groups.values()].map((rows) => new Map(plan.results.map((result, index) => [ids[index]!, aggregated(result, rows)])));
    }
    case "join": {
      const right = run(plan.right, tables);
      const nulls: Row = new Map(outputOf(plan.right).map((attribute) => [attribute.id, null]));
      return run(plan.left, tables).flatMap((left): Row[] => {
        const matches = right
          .map((row) => new Map([...left, ...row]))
          .filter((row) => plan.condition === null || valueOf(plan.condition, row) === true);
        if (plan.joinType === "left_semi") return matches.length > 0 ? [left] : [];
        if (plan.joinType === "left_anti") return matches.length > 0 ? [] : [left];
        return matches.length === 0 && plan.joinType === "left_outer" ? [new Map([...left, ...nulls])] : matches;
      });
    }
    default:
      throw new Error(`the test does not run ${plan.kind}`);
  }
}

function aggregated(result: Expression, rows: readonly Row[]): Value {
  if (result.kind === "attribute") return rows[0]!.get(result.id)!;
  const aggregate = (result as { child: Expression }).child;
  if (aggregate.kind !== "aggregate_call") return valueOf(aggregate, rows[0]!);
  const definition = functionRegistry.aggregate(aggregate.name);
  const types = aggregate.args.map(typeOf);
  const oracle = definition.oracle(types, aggregate.dataType, { ignoreNulls: false });
  const argsOf = (row: Row): Value[] => aggregate.args.map((arg) => valueOf(arg, row));
  const passing = rows.filter((row) => aggregate.filter === null || valueOf(aggregate.filter, row) === true);
  const counted = aggregate.isDistinct ? [...new Map(passing.map((row) => [keyOf(argsOf(row)), row])).values()] : passing;
  const state = counted.reduce<unknown>((current, row) => oracle.update(current, argsOf(row)), oracle.initial());
  return oracle.evaluate(state);
}

const rowsOf = (plan: LogicalPlan, tables: Tables): string[] => {
  const ids = outputOf(plan).map((attribute) => attribute.id);
  return run(plan, tables)
    .map((row) => keyOf(ids.map((id) => row.get(id)!)))
    .sort();
};

// Every frame has the columns a and b of type INT, so that any operator fits on any other.
const condition = fc.constantFrom(
  "a > 1",
  "b < 2",
  "a = b",
  "a IS NULL",
  "b IS NOT NULL OR a > 0",
  "NOT (a > b)",
  "1 = 1 AND a <= 2",
  "a IN (0, 2)",
);
const list = fc.constantFrom(
  "a, b",
  "b AS a, a AS b",
  "a + 1 AS a, b",
  "a + b AS a, a AS b",
  "coalesce(a, b) AS a, 1 AS b",
  "a, CASE WHEN b > 1 THEN a ELSE b END AS b",
);
const distinctResults = fc.constantFrom(
  "count(DISTINCT b) AS n, count(*) AS m",
  "count(DISTINCT b) FILTER (WHERE a > 1) AS n, max(DISTINCT b) AS m",
  "count(DISTINCT a) AS n, count(DISTINCT a, b) AS m",
  "count(DISTINCT b) AS n, count(DISTINCT b) + 1 AS m",
);
const joinTypes = fc.constantFrom<JoinType>("inner", "left_outer", "left_semi", "left_anti");
const joinConditions = fc.constantFrom("l.a = r.a", "l.a = r.a AND l.b > 1", "l.a = r.b AND r.b < 2", "l.a <=> r.a AND l.b < r.b");

const { plan: plans } = fc.letrec<{ plan: LogicalPlan }>((tie) => ({
  plan: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom("t", "u").map((table) => read("a INT, b INT", false, table)),
    fc.tuple(tie("plan"), condition).map(([child, text]) => where(child, text)),
    fc.tuple(tie("plan"), list).map(([child, text]) => select(child, text)),
    fc.tuple(tie("plan"), list).map(([child]) => withColumns(child, "a * 2 AS b")),
    fc.tuple(tie("plan"), tie("plan")).map(([left, right]) => union([left, right])),
    tie("plan").map((child) => select(group(child, "a", "max(b) AS b, count(*) AS n"), "a, b")),
    fc
      .tuple(tie("plan"), distinctResults, fc.constantFrom("a", ""))
      .map(([child, results, key]) => select(group(child, key, results), key === "" ? "n AS a, m AS b" : "a, n + m AS b"))
      .map((child) => select(child, "CAST(a AS INT) AS a, CAST(b AS INT) AS b")),
    tie("plan").map((child) => distinct(child)),
    fc
      .tuple(tie("plan"), tie("plan"), joinTypes, joinConditions)
      .map(([left, right, type, on]) =>
        select(
          join(named(left, "l"), named(right, "r"), on, type),
          type === "left_semi" || type === "left_anti" ? "a, b" : "l.a AS a, r.b AS b",
        ),
      ),
  ),
}));
const cell = fc.option(fc.integer({ min: 0, max: 3 }), { nil: null });
const table = fc.array(fc.tuple(cell, cell), { maxLength: 5 });

test("optimized plans give the same rows", async () => {
  await fc.assert(
    fc.asyncProperty(plans, condition, table, table, async (plan, text, t, u) => {
      const resolved = await analyzed(where(plan, text));
      expect(rowsOf(optimize(resolved, contextOf()), { t, u })).toEqual(rowsOf(resolved, { t, u }));
    }),
    { numRuns: 400 },
  );
});
