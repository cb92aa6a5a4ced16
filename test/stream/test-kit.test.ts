/** The test kit itself: when checks fail and what they say, starting and stopping, clocks, failures that are expected. */
import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import {
  addData,
  advanceManualClock,
  assertOnQuery,
  checkAnswer,
  checkLastBatch,
  checkNewAnswer,
  execute,
  expectFailure,
  manualClock,
  memoryStream,
  multiAddData,
  processAllAvailable,
  startStream,
  stopStream,
  testStream,
  type MemoryInput,
  type Step,
} from "../../src/testing.ts";
import { testSession } from "../support/test-session.ts";

const spark = testSession();

/** What a test over `n INT, s STRING` says when it fails; empty if it passes. */
async function outcome(steps: (input: MemoryInput<any>) => readonly Step[]): Promise<string> {
  const input = memoryStream(spark(), "n INT, s STRING");
  return testStream(input.toDF(), {}, ...steps(input)).then(
    () => "",
    (error: Error) => error.message,
  );
}

test("a failed check shows both sides and marks the step", async () => {
  const message = await outcome((input) => [addData(input, [1, "a"], [2, null]), checkAnswer([1, "a"], [3, null]), stopStream()]);
  expect(message).toBe(`expected rows:
    [ 1, 'a' ]
    [ 3, null ]
  got:
    [ 1, 'a' ]
    [ 2, null ]
  steps:
     startStream()
     addData([ 1, 'a' ], [ 2, null ])
  => checkAnswer([ 1, 'a' ], [ 3, null ])
     stopStream()
     (end)`);
});

test("rows compare as multisets, by value, as arrays or objects", async () => {
  expect(await outcome((input) => [addData(input, [1, "a"], [2, "b"]), checkAnswer({ n: 2n, s: "b" }, [1, "a"])])).toBe("");
  expect(await outcome((input) => [addData(input, [1, "a"], [1, "a"]), checkAnswer([1, "a"])])).toContain("expected rows");
  expect(await outcome((input) => [addData(input, [1, "a"]), checkAnswer([1, "a"], [1, "a"])])).toContain("expected rows");
  expect(await outcome((input) => [addData(input, [1, null]), checkAnswer([1, ""])])).toContain("expected rows");
  expect(await outcome((input) => [addData(input, [1, null]), checkAnswer([1])])).toContain("AXIS_LENGTH_MISMATCH");
  expect(await outcome((input) => [addData(input, ["x", null]), checkAnswer()])).toContain("INVALID_EXTERNAL_TYPE");
});

test("checkAnswer sees everything, checkNewAnswer what came since the last check, checkLastBatch the newest batch", async () => {
  const row = (n: number) => [n, "r"];
  const message = await outcome((input) => [
    addData(input, row(1)),
    processAllAvailable(),
    addData(input, row(2)),
    checkNewAnswer(row(1), row(2)),
    checkNewAnswer(),
    addData(input, row(3)),
    processAllAvailable(),
    multiAddData(addData(input, row(4)), addData(input, row(5))),
    checkLastBatch(row(4), row(5)),
    checkNewAnswer(),
    checkAnswer(row(1), row(2), row(3), row(4), row(5)),
    stopStream(),
    startStream(),
    checkNewAnswer(),
    checkAnswer(row(1), row(2), row(3), row(4), row(5)),
  ]);
  expect(message).toBe("");
});

test("a test that starts itself finds what was added before", async () => {
  expect(await outcome((input) => [addData(input, [1, "a"]), startStream(), checkAnswer([1, "a"])])).toBe("");
  expect(await outcome((input) => [startStream(), addData(input, [1, "a"]), checkAnswer([1, "a"])])).toBe("");
  expect(await outcome(() => [startStream(), startStream()])).toContain("runs already");
});

test("the checkpoint is removed at the end, also of a test that failed", async () => {
  const locations: string[] = [];
  const note = execute((_query, { checkpointLocation }) => void locations.push(checkpointLocation), "note");
  expect(await outcome((input) => [addData(input, [1, "a"]), processAllAvailable(), note])).toBe("");
  expect(await outcome(() => [note, checkAnswer([1, "a"])])).not.toBe("");
  expect(locations).toHaveLength(2);
  for (const location of locations) expect(existsSync(location)).toBe(false);
});

test("an assertion fails by throwing or by false; undefined is fine", async () => {
  const asserting = (assertion: () => unknown) => outcome(() => [assertOnQuery(assertion, "mine")]);
  expect(await asserting(() => undefined)).toBe("");
  expect(await asserting(async () => true)).toBe("");
  expect(await asserting(async () => false)).toMatch(/the assertion returned false[^]*=> assertOnQuery\(mine\)/);
  expect(await asserting(() => Promise.reject(new Error("no good")))).toContain("no good");
});

test("expectFailure: condition and message, of the query or of its cause; anything else fails the test", async () => {
  const failing = async (...steps: readonly Step[]): Promise<string> => {
    const input = memoryStream(spark(), "n INT");
    return testStream(input.toDF().selectExpr("1 div n"), {}, addData(input, 0), ...steps).then(
      () => "",
      (error: Error) => error.message,
    );
  };
  expect(await failing(expectFailure())).toBe("");
  expect(await failing(expectFailure({ condition: "DIVIDE_BY_ZERO" }))).toBe("");
  expect(await failing(expectFailure({ condition: "STREAM_FAILED", message: /Division by zero/ }))).toBe("");
  expect(await failing(expectFailure({ condition: "DIVIDE_BY_ZERO" }), startStream(), expectFailure({ message: "by zero" }))).toBe("");
  expect(await failing(expectFailure({ condition: "ARITHMETIC_OVERFLOW" }))).toContain(
    "expected the condition ARITHMETIC_OVERFLOW, got STREAM_FAILED caused by DIVIDE_BY_ZERO",
  );
  expect(await failing(expectFailure({ message: "something else" }))).toContain("expected a message with something else");
  expect(await failing(checkAnswer())).toContain("DIVIDE_BY_ZERO");
  expect(await failing(processAllAvailable())).toContain("DIVIDE_BY_ZERO");
  const input = memoryStream(spark(), "n INT");
  await expect(testStream(input.toDF(), {}, addData(input, 1), expectFailure())).rejects.toThrow("has processed everything and goes on");
});

test("expectFailure after a start that is refused", async () => {
  const input = memoryStream(spark(), "n INT");
  const counts = input.toDF().groupBy("n").count();
  await testStream(
    counts,
    { outputMode: "append" },
    startStream(),
    expectFailure({ condition: "STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION" }),
  );
  await expect(testStream(counts, { outputMode: "append" }, addData(input, 1))).rejects.toThrow(
    "STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION",
  );
});

test("a manual clock: triggers happen when it moves, and batches see its time", async () => {
  const input = memoryStream(spark(), "n INT");
  const clock = manualClock(Date.UTC(2024, 1, 29));
  const at = (second: number) => new Date(Date.UTC(2024, 1, 29, 0, 0, second));
  await testStream(
    input.toDF().selectExpr("n", "current_timestamp()"),
    {},
    startStream({ trigger: { processingTime: "10 seconds" }, clock }),
    addData(input, 1),
    checkNewAnswer(),
    advanceManualClock(9_999),
    checkNewAnswer(),
    advanceManualClock(1),
    checkNewAnswer([1, at(10)]),
    addData(input, 2),
    advanceManualClock(15_000),
    checkNewAnswer([2, at(25)]),
    addData(input, 3),
    advanceManualClock(5000), // boundaries are multiples of the interval
    checkNewAnswer([3, at(30)]),
  );
});
