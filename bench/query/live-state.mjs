/**
 * Whether a batch gets longer with the state that it does not touch: a count by key in update mode, filled with few keys and with many, then batches of
 * 1,000 rows with random keys, each made durable; both in one process, in turns, and compared turn by turn. Measured when the copying of what the fill has
 * left is over: that takes longer the more it was, and is measured by `restart`. The counts of the last keys are checked by a restart from the checkpoint.
 */
import { join } from "node:path";
import { digestOfLines } from "../harness/digest.mjs";
import { tableRows, timed, withSession } from "../harness/engine.mjs";
import { KeyStream } from "../harness/key-stream.mjs";
import { Random } from "../harness/random.mjs";
import { percentile } from "../harness/statistics.mjs";

const FILL_ROWS_MAX = 1_000_000;
const BATCH_KEYS = 1_000;
/** Batches in a row without copying, before measuring; at most so many in all. */
const QUIET_BATCHES = 20;
/** For as long, too: on a busy machine what a worker has copied may wait for the disk while twenty batches go by. */
const QUIET_MS_MAX = 1000;
const QUIET_MS_PER_KEY = 1e-4;
const WARM_UP_MAX = 1000;
const WARM_UP_POOL = 16;
const MEASURED_MAX = 200;
/** The two queries take turns, of so many batches that are measured, behind some that are not. */
const TURN_BATCHES = 10;
const TURN_WARM_UPS = 3;
const FEWER = 1000;

export const suite = {
  name: "live-state",
  group: "state",
  title: "A batch of 1,000 rows beside 10 thousand and 10 million live keys",
  kind: "latency",
  isForOneWorker: true,
  // A run makes ten million keys.
  runs: 1,
  events: 10_000_000,
  about: { source: "columns in memory, 8 bytes an event", sink: "noop, update", checkpoint: "every batch", rate: "no event time" },

  prepare({ events }) {
    const sizes = [Math.max(2, Math.floor(events / FEWER)), events];
    const measured = Math.max(1, Math.min(MEASURED_MAX, Math.floor(events / 1000)));
    const expected = sizes.map((keyCount) => digestOf([...expectedCounts(drawsOf(keyCount, measured, 0))])).join(" ");
    return { sizes, measured, expected, generatorSeconds: 0 };
  },

  async run({ sizes, measured }) {
    return await withSession(1, async (spark, directory) => {
      const counts = sizes.map((keyCount) => new Counts(spark, join(directory, String(keyCount)), keyCount, measured));
      for (const each of counts) await each.fill();
      for (const each of counts) await each.settle();
      for (let first = 0, turn = 0; first < measured; first += TURN_BATCHES, turn++) {
        for (const each of turn % 2 === 0 ? counts : counts.toReversed())
          await each.takeTurn(first, Math.min(first + TURN_BATCHES, measured));
      }
      const digests = [];
      for (const each of counts) digests.push(await each.check());
      const [few, many] = counts;
      return {
        fewP50Ms: few.median("seconds"),
        manyP50Ms: many.median("seconds"),
        fewCpuMs: few.median("cpuSeconds"),
        manyCpuMs: many.median("cpuSeconds"),
        ratio: ratioOf(many, few, "cpuSeconds"),
        ratioByWall: ratioOf(many, few, "seconds"),
        digest: digests.join(" "),
      };
    });
  },
};

/** Of the turns, each with the one beside it: what else the machine does is the same for both then. */
const ratioOf = (many, few, cost) =>
  percentile(
    many.turns.map((turn, index) => medianOf(turn, cost) / medianOf(few.turns[index], cost)),
    50,
  );

const medianOf = (costs, cost) =>
  percentile(
    costs.map(({ [cost]: seconds }) => seconds * 1000),
    50,
  );

/** Batches of random keys, all even (`rest` 0) or odd (1). */
function drawsOf(keyCount, count, rest) {
  const random = new Random(2 * keyCount + rest);
  const draw = () => 2 * random.below(keyCount >> 1) + rest;
  return Array.from({ length: count }, () => Uint32Array.from({ length: BATCH_KEYS }, draw));
}

