/**
 * Deduplication and limits against plain models: random rows, cut into random batches, with restarts on random numbers of workers in between.
 * A failure prints its seed; more runs with MILLRACE_LONG=1.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { functions as F, type DataFrame } from "../../src/index.ts";
import {
  addData,
  assertOnQuery,
  checkNewAnswer,
  type MemoryInput,
  memoryStream,
  startStream,
  stopStream,
  testStream,
  type Step,
} from "../../src/testing.ts";
import { stateRows } from "../support/query-assertions.ts";
import { testSession } from "../support/test-session.ts";

const { col } = F;
const spark = testSession();
const numRuns = process.env["MILLRACE_LONG"] ? 300 : 12;
const options = { timeout: process.env["MILLRACE_LONG"] ? 1_800_000 : 60_000 };

const workers = fc.constantFrom(1, 2, 4);
const restart = (wanted: number | null): Step[] => (wanted === null ? [] : [stopStream(), startStream({ workers: wanted })]);

/** Event second, key, and a value that is carried along. */
type TimedRow = readonly [number | null, string | null, number];

interface Kind {
  readonly name: string;
  /** What must be new, as text. */
  readonly key: (row: TimedRow) => string;
  /** Until when the key is kept, in event seconds; null: for good. */
  readonly keptUntil: (row: TimedRow, delay: number) => number | null;
  /** Spark drops late rows only where the event time is a key, is looked at behind, or limits the state. */
  readonly dropsLate: boolean;
  readonly frame: (timed: DataFrame<any>) => DataFrame<any>;
}

const kinds: readonly Kind[] = [
  {
    name: "dropDuplicates without the time",
    key: ([, key]) => JSON.stringify(key),
    keptUntil: () => null,
    dropsLate: false,
    frame: (timed) => timed.dropDuplicates("key"),
  },
  {
    name: "dropDuplicates with the time",
    key: ([second, key]) => JSON.stringify([second, key]),
    keptUntil: ([second]) => second,
    dropsLate: true,
    frame: (timed) => timed.dropDuplicates("time", "key"),
  },
  {
    name: "dropDuplicatesWithinWatermark",
    key: ([, key]) => JSON.stringify(key),
    keptUntil: ([second], delay) => (second ?? 0) + delay,
    dropsLate: true,
    frame: (timed) => timed.dropDuplicatesWithinWatermark("key"),
  },
];

/** Spark's rules, one batch after the other (watermark 0 = not set). */
class DeduplicateModel {
  readonly #kind: Kind;
  readonly #delay: number;
  readonly #keys = new Map<string, number | null>();
  #previousWatermark = 0;
  #watermark = 0;

  constructor(kind: Kind, delay: number) {
    this.#kind = kind;
    this.#delay = delay;
  }

