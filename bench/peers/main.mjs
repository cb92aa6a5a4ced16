/**
 * `npm run bench:peers`: runs the same queries on the same files with the same cores in Millrace, Spark, Flink, DuckDB, a plain Node program and
 * native code, turn by turn, checks their answers against each other and prints the ratios.
 *
 *     npm run bench:peers -- [query …] [--systems spark,flink,…] [--events N] [--rounds N] [--cores N] [--home D] [--json] [--save]
 *     npm run bench:peers -- --prepare       only installs the systems and writes the data
 *     npm run bench:peers -- --check         only compares the answers
 */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { machine } from "../harness/machine.mjs";
import { readArguments } from "./arguments.mjs";
import { compare } from "./compare.mjs";
import { prepare } from "./data.mjs";
import { install } from "./install.mjs";
import { systems, waiting } from "./queries.mjs";
import { markdown } from "./report.mjs";

const settings = readArguments(process.argv.slice(2));
const log = (text) => process.stderr.write(`${text}\n`);
try {
  await benchPeers();
} catch (error) {
  console.error(`bench:peers: ${error.message}`);
  process.exitCode = 1;
}

async function benchPeers() {
  const names = settings.queries.flatMap((query) => query.systems.filter((system) => settings.systems.includes(system)));
  const runners = install(settings.home, new Set(names.map((name) => systems[name].runner)), log);
  for (const [runner, { missing }] of Object.entries(runners)) if (missing) log(`${runner} is left out: ${missing}`);
  const directory = join(settings.home, "data");
  const inputs = new Map();
  for (const query of settings.queries) {
    if (query.kind === "latency") continue;
    log(`data of ${query.name}`);
    inputs.set(query.name, prepare(query, { directory, events: settings.events ?? query.events, python: runners.duckdb?.command }));
  }
  if (settings.isOnlyPrepared) return;

  const results = [];
  for (const query of settings.queries) {
    log(`${query.name} …`);
    const work = join(settings.home, "work");
    rmSync(work, { recursive: true, force: true });
    mkdirSync(work, { recursive: true });
    const result = await compare(query, inputs.get(query.name), { ...settings, runners, work, log });
    results.push(result);
    if (settings.isSaved) save(result);
    for (const { system, error } of result.systems) if (error) log(`  ${system}: ${error.split("\n")[0]}`);
    rmSync(work, { recursive: true, force: true });
  }
  const report = { machine: machine(), results, waiting };
  console.log(settings.isJson ? JSON.stringify(report, null, 2) : markdown(report));
  const wrong = results.flatMap(({ query, systems: rows }) => rows.filter((row) => row.isWrong).map((row) => `${query}: ${row.system}`));
  if (wrong.length > 0) throw new Error(`wrong answers: ${wrong.join(", ")}`);
}

function save(result) {
  const directory = new URL("../results/peers/", import.meta.url);
  mkdirSync(directory, { recursive: true });
  writeFileSync(new URL(`${result.query}.json`, directory), `${JSON.stringify({ machine: machine(), ...result }, null, 2)}\n`);
}
