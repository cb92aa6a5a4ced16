/**
 * Joins with static tables and grouping behind them, on random rows, against nested loops in plain TypeScript: duplicates and nulls among the
 * keys, several key columns, all kinds of join, groups by columns of both sides whether they stay as they are or not.
 */
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { printedBy } from "../support/printed.ts";
import { type DataFrame, functions as F, type Row, Session } from "../../src/index.ts";

const spark = await Session.builder().master("local[2]").create();
afterAll(() => spark.stop());

type Left = readonly [key: string | null, number: number | null, value: bigint];
type Right = readonly [key: string | null, number: number | null, name: string | null, place: string | null];
type Joined = readonly [...Left, string | null, string | null];

const LONG = "a rather long text, longer than thirty-two bytes: ";
const key = fc.option(fc.constantFrom("", "a", "b", `${LONG}a`, `${LONG}b`, "ab", "ä"), { nil: null });
const number = fc.option(fc.integer({ min: 0, max: 2 }), { nil: null });
const text = fc.option(fc.constantFrom("", "x", "y", `${LONG}x`, `${LONG}y`), { nil: null });
const left = fc.array(fc.tuple(key, number, fc.bigInt({ min: -5n, max: 5n })), { maxLength: 60 });
const right = fc.array(fc.tuple(key, number, text, text), { maxLength: 12 });
const joinType = fc.constantFrom("inner", "left", "left_semi", "left_anti");

/** What the join must give; a key that is null finds nothing, unless `nullSafe`. */
function nestedLoops(lefts: readonly Left[], rights: readonly Right[], type: string, keys: 1 | 2, nullSafe: boolean): Joined[] {
  const same = (a: string | number | null, b: string | number | null): boolean => a === b && (a !== null || nullSafe);
  return lefts.flatMap((row): Joined[] => {
    const matches = rights.filter((other) => same(row[0], other[0]) && (keys === 1 || same(row[1], other[1])));
    if (type === "left_semi") return matches.length > 0 ? [[...row, null, null]] : [];
    if (type === "left_anti") return matches.length > 0 ? [] : [[...row, null, null]];
    if (type === "left" && matches.length === 0) return [[...row, null, null]];
    return matches.map(([, , x, y]) => [...row, x, y]);
  });
}

const sorted = (rows: readonly unknown[]): string[] =>
  rows.map((row) => JSON.stringify(row, (_, value: unknown) => (typeof value === "bigint" ? `${value}n` : value))).sort();

/** Rows of groups by `by`: keys, count, sum of values, greatest name. */
function groups(rows: readonly Joined[], by: (row: Joined) => readonly (string | number | null)[]): unknown[] {
  const found = new Map<string, { keys: readonly unknown[]; count: bigint; sum: bigint; max: string | null }>();
  for (const row of rows) {
    const keys = by(row);
    const group = found.get(JSON.stringify(keys)) ?? { keys, count: 0n, sum: 0n, max: null };
    group.count++;
    group.sum += row[2];
    if (row[3] !== null && (group.max === null || row[3] > group.max)) group.max = row[3];
    found.set(JSON.stringify(keys), group);
  }
  return [...found.values()].map(({ keys, count, sum, max }) => [...keys, count, sum, max]);
}

const groupings: readonly { columns: readonly (readonly [string, string])[]; by: (row: Joined) => readonly (string | number | null)[] }[] =
  [
    { columns: [["name", "name"]], by: (row) => [row[3]] },
    {
      columns: [
        ["name", "name"],
        ["place", "place"],
      ],
      by: (row) => [row[3], row[4]],
    },
    {
      columns: [
        ["place", "place"],
        ["number", "number"],
        ["key", "key"],
      ],
      by: (row) => [row[4], row[1], row[0]],
    },
    {
      columns: [
        ["upper(name)", "loud"],
        ["place", "place"],
      ],
      by: (row) => [row[3]?.toUpperCase() ?? null, row[4]],
    },
    { columns: [["key", "key"]], by: (row) => [row[0]] },
  ];

test("a join and the groups of its rows are what nested loops give", { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(left, right, joinType, fc.constantFrom(1, 2), fc.boolean(), fc.nat(groupings.length - 1), async (...drawn) => {
      const [lefts, rights, type, keyCount, nullSafe, chosen] = drawn;
      const expected = nestedLoops(lefts, rights, type, keyCount as 1 | 2, nullSafe);
      const events: DataFrame<Row> = spark.createDataFrame(lefts as unknown[][], "key STRING, number INT, value BIGINT");
      const table: DataFrame<Row> = spark.createDataFrame(rights as unknown[][], "k STRING, n INT, name STRING, place STRING");
      const equal = nullSafe ? "<=>" : "=";
      const condition = keyCount === 1 ? `key ${equal} k` : `key ${equal} k AND number ${equal} n`;
      const keepsRight = type === "inner" || type === "left";
      const both = events.join(table, F.expr(condition), type as "inner");
      const joined: DataFrame<Row> = keepsRight
        ? both.select("key", "number", "value", "name", "place")
        : both.selectExpr("key", "number", "value", "CAST(NULL AS STRING) AS name", "CAST(NULL AS STRING) AS place");
      expect(sorted((await joined.collect()).map((row) => Object.values(row)))).toEqual(sorted(expected));
      const { columns, by } = groupings[chosen]!;
      const grouped = joined
        .groupBy(...columns.map(([sql, alias]) => F.expr(sql).as(alias)))
        .agg(F.count("*").as("count"), F.sum("value").as("sum"), F.max("name").as("max"));
      expect(sorted((await grouped.collect()).map((row) => Object.values(row)))).toEqual(sorted(groups(expected, by)));
    }),
    { numRuns: 60 },
  );
});

test("strings of two static tables, some of them equal, are one group where they are equal", async () => {
  const events = spark.createDataFrame(
    Array.from({ length: 100 }, (_, i) => [i % 4, i % 3]),
    "a INT, b INT",
  );
  const names = (id: string, name: string): DataFrame<Row> =>
    spark.createDataFrame(
      [
        [0, `${LONG}same`],
        [1, `${LONG}same`],
        [2, "other"],
        [3, null],
      ],
      `${id} INT, ${name} STRING`,
    );
  const rows = await events
    .join(names("a", "first"), "a")
    .join(names("b", "second"), "b")
    .groupBy("first", "second")
    .agg(F.count("*").as("count"))
    .collect();
  const textOf = (i: number): string | null => [`${LONG}same`, `${LONG}same`, "other", null][i]!;
  const expected = groups(
    Array.from({ length: 100 }, (_, i): Joined => [null, null, 0n, textOf(i % 4), textOf(i % 3)]),
    (row) => [row[3], row[4]],
  ) as unknown[][];
  expect(sorted(rows.map((row) => Object.values(row)))).toEqual(sorted(expected.map(([first, second, count]) => [first, second, count])));
});

test("a static table's column is interned where it is grouped by as it is, and only there", async () => {
  const events = spark.createDataFrame([[1]], "k INT");
  const names = spark.createDataFrame([[1, "x"]], "k INT, name STRING");
  const codeOf = (frame: DataFrame<Row>): Promise<string> => printedBy(() => frame.explain("codegen"));
  const joined = events.join(names, "k");
  expect(await codeOf(joined.select(F.col("name").as("n")).groupBy("n").count())).toContain("$intern_view");
  expect(await codeOf(joined.groupBy(F.upper("name").as("n")).count())).not.toContain("$intern_view");
  expect(await codeOf(joined.groupBy("k").agg(F.max("name")))).not.toContain("$intern_view");
});
