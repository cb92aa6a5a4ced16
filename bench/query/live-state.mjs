/**
 * Whether a batch gets longer with the state that it does not touch: a count by key in update mode, filled with few keys and with many, then batches of
 * 1,000 rows with random keys, each made durable. The counts of the last keys are checked by a restart from the checkpoint.
 */
import { join } from "node:path";
import { batchColumnPlace, encodeColumnBatch } from "../../dist/columnar/column-batch.js";
import { parseSchema } from "../../dist/sql/parser.js";
import { batchesIn, PoolStream, tableRows, timed, withSession } from "../harness/engine.mjs";
import { digestOfLines } from "../harness/digest.mjs";
import { Random } from "../harness/random.mjs";
import { percentile } from "../harness/statistics.mjs";

const schema = parseSchema("key BIGINT");
const FILL_ROWS_MAX = 1_000_000;
const BATCH_KEYS = 1_000;
const WARM_UP_MAX = 50;
const MEASURED_MAX = 200;
const FEWER = 1000;

export const suite = {
  name: "live-state",
  group: "state",
  title: "A batch of 1,000 rows beside 10 thousand and 10 million live keys",
  kind: "latency",
  isForOneWorker: true,
  events: 10_000_000,
  about: { source: "columns in memory, 8 bytes an event", sink: "noop, update", checkpoint: "every batch", rate: "no event time" },

  prepare({ events }) {
    const sizes = [Math.max(1, Math.floor(events / FEWER)), events];
    const measured = Math.max(1, Math.min(MEASURED_MAX, Math.floor(events / 1000)));
    const plan = { measured, warmUp: Math.min(WARM_UP_MAX, measured) };
    const expected = sizes.map((keyCount) => digestOf([...expectedCounts(drawsOf(keyCount, plan))])).join(" ");
    return { sizes, plan, expected, generatorSeconds: 0 };
  },

  async run({ sizes, plan }) {
    const [few, many] = [await measure(sizes[0], plan), await measure(sizes[1], plan)];
    return {
      fewP50Ms: few.p50Ms,
      manyP50Ms: many.p50Ms,
      fewCpuMs: few.cpuMs,
      manyCpuMs: many.cpuMs,
      ratio: many.cpuMs / few.cpuMs,
      digest: `${few.digest} ${many.digest}`,
    };
  },
};

function drawsOf(keyCount, { warmUp, measured }) {
  const random = new Random(keyCount);
  return Array.from({ length: warmUp + measured }, () => BigInt64Array.from({ length: BATCH_KEYS }, () => BigInt(random.below(keyCount))));
}

/** Of the keys of the last batch: once from the fill, once from the check. */
function expectedCounts(draws) {
  const expected = new Map([...new Set(draws.at(-1))].map((key) => [key, 2n]));
  for (const draw of draws) for (const key of draw) if (expected.has(key)) expected.set(key, expected.get(key) + 1n);
  return expected;
}

const digestOf = (counts) => digestOfLines(counts.map(([key, count]) => `${key},${count}`));

/** A batch of `keys`; many keys are written over a copy of `like`, a batch of as many. */
function batchOf(keys, like) {
  const [batch] = batchesIn(
    like ??
      encodeColumnBatch(
        schema,
        Array.from(keys, (key) => [key]),
      ),
  );
  if (like) new BigInt64Array(batch.buffer, batch.byteOffset + batchColumnPlace(batch, 0).values, keys.length).set(keys);
  return batch;
}

async function measure(keyCount, plan) {
  const fillRows = Math.min(FILL_ROWS_MAX, keyCount);
  const series = (first) => BigInt64Array.from({ length: fillRows }, (_, i) => BigInt(first + i));
  const firstFill = batchOf(series(0));
  const fills = [firstFill];
  for (let first = fillRows; first < keyCount; first += fillRows) fills.push(batchOf(series(first), firstFill));
  const draws = drawsOf(keyCount, plan);
  const last = BigInt64Array.from(new Set(draws.at(-1)));

  return await withSession(1, async (spark, directory) => {
    const stream = new PoolStream(schema, [...fills, ...draws.map((keys) => batchOf(keys)), batchOf(last)]);
    const counts = stream.toFrame(spark).groupBy("key").count();
    const start = (format) =>
      counts.writeStream
        .outputMode("update")
        .format(format)
        .queryName("counts")
        .option("checkpointLocation", join(directory, "checkpoint"))
        .start();
    const query = await start("noop");
    const trigger = async () => {
      stream.addNext();
      await query.processAllAvailable();
    };
    for (let fill = 0; fill < fills.length + plan.warmUp; fill++) await trigger();
    const costs = [];
    for (let batch = 0; batch < plan.measured; batch++) costs.push(await timed(trigger));
    await query.stop();
    const check = await start("memory");
    stream.addNext();
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
