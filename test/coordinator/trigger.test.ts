import { expect, test } from "vitest";
import { manualClock } from "../../src/base/manual-clock.ts";
import { nextBoundaryMs, runTrigger } from "../../src/coordinator/trigger.ts";

test.each([
  // ProcessingTimeExecutorSuite: "nextBatchTime"
  [0, 100, 100],
  [1, 100, 100],
  [99, 100, 100],
  [100, 100, 200],
  [101, 100, 200],
  [150, 100, 200],
  [1234, 0, 1234],
])("at %i with interval %i the next boundary is %i", (nowMs, intervalMs, expected) => {
  expect(nextBoundaryMs(nowMs, intervalMs)).toBe(expected);
});

test("a batch that overruns is followed by the next one at once, and the boundaries stay where they were", async () => {
  const time = manualClock(1050);
  const stop = new AbortController();
  const firedAt: number[] = [];
  const done = runTrigger({ kind: "processing_time", intervalMs: 100 }, time, stop.signal, async () => {
    firedAt.push(time.clock.nowMs());
    if (firedAt.length === 2) await time.advance(130);
    return true;
  });
  await time.whenSleeping();
  await time.advance(50);
  await time.whenSleeping();
  expect(firedAt).toEqual([1050, 1100, 1230]);
  expect(time.earliestWakeMs()).toBe(1300);
  stop.abort();
  await done;
});

test("a clock that is set back does not stop the trigger", async () => {
  const time = manualClock(100_000);
  const stop = new AbortController();
  let count = 0;
  const done = runTrigger({ kind: "processing_time", intervalMs: 1000 }, time, stop.signal, async () => {
    if (++count === 1) await time.advance(-50_000);
    return count < 2;
  });
  await done;
  expect(count).toBe(2);
});

test("once fires once, available-now until there is nothing left", async () => {
  const time = manualClock(0);
  const { signal } = new AbortController();
  let count = 0;
  await runTrigger({ kind: "once" }, time, signal, async () => ++count < 5);
  expect(count).toBe(1);
  await runTrigger({ kind: "available_now" }, time, signal, async () => ++count < 5);
  expect(count).toBe(5);
});
