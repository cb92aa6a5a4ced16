/**
 * Aggregates whose groups are windows, or all rows: generated code keeps a run of rows in locals and looks for the rows that `max_by` takes over.
 * Answers equal those of the aggregates' plain definitions, row by row, over random rows whose times go to and fro.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { type DataType, DoubleType, LongType, StringType } from "../../src/columnar/types.ts";
import type { Value } from "../../src/columnar/values.ts";
import { functionRegistry } from "../../src/functions/registry.ts";
import { functions as F } from "../../src/index.ts";
import { MemoryStream } from "../../src/connectors/memory/memory-stream.ts";
import { localExecutor } from "../../src/testing/memory-input.ts";
import { parseSchema } from "../../src/sql/parser.ts";
import { testSession } from "../support/test-session.ts";

const spark = testSession();
const numRuns = process.env["MILLRACE_LONG"] ? 1000 : 40;

interface Row {
  readonly t: bigint | null;
  readonly v: bigint | null;
  readonly d: number | null;
  readonly s: string | null;
}

interface Case {
  readonly sql: string;
  readonly types: readonly DataType[];
  readonly args: (row: Row) => readonly Value[];
  readonly keeps?: (row: Row) => boolean;
}

const tripled = ({ v }: Row): bigint | null => (v === null ? null : v * 3n - 1n);
const isEven = ({ v }: Row): boolean => v !== null && v % 2n === 0n;
const L = LongType;

const CASES: readonly Case[] = [
  { sql: "count(v)", types: [L], args: ({ v }) => [v] },
  { sql: "sum(v)", types: [L], args: ({ v }) => [v] },
  { sql: "avg(v)", types: [L], args: ({ v }) => [v] },
  { sql: "sum(d)", types: [DoubleType], args: ({ d }) => [d] },
  ...["min", "max"].flatMap((name): Case[] => [
    { sql: `${name}(v)`, types: [L], args: ({ v }) => [v] },
    { sql: `${name}(d)`, types: [DoubleType], args: ({ d }) => [d] },
    { sql: `${name}(s)`, types: [StringType], args: ({ s }) => [s] },
    { sql: `${name}_by(v, d)`, types: [L, DoubleType], args: ({ v, d }) => [v, d] },
    { sql: `${name}_by(s, d)`, types: [StringType, DoubleType], args: ({ s, d }) => [s, d] },
    { sql: `${name}_by(t, v * 3 - 1)`, types: [L, L], args: (row) => [row.t, tripled(row)] },
    { sql: `${name}_by(s, v * 3 - 1)`, types: [StringType, L], args: (row) => [row.s, tripled(row)] },
    { sql: `${name}_by(d, s)`, types: [DoubleType, StringType], args: ({ d, s }) => [d, s] },
    { sql: `${name}_by(t, CAST(v AS DECIMAL(30, 2)))`, types: [L, L], args: ({ t, v }) => [t, v] },
    { sql: `${name}_by(t, nullif(v, 3))`, types: [L, L], args: ({ t, v }) => [t, v === 3n ? null : v] },
    { sql: `${name}_by(v * 3 - 1, d)`, types: [L, DoubleType], args: (row) => [tripled(row), row.d] },
    { sql: `${name}_by(v, d) FILTER (WHERE v % 2 = 0)`, types: [L, DoubleType], args: ({ v, d }) => [v, d], keeps: isEven },
  ]),
  { sql: "sum(v) FILTER (WHERE v % 2 = 0)", types: [L], args: ({ v }) => [v], keeps: isEven },
  { sql: "first(v)", types: [L], args: ({ v }) => [v] },
  { sql: "last(s)", types: [StringType], args: ({ s }) => [s] },
];

const SECOND = 1_000_000n;
const maybe = <T>(values: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(values, { freq: 6 });
const row: fc.Arbitrary<Row> = fc.record({
  t: maybe(fc.bigInt({ min: -25n * SECOND, max: 25n * SECOND })),
  v: maybe(fc.bigInt({ min: -9n, max: 9n })),
  d: maybe(fc.oneof(fc.constantFrom(NaN, 0, -0, Infinity, -Infinity), fc.integer({ min: -4, max: 4 }))),
  s: maybe(fc.oneof(fc.constantFrom("", "a", "b"), fc.string({ minLength: 13, maxLength: 20 }))),
});
/** In order of time, and not; in many windows and few; with nulls and without; few of some rows, enough for several blocks of others. */
const rows = fc
  .record({
    some: fc.array(row, { maxLength: 60 }),
    isOrdered: fc.boolean(),
    copies: fc.constantFrom(1, 1, 1, 400),
    times: fc.constantFrom(1n, 1n, 10n),
    hasNulls: fc.boolean(),
  })
  .map(({ some, isOrdered, copies, times, hasNulls }): Row[] => {
    const known = ({ t, v, d, s }: Row): Row => (hasNulls ? { t, v, d, s } : { t: t ?? 5n, v: v ?? 3n, d: d ?? NaN, s: s ?? "c" });
    const near = some.map(known).map((each) => ({ ...each, t: each.t === null ? null : each.t / times }));
    const all = Array.from({ length: copies }, () => near).flat();
    return isOrdered ? all.toSorted((a, b) => Number((a.t ?? 0n) - (b.t ?? 0n))) : all;
  });

const floor = (value: bigint, size: bigint): bigint => value - (((value % size) + size) % size);

