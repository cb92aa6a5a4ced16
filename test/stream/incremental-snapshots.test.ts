/** What is copied of state in the background, and what a start reads of it: the chunk store and the changes after it, no snapshot file. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { nodePorts } from "../../src/base/node-ports.ts";
import { functions as F } from "../../src/index.ts";
import { VERSION_KEY } from "../../src/state/chunk-key.ts";
import type { ChunkStoreVersion } from "../../src/state/chunk-value.ts";
import { addData, assertOnQuery, checkLastBatch, execute, memoryStream, startStream, stopStream, testStream } from "../../src/testing.ts";
import { testSession } from "../support/test-session.ts";

const spark = testSession();
const KEYS = 3000;

/** Leaves a file its length and takes its contents. */
function blank(path: string): void {
  writeFileSync(path, Buffer.alloc(readFileSync(path).length));
}

function storeVersion(checkpoint: string): ChunkStoreVersion {
  const environment = nodePorts().chunks.open(join(checkpoint, "state/chunks"));
  try {
    return JSON.parse(Buffer.from(environment.get(VERSION_KEY)!).toString()) as ChunkStoreVersion;
  } finally {
    environment.close();
  }
}

const isThereYet = (checkpoint: string): boolean => {
  try {
    return readdirSync(join(checkpoint, "state/snapshots")).length > 0;
  } catch {
    return false;
  }
};

test("a start reads no snapshot file, and no changes that the chunk store holds", async () => {
  const input = memoryStream(spark(), "key INT");
  const frame = input.toDF().groupBy("key").agg(F.count("*").as("n"));
  // Passes follow each other, and snapshot files as often as they may.
  const conf = { "spark.sql.streaming.stateStore.maintenanceInterval": 0, "spark.sql.streaming.stateStore.minDeltasForSnapshot": 5 };
  const all = addData(input, ...Array.from({ length: KEYS }, (_, key) => key));
  await testStream(
    frame,
    { outputMode: "update", conf },
    startStream({ workers: 2 }),
    all,
    all,
    assertOnQuery(async (query, { checkpointLocation }) => {
      for (let more = 0; !isThereYet(checkpointLocation) && more < 1000; more++) {
        input.addData(-1);
        await query.processAllAvailable();
      }
    }, "until there is a snapshot"),
    stopStream(),
    execute((_query, { checkpointLocation }) => {
      const { batchId } = storeVersion(checkpointLocation);
      expect(batchId).toBeGreaterThan(2);
      const files = (folder: string): string[] => readdirSync(join(checkpointLocation, folder)).map((name) => join(folder, name));
      const held = files("state/changes").filter((path) => Number(/(\d+)-\d+-[^/]*$/.exec(path)![1]) <= batchId);
      expect(files("state/snapshots").length).toBeGreaterThan(0);
      expect(held.length).toBeGreaterThan(2);
      for (const path of [...files("state/snapshots"), ...held]) blank(join(checkpointLocation, path));
    }, "nothing is left of the files that the chunk store makes unneeded"),
    startStream({ workers: 1 }),
    addData(input, ...Array.from({ length: KEYS / 100 }, (_, key) => 100 * key)),
    checkLastBatch(...Array.from({ length: KEYS / 100 }, (_, key) => [100 * key, 3])),
  );
});