  /** A batch with data, and the one without that may follow. */
  add(rows: readonly TimedRow[]) {
    const passed: TimedRow[] = [];
    let dropped = 0;
    let duplicates = 0;
    for (const row of rows) {
      const key = this.#kind.key(row);
      if (this.#kind.dropsLate && row[0] !== null && this.#previousWatermark > 0 && row[0] <= this.#previousWatermark) dropped++;
      else if (this.#keys.has(key)) duplicates++;
      else {
        this.#keys.set(key, this.#kind.keptUntil(row, this.#delay));
        passed.push(row);
      }
    }
    this.#evict();
    this.#previousWatermark = this.#watermark;
    this.#watermark = Math.max(this.#watermark, ...rows.flatMap(([second]) => (second === null ? [] : [second - this.#delay])));
    if (this.#watermark > this.#previousWatermark) this.#evict();
    this.#previousWatermark = this.#watermark;
    return { passed, dropped, duplicates, total: this.#keys.size };
  }

  #evict(): void {
    if (this.#watermark === 0) return;
    for (const [key, until] of this.#keys) if (until !== null && until <= this.#watermark) this.#keys.delete(key);
  }
}

const key = fc.oneof(
  fc.integer({ min: 0, max: 30 }).map((id) => `k${id}`),
  fc.constant(null),
  fc.string({ minLength: 12, maxLength: 40 }),
);
const timedBatch = fc.record({
  restartWorkers: fc.option(workers, { freq: 2 }),
  advance: fc.integer({ min: 0, max: 30 }),
  rows: fc.array(fc.tuple(fc.option(fc.integer({ min: -40, max: 10 }), { freq: 15 }), key), { minLength: 1, maxLength: 60 }),
});

/** Numbers of the batches with data since the start of the run. */
const duplicatesOfLastDataBatch = (expected: number): Step =>
  assertOnQuery(async (query) => {
    const progress = (await query.recentProgress()).findLast(({ numInputRows }) => numInputRows > 0)!;
    expect(progress["stateOperators"][0].customMetrics.numDroppedDuplicateRows).toBe(expected);
  }, `duplicates(${expected})`);

const frameOf = (input: MemoryInput<any>, delay: number, kind: Kind): DataFrame<any> =>
  kind
    .frame(
      input
        .toDF()
        .withColumn("time", F.timestamp_seconds(col("second")))
        .withWatermark("time", `${delay} seconds`),
    )
    .select("second", "key", "carried");

test.each(kinds)("$name", options, async (kind) => {
  await fc.assert(
    fc.asyncProperty(
      workers,
      fc.integer({ min: 1, max: 9 }),
      fc.constantFrom(0, 7, 60),
      fc.array(timedBatch, { minLength: 1, maxLength: 10 }),
      async (first, partitions, delay, batches) => {
        const input = memoryStream(spark(), "second INT, key STRING, carried INT");
        const model = new DeduplicateModel(kind, delay);
        let now = 50;
        let carried = 0;
        const steps = batches.flatMap(({ restartWorkers, advance, rows }): Step[] => {
          now += advance;
          const timed = rows.map(([offset, text]): TimedRow => [offset === null ? null : now + offset, text, carried++]);
          const { passed, dropped, duplicates, total } = model.add(timed);
          return [
            ...restart(restartWorkers),
            addData(input, ...timed),
            checkNewAnswer(...passed),
            stateRows({ total, updated: passed.length, dropped }),
            duplicatesOfLastDataBatch(duplicates),
          ];
        });
        await testStream(frameOf(input, delay, kind), { workers: first, conf: { "spark.sql.shuffle.partitions": partitions } }, ...steps);
      },
    ),
    { numRuns },
  );
});

test("limits", options, async () => {
  const batch = fc.record({
    restartWorkers: fc.option(workers, { freq: 2 }),
    rows: fc.array(fc.string({ maxLength: 20 }), { minLength: 1, maxLength: 30 }),
  });
  await fc.assert(
    fc.asyncProperty(workers, fc.nat({ max: 80 }), fc.array(batch, { minLength: 1, maxLength: 6 }), async (first, limit, batches) => {
      const input = memoryStream(spark(), "text STRING");
      let left = limit;
      const steps = batches.flatMap(({ restartWorkers, rows }): Step[] => {
        const passed = rows.slice(0, left);
        left -= passed.length;
        return [...restart(restartWorkers), addData(input, ...rows), checkNewAnswer(...passed)];
      });
      await testStream(input.toDF().limit(limit), { workers: first }, ...steps);
    }),
    { numRuns },
  );
});

/** Batches of a fixed pseudo-random stream of keys: each `advance` seconds further, with times spread over `spread` seconds. */
function manyKeys(advance: number, spread: number, partitions: number, total: boolean): () => Promise<void> {
  return async () => {
    const kind = kinds[2]!;
    const delay = 40;
    const model = new DeduplicateModel(kind, delay);
    const input = memoryStream(spark(), "second INT, key STRING, carried INT");
    let random = 7;
    const next = (below: number): number => {
      random = (Math.imul(random, 1_103_515_245) + 12_345) >>> 0;
      return Math.floor((random / 2 ** 32) * below);
    };
    const steps = Array.from({ length: 24 }, (_, batch): Step[] => {
      const rows = Array.from({ length: 1500 }, (_row, i): TimedRow => [100 + batch * advance + next(spread), `key ${next(20_000)}`, i]);
      const expected = model.add(rows);
      return [
        ...restart(batch % 9 === 5 ? 2 : null),
        addData(input, ...rows),
        checkNewAnswer(...expected.passed),
        stateRows({ ...(total ? { total: expected.total } : {}), updated: expected.passed.length, dropped: expected.dropped }),
      ];
    }).flat();
    await testStream(frameOf(input, delay, kind), { workers: 1, conf: { "spark.sql.shuffle.partitions": partitions } }, ...steps);
  };
}

test("many keys in many time buckets: the filter of keys grows, is cleaned, and made anew after a restart", manyKeys(20, 30, 2, true));

test("keys of a large bucket wait for its end, and are new again before it", manyKeys(3, 6, 1, false));