const GROUPINGS = {
  "all rows": { window: null, startsOf: (): bigint[] => [0n] },
  "tumbling windows": { window: "10 seconds", slide: "10 seconds", startsOf: (t: bigint): bigint[] => [floor(t, 10n * SECOND)] },
  "sliding windows": {
    window: "10 seconds",
    slide: "5 seconds",
    startsOf: (t: bigint): bigint[] => [0n, 1n].map((k) => floor(t, 5n * SECOND) - k * 5n * SECOND),
  },
} as const;

/** What the oracles say, per group. */
function expectedOf(data: readonly Row[], startsOf: (t: bigint) => readonly bigint[], cases: readonly Case[]): Map<bigint, Value[]> {
  const groups = new Map<bigint, Row[]>();
  for (const each of data)
    for (const start of each.t === null ? [] : startsOf(each.t)) {
      const group = groups.get(start);
      if (group) group.push(each);
      else groups.set(start, [each]);
    }
  const answer = ({ sql, types, args, keeps }: Case, group: readonly Row[]): Value => {
    const aggregate = functionRegistry.aggregate(sql.slice(0, sql.indexOf("(")));
    const infos = types.map((dataType) => ({ dataType, nullable: true, sql: "x" }));
    const { argumentTypes, returnType } = aggregate.resolve(infos, { ignoreNulls: false });
    const oracle = aggregate.oracle(argumentTypes, returnType, { ignoreNulls: false });
    const state = group
      .filter((each) => keeps?.(each) ?? true)
      .reduce((before, each) => oracle.update(before, args(each)), oracle.initial());
    return oracle.evaluate(state);
  };
  return new Map([...groups].map(([start, group]) => [start, cases.map((each) => answer(each, group))]));
}

test.each(Object.keys(GROUPINGS) as (keyof typeof GROUPINGS)[])("aggregates of %s", async (name) => {
  const grouping = GROUPINGS[name];
  // Where panes are merged, order does not hold.
  const cases = CASES.filter(({ sql }) => name !== "sliding windows" || !/^(first|last|sum\(d|m.._by)/.test(sql));
  const aggregates = cases.map(({ sql }, index) => F.expr(sql).as(`c${index}`));
  await fc.assert(
    fc.asyncProperty(rows, async (data) => {
      const timed = data.filter(({ t }) => t !== null);
      if (timed.length === 0) return;
      const frame = spark()
        .createDataFrame(
          data.map(({ t, v, d, s }) => [t, v, d, s]),
          "t BIGINT, v BIGINT, d DOUBLE, s STRING",
        )
        .withColumn("time", F.expr("timestamp_micros(t)"));
      const grouped =
        grouping.window === null
          ? frame.filter("t IS NOT NULL").agg(F.lit(0n).as("start"), ...aggregates)
          : frame
              .groupBy(F.window(F.col("time"), grouping.window, grouping.slide))
              .agg(...aggregates)
              .withColumn("start", F.expr("unix_micros(window.start)"));
      const found = await grouped.collect();
      // Of 0.0 and -0.0, which are equal, the first one stays.
      const known = (value: Value): Value => (name === "sliding windows" && value === 0 ? 0 : value);
      const answers = new Map(found.map((each) => [each["start"] as bigint, cases.map((_, index) => known(each[`c${index}`] as Value))]));
      const expected = [...expectedOf(timed, grouping.startsOf, cases)].map(([start, values]) => [start, values.map(known)] as const);
      expect(answers).toEqual(new Map(expected));
    }),
    { numRuns },
  );
});

test.each([
  ["tumbling windows", "true", ""],
  ["tumbling windows", "true", "nullif"],
  ["tumbling windows", "unix_micros(time) % 7 != 3", ""],
  ["sliding windows", "true", ""],
] as const)(
  "aggregates of %s of a stream where %s: rows of a block that are known to be of one window %s",
  async (name, condition, part) => {
    const { window, slide, startsOf } = GROUPINGS[name];
    const cases = CASES.filter(({ sql }) => sql.includes(part) && (name !== "sliding windows" || !/^(first|last|sum\(d|m.._by)/.test(sql)));
    const aggregates = cases.map(({ sql }, index) => F.expr(sql).as(`c${index}`));
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(rows, async (data) => {
        const table = `runs_${name.slice(0, 7)}_${condition === "true"}_${part}_${runs++}`;
        const stream = new MemoryStream(parseSchema("time TIMESTAMP, v BIGINT, d DOUBLE, s STRING, t BIGINT"));
        stream.addData(data.map(({ t, v, d, s }) => [t, v, d, s, t]));
        const query = await spark()
          .readStream.format("memory")
          .option("stream", localExecutor(spark().executor).addMemoryStream(stream))
          .load()
          .withWatermark("time", "1 hour")
          .filter(condition)
          .groupBy(F.window(F.col("time"), window, slide))
          .agg(...aggregates)
          .writeStream.format("memory")
          .outputMode("update")
          .queryName(table)
          .start();
        await query.processAllAvailable();
        await query.stop();
        const found = await spark().table(table).withColumn("start", F.expr("unix_micros(window.start)")).collect();
        const known = (value: Value): Value => (name === "sliding windows" && value === 0 ? 0 : value);
        const answers = new Map(found.map((each) => [each["start"] as bigint, cases.map((_, index) => known(each[`c${index}`] as Value))]));
        const kept = condition === "true" ? data : data.filter(({ t }) => t !== null && t % 7n !== 3n);
        const expected = [...expectedOf(kept, startsOf, cases)].map(([start, values]) => [start, values.map(known)] as const);
        expect(answers).toEqual(new Map(expected));
      }),
      { numRuns: numRuns / 2, examples: [[[3n, -5n, -7n].map((v, t) => ({ t: BigInt(t), v, d: 1, s: "a" }))]] },
    );
  },
);
