/**
 * The files of apache/parquet-testing: what parquet-wasm (or, where it cannot, Spark or DuckDB) reads we read to the same
 * values, everything else is a typed error.
 */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { MillraceError } from "../../src/base/errors.ts";
import type { Value } from "../../src/columnar/values.ts";
import { oracleRows } from "./parquet-oracle.ts";
import { readParquetFile } from "./parquet-reading.ts";

const corpus = fileURLToPath(new URL("../../../shared/corpora/parquet-testing", import.meta.url));

/** Files that are refused, and why; part of the error's text. */
const REFUSED: Readonly<Record<string, string>> = {
  "byte_stream_split_extended.gzip.parquet": "FLOAT16",
  "datapage_v1-corrupt-checksum.parquet": "checksum",
  "float16_nonzeros_and_nans.parquet": "FLOAT16",
  "float16_zeros_and_nans.parquet": "FLOAT16",
  "floating_orders_nan_count.parquet": "FLOAT16",
  "large_string_map.brotli.parquet": "are allowed",
  "map_no_value.parquet": "MAP without the parts of one",
  "rle-dict-uncompressed-corrupt-checksum.parquet": "checksum",
};

/** What parquet-wasm cannot read or gets wrong. Values as Spark 4.1.1 reads them, where it does; otherwise DuckDB's. */
const RECORDED: Readonly<Record<string, (rows: Value[][]) => unknown>> = {
  // DuckDB: one value 39 times.
  "dict-page-offset-zero.parquet": (rows) => expect(rows).toEqual(Array.from({ length: 39 }, () => [1552])),
  // Times beyond what nanoseconds in 64 bits can hold.
  "int96_from_spark.parquet": (rows) =>
    expect(rows.flat()).toEqual([
      1_704_141_296_123_456n,
      1_704_070_800_000_000n,
      253_402_225_200_000_000n,
      1_735_599_600_000_000n,
      null,
      9_089_380_393_200_000_000n,
    ]),
  // DuckDB; the length of a column leaves its dictionary's header out.
  "nation.dict-malformed.parquet": (rows) => {
    expect(rows).toHaveLength(25);
    const text = (value: Value): string => Buffer.from(value as Uint8Array).toString();
    expect(rows.slice(0, 3).map((row) => [row[0], text(row[1]!), row[2]])).toEqual([
      [0, "ALGERIA", 0],
      [1, "ARGENTINA", 1],
      [2, "BRAZIL", 1],
    ]);
  },
  "repeated_no_annotation.parquet": (rows) =>
    expect(rows).toEqual([
      [1, null],
      [2, null],
      [3, [[]]],
      [4, [[[5_555_555_555n, null]]]],
      [5, [[[1_111_111_111n, "home"]]]],
      [
        6,
        [
          [
            [1_111_111_111n, "home"],
            [2_222_222_222n, null],
            [3_333_333_333n, "mobile"],
          ],
        ],
      ],
    ]),
};

const files = (folder: string): string[] => (existsSync(join(corpus, folder)) ? readdirSync(join(corpus, folder)) : []);
const data = files("data").filter((name) => name.endsWith(".parquet"));

test.skipIf(data.length === 0)("there is a corpus", () => expect(data.length).toBeGreaterThan(50));
if (data.length === 0) console.log("parquet-corpus: skipped, as ../shared/corpora/parquet-testing is not beside the repository");

test.each(data)("%s", async (name) => {
  const path = join(corpus, "data", name);
  const refused = REFUSED[name];
  if (refused !== undefined) {
    await expect(readParquetFile(path)).rejects.toThrow(refused);
    return;
  }
  const { schema, rows } = await readParquetFile(path);
  const check = RECORDED[name];
  if (check) check(rows);
  else expect(rows).toEqual(oracleRows(path, schema));
});

test.each(files("data").filter((name) => name.endsWith(".encrypted")))("%s is refused as encrypted", async (name) => {
  await expect(readParquetFile(join(corpus, "data", name))).rejects.toThrow(/encrypted|TIME/);
});

/** It has only zeros, in indexes of no bits; Spark and DuckDB read it so, too. */
test.skipIf(files("bad_data").length === 0)("bad: ARROW-GH-43605.parquet", async () => {
  const { rows } = await readParquetFile(join(corpus, "bad_data/ARROW-GH-43605.parquet"));
  expect(rows).toEqual(Array.from({ length: 21_186 }, () => [0]));
});

const bad = files("bad_data").filter((name) => name.endsWith(".parquet") && !name.includes("43605"));

test.each(bad)("bad: %s", async (name) => {
  const path = join(corpus, "bad_data", name);
  const error = await readParquetFile(path).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(MillraceError);
  expect((error as MillraceError).condition).toMatch(/^(FAILED_READ_FILE\.(PARQUET|CANNOT_READ_FILE_FOOTER)|PARQUET_TYPE_NOT_SUPPORTED)/);
});
