import { expect, test } from "vitest";
import { progressJson, type StreamingQueryProgress } from "../../src/metrics/query-progress.ts";
import { ListenerBus } from "../../src/metrics/listener-bus.ts";
import { manualClock } from "../../src/base/manual-clock.ts";

const time = "2016-12-05T20:54:20.827Z";
// StreamingQueryStatusAndProgressSuite: testProgress1
const progress: StreamingQueryProgress = {
  id: "8a1bd4b6-07b2-4a1e-9e0f-000000000001",
  runId: "8a1bd4b6-07b2-4a1e-9e0f-000000000002",
  name: "myName",
  timestamp: time,
  batchId: 2,
  batchDuration: 0,
  numInputRows: 678,
  inputRowsPerSecond: 10,
  processedRowsPerSecond: Number.POSITIVE_INFINITY,
  durationMs: { total: 0 },
  eventTime: { max: time, min: time, avg: time, watermark: time },
  stateOperators: [
    {
      operatorName: "op1",
      numRowsTotal: 0,
      numRowsUpdated: 1,
      allUpdatesTimeMs: 1,
      numRowsRemoved: 2,
      allRemovalsTimeMs: 34,
      commitTimeMs: 23,
      memoryUsedBytes: 3,
      numRowsDroppedByWatermark: 0,
      numShufflePartitions: 2,
      numStateStoreInstances: 2,
      customMetrics: { stateOnCurrentVersionSizeBytes: 2, loadedMapCacheHitCount: 1, loadedMapCacheMissCount: 0 },
    },
  ],
  sources: [
    {
      description: "source",
      startOffset: 123,
      endOffset: 456,
      latestOffset: 789,
      numInputRows: 678,
      inputRowsPerSecond: 10,
      processedRowsPerSecond: Number.POSITIVE_INFINITY,
      metrics: {},
    },
  ],
  sink: { description: "sink", numOutputRows: -1, metrics: {} },
  observedMetrics: { event2: { rc: 1, min_q: "hello", max_q: "world" }, event1: { c1: 1, c2: 3.5 } },
};

test("StreamingQueryStatusAndProgressSuite: prettyJson", () => {
  expect(progressJson(progress, true)).toBe(`{
  "id" : "${progress.id}",
  "runId" : "${progress.runId}",
  "name" : "myName",
  "timestamp" : "2016-12-05T20:54:20.827Z",
  "batchId" : 2,
  "batchDuration" : 0,
  "numInputRows" : 678,
  "inputRowsPerSecond" : 10.0,
  "durationMs" : {
    "total" : 0
  },
  "eventTime" : {
    "avg" : "2016-12-05T20:54:20.827Z",
    "max" : "2016-12-05T20:54:20.827Z",
    "min" : "2016-12-05T20:54:20.827Z",
    "watermark" : "2016-12-05T20:54:20.827Z"
  },
  "stateOperators" : [ {
    "operatorName" : "op1",
    "numRowsTotal" : 0,
    "numRowsUpdated" : 1,
    "allUpdatesTimeMs" : 1,
    "numRowsRemoved" : 2,
    "allRemovalsTimeMs" : 34,
    "commitTimeMs" : 23,
    "memoryUsedBytes" : 3,
    "numRowsDroppedByWatermark" : 0,
    "numShufflePartitions" : 2,
    "numStateStoreInstances" : 2,
    "customMetrics" : {
      "loadedMapCacheHitCount" : 1,
      "loadedMapCacheMissCount" : 0,
      "stateOnCurrentVersionSizeBytes" : 2
    }
  } ],
  "sources" : [ {
    "description" : "source",
    "startOffset" : 123,
    "endOffset" : 456,
    "latestOffset" : 789,
    "numInputRows" : 678,
    "inputRowsPerSecond" : 10.0
  } ],
  "sink" : {
    "description" : "sink",
    "numOutputRows" : -1
  },
  "observedMetrics" : {
    "event1" : {
      "c1" : 1,
      "c2" : 3.5
    },
    "event2" : {
      "rc" : 1,
      "min_q" : "hello",
      "max_q" : "world"
    }
  }
}`);
});

test("a bare progress: null name is printed, empty maps are left out, empty lists are not", () => {
  const bare = {
    ...progress,
    name: null,
    inputRowsPerSecond: Number.NaN,
    eventTime: {},
    observedMetrics: {},
    stateOperators: [],
    sources: [],
  };
  expect(progressJson(bare)).toBe(
    `{"id":"${bare.id}","runId":"${bare.runId}","name":null,"timestamp":"${time}","batchId":2,"batchDuration":0,"numInputRows":678,` +
      '"durationMs":{"total":0},"stateOperators":[],"sources":[],"sink":{"description":"sink","numOutputRows":-1}}',
  );
});

test.each([
  [0, "0.0"],
  [10, "10.0"],
  [0.25, "0.3"],
  [1.449, "1.4"],
  [1.45, "1.5"],
  [8.35, "8.4"],
  [9_999_999.94, "9999999.9"],
  [10_000_000, "1.0E7"],
  [12_345_678.94, "1.23456789E7"],
])("a rate of %d prints as %s", (rate, expected) => {
  expect(progressJson({ ...progress, inputRowsPerSecond: rate })).toContain(`"inputRowsPerSecond":${expected},"durationMs"`);
});

test("listeners hear of the start at once, of the rest in order and later; one that throws disturbs nobody", async () => {
  const { scheduler } = manualClock(0);
  const errors: unknown[] = [];
  const bus = new ListenerBus(scheduler, (error) => errors.push(error));
  const heard: string[] = [];
  bus.add({
    onQueryStarted: () => {
      throw new Error("started");
    },
    onQueryProgress: () => Promise.reject(new Error("progress")),
  });
  bus.add({ onQueryStarted: () => Promise.reject(new Error("started later")) });
  const listener = {
    onQueryStarted: () => void heard.push("started"),
    onQueryProgress: () => void heard.push("progress"),
    onQueryIdle: () => void heard.push("idle"),
    onQueryTerminated: () => void heard.push("terminated"),
  };
  bus.add(listener);
  bus.started({ id: "i", runId: "r", name: null, timestamp: time, jobTags: [] });
  bus.progress({ progress });
  bus.idle({ id: "i", runId: "r", timestamp: time });
  expect(heard).toEqual(["started"]);
  await bus.drain();
  expect(heard).toEqual(["started", "progress", "idle"]);
  bus.terminated({ id: "i", runId: "r", exception: null, errorClassOnException: null });
  bus.remove(listener);
  await bus.drain();
  expect(heard).toEqual(["started", "progress", "idle", "terminated"]);
  expect(errors.map((error) => (error as Error).message)).toEqual(["started", "started later", "progress"]);
});
