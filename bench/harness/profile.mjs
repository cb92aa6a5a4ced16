/** Where the time of a suite goes: its own functions by self time, over all threads of one run, from V8's sampling profiler. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runInProcess } from "./processes.mjs";

/** `serve` is where a worker waits for commands. */
const NOT_WORK = new Set(["(idle)", "(program)", "(root)", "serve"]);
const FUNCTIONS = 8;

/** The heaviest functions of a run: `[{ name, percent }]`. What came before the measured part counts too, so the run should be long. */
export async function profileOf(suite, data) {
  const directory = mkdtempSync(join(tmpdir(), "millrace-bench-profile-"));
  try {
    await runInProcess(suite.name, data, { workers: 1 }, { execArgv: ["--cpu-prof", `--cpu-prof-dir=${directory}`] });
    const selfTime = new Map();
    for (const name of readdirSync(directory)) addSelfTimes(JSON.parse(readFileSync(join(directory, name), "utf8")), selfTime);
    const total = [...selfTime.values()].reduce((sum, time) => sum + time, 0);
    const heaviest = [...selfTime].sort((a, b) => b[1] - a[1]).slice(0, FUNCTIONS);
    return heaviest.map(([name, time]) => ({ name, percent: Math.round((100 * time) / total) }));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function addSelfTimes({ nodes, samples, timeDeltas }, selfTime) {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  samples.forEach((id, index) => {
    const name = names.get(id);
    if (!NOT_WORK.has(name)) selfTime.set(name, (selfTime.get(name) ?? 0) + timeDeltas[index]);
  });
}

/** Functions of WebAssembly have the names of the kernels or the numbers of generated code. */
function nameOf({ functionName, url }) {
  if (/^(wasm-function\[\d+\]|\d+)$/.test(functionName)) return "generated code";
  if (functionName === "") return `anonymous in ${url.split("/").pop()}`;
  return functionName;
}
