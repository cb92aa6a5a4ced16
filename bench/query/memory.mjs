/** Memory over time: resident memory of a process with a session, then after every batch of a query in it that counts 40 M events. */
import { poolAnswer, preparePool, outputDigest } from "./ysb.mjs";
import { tableRows, withSession } from "../harness/engine.mjs";
import { secondsStream, startYsb } from "./ysb-columns.mjs";

const POOL_BATCHES = 8;
const USES = 20;
const BATCHES = 40;

export const suite = {
  name: "memory",
  group: "memory",
  title: "Memory of YSB from columns, 40 M events in batches of 1 M",
  kind: "memory",
  events: 40_000_000,
  about: {
    source: "columns in memory, 140 bytes an event",
    sink: "memory, update",
    checkpoint: "every batch of 1 M events",
    rate: "1 M/s",
  },

  prepare({ directory, events }) {
    const rows = Math.max(1, Math.round(events / (BATCHES * USES * POOL_BATCHES)));
    const { pool, answers, seconds } = preparePool(directory, rows);
    return { pool, expected: poolAnswer(answers, BATCHES, USES), generatorSeconds: seconds };
  },

  async run({ pool }, { workers }) {
    return await withSession(workers, async (spark, directory) => {
      const megabytes = () => process.memoryUsage.rss() / 2 ** 20;
      const sessionMb = megabytes();
      const { stream, advance } = secondsStream(pool, USES);
      const query = await startYsb(spark, stream, directory);
      const afterBatch = [];
      for (let batch = 0; batch < BATCHES; batch++) {
        advance(batch);
        await query.processAllAvailable();
        afterBatch.push(megabytes());
      }
      await query.stop();
      const [quarter, half, end] = [BATCHES / 4, BATCHES / 2, BATCHES].map((count) => afterBatch[count - 1]);
      return {
        sessionMb,
        quarterMb: quarter,
        halfMb: half,
        endMb: end,
        grownMb: end - half,
        digest: outputDigest(tableRows(spark, "ysb")),
      };
    });
  },
};
