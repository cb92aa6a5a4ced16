/**
 * Queries with more state than `millrace.memory.limit`, against plain recomputation: in random batches, with restarts on random numbers of
 * workers, beside the same query with memory for everything. A failure prints its seed; more runs with MILLRACE_LONG=1.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { functions as F, type StreamingQuery } from "../../src/index.ts";
import {
  addData,
  assertOnQuery,
  checkLastBatch,
  checkNewAnswer,
  expectFailure,
  memoryStream,
  startStream,
  stopStream,
  testStream,
  type Step,
} from "../../src/testing.ts";
import { testSession } from "../support/test-session.ts";

const { col, count, expr, max, sum, window } = F;
const spark = testSession();
const numRuns = process.env["MILLRACE_LONG"] ? 100 : 4;
const EAGER = { "spark.sql.streaming.stateStore.maintenanceInterval": 0 };

/** Each worker has so little memory that its state gets a quarter of this. */
const WORKER_BYTES = 160_000;
const tight = (workers: number) => ({ workers, conf: { ...EAGER, "millrace.memory.limit": WORKER_BYTES * workers } });
const roomy = (workers: number) => ({ workers, conf: { ...EAGER, "millrace.memory.limit": 2 ** 32 } });

interface StateNumbers {
  readonly memoryUsedBytes: number;
  readonly numRowsTotal: number;
  readonly customMetrics: { readonly numChunksInMemory: number; readonly numChunksOnDisk: number; readonly numChunksLoaded: number };
}
const lastState = async (query: StreamingQuery): Promise<StateNumbers> => (await query.recentProgress()).at(-1)!["stateOperators"][0];

/** Key, event second, and what its text begins with. */
type Row = readonly [number, number, number];
const ROW_BATCH = fc.record({
  restart: fc.option(fc.constantFrom(1, 2, 4), { freq: 2 }),
  /** Rows of a batch follow from few numbers: thousands of them would take long to shrink. */
  seed: fc.integer({ min: 1, max: 1e6 }),
  rows: fc.constantFrom(1, 40, 1500),
});
const BATCHES = fc.array(ROW_BATCH, { minLength: 3, maxLength: 6 });

function rowsOf({ seed, rows }: { seed: number; rows: number }, second: number): Row[] {
  let state = seed;
  const next = (limit: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state % limit;
  };
  return Array.from({ length: rows }, () => [next(3001), second + next(50), next(1000)]);
}

const textOf = (n: number): string => `${String(n).padStart(4, "0")} and what follows it, so that rows are long`;
const toInput = ([key, second, n]: Row) => [key, new Date(second * 1000), textOf(n)] as const;

/** Runs `expected` batches in all ways; it is told of each batch's rows and says what is new. */
async function runs(
  batches: readonly { restart: number | null; seed: number; rows: number }[],
  start: (workers: number) => ReturnType<typeof tight>,
  query: (input: ReturnType<typeof memoryStream>) => Parameters<typeof testStream>[0],
  outputMode: "append" | "update",
  expected: () => (rows: readonly Row[]) => unknown[][],
): Promise<void> {
  const input = memoryStream(spark(), "k INT, t TIMESTAMP, s STRING");
  const answers = expected();
  const steps = batches.flatMap((batch, i): Step[] => {
    const rows = rowsOf(batch, 100 * i);
    const restart = batch.restart === null ? [] : [stopStream(), startStream(start(batch.restart))];
    return [...restart, addData(input, ...rows.map(toInput)), checkNewAnswer(...answers(rows))];
  });
  await testStream(query(input), { outputMode }, startStream(start(2)), ...steps);
}

