/** Asynchronous progress tracking: cases of Spark's AsyncProgressTrackingMicroBatchExecutionSuite, titles kept where they are Spark's. */
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { DataStreamWriter } from "../../src/api/data-stream-writer.ts";
import type { DataFrame, MillraceError, StreamingQuery, TriggerOptions } from "../../src/index.ts";
import { type ManualClock, manualClock, memoryStream } from "../../src/testing.ts";
import { localExecutor } from "../../src/testing/memory-input.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { onWorkers } from "../support/every-way.ts";
import { testSession } from "../support/test-session.ts";

const spark = testSession();
let root: string;
let directories = 0;
beforeAll(() => {
  root = temporaryDirectory("async-progress");
});

const newCheckpoint = (): string => join(root, String(directories++));
const logged = (checkpoint: string, log: "offsets" | "commits"): number[] =>
  readdirSync(join(checkpoint, log))
    .flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []))
    .sort((a, b) => a - b);
const rowsOf = (name: string): unknown[] => localExecutor(spark().executor).memoryTables.get(name)!.rows().flat();

interface Start {
  readonly checkpoint: string;
  readonly clock?: ManualClock;
  readonly options?: Readonly<Record<string, string | number | boolean>>;
  readonly format?: string;
  readonly trigger?: TriggerOptions;
  readonly workers?: number;
}

const ASYNC = { asyncProgressTrackingEnabled: true, asyncProgressTrackingCheckpointIntervalMs: 1000 };

function start(
  frame: DataFrame<any>,
  { checkpoint, clock, options = ASYNC, format = "memory", trigger, workers }: Start,
): Promise<StreamingQuery> {
  const { executor } = frame.session;
  const { settings, ports } = localExecutor(executor);
  const own = localExecutor(executor).beside(
    workers ? { ...settings, workers } : settings,
    clock ? { ...ports, clock: clock.clock, scheduler: clock.scheduler } : ports,
  );
  const writer = new DataStreamWriter({ ...frame.session, executor: own }, frame.plan).format(format).queryName("answers");
  if (trigger) writer.trigger(trigger);
  return writer.options({ checkpointLocation: checkpoint, ...options }).start();
}

onWorkers("interval commits and recovery", async (nextWorkers) => {
  const checkpoint = newCheckpoint();
  const clock = manualClock(10_000);
  const input = memoryStream(spark(), "value INT");
  const batch = async (query: StreamingQuery, value: number, advanceMs = 0): Promise<void> => {
    await clock.advance(advanceMs);
    input.addData(value);
    await query.processAllAvailable();
  };
  const first = await start(input.toDF(), { checkpoint, clock, workers: nextWorkers() });
  await batch(first, 0);
  await batch(first, 1);
  await batch(first, 2, 999);
  await batch(first, 3, 1);
  await first.stop();
  expect([logged(checkpoint, "offsets"), logged(checkpoint, "commits")]).toEqual([
    [0, 3],
    [0, 3],
  ]);
  expect(rowsOf("answers")).toEqual([0, 1, 2, 3]);

  const second = await start(input.toDF(), { checkpoint, clock, workers: nextWorkers() });
  await batch(second, 4);
  await batch(second, 5);
  await batch(second, 6);
  await batch(second, 7, 1000);
  await second.stop();
  expect([logged(checkpoint, "offsets"), logged(checkpoint, "commits")]).toEqual([
    [0, 3, 4, 7],
    [0, 3, 4, 7],
  ]);
  expect(rowsOf("answers")).toEqual([4, 5, 6, 7]);
});

onWorkers("recovery non-contiguous log", async (nextWorkers) => {
  const checkpoint = newCheckpoint();
  const clock = manualClock(0);
  const input = memoryStream(spark(), "value INT");
  const run = async (...batches: readonly (readonly number[])[]): Promise<void> => {
    const query = await start(input.toDF(), { checkpoint, clock, workers: nextWorkers() });
    await query.processAllAvailable();
    for (const [i, values] of batches.entries()) {
      if (i === 3) await clock.advance(1000);
      input.addData(...values);
      await query.processAllAvailable();
    }
    await query.stop();
  };
  await run([0], [1], [2], [3], [4], [5]);
  expect(logged(checkpoint, "offsets")).toEqual([0, 3]);
  // What came after the newest record is read again, nothing is lost.
  await run([6]);
  expect(rowsOf("answers")).toEqual([4, 5, 6]);
  expect(logged(checkpoint, "offsets")).toEqual([0, 3, 4]);
  // The newest logged batch did not get its commit: it runs again.
  rmSync(join(checkpoint, "commits", "4"));
  await run([7]);
  expect(rowsOf("answers")).toEqual([4, 5, 6, 7]);
  expect(logged(checkpoint, "commits")).toEqual([0, 3, 4, 5]);
});

