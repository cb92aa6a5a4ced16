/**
 * Batch queries over random tables, compared with DuckDB. Where the dialects differ, the case says how the DuckDB text was fitted:
 * - DuckDB sorts nulls last by default, so every ORDER BY names its nulls.
 * - `avg` of decimals is a double there: both are rounded. A cast of a decimal to an integer rounds there and truncates here: not compared.
 * - `sum` of integers is a HUGEINT that cannot overflow.
 * - `x / 0` is null there and an error here: divisors are never zero.
 * - Time windows have no function there: `time_bucket` for tumbling ones, a join with the starts for sliding ones.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { functions as F, Session, type DataFrame } from "../../src/index.ts";
import { createTable, duckRows, engineRows, openDuck } from "./support/duck.ts";
import { ALL_TYPES, ddlOf, randomTable, type Table } from "./support/random-table.ts";

const { col, count, expr, sum, window } = F;
const seed = Number(process.env.MILLRACE_SEED ?? 20_261_121);
const ROWS = 20_000;

let folder: string;
let duck: DuckDBConnection;
const sessions = new Map<number, Session>();
const tables: Record<string, Table> = {
  t: randomTable(seed, ROWS),
  small: randomTable(seed + 1, 300, ALL_TYPES, 0.15),
  wide: randomTable(seed + 2, 3000),
};

beforeAll(async () => {
  console.log(`seed ${seed} (MILLRACE_SEED)`);
  folder = mkdtempSync(join(tmpdir(), "millrace-oracle-"));
  duck = await openDuck();
  for (const [name, table] of Object.entries(tables)) {
    await createTable(duck, name, table);
    // Small row groups, so that there are several splits for the workers.
    await duck.run(`COPY ${name} TO '${folder}/${name}.parquet' (FORMAT parquet, ROW_GROUP_SIZE 2048)`);
  }
  for (const workers of [1, 2, 4]) {
    const session = await Session.builder()
      .master(`local[${workers}]`)
      .config({ "spark.sql.session.timeZone": "UTC", "spark.sql.shuffle.partitions": workers === 2 ? 7 : 16 })
      .create();
    sessions.set(workers, session);
  }
});
afterAll(async () => {
  for (const session of sessions.values()) await session.stop();
  duck.closeSync();
  rmSync(folder, { recursive: true });
});

type Frames = (name: string) => DataFrame<any>;
interface Case {
  readonly name: string;
  readonly engine: (frame: Frames) => DataFrame<any>;
  readonly sql: string;
  readonly ordered?: true;
}

const read: (session: Session) => Frames = (session) => (name) =>
  session.read.schema(ddlOf(tables[name]!)).parquet(`${folder}/${name}.parquet`) as DataFrame<any>;

async function check({ engine, sql, ordered }: Case, workers: number): Promise<void> {
  const expected = await duckRows(duck, sql);
  const actual = engineRows(await engine(read(sessions.get(workers)!)).collect());
  if (!ordered) {
    expected.sort();
    actual.sort();
  }
  const missing = expected.filter((row, index) => row !== actual[index]).slice(0, 5);
  const extra = actual.filter((row, index) => row !== expected[index]).slice(0, 5);
  expect({ count: actual.length, rows: extra }).toEqual({ count: expected.length, rows: missing });
}

/** The same select list and condition in both dialects. */
function select(name: string, items: string, where?: string, table = "t"): Case {
  return {
    name,
    engine: (frame) => {
      const from = where === undefined ? frame(table) : frame(table).filter(where);
      return from.selectExpr(...splitList(items));
    },
    sql: `SELECT ${items} FROM ${table}${where === undefined ? "" : ` WHERE ${where}`}`,
  };
}