const cases: readonly [string, (start: typeof tight, batches: Parameters<typeof runs>[0]) => Promise<void>][] = [
  [
    "counts, sums and texts by key",
    (start, batches) =>
      runs(
        batches,
        start,
        (input) => input.toDF().groupBy("k").agg(count("*").as("n"), max("s").as("text")),
        "update",
        () => {
          const groups = new Map<number, [bigint, string]>();
          return (rows) => {
            for (const [key, , n] of rows) {
              const [before, text] = groups.get(key) ?? [0n, ""];
              groups.set(key, [before + 1n, textOf(n) > text ? textOf(n) : text]);
            }
            return [...new Set(rows.map(([key]) => key))].map((key) => [key, ...groups.get(key)!]);
          };
        },
      ),
  ],
  [
    "duplicates",
    (start, batches) =>
      runs(
        batches,
        start,
        (input) => input.toDF().select("k", "s").dropDuplicates(),
        "append",
        () => {
          const seen = new Set<string>();
          return (rows) =>
            rows.flatMap(([key, , n]) => {
              const isNew = !seen.has(`${key} ${n}`);
              seen.add(`${key} ${n}`);
              return isNew ? [[key, textOf(n)]] : [];
            });
        },
      ),
  ],
  [
    "windows that close",
    (start, batches) =>
      runs(
        batches,
        start,
        (input) =>
          input
            .toDF()
            .withWatermark("t", "30 seconds")
            .groupBy(window(col("t"), "20 seconds"), col("k"))
            .agg(sum("k").as("total"))
            .select(col("window.start").cast("BIGINT").as("start"), col("k"), col("total")),
        "append",
        () => {
          const open = new Map<string, [number, number, bigint]>();
          let newest = 0;
          let closedUpTo = 0;
          return (rows) => {
            for (const [key, second] of rows) {
              newest = Math.max(newest, second);
              const begin = second - (second % 20);
              if (begin + 20 <= closedUpTo) continue;
              const [, , before] = open.get(`${begin} ${key}`) ?? [0, 0, 0n];
              open.set(`${begin} ${key}`, [begin, key, before + BigInt(key)]);
            }
            closedUpTo = Math.max(closedUpTo, newest - 30);
            const due = [...open].filter(([, [begin]]) => begin + 20 <= closedUpTo);
            for (const [name] of due) open.delete(name);
            return due.map(([, row]) => [BigInt(row[0]), row[1], row[2]]);
          };
        },
      ),
  ],
];

test.each(cases)(
  "%s: the same answers in little memory, in enough, and by plain recomputation",
  { timeout: 300_000 },
  async (_name, run) => {
    await fc.assert(
      fc.asyncProperty(BATCHES, async (batches) => {
        await run(tight, batches);
        await run(roomy, batches);
      }),
      { numRuns },
    );
  },
);

/** Aggregates of programs that follow each other over one state: in other places, new, wider, gone, and there again. */
const PROGRAMS: readonly (readonly string[])[] = [
  ["count(*)", "max(s)"],
  ["max(s)", "min(CAST(left(s, 4) AS INT))", "count(*)"],
  ["count(*)", "min(CAST(left(s, 4) AS BIGINT))", "max(s)"],
  ["max(s)", "count(*)"],
];

/** A restart in `batches` is one with the next program. Returns how many chunks were on disk at most. */
async function runPrograms(batches: Parameters<typeof runs>[0], start: (workers: number) => ReturnType<typeof tight>): Promise<number> {
  const input = memoryStream(spark(), "k INT, t TIMESTAMP, s STRING");
  const checkpointLocation = mkdtempSync(join(tmpdir(), "millrace-migration-"));
  const groups = new Map<number, { n: bigint; text: string; least: number | null }>();
  const batch = (rows: readonly Row[], program: readonly string[]): unknown[][] => {
    for (const [key, , n] of rows) {
      const group = groups.get(key) ?? { n: 0n, text: "", least: null };
      // A minimum that comes anew has seen nothing.
      const least = program.length === 2 ? null : Math.min(group.least ?? n, n);
      groups.set(key, { n: group.n + 1n, text: textOf(n) > group.text ? textOf(n) : group.text, least });
    }
    return [...new Set(rows.map(([key]) => key))].map((key) => {
      const { n, text, least } = groups.get(key)!;
      const answer = (name: string): unknown => (name === "count(*)" ? n : name === "max(s)" ? text : BigInt(least!));
      return [key, ...program.map(answer)];
    });
  };
  let coldChunks = 0;
  const isCold = assertOnQuery(async (query) => {
    coldChunks = Math.max(coldChunks, (await lastState(query)).customMetrics.numChunksOnDisk);
  }, "chunks are counted");
  let workers = 2;
  for (let i = 0, starts = 0; i < batches.length; starts++) {
    const program = PROGRAMS[starts % PROGRAMS.length]!;
    if (program.length === 2) for (const group of groups.values()) group.least = null;
    const steps: Step[] = [];
    do {
      const rows = rowsOf(batches[i]!, 100 * i);
      steps.push(addData(input, ...rows.map(toInput)), checkNewAnswer(...batch(rows, program)), isCold);
    } while (++i < batches.length && batches[i]!.restart === null);
    const columns = program.map((text) => expr(text.startsWith("min") ? `CAST(${text} AS BIGINT)` : text));
    const frame = input
      .toDF()
      .groupBy("k")
      .agg(columns[0]!, ...columns.slice(1));
    const { conf } = start(workers);
    const options = { outputMode: "update", checkpointLocation, workers, conf: { ...conf, "millrace.state.migrate": "true" } } as const;
    await testStream(frame, options, startStream(), ...steps);
    workers = batches[i]?.restart ?? workers;
  }
  rmSync(checkpointLocation, { recursive: true });
  return coldChunks;
}

