/** What of a batch may be written beside what. */
import { expect, test } from "vitest";
import { openQuery, World } from "../support/fake-query.ts";

const ordered = (world: World) => world.log.filter((entry) => entry !== "latestOffset");

test("a batch writes its state while its offsets are written, except the first; the sink waits for both", async () => {
  const world = new World();
  const { query, source } = await openQuery(world, { isStateful: true });
  let [held, release, begun] = [Promise.resolve(), () => {}, () => {}];
  const createNew = world.files.createNew.bind(world.files);
  world.files.createNew = async (path) => {
    const file = await createNew(path);
    if (!path.includes("/offsets/")) return file;
    const write = async (bytes: Uint8Array): Promise<void> => {
      begun();
      await held;
      await file.write(bytes);
    };
    return { ...file, write };
  };
  const seenBeforeOffsets = async () => {
    held = new Promise((resolve) => (release = resolve));
    const offsetsBegun = new Promise<void>((resolve) => (begun = resolve));
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
