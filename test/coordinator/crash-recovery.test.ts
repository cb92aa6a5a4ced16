/**
 * Dies at every single call to the disk and the sink, as a process (page cache survives) and as a machine (it does not), then starts
 * again; and dies once more during that recovery. Whatever happens, every row is in the sink once, totals are those of an undisturbed
 * run, and the logs are without holes.
 */
import { expect, test } from "vitest";
import type { Fault } from "../support/memory-file-system.ts";
import { openQuery, workerDied, World, type FakeQueryOptions } from "../support/fake-query.ts";
import { seededRandom } from "../support/test-ports.ts";

const ROWS_TOTAL = 12;
const ROWS_PER_BATCH = 3;
const options: FakeQueryOptions = {
  isStateful: true,
  trigger: { kind: "available_now" },
  conf: { "spark.sql.streaming.minBatchesToRetain": "2" },
  prepareSource: (source) => {
    source.defaultLimit = { kind: "max_rows", rows: ROWS_PER_BATCH };
    source.available = ROWS_TOTAL;
  },
};

/** Starts and works until everything is done or the fault strikes. Returns the error, if any. */
async function runUntilDone(
  world: World,
  fault: Fault | null,
  runOptions = options,
  failures: readonly (Error | null)[] = [],
): Promise<unknown> {
  world.files.fault = fault;
  try {
    const { query, runner } = await openQuery(world, runOptions);
    runner.snapshotEvery = 2;
    runner.failures = [...failures];
    query.start();
    await query.awaitTermination();
    return null;
  } catch (error) {
    return error;
  }
}

/** Total after batch N of an undisturbed run: 1 + 2 + … + (N + 1) * ROWS_PER_BATCH. */
function expectedTotal(batchId: number): number {
  const rows = (batchId + 1) * ROWS_PER_BATCH;
  return (rows * (rows + 1)) / 2;
}

function expectExactOutput(world: World, what: string): void {
  expect(world.rows(), what).toEqual(Array.from({ length: ROWS_TOTAL }, (_, i) => i + 1));
  for (const [batchId, { total }] of world.batches) expect(total, `${what}: total of batch ${batchId}`).toBe(expectedTotal(batchId));
}

async function expectExact(world: World, what: string): Promise<void> {
  expectExactOutput(world, what);
  const { checkpoint } = await openQuery(world, options);
  const newest = ROWS_TOTAL / ROWS_PER_BATCH - 1;
  const { offsetBatches, commitBatches } = checkpoint.inventory;
  expect([offsetBatches.at(-1), commitBatches.at(-1)], what).toEqual([newest, newest]);
  expect(offsetBatches, what).toEqual(Array.from({ length: offsetBatches.length }, (_, i) => newest - offsetBatches.length + 1 + i));
  for (const batchId of commitBatches) {
    const record = (await checkpoint.commits.get(batchId))!;
    expect(record.attempt, what).toBe(world.batches.get(batchId)!.attempt);
    checkpoint.resumeFrom(record);
    await checkpoint.stateStart(batchId);
  }
  await checkpoint.close();
}

/** Condition of what ended the query, or of what kept it from starting. */
function conditionOf(error: unknown): string {
  const { condition, cause } = error as { condition?: string; cause?: { condition?: string } };
  return String(condition === "STREAM_FAILED" ? cause?.condition : condition);
}

async function countCalls(): Promise<number> {
  const world = new World();
  expect(await runUntilDone(world, null)).toBeNull();
  const calls = world.files.calls.length;
  await expectExact(world, "undisturbed");
  return calls;
}

const deaths = [
  { name: "the process dies", kind: "crash", after: (world: World) => world.files.restart() },
  { name: "power is lost", kind: "crash", after: (world: World) => world.files.powerLoss() },
  { name: "power is lost half-way through a write", kind: "tear", after: (world: World) => world.files.powerLoss(3) },
] as const;

test.each(deaths)("exact whenever $name", async ({ name, kind, after }) => {
  const calls = await countCalls();
  for (let at = 0; at < calls; at++) {
    const world = new World();
    const error = await runUntilDone(world, { at, kind });
    // What was made ready in vain goes at the very end.
    if (error === null) expect(world.files.calls[at], `${name} at ${at}`).toMatch(/^remove .*\.(tmp|prepared)$/);
    after(world);
    expect(await runUntilDone(world, null), `recovery after ${name} at ${at}`).toBeNull();
    await expectExact(world, `${name} at ${at}`);
  }
});

test("exact when power is lost again during recovery", async () => {
  const calls = await countCalls();
  for (let at = 3; at < calls; at += 5) {
    for (let again = 0; ; again++) {
      const world = new World();
      await runUntilDone(world, { at, kind: "crash" });
      world.files.powerLoss();
      const error = await runUntilDone(world, { at: again, kind: "crash" });
      world.files.powerLoss();
      expect(await runUntilDone(world, null), `power lost at ${at}, then at ${again}`).toBeNull();
      await expectExact(world, `power lost at ${at}, then at ${again}`);
      if (error === null) break;
      again += 2;
    }
  }
});

