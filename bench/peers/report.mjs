/** The comparison as Markdown tables. */
import { table } from "../harness/markdown-table.mjs";
import { short, spreadText } from "../harness/statistics.mjs";
import { systems } from "./queries.mjs";

export function markdown({ machine, results, waiting }) {
  const { cpu, cores, memoryGb, node, commit, load, date } = machine;
  const where = `${cpu}, ${cores} cores, ${memoryGb} GB, Node ${node}, commit ${commit}, load ${load}, ${date}. Median (smallest to largest) of the turns.`;
  const throughput = results.filter(({ kind }) => kind === "throughput");
  const latency = results.filter(({ kind }) => kind === "latency");
  return [
    where,
    ...(throughput.length > 0 ? [throughputTable(throughput)] : []),
    ...(latency.length > 0 ? [latencyTable(latency)] : []),
    ...failures(results),
    `Waiting: ${waiting.map((row) => `${row.title} (${row.waitsFor})`).join("; ")}.`,
  ].join("\n\n");
}

/** How many times as fast as `other` the system `own` is. */
const ratio = (own, other) => (own && other ? `${short(own.median / other.median)}x` : "");

function throughputTable(results) {
  const head = ["query", "system", "M/s", "M per CPU-second", "peak MB", "Millrace by wall", "by CPU", "goal per core"];
  const rows = results.flatMap(({ title, events, goals, systems: members }) => {
    const own = members.find(({ system }) => system === "millrace");
    return members
      .filter(({ error, rows: measured }) => !error && measured.length > 0)
      .map((row, index) => [
        index === 0 ? `${title}, ${short(events / 1e6)} M` : "",
        `${systems[row.system].title}${row.isWrong ? " (**wrong answer**)" : ""}`,
        spreadText(row.millionPerSecond),
        spreadText(row.millionPerCpuSecond),
        short(row.peakMb.median),
        row === own ? "" : ratio(own?.millionPerSecond, row.millionPerSecond),
        row === own ? "" : ratio(own?.millionPerCpuSecond, row.millionPerCpuSecond),
        row === own && goals ? `${goals[0]} / ${goals[1]}` : "",
      ]);
  });
  return table(head, rows);
}

function latencyTable(results) {
  const head = ["trigger, ms", "system", "p50", "p99", "triggers", "goal"];
  const rows = results.flatMap(({ title, goals, systems: members }) =>
    members
      .filter(({ error, rows: measured }) => !error && measured.length > 0)
      .map(({ system, rows: [row] }, index) => [
        index === 0 ? title : "",
        systems[system].title,
        short(row.p50Ms),
        short(row.p99Ms),
        row.triggers,
        system === "millrace" ? `${goals[0]} / ${goals[1]}` : "",
      ]),
  );
  return table(head, rows);
}

function failures(results) {
  const lines = results.flatMap(({ title, systems: members }) =>
    members
      .filter(({ error }) => error)
      .map(({ system, error }) => `- ${title}, ${systems[system].title}: ${error.split("\n")[0].slice(0, 200)}`),
  );
  return lines.length > 0 ? [`Not run:\n${lines.join("\n")}`] : [];
}
