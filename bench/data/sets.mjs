/**
 * Every data set of the benchmark by name, and how it becomes files. A set says which tables (frames) events `first` to `first + count` make;
 * `writeSet` writes them file by file, once, as column batches, NDJSON, Parquet or CSV. The same seed gives the same rows on every machine, and but for Parquet the same
 * bytes.
 */
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tableFromIPC, tableToIPC, Table } from "apache-arrow";
import * as parquet from "parquet-wasm";
import { F, withSession } from "../harness/engine.mjs";
import { Random } from "../harness/random.mjs";
import { ysbSets } from "./ysb.mjs";

const FIRST_SECOND = 1_700_000_000;
const ROW_GROUP_ROWS = 1 << 20;

/** Spreads keys over 52 bits; odd, so that they stay distinct. */
export const KEY_STRIDE = 2_654_435_761;

const keys = {
  events: 2_000_000,
  rate: 1_000_000,
  forms: ["columns", "ndjson", "parquet"],
  frames(spark, { first, count, seed }) {
    const random = new Random(seed * 1000 + Math.floor(first / count));
    const rows = Array.from({ length: count }, () => [BigInt(random.below(1_000_000) * KEY_STRIDE)]);
    return { keys: spark.createDataFrame(rows, "key BIGINT") };
  },
};

/** The auction site. As columns each kind of event is a table of its own; as NDJSON and Parquet one table holds all, as a topic would. */
const nexmark = {
  events: 2_000_000,
  rate: 100_000,
  forms: ["columns", "ndjson", "parquet"],
  frames(spark, { form, first, count, seed, rate }) {
    const frame = (table) =>
      spark.read.format("nexmark").options({ table, firstEvent: first, events: count, seed, eventsPerSecond: rate }).load();
    if (form === "columns") return { person: frame("person"), auction: frame("auction"), bid: frame("bid") };
    return { events: frame("all") };
  },
  /** Query 13's static table: lines `i,i`. */
  sides: { side: (path) => writeFileSync(path, Array.from({ length: 10_000 }, (_, i) => `${i},${i}\n`).join("")) },
};

/** Transfers of 1 between 10 accounts over 60 seconds of event time, each up to 10 seconds out of order. */
const transfers = {
  events: 10_000_000,
  rate: null,
  forms: ["columns", "ndjson", "parquet"],
  frames(spark, { first, count, total, seed }) {
    const random = new Random(seed * 1000 + Math.floor(first / count));
    const rows = Array.from({ length: count }, (_, index) => {
      const id = first + index;
      const second = Math.floor((id * 60) / total);
      const time = FIRST_SECOND + Math.max(0, second - random.below(11));
      return [BigInt(id), random.below(10), random.below(10), 1n, BigInt(time)];
    });
    const frame = spark.createDataFrame(rows, "id BIGINT, from_account INT, to_account INT, amount BIGINT, ts BIGINT");
    return { transfers: frame.withColumn("ts", F.expr("timestamp_seconds(ts)")) };
  },
};

/** Impressions, and clicks on half of them up to 15 seconds later. */
const clicks = {
  events: 2_000_000,
  rate: 100_000,
  forms: ["columns", "ndjson", "parquet"],
  frames(spark, { first, count, seed, rate }) {
    const random = new Random(seed * 1000 + Math.floor(first / count));
    const impressions = [];
    const clicked = [];
    for (let id = first; id < first + count; id++) {
      const ms = FIRST_SECOND * 1000 + Math.floor((id * 1000) / rate);
      impressions.push([BigInt(id), BigInt(random.below(1000)), BigInt(ms)]);
      if (random.below(2) === 0) clicked.push([BigInt(id), BigInt(ms + random.below(15_000))]);
    }
    clicked.sort((a, b) => Number(a[1] - b[1]));
    const timed = (rows, schema, column) => spark.createDataFrame(rows, schema).withColumn(column, F.expr(`timestamp_millis(${column})`));
    return {
      impressions: timed(impressions, "imp_id BIGINT, ad_id BIGINT, imp_time BIGINT", "imp_time"),
      clicks: timed(clicked, "click_imp_id BIGINT, click_time BIGINT", "click_time"),
    };
  },
};

