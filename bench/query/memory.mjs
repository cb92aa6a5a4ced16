/** Peak memory of a process that counts 20 M events, beside that of a process that only holds a session. */
import { poolAnswer, preparePool } from "./ysb.mjs";
import { suite as columns } from "./ysb-columns.mjs";

const POOL_BATCHES = 8;
const USES = 20;
const SECONDS = 20;
const WARM_UP_SECONDS = 3;

export const suite = {
  name: "memory",
  group: "memory",
  title: "Peak memory of YSB from columns, 20 M events in batches of 1 M",
  kind: "memory",
  about: {
    source: "columns in memory, 140 bytes an event",
    sink: "memory, update",
    checkpoint: "every batch of 1 M events",
    rate: "1 M/s",
  },
  events: 20_000_000,

  prepare({ directory, events }) {
    const rows = Math.max(1, Math.round(events / (SECONDS * USES * POOL_BATCHES)));
    const { pool, answers, seconds } = preparePool(directory, rows);
    return {
      pool,
      measured: SECONDS,
      uses: USES,
      expected: poolAnswer(answers, WARM_UP_SECONDS + SECONDS, USES),
      generatorSeconds: seconds,
    };
  },

  async run(data, settings) {
    const before = process.resourceUsage().maxRSS * 1024;
    const { digest, events } = await columns.run(data, settings);
    return { emptyProcessMb: before / 2 ** 20, millionEvents: events / 1e6, digest };
  },
};