/** Of the keys of the last batch: once from the fill, once from the check. */
function expectedCounts(draws) {
  const expected = new Map(Array.from(draws.at(-1), (key) => [key, 2]));
  for (const draw of draws) for (const key of draw) if (expected.has(key)) expected.set(key, expected.get(key) + 1);
  return expected;
}

const digestOf = (counts) => digestOfLines(counts.map(([key, count]) => `${key},${count}`));

/** A running count by key with `keyCount` live keys. */
class Counts {
  /** Costs of the measured batches, turn by turn. */
  turns = [];
  #spark;
  #directory;
  #keyCount;
  #draws;
  /** Other keys than those that are checked: the disk decides how many of these batches there are. */
  #warmUps;
  #warmUp = 0;
  #stream = new KeyStream();
  #counts;
  #query;

  constructor(spark, directory, keyCount, measured) {
    this.#spark = spark;
    this.#directory = directory;
    this.#keyCount = keyCount;
    this.#draws = drawsOf(keyCount, measured, 0);
    this.#warmUps = drawsOf(keyCount, WARM_UP_POOL, 1);
    this.#counts = this.#stream.toFrame(spark).groupBy("key").count();
  }

  async fill() {
    const keyCount = this.#keyCount;
    const fillRows = Math.min(FILL_ROWS_MAX, keyCount);
    this.#query = await this.#start("noop");
    for (let first = 0; first < keyCount; first += fillRows) {
      await this.#trigger(Uint32Array.from({ length: Math.min(fillRows, keyCount - first) }, (_, i) => first + i));
    }
  }

  /** Runs batches until the copying of what the fill has left is over. */
  async settle() {
    const quietMs = Math.min(QUIET_MS_MAX, QUIET_MS_PER_KEY * this.#keyCount);
    let copiedMs = performance.now();
    const isQuiet = (quiet) => quiet >= QUIET_BATCHES && performance.now() - copiedMs >= quietMs;
    for (let quiet = 0, batch = 0; !isQuiet(quiet) && batch < WARM_UP_MAX; batch++) {
      await this.#triggerWarmUp();
      quiet = (await this.#isCopying()) ? 0 : quiet + 1;
      if (quiet === 0) copiedMs = performance.now();
    }
  }

  /** Measures the batches from `first` to `end`, behind some that bring the caches back from the other query. */
  async takeTurn(first, end) {
    for (let batch = 0; batch < TURN_WARM_UPS; batch++) await this.#triggerWarmUp();
    const costs = [];
    for (const keys of this.#draws.slice(first, end)) costs.push(await this.#trigger(keys));
    this.turns.push(costs);
  }

  median(cost) {
    return medianOf(this.turns.flat(), cost);
  }

  /** Digest of the counts of the last batch's keys, from a start out of the checkpoint. */
  async check() {
    await this.#query.stop();
    const check = await this.#start("memory");
    this.#stream.add(Uint32Array.from(new Set(this.#draws.at(-1))));
    await check.processAllAvailable();
    await check.stop();
    return digestOf(tableRows(this.#spark, this.#name));
  }

  get #name() {
    return `counts_${this.#keyCount}`;
  }

  async #start(format) {
    return await this.#counts.writeStream
      .outputMode("update")
      .format(format)
      .queryName(this.#name)
      .option("checkpointLocation", this.#directory)
      .start();
  }

  async #trigger(keys) {
    this.#stream.add(keys);
    return await timed(() => this.#query.processAllAvailable());
  }

  async #triggerWarmUp() {
    await this.#trigger(this.#warmUps[this.#warmUp++ % WARM_UP_POOL]);
  }

  async #isCopying() {
    return (await this.#query.lastProgress()).stateOperators[0].customMetrics.chunkCopyPauseMicros !== undefined;
  }
}
