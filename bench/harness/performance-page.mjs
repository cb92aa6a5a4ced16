/** The text of `docs/performance.md`, made from the saved results and nothing else. */
import { figureGoals, goals } from "../goals.mjs";
import { suites } from "../query/suites.mjs";
import { peerResults, savedResults } from "./results.mjs";
import { table } from "./markdown-table.mjs";
import { short, spreadText } from "./statistics.mjs";

export function performancePage(results = savedResults(), peers = peerResults()) {
  const inOrder = suites.flatMap(({ name }) => results.filter(({ suite }) => suite === name)).filter(({ waitsFor }) => !waitsFor);
  const throughput = inOrder.filter(({ kind }) => kind === "throughput");
  const others = inOrder.filter(({ kind }) => kind !== "throughput");
  const sections = [
    INTRODUCTION,
    machines([...inOrder, ...peers]),
    "## Against the goals",
    `Million events per CPU-second of the whole process, which on one core is events per second. *Native* is the same query by hand in Rust on the same
data, one thread. Spark, Flink and DuckDB ran in turn with us on the same files and cores ([how](../bench/peers/README.md)); *times Spark* and *times Flink* are of those
runs.`,
    goalTable(results, peers),
    farFromNative(throughput),
    figureTable(results),
    "## Beside Spark, Flink, DuckDB and plain Node",
    ...(peers.length > 0 ? [peerTable(peers)] : ["Nothing saved yet: `npm run bench:peers -- --save`."]),
    "## Every suite",
    "One worker unless another number is given. Median (smallest to largest) of fresh processes.",
    throughputTable(throughput),
    ...scalingTables(throughput),
    ...others.map(figuresOf),
    "## What was run",
    settingsTable(inOrder),
    "## Where the time goes",
    "Self time of one run by what it is spent on, over all threads, start and warm-up included (`node --cpu-prof`), with the heaviest functions of each part.",
    profiles(throughput),
    "## Not there yet",
    waitingList(),
    HOW,
  ];
  return `${sections.filter((section) => section !== "").join("\n\n")}\n`;
}

const INTRODUCTION = `# How fast

Made from \`bench/results\` by \`npm run bench:report\`. Every run was checked: a suite has its answer from elsewhere (loops over the data in plain JavaScript,
DuckDB, the native program), and a run with another answer fails. **Events per CPU-second** count every thread of the process (workers, the program's
thread, garbage collection, durable commits) and hold on a busy machine too; rates by wall clock need quiet cores. Measure on yours before you
decide anything.`;

const HOW = `## Do it yourself

\`\`\`
npm run bench                                         every suite, five runs each; one where a run makes much state
npm run bench -- nexmark ysb-columns --workers 1,2    groups and suites, with one and with two workers
npm run bench -- compare <commit> nexmark-q5          this engine beside that of another commit
npm run bench:native                                  builds the native programs; then bench runs in pairs
npm run bench:peers                                   Spark, Flink, DuckDB and plain Node on the same files
npm run bench -- --all --save && npm run bench:report this page
\`\`\`

The generators write their data once, into the system's temporary directory (\`--data\` to change that); their time is a column of its own.`;

const missing = "–";
const NATIVE_FLOOR = 3;
const spreadOr = (value) => (value ? spreadText(value) : missing);

function machines(results) {
  const lines = new Set(
    results.map(
      ({ machine: { cpu, cores, memoryGb, node, commit, date } }) =>
        `${cpu}, ${cores} cores, ${memoryGb} GB, Node ${node}, commit ${commit}, ${date.slice(0, 10)}`,
    ),
  );
  const loads = results.map(({ machine }) => machine.load);
  if (loads.length === 0) return "";
  return `Measured on: ${[...lines].join("; ")}. Load of the machine while measuring: ${Math.min(...loads)} to ${Math.max(...loads)}, our own included.`;
}

function goalTable(results, peers) {
  const rows = goals.map(({ title, suite, peers: query, floor, goal }) => {
    const waitsFor = suites.find(({ name }) => name === suite)?.waitsFor;
    const own = results.find((result) => result.suite === suite && result.workers === 1);
    const system = (name) =>
      peers.find((peer) => peer.query === query)?.systems.find((member) => member.system === name && member.millionPerCpuSecond);
    const times = (name) => {
      const [ours, other] = [system("millrace"), system(name)];
      return ours && other ? `${short(ours.millionPerCpuSecond.median / other.millionPerCpuSecond.median)}x` : missing;
    };
    const rate = (found) => (found ? short(found.millionPerCpuSecond.median) : missing);
    const ours = own?.millionPerCpuSecond ?? system("millrace")?.millionPerCpuSecond;
    return [
      title,
      waitsFor ? `waiting for ${waitsFor}` : ours ? spreadText(ours) : missing,
      rate(own?.native ?? system("native")),
      own?.native ? short(own.native.slowerByCpu.median) : missing,
      rate(system("spark")),
      times("spark"),
      rate(system("flink")),
      times("flink"),
      rate(system("duckdb-1")),
      `${floor} / ${goal}`,
      ours ? (ours.median >= goal ? "goal" : ours.median >= floor ? "floor" : "**below**") : missing,
    ];
  });
  const head = [
    "query",
    "Millrace",
    "native",
    "native is faster by",
    "Spark",
    "times Spark",
    "Flink",
    "times Flink",
    "DuckDB, 1 thread",
    "floor / goal",
    "reached",
  ];
  return table(head, rows);
}

