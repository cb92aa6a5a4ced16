/** Row values and conversions. Expected texts are ISO 8601 and Spark's casts. */
import { inspect } from "node:util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { rowDecoder, rowToEngine, toEngine } from "../../src/columnar/row.ts";
import { decodeColumnBatch, encodeColumnBatch } from "../../src/columnar/column-batch.ts";
import { Decimal, LocalDate, Timestamp, TimestampNtz } from "../../src/index.ts";
import { parseDataType, parseSchema } from "../../src/sql/parser.ts";

describe("Timestamp", () => {
  test("text", () => {
    expect(String(new Timestamp(0n))).toBe("1970-01-01T00:00:00.000Z");
    expect(String(new Timestamp(-1n))).toBe("1969-12-31T23:59:59.999999Z");
    expect(String(new Timestamp(1_700_000_000_123_000n))).toBe(new Date(1_700_000_000_123).toISOString());
    expect(JSON.stringify({ at: new Timestamp(0n) })).toBe('{"at":"1970-01-01T00:00:00.000Z"}');
    expect(Timestamp.parse("2024-01-31T10:00:00.123456+01:00").epochMicros).toBe(BigInt(Date.UTC(2024, 0, 31, 9)) * 1000n + 123_456n);
    expect(() => Timestamp.parse("soon")).toThrow(expect.objectContaining({ condition: "CAST_INVALID_INPUT" }));
  });
  test("agrees with Date where Date can", () => {
    fc.assert(
      fc.property(fc.date({ min: new Date("0001-01-01"), max: new Date("9999-12-31"), noInvalidDate: true }), (date) => {
        expect(String(Timestamp.fromDate(date))).toBe(date.toISOString());
        expect(Timestamp.parse(date.toISOString()).toDate()).toEqual(date);
        const day = new LocalDate(Math.floor(date.getTime() / 86_400_000));
        expect(String(day)).toBe(date.toISOString().slice(0, 10));
        expect([day.year, day.month, day.day]).toEqual([date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()]);
      }),
    );
  });
  test("order and equality", () => {
    expect(new Timestamp(1n) < new Timestamp(2n)).toBe(true);
    expect(new Timestamp(1n).equals(new Timestamp(1n))).toBe(true);
    expect(new Timestamp(-1500n).toDate().getTime()).toBe(-2);
  });
});

test("TimestampNtz and LocalDate", () => {
  expect(String(TimestampNtz.parse("2024-01-31 10:00:00.5"))).toBe("2024-01-31T10:00:00.500");
  expect(LocalDate.parse("2024-02-29").epochDays).toBe(Date.UTC(2024, 1, 29) / 86_400_000);
  expect(() => LocalDate.of(2023, 2, 29)).toThrow(expect.objectContaining({ condition: "CAST_INVALID_INPUT" }));
});

test("Decimal", () => {
  expect(String(new Decimal(-5n, 2))).toBe("-0.05");
  expect(String(Decimal.parse("1.50"))).toBe("1.50");
  expect(String(Decimal.parse("1e3"))).toBe("1000");
  expect(Decimal.parse("1.5").equals(Decimal.parse("1.50"))).toBe(true);
  expect(Decimal.parse("-2").compare(Decimal.parse("1.99"))).toBeLessThan(0);
  expect(Decimal.parse("0.1").toNumber()).toBe(0.1);
  expect(inspect({ n: Decimal.parse("0.10"), d: LocalDate.parse("2024-02-29") })).toBe("{ n: Decimal(0.10), d: LocalDate(2024-02-29) }");
});

test("rows keep the order and the names of columns, whatever they are", () => {
  const schema = parseSchema("b INT, `__proto__` STRING, constructor INT, `a.b c` INT");
  const row = rowDecoder(schema)([1, "x", 2, null]);
  expect(Object.keys(row)).toEqual(["b", "__proto__", "constructor", "a.b c"]);
  expect(Object.getPrototypeOf(row)).toBe(Object.prototype);
  expect(Object.getOwnPropertyDescriptor(row, "__proto__")!.value).toBe("x");
  expect(rowToEngine(row, schema)).toEqual([1, "x", 2, null]);
});

