/**
 * Events of the Yahoo streaming benchmark: `campaigns` campaigns with `adsPerCampaign` ads each; a third of the events are views. Used by the
 * suites and by `bench/data.mjs`.
 */
import { writeFileSync } from "node:fs";
import { F } from "../harness/engine.mjs";
import { Random } from "../harness/random.mjs";

/** Epoch milliseconds of the first event: the start of a window. */
export const FIRST_MS = 1_700_000_000_000;
const AD_TYPES = ["banner", "modal", "sponsored-search", "mail", "mobile"];
const EVENT_TYPES = ["view", "click", "purchase"];
/** With skew: jitter to both sides, and one event in so many up to a minute late. */
const JITTER_MS = 50;
const LATE_ONE_IN = 100_000;
const LATE_MS_MAX = 60_000;

const names = "user_id STRING, page_id STRING, ad_id STRING, ad_type STRING, event_type STRING";
export const columnSchema = `${names}, event_time TIMESTAMP, ip_address STRING`;
/** Of NDJSON: the time is epoch milliseconds as text, as the benchmark has it. */
export const textSchema = `${names}, event_time STRING, ip_address STRING`;

/** The names of a variant; the same in every run. */
export function ysbNames({ campaigns, adsPerCampaign }) {
  const naming = new Random(7);
  const uuids = (count) => Array.from({ length: count }, () => naming.uuid());
  return { campaigns: uuids(campaigns), ads: uuids(campaigns * adsPerCampaign), users: uuids(100), pages: uuids(100), adsPerCampaign };
}

/** One event after another: texts, and for the answer the number of the campaign and whether it is a view. */
export function ysbEvents({ ads, users, pages, adsPerCampaign }, seed) {
  const random = new Random(seed);
  return () => {
    const ad = random.below(ads.length);
    const type = random.below(EVENT_TYPES.length);
    const texts = [users[random.below(100)], pages[random.below(100)], ads[ad], AD_TYPES[random.below(5)], EVENT_TYPES[type]];
    return { texts, campaign: Math.floor(ad / adsPerCampaign), isView: type === 0 };
  };
}

function ysbSet(variant) {
  const known = new Map();
  const namesFor = (total) => {
    if (!known.has(total)) known.set(total, ysbNames(variant(total)));
    return known.get(total);
  };
  return {
    events: 2_000_000,
    rate: 100_000,
    forms: ["columns", "ndjson", "parquet"],
    frames(spark, { form, total, first, count, seed, rate, hasSkew }) {
      const next = ysbEvents(namesFor(total), seed * 1000 + Math.floor(first / count));
      const random = new Random(seed * 1000 + 500 + Math.floor(first / count));
      const skew = () =>
        random.below(2 * JITTER_MS + 1) - JITTER_MS - (random.below(LATE_ONE_IN) === 0 ? random.below(LATE_MS_MAX + 1) : 0);
      const rows = Array.from({ length: count }, (_, index) => {
        const ms = FIRST_MS + Math.floor(((first + index) * 1000) / rate) + (hasSkew ? skew() : 0);
        return [...next().texts, BigInt(ms), "1.2.3.4"];
      });
      const events = spark.createDataFrame(rows, `${names}, event_time BIGINT, ip_address STRING`);
      const time = form === "ndjson" ? "cast(event_time AS STRING)" : "timestamp_millis(event_time)";
      return { events: events.withColumn("event_time", F.expr(time)) };
    },
    /** The ads and their campaigns as lines `ad,campaign`. */
    sides: { ads: (path, total) => writeAds(path, namesFor(total)) },
  };
}

export function writeAds(path, { ads, campaigns, adsPerCampaign }) {
  writeFileSync(path, ads.map((ad, index) => `${ad},${campaigns[Math.floor(index / adsPerCampaign)]}\n`).join(""));
}

/** 100 campaigns of 10 ads; variants a to d differ in how they are read and made durable, not in their events. */
export const usual = () => ({ campaigns: 100, adsPerCampaign: 10 });
/** Variant e: a million campaigns, each with one ad; fewer when there are fewer than two events for each. */
export const manyCampaigns = (events) => ({ campaigns: Math.max(1, Math.min(1_000_000, events >> 1)), adsPerCampaign: 1 });

export const ysbSets = {
  "ysb-a": ysbSet(usual),
  "ysb-b": ysbSet(usual),
  "ysb-c": ysbSet(usual),
  "ysb-d": ysbSet(usual),
  "ysb-e": ysbSet(manyCampaigns),
};
