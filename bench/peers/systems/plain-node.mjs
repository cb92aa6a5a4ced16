/**
 * What a Node program without an engine does, on one thread: read a file, split lines, `JSON.parse`, a `Map`. Driven as `spark.py` is. It keeps
 * no checkpoint and knows no watermark.
 */
import { createReadStream, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

const spec = JSON.parse(process.argv[2]);

async function forEachEvent(part, work) {
  let count = 0;
  for (const name of readdirSync(spec.data[part]).sort()) {
    for await (const line of createInterface({ input: createReadStream(join(spec.data[part], name), { highWaterMark: 1 << 20 }) })) {
      if (line === "") continue;
      work(JSON.parse(line));
      count++;
    }
  }
  return count;
}

const programs = {
  async ysb(part) {
    const ads = new Map(
      readFileSync(spec.sides[part].ads, "utf8")
        .trim()
        .split("\n")
        .map((line) => line.split(",")),
    );
    const groups = new Map();
    const count = await forEachEvent(part, (event) => {
      if (event.event_type !== "view") return;
      const campaign = ads.get(event.ad_id);
      if (campaign === undefined) return;
      const time = Number(event.event_time);
      const key = `${Math.floor(time / 10_000) * 10_000},${campaign}`;
      const group = groups.get(key);
      if (group === undefined) {
        groups.set(key, { views: 1, last: time });
        return;
      }
      group.views++;
      group.last = Math.max(group.last, time);
    });
    return { count, lines: () => [...groups].map(([key, { views, last }]) => `${key},${views},${last}`) };
  },

  async project(part) {
    const kept = [];
    const count = await forEachEvent(part, ({ event_type, user_id, ad_id, event_time }) => {
      if (event_type !== "view") return;
      const row = { user_id, ad_id, event_time: Number(event_time) };
      if (part === "check") kept.push(row);
    });
    return { count, lines: () => kept.map((row) => Object.values(row).join(",")) };
  },
};

const commands = {
  async check() {
    const { lines } = await programs[spec.program]("check");
    writeFileSync(
      spec.answer,
      lines()
        .map((line) => `${line}\n`)
        .join(""),
    );
    return {};
  },
  async run() {
    const begin = performance.now();
    const { count } = await programs[spec.program]("full");
    return { seconds: (performance.now() - begin) / 1000, events: count };
  },
};

const answer = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
answer({ pid: process.pid, version: process.version });
for await (const line of createInterface({ input: process.stdin })) answer(await commands[line.trim()]());
