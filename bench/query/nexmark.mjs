/**
 * Runs the queries of `nexmark-queries.mjs` over columns in memory: the answers are loops over the same rows. A
 * micro-batch is the whole pool, four million events or forty seconds of event time, and before the next one all its times and ids move on.
 * Queries that do little for a row (`uses`) read the pool several times in a micro-batch, which then holds as much as one of YSB.
 */
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { columnBatchRowCount } from "../../dist/columnar/column-batch.js";
import { NEXMARK_SCHEMAS } from "../../dist/connectors/nexmark/nexmark-schema.js";
import { writeSet } from "../data/sets.mjs";
import { keptAnswer } from "../harness/answers.mjs";
import { rowsOf, shiftColumn } from "../harness/columns.mjs";
import { digestOfLines } from "../harness/digest.mjs";
import { batchesIn, PoolStream, timed, withSession } from "../harness/engine.mjs";
import { QueryRun } from "../harness/query-run.mjs";
import { START_MS, WATERMARK_DELAY_MS } from "./nexmark-group-queries.mjs";
import { queries, sinkOf } from "./nexmark-queries.mjs";

const RATE = 100_000;
const POOL_EVENTS_MAX = 4_000_000;
/** The lines of the first file are checked, so files are not large. */
const FILES_MIN = 4;
const FILE_EVENTS = 250_000;
/** Small pools move on by a window. */
const SPAN_MS_MIN = 10_000;
/** Until nothing is compiled any more. */
const warmUpOf = (passes) => Math.max(2, Math.min(4, passes));
/** With a multiple of this many events the ids move on by whole hundreds, and the hot ones stay hot. */
const EVENTS_STEP = 5000;
const WITH_NATIVE = ["q0", "q1", "q2", "q5", "q7", "q8"];

/** Columns that move on from pass to pass. */
const MOVING = {
  person: { id: "people", dateTime: "time" },
  auction: { id: "auctions", seller: "people", dateTime: "time", expires: "time" },
  bid: { auction: "auctions", bidder: "people", dateTime: "time" },
};

function overColumns(query) {
  return {
    name: `nexmark-${query.name}`,
    group: "nexmark",
    title: `Nexmark ${query.name}, ${query.title}`,
    kind: "throughput",
    events: measuredEvents(query),
    waitsFor: query.waitsFor,
    about: {
      source: `columns in memory (${query.reads?.join(", ")}), about 200 bytes an event`,
      sink: sinkOf(query),
      checkpoint: `every batch of ${batchEvents(query) / 1e6} M events`,
      rate: "100,000/s",
    },
    /** The query over streams without data, for those that wait. */
    frame:
      query.frame &&
      ((spark) =>
        query.frame(
          framesOf(query, (table) => poolStream(table, []).toFrame(spark)),
          spark,
        )),

    async prepare({ directory, events: wanted }) {
      const poolEvents = Math.min(POOL_EVENTS_MAX, Math.ceil(wanted / EVENTS_STEP) * EVENTS_STEP);
      const uses = Math.max(1, Math.min(query.uses ?? 1, Math.round(wanted / poolEvents)));
      const passes = Math.max(1, Math.round(wanted / (uses * poolEvents)));
      const files = Math.max(FILES_MIN, poolEvents / FILE_EVENTS);
      const pool = await writeSet("nexmark", { directory, form: "columns", events: poolEvents, files, rate: RATE });
      const warmUp = warmUpOf(passes);
      const expected = await answerOf(query, pool, warmUp + passes, uses);
      return { pool, warmUp, passes, uses, expected, generatorSeconds: pool.seconds };
    },

    async run({ pool, warmUp, passes, uses }, { workers }) {
      return await withSession(workers, async (spark, directory) => {
        const run = new QueryRun(spark, directory, { ...query, isRowWise: query.line !== undefined });
        if (query.line) {
          const first = framesOf(query, (table) => poolStream(table, readBatches(pool.files[table].slice(0, 1))));
          for (const stream of Object.values(first)) stream.addPool();
          await run.check(
            query.frame(
              framesOf(query, (table) => first[table].toFrame(spark)),
              spark,
            ),
          );
        }
        const batches = framesOf(query, (table) => readBatches(pool.files[table]));
        const streams = framesOf(query, (table) => poolStream(table, batches[table]));
        const running = await run.start(
          query.frame(
            framesOf(query, (table) => streams[table].toFrame(spark)),
            spark,
          ),
        );
        const cost = { seconds: 0, cpuSeconds: 0, events: 0 };
        for (let pass = 0; pass < warmUp + passes; pass++) {
          if (pass > 0) for (const table of query.reads) moveOn(batches[table], table, pool.events);
          const { seconds, cpuSeconds } = await timed(async () => {
            for (const table of query.reads) streams[table].addPool(uses);
            await running.processAllAvailable();
          });
          if (pass < warmUp) continue;
          cost.seconds += seconds;
          cost.cpuSeconds += cpuSeconds;
          cost.events += uses * rowCount(batches);
        }
        await running.stop();
        return { ...cost, digest: await run.digest(running) };
      });
    },

    native: WITH_NATIVE.includes(query.name)
      ? ({ pool, warmUp, passes, uses }) => [`nexmark-${query.name}`, dirname(pool.files.bid[0]), warmUp, passes, uses, spanMs(pool.events)]
      : undefined,
  };
}

