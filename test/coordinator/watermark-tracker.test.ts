import { expect, test } from "vitest";
import { floorToMs, WatermarkTracker } from "../../src/coordinator/watermark-tracker.ts";
import { seconds } from "../support/fake-query.ts";

test("EventTimeWatermarkSuite: watermark with 2 streams", () => {
  // Delays of 10 s and 5 s; after each step the global watermark in ms, as the suite expects it.
  const steps: readonly (readonly [first: readonly number[], second: readonly number[], expectedMs: number])[] = [
    [[11], [], 0],
    [[], [6], 1000],
    [[], [8], 1000],
    [[21], [], 3000],
    [[], [17, 28, 39], 11_000],
    [[31], [], 21_000],
    [[41], [], 31_000],
    [[51], [], 34_000],
    [[100], [100], 90_000],
    [[120], [110], 105_000],
    [[130], [125], 120_000],
    [[200], [190], 185_000],
  ];
  const tracker = new WatermarkTracker("min", [10_000, 5_000], 0);
  const stats = (times: readonly number[]) => (times.length === 0 ? null : seconds(...times));
  for (const [first, second, expectedMs] of steps) {
    tracker.update([stats(first), stats(second)]);
    expect(tracker.globalMs, `after ${String(first)} / ${String(second)}`).toBe(expectedMs);
  }
  // After a restart only the global one is left: it stands still until both inputs have had rows again.
  const restarted = new WatermarkTracker("min", [10_000, 5_000], tracker.globalMs);
  expect(restarted.globalMs).toBe(185_000);
  restarted.update([null, seconds(200)]);
  expect(restarted.globalMs).toBe(185_000);
  restarted.update([seconds(200), null]);
  expect(restarted.globalMs).toBe(190_000);
});

test("the max policy follows the fastest input", () => {
  const tracker = new WatermarkTracker("max", [10_000, 5_000], 0);
  tracker.update([seconds(11), null]);
  expect(tracker.globalMs).toBe(1000);
  tracker.update([null, seconds(26)]);
  expect(tracker.globalMs).toBe(21_000);
  tracker.update([seconds(12), seconds(1)]);
  expect(tracker.globalMs).toBe(21_000);
});

test("event and watermark of EventTimeWatermarkSuite: event time and watermark metrics", () => {
  const tracker = new WatermarkTracker("min", [10_000], 0);
  tracker.update([seconds(15)]);
  expect(tracker.globalMs).toBe(5000);
  tracker.update([seconds(10, 12, 14)]);
  expect(tracker.globalMs).toBe(5000);
  tracker.update([seconds(25)]);
  expect(tracker.globalMs).toBe(15_000);
  tracker.update([null]);
  expect(tracker.globalMs).toBe(15_000);
});

test("microseconds are floored, also before 1970, and the global watermark never falls below where it was", () => {
  expect([1999n, 2000n, -1n, -1000n, -1001n, 0n].map(floorToMs)).toEqual([1, 2, -1, -1, -2, 0]);
  const tracker = new WatermarkTracker("min", [0], 0);
  tracker.update([{ rows: 1, minMicros: -5_000_001n, maxMicros: -5_000_001n, averageMs: -5000 }]);
  expect(tracker.globalMs).toBe(0);
  tracker.update([{ rows: 1, minMicros: 0n, maxMicros: 1_999_999n, averageMs: 0 }]);
  expect(tracker.globalMs).toBe(1999);
});

test("without watermark operators there is no watermark", () => {
  const tracker = new WatermarkTracker("min", [], 0);
  tracker.update([]);
  expect(tracker.globalMs).toBe(0);
});
