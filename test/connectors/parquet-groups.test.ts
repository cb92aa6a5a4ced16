/**
 * Groups and joins by texts of Parquet files, which the engine finds by their places in dictionaries where it can: rows are those that DuckDB gives,
 * whether columns have dictionaries, small ones, or leave them in the middle; and columns say which dictionary they are of.
 */
import { mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance, type DuckDBConnection } from "@duckdb/node-api";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { leavesOf } from "../../src/columnar/types.ts";
import { blockRowCount, getColumn } from "../../src/connectors/block-memory.ts";
import { parquetLibraries } from "../../src/connectors/parquet/arrow-types.ts";
import { type DataFrame, functions as F } from "../../src/index.ts";
import { testSession } from "../support/test-session.ts";
import { parquetKernels, readParquetFile } from "./parquet-reading.ts";

const ROWS = 24_000;
const directory = mkdtempSync(join(tmpdir(), "millrace-groups-"));
const spark = testSession();
let duck: DuckDBConnection;

const FORMS = ["row groups", "small pages", "dictionaries given up", "no dictionaries", "all of them"] as const;
const folderOf = (form: (typeof FORMS)[number]): string => join(directory, form);
const source = (form: (typeof FORMS)[number]): string => `read_parquet('${folderOf(form)}/*.parquet')`;
const names = join(directory, "names.parquet");

beforeAll(async () => {
  duck = await (await DuckDBInstance.create(":memory:")).connect();
  for (const form of FORMS) mkdirSync(folderOf(form));
  const whole = join(folderOf("row groups"), "a.parquet");
  const sometimes = (n: number, value: string): string => `case when hash(i + ${n}) % ${n} = 0 then null else ${value} end`;
  await duck.run(`copy (select i::bigint n, ${sometimes(9, "['', 'x', 'longer than eight bytes', 'y'][1 + (hash(i) % 4)::int]")} few,
      'city ' || (hash(i + 1) % 700) city, ${sometimes(5, "'a text of more than thirty-two bytes: ' || (hash(i + 2) % 60)")} long,
      (hash(i + 3) % 3)::int small, ${sometimes(7, "(i // 1000)::bigint")} slow,
      case when i < 9000 then 'late ' || (i % 30) else 'row ' || i end mostly,
      {'name': ${sometimes(4, "'n' || (i % 40)")}, 'size': i % 2} st
    from range(${ROWS}) g(i)) to '${whole}' (format parquet, row_group_size 10240)`);
  await duck.run(`copy (select case when i % 50 = 0 then null else 'city ' || (i % 900) end city,
      ['', 'x', 'y', 'none'][1 + i % 4] few, i::bigint id
    from range(0, 1800, 3) g(i)) to '${names}' (format parquet)`);
  const { parquet } = parquetLibraries();
  const small = () => new parquet.WriterPropertiesBuilder().setDataPageSizeLimit(3000).setWriteBatchSize(300).setMaxRowGroupSize(15_000);
  const rewrite = (form: (typeof FORMS)[number], properties: InstanceType<typeof parquet.WriterPropertiesBuilder>): void =>
    writeFileSync(join(folderOf(form), "a.parquet"), parquet.writeParquet(parquet.readParquet(readFileSync(whole)), properties.build()));
  rewrite("small pages", small());
  rewrite("dictionaries given up", small().setDictionaryPageSizeLimit(1500));
  rewrite("no dictionaries", small().setDictionaryEnabled(false));
  FORMS.slice(0, 4).forEach((form, i) =>
    writeFileSync(join(folderOf("all of them"), `${i}.parquet`), readFileSync(join(folderOf(form), "a.parquet"))),
  );
});
afterAll(() => {
  duck.closeSync();
  rmSync(directory, { recursive: true });
});

const sorted = (rows: readonly (readonly unknown[])[]): string[] =>
  rows.map((row) => row.map((cell) => (cell === null ? "NULL" : String(cell as number))).join("|")).toSorted();

async function expectSame(frame: DataFrame, sql: string): Promise<void> {
  const rows = (await frame.collect()).map((row) => Object.values(row));
  expect(sorted(rows)).toEqual(sorted((await duck.runAndReadAll(sql)).getRows()));
  expect(rows.length).toBeGreaterThan(0);
}

