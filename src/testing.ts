/**
 * The test kit, `millrace/testing`: streaming queries tested by lists of steps, as Spark's StreamTest does it. For the programs of users as
 * much as for our own suite.
 *
 * ```ts
 * const input = memoryStream(spark, "value INT");
 * await testStream(input.toDF().groupBy("value").count(), { outputMode: "update" },
 *   addData(input, 3), checkNewAnswer([3, 1n]),
 *   stopStream(), startStream(),
 *   addData(input, 3, 2), checkNewAnswer([3, 2n], [2, 1n]));
 * ```
 */
import type { DataFrame } from "./api/dataframe.ts";
import { localExecutor } from "./testing/memory-input.ts";
import type { Step } from "./testing/steps.ts";
import { StreamTest, type StreamTestOptions } from "./testing/stream-test.ts";

export { manualClock, type ManualClock } from "./base/manual-clock.ts";
export { memoryStream, type MemoryInput } from "./testing/memory-input.ts";
export {
  addData,
  advanceManualClock,
  assertOnQuery,
  checkAnswer,
  checkLastBatch,
  checkNewAnswer,
  execute,
  expectFailure,
  multiAddData,
  processAllAvailable,
  startStream,
  stopStream,
  type ExpectedFailure,
  type StartOptions,
  type Step,
  type TestSurroundings,
} from "./testing/steps.ts";
export type { StreamTestOptions } from "./testing/stream-test.ts";

/**
 * Runs `frame` as a streaming query through `steps`, in order. Rows compare unordered and by value: `3` and `3n` both do for a BIGINT.
 * Rejects with an `AssertionError` that shows expected and actual rows and the step that failed. The query starts by itself if the
 * first step that needs it comes before any `startStream`; at the end it is stopped and its checkpoint removed.
 */
export async function testStream(frame: DataFrame<any>, options: StreamTestOptions, ...steps: readonly Step[]): Promise<void> {
  await new StreamTest(frame, localExecutor(frame.session.executor), options, steps).run();
}
