/**
 * A changed program goes on with the state of the one before: aggregates that are kept go on wherever they stand now and however wide they have
 * become, new ones see what comes after the change, and everything else is refused. Every answer is recomputed in plain TypeScript.
 */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { nodePorts } from "../../src/base/node-ports.ts";
import { rollbackCheckpoint } from "../../src/checkpoint/rollback-checkpoint.ts";
import { type Column, type DataFrame, functions as F } from "../../src/index.ts";
import type { MemoryInput } from "../../src/testing.ts";
import {
  addData,
  checkAnswer,
  checkLastBatch,
  checkNewAnswer,
  expectFailure,
  memoryStream,
  processAllAvailable,
  startStream,
  type Step,
  stopStream,
  testStream,
} from "../../src/testing.ts";
import { testSession } from "../support/test-session.ts";

const { col, count, expr, window } = F;
const spark = testSession();
const numRuns = process.env["MILLRACE_LONG"] ? 200 : 12;

let root: string;
beforeAll(() => (root = mkdtempSync(join(tmpdir(), "millrace-migration-"))));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const newCheckpoint = (): string => mkdtempSync(join(root, "c-"));

const SCHEMA = "k STRING, t INT, i INT, f FLOAT, d DECIMAL(10,2), s STRING";
/** Of a row: `d` in cents. */
interface Row {
  readonly k: string;
  readonly t: number;
  readonly i: number | null;
  readonly f: number | null;
  readonly cents: number | null;
  readonly s: string | null;
}

const inputRow = ({ k, t, i, f, cents, s }: Row): unknown[] => [k, t, i, f, cents === null ? null : decimalText(BigInt(cents), 2), s];

function decimalText(unscaled: bigint, scale: number): string {
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, "0");
  const whole = digits.slice(0, digits.length - scale);
  return `${unscaled < 0n ? "-" : ""}${whole}${scale > 0 ? `.${digits.slice(-scale)}` : ""}`;
}

/** An aggregate as a program may have it, and what it is over rows; both as text, so that types do not matter. */
interface Choice {
  readonly narrow: string;
  readonly wide: string;
  answer(rows: readonly Row[], isWide: boolean): string | null | readonly string[];
  /** Its state has variable length, narrow or wide: then panes are not kept. */
  readonly isVariable?: true;
}

const present = <T>(values: readonly (T | null)[]): T[] => values.filter((value) => value !== null);
const least = (values: readonly number[]): string | null => (values.length === 0 ? null : String(values.reduce((a, b) => Math.min(a, b))));
const most = (values: readonly number[]): string | null => (values.length === 0 ? null : String(values.reduce((a, b) => Math.max(a, b))));
const scaled = (value: string | null, digits: number): string | null =>
  value === null ? null : decimalText(BigInt(value) * 10n ** BigInt(digits), digits);

