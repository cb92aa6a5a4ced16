/** Flat Parquet files as we write them, read by parquet-wasm, DuckDB and ourselves. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { ARENA_BLOCK, ARENA_SPLIT } from "../../src/columnar/memory-layout.ts";
import {
  BinaryType,
  BooleanType,
  ByteType,
  type DataType,
  DateType,
  decimalType,
  DoubleType,
  FloatType,
  IntegerType,
  LongType,
  ShortType,
  StringType,
  structField,
  type StructType,
  structType,
  TimestampNTZType,
  TimestampType,
} from "../../src/columnar/types.ts";
import type { Value } from "../../src/columnar/values.ts";
import { ConnectorOptions } from "../../src/connectors/options.ts";
import { parquetWriteOptions } from "../../src/connectors/parquet/parquet-options.ts";
import { parquetEncoder } from "../../src/connectors/parquet/parquet-writer.ts";
import { makeKernels, toBlocks } from "../scan/kernel-fixture.ts";
import { oracleRows } from "./parquet-oracle.ts";
import { readParquetFile } from "./parquet-reading.ts";

const kernels = makeKernels();
const base = mkdtempSync(join(tmpdir(), "millrace-parquet-writer-"));
const database = await (await DuckDBInstance.create(":memory:")).connect();
afterAll(() => {
  database.closeSync();
  rmSync(base, { recursive: true });
});
const query = async (sql: string): Promise<unknown[][]> => (await database.runAndReadAll(sql)).getRowsJson();
let serial = 0;

function written(schema: StructType, rows: readonly Value[][], compression: string): string {
  const encoder = parquetEncoder.open(schema, new ConnectorOptions("parquet", { compression }, parquetWriteOptions), kernels, "UTC");
  const parts: Uint8Array[] = [];
  for (const block of toBlocks(kernels, schema, rows)) {
    encoder.append(block);
    kernels.exports["arena_reset"]!(ARENA_BLOCK);
    parts.push(encoder.take());
  }
  parts.push(encoder.finish!());
  kernels.exports["arena_reset"]!(ARENA_BLOCK);
  kernels.exports["arena_reset"]!(ARENA_SPLIT);
  const path = join(base, `${serial++}.parquet`);
  writeFileSync(path, Buffer.concat(parts));
  return path;
}

const whole = (bits: number): fc.Arbitrary<number> => fc.integer({ min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1 });
const long = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const unscaled = (digits: number): fc.Arbitrary<bigint> => fc.bigInt({ min: 1n - 10n ** BigInt(digits), max: 10n ** BigInt(digits) - 1n });
const double = fc.oneof(fc.double(), fc.constantFrom(0, -0, NaN, Infinity, -Infinity));
const VALUES: readonly (readonly [DataType, fc.Arbitrary<Value>])[] = [
  [BooleanType, fc.boolean()],
  [ByteType, whole(8)],
  [ShortType, whole(16)],
  [IntegerType, whole(32)],
  [LongType, long],
  [FloatType, double.map(Math.fround)],
  [DoubleType, double],
  [StringType, fc.string({ unit: "grapheme", maxLength: 40 })],
  [StringType, fc.string({ maxLength: 1500 })],
  [BinaryType, fc.uint8Array({ maxLength: 20 })],
  [DateType, fc.integer({ min: -1_000_000, max: 1_000_000 })],
  [TimestampType, long],
  [TimestampNTZType, long],
  [decimalType(9, 2), unscaled(9)],
  [decimalType(18, 0), unscaled(18)],
  [decimalType(19, 7), unscaled(19)],
  [decimalType(38, 20), unscaled(38)],
];

/** A column: its type and a few values that rows take in turn or at random, nulls among them. */
const column = fc.constantFrom(...VALUES).chain(([type, value]) =>
  fc.record({
    type: fc.constant(type),
    values: fc.array(fc.option(value, { freq: 4 }), { minLength: 1, maxLength: 40 }),
    step: fc.nat(7),
  }),
);
const schemaOf = (types: readonly DataType[]): StructType => structType(types.map((type, index) => structField(`c${index}`, type)));

