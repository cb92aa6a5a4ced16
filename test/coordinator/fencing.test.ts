/** A query that another start overtakes in the middle of a batch publishes nothing, and undoes what it did. */
import { expect, test } from "vitest";
import { CheckpointError } from "../../src/base/errors.ts";
import { AttemptIds, executeUnlogged } from "../../src/coordinator/batch-execution.ts";
import type { ProgressReporter } from "../../src/coordinator/progress-reporter.ts";
import { openQuery, World } from "../support/fake-query.ts";

/** What a start on another machine does first. */
const overtake = async (world: World, epoch: number): Promise<void> => {
  await world.files.writeNew(`/checkpoint/epoch/${epoch + 1}`, Buffer.from("{}"));
  await world.files.remove(`/checkpoint/epoch/${epoch}`);
};

const published = ({ log }: World): string[] => log.filter((entry) => /^(?:sink|runner)\.(?:commit|abort)/.test(entry));
const lost = { condition: "CONCURRENT_CHECKPOINT_USE" };

test("overtaken while the batch runs", async () => {
  const world = new World();
  const { query, source, runner, checkpoint } = await openQuery(world, { isStateful: true });
  runner.onRun = () => overtake(world, checkpoint.epoch);
  source.available = 3;
  query.start();
  await expect(query.processAllAvailable()).rejects.toMatchObject({ cause: lost });
  expect(published(world).sort()).toEqual(["runner.abort 0", "sink.abort 0"]);
  expect(world.rows()).toEqual([]);
});

test("overtaken while a batch runs whose offsets are not logged", async () => {
  const world = new World();
  const { runner, sink, checkpoint } = await openQuery(world);
  runner.onRun = () => overtake(world, checkpoint.epoch);
  const reporter = { time: async (_phase: string, work: () => Promise<unknown>) => await work() } as unknown as ProgressReporter;
  const parts = { attempts: new AttemptIds(world.ports.random), checkpoint, sink, runner, reporter };
  const input = { timestampMs: 0, lateWatermarkMs: 0, evictWatermarkMs: 0, splits: [[{ reader: "fake", from: 0, to: 2 }]] };
  await expect(executeUnlogged(parts, 0, input)).rejects.toMatchObject(lost);
  expect(published(world).sort()).toEqual(["runner.abort 0", "sink.abort 0"]);
});

test("what a sink says it holds after a failed sync is not believed", async () => {
  const world = new World();
  const { query, source, sink } = await openQuery(world);
  const parameters = { checkpointLocation: "/checkpoint", path: "/out", reason: "EIO" };
  sink.failure = { when: "after", error: new CheckpointError("CHECKPOINT_POISONED", parameters) };
  source.available = 3;
  query.start();
  await expect(query.processAllAvailable()).rejects.toMatchObject({ cause: { condition: "CHECKPOINT_POISONED" } });
  expect(world.files.paths().filter((path) => /commits\/\d+$/.test(path))).toEqual([]);
});

test.each(["takes its number", "removes what is unfinished"])("a start that another one overtakes, which %s", async (how) => {
  const world = new World();
  const link = world.files.link.bind(world.files);
  world.files.link = async (from, to) => {
    if (to.endsWith("/epoch/0")) {
      world.files.link = link;
      if (how === "takes its number") await world.files.writeNew("/checkpoint/epoch/0", Buffer.from("{}"));
      else {
        await world.files.writeNew("/checkpoint/epoch/1", Buffer.from("{}"));
        await world.files.remove(from);
      }
    }
    await link(from, to);
  };
  await expect(openQuery(world)).rejects.toMatchObject(lost);
});