/** What native programs do more than three times as fast, the floor of the design. */
function farFromNative(results) {
  const far = results
    .filter(({ workers, native }) => workers === 1 && native?.slowerByCpu.median > NATIVE_FLOOR)
    .map(({ title, native }) => `${title} (${short(native.slowerByCpu.median)}x)`);
  if (far.length === 0) return "";
  return `Native programs are more than ${NATIVE_FLOOR} times as fast in ${far.join("; ")}: [why](../native-bench/README.md#how-to-read-the-ratio).`;
}

function figureTable(results) {
  const rows = figureGoals.map(({ title, suite, figure, floor, goal }) => {
    const [outer, inner] = figure.split(".");
    const found = results.find((result) => result.suite === suite && result.workers === 1)?.figures?.[outer];
    return [title, spreadOr(inner ? found?.[inner] : found), floor, goal];
  });
  return table(["what", "Millrace", "floor", "goal"], rows);
}

function peerTable(peers) {
  const rows = peers.flatMap(({ title, events, systems }) =>
    systems
      .filter((member) => member.rows?.length > 0)
      .map((member, index) => [
        index === 0 ? title : "",
        member.system,
        member.millionPerSecond
          ? spreadText(member.millionPerSecond)
          : `p50 ${short(member.rows[0].p50Ms)} ms, p99 ${short(member.rows[0].p99Ms)} ms`,
        spreadOr(member.millionPerCpuSecond),
        member.peakMb ? short(member.peakMb.median) : missing,
        member.isWrong ? "**wrong**" : member.isWrong === false ? "right" : missing,
        index === 0 ? short(events / 1e6) : "",
      ]),
  );
  return table(["query", "system", "M/s", "M per CPU-second", "peak MB", "answer", "M events"], rows);
}

function throughputTable(results) {
  const rows = results
    .filter(({ workers }) => workers === 1)
    .map(({ title, runs, events, millionPerSecond, millionPerCpuSecond, native, peakMb, generatorSeconds }) => [
      title,
      `${runs} x ${short(events / 1e6)} M`,
      spreadText(millionPerSecond),
      spreadText(millionPerCpuSecond),
      spreadOr(native?.millionPerCpuSecond),
      spreadOr(native?.slowerByCpu),
      short(peakMb.median),
      short(generatorSeconds),
    ]);
  return table(["suite", "events", "M/s", "M per CPU-second", "native", "native is faster by", "peak MB", "generator s"], rows);
}

/** Suites measured with several numbers of workers. */
function scalingTables(results) {
  const scaled = results.filter(({ suite, workers }) => workers > 1 && results.some((one) => one.suite === suite && one.workers === 1));
  if (scaled.length === 0) return [];
  const rows = scaled.map(({ title, workers, millionPerSecond, millionPerCpuSecond, timesFirst, native, machine }) => [
    title,
    `${workers}${workers > machine.cores ? ", more than cores" : ""}`,
    spreadText(millionPerSecond),
    spreadText(millionPerCpuSecond),
    spreadOr(timesFirst),
    spreadOr(native?.slowerByWall),
  ]);
  const head = ["suite", "workers", "M/s", "M per CPU-second", "times one worker", "native on as many threads is faster by"];
  return ["### More workers", "Floor 1.85 times, goal 1.95 times on two cores.", table(head, rows)];
}

function figuresOf({ title, workers, runs, figures }) {
  const flat = Object.entries(figures).flatMap(([name, value]) =>
    "median" in value ? [[name, value]] : Object.entries(value).map(([key, inner]) => [`${name}.${key}`, inner]),
  );
  const rows = flat.filter(([name]) => name !== "peakBytes").map(([name, value]) => [name, spreadText(value)]);
  return `### ${title}${workers > 1 ? `, ${workers} workers` : ""}\n\n${table([`${runs} runs`, "median (smallest to largest)"], rows)}`;
}

function settingsTable(results) {
  const rows = results
    .filter(({ workers, about }) => workers === 1 && about)
    .map(({ title, about: { source, sink, checkpoint, rate } }) => [title, source, sink, checkpoint, rate]);
  return table(["suite", "source", "sink and output mode", "checkpoint", "event time, events/s"], rows);
}

function profiles(results) {
  const percentOf = ({ part, percent, functions }) =>
    `${percent} % ${part}${functions.length > 0 ? ` (${functions.map((name) => `\`${name}\``).join(", ")})` : ""}`;
  return results
    .filter(({ profile }) => profile)
    .map(({ title, profile }) => `**${title}.** ${profile.map(percentOf).join("; ")}.`)
    .join("\n\n");
}

const waitingList = () =>
  suites
    .filter(({ waitsFor }) => waitsFor)
    .map(({ title, waitsFor }) => `- ${title}: waiting for ${waitsFor}`)
    .join("\n");
