/** `createDataFrame` over Arrow tables: rows are compared with what was put into the vectors. */
import * as arrow from "apache-arrow";
import { describe, expect, test } from "vitest";
import { Decimal, LocalDate, Timestamp, TimestampNtz } from "../../src/index.ts";
import { testSession } from "../support/test-session.ts";

const spark = testSession();

const tableOf = (columns: Readonly<Record<string, arrow.Vector>>): arrow.Table => new arrow.Table(columns);
const vector = (type: arrow.DataType, values: readonly unknown[]): arrow.Vector => arrow.vectorFromArray(values as any[], type);

/** Text that shows types and nested values. */
const shown = (rows: readonly unknown[]): string[] =>
  rows.map((row) =>
    JSON.stringify(row, (_, value: unknown) => (typeof value === "bigint" ? `${value}n` : value instanceof Map ? [...value] : value)),
  );

test("a frame of all types goes to Arrow and comes back", async () => {
  const schema =
    "v VOID, t BOOLEAN, y TINYINT, h SMALLINT, i INT, l BIGINT, f FLOAT, d DOUBLE, s STRING, b BINARY, n DECIMAL(38,2), p DECIMAL(9,3), da DATE, " +
    "ts TIMESTAMP, nt TIMESTAMP_NTZ, iv INTERVAL DAY TO SECOND, ym INTERVAL YEAR TO MONTH, a ARRAY<STRING>, m MAP<STRING, INT>, " +
    "st STRUCT<x: INT, y: ARRAY<STRUCT<z: BIGINT>>>";
  const values = [
    null,
    true,
    -1,
    300,
    -70_000,
    2n ** 62n,
    0.5,
    0.1,
    "ß😀",
    new Uint8Array([0, 255]),
    new Decimal(-(10n ** 30n), 2),
    new Decimal(-1500n, 3),
    LocalDate.parse("1969-12-31"),
    Timestamp.parse("0001-01-01T00:00:00.000001Z"),
    TimestampNtz.parse("9999-12-31T23:59:59.999999"),
    null,
    null,
    ["x", null],
    new Map([["k", 7]]),
    { x: 1, y: [{ z: 2n }, null] },
  ];
  const nulls = values.map(() => null);
  const frame = spark().createDataFrame([values, nulls, values], schema);
  const back = spark().createDataFrame(await frame.toArrow());
  expect(await back.schema()).toEqual(await frame.schema());
  expect(shown(await back.collect())).toEqual(shown(await frame.collect()));
});

test("several chunks, slices of them and dictionaries", async () => {
  const dictionary = arrow.vectorFromArray(["web", "app", null, "web", "app"], new arrow.Dictionary(new arrow.Utf8(), new arrow.Int16()));
  const first = tableOf({
    channel: dictionary,
    n: vector(new arrow.Int32(), [1, null, 3, 4, 5]),
    ok: vector(new arrow.Bool(), [true, false, null, true, false]),
    list: vector(new arrow.List(new arrow.Field("element", new arrow.Int64(), true)), [[1n], [], null, [2n, null], [3n, 4n, 5n]]),
    pair: vector(new arrow.FixedSizeList(2, new arrow.Field("element", new arrow.Int8(), true)), [[1, 2], [3, 4], null, [5, 6], [7, 8]]),
    inner: vector(new arrow.Struct([new arrow.Field("a", new arrow.Utf8(), true)]), [
      { a: "p" },
      null,
      { a: null },
      { a: "q" },
      { a: "r" },
    ]),
  });
  const expected = [
    { channel: "web", n: 1, ok: true, list: [1n], pair: [1, 2], inner: { a: "p" } },
    { channel: "app", n: null, ok: false, list: [], pair: [3, 4], inner: null },
    { channel: null, n: 3, ok: null, list: null, pair: null, inner: { a: null } },
    { channel: "web", n: 4, ok: true, list: [2n, null], pair: [5, 6], inner: { a: "q" } },
    { channel: "app", n: 5, ok: false, list: [3n, 4n, 5n], pair: [7, 8], inner: { a: "r" } },
  ];
  for (const table of [first, arrow.tableFromIPC(arrow.tableToIPC(first))]) {
    expect(await spark().createDataFrame(table).collect()).toEqual(expected);
    const chunks = table.slice(1, 3).concat(table.slice(4)).concat(table.slice(0, 0)).concat(table);
    expect(chunks.batches.length).toBeGreaterThan(2);
    expect(await spark().createDataFrame(chunks).collect()).toEqual([...expected.slice(1, 3), expected[4], ...expected]);
  }
  expect(await spark().createDataFrame(first.slice(0, 0)).collect()).toEqual([]);
  expect(await spark().createDataFrame(first).groupBy("channel").count().orderBy("channel").collect()).toEqual([
    { channel: null, count: 1n },
    { channel: "app", count: 2n },
    { channel: "web", count: 2n },
  ]);
});

