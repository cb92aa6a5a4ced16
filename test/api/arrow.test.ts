/** Arrow results, read back by the Arrow library after a trip through its file format. */
import { tableFromIPC, tableToIPC } from "apache-arrow";
import { expect, test } from "vitest";
import { fakeSession } from "./fake-executor.ts";

test("all types arrive", async () => {
  const { spark, executor } = fakeSession();
  executor.answer(
    "t BOOLEAN, y TINYINT, h SMALLINT, i INT, l BIGINT, f FLOAT, d DOUBLE, s STRING, b BINARY, n DECIMAL(38,2), da DATE, ts TIMESTAMP, " +
      "a ARRAY<STRING>, m MAP<STRING, INT>, st STRUCT<x: INT, y: STRING>",
    [
      true,
      -1,
      300,
      5,
      2n ** 62n,
      0.5,
      0.1,
      "ß😀",
      new Uint8Array([0, 255]),
      -(10n ** 30n),
      19_000,
      1_500_000n,
      ["x", null],
      [["k", 7]],
      [1, "y"],
    ],
    Array.from({ length: 15 }, () => null),
  );
  const table = tableFromIPC(tableToIPC(await spark.range(1).toArrow(), "file"));
  expect(table.schema.fields.map((field) => String(field.type)).slice(9, 12)).toEqual([
    "Decimal[38e+2]",
    "Date32<DAY>",
    "Timestamp<MICROSECOND, UTC>",
  ]);
  const [first, second] = table.toArray().map((row) => row.toJSON());
  expect(first).toMatchObject({ t: true, y: -1, h: 300, i: 5, l: 2n ** 62n, f: 0.5, d: 0.1, s: "ß😀", b: new Uint8Array([0, 255]) });
  const unscaled = new BigInt64Array(new Uint32Array(first!.n).buffer);
  expect((unscaled[1]! << 64n) | BigInt.asUintN(64, unscaled[0]!)).toBe(-(10n ** 30n));
  expect(Number(first!.da)).toBe(19_000 * 86_400_000);
  expect(table.getChild("ts")!.data[0]!.values[0]).toBe(1_500_000n);
  expect(first!.a.toJSON()).toEqual(["x", null]);
  expect(first!.m.toJSON()).toEqual({ k: 7 });
  expect(first!.st.toJSON()).toEqual({ x: 1, y: "y" });
  expect(Object.values(second!)).toEqual(Array.from({ length: 15 }, () => null));
});
