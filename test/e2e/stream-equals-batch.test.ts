/**
 * A streaming query has in the end the answer of the same batch query: random queries over random rows in random batches, with restarts and
 * other numbers of workers in between. `MILLRACE_SEED` repeats one seed, `MILLRACE_LONG=1` runs many.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { DataStreamWriter } from "../../src/api/data-stream-writer.ts";
import { LocalExecutor } from "../../src/api/local-executor.ts";
import { functions as F, Session, Timestamp, type DataFrame } from "../../src/index.ts";
import { memoryStream } from "../../src/testing.ts";
import { engineRows } from "../oracle/support/duck.ts";
import { Random } from "../oracle/support/random-table.ts";

const { count, expr, window } = F;
type Frame = DataFrame<any>;
type Row = Record<string, unknown>;

const DDL = "k INT, g STRING, x DOUBLE, i INT, n DECIMAL(8,2), ts TIMESTAMP";
const START_MICROS = 1_700_000_000_000_000n;
/** Moves the watermark past all other rows. It passes every filter: as in Spark, filters may come to stand below `withWatermark`. */
const FLUSH: Row = { k: 4, g: "flush", x: 0, i: 1, n: "0.00", ts: new Timestamp(START_MICROS + 86_400_000_000n) };

let session: Session;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-e2e-"));
  session = await Session.builder()
    .master("local[2]")
    .config({ "spark.sql.session.timeZone": "UTC", "spark.sql.shuffle.partitions": 5 })
    .create();
});
afterAll(async () => {
  await session.stop();
  rmSync(folder, { recursive: true });
});

const GROUPS = ["", "a", "b", "Zürich", "a longer text that is not inline", "😀"];
function randomRow(random: Random): Row {
  const or = <T>(value: T): T | null => (random.chance(0.1) ? null : value);
  return {
    k: or(random.below(12)),
    g: or(random.pick(GROUPS)),
    x: or((random.below(8000) - 4000) / 8),
    i: or(random.below(2000) - 1000),
    n: or(`${random.below(9000) - 4500}.${random.below(90) + 10}`),
    ts: or(new Timestamp(START_MICROS + BigInt(random.below(1800)) * 1_000_000n)),
  };
}

interface Step {
  readonly text: string;
  readonly apply: (frame: Frame, lookup: Frame) => Frame;
}
const step = (text: string, apply: Step["apply"]): Step => ({ text, apply });

/** They keep all columns of `DDL`. */
const STEPS: readonly Step[] = [
  step("filter(i > 0)", (frame) => frame.filter("i > 0")),
  step("filter(g or k)", (frame) => frame.filter("g <> '' OR k % 3 = 1")),
  step("filter(not)", (frame) => frame.filter("NOT (x > 100 AND i < 0)")),
  step("withColumn(i)", (frame) => frame.withColumn("i", expr("i * 2 + coalesce(k, 1)"))),
  step("withColumn(g)", (frame) => frame.withColumn("g", expr("CASE WHEN x > 0 THEN concat(g, '!') ELSE upper(g) END"))),
  step("withColumn(interpreted)", (frame) => frame.withColumn("n", expr("CAST(pmod(n, CAST(7.5 AS DECIMAL(8,2))) AS DECIMAL(8,2))"))),
  step("select", (frame) => frame.selectExpr("k + 1 AS k", "g", "x / 2 AS x", "i", "n", "ts")),
  step("union with itself", (frame) => frame.union(frame.filter("k <> 3"))),
  step("join", (frame, lookup) =>
    frame.join(lookup, "k").withColumn("g", expr("concat_ws('/', g, name)")).select("k", "g", "x", "i", "n", "ts"),
  ),
  step("left join", (frame, lookup) =>
    frame
      .as("l")
      .join(lookup.as("r"), expr("l.k = r.k AND l.i > r.weight"), "left")
      .selectExpr("l.k AS k", "coalesce(name, g) AS g", "x", "coalesce(weight, i) AS i", "n", "ts"),
  ),
  step("semi join", (frame, lookup) => frame.join(lookup, "k", "semi")),
  step("anti join", (frame, lookup) => frame.join(lookup.filter("weight > 300"), "k", "anti")),
];

const AGGREGATES = () => [
  count("*").as("a0"),
  expr("sum(x)").as("a1"),
  expr("avg(i)").as("a2"),
  expr("min(g)").as("a3"),
  expr("max(g)").as("a4"),
  expr("count(n)").as("a5"),
  expr("sum(n)").as("a6"),
  expr("max(x)").as("a7"),
  expr("count_if(i > 0)").as("a8"),
  expr("min(n) FILTER (WHERE k > 3)").as("a9"),
  expr("stddev(x)").as("a10"),
];
const KEYS: readonly (readonly string[])[] = [["k"], ["g"], ["k", "g"], ["x"], ["n"], ["i % 7"], ["upper(g)", "k"]];
const WINDOWS = [["1 minute"], ["5 minutes", "2 minutes"], ["10 minutes", "10 minutes", "1 minute"]] as const;

interface Query {
  readonly text: string;
  readonly mode: "append" | "update" | "complete";
  /** How many of the first columns tell rows of `update` apart. */
  readonly keys: number;
  readonly build: (frame: Frame, lookup: Frame) => Frame;
}

