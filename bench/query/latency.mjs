/**
 * Latency at a fixed load: events arrive by a schedule, whether the query keeps up or not, and each counts from the moment at which it was to arrive until
 * the batch that holds it is committed; so a stall is felt by everything that was to arrive meanwhile. The schedule's tick is a
 * millisecond.
 */
import { join } from "node:path";
import hdr from "hdr-histogram-js";
import { encodeColumnBatch } from "../../dist/columnar/column-batch.js";
import { parseSchema } from "../../dist/sql/parser.js";
import { digestOfLines } from "../harness/digest.mjs";
import { F, PoolStream, withSession } from "../harness/engine.mjs";
import { lastOfEachKey, linesOf } from "../harness/canonical.mjs";

const SCHEMA = parseSchema("time TIMESTAMP, key BIGINT, value BIGINT");
const EVENTS_PER_SECOND = 100_000;
const TICK_EVENTS = EVENTS_PER_SECOND / 1000;
const FIRST_MS = 1_700_000_000_000;
const WARM_UP_MS_MAX = 3000;
const KEYS = 100;

const eventOf = (tick, index) => ({ ms: FIRST_MS + tick, key: (tick * 7 + index) % KEYS, value: tick + index });

const queries = {
  stateless: {
    mode: "append",
    frame: (events) => events.filter("value % 3 = 0").select("time", "key", "value"),
    *lines(ticks) {
      for (const { ms, key, value } of eventsOf(ticks)) if (value % 3 === 0) yield `${ms},${key},${value}`;
    },
  },
  windowed: {
    mode: "update",
    keys: 2,
    frame: (events) =>
      events
        .withWatermark("time", "1 second")
        .groupBy(F.window(F.col("time"), "1 second"), F.col("key"))
        .count(),
    *lines(ticks) {
      const counts = new Map();
      for (const { ms, key } of eventsOf(ticks)) {
        const group = `${Math.floor(ms / 1000) * 1000},${key}`;
        counts.set(group, (counts.get(group) ?? 0) + 1);
      }
      for (const [group, count] of counts) yield `${group},${count}`;
    },
  },
};

export const suite = {
  name: "latency",
  group: "latency",
  title: "Latency at 100,000 events a second",
  kind: "latency",
  events: 5 * EVENTS_PER_SECOND,
  about: {
    source: "columns in memory, 24 bytes an event",
    sink: "memory",
    checkpoint: "every batch, as fast as they come",
    rate: "100,000/s",
  },

  prepare({ events }) {
    const ticks = Math.max(50, Math.round(events / TICK_EVENTS));
    const warmUpTicks = Math.min(WARM_UP_MS_MAX, ticks);
    const expected = Object.values(queries).map(({ lines }) => digestOfLines([...lines(warmUpTicks + ticks)]));
    return { ticks, warmUpTicks, expected: expected.join(), generatorSeconds: 0 };
  },

  async run({ ticks, warmUpTicks }, { workers }) {
    const results = {};
    const digests = [];
    for (const name of Object.keys(queries)) {
      const { latencies, digest } = await withSession(workers, (spark, directory) => measure(spark, directory, name, warmUpTicks, ticks));
      results[name] = latencies;
      digests.push(digest);
    }
    return { ...results, digest: digests.join() };
  },
};

async function measure(spark, directory, name, warmUpTicks, ticks) {
  const { mode, frame, keys } = queries[name];
  const stream = new PoolStream(
    SCHEMA,
    Array.from({ length: warmUpTicks + ticks }, (_, tick) => tickBatch(tick)),
  );
  const histogram = hdr.build({ lowestDiscernibleValue: 1, highestTrackableValue: 60_000_000, numberOfSignificantValueDigits: 3 });
  let committed = 0;
  let start = 0;
  spark.streams.addListener({
    onQueryStarted() {},
    onQueryTerminated() {},
    onQueryProgress({ progress }) {
      const now = performance.now();
      const end = Number(progress.sources[0].endOffset) + 1;
      for (; committed < end; committed++) {
        if (committed >= warmUpTicks)
          histogram.recordValueWithCount(Math.max(1, Math.round((now - start - committed) * 1000)), TICK_EVENTS);
      }
    },
  });
  const query = await frame(stream.toFrame(spark))
    .writeStream.outputMode(mode)
    .format("memory")
    .queryName(name)
    .option("checkpointLocation", join(directory, "checkpoint"))
    .start();
  start = performance.now();
  for (let tick = 0; tick < warmUpTicks + ticks;) {
    for (const due = Math.min(warmUpTicks + ticks, Math.floor(performance.now() - start)); tick < due; tick++) stream.addNext();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await query.processAllAvailable();
  const batches = (await query.recentProgress()).length;
  await query.stop();
  const table = spark.executor.memoryTables.get(name);
  const rows = keys === undefined ? table.rows() : lastOfEachKey(table.rows(), keys);
  const ms = (percent) => histogram.getValueAtPercentile(percent) / 1000;
  return {
    latencies: { p50Ms: ms(50), p99Ms: ms(99), p999Ms: ms(99.9), maxMs: histogram.maxValue / 1000, batches },
    digest: digestOfLines(linesOf(rows, table.schema)),
  };
}

function* eventsOf(ticks) {
  for (let tick = 0; tick < ticks; tick++) for (let index = 0; index < TICK_EVENTS; index++) yield eventOf(tick, index);
}

function tickBatch(tick) {
  const rows = Array.from({ length: TICK_EVENTS }, (_, index) => {
    const { ms, key, value } = eventOf(tick, index);
    return [BigInt(ms) * 1000n, BigInt(key), BigInt(value)];
  });
  return encodeColumnBatch(SCHEMA, rows);
}
