/**
 * The data, the query and the answer of the Yahoo streaming benchmark: 100 campaigns of 10 ads; a third of the events are views; views are
 * counted per campaign and 10 seconds of event time. Shared by the suites that run it.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodeColumnBatch } from "../../dist/columnar/column-batch.js";
import { parseSchema } from "../../dist/sql/parser.js";
import { digestOfLines } from "../harness/digest.mjs";
import { F } from "../harness/engine.mjs";
import { columnSchema, FIRST_MS, usual, writeAds, ysbEvents, ysbNames } from "../data/ysb.mjs";

const WINDOW_MS = 10_000;
const EVENT_SCHEMA = parseSchema(columnSchema);
const names = ysbNames(usual());
const { ads, campaigns } = names;

/** The answer: views and newest view per window and campaign, collected from the generator's numbers and never from the data's bytes. */
export class Answer {
  #windows = new Map();

  /** `views` events of `campaign` at most at `lastMs`, all in its window. */
  add(campaign, views, lastMs) {
    if (views === 0) return;
    const start = Math.floor(lastMs / WINDOW_MS) * WINDOW_MS;
    const key = `${start},${campaigns[campaign]}`;
    const known = this.#windows.get(key) ?? { views: 0, lastMs: 0 };
    this.#windows.set(key, { views: known.views + views, lastMs: Math.max(known.lastMs, lastMs) });
  }

  digest() {
    return digestOfLines([...this.#windows].map(([key, { views, lastMs }]) => `${key},${views},${lastMs}`));
  }
}

const usualAds = ads.map((ad, index) => [ad, campaigns[Math.floor(index / names.adsPerCampaign)]]);

/** The query, over events with a TIMESTAMP `event_time`; `pairs` are the ads with their campaigns. */
export function ysbQuery(spark, events, pairs = usualAds) {
  const adTable = spark.createDataFrame(pairs, "ad_id STRING, campaign_id STRING");
  return events
    .join(adTable, "ad_id")
    .withWatermark("event_time", "10 seconds")
    .groupBy(F.window(F.col("event_time"), "10 seconds"), F.col("campaign_id"))
    .agg(F.count("*").as("views"), F.max("event_time").as("last"));
}

/** The query's output in update mode as lines: what was said last about each window and campaign. */
export function latestLines(rows) {
  const latest = new Map(rows.map(([window, campaign, views, last]) => [`${window[0] / 1000n},${campaign}`, `${views},${last / 1000n}`]));
  return [...latest].map(([key, value]) => `${key},${value}`);
}

export const outputDigest = (rows) => digestOfLines(latestLines(rows));

/** Writes `path` through a temporary name unless it is there. Returns the seconds spent. */
export function prepareFile(path, write) {
  if (existsSync(path)) return 0;
  const start = performance.now();
  const temporary = `${path}.${process.pid}.tmp`;
  write(temporary);
  renameSync(temporary, path);
  return (performance.now() - start) / 1000;
}

/** The ads and their campaigns as lines `ad,campaign`, for the native programs. */
export function prepareAds(directory) {
  mkdirSync(directory, { recursive: true });
  const path = join(directory, "ads.csv");
  prepareFile(path, (file) => writeAds(file, names));
  return path;
}

const POOL_BATCHES = 8;

/**
 * A file of eight column batches with `rows` events each, which together make one second of event time, from 0 ms on: `event_time` holds
 * microseconds since the start of the second.
 */
export function preparePool(directory, rows) {
  mkdirSync(directory, { recursive: true });
  const pool = join(directory, `ysb-columns-${rows}.bin`);
  const answers = join(directory, `ysb-columns-${rows}.json`);
  let seconds = 0;
  if (!existsSync(answers)) {
    const perBatch = [];
    seconds += prepareFile(pool, (file) => {
      for (let batch = 0; batch < POOL_BATCHES; batch++) perBatch.push(appendPoolBatch(file, 1000 + batch, rows));
    });
    seconds += prepareFile(answers, (file) => writeFileSync(file, JSON.stringify(perBatch)));
  }
  return { pool, answers, seconds };
}

function appendPoolBatch(file, seed, rows) {
  const next = ysbEvents(names, seed);
  const views = campaigns.map(() => 0);
  const lastMs = campaigns.map(() => 0);
  const events = Array.from({ length: rows }, (_, row) => {
    const { texts, campaign, isView } = next();
    const ms = millisecondOf(row, rows);
    if (isView) {
      views[campaign]++;
      lastMs[campaign] = ms;
    }
    return [...texts, BigInt(ms) * 1000n, "1.2.3.4"];
  });
  const encoded = encodeColumnBatch(EVENT_SCHEMA, events);
  const padded = Buffer.alloc(Math.ceil(encoded.length / 8) * 8);
  padded.set(encoded);
  writeFileSync(file, padded, { flag: "a" });
  return { views, lastMs };
}

/** Events lie evenly in their second. */
function millisecondOf(row, rows) {
  return Math.floor((row * 1000) / rows);
}

/** Lets the pool's events happen `second` seconds after the first. */
export function setSecond(timeColumns, second) {
  for (const times of timeColumns) {
    const rows = times.length;
    for (let ms = 0; ms < 1000; ms++) {
      const from = Math.ceil((ms * rows) / 1000);
      const to = Math.ceil(((ms + 1) * rows) / 1000);
      times.fill(BigInt(FIRST_MS + second * 1000 + ms) * 1000n, from, to);
    }
  }
}

/** The answer to `seconds` seconds of the pool, read `uses` times each. */
export function poolAnswer(answers, seconds, uses) {
  const answer = new Answer();
  for (const { views, lastMs } of JSON.parse(readFileSync(answers, "utf8"))) {
    for (let second = 0; second < seconds; second++) {
      views.forEach((count, campaign) => answer.add(campaign, count * uses, FIRST_MS + second * 1000 + lastMs[campaign]));
    }
  }
  return answer.digest();
}
