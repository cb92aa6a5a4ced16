/**
 * The query of the suite `restart`, and the process that makes its state and then kills itself: started by `restart.mjs` with the plan of what to
 * make, it tells its parent what it has done before.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { F, timed, withSession } from "../harness/engine.mjs";
import { KeyStream } from "../harness/key-stream.mjs";

export const FILL_ROWS_MAX = 1_000_000;
const SHORT_ROWS_MAX = 10_000;
/** A prime: multiples of it visit all keys in an order that no chunk knows. */
const STRIDE = 1_000_003;
const ROUNDS_MAX = 1000;

export const checkpointOf = ({ directory }) => join(directory, "checkpoint");

/** What the newest commit record says of files. */
export function newestCommit(checkpoint) {
  const commits = readdirSync(join(checkpoint, "commits")).filter((name) => /^\d+$/.test(name));
  const newest = Math.max(...commits.map(Number));
  return JSON.parse(readFileSync(join(checkpoint, "commits", String(newest)), "utf8").split("\n")[1]).millrace;
}

export const startQuery = (spark, stream, plan, format) =>
  stream
    .toFrame(spark)
    .groupBy("key")
    .agg(F.count("*"), F.sum("key"), F.min("key"), F.max("key"), F.avg("key"))
    .writeStream.outputMode("update")
    .format(format)
    .queryName("restart")
    .option("checkpointLocation", checkpointOf(plan))
    .start();

/** Of the short batch `batch`: different keys. */
export const shortBatchKeys = (batch, keys) => strideKeys(batch, Math.min(keys, SHORT_ROWS_MAX), keys);

const strideKeys = (batch, rows, keys) => Uint32Array.from({ length: rows }, (_, i) => ((batch * rows + i) * STRIDE) % keys);

async function make({ directory, keys, workers, shortBatches = 0, isUntilSnapshot = false }) {
  await withSession(workers, async (spark) => {
    if (isUntilSnapshot) await spark.conf.set("spark.sql.streaming.stateStore.maintenanceInterval", "100ms");
    const stream = new KeyStream();
    const query = await startQuery(spark, stream, { directory }, "noop");
    let batches = 0;
    const trigger = async (keysOfBatch) => {
      stream.add(keysOfBatch);
      batches++;
      const { seconds } = await timed(() => query.processAllAvailable());
      const { stateOperators } = await query.lastProgress();
      return { ms: 1000 * seconds, pauseMs: (stateOperators[0].customMetrics.chunkCopyPauseMicros ?? 0) / 1000 };
    };
    const rows = Math.min(keys, FILL_ROWS_MAX);
    const long = [];
    for (let first = 0; first < keys; first += rows) long.push(await trigger(Uint32Array.from({ length: rows }, (_, i) => first + i)));
    /** Every key once more. */
    const round = async () => {
      for (let batch = 0; batch < keys / rows; batch++) await trigger(strideKeys(batch, rows, keys));
    };
    let rounds = 0;
    if (isUntilSnapshot) {
      const checkpoint = checkpointOf({ directory });
      while (newestCommit(checkpoint).snapshots.length === 0) {
        if (rounds++ === ROUNDS_MAX) throw new Error(`no snapshot in ${ROUNDS_MAX} rounds`);
        await round();
      }
      // So that there are changes after it.
      rounds++;
      await round();
    }
    const short = [];
    for (let batch = 0; batch < shortBatches; batch++) short.push(await trigger(shortBatchKeys(batch, keys)));
    const [{ memoryUsedBytes: stateBytes }] = (await query.lastProgress()).stateOperators;
    await new Promise((resolve) => process.send({ batches, rounds, stateBytes, long, short }, resolve));
    process.kill(process.pid, "SIGKILL");
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await make(JSON.parse(process.argv[2]));