test.each(["ENOSPC", "EIO"] as const)("%s at any call ends the query with a typed error, and a fresh start is exact", async (kind) => {
  const calls = await countCalls();
  for (let at = 0; at < calls; at++) {
    const world = new World();
    const error = await runUntilDone(world, { at, kind });
    const call = world.files.calls[at]!;
    // Removals of what is no longer needed are best effort, and so are files made ready for the next batch; anything else must stop the query.
    if (error === null) expect(call, `${kind} at ${at}`).toMatch(/^(remove|readFile|list|step|open .*\/(offsets|commits)\/\.[1-9])/);
    else
      expect((error as { condition?: string }).condition ?? (error as { code?: string }).code, `${kind} at ${at}: ${call}`).toBeDefined();
    world.files.restart();
    expect(await runUntilDone(world, null), `fresh start after ${kind} at ${at}: ${call}`).toBeNull();
    await expectExact(world, `${kind} at ${at}: ${call}`);
  }
});

test("exact after storms: many faults of every kind, one after another, worker deaths included", async () => {
  for (let seed = 0; seed < 200; seed++) {
    const random = seededRandom(seed);
    const below = (limit: number) => Math.floor(random.next() * limit);
    const world = new World();
    for (let round = 0; round < 12; round++) {
      const kind = (["crash", "crash", "tear", "ENOSPC", "EIO"] as const)[below(5)]!;
      const died = Array.from({ length: below(3) }, () => (below(3) === 0 ? workerDied() : null));
      if ((await runUntilDone(world, { at: below(160), kind }, options, died)) === null) break;
      if (below(2) === 0) world.files.restart();
      else world.files.powerLoss(below(40));
    }
    world.files.restart();
    expect(await runUntilDone(world, null), `seed ${seed}`).toBeNull();
    await expectExact(world, `seed ${seed}`);
  }
});

test("no flipped bit in the checkpoint's logs goes unnoticed: the query refuses or the result is exact", async () => {
  const prepare = async () => {
    const world = new World();
    const first = await openQuery(world, options);
    first.runner.onRun = async () => {
      if (first.runner.inputs.length === 3) throw new Error("stop here");
    };
    first.query.start();
    await first.query.awaitTermination().catch(() => undefined);
    return world;
  };
  const logs = (await prepare()).files.paths().filter((path) => !path.includes("/state/"));
  expect(logs.length).toBeGreaterThan(5);
  let refused = 0;
  for (const path of logs) {
    const bits = (await (await prepare()).files.readFile(path)).length * 8;
    for (let bit = 0; bit < bits; bit += 11) {
      const world = await prepare();
      const bytes = await world.files.readFile(path);
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      world.files.overwrite(path, bytes);
      world.log.length = 0;
      const error = await runUntilDone(world, null);
      if (error === null) expectExactOutput(world, `bit ${bit} of ${path}`);
      else {
        expect(conditionOf(error), `bit ${bit} of ${path}`).toMatch(/^(CHECKPOINT_|UNSUPPORTED_LOG_VERSION)/);
        expect(world.log, `bit ${bit} of ${path}: before any source is read`).not.toContain("latestOffset");
      }
      refused += error === null ? 0 : 1;
    }
  }
  expect(refused).toBeGreaterThan(100);
});

test("a sink that remembers nothing gets every batch at least once, and no batch is lost", async () => {
  const forgetful = { ...options, remembersCommits: false };
  for (let at = 0; at < 150; at++) {
    const world = new World();
    await runUntilDone(world, { at, kind: "crash" }, forgetful);
    world.files.powerLoss();
    expect(await runUntilDone(world, null, forgetful), `at ${at}`).toBeNull();
    expect(world.rows(), `at ${at}`).toEqual(Array.from({ length: ROWS_TOTAL }, (_, i) => i + 1));
  }
});

test("a batch that the sink holds is adopted: nothing is computed again", async () => {
  const world = new World();
  const undisturbed = new World();
  await runUntilDone(undisturbed, null);
  const at = undisturbed.files.calls.findLastIndex((call) => call === "step sink commit done");
  await runUntilDone(world, { at, kind: "crash" });
  world.files.powerLoss();
  world.log.length = 0;
  expect(await runUntilDone(world, null)).toBeNull();
  expect(world.log.filter((entry) => entry.startsWith("run "))).toEqual([]);
  await expectExact(world, "adopted");
});

test("what failed attempts left behind is gone after the next commit", async () => {
  const world = new World();
  await runUntilDone(world, { at: 100, kind: "crash" });
  world.files.restart();
  await runUntilDone(world, null);
  const listed = new Set<string>();
  const { checkpoint } = await openQuery(world, options);
  for (const batchId of checkpoint.inventory.commitBatches) {
    const { snapshots, changes } = (await checkpoint.commits.get(batchId))!;
    for (const { files } of [...snapshots, ...changes]) for (const { path } of files) listed.add(`/checkpoint/${path}`);
  }
  const newestSnapshot = world.files.paths().filter((path) => path.includes("/snapshots/3-"));
  expect(world.files.paths().filter((path) => path.includes("/state/") && !listed.has(path))).toEqual(newestSnapshot);
  expect(world.files.paths().filter((path) => path.includes("/."))).toEqual([]);
});