/** The same aggregates in both dialects. */
function aggregate(name: string, keys: string, items: string, where?: string): Case {
  return {
    name,
    engine: (frame) => {
      const from = where === undefined ? frame("t") : frame("t").filter(where);
      const results = splitList(items).map((item, index) => expr(item).as(`a${index}`));
      return from.groupBy(...splitList(keys).map((key) => expr(key))).agg(...results);
    },
    sql: `SELECT ${[...splitList(keys), items].join(", ")} FROM t${where === undefined ? "" : ` WHERE ${where}`}${keys === "" ? "" : ` GROUP BY ${keys}`}`,
  };
}

/** At commas outside brackets. */
function splitList(items: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let index = 0; index <= items.length; index++) {
    const char = items[index];
    if (char === "(") depth++;
    if (char === ")") depth--;
    if ((char === "," && depth === 0) || index === items.length) {
      parts.push(items.slice(start, index).trim());
      start = index + 1;
    }
  }
  return parts.filter((part) => part !== "");
}

const everything = ALL_TYPES.map((column) => column.name).join(", ");

const scans: Case[] = [
  select("every type", everything),
  select("comparison of ints", "u, i", "i > k AND i <= 50000"),
  select("comparison of doubles with NaN", "u, d", "d > 0"),
  select("NaN is the greatest", "u, d, d > 1e308 AS big, d = d AS same, d >= 1.5 AS ge", "d >= 1.5 OR d < -100"),
  select("floats", "u, f, f < 0 AS neg, f = 0 AS zero, f <> 0 AS nonzero"),
  select("float with double", "u, f = x AS eq, f < x AS lt, f > d AS gt"),
  select(
    "three-valued logic",
    "u, bo AND i > 0 AS a, bo OR i > 0 AS o, NOT bo AS n, bo IS NULL AS isn, (bo AND i > 0) IS NOT NULL AS known",
  ),
  select("filter on null logic", "u", "NOT (bo AND i > 0)"),
  select("in and between", "u, k", "k IN (1, 2, 3, 10, 49) OR i BETWEEN -10 AND 1000"),
  select("not in with a null", "u, k IN (1, NULL) AS has, k NOT IN (1, 2) AS hasnot"),
  select("text comparison", "u, s < 'Z' AS lt, s >= '東' AS ge, g = '' AS empty, s > g AS more"),
  select("text in", "u, g", "g IN ('', 'Zürich', '😀') OR s LIKE 'a%1'"),
  select("like", "u, s LIKE '%x%' AS a, g LIKE '_' AS b, g LIKE '%ü%' AS c, s LIKE 'abc%9' AS d"),
  select(
    "text functions",
    "u, length(s) AS n, upper(g) AS up, lower(g) AS lo, s || '-' || s AS c, substring(s, 2, 3) AS sub, trim(g) AS t",
  ),
  select(
    "more text functions",
    "u, replace(s, 'a', 'bb') AS r, reverse(g) AS rev, left(s, 2) AS l, right(s, 2) AS ri, repeat(g, 2) AS rep, s || g AS cat",
  ),
  select(
    "coalesce and case",
    "u, coalesce(i, k, -1) AS c, CASE WHEN i > 0 THEN 'p' WHEN i < 0 THEN 'n' ELSE g END AS w, CASE k WHEN 1 THEN 'one' END AS o, nullif(k, 1) AS nu",
  ),
  select("greatest and least", "u, greatest(i, k) AS a, least(i, k, 5) AS b, greatest(s, g) AS c, least(x, 0) AS e"),
  select(
    "small arithmetic",
    "u, CAST(ti AS INT) * 3 - k AS a, CAST(si AS INT) + ti AS b, CAST(i AS BIGINT) * k AS c, -CAST(i AS BIGINT) AS n",
  ),
  select("double arithmetic", "u, x * 2.5e0 + k AS a, x / 8 AS b, d - x AS c, x / (abs(x) + 1) AS e"),
  select("integer division and remainder", "u, i / (k + 1) AS q, i % (k + 1) AS r, q % 1000 AS rq, x % 7e0 AS rx"),
  select(
    "math",
    "u, abs(x) AS a, floor(x) AS f, ceil(x) AS c, sqrt(abs(x)) AS s, round(x, 1) AS r, round(x) AS r0, exp(x / 1000) AS e, ln(abs(x) + 1) AS l, sign(x) AS sg",
  ),
  select(
    "decimals",
    "u, de + de AS a, CAST(ti AS DECIMAL(5,1)) * CAST(si AS DECIMAL(7,2)) AS m, de - 1.5 AS s, de > 0 AS p, de = 0.01 AS c, CAST(de AS DOUBLE) AS x, dw > de AS w",
  ),
  select("decimal rounding", "u, CAST(de AS DECIMAL(9,0)) AS r0, CAST(dw AS DECIMAL(30,1)) AS r1, round(de, 1) AS r"),
  select("bit operations", "u, i & 255 AS a, i | k AS o, q & u AS l"),
  select(
    "casts",
    "u, CAST(i AS BIGINT) AS l, CAST(k AS DOUBLE) AS d, CAST(bo AS INT) AS b, CAST(i AS STRING) AS s, CAST(l AS STRING) AS ls, CAST(da AS STRING) AS das, CAST(i AS DECIMAL(12,1)) AS dec",
  ),
  select(
    "casts from text",
    "u, CAST(CAST(i AS STRING) AS INT) AS i, CAST(CAST(x AS STRING) AS DOUBLE) AS x, CAST(CAST(de AS STRING) AS DECIMAL(10,2)) AS de, CAST(CAST(da AS STRING) AS DATE) AS da",
  ),
  select(
    "date parts",
    "u, year(da) AS y, month(da) AS m, day(da) AS d, year(ts) AS ty, hour(ts) AS h, minute(ts) AS mi, dayofyear(da) AS dy, quarter(da) AS q, weekofyear(da) AS w",
  ),
  select(
    "dates compare",
    "u, da < DATE '2000-01-01' AS old, ts > TIMESTAMP '2023-11-14 23:00:00' AS late, last_day(da) AS ld",
    "da BETWEEN DATE '1990-01-01' AND DATE '2010-12-31'",
  ),
];

