/**
 * YSB, variant e: a million campaigns with one ad each, so that nearly every view is a row of state of its own, made durable and later evicted.
 * The state is checked by starting the query again from its checkpoint, with the last events once more.
 */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseSchema } from "../../dist/sql/parser.js";
import { writeSet } from "../data/sets.mjs";
import { columnSchema } from "../data/ysb.mjs";
import { keptAnswer } from "../harness/answers.mjs";
import { rowsOf, shiftColumn } from "../harness/columns.mjs";
import { digestOfLines } from "../harness/digest.mjs";
import { batchesIn, PoolStream, tableRows, timed, withSession } from "../harness/engine.mjs";
import { latestLines, ysbQuery } from "./ysb.mjs";

const WARM_UP_PASSES = 2;
const POOL_EVENTS_MAX = 2_000_000;
const RATE = 100_000;
const SPAN_MS = 20_000;
const SCHEMA = parseSchema(columnSchema);

export const suite = {
  name: "ysb-campaigns",
  group: "ysb",
  title: "YSB e, 1 M campaigns",
  kind: "throughput",
  events: 4_000_000,
  about: {
    source: "columns in memory, 140 bytes an event",
    sink: "noop, update",
    checkpoint: "every batch of 2 M events",
    rate: "100,000/s",
  },

  async prepare({ directory, events }) {
    const poolEvents = Math.min(POOL_EVENTS_MAX, events);
    const passes = Math.max(1, Math.round(events / poolEvents));
    const data = await writeSet("ysb-e", { directory, form: "columns", events: poolEvents, files: 1, rate: RATE });
    const expected = await keptAnswer(`${dirname(data.files.events[0])}-${passes}`, () => answerOf(data, passes));
    return { data, passes, expected, generatorSeconds: data.seconds };
  },

  async run({ data, passes }, { workers }) {
    return await withSession(workers, async (spark, directory) => {
      const batches = poolOf(data);
      const stream = new PoolStream(SCHEMA, batches);
      const views = stream.toFrame(spark).filter("event_type = 'view'").select("ad_id", "event_time");
      const query = ysbQuery(spark, views, adsOf(data));
      const start = (format) =>
        query.writeStream
          .outputMode("update")
          .format(format)
          .queryName("ysb")
          .option("checkpointLocation", join(directory, "checkpoint"))
          .start();
      const running = await start("noop");
      const cost = { seconds: 0, cpuSeconds: 0 };
      for (let pass = 0; pass < WARM_UP_PASSES + passes; pass++) {
        if (pass > 0) for (const batch of batches) shiftColumn(batch, SCHEMA, "event_time", SPAN_MS);
        const { seconds, cpuSeconds } = await timed(async () => {
          stream.addPool();
          await running.processAllAvailable();
        });
        if (pass < WARM_UP_PASSES) continue;
        cost.seconds += seconds;
        cost.cpuSeconds += cpuSeconds;
      }
      const rows = (await running.recentProgress()).reduce((sum, { sink }) => sum + sink.numOutputRows, 0);
      await running.stop();
      const again = await start("memory");
      stream.addPool();
      await again.processAllAvailable();
      await again.stop();
      return { ...cost, events: passes * data.events, digest: `${rows} rows, ${digestOfLines(latestLines(tableRows(spark, "ysb")))}` };
    });
  },
};

const poolOf = ({ files }) => files.events.flatMap((path) => batchesIn(readFileSync(path)));
const adsOf = ({ sides }) =>
  readFileSync(sides.ads, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => line.split(","));

/** Rows that all passes change, and the lines of the last one's after it came twice. */
function answerOf(data, passes) {
  const campaigns = new Map(adsOf(data));
  const last = WARM_UP_PASSES + passes - 1;
  const groups = new Map();
  for (const event of rowsOf(poolOf(data), SCHEMA, { event_time: last * SPAN_MS })) {
    if (event.event_type !== "view") continue;
    const key = `${Math.floor(event.event_time / 10_000) * 10_000},${campaigns.get(event.ad_id)}`;
    const known = groups.get(key) ?? { views: 0, lastMs: 0 };
    groups.set(key, { views: known.views + 1, lastMs: Math.max(known.lastMs, event.event_time) });
  }
  const lines = [...groups].map(([key, { views, lastMs }]) => `${key},${2 * views},${lastMs}`);
  return `${(last + 1) * groups.size} rows, ${digestOfLines(lines)}`;
}