const CHOICES: Readonly<Record<string, Choice>> = {
  rows: { narrow: "count(*)", wide: "count(*)", answer: (rows) => String(rows.length) },
  longRows: {
    narrow: "count(*) FILTER (WHERE length(s) > 3)",
    wide: "count(*) FILTER (WHERE length(s) > 3)",
    answer: (rows) => String(rows.filter(({ s }) => s !== null && s.length > 3).length),
  },
  sum: {
    narrow: "sum(i)",
    wide: "sum(CAST(i AS BIGINT))",
    answer: (rows) => {
      const values = present(rows.map(({ i }) => i));
      return values.length === 0 ? null : String(values.reduce((a, b) => a + b, 0));
    },
  },
  least: { narrow: "min(i)", wide: "min(CAST(i AS BIGINT))", answer: (rows) => least(present(rows.map(({ i }) => i))) },
  leastShort: {
    narrow: "min(CAST(i % 100 AS SMALLINT))",
    wide: "min(CAST(i % 100 AS DOUBLE))",
    answer: (rows, isWide) => {
      const value = least(present(rows.map(({ i }) => i)).map((i) => (i % 100) + 0));
      return value === null || !isWide ? value : `${value}.0`;
    },
  },
  mostAsDecimal: {
    narrow: "max(i)",
    wide: "max(CAST(i AS DECIMAL(25,1)))",
    answer: (rows, isWide) => {
      const value = most(present(rows.map(({ i }) => i)));
      return isWide ? scaled(value, 1) : value;
    },
    isVariable: true,
  },
  mostFloat: {
    narrow: "max(f)",
    wide: "max(CAST(f AS DOUBLE))",
    answer: (rows) => {
      const value = most(present(rows.map(({ f }) => f)));
      return value === null || value.includes(".") ? value : `${value}.0`;
    },
  },
  average: {
    narrow: "avg(i)",
    wide: "avg(i)",
    answer: (rows) => {
      const values = present(rows.map(({ i }) => i));
      if (values.length === 0) return null;
      const text = String(values.reduce((a, b) => a + b, 0) / values.length);
      return text.includes(".") ? text : `${text}.0`;
    },
  },
  sumOfDecimals: {
    narrow: "sum(d)",
    wide: "sum(CAST(d AS DECIMAL(14,4)))",
    answer: (rows, isWide) => {
      const values = present(rows.map(({ cents }) => cents));
      if (values.length === 0) return null;
      const total = BigInt(values.reduce((a, b) => a + b, 0));
      return isWide ? decimalText(total * 100n, 4) : decimalText(total, 2);
    },
    isVariable: true,
  },
  leastDecimal: {
    narrow: "min(d)",
    wide: "min(CAST(d AS DECIMAL(13,4)))",
    answer: (rows, isWide) => {
      const value = least(present(rows.map(({ cents }) => cents)));
      if (value === null) return null;
      return isWide ? decimalText(BigInt(value) * 100n, 4) : decimalText(BigInt(value), 2);
    },
  },
  lastText: {
    narrow: "max(s)",
    wide: "max(s)",
    answer: (rows) => {
      const values = present(rows.map(({ s }) => s));
      return values.length === 0 ? null : values.reduce((a, b) => (a > b ? a : b));
    },
    isVariable: true,
  },
  list: {
    narrow: "collect_list(s)",
    wide: "collect_list(s)",
    // Rows of a batch come from one place, so they keep their order.
    answer: (rows) => present(rows.map(({ s }) => s)),
    isVariable: true,
  },
  distinct: {
    narrow: "approx_count_distinct(s)",
    wide: "approx_count_distinct(s)",
    // Exact for so few values.
    answer: (rows) => String(new Set(present(rows.map(({ s }) => s))).size),
  },
};

/** Names of the aggregates of a program, in its order, and which of them are wide. */
interface Program {
  readonly names: readonly string[];
  readonly wide: ReadonlySet<string>;
}

const columnsOf = ({ names, wide }: Program): Column[] =>
  names.map((name) => {
    const text = wide.has(name) ? CHOICES[name]!.wide : CHOICES[name]!.narrow;
    return expr(name === "list" ? text : `CAST(${text} AS STRING)`).as(name);
  });

/** In the place of one count there is the other, and nothing else has changed: then it goes on with what the first has counted. */
const isSuccession = (before: Program, now: Program): boolean =>
  before.names.join() !== now.names.join() &&
  before.names.length === now.names.length &&
  before.names.every(
    (name, index) => name === now.names[index] || [name, now.names[index]!].every((one) => one.toLowerCase().endsWith("rows")),
  );

/** Where the rows of groups come from. */
interface Shape {
  readonly name: string;
  readonly choices: readonly string[];
  query(input: MemoryInput<any>, program: Program): DataFrame<any>;
  /** Groups that a row belongs to, as the first columns of the output. */
  groups(row: Row): readonly (readonly (string | number)[])[];
}

const inTime = (input: MemoryInput<any>): DataFrame<any> =>
  input
    .toDF()
    .withColumn("time", F.timestamp_seconds(col("t")))
    .withWatermark("time", "1 hour");
const startOf = (frame: DataFrame<any>): DataFrame<any> =>
  frame.select(col("window").getField("start").cast("bigint").cast("int").as("start"), col("*")).drop("window");
const fixed = Object.keys(CHOICES).filter((name) => !CHOICES[name]!.isVariable);