test(
  "programs that follow each other, also with state on disk: the same answers as by plain recomputation",
  { timeout: 300_000 },
  async () => {
    let coldChunks = 0;
    await fc.assert(
      fc.asyncProperty(BATCHES, async (batches) => {
        await runPrograms(batches, roomy);
        coldChunks += await runPrograms(batches, tight);
        coldChunks += await runPrograms(
          batches.map((batch) => ({ ...batch, restart: batch.restart === null ? null : 2 })),
          tight,
        );
      }),
      // Restarts at every batch, so that each program has state of the one before on disk.
      { numRuns, examples: [[([1, 4, 2, 1, 4] as const).map((restart, i) => ({ restart, seed: 7 + i, rows: 1500 as const }))]] },
    );
    expect(coldChunks).toBeGreaterThan(10);
  },
);

test("a chunk that leaves memory in the middle of a walk over its changed rows gives each of them once", async () => {
  const input = memoryStream(spark(), "k INT");
  const keys = 20_000;
  const start = { workers: 1, conf: { ...EAGER, "millrace.memory.limit": 140_000 } };
  await testStream(
    input.toDF().groupBy("k").agg(count("*").as("n")),
    { outputMode: "update" },
    startStream(start),
    ...[1n, 2n, 3n].flatMap((n) => [
      addData(input, ...Array.from({ length: keys }, (_, i) => ((i * 7919) % keys) * 3)),
      checkLastBatch(...Array.from({ length: keys }, (_, key) => [key * 3, n])),
      ...(n === 2n ? [stopStream(), startStream(start)] : []),
    ]),
  );
});

test("ten times more state than memory: memory stays bounded, restarts read what they need, a typed error says what is too little", async () => {
  const input = memoryStream(spark(), "k INT");
  const keys = 60_000;
  const limit = 400_000;
  const start = { workers: 1, conf: { ...EAGER, "millrace.memory.limit": limit } };
  const all = (factor: number, n: bigint): unknown[][] => Array.from({ length: keys }, (_, key) => [key * factor, n]);
  const addAll = () => addData(input, ...Array.from({ length: keys }, (_, i) => ((i * 7919) % keys) * 3));
  let stateBytes = 0;
  const isBounded = assertOnQuery(async (query) => {
    const { memoryUsedBytes, numRowsTotal, customMetrics } = await lastState(query);
    stateBytes = Math.max(stateBytes, numRowsTotal * 44);
    expect(memoryUsedBytes).toBeLessThan(limit);
    expect(customMetrics.numChunksOnDisk).toBeGreaterThan(customMetrics.numChunksInMemory);
  }, "memory is bounded");
  await testStream(
    input.toDF().groupBy("k").agg(count("*").as("n")),
    { outputMode: "update" },
    startStream(start),
    ...[1n, 2n, 3n, 4n].flatMap((n) => [addAll(), checkLastBatch(...all(3, n)), isBounded]),
    stopStream(),
    startStream(start),
    addData(input, 3),
    checkLastBatch([3, 5n]),
    isBounded,
    assertOnQuery(async (query) => {
      const { numRowsTotal, customMetrics } = await lastState(query);
      expect(numRowsTotal).toBe(keys);
      // What the row needs, for merging and for the change file at most.
      expect(customMetrics.numChunksLoaded).toBeLessThanOrEqual(2);
    }, "one chunk came back"),
    stopStream(),
    startStream({ workers: 4, conf: { ...EAGER, "millrace.memory.limit": 4 * limit } }),
    addAll(),
    checkLastBatch(...all(3, 5n).map(([key, n]) => [key, key === 3 ? 6n : n])),
    stopStream(),
    startStream({ workers: 1, conf: { ...EAGER, "millrace.memory.limit": 2000 } }),
    addAll(),
    expectFailure({
      condition: "STATE_MEMORY_LIMIT_EXCEEDED",
      message: /millrace\.memory\.limit = 2000 bytes: \d+ bytes of .* Set millrace\.memory\.limit to \d+ or more/,
    }),
  );
  expect(stateBytes).toBeGreaterThan(6 * limit);
});
