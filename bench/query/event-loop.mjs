/**
 * What a web server feels that shares its process with a query at full speed: delay of the event loop and of requests over loopback, first
 * without the query, then beside it. The client is a process of its own.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { tableRows, withSession } from "../harness/engine.mjs";
import { poolAnswer, outputDigest, preparePool } from "./ysb.mjs";
import { secondsStream, startYsb } from "./ysb-columns.mjs";

const CLIENT = fileURLToPath(new URL("../harness/http-client.mjs", import.meta.url));
const POOL_BATCHES = 8;
const ROWS_MAX = 1 << 17;
const USES = 24;
const SECONDS = 6;
const WARM_UP_SECONDS = 2;

export const suite = {
  name: "event-loop",
  group: "latency",
  title: "Event loop of a web server in the same process",
  kind: "latency",
  about: {
    source: "columns in memory, 140 bytes an event",
    sink: "memory, update",
    checkpoint: "every batch, one second of events",
    rate: "25 M/s",
  },
  events: SECONDS * USES * POOL_BATCHES * ROWS_MAX,

  prepare({ directory, events }) {
    const rows = Math.max(1, Math.min(ROWS_MAX, Math.round(events / (SECONDS * USES * POOL_BATCHES))));
    const { pool, answers, seconds } = preparePool(directory, rows);
    const batches = Math.max(1, Math.round(events / (USES * POOL_BATCHES * rows)));
    return { pool, batches, expected: poolAnswer(answers, WARM_UP_SECONDS + batches, USES), generatorSeconds: seconds };
  },

  async run({ pool, batches }, { workers }) {
    return await withSession(workers, async (spark, directory) => {
      const { stream, advance, rows } = secondsStream(pool, USES);
      const query = await startYsb(spark, stream, directory);
      const runBatches = async (from, to) => {
        for (let second = from; second < to; second++) {
          advance(second);
          await query.processAllAvailable();
        }
      };
      await runBatches(0, WARM_UP_SECONDS);
      const server = createServer((_, response) => response.end("ok")).listen(0, "127.0.0.1");
      await once(server, "listening");
      const url = `http://127.0.0.1:${server.address().port}/`;
      const alone = await observed(url, () => new Promise((resolve) => setTimeout(resolve, 1000)));
      const start = performance.now();
      const beside = await observed(url, () => runBatches(WARM_UP_SECONDS, WARM_UP_SECONDS + batches));
      const seconds = (performance.now() - start) / 1000;
      server.close();
      await query.stop();
      const millionPerSecond = (batches * USES * rows) / seconds / 1e6;
      return { alone, beside, millionPerSecond, digest: outputDigest(tableRows(spark, "ysb")) };
    });
  },
};

/** Event-loop delay beyond the timer's own millisecond, and request times as the client sees them, while `work` runs. */
async function observed(url, work) {
  const client = spawn(process.execPath, [CLIENT, url], { stdio: ["pipe", "pipe", "inherit"] });
  await once(client.stdout, "data");
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  await work();
  delay.disable();
  client.stdin.end();
  const [answer] = await once(client.stdout, "data");
  const above = (nanoseconds) => Math.max(0, nanoseconds / 1e6 - 1);
  return {
    delayP50Ms: above(delay.percentile(50)),
    delayP99Ms: above(delay.percentile(99)),
    delayMaxMs: above(delay.max),
    ...JSON.parse(answer),
  };
}
