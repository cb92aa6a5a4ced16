/** What of a batch may be written beside what. */
import { expect, test } from "vitest";
import { openQuery, World } from "../support/fake-query.ts";

const ordered = (world: World) => world.log.filter((entry) => entry !== "latestOffset");

test("a batch writes its state while its offsets are written, except the first; the sink waits for both", async () => {
  const world = new World();
  const { query, source } = await openQuery(world, { isStateful: true });
  const writeNew = world.files.writeNew.bind(world.files);
  let release = () => {};
  let offsetsBegun = Promise.resolve();
  const holdOffsets = () => {
    const held = new Promise<void>((resolve) => (release = resolve));
    offsetsBegun = new Promise((begun) => {
      world.files.writeNew = async (path, bytes) => {
        if (path.includes("/offsets/")) {
          begun();
          await held;
        }
        await writeNew(path, bytes);
      };
    });
  };
  const seenBeforeOffsets = async () => {
    holdOffsets();
    source.available++;
    const isThrough = query.processAllAvailable();
    await offsetsBegun;
    for (let turn = 0; turn < 100; turn++) await Promise.resolve();
    const seen = [ordered(world).at(-1), world.files.paths().filter((path) => path.includes("/state/changes/")).length];
    release();
    await isThrough;
    return seen;
  };
  query.start();
  expect(await seenBeforeOffsets()).toEqual(["restore -1", 0]);
  expect(await seenBeforeOffsets()).toEqual(["run 1", 2]);
  await query.stop();
  expect(world.rows()).toEqual([1, 2]);
});
