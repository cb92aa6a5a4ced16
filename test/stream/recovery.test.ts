/** Cases of Spark's MicroBatchExecutionSuite and StreamingQuerySuite about what lies in a checkpoint, titles kept. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  addData,
  assertOnQuery,
  checkAnswer,
  checkLastBatch,
  checkNewAnswer,
  execute,
  expectFailure,
  memoryStream,
  processAllAvailable,
  startStream,
  stopStream,
  testStream,
  type Step,
} from "../../src/testing.ts";
import { onWorkers } from "../support/every-way.ts";
import { testSession } from "../support/test-session.ts";
import { windowedCounts } from "../support/windowed-counts.ts";

const spark = testSession();

const removeFiles = (...paths: readonly string[]): Step =>
  execute(
    (_query, { checkpointLocation }) => {
      for (const path of paths) rmSync(join(checkpointLocation, path), { recursive: true });
    },
    `remove ${paths.join(", ")}`,
  );

onWorkers("SPARK-38033: SS cannot be started because the commitId and offsetId are inconsistent", async (nextWorkers) => {
  const input = memoryStream(spark(), "value INT");
  await testStream(
    input.toDF(),
    { workers: nextWorkers() },
    ...[1, 2, 3, 4, 5].flatMap((value) => [addData(input, value), processAllAvailable()]),
    stopStream(),
    removeFiles("offsets/3", "commits/3", "commits/4"),
    addData(input, 6),
    startStream({ trigger: { availableNow: true }, workers: nextWorkers() }),
    expectFailure({ condition: "CHECKPOINT_BATCH_MISSING", message: "batch 3 doesn't exist" }),
  );
});

test("SPARK-24156: do not plan a no-data batch again after it has already been planned", async () => {
  const input = memoryStream(spark(), "value INT");
  const removeCommits = (from: (newest: number) => number) =>
    execute((_query, { checkpointLocation }) => {
      const commits = join(checkpointLocation, "commits");
      const ids = readdirSync(commits)
        .filter((name) => /^\d+$/.test(name))
        .map(Number);
      for (const id of ids) if (id >= from(Math.max(...ids))) rmSync(join(commits, String(id)));
    }, "remove commits");
  await testStream(
    windowedCounts(input),
    {},
    addData(input, 10, 11, 12, 13, 14, 15),
    checkAnswer(),
    addData(input, 25),
    checkAnswer([10, 5]), // the last batch had no data
    stopStream(),
    removeCommits((newest) => newest),
    addData(input, 30),
    startStream(),
    checkNewAnswer([15, 1]),
    stopStream(),
    removeCommits(() => 0),
    addData(input, 50),
    startStream(),
    checkNewAnswer([25, 1], [30, 1]),
  );
});

test.each([1, 2, 4])("state whose commit records are gone comes from its change files, on %i workers", async (workers) => {
  const input = memoryStream(spark(), "value STRING");
  await testStream(
    input.toDF().groupBy("value").count(),
    { outputMode: "update", workers: 2 },
    ...["a b c", "a d", "e", "a c e"].flatMap((texts, index) => [
      addData(input, ...texts.split(" ")),
      checkNewAnswer(
        ...[
          [
            ["a", 1],
            ["b", 1],
            ["c", 1],
          ],
          [
            ["a", 2],
            ["d", 1],
          ],
          [["e", 1]],
          [
            ["a", 3],
            ["c", 2],
            ["e", 2],
          ],
        ][index]!,
      ),
    ]),
    stopStream(),
    removeFiles("commits/0", "commits/1", "commits/2", "commits/3"),
    startStream({ workers }),
    addData(input, "a", "b", "c", "d", "e"),
    checkNewAnswer(["a", 4], ["b", 2], ["c", 3], ["d", 2], ["e", 3]),
  );
});

onWorkers("OneTime trigger, commit log, and exception", async (nextWorkers) => {
  const input = memoryStream(spark(), "value INT");
  const once = () => startStream({ trigger: { once: true }, workers: nextWorkers() });
  await testStream(
    input.toDF().selectExpr("6 div value AS value"),
    {},
    addData(input, 1, 2),
    once(),
    checkAnswer(6, 3),
    stopStream(),
    execute((_query, { checkpointLocation, clearSink }) => {
      expect(readdirSync(join(checkpointLocation, "offsets"))).toEqual(["0"]);
      expect(readdirSync(join(checkpointLocation, "commits"))).toEqual(["0"]);
      rmSync(join(checkpointLocation, "commits/0"));
      clearSink();
    }, "remove the commit and the sink's rows"),
    once(),
    checkAnswer(6, 3), // run again from the offset log
    stopStream(),
    addData(input, 3),
    once(),
    checkLastBatch(2), // the commit is there again
    stopStream(),
    addData(input, 0),
    once(),
    expectFailure({ condition: "DIVIDE_BY_ZERO" }),
    assertOnQuery(async (query) => {
      expect(await query.isActive()).toBe(false);
      const error = (await query.exception())!;
      expect(error.condition).toBe("STREAM_FAILED");
      expect(error.messageParameters["startOffset"]).toBe("{MemoryStream[value]: 1}");
      expect(error.messageParameters["endOffset"]).toBe("{MemoryStream[value]: 2}");
    }, "the exception has the offsets"),
  );
});

describe.each([
  ["state and commits", ["offsets"]],
  ["state", ["offsets", "commits"]],
])("SPARK-53103: non empty state and commits checkpoint directory on first batch: %s", (_left, removed) => {
  onWorkers("refused", async (nextWorkers) => {
    const input = memoryStream(spark(), "value INT");
    await testStream(
      input.toDF().groupBy("value").count(),
      { outputMode: "update", workers: nextWorkers() },
      addData(input, 1, 2),
      processAllAvailable(),
      stopStream(),
      removeFiles(...removed),
      startStream({ workers: nextWorkers() }),
      expectFailure({ condition: "STATE_STORE_CHECKPOINT_LOCATION_NOT_EMPTY" }),
    );
  });
});

test("a checkpoint given by its location stays", async () => {
  const directory = mkdtempSync(join(tmpdir(), "millrace-stream-test-"));
  try {
    const input = memoryStream(spark(), "value INT");
    const start = () => startStream({ checkpointLocation: join(directory, "checkpoint") });
    await testStream(input.toDF().groupBy("value").count(), { outputMode: "update" }, start(), addData(input, 1), checkAnswer([1, 1]));
    expect(readdirSync(join(directory, "checkpoint"))).toContain("metadata");
    await testStream(input.toDF().groupBy("value").count(), { outputMode: "update" }, start(), addData(input, 1), checkAnswer([1, 2]));
  } finally {
    rmSync(directory, { recursive: true });
  }
});
