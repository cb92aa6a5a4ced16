/** `bench/results`: one file for each group of suites, with the newest result of each and where it was measured. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { machine } from "./machine.mjs";

const DIRECTORY = new URL("../results/", import.meta.url);

/** Replaces what is known of the suites in `results`. */
export function saveResults(group, results) {
  mkdirSync(DIRECTORY, { recursive: true });
  const file = new URL(`${group}.json`, DIRECTORY);
  const measured = new Set(results.map(({ suite }) => suite));
  const others = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")).filter(({ suite }) => !measured.has(suite)) : [];
  const where = machine();
  writeFileSync(file, `${JSON.stringify([...others, ...results.map((result) => ({ ...result, machine: where }))], null, 1)}\n`);
}

/** Every saved result, as `measure` gives them, with its `machine`. */
export const savedResults = () => readAll(DIRECTORY);

/** What the peers' programs found, as `compare` of `bench/peers` gives it, with its `machine`. */
export const peerResults = () => readAll(new URL("peers/", DIRECTORY));

function readAll(directory) {
  if (!existsSync(directory)) return [];
  const names = readdirSync(directory).filter((name) => name.endsWith(".json"));
  return names.sort().flatMap((name) => JSON.parse(readFileSync(new URL(name, directory), "utf8")));
}