test("an interval of 0 logs every batch; then the query can go on without", async () => {
  const checkpoint = newCheckpoint();
  const clock = manualClock(0);
  const input = memoryStream(spark(), "value INT");
  const run = async (options: Start["options"], ...values: readonly number[]): Promise<void> => {
    const query = await start(input.toDF(), { checkpoint, clock, ...(options && { options }) });
    for (const value of values) {
      input.addData(value);
      await query.processAllAvailable();
    }
    await query.stop();
  };
  await run(ASYNC, 0, 1);
  await run(ASYNC, 2, 3, 4);
  expect(logged(checkpoint, "offsets")).toEqual([0, 1]);
  await run({ ...ASYNC, asyncProgressTrackingCheckpointIntervalMs: 5000 }, 5);
  await clock.advance(5000);
  const query = await start(input.toDF(), { checkpoint, clock, options: { ...ASYNC, asyncProgressTrackingCheckpointIntervalMs: 0 } });
  for (const value of [6, 7]) {
    input.addData(value);
    await query.processAllAvailable();
  }
  await query.stop();
  expect(logged(checkpoint, "offsets").slice(-2)).toEqual([3, 4]);
  await run({}, 8);
  expect(rowsOf("answers")).toEqual([8]);
});

test("a gap in the log is an error for a query that logs every batch", async () => {
  const checkpoint = newCheckpoint();
  const clock = manualClock(0);
  const input = memoryStream(spark(), "value INT");
  const query = await start(input.toDF(), { checkpoint, clock });
  for (const value of [0, 1, 2]) {
    input.addData(value);
    await query.processAllAvailable();
    await clock.advance(value === 1 ? 1000 : 0);
  }
  await query.stop();
  expect(logged(checkpoint, "offsets")).toEqual([0, 2]);
  const strict = await start(input.toDF(), { checkpoint, clock, options: {} });
  await expect(strict.awaitTermination()).rejects.toThrow("batch 1 doesn't exist");
});

test("a log that cannot be written ends the query", async () => {
  const checkpoint = newCheckpoint();
  const clock = manualClock(0);
  const input = memoryStream(spark(), "value INT");
  const query = await start(input.toDF(), { checkpoint, clock });
  input.addData(1);
  await query.processAllAvailable();
  rmSync(join(checkpoint, "offsets"), { recursive: true });
  await clock.advance(1000);
  input.addData(2);
  await query.processAllAvailable().catch(() => {});
  await query.stop();
  const error = (await query.exception())!;
  expect((error.cause as MillraceError).condition).toBe("CHECKPOINT_WRITE_FAILED");
});

test.each<[string, Partial<Start> & { readonly stateful?: boolean }, string, RegExp]>([
  ["Fail on once trigger", { trigger: { once: true } }, "ASYNC_PROGRESS_TRACKING_UNSUPPORTED", /cannot be used with Once trigger/],
  ["Fail on available now", { trigger: { availableNow: true } }, "ASYNC_PROGRESS_TRACKING_UNSUPPORTED", /AvailableNow trigger/],
  ["Fail on stateful pipelines", { stateful: true }, "ASYNC_PROGRESS_TRACKING_UNSUPPORTED", /Stateful streaming queries/],
  ["fail on sinks that are not for it", { format: "foreach" }, "ASYNC_PROGRESS_TRACKING_UNSUPPORTED", /Sink foreach does not support/],
  ["a value that is neither true nor false", { options: { asyncProgressTrackingEnabled: "yes" } }, "DATA_SOURCE_OPTION_INVALID", /yes/],
  [
    "an interval that is no number",
    { options: { asyncProgressTrackingEnabled: true, asyncProgressTrackingCheckpointIntervalMs: "1s" } },
    "DATA_SOURCE_OPTION_INVALID",
    /milliseconds/,
  ],
  [
    "an interval alone",
    { options: { asyncProgressTrackingCheckpointIntervalMs: 5 } },
    "DATA_SOURCE_OPTION_INVALID",
    /asyncProgressTrackingEnabled/,
  ],
])("%s", async (_title, { stateful, ...how }, condition, message) => {
  const input = memoryStream(spark(), "value INT");
  const frame = stateful ? input.toDF().distinct() : input.toDF();
  const error = await start(frame, { checkpoint: newCheckpoint(), ...how }).then(
    () => expect.fail("the query should not have started"),
    (refused: MillraceError) => refused,
  );
  expect(error.condition).toBe(condition);
  expect(error.message).toMatch(message);
});
