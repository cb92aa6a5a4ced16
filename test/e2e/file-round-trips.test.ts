/** What a stream writes to files is what the engine and DuckDB read from them, for every type, partitions included. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { afterAll, beforeAll, expect, test } from "vitest";
import { functions as F, Session } from "../../src/index.ts";
import { memoryStream } from "../../src/testing.ts";
import { duckRows, engineRows, openDuck } from "../oracle/support/duck.ts";
import { ALL_TYPES, ddlOf, randomTable } from "../oracle/support/random-table.ts";

const ROWS = 1200;
const table = randomTable(4, ROWS);
const ddl = ddlOf(table);
let session: Session;
let duck: DuckDBConnection;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-files-"));
  duck = await openDuck();
  session = await Session.builder().master("local[2]").config("spark.sql.session.timeZone", "UTC").create();
});
afterAll(async () => {
  await session.stop();
  duck.closeSync();
  rmSync(folder, { recursive: true });
});

async function write(
  format: string,
  columns: readonly string[],
  partitionBy: readonly string[] = [],
  options: Record<string, boolean | string> = {},
): Promise<string> {
  const path = join(folder, `${format}-${partitionBy.join()}`);
  const input = memoryStream(session, ddl);
  const query = await input
    .toDF()
    .select(...columns.map((name) => F.col(name)))
    .writeStream.format(format)
    .partitionBy(...partitionBy)
    .options(options)
    .option("checkpointLocation", `${path}-checkpoint`)
    .start(path);
  const batchRows = ROWS / 2;
  for (let row = 0; row < ROWS; row += batchRows) {
    input.addData(...table.rows.slice(row, row + batchRows));
    await query.processAllAvailable();
  }
  await query.stop();
  return path;
}

const names = ALL_TYPES.map(({ name }) => name);
const rowsOf = (columns: readonly string[]): string[] =>
  engineRows(table.rows.map((row) => Object.fromEntries(columns.map((name) => [name, row[name]])))).sort();
const ddlFor = (columns: readonly string[]): string =>
  ALL_TYPES.filter(({ name }) => columns.includes(name))
    .map(({ name, type }) => `${name} ${type}`)
    .join(", ");

function expectSame(actual: readonly string[], expected: readonly string[]): void {
  const [a, e] = [actual.toSorted(), expected.toSorted()];
  expect({ rows: a.length, differing: a.filter((row, index) => row !== e[index]).slice(0, 3) }).toEqual({
    rows: e.length,
    differing: e.filter((row, index) => row !== a[index]).slice(0, 3),
  });
}

test("parquet", async () => {
  const path = await write("parquet", names);
  expectSame(engineRows(await session.read.schema(ddl).parquet(path).collect()), rowsOf(names));
  expectSame(
    engineRows(
      await session.read
        .parquet(path)
        .select(...names)
        .collect(),
    ),
    rowsOf(names),
  );
  expectSame(await duckRows(duck, `SELECT ${names.join()} FROM read_parquet('${path}/*.parquet')`), rowsOf(names));
});

test("json", async () => {
  const path = await write("json", names);
  expectSame(engineRows(await session.read.schema(ddl).json(path).collect()), rowsOf(names));
  // DuckDB knows no NaN in JSON, reads wide decimals as doubles, and bytes in another way than base64.
  const plain = names.filter((name) => !["f", "d", "b", "dw"].includes(name));
  const types = ALL_TYPES.filter(({ name }) => plain.includes(name)).map(({ name, type }) => `${name}: '${duckType(type)}'`);
  expectSame(
    await duckRows(
      duck,
      `SELECT ${plain.join()} FROM read_json('${path}/*.json', format = 'newline_delimited', columns = {${types.join()}})`,
    ),
    rowsOf(plain),
  );
});

test("csv", async () => {
  // Bytes have no form in CSV. By default texts are trimmed when they are written and empty ones are read as null, as in Spark.
  const columns = names.filter((name) => name !== "b");
  const path = await write("csv", columns, [], { nullValue: "(null)", ignoreLeadingWhiteSpace: false, ignoreTrailingWhiteSpace: false });
  expectSame(engineRows(await session.read.schema(ddlFor(columns)).option("nullValue", "(null)").csv(path).collect()), rowsOf(columns));
});

test("text", async () => {
  const path = join(folder, "text");
  const query = await session.readStream
    .format("rate-micro-batch")
    .option("rowsPerBatch", 50)
    .load()
    .selectExpr("concat('line ', CAST(value AS STRING), ' Zürich 😀') AS value")
    .writeStream.format("text")
    .option("checkpointLocation", `${path}-checkpoint`)
    .trigger({ once: true })
    .start(path);
  await query.awaitTermination();
  const expected = Array.from({ length: 50 }, (_, value) => JSON.stringify(`line ${value} Zürich 😀`));
  expectSame(engineRows(await session.read.text(path).collect()), expected);
  expectSame(
    await duckRows(duck, `SELECT column0 FROM read_csv('${path}/*.txt', header = false, delim = '\\0', columns = {column0: 'VARCHAR'})`),
    expected,
  );
});

test.each(["parquet", "json"])("partitioned %s", async (format) => {
  const columns = ["u", "x", "bo", "g"];
  const path = await write(format, columns, ["bo", "g"]);
  expect(
    readdirSync(path)
      .filter((name) => name.startsWith("bo="))
      .sort(),
  ).toEqual(["bo=__HIVE_DEFAULT_PARTITION__", "bo=false", "bo=true"]);
  const read = session.read.schema(ddlFor(columns)).format(format).load(path).select("u", "x", "bo", "g");
  // An empty text cannot be the name of a directory: it is null, as in Spark.
  expectSame(
    engineRows(await read.collect()),
    rowsOf(columns).map((row) => row.replace(/""$/, "NULL")),
  );
});

const duckType = (type: string): string =>
  ({ STRING: "VARCHAR", BINARY: "BLOB", TIMESTAMP: "TIMESTAMPTZ", TIMESTAMP_NTZ: "TIMESTAMP" })[type] ?? type;
