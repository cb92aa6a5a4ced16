/**
 * Row groups are passed over by their statistics, and never one that holds a row of the answer. DuckDB writes the files and answers the same
 * conditions.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { printedBy } from "../support/printed.ts";
import { parquetLibraries } from "../../src/connectors/parquet/arrow-types.ts";
import { localExecutor } from "../../src/testing/memory-input.ts";
import type { SourceInput } from "../../src/plan/physical/program.ts";
import { readParquetFile } from "./parquet-reading.ts";
import { testSession } from "../support/test-session.ts";

const session = testSession();
const directory = mkdtempSync(join(tmpdir(), "millrace-pushdown-"));
const path = join(directory, "groups.parquet");
const pagedPath = join(mkdtempSync(join(directory, "paged-")), "pages.parquet");
const database = await (await DuckDBInstance.create(":memory:")).connect();
afterAll(() => {
  database.closeSync();
  rmSync(directory, { recursive: true });
});

const ROWS = 40_960;
const GROUP_ROWS = 2048;

// Every column but `r` grows with the row number, so that groups have ranges of their own.
beforeAll(async () => {
  await database.run("set TimeZone = 'UTC'");
  await database.run(`copy (select i::int n, (i * 10)::bigint l, (i - 20000)::smallint s, i::uinteger u, i / 4.0::double d,
      case when i % 1000 = 7 then 'nan'::double else i / 4.0::double end dn, case when i < 20480 then null else i::int end x,
      'k' || lpad(i::text, 6, '0') t, date '2020-01-01' + (i // 100)::int dt, to_timestamp(i) ts, (i / 100)::decimal(12,2) de,
      (hash(i) % 100)::int r, {'a': i::int} st, [i, i + 1]::int[] li
    from range(${ROWS}) g(i)) to '${path}' (format parquet, row_group_size ${GROUP_ROWS})`);
  // The same in one row group of small pages with an index; `x` has pages of nulls, lists are read value by value.
  const { parquet } = parquetLibraries();
  const properties = new parquet.WriterPropertiesBuilder()
    .setStatisticsEnabled(parquet.EnabledStatistics.Page)
    .setDataPageSizeLimit(4000)
    .setWriteBatchSize(500)
    .setColumnDictionaryEnabled("n", false);
  writeFileSync(pagedPath, parquet.writeParquet(parquet.readParquet(readFileSync(path)), properties.build()));
});

/** The condition, and whether it must let groups be passed over. */
const CONDITIONS: readonly (readonly [condition: string, skips: boolean])[] = [
  ["n < 100", true],
  ["n <= 2047", true],
  ["n = 30000", true],
  ["n >= 40000", true],
  ["100 > n", true],
  ["n > 2047 and n < 2050", true],
  ["n = 30000 and r >= 0", true],
  ["n in (5, 40000)", true],
  ["l = 300000", true],
  ["l < 5", true],
  ["s < -19990", true],
  ["u > 40900", true],
  ["d < 10", true],
  ["d = 2500.25", true],
  ["dn < 10", false],
  ["dn > 10200", false],
  ["dn >= 10200", false],
  ["dn = 10200.5", false],
  ["x is null", true],
  ["x is not null", true],
  ["x < 20500", true],
  ["x = 7", true],
  ["t = 'k030000'", true],
  ["t < 'k0001'", true],
  ["t >= 'k0409'", true],
  ["dt = date '2020-02-01'", true],
  ["ts < timestamp '1970-01-01 00:10:00'", true],
  ["de <= 3.25", true],
  ["r = 5", false],
  ["n = 5 or n = 40000", false],
  ["n % 7 = 0", false],
  ["st.a = 5", false],
  ["n != 5", false],
  ["n = 100000", true],
];

describe.each(CONDITIONS)("%s", (condition, skips) => {
  test("keeps the same rows, whatever is passed over", async () => {
    const read = await answeredAndRead(path, condition);
    if (skips) expect(read).toBeLessThanOrEqual(ROWS - GROUP_ROWS);
    else expect(read).toBe(ROWS);
  });

  test("keeps the same rows of pages, and all columns stay side by side", async () => {
    const read = await answeredAndRead(pagedPath, condition);
    if (skips) expect(read).toBeLessThan(ROWS / 2 + GROUP_ROWS);
  });
});

/** Checks a query's answer; returns how many rows the reader gives for its conditions. */
async function answeredAndRead(file: string, condition: string): Promise<number> {
  const frame = session().read.parquet(file).filter(condition).selectExpr("n", "l", "t", "st.a as a", "x", "li");
  const rows = (await frame.collect()).map((row) => [row["n"], row["l"], row["t"], row["a"], row["x"], (row["li"] as number[])[1]]);
  const expected = await database.runAndReadAll(
    `select n, l, t, st.a, x, li[2] from read_parquet('${path}') where ${condition} order by n`,
  );
  expect(rows.sort((a, b) => (a[0] as number) - (b[0] as number))).toEqual(expected.getRows());
  const executor = localExecutor(session().executor);
  const { plan } = await executor.analyze(frame.plan);
  const [{ predicates }] = (await executor.plan(executor.optimize(plan), "batch")).sources as [SourceInput];
  return (await readParquetFile(file, { predicates, wanted: ["n"] })).rows.length;
}

test("NaN is above every number, though the writer leaves it out of the statistics", async () => {
  const values = [1, 2, Number.NaN, null];
  const target = join(directory, "nan");
  await session()
    .createDataFrame(
      values.map((value) => [value]),
      "d DOUBLE",
    )
    .write.parquet(target);
  const kept = async (condition: string) => (await session().read.parquet(target).filter(condition).collect()).map((row) => row["d"]);
  expect(await kept("d > 5")).toEqual([Number.NaN]);
  expect(await kept("d = double('NaN')")).toEqual([Number.NaN]);
  expect(await kept("d < 0")).toEqual([]);
  expect(await kept("d <= 1")).toEqual([1]);
});

test("a stream's explain says how many rows were passed over", async () => {
  const frame = session().readStream.schema("n INT").parquet(path).filter("n < 100");
  const query = await frame.writeStream
    .format("memory")
    .queryName("pushed")
    .option("checkpointLocation", join(directory, "_checkpoint"))
    .trigger({ availableNow: true })
    .start();
  await query.awaitTermination();
  expect(await printedBy(() => query.explain("analyze"))).toContain(`skipped=${(ROWS - GROUP_ROWS).toLocaleString("en-US")}`);
  expect(await session().table("pushed").count()).toBe(100n);
});
