/**
 * Functions of the program run on the thread of the program, which has other things to do: between two slices of rows its event loop turns. A
 * counter that runs once a turn tells how many rows were taken in one.
 */
import { expect, test } from "vitest";
import { functions as F, type DataFrame } from "../../src/index.ts";
import { addData, memoryStream, processAllAvailable, testStream } from "../../src/testing.ts";
import { testSession } from "../support/test-session.ts";

const { col, udf } = F;
const spark = testSession();

const ROWS = 20_000;
/** Between two turns; half as many again would show. */
const ROWS_MAX = 512;

/** The most calls of `noted` within one turn of the event loop, and how many there were. */
class Turns {
  #turn = 0;
  readonly #calls = new Map<number, number>();
  #isOver = false;

  constructor() {
    const next = (): void => {
      this.#turn++;
      if (!this.#isOver) setImmediate(next);
    };
    setImmediate(next);
  }

  noted(): void {
    this.#calls.set(this.#turn, (this.#calls.get(this.#turn) ?? 0) + 1);
  }

  end(): { most: number; calls: number } {
    this.#isOver = true;
    const counts = [...this.#calls.values()];
    return { most: Math.max(...counts), calls: counts.reduce((sum, count) => sum + count, 0) };
  }
}

const FRAMES: Readonly<Record<string, (frame: DataFrame<any>, note: () => void) => DataFrame<any>>> = {
  map: (frame, note) =>
    frame.map(({ id }) => {
      note();
      return id;
    }, "id BIGINT"),
  flatMap: (frame, note) =>
    frame.flatMap(({ id }) => {
      note();
      return [id];
    }, "id BIGINT"),
  mapPartitions: (frame, note) =>
    frame.mapPartitions(function* (rows: Iterable<any>) {
      for (const { id } of rows) {
        note();
        yield id;
      }
    }, "id BIGINT"),
  filter: (frame, note) =>
    frame.filter(({ id }: any) => {
      note();
      return id >= 0n;
    }),
  udf: (frame, note) => {
    const noted = udf((id: bigint) => {
      note();
      return id;
    }, "BIGINT");
    return frame.select(noted(col("id")).as("id"));
  },
};

test.each(Object.keys(FRAMES))("%s", async (name) => {
  const turns = new Turns();
  const rows = await FRAMES[name]!(spark().range(ROWS), () => turns.noted()).collect();
  expect(rows.map(({ id }) => id)).toEqual(Array.from({ length: ROWS }, (_, id) => BigInt(id)));
  const { most, calls } = turns.end();
  expect(calls).toBe(ROWS);
  expect(most).toBeLessThanOrEqual(ROWS_MAX);
});

const batchOf = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

test("foreach, and the rows that foreachBatch collects", async () => {
  const input = memoryStream(spark(), "value INT");
  const turns = new Turns();
  const seen: number[] = [];
  const query = await input
    .toDF()
    .writeStream.foreach(({ value }) => {
      turns.noted();
      seen.push(value!);
    })
    .start();
  input.addData(...batchOf(ROWS));
  await query.processAllAvailable();
  await query.stop();
  const { most, calls } = turns.end();
  expect(seen.sort((a, b) => a - b)).toEqual(batchOf(ROWS));
  expect(calls).toBe(ROWS);
  expect(most).toBeLessThanOrEqual(ROWS_MAX);

  const sizes: number[] = [];
  const collecting = await input
    .toDF()
    .writeStream.foreachBatch(async (frame) => {
      for await (const rows of frame) sizes.push(rows.length);
    })
    .start();
  await collecting.processAllAvailable();
  await collecting.stop();
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(ROWS);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(ROWS_MAX);
});

test("rows of all types come through slices as they are", async () => {
  const schema = "i INT, s STRING, d DECIMAL(25,3), st STRUCT<a: INT, b: STRING>, l ARRAY<INT>";
  const input = memoryStream(spark(), schema);
  const rows = batchOf(1500).map((i) => [
    i % 7 === 0 ? null : i,
    i % 5 === 0 ? null : `text ${i} ${"x".repeat(i % 40)}`,
    i % 3 === 0 ? null : `${i}.125`,
    i % 4 === 0 ? null : { a: i, b: i % 8 === 1 ? null : String(i) },
    i % 6 === 0 ? null : [i, null],
  ]);
  const got: unknown[][] = [];
  const frame = input.toDF().map((row: any) => {
    got.push([row.i, row.s, row.d === null ? null : String(row.d), row.st, row.l]);
    return 1;
  }, "one INT");
  await testStream(frame, {}, addData(input, ...rows), processAllAvailable());
  expect(got).toEqual(rows);
});