const SHAPES: readonly Shape[] = [
  {
    name: "without time",
    choices: Object.keys(CHOICES),
    query: (input, program) => {
      const [first, ...rest] = columnsOf(program);
      return input
        .toDF()
        .groupBy("k")
        .agg(first!, ...rest);
    },
    groups: ({ k }) => [[k]],
  },
  {
    name: "in windows",
    choices: Object.keys(CHOICES),
    query: (input, program) => {
      const [first, ...rest] = columnsOf(program);
      return startOf(
        inTime(input)
          .groupBy(window(col("time"), "10 seconds"), col("k"))
          .agg(first!, ...rest),
      );
    },
    groups: ({ k, t }) => [[Math.floor(t / 10) * 10, k]],
  },
  {
    name: "in panes of sliding windows",
    choices: fixed,
    query: (input, program) => {
      const [first, ...rest] = columnsOf(program);
      return startOf(
        inTime(input)
          .groupBy(window(col("time"), "10 seconds", "5 seconds"), col("k"))
          .agg(first!, ...rest),
      );
    },
    groups: ({ k, t }) => [
      [Math.floor(t / 5) * 5, k],
      [Math.floor(t / 5) * 5 - 5, k],
    ],
  },
];

const anyRow: fc.Arbitrary<Row> = fc.record({
  k: fc.constantFrom("a", "b", "c", "a key that is too long to be kept in a view"),
  t: fc.integer({ min: 100, max: 130 }),
  i: fc.option(fc.integer({ min: -100_000, max: 100_000 })),
  f: fc.option(fc.integer({ min: -4000, max: 4000 }).map((eighths) => eighths / 8)),
  cents: fc.option(fc.integer({ min: -99_999_999, max: 99_999_999 })),
  s: fc.option(fc.constantFrom("", "x", "yes", "seven", "a text that takes more than twelve bytes")),
});

/** A life: programs, and the batches that each of them gets; a restart with so many workers before a batch. */
const anyLife = ({ choices }: Shape) =>
  fc.array(
    fc.record({
      names: fc.shuffledSubarray([...choices], { minLength: 1, maxLength: 6 }),
      widened: fc.subarray([...choices]),
      batches: fc.array(fc.record({ rows: fc.array(anyRow, { maxLength: 12 }), workers: fc.option(fc.constantFrom(1, 2, 4)) }), {
        minLength: 1,
        maxLength: 3,
      }),
    }),
    { minLength: 2, maxLength: 4 },
  );

/** Snapshots and the chunk store at once, or change files only. */
const CONFS: readonly Readonly<Record<string, string>>[] = [
  { "spark.sql.streaming.stateStore.maintenanceInterval": "1h" },
  { "spark.sql.streaming.stateStore.maintenanceInterval": "0", "spark.sql.streaming.stateStore.minDeltasForSnapshot": "1" },
];

/** Answers of all programs of a life: rows that a group has had since each of its aggregates came. */
class Model {
  readonly #shape: Shape;
  readonly #rows = new Map<string, Map<string, Row[]>>();
  #program: Program = { names: [], wide: new Set() };

  constructor(shape: Shape) {
    this.#shape = shape;
  }

