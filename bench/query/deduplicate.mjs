/**
 * Deduplication within the watermark: ids of 8 bytes, each kept for 5 s after its first event; a tenth of the events repeats an id of the last
 * three seconds. A batch holds one second of events and is committed durably; some ten seconds of ids are alive. What each batch let pass
 * and held back is checked against a plain model, the state by starting the query again from its checkpoint.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { batchColumnPlace, encodeColumnBatch } from "../../dist/columnar/column-batch.js";
import { parseSchema } from "../../dist/sql/parser.js";
import { digestOfNumbers } from "../harness/digest.mjs";
import { PoolStream, tableRows, timed, withSession } from "../harness/engine.mjs";
import { prepareFile } from "./ysb.mjs";

const ROWS_MAX = 1 << 18;
const DELAY_S = 5;
/** Until as many ids go as come. */
const WARM_UP_SECONDS = 13;
const START_S = 1_700_000_000;
const REPEATED_EVERY = 10;
const REPEATS_WITHIN_S = 3;
const schema = parseSchema("id BIGINT, time TIMESTAMP, value BIGINT");

export const suite = {
  name: "deduplicate",
  group: "state",
  title: "Deduplicate within the watermark, 2 M live keys",
  kind: "throughput",
  about: {
    source: "columns in memory, 24 bytes an event",
    sink: "noop, append",
    checkpoint: "every batch, one second of events",
    rate: "262,144/s",
  },
  events: 40 * ROWS_MAX,

  prepare({ directory, events }) {
    mkdirSync(directory, { recursive: true });
    const rows = Math.min(ROWS_MAX, Math.max(REPEATED_EVERY, Math.floor(events / 40)));
    const seconds = Math.max(1, Math.round(events / rows));
    const answer = join(directory, `deduplicate-${rows}-${seconds}.json`);
    let generatorSeconds = 0;
    if (!existsSync(answer))
      generatorSeconds = prepareFile(answer, (file) => writeFileSync(file, JSON.stringify(recompute(rows, seconds))));
    return { rows, seconds, expected: digestOfNumbers(JSON.parse(readFileSync(answer, "utf8"))), generatorSeconds };
  },

  async run({ rows, seconds }, { workers }) {
    return await withSession(workers, async (spark, directory) => {
      const checkpoint = join(directory, "checkpoint");
      const events = new Events(rows);
      const unique = events.stream
        .toFrame(spark)
        .withWatermark("time", `${DELAY_S} seconds`)
        .dropDuplicatesWithinWatermark("id")
        .select("id", "value");
      const start = (format) => unique.writeStream.format(format).queryName("unique").option("checkpointLocation", checkpoint).start();
      const query = await start("noop");
      const run = async (from, to) => {
        for (let second = from; second < to; second++) {
          events.advance(second);
          await query.processAllAvailable();
        }
      };
      await run(0, WARM_UP_SECONDS);
      const cost = await timed(() => run(WARM_UP_SECONDS, WARM_UP_SECONDS + seconds));
      const progress = (await query.recentProgress()).filter(({ numInputRows }) => numInputRows > 0);
      await query.stop();
      const check = await start("memory");
      events.advance(WARM_UP_SECONDS + seconds);
      await check.processAllAvailable();
      await check.stop();
      const passed = tableRows(spark, "unique").map(([id]) => Number(id));
      const numbers = progress.flatMap(({ sink, stateOperators: [operator] }) => [
        sink.numOutputRows,
        operator.customMetrics.numDroppedDuplicateRows,
      ]);
      return { ...cost, events: seconds * rows, digest: digestOfNumbers([...numbers, ...passed.sort((a, b) => a - b)]) };
    });
  },
};

/** The id of event `index` of a second: a new one, or one of the seconds before. */
function idOf(second, index, rows) {
  if (index % REPEATED_EVERY !== 0 || second < REPEATS_WITHIN_S) return second * rows + index;
  return (second - 1 - ((index / REPEATED_EVERY) % REPEATS_WITHIN_S)) * rows + ((index + 1) % rows);
}

/** Microseconds from the start of its second to event `index`. */
const microsOf = (index, rows) => Math.floor((index * 1e6) / rows);

/** One column batch that is filled anew for every second, with additions only: it is done while the query is timed. */
class Events {
  #rows;
  #ids;
  #times;
  /** From the first id of a second on, once there are ids to repeat. */
  #idSteps;
  /** Microseconds from the start of a second on. */
  #timeSteps;

  constructor(rows) {
    const encoded = encodeColumnBatch(
      schema,
      Array.from({ length: rows }, (_, index) => [0n, 0n, BigInt(index)]),
    );
    const batch = new Uint8Array(new SharedArrayBuffer(Math.ceil(encoded.length / 8) * 8)).subarray(0, encoded.length);
    batch.set(encoded);
    const column = (index) => batch.byteOffset + batchColumnPlace(batch, index).values;
    this.#rows = rows;
    this.#ids = new Uint32Array(batch.buffer, column(0), 2 * rows);
    this.#times = new Uint32Array(batch.buffer, column(1), 2 * rows);
    this.#idSteps = Int32Array.from({ length: rows }, (_, index) => idOf(REPEATS_WITHIN_S, index, rows) - REPEATS_WITHIN_S * rows);
    this.#timeSteps = Int32Array.from({ length: rows }, (_, index) => microsOf(index, rows));
    this.stream = new PoolStream(schema, [batch]);
  }

  advance(second) {
    const rows = this.#rows;
    const ids = this.#ids;
    const idSteps = this.#idSteps;
    const firstId = second * rows;
    if (second < REPEATS_WITHIN_S) for (let index = 0; index < rows; index++) ids[2 * index] = firstId + index;
    else for (let index = 0; index < rows; index++) ids[2 * index] = (firstId + idSteps[index]) | 0;
    const times = this.#times;
    const timeSteps = this.#timeSteps;
    const start = (START_S + second) * 1e6;
    const low = start | 0;
    const high = Math.floor(start / 2 ** 32);
    const carriedFrom = Math.min(2 ** 32 - (start % 2 ** 32), 1e6);
    for (let index = 0; index < rows; index++) {
      const step = timeSteps[index];
      times[2 * index] = (low + step) | 0;
      times[2 * index + 1] = step < carriedFrom ? high : high + 1;
    }
    this.stream.addNext();
  }
}

/** Per second the numbers of rows that pass and that are held back; then the ids that pass in the second after. Times in parts of a second. */
function recompute(rows, seconds) {
  const micros = (second, index) => second * 1e6 + microsOf(index, rows);
  const keptUntil = new Map();
  const last = WARM_UP_SECONDS + seconds;
  const numbers = [];
  for (let second = 0; second <= last; second++) {
    const passed = [];
    for (let index = 0; index < rows; index++) {
      const id = idOf(second, index, rows);
      if (keptUntil.has(id)) continue;
      keptUntil.set(id, micros(second + DELAY_S, index));
      passed.push(id);
    }
    // Watermarks are whole milliseconds.
    const watermark = Math.floor(micros(second - DELAY_S, rows - 1) / 1000) * 1000;
    // In order of insertion, which is that of the times.
    for (const [id, until] of keptUntil) {
      if (until > watermark) break;
      keptUntil.delete(id);
    }
    if (second !== last) numbers.push(passed.length, rows - passed.length);
    else for (const id of passed.sort((a, b) => a - b)) numbers.push(id);
  }
  return numbers;
}