describe("flat files", () => {
  test("have the rows that were written, for other readers and for us", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(column, { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1, max: 2000 }),
        fc.constantFrom("snappy", "none"),
        async (columns, rowCount, compression) => {
          const schema = schemaOf(columns.map(({ type }) => type));
          const rows = Array.from({ length: rowCount }, (_, row) =>
            columns.map(({ values, step }) => values[(row * step + (row >> 5)) % values.length]!),
          );
          const path = written(schema, rows, compression);
          expect(oracleRows(path, schema)).toEqual(rows);
          expect((await readParquetFile(path)).rows).toEqual(rows);
          const counts = columns.map((_, index) => `count(c${index})`).join(", ");
          const present = columns.map((_, index) => rows.filter((row) => row[index] !== null).length);
          expect(await query(`select count(*), ${counts} from read_parquet('${path}')`)).toEqual([[rowCount, ...present].map(String)]);
          rmSync(path);
        },
      ),
      { numRuns: 60 },
    );
  });

  test("statistics are the least and the greatest value, and how many are null", async () => {
    const ordered = fc.constantFrom(...VALUES.filter(([{ kind }]) => ["byte", "short", "integer", "long", "date"].includes(kind)));
    await fc.assert(
      fc.asyncProperty(
        ordered.chain(([type, value]) => fc.tuple(fc.constant(type), fc.array(fc.option(value), { minLength: 1, maxLength: 300 }))),
        async ([type, values]) => {
          const path = written(
            schemaOf([type]),
            values.map((value) => [value]),
            "snappy",
          );
          const sorted = values.filter((value) => value !== null).sort((a, b) => (a! < b! ? -1 : a! > b! ? 1 : 0));
          const day = (value: Value): string => new Date(Number(value) * 86_400_000).toISOString().slice(0, 10);
          const [[min, max, nulls]] = (await query(
            `select stats_min_value, stats_max_value, stats_null_count from parquet_metadata('${path}')`,
          )) as [[string | null, string | null, string]];
          const text = (value: Value | undefined): string | null =>
            value === undefined ? null : type.kind === "date" ? day(value) : String(value);
          if (type.kind !== "date") expect([min, max]).toEqual([text(sorted[0]), text(sorted.at(-1))]);
          expect(Number(nulls)).toBe(values.length - sorted.length);
          rmSync(path);
        },
      ),
      { numRuns: 60 },
    );
  });

  test("texts are compared by their bytes; a column with NaN has no bounds; zeros have both signs", async () => {
    const schema = schemaOf([StringType, DoubleType, DoubleType]);
    const path = written(
      schema,
      [
        ["z", NaN, 0],
        ["é", 1, -0],
        ["abc", 2, 0],
        ["ab", 3, -0],
      ],
      "snappy",
    );
    const bounds = await query(`select stats_min_value, stats_max_value from parquet_metadata('${path}') order by column_id`);
    expect(bounds).toEqual([
      ["ab", "é"],
      [null, null],
      ["-0.0", "0.0"],
    ]);
  });

  test("a dictionary where values repeat, until too many are new", async () => {
    const rows = Array.from({ length: 40_000 }, (_, row): Value[] => [
      `user ${row % 100}`,
      row < 20_000 ? `page ${row % 50}` : `page ${row}`,
      `${row}`,
      BigInt(row % 7),
      BigInt(row),
    ]);
    const schema = schemaOf([StringType, StringType, StringType, LongType, LongType]);
    const path = written(schema, rows, "snappy");
    const encodings = await query(`select encodings from parquet_metadata('${path}') order by column_id`);
    expect(encodings.map(([names]) => String(names).includes("DICTIONARY"))).toEqual([true, true, false, true, false]);
    expect(oracleRows(path, schema)).toEqual(rows);
    expect((await readParquetFile(path)).rows).toEqual(rows);
    expect(await query(`select count(distinct c0), count(distinct c1), count(distinct c2), sum(c3), sum(c4) from '${path}'`)).toEqual([
      ["100", "20050", "40000", String(rows.reduce((sum, row) => sum + Number(row[3]), 0)), String((40_000 * 39_999) / 2)],
    ]);
  });

  test.each(["snappy", "zstd"])("Spark finds its schema and a version in the footer, %s", async (compression) => {
    const schema = structType([
      structField("n", LongType, false),
      structField("price", decimalType(10, 2), true, { comment: "in euros" }),
      structField("at", TimestampNTZType),
    ]);
    const path = written(schema, [[1n, 250n, 0n]], compression);
    const entries = await query(`select decode(key), decode(value) from parquet_kv_metadata('${path}') order by key`);
    expect(entries.filter(([key]) => String(key).startsWith("org.apache.spark"))).toEqual([
      [
        "org.apache.spark.sql.parquet.row.metadata",
        `{"type":"struct","fields":[{"name":"n","type":"long","nullable":false,"metadata":{}},{"name":"price","type":"decimal(10,2)","nullable":true,"metadata":{"comment":"in euros"}},{"name":"at","type":"timestamp_ntz","nullable":true,"metadata":{}}]}`,
      ],
      ["org.apache.spark.version", "4.0.0"],
    ]);
  });

  test("row groups of a million rows and some", async () => {
    const rows = Array.from({ length: 1_100_000 }, (_, row): Value[] => [row]);
    const path = written(schemaOf([IntegerType]), rows, "snappy");
    expect(await query(`select count(*), sum(c0), max(c0) from '${path}'`)).toEqual([
      ["1100000", String((1_100_000 * 1_099_999) / 2), 1_099_999],
    ]);
    const groups = await query(`select row_group_num_rows from parquet_metadata('${path}') order by row_group_id`);
    expect(groups.length).toBe(2);
    expect(groups.reduce((sum, [count]) => sum + Number(count), 0)).toBe(1_100_000);
  });
});
