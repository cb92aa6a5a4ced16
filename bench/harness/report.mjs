/** The report as Markdown. */
import { table } from "./markdown-table.mjs";
import { short, spreadText } from "./statistics.mjs";

export function markdown({ machine, results }) {
  const { cpu, cores, memoryGb, node, commit, load, date } = machine;
  const where = `${cpu}, ${cores} cores, ${memoryGb} GB, Node ${node}, commit ${commit}, load ${load}, ${date}. Median (smallest to largest).`;
  const waiting = results.filter(({ waitsFor }) => waitsFor);
  const throughput = results.filter(({ kind }) => kind === "throughput");
  const others = results.filter(({ kind, waitsFor }) => kind !== "throughput" && !waitsFor);
  return [
    where,
    ...(throughput.length > 0 ? [throughputTable(throughput)] : []),
    ...others.map(figuresTable),
    ...(waiting.length > 0 ? [waiting.map(({ title, waitsFor }) => `- ${title}: waiting for ${waitsFor}`).join("\n")] : []),
  ].join("\n\n");
}

function throughputTable(results) {
  const row = ({ title, workers, runs, events, millionPerSecond, millionPerCpuSecond, peakMb, native, timesFirst, generatorSeconds }) => [
    title,
    workers,
    `${runs} x ${short(events / 1e6)} M`,
    spreadText(millionPerSecond),
    spreadText(millionPerCpuSecond),
    native ? spreadText(native.millionPerCpuSecond) : "",
    native ? spreadText(native.slowerByCpu) : "",
    native ? spreadText(native.slowerByWall) : "",
    timesFirst ? spreadText(timesFirst) : "",
    short(peakMb.median),
    short(generatorSeconds),
  ];
  const heads = [
    "query",
    "workers",
    "events",
    "M/s",
    "M per CPU-second",
    "native, M per CPU-second",
    "times slower, CPU",
    "times slower, wall",
    "times the first number of workers",
    "peak MB",
    "generator s",
  ];
  return table(heads, results.map(row));
}

/** How many times faster (throughput) or larger (figures) this revision is than another. */
export function comparisonTable(commit, results) {
  const rows = results.flatMap(({ title, byCpu, byWall, figures }) =>
    figures
      ? Object.entries(figures).map(([name, ratio]) => [title, name, spreadText(ratio)])
      : [
          [title, "events per CPU-second", spreadText(byCpu)],
          [title, "events per second", spreadText(byWall)],
        ],
  );
  return `This revision divided by ${commit}, of pairs of runs. Median (smallest to largest).\n\n${table(["suite", "what", "ratio"], rows)}`;
}

function figuresTable({ title, workers, runs, figures }) {
  const flat = Object.entries(figures).flatMap(([name, value]) =>
    "median" in value ? [[name, value]] : Object.entries(value).map(([key, inner]) => [`${name}.${key}`, inner]),
  );
  const rows = flat.map(([name, value]) => (name === "peakBytes" ? ["peakMb", megabytes(value)] : [name, value]));
  return `**${title}** (workers ${workers}, ${runs} runs)\n\n${table(
    ["figure", "value"],
    rows.map(([name, value]) => [name, spreadText(value)]),
  )}`;
}

const megabytes = ({ median, min, max }) => ({ median: median / 2 ** 20, min: min / 2 ** 20, max: max / 2 ** 20 });
