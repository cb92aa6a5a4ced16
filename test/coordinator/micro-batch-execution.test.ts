import { expect, test } from "vitest";
import { MillraceError } from "../../src/base/errors.ts";
import { type FakeSource, openQuery, seconds, workerDied, World } from "../support/fake-query.ts";

const ordered = (world: World) => world.log.filter((entry) => entry !== "latestOffset");

test("a batch goes through its steps in order, and the previous batch is committed to the source after the next offsets are durable", async () => {
  const world = new World();
  const { query, source } = await openQuery(world);
  query.start();
  source.available = 2;
  await query.processAllAvailable();
  source.available = 3;
  await query.processAllAvailable();
  await query.stop();
  expect(ordered(world)).toEqual([
    "restore -1",
    "run 0",
    "sink.commit 0",
    "runner.commit 0",
    "run 1",
    "source.commit 2",
    "sink.commit 1",
    "runner.commit 1",
    "source.stop",
    "sink.stop",
    "runner.stop",
  ]);
  const logCalls = world.files.calls.filter((call) => /^(link|step)/.test(call)).map((call) => call.replace("/checkpoint/", ""));
  expect(logCalls.slice(2)).toEqual([
    "link offsets/0",
    "step sink commit begins",
    "step sink commit done",
    "link commits/0",
    "link offsets/1",
    "step sink commit begins",
    "step sink commit done",
    "link commits/1",
  ]);
  expect(world.rows()).toEqual([1, 2, 3]);
  expect(query.isActive).toBe(false);
  expect(query.status()).toEqual({ message: "Stopped", isDataAvailable: false, isTriggerActive: false });
});