  /** Aggregates that are new have seen nothing. */
  become(program: Program): void {
    for (const seen of this.#rows.values()) for (const name of seen.keys()) if (!program.names.includes(name)) seen.delete(name);
    this.#program = program;
  }

  /** What update mode puts out. */
  batch(rows: readonly Row[]): unknown[][] {
    const touched = new Map<string, readonly (string | number)[]>();
    for (const row of rows) {
      for (const group of this.#shape.groups(row)) {
        const key = JSON.stringify(group);
        touched.set(key, group);
        const seen = this.#rows.get(key) ?? new Map<string, Row[]>();
        this.#rows.set(key, seen);
        for (const name of this.#program.names) seen.set(name, [...(seen.get(name) ?? []), row]);
      }
    }
    return [...touched].map(([key, group]) => [...group, ...this.#answers(this.#rows.get(key)!)]);
  }

  #answers(seen: ReadonlyMap<string, readonly Row[]>): unknown[] {
    const { names, wide } = this.#program;
    return names.map((name) => CHOICES[name]!.answer(seen.get(name) ?? [], wide.has(name)));
  }
}

describe.each(SHAPES)("$name", (shape) => {
  test.each(CONFS)("programs that follow each other, %j", { timeout: 600_000 }, async (conf) => {
    await fc.assert(
      fc.asyncProperty(anyLife(shape), async (life) => {
        const input = memoryStream(spark(), SCHEMA);
        const checkpointLocation = newCheckpoint();
        const model = new Model(shape);
        let before: Program = { names: [], wide: new Set() };
        for (const { names, widened, batches } of life) {
          // What was kept wide stays wide: the other way is refused.
          const wide = new Set([...before.wide].filter((name) => before.names.includes(name)));
          for (const name of widened) wide.add(name);
          const program: Program = { names, wide };
          fc.pre(!isSuccession(before, program));
          model.become(program);
          const steps = batches.flatMap(({ rows, workers }): Step[] => [
            ...(workers === null ? [] : [stopStream(), startStream({ workers })]),
            addData(input, ...rows.map(inputRow)),
            checkNewAnswer(...model.batch(rows)),
          ]);
          const options = { outputMode: "update", checkpointLocation, conf: { "millrace.state.migrate": true, ...conf } } as const;
          await testStream(shape.query(input, program), options, startStream(), ...steps);
          before = { names, wide: new Set([...wide].filter((name) => names.includes(name))) };
        }
        rmSync(checkpointLocation, { recursive: true });
      }),
      { numRuns },
    );
  });
});

const keyed = (input: MemoryInput<any>, ...aggregates: readonly string[]): DataFrame<any> => {
  const [first, ...rest] = aggregates.map((text) => expr(text));
  return input
    .toDF()
    .groupBy("k")
    .agg(first!, ...rest);
};
const migrate = { "millrace.state.migrate": true };

test("after a deduplication, in append mode: the windows in flight go on", async () => {
  const input = memoryStream(spark(), "k STRING, t INT, i INT");
  const query = (...aggregates: readonly string[]): DataFrame<any> => {
    const [first, ...rest] = aggregates.map((text) => expr(text));
    const frame = input
      .toDF()
      .withColumn("time", F.timestamp_seconds(col("t")))
      .withWatermark("time", "10 seconds")
      .dropDuplicates(["k", "time"]);
    return startOf(frame.groupBy(window(col("time"), "10 seconds")).agg(first!, ...rest));
  };
  const checkpointLocation = newCheckpoint();
  await testStream(
    query("count(*)", "min(i)"),
    { checkpointLocation, workers: 1 },
    addData(input, ["a", 100, 7], ["a", 100, 7], ["b", 101, 9]),
    checkNewAnswer(),
  );
  await testStream(
    query("max(i)", "min(CAST(i AS BIGINT))", "count(*)"),
    { checkpointLocation, workers: 4, conf: migrate },
    startStream(),
    // A duplicate of a row of before, and one that is new; then the time moves on.
    addData(input, ["a", 100, 1], ["c", 102, 8], ["d", 112, 3]),
    checkNewAnswer(),
    addData(input, ["e", 140, 5]),
    checkNewAnswer([100, 8, 7n, 3n], [110, 3, 3n, 1n]),
  );
});

describe("without consent", () => {
  test("other places and wider types go on", async () => {
    const input = memoryStream(spark(), "k STRING, i INT");
    const checkpointLocation = newCheckpoint();
    const options = { outputMode: "update", checkpointLocation } as const;
    await testStream(
      keyed(input, "sum(i)", "min(i)", "count(*)"),
      options,
      addData(input, ["a", 3], ["a", 2]),
      checkNewAnswer(["a", 5n, 2, 2n]),
    );
    await testStream(
      keyed(input, "count(*)", "min(CAST(i AS BIGINT))", "sum(i)"),
      options,
      startStream(),
      addData(input, ["a", 10]),
      checkNewAnswer(["a", 3n, 2n, 15n]),
    );
    // And once more, over what the second program has written.
    await testStream(
      keyed(input, "sum(i)", "count(*)", "min(CAST(i AS DECIMAL(22,2)))"),
      options,
      startStream(),
      addData(input, ["a", -1]),
      checkLastBatch(["a", 14n, 4n, "-1.00"]),
    );
  });

  test("the same buffers in the same places go on, as in Spark, also under other names", async () => {
    const input = memoryStream(spark(), "k STRING, i INT");
    const options = { outputMode: "update", checkpointLocation: newCheckpoint() } as const;
    await testStream(keyed(input, "count(*)", "max(i)"), options, addData(input, ["a", 3]), checkNewAnswer(["a", 1n, 3]));
    const renamed = input.toDF().withColumnRenamed("i", "j").groupBy("k").agg(count("*"), expr("max(j)"));
    await testStream(renamed, options, startStream(), addData(input, ["a", 2]), checkNewAnswer(["a", 2n, 3]));
    // By its new name it is found again.
    await testStream(
      input.toDF().withColumnRenamed("i", "j").groupBy("k").agg(expr("max(CAST(j AS BIGINT))"), count("*")),
      options,
      startStream(),
      addData(input, ["a", 1]),
      checkNewAnswer(["a", 3n, 3n]),
    );
  });

  test.each([
    ["an aggregate that is new", ["count(*)", "max(i)"], /max\(i\) is new and starts with max = null in groups that exist/],
    ["one that is gone", ["count(*)"], /the state of min\(i\) \(int\) is lost/, ["count(*)", "min(i)"]],
    ["another one", ["count(*)", "sum(i)"], /sum\(i\) is new.*the state of min\(i\) \(int\) is lost/, ["count(*)", "min(i)"]],
  ])("%s is refused, and changes nothing", async (_name, now, message, before = ["count(*)"]) => {
    const input = memoryStream(spark(), "k STRING, i INT");
    const checkpointLocation = newCheckpoint();
    const options = { outputMode: "update", checkpointLocation } as const;
    await testStream(keyed(input, ...before), options, addData(input, ["a", 3]), processAllAvailable());
    const files = readdirSync(join(checkpointLocation, "operators"));
    await testStream(
      keyed(input, ...now),
      options,
      startStream(),
      addData(input, ["a", 4]),
      expectFailure({ condition: "STATE_STORE_VALUE_SCHEMA_NOT_COMPATIBLE", message }),
    );
    expect(readdirSync(join(checkpointLocation, "operators"))).toEqual(files);
  });
});

test("back to the aggregates of the first program: a schema of its own, which the next start finds", async () => {
  const input = memoryStream(spark(), "k STRING, i INT");
  const options = { outputMode: "update", checkpointLocation: newCheckpoint(), conf: migrate } as const;
  await testStream(keyed(input, "avg(i)"), options, addData(input, ["a", 3]), checkNewAnswer(["a", 3]));
  await testStream(keyed(input, "max(i)"), options, startStream(), addData(input, ["a", 5]), checkNewAnswer(["a", 5]));
  await testStream(
    keyed(input, "avg(i)"),
    options,
    startStream(),
    addData(input, ["a", 7]),
    checkNewAnswer(["a", 7]),
    stopStream(),
    startStream({ workers: 2 }),
    addData(input, ["a", 8]),
    checkNewAnswer(["a", 7.5]),
  );
});

test.each([
  ["a narrower type", "min(CAST(i AS BIGINT))", "min(i)", "column min.min is bigint in the state, and not every such value is int"],
  [
    "a type that rounds",
    "min(CAST(i AS BIGINT))",
    "min(CAST(i AS DOUBLE))",
    "column min.min is bigint in the state, and not every such value is double",
  ],
  ["fewer digits", "min(CAST(i AS DECIMAL(12,2)))", "min(CAST(i AS DECIMAL(12,3)))", "column min.min is decimal(12,2) in the state"],
  ["a list of other values", "collect_list(i)", "collect_list(CAST(i AS BIGINT))", "its state holds values of type int, not bigint"],
])("%s is refused whatever the program agrees to", async (_name, before, now, message) => {
  const input = memoryStream(spark(), "k STRING, i INT");
  const options = { outputMode: "update", checkpointLocation: newCheckpoint(), conf: migrate } as const;
  await testStream(keyed(input, before), options, addData(input, ["a", 3]), processAllAvailable());
  await testStream(
    keyed(input, now),
    options,
    startStream(),
    addData(input, ["a", 4]),
    expectFailure({
      condition: "STATE_STORE_VALUE_SCHEMA_NOT_COMPATIBLE",
      message: new RegExp(`Operator 0 \\(stateStoreSave\\).*${message.replaceAll(/[()]/g, "\\$&")}.*checkpoint rollback`),
    }),
  );
});

test("other keys are refused whatever the program agrees to", async () => {
  const input = memoryStream(spark(), "k STRING, i INT");
  const options = { outputMode: "update", checkpointLocation: newCheckpoint(), conf: migrate } as const;
  await testStream(keyed(input, "count(*)"), options, addData(input, ["a", 3]), processAllAvailable());
  await testStream(
    input.toDF().groupBy("i").agg(count("*")),
    options,
    startStream(),
    addData(input, ["a", 4]),
    expectFailure({
      condition: "STATE_STORE_KEY_SCHEMA_NOT_COMPATIBLE",
      message: /Operator 0 \(stateStoreSave\) finds its state by these keys/,
    }),
  );
});

describe("the program of before", () => {
  /** Three batches of the first program, then `batches` of the second. */
  async function bothRan(batches: number) {
    const input = memoryStream(spark(), "k STRING, i INT");
    const checkpointLocation = newCheckpoint();
    const options = { outputMode: "update", checkpointLocation, conf: migrate } as const;
    const first = (): DataFrame<any> => keyed(input, "count(*)", "min(i)");
    await testStream(
      first(),
      options,
      ...[5, 4, 6].flatMap((i, index) => [addData(input, ["a", i]), checkNewAnswer(["a", BigInt(index + 1), index === 0 ? 5 : 4])]),
    );
    await testStream(
      keyed(input, "max(i)", "count(*)", "min(CAST(i AS BIGINT))"),
      options,
      startStream(),
      ...Array.from({ length: batches }, (_, index) => [
        addData(input, ["a", index]),
        checkLastBatch(["a", index, BigInt(index + 4), 0n]),
      ]).flat(),
    );
    return { input, checkpointLocation, options, first };
  }

  test("goes on as if nothing had been, when the new one has not committed a batch", async () => {
    const { input, options, first } = await bothRan(0);
    await testStream(first(), options, startStream(), addData(input, ["a", 1]), checkLastBatch(["a", 4n, 1]));
  });

  test("is refused afterwards where it would lose something, and goes on after a rollback", async () => {
    const { input, checkpointLocation, options, first } = await bothRan(2);
    await testStream(
      first(),
      { ...options, conf: {} },
      startStream(),
      addData(input, ["b", 1]),
      expectFailure({ condition: "STATE_STORE_VALUE_SCHEMA_NOT_COMPATIBLE" }),
    );
    await rollbackCheckpoint(nodePorts(), checkpointLocation, 1);
    // Batches 2 to 4 come again, and what was added meanwhile: 6, 0, 1 of "a" after 5 and 4.
    await testStream(first(), { ...options, conf: {} }, startStream(), checkAnswer(["a", 5n, 0], ["b", 1n, 1]));
    // And the new program once more, from there.
    await testStream(
      keyed(input, "max(i)", "count(*)", "min(CAST(i AS BIGINT))"),
      options,
      startStream(),
      addData(input, ["a", 3]),
      checkLastBatch(["a", 3, 6n, 0n]),
    );
  });

  test("state of before and after can be read, in the form of the batch that is asked for", async () => {
    const { checkpointLocation } = await bothRan(2);
    const read = async (batchId: number) =>
      await spark().read.format("statestore").option("batchId", batchId).load(checkpointLocation).select("value").collect();
    expect(await read(2)).toEqual([{ value: { count: 3n, min: 4 } }]);
    expect(await read(4)).toEqual([{ value: { max: 1, count: 5n, min: 0n } }]);
    const feed = await spark()
      .read.format("statestore")
      .options({ readChangeFeed: true, changeStartBatchId: 2 })
      .load(checkpointLocation)
      .select("batch_id", "value")
      .collect();
    expect(feed).toEqual([
      { batch_id: 2n, value: { max: null, count: 3n, min: 4n } },
      { batch_id: 3n, value: { max: 0, count: 4n, min: 0n } },
      { batch_id: 4n, value: { max: 1, count: 5n, min: 0n } },
    ]);
  });
});
