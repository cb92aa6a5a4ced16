/**
 * What a stream puts out, batch by batch, is what DuckDB computes from the whole input so far: random queries over random rows, cut into random
 * batches, with restarts and other numbers of workers in between. Rows may be late: DuckDB is told which watermark each batch started with.
 * MILLRACE_SEED=<seed> repeats one seed, MILLRACE_LONG=1 runs many.
 */
import type { DuckDBConnection } from "@duckdb/node-api";
import { afterAll, beforeAll, expect, test } from "vitest";
import { functions as F, type DataFrame } from "../../src/index.ts";
import { addData, checkNewAnswer, memoryStream, startStream, stopStream, testStream, type Step } from "../../src/testing.ts";
import { openDuck } from "../oracle/support/duck.ts";
import { Random } from "../oracle/support/random-table.ts";
import { testSession } from "../support/test-session.ts";

type Frame = DataFrame<any>;

const DDL = "k INT, g STRING, i INT, n DECIMAL(8,2), second INT";
const START_S = 1_700_000_000;
const GROUPS = ["", "a", "b", "Zürich", "a longer text that is not inline", "😀"];
const LOOKUP = Array.from({ length: 9 }, (_, k) => [k === 8 ? null : k, k % 4 === 3 ? null : `name ${k}`, k * 100 - 200] as const);
const WORKERS = [1, 2, 4];

const spark = testSession();
let duck: DuckDBConnection;
beforeAll(async () => {
  duck = await openDuck();
  const rows = LOOKUP.map(([k, name, weight]) => `(${k}, ${name === null ? "NULL" : `'${name}'`}, ${weight})`);
  await duck.run(`CREATE TABLE lookup AS SELECT * FROM (VALUES ${rows.join(", ")}) AS l(k, name, weight)`);
});
afterAll(() => duck.closeSync());

type Row = readonly [k: number | null, g: string | null, i: number | null, n: string | null, second: number | null];

function randomRow(random: Random, nowS: number): Row {
  const or = <T>(value: T): T | null => (random.chance(0.1) ? null : value);
  const second = random.chance(0.03) ? null : nowS - random.below(random.chance(0.1) ? 400 : 60);
  const n = `${random.below(9000) - 4500}.${random.below(90) + 10}`;
  return [or(random.below(12)), or(random.pick(GROUPS)), or(random.below(2000) - 1000), or(n), second];
}

/** A step in both languages; it keeps all columns, and in DuckDB those of the batch, too. */
interface Stage {
  readonly text: string;
  readonly apply: (frame: Frame, lookup: Frame) => Frame;
  readonly sql: (input: string) => string;
}

const COLUMNS = ["k", "g", "i", "n", "second"];
const filter = (condition: string): Stage => ({
  text: condition,
  apply: (frame) => frame.filter(condition),
  sql: (input) => `SELECT * FROM (${input}) WHERE ${condition}`,
});
const replace = (column: string, value: string): Stage => ({
  text: `${column} = ${value}`,
  apply: (frame) => frame.selectExpr(...COLUMNS.map((name) => (name === column ? `${value} AS ${name}` : name))),
  sql: (input) => `SELECT * REPLACE (${value} AS ${column}) FROM (${input})`,
});
const join = (kind: "inner" | "left", replaced: string): Stage => ({
  text: `${kind} join, g = ${replaced}`,
  apply: (frame, lookup) =>
    frame.as("l").join(lookup.as("r"), F.expr("l.k = r.k"), kind).selectExpr("l.k AS k", `${replaced} AS g`, "i", "n", "second"),
  sql: (input) => `SELECT l.* REPLACE (${replaced} AS g) FROM (${input}) l ${kind} JOIN lookup r ON l.k = r.k`,
});
const halfJoin = (kind: "semi" | "anti", condition: string): Stage => ({
  text: `${kind} join with ${condition}`,
  apply: (frame, lookup) => frame.join(lookup.filter(condition), "k", kind),
  sql: (input) => `SELECT l.* FROM (${input}) l ${kind} JOIN (SELECT * FROM lookup WHERE ${condition}) r ON l.k = r.k`,
});

const STAGES: readonly Stage[] = [
  filter("i > 0"),
  filter("g <> '' OR k % 3 = 1"),
  filter("NOT (n > 100 AND i < 0)"),
  replace("i", "i * 2 + coalesce(k, 1)"),
  replace("g", "CASE WHEN i > 0 THEN g || '!' ELSE upper(g) END"),
  replace("k", "k + 1"),
  join("inner", "concat_ws('/', g, name)"),
  join("left", "coalesce(name, g)"),
  halfJoin("semi", "weight < 400"),
  halfJoin("anti", "weight > 300"),
];