const groups: Case[] = [
  aggregate(
    "no keys",
    "",
    "count(*), count(i), sum(k), min(i), max(i), min(s), max(s), min(d), max(d), min(ts), max(da), avg(k), sum(x), count_if(bo)",
  ),
  aggregate("no keys, no rows", "", "count(*), count(i), sum(k), min(s), avg(x), max(de)", "k > 1000000"),
  aggregate("no rows", "k", "count(*), sum(x)", "k > 1000000"),
  aggregate("by a skewed int", "k", "count(*), count(i), sum(i), avg(i), min(i), max(i), count_if(bo), count_if(i > 0), sum(ti), sum(si)"),
  aggregate("by a unique bigint", "u", "count(*), sum(x), max(s), min(b)"),
  aggregate("by text", "g", "count(*), sum(q), min(s), max(s), min(g), min(b), max(b)"),
  aggregate("by long text", "s", "count(*), min(u), max(u)"),
  aggregate("by boolean", "bo", "count(*), count(bo), min(bo), max(bo), sum(de), max(de), min(de), sum(dw), min(dw)"),
  aggregate("by double with NaN and zeros", "d", "count(*), min(u)"),
  aggregate("by float with NaN and zeros", "f", "count(*), min(u), max(d)"),
  aggregate("by decimal", "de", "count(*), min(u), sum(de)"),
  aggregate("by wide decimal", "dw", "count(*), min(u)"),
  aggregate("by binary", "b", "count(*), min(u)"),
  aggregate("by date", "da", "count(*), max(ts)"),
  aggregate("by timestamps", "ts, tn", "count(*), max(ts), min(tn)"),
  aggregate("by several columns", "k, g, bo", "count(*), sum(x), max(s)"),
  aggregate("by two texts", "g, s", "count(*), min(i)"),
  aggregate("by many types", "ti, bo, g, f, da", "count(*), min(u)"),
  aggregate("by an expression", "k % 10, upper(g)", "count(*), sum(CAST(i AS BIGINT) + 1), avg(x * 2)"),
  aggregate("by double and text", "d, g", "count(*), max(f), min(f)"),
  aggregate("doubles", "k", "sum(x), avg(x), min(d), max(d), min(f), max(f), sum(d), avg(d)", "d = d"),
  aggregate("spread", "k", "stddev(x), stddev_samp(x), stddev_pop(x), variance(x), var_pop(x), var_samp(i)", "k < 20"),
  aggregate(
    "by min_by and max_by",
    "g",
    "min_by(s, u), max_by(s, u), min_by(u, u), max_by(x, u), max_by(de, u)",
    "s IS NOT NULL AND x IS NOT NULL AND de IS NOT NULL",
  ),
  aggregate(
    "filter clause",
    "k",
    "count(*) FILTER (WHERE bo), sum(x) FILTER (WHERE i > 0), min(s) FILTER (WHERE g = 'a'), count(i) FILTER (WHERE NOT bo)",
  ),
  aggregate("booleans", "k", "bool_and(bo), bool_or(bo), count_if(bo IS NULL)"),
  aggregate("expressions over aggregates", "k", "sum(x) / count(*), max(i) - CAST(min(i) AS BIGINT), coalesce(sum(x), 0) + count(i) * 2"),
  aggregate(
    "decimal averages",
    "k",
    "CAST(round(avg(de), 3) AS DOUBLE), sum(de * 2), CAST(round(avg(CAST(ti AS DECIMAL(5,1))), 3) AS DOUBLE)",
  ),
  aggregate("distinct aggregates", "k", "count(DISTINCT g), count(DISTINCT i), sum(DISTINCT ti), count(DISTINCT d)"),
  aggregate("distinct without keys", "", "count(DISTINCT s), count(DISTINCT u), count(*), sum(x)"),
  {
    name: "two levels",
    engine: (frame) =>
      frame("t").groupBy("k", "g").agg(count("*").as("n"), sum("x").as("sx")).groupBy("k").agg(F.max("n"), F.min("sx"), count("*")),
    sql: "SELECT k, max(n), min(sx), count(*) FROM (SELECT k, g, count(*) AS n, sum(x) AS sx FROM t GROUP BY k, g) GROUP BY k",
  },
  {
    name: "filter on an aggregate",
    engine: (frame) => frame("t").groupBy("s").agg(count("*").as("n")).filter("n > 3").select("s", "n"),
    sql: "SELECT s, count(*) FROM t GROUP BY s HAVING count(*) > 3",
  },
  {
    name: "distinct",
    engine: (frame) => frame("t").select("g", "f", "bo").distinct(),
    sql: "SELECT DISTINCT g, f, bo FROM t",
  },
  {
    name: "drop duplicates of a column",
    engine: (frame) => frame("t").dropDuplicates("s").select("s"),
    sql: "SELECT DISTINCT s FROM t",
  },
  {
    name: "count of distinct",
    engine: (frame) => frame("t").select("k", "g", "da").distinct().groupBy("g").count(),
    sql: "SELECT g, count(*) FROM (SELECT DISTINCT k, g, da FROM t) GROUP BY g",
  },
];

