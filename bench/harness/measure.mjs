/** Measures one suite: prepares its data, runs it and its native twin in turn, checks every answer, sums up. */
import { runInProcess, runNative } from "./processes.mjs";
import { spread } from "./statistics.mjs";

/** Result of a suite with `workers` threads. Rejects when an answer is wrong. */
export async function measure(suite, { events, runs, workers, directory, withNative }) {
  const data = await suite.prepare({ directory, events: events ?? suite.events, workers });
  const own = [];
  const native = [];
  for (let run = 0; run < runs; run++) {
    const measureOwn = async () => own.push(checked(suite.name, data, await runInProcess(suite.name, data, { workers })));
    const measureNative = async () => {
      if (withNative) native.push(checked(`native ${suite.name}`, data, await runNative(suite.native(data))));
    };
    for (const next of run % 2 === 0 ? [measureOwn, measureNative] : [measureNative, measureOwn]) await next();
  }
  return {
    suite: suite.name,
    title: suite.title,
    kind: suite.kind,
    workers,
    runs,
    generatorSeconds: data.generatorSeconds,
    answersChecked: own.length + native.length,
    ...(suite.kind === "throughput" ? throughput(own, native) : figures(own)),
  };
}

function checked(what, { expected }, result) {
  if (result.digest !== expected) throw new Error(`wrong answer of ${what}: digest ${result.digest}, expected ${expected}`);
  return result;
}

const perSecond = ({ events, seconds }) => events / seconds / 1e6;
const perCpuSecond = ({ events, cpuSeconds }) => events / cpuSeconds / 1e6;

function throughput(own, native) {
  const summary = {
    events: own[0].events,
    millionPerSecond: spread(own.map(perSecond)),
    millionPerCpuSecond: spread(own.map(perCpuSecond)),
    cpuSeconds: spread(own.map(({ cpuSeconds }) => cpuSeconds)),
    peakMb: spread(own.map(({ peakBytes }) => peakBytes / 2 ** 20)),
  };
  if (native.length === 0) return summary;
  return {
    ...summary,
    native: {
      millionPerSecond: spread(native.map(perSecond)),
      millionPerCpuSecond: spread(native.map(perCpuSecond)),
      /** Of a pair: how many times slower we are. */
      slowerByWall: spread(native.map((twin, pair) => perSecond(twin) / perSecond(own[pair]))),
      slowerByCpu: spread(native.map((twin, pair) => perCpuSecond(twin) / perCpuSecond(own[pair]))),
    },
  };
}

/** Every number of the suite by its name; objects of numbers one level down. */
function figures(own) {
  const { digest: _, ...first } = own[0];
  const summed = {};
  for (const [name, value] of Object.entries(first)) {
    if (typeof value === "number") summed[name] = spread(own.map((result) => result[name]));
    else summed[name] = Object.fromEntries(Object.keys(value).map((key) => [key, spread(own.map((result) => result[name][key]))]));
  }
  return { figures: summed };
}
