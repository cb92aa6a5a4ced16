/**
 * Events of the Yahoo benchmark from NDJSON and Parquet files: the benchmark's query, a filter with a projection, and that into Parquet files.
 * Two files make one durably committed batch. The answers are DuckDB's.
 */
import { dirname } from "node:path";
import { writeSet } from "../data/sets.mjs";
import { columnSchema, textSchema } from "../data/ysb.mjs";
import { duckFiles, duckLines, keptAnswer } from "../harness/answers.mjs";
import { digestOfLines } from "../harness/digest.mjs";
import { F, timedRounds, withSession } from "../harness/engine.mjs";
import { QueryRun } from "../harness/query-run.mjs";
import { latestLines, ysbQuery } from "./ysb.mjs";

const FILES = 8;
const FILES_PER_BATCH = 2;
const FORMS = {
  ndjson: {
    title: "NDJSON",
    schema: textSchema,
    time: F.expr("timestamp_millis(cast(event_time AS BIGINT))").as("event_time"),
    duckRows: (files) => `read_json(${files}, columns = {${textSchema.replace(/(\w+) STRING/g, "$1: 'VARCHAR'")}})`,
    duckMs: "event_time::BIGINT",
  },
  parquet: {
    title: "Parquet",
    schema: columnSchema,
    time: F.col("event_time"),
    duckRows: (files) => `read_parquet(${files})`,
    duckMs: "epoch_ms(event_time)",
  },
};

const counted = {
  mode: "update",
  lines: latestLines,
  frame: (views, spark, form) => ysbQuery(spark, views.select(F.col("ad_id"), FORMS[form].time)),
  answer: ({ duckRows, duckMs }, { files, sides }) => `
    SELECT (${duckMs} // 10000 * 10000)::VARCHAR, campaign, count(*)::VARCHAR, max(${duckMs})::VARCHAR
    FROM ${duckRows(duckFiles(files.events))} JOIN read_csv('${sides.ads}', names = ['ad', 'campaign'], header = false) ON ad_id = ad
    WHERE event_type = 'view' GROUP BY ALL`,
  native: ({ data }) => ["ysb-json", data.sides.ads, ...data.files.events],
};

const selectViews = ({ duckRows, duckMs }, paths) =>
  `SELECT user_id, ad_id, (${duckMs})::VARCHAR FROM ${duckRows(duckFiles(paths))} WHERE event_type = 'view'`;
const projected = {
  mode: "append",
  isRowWise: true,
  frame: (views, _, form) => views.select(F.col("user_id"), F.col("ad_id"), FORMS[form].time),
  answer: (form, { files }) => selectViews(form, files.events.slice(0, 1)),
  countOf: (form, { files }) => `SELECT count(*)::VARCHAR FROM ${form.duckRows(duckFiles(files.events))} WHERE event_type = 'view'`,
  native: ({ data }) => ["filter-json", "--first-lines", ...data.files.events],
};
const intoFiles = {
  ...projected,
  isRowWise: false,
  native: undefined,
  files: { format: "parquet", lines: (directory) => duckLines(writtenRows(directory)) },
  answer: (form, { files }) => selectViews(form, files.events),
};
const writtenRows = (directory) => `SELECT user_id, ad_id, epoch_ms(event_time)::VARCHAR FROM read_parquet('${directory}/part-*.parquet')`;

function suiteOf(name, title, form, query, events) {
  const forms = FORMS[form];
  return {
    name,
    group: "ysb",
    title: `${title} from ${forms.title} files`,
    kind: "throughput",
    events,
    about: {
      source: form === "ndjson" ? "NDJSON files, 241 bytes an event" : "Parquet files (snappy), 5 bytes an event, texts in dictionaries",
      sink: `${query.files ? "Parquet files" : query.isRowWise ? "noop" : "memory"}, ${query.mode}`,
      checkpoint: "every batch, two of eight files",
      rate: "100,000/s",
    },
    scalesTo: name === "ysb-json" ? [1, 2] : undefined,

    async prepare({ directory, events: total }) {
      const data = await writeSet("ysb-b", { directory, form, events: Math.max(FILES, total), files: FILES });
      const folder = dirname(data.files.events[0]);
      const expected = await keptAnswer(`${folder}-${name}`, async () => {
        const digest = digestOfLines(await duckLines(query.answer(forms, data)));
        return query.isRowWise ? `${await duckLines(query.countOf(forms, data))} rows, ${digest}` : digest;
      });
      return { data, form, expected, generatorSeconds: data.seconds };
    },

    async run({ data }, { workers }) {
      return await withSession(workers, async (spark, directory) => {
        const run = new QueryRun(spark, directory, query);
        const frame = (path) => {
          const reader = spark.readStream.schema(forms.schema).option("maxFilesPerTrigger", String(FILES_PER_BATCH));
          const loaded = form === "ndjson" ? reader.json(path) : reader.parquet(path);
          return query.frame(loaded.filter("event_type = 'view'"), spark, form);
        };
        const [first] = data.files.events;
        if (query.isRowWise) await run.check(frame(first));
        let running;
        const cost = await timedRounds(data.events, async () => {
          running = await run.start(frame(dirname(first)), { availableNow: true });
          await running.awaitTermination();
        });
        return { ...cost, digest: await run.digest(running) };
      });
    },

    native: form === "ndjson" ? query.native : undefined,
  };
}

const EVENTS = 4_000_000;
const WRITTEN_EVENTS = 2_000_000;

export const ysbFileSuites = [
  suiteOf("ysb-json", "YSB", "ndjson", counted, EVENTS),
  suiteOf("ysb-parquet", "YSB", "parquet", counted, EVENTS),
  suiteOf("filter-json", "Filter and project", "ndjson", projected, EVENTS),
  suiteOf("filter-parquet", "Filter and project", "parquet", projected, EVENTS),
  suiteOf("json-to-parquet", "Filter and project into Parquet files", "ndjson", intoFiles, WRITTEN_EVENTS),
];
