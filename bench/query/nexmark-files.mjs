/**
 * Queries of `nexmark-queries.mjs` over Parquet and NDJSON files of one table with all events, as a topic would hold them. Two files make one
 * durably committed batch. The answers are DuckDB's.
 */
import { dirname } from "node:path";
import { NEXMARK_SCHEMAS } from "../../dist/connectors/nexmark/nexmark-schema.js";
import { writeSet } from "../data/sets.mjs";
import { duckFiles, duckLines, keptAnswer } from "../harness/answers.mjs";
import { digestOfLines } from "../harness/digest.mjs";
import { timedRounds, withSession } from "../harness/engine.mjs";
import { QueryRun } from "../harness/query-run.mjs";
import { WATERMARK_DELAY_MS } from "./nexmark-group-queries.mjs";
import { queries, sinkOf } from "./nexmark-queries.mjs";

const RATE = 100_000;
/** The last event of so many is a bid, whose time closes windows. */
const EVENTS_STEP = 5000;
const FILES = 8;
const FILES_PER_BATCH = 2;
const BID_TYPE = 2;

const FORMS = {
  parquet: {
    title: "Parquet",
    events: 4_000_000,
    source: "Parquet files (snappy), 116 bytes an event",
    read: (reader, path) => reader.parquet(path),
    duckBids: (files) => `SELECT unnest(bid) FROM read_parquet(${files}) WHERE event_type = ${BID_TYPE}`,
  },
  ndjson: {
    title: "NDJSON",
    events: 1_000_000,
    source: "NDJSON files, 300 bytes an event",
    read: (reader, path) => reader.json(path),
    duckBids: (files) =>
      `SELECT unnest(bid) FROM read_json(${files}, columns = {event_type: 'INT', bid: 'STRUCT(${DUCK_BID})'}) WHERE event_type = ${BID_TYPE}`,
  },
};
const DUCK_BID = "auction BIGINT, bidder BIGINT, price BIGINT, channel VARCHAR, url VARCHAR, dateTime TIMESTAMPTZ, extra VARCHAR";

/** Lines of the answer, from a view `bids` whose `ms` is the time; of a query bid by bid those of the first file, and `keeps` counts all. */
const ANSWERS = {
  q0: { sql: "SELECT auction, bidder, price, ms, extra FROM bids" },
  q1: { sql: "SELECT auction, bidder, price * 908 // 1000 || '.' || lpad((price * 908 % 1000)::VARCHAR, 3, '0'), ms, extra FROM bids" },
  q2: { keeps: "auction % 123 = 0", sql: "SELECT auction, price FROM bids WHERE auction % 123 = 0" },
  q5: {
    sql: `SELECT start, (most).n, (most).auction FROM (
            SELECT start, max({n: n, auction: auction}) AS most FROM (
              SELECT (ms // 2000 - slide) * 2000 AS start, auction, count(*) AS n FROM bids, range(5) AS slides(slide) GROUP BY ALL)
            GROUP BY start) WHERE start + 10000 <= (SELECT max(ms) FROM bids) - ${WATERMARK_DELAY_MS}`,
  },
  q7: {
    sql: `SELECT start, (best).price, (best).auction, (best).bidder, (best).ms FROM (
            SELECT ms // 10000 * 10000 AS start, max({price: price, auction: auction, bidder: bidder, ms: ms}) AS best FROM bids GROUP BY start)
          WHERE start + 10000 <= (SELECT max(ms) FROM bids) - ${WATERMARK_DELAY_MS}`,
  },
  q12: { sql: "SELECT bidder, count(*) FROM bids GROUP BY bidder" },
};

function suiteOf(name, form) {
  const query = queries.find((each) => each.name === name);
  const { title, events, source, read } = FORMS[form];
  return {
    name: `nexmark-${name}-${form}`,
    group: "nexmark-files",
    title: `Nexmark ${name}, ${query.title}, from ${title} files`,
    kind: "throughput",
    events,
    about: { source, sink: sinkOf(query), checkpoint: "every batch, two of eight files", rate: "100,000/s" },

    async prepare({ directory, events: wanted }) {
      const whole = Math.ceil(wanted / EVENTS_STEP) * EVENTS_STEP;
      const files = await writeSet("nexmark", { directory, form, events: whole, files: FILES, rate: RATE });
      const expected = await keptAnswer(`${dirname(files.files.events[0])}-${name}`, () => answerOf(name, form, files.files.events));
      return { files, expected, generatorSeconds: files.seconds };
    },

    async run({ files }, { workers }) {
      return await withSession(workers, async (spark, directory) => {
        const isRowWise = query.line !== undefined;
        const run = new QueryRun(spark, directory, { ...query, isRowWise });
        const frame = (path) => {
          const rows = read(spark.readStream.schema(NEXMARK_SCHEMAS.all).option("maxFilesPerTrigger", String(FILES_PER_BATCH)), path);
          return query.frame({ bid: rows.filter(`event_type = ${BID_TYPE}`).select("bid.*") }, spark);
        };
        const [first] = files.files.events;
        if (isRowWise) await run.check(frame(first));
        let running;
        const cost = await timedRounds(files.events, async () => {
          running = await run.start(frame(dirname(first)), { availableNow: true });
          await running.awaitTermination();
        });
        return { ...cost, digest: await run.digest(running) };
      });
    },
  };
}

async function answerOf(name, form, paths) {
  const { sql, keeps = "true" } = ANSWERS[name];
  const { line } = queries.find((each) => each.name === name);
  const withBids = (files, select) =>
    `WITH bids AS (SELECT * EXCLUDE (dateTime), epoch_ms(dateTime) AS ms FROM (${FORMS[form].duckBids(duckFiles(files))})) ${select}`;
  const digest = digestOfLines(await duckLines(withBids(line ? paths.slice(0, 1) : paths, sql)));
  if (!line) return digest;
  return `${await duckLines(withBids(paths, `SELECT count(*) FROM bids WHERE ${keeps}`))} rows, ${digest}`;
}

export const nexmarkFileSuites = [...Object.keys(ANSWERS).map((name) => suiteOf(name, "parquet")), suiteOf("q0", "ndjson")];
