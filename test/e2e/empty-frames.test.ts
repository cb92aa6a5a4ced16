/** A frame without rows is written as one file that knows its columns, as Spark's first task does; partitioned ones have no place for it. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { functions as F, Session } from "../../src/index.ts";
import { duckRows, openDuck } from "../oracle/support/duck.ts";

const FLAT = "id BIGINT, name STRING, price DECIMAL(20, 2), at TIMESTAMP";
const NESTED = "id BIGINT, tags ARRAY<STRING>, place STRUCT<x: DOUBLE, y: DOUBLE>";

let session: Session;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-empty-"));
  session = await Session.builder().master("local[2]").config("spark.sql.session.timeZone", "UTC").create();
});
afterAll(async () => {
  await session.stop();
  rmSync(folder, { recursive: true });
});

const parts = (path: string): string[] => readdirSync(path).filter((name) => name.startsWith("part-"));
const onlyText = (path: string): string => {
  expect(parts(path)).toHaveLength(1);
  return readFileSync(join(path, parts(path)[0]!), "utf8");
};

test.each([
  ["flat", FLAT, {}],
  ["nested", NESTED, {}],
  ["gzip", FLAT, { compression: "gzip" }],
])("parquet, %s: the schema comes back, and no rows", async (name, ddl, options) => {
  const path = join(folder, `parquet-${name}`);
  const frame = session.createDataFrame([], ddl);
  await frame.write.options(options).parquet(path);
  expect(parts(path)).toHaveLength(1);
  expect(readdirSync(path)).toContain("_SUCCESS");
  const back = session.read.parquet(path);
  expect(await back.schema()).toEqual(await frame.schema());
  expect(await back.collect()).toEqual([]);
  const duck = await openDuck();
  expect(await duckRows(duck, `SELECT count(*) FROM read_parquet('${path}/*.parquet')`)).toEqual(["0"]);
  duck.closeSync();
});

test("frames that become empty on the way: a filter, a group of nothing, a range of nothing", async () => {
  const rows = session.createDataFrame(
    Array.from({ length: 100 }, (_, id) => [BigInt(id), `n${id}`]),
    "id BIGINT, name STRING",
  );
  const frames = {
    filter: rows.filter("id < 0"),
    group: rows.filter("id < 0").groupBy("name").agg(F.count("*").as("n")),
    range: session.range(0),
    sorted: rows.filter("id < 0").orderBy("id"),
  };
  for (const [name, frame] of Object.entries(frames)) {
    const path = join(folder, name);
    await frame.write.parquet(path);
    expect(parts(path), name).toHaveLength(1);
    const back = session.read.parquet(path);
    expect((await back.schema()).fields.map((field) => field.name)).toEqual((await frame.schema()).fields.map((field) => field.name));
    expect(await back.collect()).toEqual([]);
  }
});

test("csv has its header, or nothing; json and text have nothing", async () => {
  const frame = session.createDataFrame([], "id BIGINT, name STRING");
  const at = (name: string): string => join(folder, name);
  await frame.write.option("header", true).csv(at("csv-header"));
  expect(onlyText(at("csv-header"))).toBe("id,name\n");
  const back = session.read.option("header", true).csv(at("csv-header"));
  expect((await back.schema()).fields.map(({ name }) => name)).toEqual(["id", "name"]);
  expect(await back.collect()).toEqual([]);
  await frame.write.csv(at("csv"));
  expect(onlyText(at("csv"))).toBe("");
  await frame.write.json(at("json"));
  expect(onlyText(at("json"))).toBe("");
  expect(await session.read.schema("id BIGINT").json(at("json")).collect()).toEqual([]);
  await frame.select("name").write.text(at("text"));
  expect(onlyText(at("text"))).toBe("");
});

test("partitioned: no file, as no directory has a name; overwriting leaves the empty file alone; rows need no file more", async () => {
  const frame = session.createDataFrame([], "id BIGINT, name STRING");
  const partitioned = join(folder, "partitioned");
  await frame.write.partitionBy("name").parquet(partitioned);
  expect(readdirSync(partitioned)).toEqual(["_SUCCESS"]);
  const overwritten = join(folder, "overwritten");
  await session.range(10).write.parquet(overwritten);
  await session.range(0).write.mode("overwrite").parquet(overwritten);
  expect(parts(overwritten)).toHaveLength(1);
  expect(await session.read.parquet(overwritten).collect()).toEqual([]);
  const appended = join(folder, "appended");
  await session.createDataFrame([[1n, "a"]], "id BIGINT, name STRING").write.parquet(appended);
  expect(parts(appended)).toHaveLength(1);
});

test("a URI with a damaged escape is a typed error", async () => {
  await expect(session.read.parquet("file:///a%zz").schema()).rejects.toMatchObject({ condition: "DATA_SOURCE_PATH_INVALID" });
  await expect(session.range(1).write.parquet("file:///a%ff")).rejects.toMatchObject({ condition: "DATA_SOURCE_PATH_INVALID" });
});
