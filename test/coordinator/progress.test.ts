import { expect, test } from "vitest";
import { progressJson } from "../../src/metrics/query-progress.ts";
import { openQuery, seconds, World } from "../support/fake-query.ts";

test("the progress of a batch: rows, rates, offsets, event times, phases", async () => {
  const world = new World();
  const { query, source, runner } = await openQuery(world, {
    watermarkDelaysMs: [10_000],
    trigger: { kind: "processing_time", intervalMs: 1000 },
  });
  runner.eventTime = [[seconds(15)], [seconds(10, 12, 14)]];
  source.available = 20;
  query.start();
  await world.ports.time.whenSleeping();
  const first = query.lastProgress()!;
  expect(first).toMatchObject({ id: query.id, runId: query.runId, name: "fake", batchId: 0, numInputRows: 20, inputRowsPerSecond: 0 });
  expect(first.eventTime).toEqual({
    avg: "1970-01-01T00:00:15.000Z",
    max: "1970-01-01T00:00:15.000Z",
    min: "1970-01-01T00:00:15.000Z",
    watermark: "1970-01-01T00:00:00.000Z",
  });
  expect(Object.keys(first.durationMs).sort()).toEqual([
    "addBatch",
    "commitOffsets",
    "getBatch",
    "latestOffset",
    "queryPlanning",
    "triggerExecution",
    "walCommit",
  ]);
  source.available = 50;
  await world.ports.time.advance(1000 - (world.ports.clock.nowMs() % 1000));
  await world.ports.time.whenSleeping();
  const second = query.lastProgress()!;
  expect(second).toMatchObject({ batchId: 1, numInputRows: 30, sink: { description: "RecordingSink", numOutputRows: 30 } });
  expect(second.inputRowsPerSecond).toBe(30);
  expect(second.processedRowsPerSecond).toBe(30_000);
  expect(second.eventTime["watermark"]).toBe("1970-01-01T00:00:05.000Z");
  expect(second.eventTime["avg"]).toBe("1970-01-01T00:00:12.000Z");
  expect(second.sources[0]).toMatchObject({ startOffset: 20, endOffset: 50, latestOffset: 50, numInputRows: 30 });
  expect(progressJson(first)).toContain('"startOffset":null,"endOffset":20,"latestOffset":20,');
  await query.stop();
});

test("an idle query says so every ten seconds, to listeners as idle events, and keeps the last 99 progresses", async () => {
  const world = new World();
  const heard: string[] = [];
  const { query, source } = await openQuery(world, {
    trigger: { kind: "processing_time", intervalMs: 1000 },
    listener: {
      onQueryStarted: () => void heard.push("started"),
      onQueryProgress: ({ progress }) => void heard.push(`progress ${progress.batchId}`),
      onQueryIdle: () => void heard.push("idle"),
      onQueryTerminated: () => void heard.push("terminated"),
    },
  });
  source.available = 1;
  query.start();
  expect(heard).toEqual(["started"]);
  for (let second = 0; second < 25; second++) {
    await world.ports.time.whenSleeping();
    // A trigger that finds nothing pauses for the polling delay before it waits for its boundary.
    await world.ports.time.advance(10);
    await world.ports.time.whenSleeping();
    await world.ports.time.advance(1000 - (world.ports.clock.nowMs() % 1000));
  }
  await world.ports.time.whenSleeping();
  expect(heard).toEqual(["started", "progress 0", "idle", "idle"]);
  expect(query.recentProgress().map(({ batchId, numInputRows }) => [batchId, numInputRows])).toEqual([
    [0, 1],
    [1, 0],
    [1, 0],
  ]);
  await query.stop();
  await world.ports.scheduler.yield();
  await world.ports.scheduler.yield();
  expect(heard.at(-1)).toBe("terminated");

  const busy = await openQuery(new World(), {});
  busy.query.start();
  for (busy.source.available = 1; busy.source.available <= 120; busy.source.available++) await busy.query.processAllAvailable();
  expect(busy.query.recentProgress()).toHaveLength(99);
  await busy.query.stop();
});

test("the status follows the loop", async () => {
  const world = new World();
  const { query, source, runner } = await openQuery(world);
  const seen: string[] = [];
  runner.onRun = async () =>
    void seen.push(`${query.status().message} ${query.status().isDataAvailable} ${query.status().isTriggerActive}`);
  let wantsMore = true;
  runner.wantsBatchWithoutData = () => wantsMore && !(wantsMore = false);
  expect(query.status().message).toBe("Initializing sources");
  query.start();
  await world.ports.time.whenSleeping();
  expect(query.status()).toEqual({ message: "Waiting for data to arrive", isDataAvailable: false, isTriggerActive: false });
  source.available = 1;
  await query.processAllAvailable();
  expect(seen).toEqual(["Processing new data true true", "No new data but cleaning up state false true"]);
  await query.stop();
});
