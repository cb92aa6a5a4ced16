/**
 * Groups of time windows, whose rows mostly follow each other, and aggregates that mostly keep what they have: the row found for the last keys is
 * tried first, and what has not changed is not written. Rows in order, out of order and of no window at all, beside loops over the same rows.
 */
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { functions as F, Session } from "../../src/index.ts";

let session: Session;
beforeAll(async () => {
  session = await Session.builder().master("local[1]").config("spark.sql.session.timeZone", "UTC").create();
});
afterAll(() => session.stop());

interface Row {
  readonly second: number | null;
  readonly v: number | null;
  readonly d: number | null;
  readonly o: bigint | null;
}

const row: fc.Arbitrary<Row> = fc.record({
  second: fc.option(fc.integer({ min: -40, max: 60 }), { freq: 12 }),
  v: fc.option(fc.integer({ min: -3, max: 3 }), { freq: 3 }),
  d: fc.option(fc.constantFrom(-1.5, 0, 2.25, Number.NaN, Number.NEGATIVE_INFINITY), { freq: 3 }),
  o: fc.option(fc.bigInt({ min: -3n, max: 3n }), { freq: 3 }),
});

/** Not a number is the greatest double. */
const isLess = <T extends number | bigint>(a: T, b: T): boolean => a < b || (Number.isNaN(b) && !Number.isNaN(a));
const best = <T extends number | bigint>(values: readonly (T | null)[], isBetter: (a: T, b: T) => boolean): T | null =>
  values.reduce((kept, value) => (value !== null && (kept === null || isBetter(value, kept)) ? value : kept), null);

function expected(rows: readonly Row[]): unknown[] {
  const greatestOrder = best<bigint>(
    rows.map(({ o }) => o),
    (a, b) => a > b,
  );
  const leastOrder = best<bigint>(
    rows.map(({ o }) => o),
    (a, b) => a < b,
  );
  // Of equal orderings the later row counts.
  const valueAt = (order: bigint | null): number | null => (order === null ? null : (rows.findLast(({ o }) => o === order)?.v ?? null));
  return [
    BigInt(rows.length),
    best<number>(
      rows.map(({ v }) => v),
      (a, b) => a > b,
    ),
    best<number>(
      rows.map(({ d }) => d),
      isLess,
    ),
    best<number>(
      rows.map(({ d }) => d),
      (a, b) => isLess(b, a),
    ),
    valueAt(greatestOrder),
    valueAt(leastOrder),
  ];
}

const aggregates = () => [
  F.count("*").as("n"),
  F.max("v"),
  F.min("d"),
  F.max("d"),
  F.expr("max_by(v, o)").as("latest"),
  F.expr("min_by(v, o)").as("first"),
];
const names = ["n", "max(v)", "min(d)", "max(d)", "latest", "first"];

test("windows, and no groups at all", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 60 }), fc.boolean(), async (made, isSorted) => {
      const rows = isSorted ? made.toSorted((a, b) => (a.second ?? 99) - (b.second ?? 99)) : made;
      const frame = session
        .createDataFrame(
          rows.map(({ second, v, d, o }) => [second === null ? null : BigInt(second), v, d, o]),
          "second BIGINT, v INT, d DOUBLE, o BIGINT",
        )
        .withColumn("at", F.expr("timestamp_seconds(second)"));
      const [all] = await frame.agg(...aggregates()).collect();
      expect(names.map((name) => (all as Record<string, unknown>)[name])).toEqual(expected(rows));
      const grouped = await frame
        .groupBy(F.window(F.col("at"), "10 seconds"))
        .agg(...aggregates())
        .withColumn("start", F.expr("unix_seconds(window.start)"))
        .collect();
      const windows = new Map<number, Row[]>();
      for (const each of rows) {
        if (each.second === null) continue;
        const start = Math.floor(each.second / 10) * 10;
        windows.set(start, [...(windows.get(start) ?? []), each]);
      }
      const found = new Map(
        (grouped as Record<string, unknown>[]).map((group) => [Number(group["start"]), names.map((name) => group[name])]),
      );
      expect(found).toEqual(new Map([...windows].map(([start, inside]) => [start, expected(inside)])));
    }),
    { numRuns: 40, seed: 11 },
  );
});