const JOINS = { inner: "JOIN", left: "LEFT JOIN", right: "RIGHT JOIN", full: "FULL JOIN" } as const;
const joins: Case[] = [];
for (const [type, words] of Object.entries(JOINS) as [keyof typeof JOINS, string][]) {
  const items = "l.u, l.s, r.u AS ru, r.g AS rg, r.de AS rde";
  const add = (name: string, on: string, left = "wide", right = "small"): void => {
    joins.push({
      name: `${type} join ${name}`,
      engine: (frame) =>
        frame(left)
          .as("l")
          .join(frame(right).as("r"), expr(on), type)
          .selectExpr(...splitList(items)),
      sql: `SELECT ${items} FROM ${left} l ${words} ${right} r ON ${on}`,
    });
  };
  add("on an int", "l.k = r.k");
  add("on a text", "l.g = r.g AND l.k = r.k");
  add("on many types", "l.ti = r.ti AND l.bo = r.bo");
  add("on a double with NaN and zeros", "l.d = r.d");
  add("on a float", "l.f = r.f AND l.bo = r.bo");
  add("with a residual condition", "l.k = r.k AND l.i > r.i");
  add("with residual texts", "l.k = r.k AND l.s < r.s AND r.bo");
  add("with a one-sided condition", "l.k = r.k AND l.i > 0 AND r.x < 500");
  add("on binary", "l.b = r.b");
  add("on decimals and dates", "l.de = r.de OR (l.da = r.da AND l.k = r.k)".replace("l.de = r.de OR (", "").replace(")", ""));
  add("on an expression", "l.k + 1 = r.k * 2");
  add("on ints of two widths", "l.ti = r.k");
  add("null-safe", "l.g IS NOT DISTINCT FROM r.g AND l.k = r.k");
  add("with no match", "l.k = r.k + 100000");
}
for (const [type, not] of [
  ["semi", ""],
  ["anti", "NOT "],
] as const) {
  const add = (name: string, on: string): void => {
    joins.push({
      name: `${type} join ${name}`,
      engine: (frame) => frame("wide").as("l").join(frame("small").as("r"), expr(on), type).select("u", "s", "k"),
      sql: `SELECT l.u, l.s, l.k FROM wide l WHERE ${not}EXISTS (SELECT 1 FROM small r WHERE ${on})`,
    });
  };
  add("on an int", "l.k = r.k");
  add("on two texts", "l.g = r.g AND l.s = r.s");
  add("on a double", "l.d = r.d");
  add("with a residual condition", "l.k = r.k AND l.i > r.i");
  add("with a one-sided condition", "l.k = r.k AND r.bo AND l.i > 0");
}
joins.push(
  {
    name: "using columns, then aggregate",
    engine: (frame) =>
      frame("t")
        .join(frame("small").select("k", "g", col("x").as("rx")), ["k", "g"])
        .groupBy("g")
        .agg(count("*"), sum("rx"), sum("x")),
    sql: "SELECT g, count(*), sum(small.x), sum(t.x) FROM t JOIN small USING (k, g) GROUP BY g",
  },
  {
    name: "aggregate joined back",
    engine: (frame) =>
      frame("wide")
        .join(frame("t").groupBy("k").agg(count("*").as("n"), sum("x").as("sx")), "k", "left")
        .select("u", "k", "n", "sx"),
    sql: "SELECT u, wide.k, n, sx FROM wide LEFT JOIN (SELECT k, count(*) AS n, sum(x) AS sx FROM t GROUP BY k) a ON wide.k = a.k",
  },
  {
    name: "two joins",
    engine: (frame) =>
      frame("wide")
        .as("l")
        .join(frame("small").as("r"), expr("l.k = r.k AND l.g = r.g"))
        .join(frame("small").select(col("u").as("su"), col("s").as("ss")).as("z"), expr("r.u = z.su"), "left")
        .selectExpr("l.u", "r.u AS ru", "z.ss"),
    sql: "SELECT l.u, r.u AS ru, z.s FROM wide l JOIN small r ON l.k = r.k AND l.g = r.g LEFT JOIN small z ON r.u = z.u",
  },
  {
    name: "filter above an outer join",
    engine: (frame) =>
      frame("wide")
        .as("l")
        .join(frame("small").as("r"), expr("l.k = r.k"), "left")
        .filter("r.u IS NULL OR r.i > 0")
        .selectExpr("l.u", "r.u AS ru"),
    sql: "SELECT l.u, r.u FROM wide l LEFT JOIN small r ON l.k = r.k WHERE r.u IS NULL OR r.i > 0",
  },
  {
    name: "filter on both sides below and above a join",
    engine: (frame) =>
      frame("wide")
        .filter("i > 0")
        .as("l")
        .join(frame("small").filter("bo").as("r"), expr("l.k = r.k"))
        .filter("l.s > r.s AND l.x > 0")
        .selectExpr("l.u", "r.u AS ru"),
    sql: "SELECT l.u, r.u FROM wide l JOIN small r ON l.k = r.k WHERE l.i > 0 AND r.bo AND l.s > r.s AND l.x > 0",
  },
  {
    name: "cross join",
    engine: (frame) =>
      frame("small")
        .select("u")
        .crossJoin(frame("small").select(col("u").as("v")).filter("v % 7 = 0"))
        .filter("u < v"),
    sql: "SELECT a.u, b.u FROM small a, small b WHERE b.u % 7 = 0 AND a.u < b.u",
  },
);

