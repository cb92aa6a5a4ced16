/**
 * What is compared. `program` names the query in the files of `systems/`; `form` is the input; `events` the usual number, from which every
 * system's run takes about 1 to 10 seconds. `answer` says what of the lines counts: `closed`: windows that a stream has closed at its end; `sum`:
 * counts summed over windows (they depend on the clock). `unchecked`: systems whose answer differs by design (README). Floors and goals are those of `../goals.mjs`; latencies have their own, in ms.
 */
import { goals } from "../goals.mjs";
import { suites } from "../query/suites.mjs";

const ysb = { program: "ysb", set: "ysb-a", table: "events", sides: ["ads"] };
const project = { program: "project", set: "ysb-a", table: "events", sides: [] };
const nexmark = { set: "nexmark", table: "bids", form: "parquet", events: 4_000_000, sides: [] };
const json = { form: "ndjson", events: 3_000_000 };
const parquet = { form: "parquet", events: 6_000_000 };

const all = ["millrace", "spark", "flink", "duckdb", "duckdb-1"];
const withNode = [...all, "node"];

const compared = [
  { name: "ysb-json", title: "YSB, JSON files", ...ysb, ...json, systems: [...withNode, "native"] },
  {
    name: "ysb-text",
    title: "YSB, lines of text and from_json",
    ...ysb,
    ...json,
    read: "text",
    systems: ["millrace", "spark"],
  },
  { name: "ysb-parquet", title: "YSB, Parquet", ...ysb, ...parquet, systems: all },
  { name: "project-json", title: "Filter and project, JSON", ...project, ...json, systems: [...withNode, "native"] },
  { name: "project-parquet", title: "Filter and project, Parquet", ...project, ...parquet, systems: all },
  {
    name: "json-to-parquet",
    title: "Filter and project, JSON to Parquet files",
    ...project,
    ...json,
    sink: "parquet",
    systems: all,
  },
  {
    name: "count-by-key",
    title: "Count by key, 1 M keys, update mode",
    program: "count-by-key",
    set: "keys",
    table: "keys",
    sides: [],
    form: "parquet",
    events: 3_000_000,
    systems: ["millrace", "spark", "spark-rocksdb", "flink", "flink-rocksdb", "duckdb", "duckdb-1"],
  },
  ...["q0", "q1", "q2"].map((name) => ({
    name,
    title: `Nexmark ${name}`,
    program: name,
    ...nexmark,
    systems: all,
  })),
  {
    name: "q5",
    title: "Nexmark q5, sliding windows",
    program: "q5",
    ...nexmark,
    answer: "closed",
    systems: all,
  },
  { name: "q7", title: "Nexmark q7 as one aggregate", program: "q7", ...nexmark, systems: all },
  {
    name: "q12",
    title: "Nexmark q12, processing time",
    unchecked: ["flink"],
    program: "q12",
    ...nexmark,
    answer: "sum",
    systems: all,
  },
  {
    name: "q13",
    title: "Nexmark q13, static join",
    program: "q13",
    ...nexmark,
    sides: ["side"],
    systems: all,
  },
  { name: "q17", title: "Nexmark q17, per auction and day", program: "q17", ...nexmark, systems: all },
  {
    name: "latency-windowed",
    title: "One micro-batch of 1,000 rows: windowed count",
    program: "windowed",
    kind: "latency",
    systems: ["millrace", "spark"],
    goals: [5, 1],
  },
  {
    name: "latency-stateless",
    title: "One micro-batch of 1,000 rows: filter",
    program: "stateless",
    kind: "latency",
    systems: ["millrace", "spark"],
    goals: [3, 1],
  },
];

function goalsOf(name) {
  const row = goals.find(({ peers }) => peers === name);
  return row ? [row.floor, row.goal] : null;
}

export const queries = compared.map((query) => ({ goals: goalsOf(query.name), ...query }));

/** Of the table of goals, what the engine cannot run yet, as the suites say. */
export const waiting = goals.flatMap(({ title, suite }) => {
  const waitsFor = suites.find(({ name }) => name === suite)?.waitsFor;
  return waitsFor ? [{ title, waitsFor }] : [];
});

/** What is to be started for a system: who runs it, and how it differs from its siblings. */
export const systems = {
  millrace: { title: "Millrace", runner: "millrace" },
  spark: { title: "Spark", runner: "spark" },
  "spark-rocksdb": { title: "Spark, RocksDB", runner: "spark", state: "rocksdb" },
  flink: { title: "Flink", runner: "flink" },
  "flink-rocksdb": { title: "Flink, RocksDB", runner: "flink", state: "rocksdb" },
  duckdb: { title: "DuckDB", runner: "duckdb" },
  "duckdb-1": { title: "DuckDB, 1 thread", runner: "duckdb", cores: 1 },
  node: { title: "Plain Node, 1 thread", runner: "node", cores: 1 },
  native: { title: "Native", runner: "native" },
};
