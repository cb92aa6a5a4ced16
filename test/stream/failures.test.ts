/** Batches that fail in the workers, and workers that die: what was counted stays counted once. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Worker } from "node:worker_threads";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { functions as F, Session } from "../../src/index.ts";
import { MemoryStream } from "../../src/connectors/memory/memory-stream.ts";
import {
  addData,
  checkAnswer,
  checkNewAnswer,
  execute,
  expectFailure,
  memoryStream,
  multiAddData,
  startStream,
  testStream,
  type Step,
} from "../../src/testing.ts";
import { testSession } from "../support/test-session.ts";

const { count, sum } = F;
const spark = testSession();

let directory: string;
beforeEach(() => void (directory = mkdtempSync(join(tmpdir(), "millrace-failures-"))));
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(directory, { recursive: true });
});

test.each([1, 2, 4])("division by zero ends the query; with the query mended nothing counts twice: %i workers", async (workers) => {
  const input = memoryStream(spark(), "value INT");
  const start = () => startStream({ checkpointLocation: join(directory, "checkpoint"), workers });
  const counts = (quotient: string) => input.toDF().selectExpr(`${quotient} AS v`).groupBy("v").agg(count("*").as("n"));
  await testStream(
    counts("12 div value"),
    { outputMode: "update" },
    start(),
    addData(input, 1, 2),
    checkNewAnswer([12, 1], [6, 1]),
    multiAddData(addData(input, 1, 3), addData(input, 2, 0), addData(input, 3)),
    expectFailure({ condition: "DIVIDE_BY_ZERO", message: "try_divide" }),
    start(),
    expectFailure({ condition: "DIVIDE_BY_ZERO" }),
  );
  await testStream(
    counts("12 div nullif(value, 0)"),
    { outputMode: "update" },
    start(),
    checkAnswer([12, 2], [4, 2], [6, 2], [null, 1]),
    addData(input, 1),
    checkNewAnswer([12, 3]),
  );
});

test("a sum that overflows in state fails; the state before it is kept", async () => {
  const input = memoryStream(spark(), "value BIGINT");
  const start = () => startStream({ checkpointLocation: join(directory, "checkpoint") });
  const max = 2n ** 63n - 1n;
  const frame = input.toDF().groupBy().agg(sum("value").as("s"));
  await testStream(
    frame,
    { outputMode: "update" },
    start(),
    addData(input, max - 1n),
    checkNewAnswer([max - 1n]),
    addData(input, 2n),
    expectFailure({ condition: "ARITHMETIC_OVERFLOW" }),
  );
});

/** Worker threads in the order they were made. */
async function sessionWithThreads(): Promise<{ session: Session; threads: Worker[] }> {
  const threads: Worker[] = [];
  const track = (thread: Worker): void => void threads.push(thread);
  process.on("worker", track);
  const session = await Session.builder().master("local[2]").create();
  await session.range(1).count();
  return { session, threads };
}

test.each(["while a batch runs", "between batches", "while the sink commits"])("a worker that dies %s", async (moment) => {
  const { session, threads } = await sessionWithThreads();
  try {
    const input = memoryStream(session, "key STRING, value INT");
    const seen: [number, unknown[]][] = [];
    const kill = () => void threads.at(-1)!.terminate();
    let isKilling = false;
    const { batch } = MemoryStream.prototype;
    vi.spyOn(MemoryStream.prototype, "batch").mockImplementation(function (this: MemoryStream, offset) {
      if (isKilling && moment === "while a batch runs") kill();
      isKilling &&= moment !== "while a batch runs";
      return batch.call(this, offset);
    });
    const query = await input
      .toDF()
      .groupBy("key")
      .agg(count("*").as("n"), sum("value").as("s"))
      .writeStream.outputMode("update")
      .foreachBatch(async (frame, batchId) => {
        seen.push([batchId, (await frame.collect()).map((row) => Object.values(row)).sort()]);
        if (isKilling) kill();
        isKilling = false;
      })
      .start();
    input.addData(["a", 1], ["b", 2], ["c", 3], ["d", 4]);
    await query.processAllAvailable();
    const before = threads.length;
    if (moment === "between batches") await threads.at(-1)!.terminate();
    else isKilling = true;
    input.addData(["a", 10], ["c", 10]);
    input.addData(["d", 10]);
    await query.processAllAvailable();
    input.addData(["a", 100], ["b", 100], ["c", 100], ["d", 100]);
    await query.processAllAvailable();
    await query.stop();
    expect(threads.length).toBeGreaterThan(before);
    expect(seen).toEqual([
      [
        0,
        [
          ["a", 1n, 1n],
          ["b", 1n, 2n],
          ["c", 1n, 3n],
          ["d", 1n, 4n],
        ],
      ],
      [
        1,
        [
          ["a", 2n, 11n],
          ["c", 2n, 13n],
          ["d", 2n, 14n],
        ],
      ],
      [
        2,
        [
          ["a", 3n, 111n],
          ["b", 2n, 102n],
          ["c", 3n, 113n],
          ["d", 3n, 114n],
        ],
      ],
    ]);
  } finally {
    await session.stop();
  }
});

test("a worker that dies at any moment of a batch", async () => {
  const { session, threads } = await sessionWithThreads();
  try {
    const input = memoryStream(session, "key INT");
    let turns = -1;
    const { batch } = MemoryStream.prototype;
    vi.spyOn(MemoryStream.prototype, "batch").mockImplementation(function (this: MemoryStream, offset) {
      const killAfter = (left: number): void => {
        if (left === 0) void threads.at(-1)!.terminate();
        else setImmediate(killAfter, left - 1);
      };
      if (turns >= 0) killAfter(turns);
      turns = -1;
      return batch.call(this, offset);
    });
    const step = (index: number): Step[] => [
      execute(() => void (turns = index), `kill after ${index} turns`),
      addData(input, ...Array.from({ length: 5 }, (_, key) => key)),
      checkNewAnswer(...Array.from({ length: 5 }, (_, key) => [key, index + 1])),
    ];
    const frame = input.toDF().groupBy("key").agg(count("*").as("n"));
    await testStream(frame, { outputMode: "update", workers: 2 }, ...Array.from({ length: 12 }, (_, index) => step(index)).flat());
    expect(threads.length).toBeGreaterThan(6);
  } finally {
    await session.stop();
  }
});
