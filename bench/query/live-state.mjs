/**
 * Whether a batch gets longer with the state that it does not touch: a count by key in update mode, filled with few keys and with many, then batches of
 * 1,000 rows with random keys, each made durable. Measured when the copying of what the fill has left is over: that takes longer the more it was, and is
 * measured by `restart`. The counts of the last keys are checked by a restart from the checkpoint.
 */
import { join } from "node:path";
import { digestOfLines } from "../harness/digest.mjs";
import { tableRows, timed, withSession } from "../harness/engine.mjs";
import { KeyStream } from "../harness/key-stream.mjs";
import { Random } from "../harness/random.mjs";
import { percentile } from "../harness/statistics.mjs";

const FILL_ROWS_MAX = 1_000_000;
const BATCH_KEYS = 1_000;
/** Batches in a row without copying, before measuring; at most so many in all. */
const QUIET_BATCHES = 20;
/** For as long, too: on a busy machine what a worker has copied may wait for the disk while twenty batches go by. */
const QUIET_MS_MAX = 1000;
const QUIET_MS_PER_KEY = 1e-4;
const WARM_UP_MAX = 1000;
const WARM_UP_POOL = 16;
const MEASURED_MAX = 100;
const FEWER = 1000;

export const suite = {
  name: "live-state",
  group: "state",
  title: "A batch of 1,000 rows beside 10 thousand and 10 million live keys",
  kind: "latency",
  isForOneWorker: true,
  // A run makes ten million keys.
  runs: 1,
  events: 10_000_000,
  about: { source: "columns in memory, 8 bytes an event", sink: "noop, update", checkpoint: "every batch", rate: "no event time" },

  prepare({ events }) {
    const sizes = [Math.max(2, Math.floor(events / FEWER)), events];
    const measured = Math.max(1, Math.min(MEASURED_MAX, Math.floor(events / 1000)));
    const expected = sizes.map((keyCount) => digestOf([...expectedCounts(drawsOf(keyCount, measured, 0))])).join(" ");
    return { sizes, measured, expected, generatorSeconds: 0 };
  },

  async run({ sizes, measured }) {
    const [few, many] = [await measure(sizes[0], measured), await measure(sizes[1], measured)];
    return {
      fewP50Ms: few.p50Ms,
      manyP50Ms: many.p50Ms,
      fewCpuMs: few.cpuMs,
      manyCpuMs: many.cpuMs,
      ratio: many.cpuMs / few.cpuMs,
      ratioByWall: many.p50Ms / few.p50Ms,
      digest: `${few.digest} ${many.digest}`,
    };
  },
};

/** Batches of random keys, all even (`rest` 0) or odd (1). */
function drawsOf(keyCount, count, rest) {
  const random = new Random(2 * keyCount + rest);
  const draw = () => 2 * random.below(keyCount >> 1) + rest;
  return Array.from({ length: count }, () => Uint32Array.from({ length: BATCH_KEYS }, draw));
}

/** Of the keys of the last batch: once from the fill, once from the check. */
function expectedCounts(draws) {
  const expected = new Map(Array.from(draws.at(-1), (key) => [key, 2]));
  for (const draw of draws) for (const key of draw) if (expected.has(key)) expected.set(key, expected.get(key) + 1);
  return expected;
}

const digestOf = (counts) => digestOfLines(counts.map(([key, count]) => `${key},${count}`));

async function measure(keyCount, measured) {
  const fillRows = Math.min(FILL_ROWS_MAX, keyCount);
  const draws = drawsOf(keyCount, measured, 0);
  // Other keys than those that are checked: the disk decides how many of these batches there are.
  const warmUps = drawsOf(keyCount, WARM_UP_POOL, 1);

  return await withSession(1, async (spark, directory) => {
    const stream = new KeyStream();
    const counts = stream.toFrame(spark).groupBy("key").count();
    const start = (format) =>
      counts.writeStream
        .outputMode("update")
        .format(format)
        .queryName("counts")
        .option("checkpointLocation", join(directory, "checkpoint"))
        .start();
    const query = await start("noop");
    const trigger = async (keys) => {
      stream.add(keys);
      return await timed(() => query.processAllAvailable());
    };
    for (let first = 0; first < keyCount; first += fillRows) {
      await trigger(Uint32Array.from({ length: Math.min(fillRows, keyCount - first) }, (_, i) => first + i));
    }
    const isCopying = async () => (await query.lastProgress()).stateOperators[0].customMetrics.chunkCopyPauseMicros !== undefined;
    const quietMs = Math.min(QUIET_MS_MAX, QUIET_MS_PER_KEY * keyCount);
    let copiedMs = performance.now();
    const isQuiet = (quiet) => quiet >= QUIET_BATCHES && performance.now() - copiedMs >= quietMs;
    for (let quiet = 0, batch = 0; !isQuiet(quiet) && batch < WARM_UP_MAX; batch++) {
      await trigger(warmUps[batch % WARM_UP_POOL]);
      quiet = (await isCopying()) ? 0 : quiet + 1;
      if (quiet === 0) copiedMs = performance.now();
    }
    const costs = [];
    for (const keys of draws) costs.push(await trigger(keys));
    await query.stop();
    const check = await start("memory");
    stream.add(Uint32Array.from(new Set(draws.at(-1))));
    await check.processAllAvailable();
    await check.stop();
    return {
      p50Ms: percentile(
        costs.map(({ seconds }) => seconds * 1000),
        50,
      ),
      cpuMs: percentile(
        costs.map(({ cpuSeconds }) => cpuSeconds * 1000),
        50,
      ),
      digest: digestOf(tableRows(spark, "counts")),
    };
  });
}