export const nexmarkSuites = queries.map(overColumns);

/** By default two micro-batches, six of the short ones. */
function measuredEvents({ events, uses = 1 }) {
  return events ?? (uses > 1 ? 6 : 2) * uses * POOL_EVENTS_MAX;
}

function batchEvents(query) {
  return (query.uses ?? 1) * Math.min(POOL_EVENTS_MAX, measuredEvents(query));
}

const spanMs = (poolEvents) => Math.max(SPAN_MS_MIN, (poolEvents * 1000) / RATE);

/** A value for each table that the query reads. */
const framesOf = ({ reads }, make) => Object.fromEntries(reads.map((table) => [table, make(table)]));
const poolStream = (table, batches) => new PoolStream(NEXMARK_SCHEMAS[table], batches);
const readBatches = (paths) => paths.flatMap((path) => batchesIn(readFileSync(path)));
const rowCount = (batches) =>
  Object.values(batches)
    .flat()
    .reduce((sum, batch) => sum + columnBatchRowCount(batch), 0);

/** How far ids and times move from one pass of so many events to the next. */
const strides = (poolEvents) => ({ people: poolEvents / 50, auctions: (poolEvents * 3) / 50, time: spanMs(poolEvents) });

function moveOn(batches, table, poolEvents) {
  for (const batch of batches)
    for (const [column, kind] of Object.entries(MOVING[table]))
      shiftColumn(batch, NEXMARK_SCHEMAS[table], column, strides(poolEvents)[kind]);
}

/** The answer to `passes` passes of the pool, each read `uses` times: that makes more rows, and changes no other answer of queries that have `uses`. */
async function answerOf(query, pool, passes, uses) {
  if (query.waitsFor) return null;
  return await keptAnswer(`${dirname(pool.files.bid[0])}-${query.name}-${passes}-${uses}`, () =>
    query.line ? rowAnswer(query, pool, passes, uses) : digestOfLines([...query.expected(eventsOf(query, pool, passes))]),
  );
}

function rowAnswer({ keeps, line }, pool, passes, uses) {
  const batches = readBatches(pool.files.bid);
  let kept = 0;
  for (let pass = 0; pass < passes; pass++) {
    if (!keeps) kept += rowCount({ batches });
    else for (const bid of rowsOf(batches, NEXMARK_SCHEMAS.bid, shiftsOf("bid", pool.events, pass))) if (keeps(bid)) kept++;
  }
  const lines = [];
  for (const bid of rowsOf(readBatches(pool.files.bid.slice(0, 1)), NEXMARK_SCHEMAS.bid)) if (keeps?.(bid) ?? true) lines.push(line(bid));
  return `${uses * kept} rows, ${digestOfLines(lines)}`;
}

function eventsOf({ reads }, pool, passes) {
  const batches = framesOf({ reads }, (table) => readBatches(pool.files[table]));
  const lastMs = START_MS + Math.floor(((pool.events - 1) * 1000) / RATE) + (passes - 1) * spanMs(pool.events);
  return {
    *rows(table) {
      for (let pass = 0; pass < passes; pass++) yield* rowsOf(batches[table], NEXMARK_SCHEMAS[table], shiftsOf(table, pool.events, pass));
    },
    emitted: (endMs) => endMs <= lastMs - WATERMARK_DELAY_MS,
  };
}

const shiftsOf = (table, poolEvents, pass) =>
  Object.fromEntries(Object.entries(MOVING[table]).map(([column, kind]) => [column, strides(poolEvents)[kind] * pass]));