test("all types there and back", () => {
  const schema = parseSchema(
    "t BOOLEAN, y TINYINT, i INT, l BIGINT, d DOUBLE, s STRING, b BINARY, n DECIMAL(20,2), da DATE, ts TIMESTAMP, nt TIMESTAMP_NTZ, " +
      "a ARRAY<DATE>, m MAP<STRING, DECIMAL(4,1)>, st STRUCT<x: INT, y: STRUCT<z: TIMESTAMP>>, nu INT",
  );
  const row = {
    t: true,
    y: -128,
    i: 2 ** 31 - 1,
    l: 2n ** 63n - 1n,
    d: 0.1,
    s: "ß😀",
    b: new Uint8Array([1, 2]),
    n: Decimal.parse("123456789012345678.90"),
    da: LocalDate.parse("2024-01-31"),
    ts: Timestamp.parse("2024-01-31T00:00:00.000001Z"),
    nt: TimestampNtz.parse("2024-01-31T00:00:00"),
    a: [LocalDate.parse("2024-01-31"), null],
    m: new Map([["k", Decimal.parse("1.5")]]),
    st: { x: 1, y: { z: Timestamp.parse("1970-01-01T00:00:00Z") } },
    nu: null,
  };
  const values = rowToEngine(row, schema);
  const [decoded] = decodeColumnBatch(schema, encodeColumnBatch(schema, [values]));
  expect(rowDecoder(schema)(decoded!)).toEqual(row);
});

describe("inputs", () => {
  test.each<[string, unknown, unknown]>([
    ["BIGINT", 5, 5n],
    ["INT", 5n, 5],
    ["FLOAT", 0.1, Math.fround(0.1)],
    ["TIMESTAMP", new Date(5), 5000n],
    ["TIMESTAMP", "1970-01-01 00:00:01", 1_000_000n],
    ["DATE", "1970-01-02", 1],
    ["DECIMAL(5,2)", 1.5, 150n],
    ["DECIMAL(5,2)", "1.5", 150n],
    ["DECIMAL(5,2)", Decimal.parse("1.500"), 150n],
    ["DECIMAL(5,2)", 7n, 700n],
    ["MAP<STRING, INT>", { a: 1 }, [["a", 1]]],
    ["STRUCT<a: INT, b: INT>", { b: 2 }, [null, 2]],
  ])("%s takes %s", (type, value, expected) => expect(toEngine(value, parseDataType(type), "c")).toEqual(expected));

  test.each<[string, unknown]>([
    ["INT", 1.5],
    ["INT", 2 ** 31],
    ["INT", "1"],
    ["BIGINT", 2 ** 53],
    ["BIGINT", 2n ** 63n],
    ["TINYINT", 128],
    ["STRING", 1],
    ["BOOLEAN", 1],
    ["DECIMAL(3,2)", 10],
    ["DECIMAL(3,2)", 1.005],
    ["TIMESTAMP", "soon"],
    ["TIMESTAMP", new Date(Number.NaN)],
    ["TIMESTAMP", 5],
    ["DATE", "2023-02-29"],
    ["ARRAY<INT>", "x"],
  ])("%s refuses %s", (type, value) => {
    expect(() => toEngine(value, parseDataType(type), "c")).toThrow(expect.objectContaining({ condition: "INVALID_EXTERNAL_TYPE" }));
  });

  test("rows that do not fit", () => {
    const schema = parseSchema("a INT NOT NULL, b INT");
    expect(() => rowToEngine({ b: 1 }, schema)).toThrow(expect.objectContaining({ condition: "NOT_NULL_ASSERT_VIOLATION" }));
    expect(() => rowToEngine({ a: 1, c: 1 }, schema)).toThrow(expect.objectContaining({ condition: "FIELD_NOT_FOUND" }));
    expect(() => rowToEngine([1], schema)).toThrow(expect.objectContaining({ condition: "AXIS_LENGTH_MISMATCH" }));
    expect(rowToEngine(7, parseSchema("a INT"))).toEqual([7]);
  });
});