/** Weather stations and temperatures in tenths of a degree, as text `station;12.3`. */
const measurements = {
  events: 10_000_000,
  rate: null,
  forms: ["csv"],
  frames(spark, { first, count, seed }) {
    const random = new Random(seed * 1000 + Math.floor(first / count));
    const rows = Array.from({ length: count }, () => {
      const station = random.below(413);
      const tenths = ((station * 37) % 300) - 50 + random.below(401) - 200;
      return [`Station ${station}`, `${tenths < 0 ? "-" : ""}${Math.floor(Math.abs(tenths) / 10)}.${Math.abs(tenths) % 10}`];
    });
    return { measurements: spark.createDataFrame(rows, "station STRING, temperature STRING") };
  },
};

export const sets = { ...ysbSets, keys, nexmark, transfers, clicks, measurements };

/**
 * Files of the set `name` below `directory`, written unless they are there: `{ set, form, events, files: { table: [path, …] }, sides, bytes,
 * seconds }`. File number k of every table comes from the same range of events.
 */
export async function writeSet(name, { directory, form, events, files = 8, seed = 1, rate, hasSkew = false }) {
  const set = sets[name];
  const total = events ?? set.events;
  const settings = { form, total, seed, rate: rate ?? set.rate, hasSkew };
  const folder = join(
    directory,
    [name, form, total, `f${files}`, `r${settings.rate ?? 0}`, `s${seed}`, ...(hasSkew ? ["skew"] : [])].join("-"),
  );
  const manifest = `${folder}.json`;
  if (existsSync(manifest)) return JSON.parse(readFileSync(manifest, "utf8"));
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const start = performance.now();
  const written = {};
  const count = Math.ceil(total / files);
  await withSession(1, async (spark, temporary) => {
    for (let file = 0; file * count < total; file++) {
      const range = { first: file * count, count: Math.min(count, total - file * count) };
      for (const [table, frame] of Object.entries(set.frames(spark, { ...settings, ...range }))) {
        const path = join(folder, `${table}-${String(file).padStart(3, "0")}.${form}`);
        await writers[form](spark, frame, path, join(temporary, "parts"));
        (written[table] ??= []).push(path);
      }
    }
  });
  const sides = {};
  for (const [side, write] of Object.entries(set.sides ?? {})) write((sides[side] = `${folder}-${side}.csv`), total);
  const bytes = Object.values(written)
    .flat()
    .reduce((sum, path) => sum + statSync(path).size, 0);
  const seconds = (performance.now() - start) / 1000;
  const result = { set: name, form, events: total, seed, rate: settings.rate, files: written, sides, bytes, seconds };
  writeFileSync(manifest, JSON.stringify(result));
  return result;
}

const writers = {
  async columns(spark, frame, path) {
    const { batches } = await spark.executor.collect(frame.plan);
    for (const batch of batches) {
      const padded = Buffer.alloc(Math.ceil(batch.length / 8) * 8);
      padded.set(batch);
      appendFileSync(path, padded);
    }
  },
  async ndjson(spark, frame, path, parts) {
    await frame.write.mode("overwrite").json(parts);
    for (const part of partsIn(parts)) appendFileSync(path, readFileSync(part));
  },
  async csv(spark, frame, path, parts) {
    await frame.write.mode("overwrite").option("sep", ";").csv(parts);
    for (const part of partsIn(parts)) appendFileSync(path, readFileSync(part));
  },
  /** The engine writes a file for each of its tasks; here they become one, with row groups of the usual size. */
  async parquet(spark, frame, path, parts) {
    await frame.write.mode("overwrite").parquet(parts);
    const tables = partsIn(parts).map((part) => tableFromIPC(parquet.readParquet(readFileSync(part)).intoIPCStream()));
    const whole = new Table(
      tables[0].schema,
      tables.flatMap((table) => table.batches),
    );
    const properties = new parquet.WriterPropertiesBuilder()
      .setCompression(parquet.Compression.SNAPPY)
      .setMaxRowGroupSize(ROW_GROUP_ROWS)
      .build();
    writeFileSync(path, parquet.writeParquet(parquet.Table.fromIPCStream(tableToIPC(whole, "stream")), properties));
  },
};

function partsIn(directory) {
  const names = readdirSync(directory).filter((name) => name.startsWith("part-"));
  return names.sort().map((name) => join(directory, name));
}
