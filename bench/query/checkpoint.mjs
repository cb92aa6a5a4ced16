/**
 * What checkpoints cost (YSB, variant d): the same events once in batches of twenty million, a second's worth at the rate that is our goal, each made durable
 * with its state, and once as a single batch. In turn, in one process. By wall time it is mostly the disk's, by CPU ours.
 */
import { outputDigest, poolAnswer, preparePool } from "./ysb.mjs";
import { tableRows, timed, withSession } from "../harness/engine.mjs";
import { median } from "../harness/statistics.mjs";
import { secondsStream, startYsb } from "./ysb-columns.mjs";

const POOL_BATCHES = 8;
const ROWS_MAX = 1 << 17;
const USES = 20;
const BATCHES = 4;
const ROUNDS = 2;

export const suite = {
  name: "checkpoint",
  group: "ysb",
  title: "YSB d, a checkpoint each second beside one at the end",
  kind: "latency",
  events: BATCHES * USES * POOL_BATCHES * ROWS_MAX,
  about: {
    source: "columns in memory, 140 bytes an event",
    sink: "memory, update",
    checkpoint: "every 21 M events, or every 84 M",
    rate: "21 M/s",
  },

  prepare({ directory, events }) {
    const rows = Math.max(1, Math.min(ROWS_MAX, Math.round(events / (BATCHES * USES * POOL_BATCHES))));
    const { pool, answers, seconds } = preparePool(directory, rows);
    const often = poolAnswer(answers, (ROUNDS + 1) * BATCHES, USES);
    const once = poolAnswer(answers, ROUNDS + 1, BATCHES * USES);
    return { pool, expected: `${often} ${once}`, generatorSeconds: seconds };
  },

  async run({ pool }, { workers }) {
    const costs = { often: [], once: [] };
    const digests = {};
    const variants = [
      { name: "often", batches: BATCHES, uses: USES },
      { name: "once", batches: 1, uses: BATCHES * USES },
    ];
    await withSession(workers, async (spark, directory) => {
      const queries = [];
      for (const variant of variants) {
        const { stream, advance } = secondsStream(pool, variant.uses);
        queries.push({ ...variant, advance, query: await startYsb(spark, stream, `${directory}/${variant.name}`, variant.name) });
      }
      for (let round = 0; round <= ROUNDS; round++) {
        for (const { name, batches, advance, query } of round % 2 === 0 ? queries : queries.toReversed()) {
          let [seconds, cpuSeconds] = [0, 0];
          for (let batch = 0; batch < batches; batch++) {
            const cost = await timed(async () => {
              advance(round * batches + batch);
              await query.processAllAvailable();
            });
            seconds += cost.seconds;
            cpuSeconds += cost.cpuSeconds;
          }
          if (round > 0) costs[name].push({ seconds, cpuSeconds });
        }
      }
      for (const { name, query } of queries) {
        await query.stop();
        digests[name] = outputDigest(tableRows(spark, name));
      }
    });
    const percent = (value) => 100 * (median(costs.often.map((cost, round) => value(cost) / value(costs.once[round]))) - 1);
    const secondsOf = (name) => median(costs[name].map(({ seconds }) => seconds));
    return {
      costPercent: percent(({ seconds }) => seconds),
      cpuCostPercent: percent(({ cpuSeconds }) => cpuSeconds),
      oftenSeconds: secondsOf("often"),
      onceSeconds: secondsOf("once"),
      digest: `${digests.often} ${digests.once}`,
    };
  },
};
