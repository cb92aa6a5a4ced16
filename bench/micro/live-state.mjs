// Whether a batch gets longer with the state that it does not touch: a count by key in update mode, filled with 10 thousand, 1 million and
// 10 million keys, then batches of 1,000 rows with random keys, each made durable. `node bench/micro/live-state.mjs [keys …]` after a build. The
// counts of the last keys are checked by a restart from the checkpoint. CPU milliseconds hold on a busy machine, the others do not.
import { join } from "node:path";
import { batchColumnPlace, encodeColumnBatch } from "../../dist/columnar/column-batch.js";
import { parseSchema } from "../../dist/sql/parser.js";
import { batchesIn, PoolStream, tableRows, timed, withSession } from "../harness/engine.mjs";
import { Random } from "../harness/random.mjs";
import { percentile } from "../harness/statistics.mjs";

const schema = parseSchema("key BIGINT");
const FILL_ROWS_MAX = 1_000_000;
const BATCH_KEYS = 1_000;
const WARM_UP = 50;
const MEASURED = 200;

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

async function measure(keyCount) {
  const random = new Random(keyCount);
  const fillRows = Math.min(FILL_ROWS_MAX, keyCount);
  const series = (first) => BigInt64Array.from({ length: fillRows }, (_, i) => BigInt(first + i));
  const firstFill = batchOf(series(0));
  const fills = [firstFill];
  for (let first = fillRows; first < keyCount; first += fillRows) fills.push(batchOf(series(first), firstFill));
  const draws = Array.from({ length: WARM_UP + MEASURED }, () =>
    BigInt64Array.from({ length: BATCH_KEYS }, () => BigInt(random.below(keyCount))),
  );
  const last = BigInt64Array.from(new Set(draws.at(-1)));
  const expected = new Map([...last].map((key) => [key, 2n]));
  for (const draw of draws) for (const key of draw) if (expected.has(key)) expected.set(key, expected.get(key) + 1n);

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
    for (let fill = 0; fill < fills.length + WARM_UP; fill++) await trigger();
    const costs = [];
    for (let batch = 0; batch < MEASURED; batch++) costs.push(await timed(trigger));
    const { stateOperators } = await query.lastProgress();
    await query.stop();
    const check = await start("memory");
    stream.addNext();
    await check.processAllAvailable();
    await check.stop();
    const found = tableRows(spark, "counts");
    if (found.length !== expected.size || found.some(([key, count]) => expected.get(key) !== count)) {
      throw new Error(`wrong counts with ${keyCount} keys`);
    }
    return {
      p50Ms: percentile(
        costs.map(({ seconds }) => seconds * 1000),
        50,
      ),
      cpuMs: percentile(
        costs.map(({ cpuSeconds }) => cpuSeconds * 1000),
        50,
      ),
      rows: stateOperators[0].numRowsTotal,
    };
  });
}

const sizes = process.argv.slice(2).map(Number);
for (const keyCount of sizes.length > 0 ? sizes : [10_000, 1_000_000, 10_000_000]) {
  const { p50Ms, cpuMs, rows } = await measure(keyCount);
  console.log(
    `${rows} live keys, ${BATCH_KEYS} touched: p50 ${p50Ms.toFixed(2)} ms, ${cpuMs.toFixed(2)} CPU ms (median of ${MEASURED}), counts right`,
  );
}
