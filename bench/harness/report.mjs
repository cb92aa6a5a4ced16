/** The report as Markdown. */
import { short, spreadText } from "./statistics.mjs";

export function markdown({ machine, results }) {
  const { cpu, cores, memoryGb, node, commit, load, date } = machine;
  const where = `${cpu}, ${cores} cores, ${memoryGb} GB, Node ${node}, commit ${commit}, load ${load}, ${date}. Median (smallest to largest).`;
  const throughput = results.filter(({ kind }) => kind === "throughput");
  const others = results.filter(({ kind }) => kind !== "throughput");
  return [where, ...(throughput.length > 0 ? [throughputTable(throughput), ...scaling(throughput)] : []), ...others.map(figuresTable)].join(
    "\n\n",
  );
}

function throughputTable(results) {
  const row = ({ title, workers, runs, events, millionPerSecond, millionPerCpuSecond, peakMb, native, generatorSeconds }) =>
    cells([
      title,
      workers,
      `${runs} x ${short(events / 1e6)} M`,
      spreadText(millionPerSecond),
      spreadText(millionPerCpuSecond),
      native ? spreadText(native.millionPerCpuSecond) : "",
      native ? spreadText(native.slowerByCpu) : "",
      native ? spreadText(native.slowerByWall) : "",
      short(peakMb.median),
      short(generatorSeconds),
    ]);
  const heads = [
    "query",
    "workers",
    "events",
    "M/s",
    "M per CPU-second",
    "native, M per CPU-second",
    "times slower, CPU",
    "times slower, wall",
    "peak MB",
    "generator s",
  ];
  return table(heads, results.map(row));
}

/** What more workers brought, by wall clock. */
function scaling(results) {
  const lines = [];
  for (const one of results.filter(({ workers }) => workers === 1)) {
    for (const more of results.filter(({ suite, workers }) => suite === one.suite && workers > 1)) {
      const factor = more.millionPerSecond.median / one.millionPerSecond.median;
      lines.push(`${one.title}: 1 → ${more.workers} workers ${short(factor)}x`);
    }
  }
  return lines.length === 0 ? [] : [lines.join("\n")];
}

function figuresTable({ title, workers, runs, figures }) {
  const flat = Object.entries(figures).flatMap(([name, value]) =>
    "median" in value ? [[name, value]] : Object.entries(value).map(([key, inner]) => [`${name}.${key}`, inner]),
  );
  const rows = flat.map(([name, value]) => (name === "peakBytes" ? ["peakMb", megabytes(value)] : [name, value]));
  return `**${title}** (workers ${workers}, ${runs} runs)\n\n${table(
    ["figure", "value"],
    rows.map(([name, value]) => cells([name, spreadText(value)])),
  )}`;
}

const megabytes = ({ median, min, max }) => ({ median: median / 2 ** 20, min: min / 2 ** 20, max: max / 2 ** 20 });
const cells = (values) => `| ${values.join(" | ")} |`;
const table = (heads, rows) => [cells(heads), cells(heads.map(() => "---")), ...rows].join("\n");