/** The same in both; the results are integers and texts. */
const AGGREGATES = ["count(*)", "sum(i)", "min(g)", "max(g)", "count(n)", "min(i)", "max(i)", "sum(CASE WHEN i > 0 THEN 1 ELSE 0 END)"];
const KEYS: readonly (readonly string[])[] = [["k"], ["g"], ["k", "g"], ["i % 7"], ["upper(g)", "k"]];
/** Length and slide, seconds. */
const WINDOWS: readonly (readonly [number, number])[] = [
  [60, 60],
  [60, 20],
  [50, 20],
];

/** What is known of a batch: its number, its late watermark and the one after it; 0: not set. */
interface Moment {
  readonly batch: number;
  readonly lateS: number;
  readonly watermarkS: number;
}

interface Query {
  readonly text: string;
  readonly outputMode: "append" | "update" | "complete";
  readonly build: (prepared: Frame) => Frame;
  /** What the batch must put out; its watermark's sequel without data included. */
  readonly sql: (prepared: string, moment: Moment) => string;
}

const rename = (expressions: readonly string[], name: string): string[] => expressions.map((each, index) => `${each} AS ${name}${index}`);
/** 64 bits on both sides. */
const results = (aggregates: readonly string[]): string[] =>
  rename(
    aggregates.map((each) => (/[(]g/.test(each) ? each : `CAST(${each} AS BIGINT)`)),
    "a",
  );
const upTo = (batch: number): string => `batch <= ${batch}`;

function stateless(): Query {
  return {
    text: "rows",
    outputMode: "append",
    build: (frame) => frame.selectExpr("k", "g", "i", "CAST(n AS STRING) AS n"),
    sql: (input, { batch }) => `SELECT k, g, i, CAST(n AS VARCHAR) FROM (${input}) WHERE batch = ${batch}`,
  };
}

function keyed(keys: readonly string[], aggregates: readonly string[], outputMode: "update" | "complete"): Query {
  const all = [...rename(keys, "k"), ...results(aggregates)].join(", ");
  const groups = keys.length > 0 ? `GROUP BY ${keys.map((_, index) => index + 1).join(", ")}` : "";
  return {
    text: `${aggregates.join()} by ${keys.join()}, ${outputMode}`,
    outputMode,
    build: (frame) => frame.groupBy(...rename(keys, "k").map((key) => F.expr(key))).agg(...results(aggregates).map((each) => F.expr(each))),
    // A query without keys has a row also before there are any.
    sql: (input, { batch }) =>
      `SELECT ${all} FROM (${input}) WHERE ${upTo(batch)} ${groups} ${outputMode === "update" && keys.length > 0 ? `HAVING max(batch) = ${batch}` : ""}`,
  };
}

/** Rows of the first batch that has them. */
function distinct(columns: readonly string[], outputMode: "append" | "update", hasDuplicatesDropped: boolean): Query {
  const list = columns.join(", ");
  return {
    text: `${hasDuplicatesDropped ? "dropDuplicates" : "distinct"} ${list}, ${outputMode}`,
    outputMode,
    build: (frame) =>
      hasDuplicatesDropped ? frame.dropDuplicates([...columns]).selectExpr(...columns) : frame.selectExpr(...columns).distinct(),
    sql: (input, { batch }) => `SELECT ${list} FROM (${input}) WHERE ${upTo(batch)} GROUP BY ALL HAVING min(batch) = ${batch}`,
  };
}

const DELAY_S = 90;
const watermarked = (frame: Frame): Frame =>
  frame.withColumn("ts", F.timestamp_seconds(F.col("second"))).withWatermark("ts", `${DELAY_S} seconds`);

function windowed(
  [length, slide]: readonly [number, number],
  keys: readonly string[],
  aggregates: readonly string[],
  outputMode: "append" | "update" | "complete",
  isDeduplicated: boolean,
): Query {
  const columns = [...rename(keys, "k"), ...results(aggregates)].join(", ");
  const groups = [1, ...keys.map((_, index) => index + 2)].join(", ");
  return {
    text: `${aggregates.join()} by window ${length}/${slide} and ${keys.join()}${isDeduplicated ? " of distinct rows" : ""}, ${outputMode}`,
    outputMode,
    build: (frame) =>
      (isDeduplicated ? watermarked(frame).dropDuplicates(["ts", "k", "g", "i"]) : watermarked(frame))
        .groupBy(F.window("ts", `${length} seconds`, `${slide} seconds`).as("w"), ...rename(keys, "k").map((key) => F.expr(key)))
        .agg(...results(aggregates).map((each) => F.expr(each)))
        .selectExpr(
          "CAST(w.start AS BIGINT) AS start",
          ...keys.map((_, index) => `k${index}`),
          ...aggregates.map((_, index) => `a${index}`),
        ),
    sql(input, { batch, lateS, watermarkS }) {
      const once = `SELECT second, k, g, i, min(n) AS n, min(batch) AS batch, any_value(late) AS late FROM (${input}) WHERE late = 0 OR second > late GROUP BY second, k, g, i`;
      const rows = `SELECT t.*, CAST(floor(second / ${slide}) * ${slide} - r.j * ${slide} AS BIGINT) AS start
        FROM (${isDeduplicated ? once : input}) t, range(${Math.ceil(length / slide)}) r(j) WHERE second IS NOT NULL AND ${upTo(batch)}`;
      // Complete mode keeps every window, and so takes late rows, too.
      const isTimely = outputMode === "complete" ? "true" : `(late = 0 OR start + ${length} > late)`;
      const timely = `SELECT * FROM (${rows}) WHERE start + ${length} > second AND ${isTimely}`;
      const shown = {
        append: `HAVING start + ${length} <= ${watermarkS} AND start + ${length} > ${lateS}`,
        update: `HAVING max(batch) = ${batch}`,
        complete: "",
      };
      return `SELECT start, ${columns} FROM (${timely}) GROUP BY ${groups} ${shown[outputMode]}`;
    },
  };
}

function randomQuery(random: Random): Query {
  const aggregates = AGGREGATES.filter(() => random.chance(0.4));
  if (aggregates.length === 0) aggregates.push("count(*)");
  switch (
    random.pick(["rows", "keyed", "keyed", "global", "distinct", "distinct", "windowed", "windowed", "windowed", "deduplicated"] as const)
  ) {
    case "rows":
      return stateless();
    case "keyed":
      return keyed(random.pick(KEYS), aggregates, random.pick(["update", "complete"]));
    case "global":
      return keyed([], aggregates, random.pick(["update", "complete"]));
    case "distinct":
      return distinct(random.pick([["k"], ["g", "k"], ["i"], ["g"]]), random.pick(["append", "update"]), random.chance(0.5));
    case "windowed":
      return windowed(
        random.pick(WINDOWS),
        random.chance(0.6) ? random.pick(KEYS) : [],
        aggregates,
        random.pick(["append", "append", "update", "complete"]),
        false,
      );
    case "deduplicated": {
      const ofDistinct = aggregates.filter((each) => !each.includes("(n)"));
      return windowed(random.pick(WINDOWS), ["k"], ofDistinct.length > 0 ? ofDistinct : ["count(*)"], "append", true);
    }
  }
}

const quoted = (value: unknown): string => (typeof value === "string" ? `'${value}'` : String(value));

async function answer(sql: string): Promise<readonly unknown[][]> {
  return (await duck.runAndReadAll(sql)).getRows().map((row) => [...row]);
}

let rowsExpected = 0;
afterAll(() => expect(rowsExpected).toBeGreaterThan(seeds.length));

const seeds =
  process.env.MILLRACE_SEED !== undefined
    ? [Number(process.env.MILLRACE_SEED)]
    : Array.from({ length: process.env.MILLRACE_LONG ? 1000 : 24 }, (_, index) => 1 + index);

test.each(seeds)("seed %i", async (seed) => {
  const random = new Random(seed * 7919);
  const stages = Array.from({ length: random.below(4) }, () => random.pick(STAGES));
  const query = randomQuery(random);
  await duck.run("CREATE OR REPLACE TABLE input (k INT, g VARCHAR, i INT, n DECIMAL(8,2), second INT, batch INT, late INT)");
  const prepared = stages.reduce((input, { sql }) => sql(input), "SELECT * FROM input");
  const input = memoryStream(spark(), DDL);
  const lookup = spark().createDataFrame(
    LOOKUP.map((row) => [...row]),
    "k INT, name STRING, weight INT",
  );
  const frame = query.build(stages.reduce((current, { apply }) => apply(current, lookup), input.toDF()));

  const steps: Step[] = [];
  let [nowS, lateS] = [START_S, 0];
  const batches = 2 + random.below(7);
  for (let batch = 0; batch < batches; batch++) {
    nowS += random.below(80);
    const rows = Array.from({ length: 1 + random.below(60) }, () => randomRow(random, nowS));
    await duck.run(`INSERT INTO input VALUES ${rows.map((row) => `(${[...row, batch, lateS].map(quoted).join(", ")})`).join(", ")}`);
    const [[seenS]] = (await answer(`SELECT max(second) FROM (${prepared})`)) as [[number | null]];
    const watermarkS = Math.max(lateS, (seenS ?? 0) - DELAY_S);
    const expected = await answer(query.sql(prepared, { batch, lateS, watermarkS }));
    rowsExpected += expected.length;
    if (batch > 0 && random.chance(0.3)) steps.push(stopStream(), startStream({ workers: random.pick(WORKERS) }));
    steps.push(addData(input, ...rows.map((row) => [...row])), checkNewAnswer(...expected));
    lateS = watermarkS;
  }
  const text = `seed ${seed}: ${stages.map((stage) => stage.text).join("; ")} | ${query.text}`;
  const conf = { "spark.sql.shuffle.partitions": 1 + random.below(6) };
  await testStream(frame, { outputMode: query.outputMode, workers: random.pick(WORKERS), conf }, ...steps).catch((error: unknown) => {
    throw new Error(text, { cause: error });
  });
});