const WINDOW_START = "CAST(floor((epoch_us(ts) - OFFSET) / SIZE) * SIZE + OFFSET AS BIGINT)";
const micros = (seconds: number): string => String(seconds * 1_000_000);
const startOf = (size: number, offset = 0): string =>
  WINDOW_START.replaceAll("SIZE", `${micros(size)}::DOUBLE`).replaceAll("OFFSET", micros(offset));
const shapes: Case[] = [
  {
    name: "tumbling window",
    engine: (frame) =>
      frame("t")
        .groupBy(window("ts", "1 minute"), "k")
        .agg(count("*").as("n"), sum("x").as("sx"))
        .selectExpr("unix_micros(window.start) AS st", "unix_micros(window.end) AS en", "k", "n", "sx"),
    sql: `SELECT ${startOf(60)} AS st, ${startOf(60)} + 60000000 AS en, k, count(*), sum(x) FROM t WHERE ts IS NOT NULL GROUP BY ALL`,
  },
  {
    name: "tumbling window with a start",
    engine: (frame) =>
      frame("t")
        .groupBy(window("ts", "7 minutes", "7 minutes", "90 seconds"))
        .agg(count("*").as("n"), F.max("s").as("m"))
        .selectExpr("unix_micros(window.start) AS st", "n", "m"),
    sql: `SELECT ${startOf(420, 90)} AS st, count(*), max(s) FROM t WHERE ts IS NOT NULL GROUP BY ALL`,
  },
  {
    name: "sliding window",
    engine: (frame) =>
      frame("t")
        .groupBy(window("ts", "10 minutes", "3 minutes"), "bo")
        .agg(count("*").as("n"), sum("q").as("sq"))
        .selectExpr("unix_micros(window.start) AS st", "bo", "n", "sq"),
    sql: `SELECT st - r.i * 180000000 AS s, bo, count(*), sum(q) FROM (SELECT ${startOf(180)} AS st, epoch_us(ts) AS e, bo, q FROM t WHERE ts IS NOT NULL), range(4) r(i) WHERE e < st - r.i * 180000000 + 600000000 GROUP BY ALL`,
  },
  {
    name: "a column that is a window",
    engine: (frame) =>
      frame("wide").withColumn("w", window("ts", "1 hour")).selectExpr("u", "unix_micros(w.start) AS a", "unix_micros(w.end) AS b"),
    sql: `SELECT u, ${startOf(3600)}, ${startOf(3600)} + 3600000000 FROM wide WHERE ts IS NOT NULL`,
  },
  {
    name: "union",
    engine: (frame) =>
      frame("t")
        .select("u", "s", "i")
        .union(frame("small").select("u", "g", "ti"))
        .union(frame("wide").filter("bo").select("u", "s", "k")),
    sql: "SELECT u, s, i FROM t UNION ALL SELECT u, g, ti FROM small UNION ALL SELECT u, s, k FROM wide WHERE bo",
  },
  {
    name: "union by name, then aggregate",
    engine: (frame) =>
      frame("wide")
        .select("k", "x", "g")
        .unionByName(frame("small").select("g", "k", "x"))
        .groupBy("g")
        .agg(count("*"), sum("x"), F.max("k")),
    sql: "SELECT g, count(*), sum(x), max(k) FROM (SELECT g, k, x FROM wide UNION ALL SELECT g, k, x FROM small) GROUP BY g",
  },
  {
    // pmod of decimals is computed by the interpreter, between two compiled segments.
    name: "union of branches with interpreted columns",
    engine: (frame) => {
      const branch = (name: string): DataFrame<any> => frame(name).selectExpr("u", "pmod(de, CAST(7.5 AS DECIMAL(3,1))) AS p");
      return branch("wide").union(frame("small").selectExpr("u", "CAST(ti AS DECIMAL(6,2)) AS p")).union(branch("small").filter("p > 1"));
    },
    sql: `SELECT u, ((de % 7.5) + 7.5) % 7.5 FROM wide UNION ALL SELECT u, ti FROM small
      UNION ALL SELECT u, ((de % 7.5) + 7.5) % 7.5 FROM small WHERE ((de % 7.5) + 7.5) % 7.5 > 1`,
  },
  {
    name: "union of aggregates",
    engine: (frame) => frame("t").groupBy("g").count().union(frame("small").groupBy("s").count()),
    sql: "SELECT g, count(*) FROM t GROUP BY g UNION ALL SELECT s, count(*) FROM small GROUP BY s",
  },
  {
    name: "except and intersect by joins",
    engine: (frame) =>
      frame("wide")
        .select("k", "g")
        .distinct()
        .join(frame("small").select(col("k").as("k2"), col("g").as("g2")), expr("k <=> k2 AND g <=> g2"), "anti"),
    sql: "SELECT k, g FROM wide EXCEPT SELECT k, g FROM small",
  },
  ...(["asc", "desc", "asc_nulls_last", "desc_nulls_first"] as const).flatMap((direction): Case[] =>
    ["i", "d", "f", "s", "b", "de", "dw", "da", "tn", "bo", "ti"].map((name) => ({
      name: `order by ${name} ${direction}`,
      ordered: true,
      engine: (frame) => frame("wide").select(name, "u").orderBy(col(name)[direction](), col("u").asc()),
      sql: `SELECT ${name}, u FROM wide ORDER BY ${name} ${direction.startsWith("asc") ? "ASC" : "DESC"} NULLS ${{ asc: "FIRST", desc: "LAST", asc_nulls_last: "LAST", desc_nulls_first: "FIRST" }[direction]}, u NULLS FIRST`,
    })),
  ),
  {
    name: "order and limit",
    ordered: true,
    engine: (frame) => frame("t").select("s", "u").orderBy(col("s").desc(), col("u").asc_nulls_last()).limit(100),
    sql: "SELECT s, u FROM t ORDER BY s DESC NULLS LAST, u NULLS LAST LIMIT 100",
  },
  {
    name: "order, limit and offset after an aggregate",
    ordered: true,
    engine: (frame) => frame("t").groupBy("s").agg(count("*").as("n")).orderBy(col("n").desc(), col("s").asc()).offset(5).limit(20),
    sql: "SELECT s, count(*) AS n FROM t GROUP BY s ORDER BY n DESC, s NULLS FIRST LIMIT 20 OFFSET 5",
  },
  {
    name: "limit, then aggregate",
    engine: (frame) => frame("t").limit(777).agg(count("*")),
    sql: "SELECT 777",
  },
  {
    name: "order by an expression not selected",
    ordered: true,
    engine: (frame) => frame("small").filter("u IS NOT NULL").orderBy(expr("u % 13"), col("u").desc()).select("u", "s"),
    sql: "SELECT u, s FROM small WHERE u IS NOT NULL ORDER BY u % 13, u DESC",
  },
  {
    name: "limit 0",
    engine: (frame) => frame("t").select("u").limit(0),
    sql: "SELECT u FROM t LIMIT 0",
  },
];

describe.each([
  ["scan", scans, [2]],
  ["group", groups, [1, 2, 4]],
  ["join", joins, [2]],
  ["shape", shapes, [2]],
] as const)("%s", (_, cases, workerCounts) => {
  test.each(cases.flatMap((one) => workerCounts.map((workers) => [one.name, workers, one] as const)))(
    "%s, %i workers",
    (_name, workers, one) => check(one, workers),
  );
});