describe.each(FORMS)("%s", (form) => {
  const t = (): DataFrame => spark().read.parquet(folderOf(form));
  const others = (): DataFrame => spark().read.parquet(names).select(F.col("city").as("c"), F.col("few").as("f"), "id");
  const T = source(form);
  const N = `(select city c, few f, id from read_parquet('${names}'))`;
  const count = F.count("*").as("k");

  test.each([
    [["few"]],
    [["city"]],
    [["long"]],
    [["few", "city"]],
    [["small", "long"]],
    [["slow", "few", "long"]],
    [["few", "small", "slow", "long"]],
    [["city", "few", "long", "small", "slow", "mostly"]],
    [["mostly"]],
    [["st.name"]],
    [["upper(few)", "city"]],
  ])("groups by %s", async (keys) => {
    const columns = keys.map((key, i) => F.expr(key).as(`g${i}`));
    const frame = t()
      .groupBy(...columns)
      .agg(count, F.sum("n"), F.max("long"));
    await expectSame(frame, `SELECT ${keys.join()}, count(*), sum(n), max(long) FROM ${T} GROUP BY ${keys.map((_, i) => i + 1).join()}`);
  });

  test("groups of the rows that a filter keeps", async () => {
    for (const [condition, ...keys] of [
      ["few <> 'x' AND small = 1", "city", "few"],
      ["city = 'city 77'", "few"],
      ["n % 1000 < 3", "long"],
      ["few <> 'x' AND city <> 'city 3' AND n > 100", "small"],
      ["few IS NULL AND long IS NOT NULL", "small"],
      ["(few = 'y' OR few IS NULL) AND city LIKE '%7%' AND city <> long AND mostly > 'm'", "slow"],
      ["few = 'y' AND long > 'a' AND city > 'city 5'", "city"],
      ["few = 'y' AND 100 / (small + 1) > 40 AND city > 'city 5'", "small"],
    ]) {
      const frame = t()
        .filter(condition!)
        .groupBy(...keys)
        .agg(count);
      await expectSame(frame, `SELECT ${keys.join()}, count(*) FROM ${T} WHERE ${condition} GROUP BY ${keys.join()}`);
    }
  });

  test("groups of a union of these files with others", async () => {
    const frame = t().select("few", "city").union(others().select("f", "c")).groupBy("few", "city").agg(count);
    await expectSame(
      frame,
      `SELECT few, city, count(*) FROM (SELECT few, city FROM ${T} UNION ALL SELECT f, c FROM ${N}) GROUP BY few, city`,
    );
  });

  test.each([
    ["inner", "city = c", "JOIN"],
    ["inner", "city = c AND few = f", "JOIN"],
    ["left_outer", "city = c", "LEFT JOIN"],
    ["left_semi", "city = c", "SEMI JOIN"],
    ["left_anti", "city = c", "ANTI JOIN"],
    ["left_anti", "few = f AND city = c AND n > id", "ANTI JOIN"],
  ] as const)("%s join on %s", async (type, condition, sql) => {
    const isHalf = type === "left_semi" || type === "left_anti";
    const columns = isHalf ? ["n", "few"] : ["n", "few", "id"];
    const joined = (): DataFrame => t().join(others(), F.expr(condition), type);
    const from = `FROM ${T} t ${sql} ${N} names ON ${condition}`;
    await expectSame(
      joined()
        .filter("n % 7 = 1")
        .select(...columns),
      `SELECT ${columns.join()} ${from} WHERE n % 7 = 1`,
    );
    const keys = columns.slice(1);
    await expectSame(
      joined()
        .groupBy(...keys)
        .agg(count),
      `SELECT ${keys.join()}, count(*) ${from} GROUP BY ${keys.join()}`,
    );
  });

  test("a join in which nulls are equal", async () => {
    const frame = t().join(others(), F.expr("long <=> c"), "inner").groupBy("small").agg(count);
    await expectSame(frame, `SELECT small, count(*) FROM ${T} t JOIN ${N} names ON long IS NOT DISTINCT FROM c GROUP BY small`);
  });
});

test.each(FORMS.slice(0, 4))("columns of %s say which dictionary they are of", async (form) => {
  const texts = new Map<string, string>();
  const numbers = new Map<string, Set<number>>();
  const { schema } = await readParquetFile(folderOf(form));
  const leaves = leavesOf(schema);
  const wanted = ["few", "city", "mostly"].map((column) => leaves.findIndex((leaf) => leaf.path[0] === column));
  const look = (block: number): void => {
    const [view, bytes] = [parquetKernels.view(), parquetKernels.bytes()];
    for (const leaf of wanted) {
      const { values, validity, dictionary } = getColumn(parquetKernels, block, leaf);
      const seen = numbers.get(leaves[leaf]!.path[0]!) ?? new Set();
      numbers.set(leaves[leaf]!.path[0]!, seen.add(dictionary!));
      if (dictionary === 0) continue;
      for (let row = 0; row < blockRowCount(parquetKernels, block); row++) {
        if (validity !== 0 && bytes[validity + row] === 0) continue;
        const [address, length] = [view.getUint32(values + 8 * row, true), view.getUint32(values + 8 * row + 4, true)];
        const text = Buffer.from(bytes.slice(address, address + length)).toString();
        const key = `${dictionary}:${address}:${length}`;
        expect(texts.get(key) ?? text).toBe(text);
        texts.set(key, text);
      }
    }
  };
  await readParquetFile(folderOf(form), { onBlock: look });
  const groups = form === "row groups" ? 3 : 2;
  const has = Object.fromEntries([...numbers].map(([column, seen]) => [column, seen.size - (seen.has(0) ? 1 : 0)]));
  if (form === "no dictionaries") expect(has).toEqual({ few: 0, city: 0, mostly: 0 });
  else {
    expect(has["few"]).toBe(groups);
    // 700 names are too many for a small dictionary, which is given up before the first block ends, and the rows of "mostly" for every one.
    expect(has["city"]).toBe(form === "dictionaries given up" ? 0 : groups);
    expect(numbers.get("mostly")).toContain(0);
    if (form === "dictionaries given up") expect(has["mostly"]).toBe(1);
  }
});
