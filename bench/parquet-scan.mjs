// How fast one thread turns Parquet files into columns, and answers from them: YSB events (three dictionary columns of seven), bids
// (numbers, text, time), each with DuckDB on one thread and parquet-wasm on the same file in the same run. Rounds alternate; what is
// printed is the median of CPU seconds of the process. Answers are DuckDB's; a wrong one fails.
// `node bench/parquet-scan.mjs [rows] [codec]` (5 million, snappy); files go to the temporary directory and are removed.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { tableFromIPC } from "apache-arrow";
import { readParquet } from "parquet-wasm/node";
import { nodePorts } from "../dist/base/node-ports.js";
import { parquetReader } from "../dist/connectors/parquet/parquet-reader.js";
import { compileKernels, createMemory, instantiateKernels } from "../dist/kernels/load.js";
import { leavesOf } from "../dist/columnar/types.js";
import { F, timed, withSession } from "./harness/engine.mjs";

const rows = Number(process.argv[2] ?? 5_000_000);
const codec = process.argv[3] ?? "snappy";
const ROUNDS = 5;
const MEMORY_BYTES = 2 * 1024 * 1024;

const id = (expression) => `md5((${expression})::text)`;
const SHAPES = [
  {
    name: "ysb: views per ad",
    generate: `select ${id("i * 7919 % 100")} user_id, ${id("i * 104729 % 100 + 1000")} page_id, ${id("hash(i) % 1000 + 5000")} ad_id,
      ['banner','modal','sponsored-search','mail','mobile'][1 + (hash(i + 3) % 5)::int] ad_type,
      ['view','click','purchase'][1 + (hash(i + 9) % 3)::int] event_type, make_timestamp(1700000000000000 + i // 100 * 1000) event_time, '1.2.3.4' ip_address`,
    columns: ["ad_id", "event_type", "event_time"],
    query: (events) =>
      events
        .filter("event_type = 'view'")
        .groupBy("ad_id")
        .agg(F.count("*").as("n"), F.max("event_time").as("last"))
        .agg(F.sum("n").as("n")),
    sql: (file) =>
      `select sum(n)::bigint from (select ad_id, count(*) n, max(event_time) m from ${file} where event_type = 'view' group by ad_id)`,
  },
  {
    name: "bids: filter and project",
    generate: `select (hash(i) % 1000)::bigint auction, (hash(i + 1) % 1000)::bigint bidder, (100 + hash(i + 2) % 100000)::bigint price,
      ['Google','Facebook','Baidu','Apple'][1 + (hash(i + 3) % 4)::int] channel, 'https://www.nexmark.com/' || hash(i + 4) % 10000 || '/item.htm' url,
      make_timestamp(1700000000000000 + i * 100) "dateTime", hash(i + 5)::text extra`,
    columns: ["auction", "bidder", "price", "dateTime"],
    query: (bids) => bids.filter("auction % 123 = 0").selectExpr("bidder * 2 + price as x").agg(F.sum("x").as("n")),
    sql: (file) => `select sum(x)::bigint from (select bidder * 2 + price x, auction from ${file} where auction % 123 = 0)`,
  },
  {
    name: "bids: texts",
    generate: null,
    columns: ["url", "extra"],
    query: (bids) => bids.filter("url = 'https://www.nexmark.com/77/item.htm'").agg(F.count("extra").as("n")),
    sql: (file) => `select count(extra)::bigint from ${file} where url = 'https://www.nexmark.com/77/item.htm'`,
  },
];

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const ports = nodePorts();
const kernels = instantiateKernels(compileKernels(), createMemory());

/** All blocks of a file, columns decoded. */
function scan(path, schema, columns, sizeBytes) {
  const leaves = leavesOf(schema);
  const needed = leaves.map((leaf) => columns.includes(leaf.path[0]));
  const split = { reader: "parquet", path, start: 0, length: sizeBytes, sizeBytes };
  const cursor = parquetReader.open(split, {
    kernels,
    files: ports.files,
    options: null,
    schema,
    leaves,
    needed,
    predicates: [],
    timeZone: "UTC",
  });
  while (cursor.next() !== 0) if (cursor.reusableBytes > MEMORY_BYTES) cursor.reuse();
  cursor.close();
  kernels.exports.arena_reset(0);
  if (cursor.metrics.rows !== rows) throw new Error(`read ${cursor.metrics.rows} rows of ${rows}`);
}

const directory = mkdtempSync(join(tmpdir(), "millrace-parquet-scan-"));
const database = await (await DuckDBInstance.create(":memory:", { threads: "1" })).connect();
const answerOf = async (sql) => String((await database.runAndReadAll(sql)).getRows()[0][0]);
try {
  await withSession(1, async (spark) => {
    let path = "";
    for (const { name, generate, columns, query, sql } of SHAPES) {
      if (generate !== null) {
        path = join(directory, `${name.split(":")[0]}.parquet`);
        await database.run(
          `copy (${generate} from range(${rows}) t(i)) to '${path}' (format parquet, compression ${codec}, row_group_size 500000)`,
        );
      }
      const bytes = readFileSync(path);
      const frame = spark.read.parquet(path);
      const schema = await frame.schema();
      const expected = await answerOf(sql(`read_parquet('${path}')`));
      const ways = {
        scan: () => scan(path, schema, columns, bytes.length),
        query: async () => {
          const [[answer]] = (await query(frame).collect()).map((row) => [row.n]);
          if (String(answer) !== expected) throw new Error(`${name}: ${answer}, and DuckDB says ${expected}`);
        },
        "DuckDB, 1 thread": () => answerOf(sql(`read_parquet('${path}')`)),
        "parquet-wasm to Arrow": () => tableFromIPC(readParquet(bytes, { columns, batchSize: 8192 }).intoIPCStream()),
      };
      const seconds = Object.fromEntries(Object.keys(ways).map((way) => [way, []]));
      for (let round = 0; round <= ROUNDS; round++) {
        for (const [way, run] of Object.entries(ways)) {
          const { cpuSeconds } = await timed(run);
          if (round > 0) seconds[way].push(cpuSeconds);
        }
      }
      console.log(`${name}, ${columns.length} of 7 columns, ${rows} rows, ${codec}, ${(bytes.length / 1e6).toFixed(0)} MB`);
      for (const [way, times] of Object.entries(seconds)) {
        console.log(`  ${way.padEnd(24)} ${(rows / median(times) / 1e6).toFixed(1).padStart(6)} M rows per CPU second`);
      }
    }
  });
} finally {
  database.closeSync();
  rmSync(directory, { recursive: true });
}
