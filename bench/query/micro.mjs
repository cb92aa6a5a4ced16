/**
 * Parts of the engine by themselves, as small batch queries that run again and again (tinybench): expressions, hash tables, scans, encoders. The figures are
 * millions of rows a second. Every query's answer is known by arithmetic, or from what DuckDB says of the files.
 */
import { dirname, join } from "node:path";
import { Bench } from "tinybench";
import { writeSet } from "../data/sets.mjs";
import { columnSchema, textSchema } from "../data/ysb.mjs";
import { duckFiles, duckLines, keptAnswer } from "../harness/answers.mjs";
import { F, withSession } from "../harness/engine.mjs";

const ROWS_MAX = 1_000_000;
const FILES = 4;
const MEASURED_MS = 300;

/** Sums over 0 … n-1: name, SQL, and the same in whole numbers. */
const EXPRESSIONS = [
  ["arithmetic", "id * 3 + 1", (id) => id * 3n + 1n],
  ["case", "CASE WHEN id % 2 = 0 THEN 1 WHEN id % 3 = 0 THEN 2 ELSE 3 END", (id) => (id % 2n === 0n ? 1n : id % 3n === 0n ? 2n : 3n)],
  ["text", "length(concat('key ', cast(id AS STRING)))", (id) => BigInt(`key ${id}`.length)],
  ["hour of a time", "hour(timestamp_seconds(id))", (id) => (id / 3600n) % 24n],
  ["decimal", "cast(0.908 * id * 1000 AS BIGINT)", (id) => 908n * id],
];

export const suite = {
  name: "micro",
  group: "micro",
  title: "Parts of the engine, million rows a second",
  kind: "latency",
  events: ROWS_MAX,
  scalesTo: [1, 2],
  about: { source: "range, files", sink: "collect, files", checkpoint: "none, batch queries", rate: "no event time" },

  async prepare({ directory, events }) {
    const rows = Math.min(ROWS_MAX, events);
    const settings = { directory, events: rows, files: FILES };
    const ndjson = await writeSet("ysb-b", { ...settings, form: "ndjson" });
    const parquet = await writeSet("ysb-b", { ...settings, form: "parquet" });
    const csv = await writeSet("measurements", { ...settings, form: "csv" });
    const counted = (name, sql) =>
      keptAnswer(`${dirname(parquet.files.events[0])}-${name}`, async () =>
        String(await duckLines(`SELECT ${sql} FROM read_parquet(${duckFiles(parquet.files.events)})`)),
      );
    const views = await counted("views", "count(*) FILTER (event_type = 'view')");
    const groups = await counted("groups", "count(DISTINCT ad_id || event_type)");
    const folders = {
      ndjson: dirname(ndjson.files.events[0]),
      parquet: dirname(parquet.files.events[0]),
      csv: dirname(csv.files.measurements[0]),
    };
    return {
      rows,
      folders,
      expected: expectedAnswers(rows, views, groups).join(),
      generatorSeconds: ndjson.seconds + parquet.seconds + csv.seconds,
    };
  },

  async run({ rows, folders }, { workers }) {
    return await withSession(workers, async (spark, directory) => {
      const tasks = tasksOf(spark, rows, folders, directory);
      const answers = [];
      for (const { answer } of tasks) answers.push(await answer());
      const bench = new Bench({
        time: rows < ROWS_MAX ? 1 : MEASURED_MS,
        iterations: 1,
        warmup: rows === ROWS_MAX,
        warmupTime: 100,
        warmupIterations: 1,
      });
      for (const { name, answer } of tasks) bench.add(name, answer);
      await bench.run();
      const figures = bench.tasks.map(({ name, result }) => {
        if (result.state !== "completed") throw new Error(`${name}: ${result.state} ${result.error ?? ""}`);
        return [name, rows / result.latency.mean / 1000];
      });
      return { millionRowsPerSecond: Object.fromEntries(figures), digest: answers.join() };
    });
  },
};

function tasksOf(spark, rows, folders, directory) {
  const first = async (frame) => Object.values((await frame.collect())[0])[0];
  const count = async (frame) => await frame.count();
  const ids = () => spark.range(rows);
  const isView = "event_type = 'view'";
  const written = ids().select(F.col("id"), F.expr("cast(id AS STRING) AS text"), F.expr("timestamp_seconds(id) AS time"));
  const writeAnd = (format) => async () => {
    const path = join(directory, format);
    await written.write.mode("overwrite").format(format).save(path);
    return rows;
  };
  return [
    ...EXPRESSIONS.map(([name, sql]) => ({ name: `expression: ${name}`, answer: () => first(ids().agg(F.expr(`sum(${sql})`))) })),
    { name: "filter", answer: () => count(ids().filter("id % 7 = 3")) },
    { name: "hash table, 1 K groups", answer: () => count(ids().groupBy(F.expr("id % 1000")).count()) },
    { name: "shuffle, every row by its key", answer: () => count(ids().select("id", F.expr("id * 3 AS a")).dropDuplicates(["id"])) },
    { name: "hash table, a group each row", answer: () => count(ids().groupBy("id").count()) },
    { name: "scan NDJSON", answer: () => count(spark.read.schema(textSchema).json(folders.ndjson).filter(isView)) },
    { name: "scan Parquet", answer: () => count(spark.read.schema(columnSchema).parquet(folders.parquet).filter(isView)) },
    {
      name: "groups by two texts, Parquet",
      answer: () => count(spark.read.schema(columnSchema).parquet(folders.parquet).groupBy("ad_id", "event_type").count()),
    },
    {
      name: "scan CSV",
      answer: () => count(spark.read.schema("station STRING, t DOUBLE").option("sep", ";").csv(folders.csv).filter("t IS NOT NULL")),
    },
    { name: "encode JSON", answer: writeAnd("json") },
    { name: "encode CSV", answer: writeAnd("csv") },
    { name: "encode Parquet", answer: writeAnd("parquet") },
  ];
}

function expectedAnswers(rows, views, groups) {
  const sums = EXPRESSIONS.map(([, , value]) => {
    let sum = 0n;
    for (let id = 0n; id < rows; id++) sum += value(id);
    return sum;
  });
  const filtered = Math.floor((rows - 4) / 7) + 1;
  return [...sums, filtered, Math.min(1000, rows), rows, rows, views, views, groups, rows, rows, rows, rows];
}
