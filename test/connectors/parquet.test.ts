/** Parquet both ways, with DuckDB as the other side: what it writes we read, what we write it reads. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeEach, expect, test } from "vitest";
import { nodePorts } from "../../src/base/node-ports.ts";
import {
  arrayType,
  BinaryType,
  BooleanType,
  ByteType,
  DateType,
  decimalType,
  DoubleType,
  FloatType,
  IntegerType,
  LongType,
  mapType,
  ShortType,
  simpleString,
  StringType,
  structField,
  type StructType,
  structType,
  TimestampNTZType,
  TimestampType,
} from "../../src/columnar/types.ts";
import type { Value } from "../../src/columnar/values.ts";
import { ConnectorOptions } from "../../src/connectors/options.ts";
import { ConnectorRegistry } from "../../src/connectors/registry.ts";
import type { SinkContext } from "../../src/connectors/sink.ts";
import { splitWriter } from "../../src/connectors/writers.ts";
import { makeKernels } from "../scan/kernel-fixture.ts";
import { readParquetFile } from "./parquet-reading.ts";
import { DirectoryLog, runTasks } from "./writing.ts";

const kernels = makeKernels();
const registry = new ConnectorRegistry();
const sink = registry.sink("parquet");
const base = mkdtempSync(join(tmpdir(), "millrace-parquet-"));
const database = await (await DuckDBInstance.create(":memory:")).connect();
await database.run("set TimeZone = 'UTC'");
afterAll(() => {
  database.closeSync();
  rmSync(base, { recursive: true });
});
let directory = "";
let serial = 0;
beforeEach(() => {
  directory = join(base, String(serial++));
});

const read = (path: string, schema: StructType | null = null, wanted?: string[]) =>
  readParquetFile(path, { ...(schema && { schema }), ...(wanted && { wanted }) });

async function write(schema: StructType, rows: Value[][], entries: Record<string, string> = {}): Promise<void> {
  const context: SinkContext = {
    ports: nodePorts(),
    options: new ConnectorOptions("parquet", entries, sink.options),
    path: directory,
    schema,
    partitionBy: [],
    outputMode: "append",
    queryName: null,
    queryId: "q",
    attachments: {},
    timeZone: "UTC",
    openLog: (path) => new DirectoryLog(path),
  };
  const stream = await sink.create(context);
  const batch = { batchId: 0, attempt: "a", epoch: 1 };
  await stream.commit(batch, runTasks({ kernels, writer: splitWriter("file"), sink: stream, schema }, batch, [rows]));
}

const COLUMNS = `
  (i - 5)::tinyint b, (i * 100)::smallint s, i::int i, (i * 10000000000)::bigint l, i / 4.0::float f, i / 8.0::double d,
  (i - 5)::decimal(10,2) / 4 as dec, (i - 5)::decimal(30,3) w, 'text ' || i st, ('b' || i)::blob bi, i % 2 = 0 bo,
  date '1969-12-30' + i::int dt, timestamp '1969-12-31 23:59:59.999999' + interval (i) second ntz,
  timestamptz '2020-01-01 00:00:00+00' + interval (i) microsecond ts`;

test("reads every type that DuckDB writes, nulls included, over several blocks", async () => {
  const path = join(base, "types.parquet");
  await database.run(`copy (select * from (select ${COLUMNS} from range(10) t(i))
    union all (select null, null, null, null, null, null, null, null, null, null, null, null, null, null)) to '${path}' (format parquet)`);
  const { schema, rows } = await read(path);
  expect(schema.fields.map((field) => [field.name, simpleString(field.dataType)])).toEqual(
    [
      ["b", "tinyint"],
      ["s", "smallint"],
      ["i", "int"],
      ["l", "bigint"],
      ["f", "float"],
      ["d", "double"],
      ["dec", "double"],
      ["w", "decimal(30,3)"],
      ["st", "string"],
      ["bi", "binary"],
      ["bo", "boolean"],
      ["dt", "date"],
      ["ntz", "timestamp_ntz"],
      ["ts", "timestamp"],
    ].map(([name, type]) => [name, name === "f" ? expect.any(String) : type]),
  );
  expect(rows).toHaveLength(11);
  expect(rows[10]).toEqual(Array.from({ length: 14 }, () => null));
  const text = (value: string) => new TextEncoder().encode(value);
  expect(rows[3]).toEqual([
    -2,
    300,
    3,
    30_000_000_000n,
    0.75,
    0.375,
    -0.5,
    -2000n,
    "text 3",
    text("b3"),
    false,
    1,
    2_999_999n,
    1_577_836_800_000_003n,
  ]);

  await database.run(`copy (select i::int n, case when i % 7 = 0 then null else 'x' || i end s, i % 3 = 0 bo, (i::decimal(12,2)) d
    from range(50000) t(i)) to '${path}' (format parquet, row_group_size 10000)`);
  const many = await read(path);
  expect(many.rows).toHaveLength(50_000);
  for (const i of [0, 7, 8191, 8192, 10_000, 49_999])
    expect(many.rows[i]).toEqual([i, i % 7 === 0 ? null : `x${i}`, i % 3 === 0, BigInt(i) * 100n]);
});

test("nested columns, other units of time, dictionaries", async () => {
  const path = join(base, "nested.parquet");
  await database.run(`copy (select * from (values
      (1, {'x': 1, 'y': 'a'}, [1, null, 3], map {'k': 1.5}, timestamp_ns '1969-12-31 23:59:59.999999999', timestamp_ms '2020-01-01 00:00:00.123'),
      (2, {'x': null, 'y': null}, [], map {}, timestamp_ns '2020-01-01 00:00:00.000000001', null),
      (3, null, null, null, null, timestamp_ms '1969-12-31 23:59:59.999')) t(n, st, li, ma, ns, ms)) to '${path}' (format parquet)`);
  const { schema, rows } = await read(path);
  expect(schema.fields.map((field) => simpleString(field.dataType))).toEqual([
    "int",
    "struct<x:int,y:string>",
    "array<int>",
    "map<string,decimal(2,1)>",
    "timestamp_ntz",
    "timestamp_ntz",
  ]);
  expect(rows).toEqual([
    [1, [1, "a"], [1, null, 3], [["k", 15n]], -1n, 1_577_836_800_123_000n],
    [2, [null, null], [], [], 1_577_836_800_000_000n, null],
    [3, null, null, null, null, -1000n],
  ]);
});

test("a schema of the user's: by name in any case, missing columns are null, widening is allowed, anything else is refused", async () => {
  const path = join(base, "own.parquet");
  await database.run(`copy (select 7::int n, 2.5::float f, 'x' s, 9::smallint k) to '${path}' (format parquet)`);
  const own = structType([
    structField("N", LongType),
    structField("missing", StringType),
    structField("f", DoubleType),
    structField("k", IntegerType),
    structField("gone", structType([structField("a", IntegerType)])),
  ]);
  expect((await read(path, own)).rows).toEqual([[7n, null, 2.5, 9, null]]);
  expect((await read(path, own, ["N"])).rows).toEqual([[7n, null, null, null, null]]);
  await expect(read(path, structType([structField("s", IntegerType)]))).rejects.toThrow(/PARQUET_COLUMN_DATA_TYPE_MISMATCH.*\[s\]/);
  await expect(read(path, structType([structField("n", ShortType)]))).rejects.toThrow(
    /Expected Spark type smallint, actual Parquet type INT32/,
  );
});

test("a file that is not Parquet is an error that names it", async () => {
  const path = join(base, "bad.parquet");
  writeFileSync(path, "this is not a Parquet file at all");
  await expect(read(path)).rejects.toMatchObject({ condition: "FAILED_READ_FILE.CANNOT_READ_FILE_FOOTER" });
  await expect(read(path, structType([structField("n", LongType)]))).rejects.toThrow(/bad\.parquet/);
});

const everything = structType([
  structField("by", ByteType),
  structField("sh", ShortType),
  structField("i", IntegerType),
  structField("l", LongType),
  structField("f", FloatType),
  structField("d", DoubleType),
  structField("de", decimalType(12, 2)),
  structField("wi", decimalType(30, 3)),
  structField("st", StringType),
  structField("bi", BinaryType),
  structField("bo", BooleanType),
  structField("dt", DateType),
  structField("ts", TimestampType),
  structField("nt", TimestampNTZType),
  structField("su", structType([structField("a", StringType), structField("l", arrayType(LongType))])),
  structField("li", arrayType(structType([structField("x", IntegerType), structField("y", StringType)]))),
  structField("ma", mapType(StringType, TimestampType)),
]);
const row = (i: number): Value[] => [
  (i % 200) - 100,
  i % 30_000,
  i,
  BigInt(i) * 10_000_000_000n,
  i / 4,
  i / 8,
  BigInt(i) - 5000n,
  (BigInt(i) - 5000n) * 10n ** 20n,
  `text ${i} é`,
  new Uint8Array([i & 255, 0]),
  i % 2 === 0,
  i - 100,
  BigInt(i) * 1_000_001n,
  -BigInt(i),
  [i % 3 === 0 ? null : `s${i}`, i % 4 === 0 ? null : [BigInt(i), null]],
  [[i, "y"], null],
  [["k", BigInt(i)]],
];

test("what we write DuckDB reads, and so do we", async () => {
  const rows = Array.from({ length: 10_000 }, (_, i) => (i % 11 === 5 ? everything.fields.map(() => null) : row(i)));
  await write(everything, rows);
  expect((await read(directory)).rows).toEqual(rows);
  const { schema } = await read(directory);
  expect(simpleString(schema)).toBe(simpleString(everything));

  const query = async (sql: string) => (await database.runAndReadAll(sql)).getRowsJson();
  const files = `read_parquet('${directory}/*.snappy.parquet')`;
  expect(
    await query(`select count(*), count(i), sum(i), sum(l), sum(de), max(wi), min(dt), max(ts), min(nt), count_if(bo) from ${files}`),
  ).toEqual(
    await query(`with t as (select i from range(10000) r(i) where i % 11 <> 5) select 10000::bigint, count(*), sum(i), sum(i * 10000000000),
      sum((i - 5000) / 100)::decimal(38,2), '499900000000000000000.000', date '1970-01-01' + (min(i) - 100)::int,
      make_timestamptz((max(i) * 1000001)::bigint), make_timestamp((-max(i))::bigint), count_if(i % 2 = 0) from t`),
  );
  expect(await query(`select st, bi, su, li, ma from ${files} where i = 7`)).toEqual([
    [
      "text 7 é",
      "\\x07\\x00",
      { a: "s7", l: ["7", null] },
      [{ x: 7, y: "y" }, null],
      [{ key: "k", value: "1970-01-01 00:00:00.000007+00" }],
    ],
  ]);
});

test.each(["none", "zstd", "gzip", "lz4", "brotli"])("compression %s", async (compression) => {
  const schema = structType([structField("n", LongType)]);
  await write(schema, [[1n], [null]], { compression });
  expect((await read(directory)).rows).toEqual([[1n], [null]]);
  const codec = (await database.runAndReadAll(`select distinct compression from parquet_metadata('${directory}/*.parquet')`)).getRowsJson();
  expect(codec).toEqual([[compression === "none" ? "UNCOMPRESSED" : compression === "lz4" ? "LZ4_RAW" : compression.toUpperCase()]]);
});

test("a type that Parquet does not have is refused", async () => {
  await expect(write(structType([structField("v", { kind: "void" })]), [[null]])).rejects.toMatchObject({
    condition: "UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE",
  });
});
