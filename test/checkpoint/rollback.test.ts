/** A rollback that dies at any call to the disk: what is left is a checkpoint that goes on, and the same command finishes the work. */
import { expect, test } from "vitest";
import { rollbackCheckpoint } from "../../src/checkpoint/rollback-checkpoint.ts";
import { type FakeQueryOptions, openQuery, World } from "../support/fake-query.ts";

const BATCHES = 6;
const ROWS_PER_BATCH = 2;
const TO = 2;
const options: FakeQueryOptions = {
  isStateful: true,
  trigger: { kind: "available_now" },
  prepareSource: (source) => {
    source.defaultLimit = { kind: "max_rows", rows: ROWS_PER_BATCH };
    source.available = BATCHES * ROWS_PER_BATCH;
  },
};

async function finish(world: World): Promise<void> {
  const { query } = await openQuery(world, options);
  query.start();
  await query.awaitTermination();
}

async function finished(): Promise<World> {
  const world = new World();
  await finish(world);
  return world;
}

function expectExact(world: World, what: string): void {
  expect(world.rows(), what).toEqual(Array.from({ length: BATCHES * ROWS_PER_BATCH }, (_, i) => i + 1));
  for (const [id, { total }] of world.batches) {
    const rows = (id + 1) * ROWS_PER_BATCH;
    expect(total, `${what}: batch ${id}`).toBe((rows * (rows + 1)) / 2);
  }
}

function rollbackOutput(world: World): void {
  for (const id of world.batches.keys()) if (id > TO) world.batches.delete(id);
}

test("the batches after the chosen one are forgotten and run again, with the state of then", async () => {
  const world = await finished();
  expect(await rollbackCheckpoint(world.ports, "/checkpoint", TO)).toEqual([5, 4, 3]);
  rollbackOutput(world);
  await finish(world);
  expectExact(world, "after a rollback");
  expect(await rollbackCheckpoint(world.ports, "/checkpoint", BATCHES - 1)).toEqual([]);
});

test("a start is refused while the output is ahead, and nothing is lost", async () => {
  const world = await finished();
  await rollbackCheckpoint(world.ports, "/checkpoint", TO);
  await expect(finish(world)).rejects.toMatchObject({ cause: { condition: "SINK_AHEAD_OF_CHECKPOINT" } });
  rollbackOutput(world);
  await finish(world);
  expectExact(world, "after the output followed");
});

test.each(["restart", "powerLoss"] as const)("death at any call, then %s", async (end) => {
  const undisturbed = await finished();
  undisturbed.files.restart();
  await rollbackCheckpoint(undisturbed.ports, "/checkpoint", TO);
  const calls = undisturbed.files.calls.length;
  expect(calls).toBeGreaterThan(10);
  for (let at = 0; at < calls; at++) {
    const world = await finished();
    world.files.restart();
    world.files.fault = { at, kind: "crash" };
    await expect(rollbackCheckpoint(world.ports, "/checkpoint", TO), `call ${at}`).rejects.toThrow();
    world.files[end]();
    // Whoever starts the query now gets all of it, or is told to take the output back, too.
    const error = await finish(world).then(
      () => null,
      (failure: { cause: { condition: string } }) => failure.cause.condition,
    );
    if (error === null) expectExact(world, `call ${at}`);
    else expect(error, `call ${at}`).toBe("SINK_AHEAD_OF_CHECKPOINT");
    await rollbackCheckpoint(world.ports, "/checkpoint", TO);
    rollbackOutput(world);
    await finish(world);
    expectExact(world, `call ${at}, rolled back again`);
  }
});

test("a batch that is not kept, a missing checkpoint, one in use, a lost state file: typed errors, and nothing is changed", async () => {
  const world = await finished();
  const before = [...world.files.paths()].filter((path) => !path.includes("/epoch/")).sort();
  await expect(rollbackCheckpoint(world.ports, "/checkpoint", 17)).rejects.toMatchObject({
    condition: "CHECKPOINT_BATCH_NOT_RETAINED",
    messageParameters: { oldest: "0", newest: "5" },
  });
  await expect(rollbackCheckpoint(world.ports, "/nowhere", 0)).rejects.toMatchObject({ condition: "NO_CHECKPOINT" });
  const { checkpoint } = await openQuery(world, options);
  await expect(rollbackCheckpoint(world.ports, "/checkpoint", TO)).rejects.toMatchObject({ condition: "CONCURRENT_CHECKPOINT_USE" });
  await checkpoint.close();
  expect([...world.files.paths()].filter((path) => !path.includes("/epoch/")).sort()).toEqual(before);

  const change = world.files.paths().find((path) => path.includes(`/state/changes/${TO}-`))!;
  await world.files.remove(change);
  await expect(rollbackCheckpoint(world.ports, "/checkpoint", TO)).rejects.toMatchObject({
    condition: "CHECKPOINT_FILE_CHECKSUM_VERIFICATION_FAILED",
  });
  expect((await openQuery(world, options)).checkpoint.inventory.commitBatches).toEqual([0, 1, 2, 3, 4, 5]);
});
