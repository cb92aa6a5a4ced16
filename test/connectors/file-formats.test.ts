/** Every file format through the registry, the way a query goes: sink, manifest, directory as source. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, expect, test } from "vitest";
import { nodePorts } from "../../src/base/node-ports.ts";
import {
  BooleanType,
  DateType,
  DoubleType,
  IntegerType,
  LongType,
  simpleString,
  StringType,
  structField,
  structType,
  type StructType,
  TimestampType,
} from "../../src/columnar/types.ts";
import type { Value } from "../../src/columnar/values.ts";
import { ConnectorOptions } from "../../src/connectors/options.ts";
import { readerOptions } from "../../src/connectors/reader-options.ts";
import { ConnectorRegistry } from "../../src/connectors/registry.ts";
import type { SinkContext } from "../../src/connectors/sink.ts";
import { splitWriter } from "../../src/connectors/writers.ts";
import { makeKernels } from "../scan/kernel-fixture.ts";
import { readSplits, sourceContext } from "./reading.ts";
import { DirectoryLog, runTasks } from "./writing.ts";

const kernels = makeKernels();
const registry = new ConnectorRegistry();
const base = mkdtempSync(join(tmpdir(), "millrace-formats-"));
afterAll(() => rmSync(base, { recursive: true }));
let directory = "";
let serial = 0;
beforeEach(() => {
  directory = join(base, String(serial++));
});

async function write(
  format: string,
  schema: StructType,
  rows: Value[][],
  entries: Record<string, string> = {},
  partitionBy: string[] = [],
) {
  const sink = registry.sink(format);
  const context: SinkContext = {
    ports: nodePorts(),
    options: new ConnectorOptions(format, entries, sink.options),
    path: directory,
    schema,
    partitionBy,
    outputMode: "append",
    queryName: null,
    queryId: "q",
    attachments: {},
    timeZone: "UTC",
    openLog: (path) => new DirectoryLog(path),
  };
  const written = await sink.create(context);
  const batch = { batchId: 0, attempt: "a", epoch: 1 };
  await written.commit(batch, runTasks({ kernels, writer: splitWriter("file"), sink: written, schema }, batch, [rows]));
}

async function stream(format: string, schema: StructType | null, entries: Record<string, string> = {}): Promise<Value[][]> {
  const source = registry.source(format);
  const options = new ConnectorOptions(format, entries, source.options);
  const context = sourceContext(options, { ports: nodePorts(), paths: [directory], schema });
  const full = await source.schema(context, true);
  const opened = await source.createStream!({ ...context, schema: full });
  const end = await opened.latestOffset(null, opened.defaultLimit);
  return readSplits({ kernels, schema: full, options, files: nodePorts().files }, await opened.plan(null, end!));
}

const flat = structType([
  structField("i", IntegerType),
  structField("l", LongType),
  structField("d", DoubleType),
  structField("s", StringType),
  structField("b", BooleanType),
  structField("dt", DateType),
  structField("ts", TimestampType),
  structField("part", StringType),
]);
const rows: Value[][] = Array.from({ length: 500 }, (_, i) => [
  i,
  BigInt(i) * 4_000_000_000n,
  i / 4,
  i % 5 === 0 ? null : `text, "${i}" é`,
  i % 2 === 0,
  19_000 + i,
  1_700_000_000_000_000n + BigInt(i) * 1000n,
  `p${i % 3}`,
]);
const byFirst = (a: Value[], b: Value[]): number => Number(a[0]) - Number(b[0]);

test.each(["json", "csv", "parquet"])("%s: what the sink writes, partitioned, the source reads back", async (format) => {
  await write(format, flat, rows, {}, ["part"]);
  expect(readdirSync(directory).sort()).toEqual(["_spark_metadata", "part=p0", "part=p1", "part=p2"]);
  const name = readdirSync(join(directory, "part=p0"))[0]!;
  expect(name.endsWith(format === "parquet" ? "-c000.snappy.parquet" : `-c000.${format}`)).toBe(true);
  expect((await stream(format, flat)).sort(byFirst)).toEqual(rows);
  const without = structType(flat.fields.slice(0, 1));
  expect((await stream(format, without)).sort(byFirst)[4]).toEqual([4, "p1"]);
});

test("text: a line is a row; the schema needs no telling", async () => {
  const schema = structType([structField("value", StringType)]);
  await write("text", schema, [["one"], ["two, zwei"]]);
  const name = readdirSync(directory).find((file) => file.endsWith(".txt"))!;
  expect(readFileSync(join(directory, name), "utf8")).toBe("one\ntwo, zwei\n");
  expect(await stream("text", null)).toEqual([["one"], ["two, zwei"]]);
  expect(await stream("text", null, { wholetext: "true" })).toEqual([["one\ntwo, zwei\n"]]);
  await expect(write("text", structType([structField("n", LongType)]), [])).rejects.toMatchObject({ condition: "TEXT_FILE_COLUMNS" });
});

test("csv: options reach the reader and the writer, nested columns are refused", async () => {
  const schema = structType([structField("a", IntegerType), structField("b", StringType)]);
  await write("csv", schema, [[1, "x"]], { header: "true", sep: ";" });
  const name = readdirSync(directory).find((file) => file.endsWith(".csv"))!;
  expect(readFileSync(join(directory, name), "utf8")).toBe("a;b\n1;x\n");
  expect(await stream("csv", schema, { header: "true", sep: ";" })).toEqual([[1, "x"]]);
  const nested = structType([structField("n", structType([structField("a", IntegerType)]))]);
  await expect(write("csv", nested, [])).rejects.toMatchObject({ condition: "UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE" });
});

test("json: malformed lines become corrupt records or errors, as the mode says", async () => {
  mkdirSync(directory);
  writeFileSync(join(directory, "a.json"), '{"a":1}\n{"a":\n{"a":3}\n');
  const schema = structType([structField("a", IntegerType), structField("_corrupt_record", StringType)]);
  expect(await stream("json", schema)).toEqual([
    [1, null],
    [null, '{"a":'],
    [3, null],
  ]);
  expect(await stream("json", structType([schema.fields[0]!]), { mode: "DROPMALFORMED" })).toEqual([[1], [3]]);
  await expect(stream("json", structType([schema.fields[0]!]), { mode: "FAILFAST" })).rejects.toThrow(/a\.json/);
});

test("workers know every option that the coordinator's half accepts", () => {
  for (const format of ["csv", "json", "nexmark", "parquet", "text"]) {
    const options = readerOptions(format, {});
    for (const name of Object.keys(registry.source(format).options)) expect(() => options.get(name)).not.toThrow();
  }
});

test("batch reads infer the schema: JSON from all fields, CSV from header and values", async () => {
  const schemaOf = async (format: string, name: string, text: string, entries: Record<string, string> = {}) => {
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(join(directory, "k=1"), { recursive: true });
    writeFileSync(join(directory, "k=1", name), text);
    const source = registry.source(format);
    const options = new ConnectorOptions(format, entries, source.options);
    const schema = await source.schema(sourceContext(options, { ports: nodePorts(), paths: [directory], log: null }), false);
    return schema.fields.map((field) => `${field.name} ${simpleString(field.dataType)}`);
  };
  expect(await schemaOf("json", "a.json", '{"b":1,"a":"x"}\n{"b":2.5,"c":[1]}\n')).toEqual([
    "a string",
    "b double",
    "c array<bigint>",
    "k int",
  ]);
  expect(await schemaOf("json", "a.json", '[{"b":1},\n{"b":2}]', { multiLine: "true" })).toEqual(["b bigint", "k int"]);
  expect(await schemaOf("csv", "a.csv", "x,y\n1,a\n")).toEqual(["_c0 string", "_c1 string", "k int"]);
  expect(await schemaOf("csv", "a.csv", "x,y\n1,a\n", { header: "true", inferSchema: "true" })).toEqual(["x int", "y string", "k int"]);
  await expect(schemaOf("csv", "a.csv", "")).rejects.toMatchObject({ condition: "UNABLE_TO_INFER_SCHEMA" });
});
