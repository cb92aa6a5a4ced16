/** The data sets of the benchmark: the same bytes everywhere, and the same rows in every form, as a reader that is not ours sees them. */
import { createHash } from "node:crypto";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const directory = mkdtempSync(join(tmpdir(), "millrace-bench-data-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

interface Written {
  readonly files: Readonly<Record<string, readonly string[]>>;
  readonly sides: Readonly<Record<string, string>>;
}

async function write(set: string, form: string, ...more: readonly string[]): Promise<Written> {
  const args = [join(root, "bench/data.mjs"), set, "--form", form, "--directory", directory, "--events", "3000", "--files", "2", ...more];
  return JSON.parse((await promisify(execFile)(process.execPath, args)).stdout) as Written;
}

function sha256({ files, sides }: Written): string {
  const hash = createHash("sha256");
  for (const path of [...Object.values(files).flat(), ...Object.values(sides)]) hash.update(readFileSync(path));
  return hash.digest("hex").slice(0, 16);
}

test.each([
  ["ysb-a", "columns", "3505f83da7b12c14"],
  ["ysb-a", "ndjson", "f4ce1240af8d4cad"],
  ["ysb-e", "columns", "19603bd244570fac"],
  ["keys", "columns", "b72d8a0e8618aad0"],
  ["nexmark", "columns", "ee6a91229781c55b"],
  ["nexmark", "ndjson", "e1375a26eda5f249"],
  ["clicks", "columns", "7dd8015fba40f3f2"],
  ["transfers", "ndjson", "f56bc9d7a48613d3"],
  ["measurements", "csv", "96f60b8b9e923514"],
])("%s as %s has the bytes it has always had", async (set, form, digest) => {
  expect(sha256(await write(set, form))).toBe(digest);
});

test.each([
  [
    "ysb-a",
    "events",
    "sum(hash(user_id::VARCHAR, page_id::VARCHAR, ad_id::VARCHAR, ad_type, event_type, ip_address)), sum(epoch_ms(event_time))",
    "user_id",
  ],
  ["keys", "keys", "sum(key), count(distinct key)", ""],
  ["nexmark", "events", "sum(event_type), sum(bid.price), sum(hash(bid.url, auction.extra, person.name)), max(epoch_ms(bid.dateTime))", ""],
  ["clicks", "clicks", "sum(click_imp_id), sum(epoch_ms(click_time))", ""],
  ["transfers", "transfers", "sum(id), sum(from_account * 7 + to_account), sum(epoch_ms(ts))", ""],
])("%s: NDJSON and Parquet hold the same rows", async (set, table, aggregates, textTime) => {
  const connection = await (await DuckDBInstance.create()).connect();
  const rows = async (form: string, reader: string) => {
    const { files } = await write(set, form);
    const paths = files[table]!.map((path) => `'${path}'`).join(", ");
    const select = aggregates.replace(
      "epoch_ms(event_time)",
      form === "ndjson" && textTime ? "event_time::BIGINT" : "epoch_ms(event_time)",
    );
    return (await connection.runAndReadAll(`SELECT count(*), ${select} FROM ${reader}([${paths}])`)).getRowsJson();
  };
  expect(await rows("ndjson", "read_json")).toEqual(await rows("parquet", "read_parquet"));
});

test("with skew some events are late and all others within 50 ms", async () => {
  const times = async (...more: string[]) => {
    const { files } = await write("ysb-b", "ndjson", ...more);
    return files["events"]!.flatMap((path) => readFileSync(path, "utf8").trim().split("\n")).map((line) =>
      Number(JSON.parse(line).event_time),
    );
  };
  const [even, skewed] = [await times(), await times("--skew")];
  const shifts = skewed.map((time, index) => time - even[index]!);
  expect(Math.max(...shifts)).toBe(50);
  expect(shifts.filter((shift) => shift < -50).length).toBeLessThan(5);
  expect(new Set(shifts).size).toBeGreaterThan(90);
});

test.each([
  [["ysb-x", "--form", "columns"], /give one set of ysb-a/],
  [["keys", "--form", "csv"], /--form must be one of columns, ndjson, parquet/],
])("refuses %j", async (args, message) => {
  await expect(promisify(execFile)(process.execPath, [join(root, "bench/data.mjs"), ...args])).rejects.toThrow(message);
});