test("an uncommitted batch runs again with the same range, splits, clock and watermark, though there is more data now", async () => {
  const world = new World();
  const first = await openQuery(world, { watermarkDelaysMs: [5000] });
  first.runner.eventTime = [[seconds(20)]];
  first.query.start();
  first.source.available = 2;
  await first.query.processAllAvailable();
  first.source.available = 3;
  first.runner.failures = [new Error("boom")];
  await expect(first.query.processAllAvailable()).rejects.toThrow(/boom/);
  const failed = first.runner.inputs.at(-1)!;

  await world.ports.time.advance(60_000);
  const second = await openQuery(world, { watermarkDelaysMs: [5000] });
  second.source.available = 10;
  second.query.start();
  await second.query.processAllAvailable();
  const { attempt, ...again } = second.runner.inputs[0]!;
  const { attempt: failedAttempt, ...before } = failed;
  expect(again).toEqual(before);
  expect(again.evictWatermarkMs).toBe(15_000);
  expect(attempt.batchId).toBe(1);
  expect(attempt.attempt).not.toBe(failedAttempt.attempt);
  expect(attempt.epoch).toBe(1);
  expect(world.rows()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  await second.query.stop();
});

test("a batch that runs again and sees only late rows leaves the watermark where it was", async () => {
  const world = new World();
  const options = { watermarkDelaysMs: [5000] };
  const first = await openQuery(world, options);
  first.runner.eventTime = [[seconds(20)]];
  first.query.start();
  first.source.available = 1;
  await first.query.processAllAvailable();
  first.runner.failures = [new Error("the process ends here")];
  first.source.available = 2;
  await expect(first.query.processAllAvailable()).rejects.toThrow("the process ends here");

  const second = await openQuery(world, options);
  second.runner.eventTime = [[seconds(3)], [seconds(4)]];
  second.source.available = 2;
  second.query.start();
  await second.query.processAllAvailable();
  second.source.available = 3;
  await second.query.processAllAvailable();
  expect(second.runner.inputs.map(({ evictWatermarkMs }) => evictWatermarkMs)).toEqual([15_000, 15_000]);
  await second.query.stop();
});

test("an error ends the query with Spark's STREAM_FAILED, offsets and cause; batch and sink are undone", async () => {
  const world = new World();
  const events: string[] = [];
  const { query, source, runner } = await openQuery(world, {
    listener: { onQueryTerminated: ({ errorClassOnException }) => void events.push(String(errorClassOnException)) },
  });
  runner.failures = [null, workerDied(), workerDied(), workerDied()];
  query.start();
  source.available = 1;
  await query.processAllAvailable();
  source.available = 4;
  const failure = await query.processAllAvailable().catch((error: unknown) => error);
  expect(failure).toMatchObject({
    condition: "STREAM_FAILED",
    messageParameters: { id: query.id, runId: query.runId, startOffset: "{FakeSource0: 1}", endOffset: "{FakeSource0: 4}" },
    cause: { condition: "WORKER_DIED" },
  });
  expect(query.exception()).toBe(failure);
  expect(query.status().message).toMatch(/^Terminated with exception: \[STREAM_FAILED\]/);
  expect(world.log.filter((entry) => entry.startsWith("sink.abort"))).toEqual(["sink.abort 1", "sink.abort 1", "sink.abort 1"]);
  await world.ports.scheduler.yield();
  await world.ports.scheduler.yield();
  expect(events).toEqual(["WORKER_DIED"]);
});

test("when a worker dies, the state comes back from the commit log and the batch runs as a new attempt", async () => {
  const world = new World();
  const { query, source, runner } = await openQuery(world, { isStateful: true });
  query.start();
  source.available = 3;
  await query.processAllAvailable();
  runner.failures = [workerDied(), workerDied()];
  source.available = 5;
  await query.processAllAvailable();
  expect(runner.restores.map(({ committedBatch }) => committedBatch)).toEqual([-1, 0, 0]);
  expect(world.batches.get(1)).toMatchObject({ rows: [4, 5], total: 15 });
  expect(new Set(runner.inputs.map(({ attempt }) => attempt.attempt)).size).toBe(4);
  await query.stop();
});

test("a worker may also die while state is loaded, or committed in memory", async () => {
  const world = new World();
  const { query, source, runner } = await openQuery(world, { isStateful: true });
  runner.commitFailures = [workerDied()];
  query.start();
  for (source.available = 1; source.available <= 2; source.available++) await query.processAllAvailable();
  expect(runner.restores.map(({ committedBatch }) => committedBatch)).toEqual([-1, 0]);
  runner.failures = [workerDied()];
  runner.restoreFailures = [workerDied()];
  source.available = 3;
  await query.processAllAvailable();
  expect(runner.restores.map(({ committedBatch }) => committedBatch)).toEqual([-1, 0, 1, 1]);
  expect([...world.batches.values()].map(({ total }) => total)).toEqual([1, 3, 6]);
  await query.stop();
});

test("a snapshot that could not be written ends the query with its error", async () => {
  const world = new World();
  const { query, source, runner } = await openQuery(world, { isStateful: true });
  runner.snapshotFailures = [new MillraceError("CHECKPOINT_WRITE_FAILED", { path: "state/snapshots/0", reason: "EIO" })];
  query.start();
  source.available = 1;
  await expect(query.processAllAvailable()).rejects.toMatchObject({ cause: { condition: "CHECKPOINT_WRITE_FAILED" } });
});

test("a sink that fails after its commit took effect is believed, one that fails before is aborted", async () => {
  const world = new World();
  const { query, source, sink } = await openQuery(world);
  sink.failure = { when: "after", error: new Error("connection lost") };
  query.start();
  source.available = 2;
  await query.processAllAvailable();
  expect(world.rows()).toEqual([1, 2]);
  sink.failure = { when: "before", error: new Error("refused") };
  source.available = 3;
  await expect(query.processAllAvailable()).rejects.toThrow(/refused/);
  expect(world.log).toContain("sink.abort 1");
  expect(world.rows()).toEqual([1, 2]);
});

test("a batch without data follows when the runner asks for it, but not when it is switched off and not right after a restart", async () => {
  const run = async (world: World, enabled: boolean, available: number) => {
    const conf = { "spark.sql.streaming.noDataMicroBatches.enabled": String(enabled) };
    const { query, source, runner } = await openQuery(world, { conf, watermarkDelaysMs: [10_000] });
    runner.eventTime = [[seconds(25)], [null]];
    let evicted = 0;
    runner.wantsBatchWithoutData = (watermarkMs) => watermarkMs > evicted;
    runner.onRun = async () => void (evicted = runner.inputs.at(-1)!.evictWatermarkMs);
    source.available = available;
    query.start();
    await query.processAllAvailable();
    await query.stop();
    return runner.inputs.map(({ splits, lateWatermarkMs, evictWatermarkMs }) => [splits[0]!.length, lateWatermarkMs, evictWatermarkMs]);
  };
  const world = new World();
  expect(await run(world, true, 1)).toEqual([
    [1, 0, 0],
    [0, 0, 15_000],
  ]);
  expect(await run(world, true, 1)).toEqual([]);
  expect(await run(new World(), false, 1)).toEqual([[1, 0, 0]]);
});

test("Once runs one batch without read limits", async () => {
  const world = new World();
  const { query, source, runner } = await openQuery(world, { trigger: { kind: "once" } });
  source.defaultLimit = { kind: "max_rows", rows: 1 };
  source.available = 3;
  runner.wantsBatchWithoutData = () => true;
  query.start();
  expect(await query.awaitTermination()).toBe(true);
  expect(world.rows()).toEqual([1, 2, 3]);
  expect(runner.inputs).toHaveLength(1);
});

test("AvailableNow cuts what is there at the start by the limits, then stops", async () => {
  const world = new World();
  const { query, source, runner } = await openQuery(world, { trigger: { kind: "available_now" } });
  source.defaultLimit = { kind: "max_rows", rows: 2 };
  source.available = 5;
  runner.onRun = async () => void (source.available = 9);
  query.start();
  await query.awaitTermination();
  expect([...world.batches.values()].map(({ rows }) => rows)).toEqual([[1, 2], [3, 4], [5]]);
});

test("AvailableNow is one batch when a source cannot cut its work", async () => {
  const world = new World();
  const prepareSource = (source: FakeSource, index: number) => {
    source.defaultLimit = { kind: "max_rows", rows: 1 };
    source.available = 3;
    source.supportsAvailableNow = index === 0;
  };
  const { query } = await openQuery(world, { trigger: { kind: "available_now" }, sourceCount: 2, prepareSource });
  query.start();
  await query.awaitTermination();
  expect([...world.batches.values()].map(({ rows }) => rows)).toEqual([[1, 2, 3, 1, 2, 3]]);
});

test("processing time triggers fire on multiples of the interval", async () => {
  const world = new World();
  await world.ports.time.advance(300 - (world.ports.clock.nowMs() % 1000));
  const { query, source, runner } = await openQuery(world, { trigger: { kind: "processing_time", intervalMs: 1000 } });
  source.available = 1;
  query.start();
  await world.ports.time.whenSleeping();
  expect(runner.inputs).toHaveLength(1);
  expect(world.ports.time.earliestWakeMs()! % 1000).toBe(0);
  expect(query.status().message).toBe("Waiting for next trigger");
  source.available = 2;
  await world.ports.time.advance(699);
  await world.ports.time.whenSleeping();
  expect(runner.inputs).toHaveLength(1);
  await world.ports.time.advance(1);
  await world.ports.time.whenSleeping();
  expect(runner.inputs).toHaveLength(2);
  await query.stop();
});

test("stop lets the running batch finish", async () => {
  const world = new World();
  const { query, source, runner } = await openQuery(world);
  let release = () => {};
  const started = new Promise<void>((resolve) => {
    runner.onRun = () => {
      resolve();
      return new Promise((done) => (release = done));
    };
  });
  source.available = 4;
  query.start();
  await started;
  const stopped = query.stop();
  release();
  await stopped;
  expect(world.rows()).toEqual([1, 2, 3, 4]);
  expect(query.exception()).toBeNull();
});

test("settings that state depends on are the checkpoint's at a restart, not the session's", async () => {
  // EventTimeWatermarkSuite: "MultipleWatermarkPolicy: recovery from checkpoints ignores session conf"
  const world = new World();
  const policy = "spark.sql.streaming.multipleWatermarkPolicy";
  const delays = { watermarkDelaysMs: [10_000, 5_000], sourceCount: 2 };
  const first = await openQuery(world, { ...delays, conf: { [policy]: "max" } });
  first.runner.eventTime = [[seconds(20), null]];
  first.source.available = 1;
  first.query.start();
  await first.query.processAllAvailable();
  await first.query.stop();
  const second = await openQuery(world, { ...delays, conf: { [policy]: "min" } });
  second.runner.eventTime = [[seconds(50), null]];
  second.source.available = 2;
  second.query.start();
  await second.query.processAllAvailable();
  second.source.available = 3;
  await second.query.processAllAvailable();
  expect(second.runner.inputs.map(({ evictWatermarkMs }) => evictWatermarkMs)).toEqual([10_000, 40_000]);
  await second.query.stop();
});

test("old log entries go, the last minBatchesToRetain stay", async () => {
  const world = new World();
  const { query, source, checkpoint } = await openQuery(world, { conf: { "spark.sql.streaming.minBatchesToRetain": "2" } });
  query.start();
  for (source.available = 1; source.available < 7; source.available++) await query.processAllAvailable();
  await query.stop();
  expect(await checkpoint.offsets.list()).toEqual([3, 4, 5]);
  expect(await checkpoint.commits.list()).toEqual([3, 4, 5]);
});

test("the number of sources cannot change", async () => {
  const world = new World();
  const first = await openQuery(world);
  first.source.available = 1;
  first.query.start();
  await first.query.processAllAvailable();
  await first.query.stop();
  const second = await openQuery(world, { sourceCount: 2 });
  second.query.start();
  await expect(second.query.awaitTermination()).rejects.toMatchObject({ cause: { condition: "STREAMING_SOURCE_COUNT_CHANGED" } });
});

test("a damaged snapshot is replaced by the older one and the changes after it", async () => {
  const world = new World();
  const first = await openQuery(world, { isStateful: true });
  first.runner.snapshotEvery = 2;
  first.query.start();
  for (first.source.available = 1; first.source.available <= 6; first.source.available++) await first.query.processAllAvailable();
  await first.query.stop();

  const second = await openQuery(world, { isStateful: true });
  second.runner.restoreFailures = [
    new MillraceError("STATE_SNAPSHOT_FILE_CORRUPT", { path: "state/snapshots/3", offset: "0", reason: "flipped" }),
  ];
  second.source.available = 8;
  second.query.start();
  await second.query.processAllAvailable();
  const [newest, older] = second.runner.restores;
  expect(newest!.snapshot?.batchId).toBe(3);
  expect(newest!.changes.map(({ batchId }) => batchId)).toEqual([4, 5]);
  expect(older!.snapshot?.batchId).toBe(1);
  expect(older!.changes.map(({ batchId }) => batchId)).toEqual([2, 3, 4, 5]);
  expect(world.batches.get(6)!.total).toBe(36);
  await second.query.stop();
});

test("an operator's description without any state is no reason to refuse a first batch", async () => {
  const world = new World();
  await world.files.makeDirectory("/checkpoint/state/0");
  await world.files.writeNew("/checkpoint/state/0/metadata", Buffer.from("{}"));
  const { query, source } = await openQuery(world);
  source.available = 1;
  query.start();
  await query.processAllAvailable();
  expect(world.rows()).toEqual([1]);
  await query.stop();
});

test("a checkpoint without offsets but with state is refused", async () => {
  // StreamingQuerySuite: "SPARK-53103: non empty state and commits checkpoint directory on first batch"
  const world = new World();
  await world.files.makeDirectory("/checkpoint/state/0");
  const { query } = await openQuery(world);
  query.start();
  await expect(query.awaitTermination()).rejects.toMatchObject({ cause: { condition: "STATE_STORE_CHECKPOINT_LOCATION_NOT_EMPTY" } });
});

test("the status of a batch that takes long says what it waits for", async () => {
  const world = new World();
  const { query, source, runner } = await openQuery(world);
  const seen: string[] = [];
  const run = runner.run.bind(runner);
  runner.run = async (input, mayWriteState) => {
    seen.push(query.status().message);
    await world.ports.time.advance(3500);
    seen.push(query.status().message);
    Object.assign(runner, { waitingFor: () => "2 s for worker 1 (scan)" });
    seen.push(query.status().message);
    return run(input, mayWriteState);
  };
  query.start();
  source.available = 1;
  await query.processAllAvailable();
  await query.stop();
  expect(seen).toEqual([
    "Processing new data",
    expect.stringMatching(/^Processing new data \(waiting 3 s for .+\)$/),
    "Processing new data (waiting 2 s for worker 1 (scan))",
  ]);
  expect(query.status().message).toBe("Stopped");
});
