/**
 * The client of the suite `event-loop`: asks the URL in its first argument again and again, a request at a time, says "ready" after some,
 * and prints the times of the rest when its standard input ends.
 */
import { Agent, get } from "node:http";
import { percentile } from "./statistics.mjs";

const WARM_UP_REQUESTS = 200;
const PAUSE_MS = 2;

const agent = new Agent({ keepAlive: true, maxSockets: 1 });
const request = () =>
  new Promise((resolve, reject) => {
    const start = performance.now();
    get(process.argv[2], { agent }, (response) => {
      response.resume();
      response.on("end", () => resolve(performance.now() - start));
    }).on("error", reject);
  });

process.stdin.resume();
for (let count = 0; count < WARM_UP_REQUESTS; count++) await request();
process.stdout.write("ready");
const times = [];
while (!process.stdin.readableEnded || times.length === 0) {
  times.push(await request());
  await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}
process.stdout.write(JSON.stringify({ requestP50Ms: percentile(times, 50), requestP99Ms: percentile(times, 99), requests: times.length }));
agent.destroy();