function randomQuery(random: Random): Query {
  const steps = Array.from({ length: random.below(4) }, () => random.pick(STEPS));
  const prepared = (frame: Frame, lookup: Frame): Frame => steps.reduce((current, { apply }) => apply(current, lookup), frame);
  const text = steps.map((one) => one.text).join(", ");
  const shape = random.pick(["stateless", "keyed", "keyed", "windowed", "windowed", "windowed", "global"] as const);
  if (shape === "stateless") return { text, mode: "append", keys: 0, build: prepared };
  const aggregates = AGGREGATES().filter(() => random.chance(0.5));
  if (aggregates.length === 0) aggregates.push(count("*").as("a0"));
  if (shape === "global")
    return {
      text: `${text} | global`,
      mode: random.pick(["update", "complete"]),
      keys: 0,
      build: (frame, lookup) => prepared(frame, lookup).agg(...aggregates),
    };
  const keys = shape === "keyed" || random.chance(0.6) ? random.pick(KEYS) : [];
  if (shape === "keyed") {
    const build = (frame: Frame, lookup: Frame): Frame =>
      prepared(frame, lookup)
        .groupBy(...keys.map((key) => expr(key)))
        .agg(...aggregates);
    return { text: `${text} | by ${keys.join()}`, mode: random.pick(["update", "complete"]), keys: keys.length, build };
  }
  const [duration, slide, start] = random.pick(WINDOWS);
  const build = (frame: Frame, lookup: Frame): Frame =>
    prepared(frame.withWatermark("ts", "2 hours"), lookup)
      .groupBy(window("ts", duration, slide, start).as("w"), ...keys.map((key) => expr(key)))
      .agg(...aggregates);
  const mode = random.pick(["append", "append", "update", "complete"] as const);
  return { text: `${text} | window ${duration} ${slide ?? ""} by ${keys.join()}`, mode, keys: 1 + keys.length, build };
}

const seeds =
  process.env.MILLRACE_SEED !== undefined
    ? [Number(process.env.MILLRACE_SEED)]
    : Array.from({ length: process.env.MILLRACE_LONG ? 400 : 25 }, (_, index) => 1 + index);

test.each(seeds)("seed %i", async (seed) => {
  const random = new Random(seed * 7919);
  const query = randomQuery(random);
  const rows = Array.from({ length: 50 + random.below(400) }, () => randomRow(random));
  const lookup = session.createDataFrame(
    Array.from({ length: 9 }, (_, k) => ({ k: k === 8 ? null : k, name: k % 4 === 3 ? null : `name ${k}`, weight: k * 100 - 200 })).concat([
      { k: 2, name: "twice", weight: 0 },
    ]),
    "k INT, name STRING, weight INT",
  );
  const expected = engineRows(await query.build(session.createDataFrame(rows, DDL), lookup).collect());

  const input = memoryStream(session, DDL);
  const frame = query.build(input.toDF(), lookup);
  const checkpoint = join(folder, `checkpoint-${seed}`);
  const result = new Map<string, string>();
  let emitted = 0;
  const take = async (batch: Frame): Promise<void> => {
    const texts = engineRows(await batch.collect());
    if (query.mode === "complete") result.clear();
    for (const text of texts) {
      const key = query.mode === "update" ? text.split(" | ").slice(0, query.keys).join(" | ") : String(emitted++);
      result.set(key, text);
    }
  };
  const trace: string[] = [];
  let at = 0;
  const isFlushed = query.mode === "append" && query.keys > 0;
  while (at < rows.length || trace.length === 0) {
    const workers = random.pick([1, 2, 4]);
    const base = session.executor as LocalExecutor;
    const executor = base.beside({ ...base.settings, workers }, base.ports);
    const running = await new DataStreamWriter<any>(
      { ...frame.session, executor, nextPlanId: () => frame.session.nextPlanId() },
      frame.plan,
    )
      .outputMode(query.mode)
      .option("checkpointLocation", checkpoint)
      .foreachBatch(take)
      .start();
    for (let batches = 1 + random.below(4); batches > 0 && at < rows.length; batches--) {
      const size = random.chance(0.1) ? 0 : 1 + random.below(120);
      trace.push(`${workers} workers: ${size}`);
      const added = rows.slice(at, at + size);
      at += size;
      if (added.length > 0) input.addData(...added);
      await running.processAllAvailable();
    }
    if (at >= rows.length && isFlushed) {
      input.addData(FLUSH);
      await running.processAllAvailable();
    }
    await running.stop();
    expect(await running.exception()).toBeNull();
  }
  const actual = [...result.values()].sort();
  expected.sort();
  const difference = {
    missing: expected.filter((row) => !actual.includes(row)).slice(0, 5),
    extra: actual.filter((row) => !expected.includes(row)).slice(0, 5),
  };
  expect({ ...difference, rows: actual.length, seed, query: `${query.mode} ${query.text}`, trace }).toEqual({
    missing: [],
    extra: [],
    rows: expected.length,
    seed,
    query: `${query.mode} ${query.text}`,
    trace,
  });
});