describe("times of every unit", () => {
  const raw = (type: arrow.DataType, values: BigInt64Array): arrow.Table =>
    new arrow.Table({
      x: new arrow.Vector([arrow.makeData({ type: type as arrow.TimestampSecond, length: values.length, data: values } as any)]),
    });
  test.each([
    ["seconds", new arrow.TimestampSecond("Europe/Berlin"), [0n, -1n], [0n, -1_000_000n]],
    ["milliseconds", new arrow.TimestampMillisecond("UTC"), [1n, -1n], [1000n, -1000n]],
    ["microseconds", new arrow.TimestampMicrosecond("UTC"), [1n, -(2n ** 62n)], [1n, -(2n ** 62n)]],
    ["nanoseconds", new arrow.TimestampNanosecond("UTC"), [1000n, -5000n], [1n, -5n]],
  ])("%s", async (_unit, type, values, micros) => {
    const rows = await spark()
      .createDataFrame(raw(type, BigInt64Array.from(values)))
      .collect();
    expect(rows.map(({ x }) => (x as Timestamp).epochMicros)).toEqual(micros);
  });
  test("without a zone, dates in milliseconds, and nanoseconds that microseconds cannot tell", async () => {
    const local = await spark()
      .createDataFrame(raw(new arrow.TimestampMillisecond(), BigInt64Array.of(1500n)))
      .collect();
    expect(local).toEqual([{ x: TimestampNtz.parse("1970-01-01T00:00:01.5") }]);
    const dates = await spark()
      .createDataFrame(raw(new arrow.DateMillisecond(), BigInt64Array.of(86_400_000n, -1n)))
      .collect();
    expect(dates).toEqual([{ x: LocalDate.parse("1970-01-02") }, { x: LocalDate.parse("1969-12-31") }]);
    const nanos = raw(new arrow.TimestampNanosecond("UTC"), BigInt64Array.of(1n));
    expect(() => spark().createDataFrame(nanos)).toThrow(/UNSUPPORTED_ARROWTYPE.*column x with a value of 1/);
  });
});

test("a schema gives names and what may be null, with the table's types", async () => {
  const table = tableOf({ a: vector(new arrow.Int32(), [1, 2]), b: vector(new arrow.Utf8(), ["x", null]) });
  expect(await spark().createDataFrame(table, "k INT, s STRING").collect()).toEqual([
    { k: 1, s: "x" },
    { k: 2, s: null },
  ]);
  for (const [schema, condition] of [
    ["k BIGINT, s STRING", "INVALID_EXTERNAL_TYPE"],
    ["k INT", "INVALID_EXTERNAL_TYPE"],
    ["k INT, s STRING NOT NULL", "NOT_NULL_ASSERT_VIOLATION"],
  ] as const)
    expect(() => spark().createDataFrame(table, schema)).toThrow(condition);
});

test.each([
  ["Uint32", vector(new arrow.Uint32(), [1])],
  ["Float16", vector(new arrow.Float16(), [1])],
  ["Time64", vector(new arrow.TimeMicrosecond(), [1n])],
])("%s is refused with the path of its column", (name, values) => {
  const inside = new arrow.Vector([
    arrow.makeData({
      type: new arrow.Struct([new arrow.Field("deep", values.type, true)]),
      length: 1,
      nullCount: 0,
      children: [values.data[0]!],
    }),
  ]);
  expect(() => spark().createDataFrame(tableOf({ plain: values }))).toThrow(new RegExp(`UNSUPPORTED_ARROWTYPE.*${name}.* of column plain`));
  expect(() => spark().createDataFrame(tableOf({ outer: inside }))).toThrow(new RegExp(`${name}.* of column outer.deep`));
});
