/**
 * Measures one suite: prepares its data, runs what is compared in turn (other numbers of workers, the native twin, another revision of the
 * engine), each time in a fresh process and every other round in the reverse order, checks every answer, sums up.
 */
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { goals } from "../goals.mjs";
import { profileOf } from "./profile.mjs";
import { runHere, runInProcess, runNative } from "./processes.mjs";
import { spread } from "./statistics.mjs";

const COMMITTED = JSON.parse(readFileSync(new URL("../data/digests.json", import.meta.url), "utf8"));

/** With `--all`, so that everything ends within a quarter of an hour. */
const ALL_SECONDS_PER_SUITE = 10;
const RUNS_MIN = 3;

/** A result for each number of workers, with the native twin's numbers on as many threads. Rejects when an answer is wrong. */
export async function measure(suite, settings) {
  const { events = suite.events, runs, workers, directory, withNative, withProfile, isInProcess, isAll } = settings;
  const run = (count) => (isInProcess ? runHere(suite, data, { workers: count }) : runInProcess(suite.name, data, { workers: count }));
  const data = await suite.prepare({ directory, events });
  checkExpected(suite, events, data);
  const ours = workers.map((count) => variant(suite, `${count} workers`, data, () => run(count)));
  const natives = workers.map((count) => {
    if (!withNative || !suite.native || count > availableParallelism()) return null;
    return variant(suite, `the native program on ${count} threads`, data, () => runNative([...suite.native(data), "--threads", count]));
  });
  await inTurn([...ours, ...natives.filter((native) => native !== null)], runs, isAll ? ALL_SECONDS_PER_SUITE : Infinity);
  const profile = withProfile && !isInProcess && goals.some((goal) => goal.suite === suite.name) ? await profileOf(suite, data) : undefined;
  return ours.map((own, index) => ({
    suite: suite.name,
    title: suite.title,
    kind: suite.kind,
    about: suite.about,
    workers: workers[index],
    runs: own.samples.length,
    generatorSeconds: data.generatorSeconds,
    answersChecked: own.samples.length + (natives[index]?.samples.length ?? 0),
    expected: data.expected,
    ...(index === 0 && profile && { profile }),
    ...(suite.kind === "throughput"
      ? throughput(own, natives[index], index > 0 ? ours[0] : null)
      : figures(besideNative(own.samples, natives[index]))),
  }));
}

/** Two revisions of the engine on the same suite: `before` is the root of the other one's working tree. */
export async function compare(suite, before, { events = suite.events, runs, workers: [workers], directory }) {
  const data = await suite.prepare({ directory, events });
  const here = variant(suite, "this revision", data, () => runInProcess(suite.name, data, { workers }));
  const there = variant(suite, "the other revision", data, () => runInProcess(suite.name, data, { workers }, { root: before }));
  await inTurn([there, here], runs);
  const ratios = (value) => spread(here.samples.map((sample, round) => value(sample) / value(there.samples[round])));
  if (suite.kind === "throughput") return { suite: suite.name, title: suite.title, byCpu: ratios(perCpuSecond), byWall: ratios(perSecond) };
  const names = Object.keys(here.samples[0]).filter((name) => typeof here.samples[0][name] === "number");
  return {
    suite: suite.name,
    title: suite.title,
    figures: Object.fromEntries(names.map((name) => [name, ratios((sample) => sample[name])])),
  };
}

function checkExpected({ name }, events, { expected }) {
  const committed = COMMITTED[name]?.[events];
  if (committed !== undefined && committed !== expected)
    throw new Error(
      `the answer computed for ${name} is ${expected}, but data/digests.json says ${committed}: the data or its recomputation changed`,
    );
}

function variant(suite, what, { expected }, run) {
  const samples = [];
  const add = async () => {
    const result = await run();
    if (result.digest !== expected) throw new Error(`wrong answer of ${suite.name} with ${what}: ${result.digest}, expected ${expected}`);
    samples.push(result);
  };
  return { samples, add };
}

/** Rounds of all variants. Those that take longer together than `secondsMax` are not repeated more than a few times. */
async function inTurn(variants, runs, secondsMax = Infinity) {
  const start = performance.now();
  for (let round = 0; round < runs; round++) {
    if (round >= RUNS_MIN && (performance.now() - start) / 1000 > secondsMax) return;
    for (const each of round % 2 === 0 ? variants : variants.toReversed()) await each.add();
  }
}

const perSecond = ({ events, seconds }) => events / seconds / 1e6;
const perCpuSecond = ({ events, cpuSeconds }) => events / cpuSeconds / 1e6;

/** `first` is the measurement with the first number of workers, against which others scale. */
function throughput({ samples }, native, first) {
  const ratios = (value, other) => spread(samples.map((sample, round) => value(other.samples[round]) / value(sample)));
  return {
    events: samples[0].events,
    millionPerSecond: spread(samples.map(perSecond)),
    millionPerCpuSecond: spread(samples.map(perCpuSecond)),
    cpuSeconds: spread(samples.map(({ cpuSeconds }) => cpuSeconds)),
    peakMb: spread(samples.map(({ peakBytes }) => peakBytes / 2 ** 20)),
    ...(first && { timesFirst: spread(samples.map((sample, round) => perSecond(sample) / perSecond(first.samples[round]))) }),
    ...(native && {
      native: {
        millionPerSecond: spread(native.samples.map(perSecond)),
        millionPerCpuSecond: spread(native.samples.map(perCpuSecond)),
        /** Of a pair: how many times slower we are. */
        slowerByWall: ratios(perSecond, native),
        slowerByCpu: ratios(perCpuSecond, native),
      },
    }),
  };
}

/** What the native twin gave in the same round, by the names of our figures, and how many times as large that is. */
function besideNative(samples, native) {
  if (!native) return samples;
  return samples.map((sample, round) => {
    const { digest: _, ...numbers } = native.samples[round];
    const times = Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, value / sample[name]]));
    return { ...sample, native: numbers, nativeTimesOurs: times };
  });
}

/** Every number of the suite by its name; objects of numbers one level down. */
function figures(samples) {
  const { digest: _, ...first } = samples[0];
  const summed = {};
  for (const [name, value] of Object.entries(first)) {
    if (typeof value === "number") summed[name] = spread(samples.map((result) => result[name]));
    else summed[name] = Object.fromEntries(Object.keys(value).map((key) => [key, spread(samples.map((result) => result[name][key]))]));
  }
  return { figures: summed };
}
