/**
 * A reader that is told which rows a query keeps, column by column, gives what the same reader gives without that and a loop over the rows: random
 * choices over every encoding, with nulls, structs and lists, and pages that end anywhere.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BLOCK_ROW_COUNT } from "../../src/columnar/memory-layout.ts";
import { leavesOf, type StructType } from "../../src/columnar/types.ts";
import type { Value } from "../../src/columnar/values.ts";
import { parquetLibraries } from "../../src/connectors/parquet/arrow-types.ts";
import type { RowSelection } from "../../src/connectors/source.ts";
import { toRows } from "../scan/kernel-fixture.ts";
import { parquetKernels, readParquetFile } from "./parquet-reading.ts";

const ROWS = 10_000;
const directory = mkdtempSync(join(tmpdir(), "millrace-selection-"));
afterAll(() => rmSync(directory, { recursive: true }));

const files: Record<string, string> = {
  "pages as DuckDB writes them": join(directory, "whole.parquet"),
  "small pages with dictionaries": join(directory, "dictionaries.parquet"),
  "small pages without dictionaries, version 2": join(directory, "plain.parquet"),
};

beforeAll(async () => {
  const database = await (await DuckDBInstance.create(":memory:")).connect();
  const [whole, dictionaries, plain] = Object.values(files) as [string, string, string];
  const sometimes = (n: number, value: string): string => `case when hash(i + ${n}) % ${n} = 0 then null else ${value} end`;
  await database.run(`copy (select i::bigint n, (i // 700 % 4)::int runs, ${sometimes(3, "(hash(i) % 50)::int")} few,
      ${sometimes(7, "hash(i)::text")} texts, ['a', 'bb', '', 'dddd'][1 + (hash(i + 1) % 4)::int] words, ${sometimes(5, "i % 2 = 0")} flag,
      ${sometimes(4, "(hash(i) % 1000000)::decimal(38, 3)")} wide, (i / 8.0)::double ratio, ${sometimes(11, "(i % 300)::smallint")} short,
      case when i // 100 % 3 = 0 then null else {'a': i::bigint, 'b': ${sometimes(6, "(i % 9)::text")}, 'c': {'d': i % 5 = 0}} end st,
      ${sometimes(9, "[i, null, i + 1]")} li, case when i < 4500 then null else i::int end late
    from range(${ROWS}) g(i)) to '${whole}' (format parquet, row_group_size 4096)`);
  database.closeSync();
  const { parquet } = parquetLibraries();
  const small = () => new parquet.WriterPropertiesBuilder().setDataPageSizeLimit(3000).setWriteBatchSize(300).setMaxRowGroupSize(9000);
  const rewrite = (path: string, properties: InstanceType<typeof parquet.WriterPropertiesBuilder>): void =>
    writeFileSync(path, parquet.writeParquet(parquet.readParquet(readFileSync(whole)), properties.build()));
  rewrite(dictionaries, small());
  rewrite(plain, small().setDictionaryEnabled(false).setWriterVersion(parquet.WriterVersion.V2));
});

/** A generator of numbers below 1. */
function randomOf(seed: number): () => number {
  let state = seed * 2_654_435_761 + 1;
  return () => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) | 0;
    return (state >>> 0) / 2 ** 32;
  };
}

/** Ones and zeros for all rows, single or in runs. */
function choice(random: () => number): Uint8Array {
  const share = [0, 0.01, 0.3, 0.92, 1][Math.floor(random() * 5)]!;
  const runs = random() < 0.5 ? 1 : 1 + Math.floor(random() * 3000);
  const flags = new Uint8Array(ROWS);
  for (let row = 0; row < ROWS; row += runs) flags.fill(random() < share ? 1 : 0, row, row + runs);
  return flags;
}

const rowCount = (block: number): number => parquetKernels.view().getUint32(block + BLOCK_ROW_COUNT, true);

/** Columns of rows as leaves see them: those whose leaves are not kept are left out. */
const columnsOf = (rows: readonly Value[][], wanted: readonly boolean[]): Value[][] => rows.map((row) => row.filter((_, at) => wanted[at]));

describe.each(Object.keys(files))("%s", (name) => {
  const path = files[name]!;
  const all = (() => {
    let read: ReturnType<typeof readParquetFile> | null = null;
    return () => (read ??= readParquetFile(path));
  })();
  const columnLeaves = (schema: StructType): number[] =>
    leavesOf(schema).map((leaf) => schema.fields.findIndex((field) => field.name === leaf.path[0]));

  test.each([1, 2, 3, 4, 5])("rows chosen at random, seed %d", async (seed) => {
    const random = randomOf(seed);
    const { schema, rows } = await all();
    const isKeptColumn = schema.fields.map(() => random() < 0.7);
    const ofLeaves = (columns: readonly boolean[]): boolean[] => columnLeaves(schema).map((column) => columns[column]!);
    /** Which of up to three tests looks at a column; more than that: none. */
    const count = 1 + Math.floor(random() * 3);
    const testOfColumn = schema.fields.map(() => Math.floor(random() * 6));
    const tests = Array.from({ length: count }, (_, at) => {
      const flags = choice(random);
      let seen = 0;
      return {
        flags,
        tested: ofLeaves(testOfColumn.map((number) => number === at)),
        select(block: number, target: number) {
          parquetKernels.bytes().set(flags.subarray(seen, seen + rowCount(block)), target);
          seen += rowCount(block);
        },
      };
    });
    let counted = 0;
    const selection: RowSelection = { tests, kept: ofLeaves(isKeptColumn), isSafe: false, count: (kept) => void (counted += kept) };
    const found = await readParquetFile(path, { schema, selection });
    const expected = rows.filter((_, row) => tests.every(({ flags }) => flags[row] === 1));
    expect(columnsOf(found.rows, isKeptColumn)).toEqual(columnsOf(expected, isKeptColumn));
    expect(counted).toBe(expected.length);
  });

  test.each([
    ["few"],
    ["texts"],
    ["words"],
    ["flag"],
    ["late"],
    ["few", "words"],
    ["late", "texts", "words"],
    ["words", "n"],
    ["n", "few", "late"],
  ])("conditions on %s %s %s, asked about entries of dictionaries", async (...columns) => {
    const { schema, rows } = await all();
    const leaves = leavesOf(schema);
    const indexOf = (column: string): number => schema.fields.findIndex((field) => field.name === column);
    for (const isNullKept of [false, true]) {
      const keeps = (value: Value): boolean => (value === null ? isNullKept : String(value).length % 2 === 0);
      // One that is wanted afterwards is read as all others are.
      const isWanted = (column: string): boolean => column === "n" || !columns.includes(column);
      const selection: RowSelection = {
        tests: columns.map((column) => ({
          tested: leaves.map((leaf) => leaf.path[0] === column),
          select(block, target) {
            const values = toRows(parquetKernels, schema, [block]).map((row) => row[indexOf(column)]!);
            parquetKernels.bytes().set(
              values.map((value) => (keeps(value) ? 1 : 0)),
              target,
            );
          },
        })),
        kept: leaves.map((leaf) => isWanted(leaf.path[0]!)),
        isSafe: true,
        count() {},
      };
      const wanted = schema.fields.map(({ name: field }) => isWanted(field));
      const found = await readParquetFile(path, { schema, selection });
      const expected = rows.filter((row) => columns.every((column) => keeps(row[indexOf(column)]!)));
      expect(columnsOf(found.rows, wanted)).toEqual(columnsOf(expected, wanted));
    }
  });
});
