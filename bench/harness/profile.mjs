/** Where the time of a suite goes: its own functions by self time, over all threads of one run, from V8's sampling profiler. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runInProcess } from "./processes.mjs";

/** `serve` is where a worker waits for commands. */
const NOT_WORK = new Set(["(idle)", "(program)", "(root)", "serve"]);
/** Named per part, and the least percentage of a part that is worth a word. */
const FUNCTIONS = 3;
const PERCENT_MIN = 1;
const KERNELS = new URL("../../src/kernels/assembly/", import.meta.url);

/** Of Node's bindings. */
const FILE_CALLS = /^(read|readSync|writeBuffer|writeBuffers|open|close|fsync|fdatasync|link|unlink|rename)$/;

/** What the files of the kernels do, by the beginnings of their names. */
const KERNEL_PARTS = [
  ["reading text", ["json-", "csv-scan", "scan-block", "text-scan", "number-parse", "datetime-scan", "powers-of-ten"]],
  ["decoding Parquet", ["parquet-", "zstd-"]],
  ["bringing columns in", ["column-"]],
  ["hashing and comparing keys", ["hash.", "view.", "key-filter"]],
  [
    "tables and state",
    ["hash-table", "flat-table", "table-", "store-", "state-store", "touch", "row-operator", "panes", "apply-result", "sketch"],
  ],
  ["rows between stages", ["exchange", "gather", "packed-row"]],
  ["change files and chunks", ["change-log", "crc32c", "state-frame", "chunk-store"]],
  ["writing text", ["encode-", "number-format", "datetime-format"]],
];

/**
 * A run by what it spends its time on, heaviest first: `[{ part, percent, functions }]`, with the heaviest functions of each part. What came before
 * the measured part counts too, so the run should be long.
 */
export async function profileOf(suite, data) {
  const directory = mkdtempSync(join(tmpdir(), "millrace-bench-profile-"));
  try {
    await runInProcess(suite.name, data, { workers: 1 }, { execArgv: ["--cpu-prof", `--cpu-prof-dir=${directory}`] });
    const selfTime = new Map();
    for (const name of readdirSync(directory)) addSelfTimes(JSON.parse(readFileSync(join(directory, name), "utf8")), selfTime);
    return partsOf(selfTime);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function addSelfTimes({ nodes, samples, timeDeltas }, selfTime) {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  samples.forEach((id, index) => {
    const { functionName, url } = frames.get(id);
    if (NOT_WORK.has(functionName)) return;
    const key = `${functionName} ${url}`;
    const known = selfTime.get(key) ?? { functionName, url, time: 0 };
    selfTime.set(key, { ...known, time: known.time + timeDeltas[index] });
  });
}

function partsOf(selfTime) {
  const partOf = partFinder();
  const parts = new Map();
  for (const { functionName, url, time } of [...selfTime.values()].sort((a, b) => b.time - a.time)) {
    const part = partOf(functionName, url);
    const known = parts.get(part) ?? { part, time: 0, functions: [] };
    known.time += time;
    const name = functionName.slice(functionName.lastIndexOf("/") + 1);
    if (known.functions.length < FUNCTIONS && isTelling(name) && !known.functions.includes(name)) known.functions.push(name);
    parts.set(part, known);
  }
  const total = [...parts.values()].reduce((sum, { time }) => sum + time, 0);
  return [...parts.values()]
    .sort((a, b) => b.time - a.time)
    .map(({ part, time, functions }) => ({ part, percent: Math.round((100 * time) / total), functions }))
    .filter(({ percent }) => percent >= PERCENT_MIN);
}

const isTelling = (name) => name !== "" && !/^(wasm-function\[\d+\]|\d+|\(.*\))$/.test(name);

/** Kernels that are called from outside carry their exported name only: the sources tell their files. */
function partFinder() {
  const fileOf = new Map();
  for (const file of readdirSync(KERNELS).filter((name) => name.endsWith(".ts"))) {
    for (const [, name] of readFileSync(new URL(file, KERNELS), "utf8").matchAll(/^(?:export )?function (\w+)/gm)) fileOf.set(name, file);
  }
  return (functionName, url) => {
    if (functionName === "(garbage collector)") return "garbage collection";
    if (url.startsWith("wasm://")) {
      const file = fileOf.get(functionName.slice(functionName.lastIndexOf("/") + 1));
      const part = file && KERNEL_PARTS.find(([, beginnings]) => beginnings.some((beginning) => file.startsWith(beginning)));
      return part ? part[0] : file ? "other kernels" : "the code that was compiled for the query";
    }
    if (functionName === "fill") return "copying between memories";
    if (FILE_CALLS.test(functionName)) return "files";
    if (url.startsWith("file:")) return url.includes("/dist/") ? "JavaScript of the engine" : "the benchmark itself and libraries";
    return "Node itself, and the start of the process";
  };
}
