/**
 * The files of a query, made by `bench/data.mjs`: those that are measured, and few events over a longer event time for the check of answers.
 * Nexmark's bids become a flat Parquet table, so that every system reads the same columns.
 */
import { execFileSync } from "node:child_process";
import { existsSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const FILES = 8;
const CHECK = { events: 50_000, files: 4, rate: 1000 };
const GENERATOR = fileURLToPath(new URL("../data.mjs", import.meta.url));
const BIDS = fileURLToPath(new URL("systems/bids.py", import.meta.url));

/** `{ data: { check, full }, sides: { check, full }, events, bytes, lastMs }`: directories, rows and newest time to check. `python` is for Nexmark. */
export function prepare(query, { directory, events, python }) {
  const check = directoryOf(query, { directory, python, ...CHECK });
  const full = directoryOf(query, { directory, python, events, files: FILES });
  return {
    data: { check: check.path, full: full.path },
    sides: { check: check.sides, full: full.sides },
    events: full.rows,
    bytes: full.bytes,
    lastMs: check.lastMs,
  };
}

/** A directory with nothing but the files of the query's table. */
function directoryOf(query, { directory, python, events, files, rate }) {
  const numbers = Object.entries({ events, files, rate }).flatMap(([name, value]) => (value ? [`--${name}`, String(value)] : []));
  const args = [GENERATOR, query.set, "--form", query.form, "--directory", directory, ...numbers];
  const made = JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8", maxBuffer: 1 << 26 }));
  const path = join(dirname((made.files[query.table] ?? made.files.events)[0]), `${query.table}-only`);
  const description = `${path}.json`;
  if (!existsSync(description)) {
    rmSync(path, { recursive: true, force: true });
    mkdirSync(path);
    let [rows, lastMs] = [made.events, null];
    if (query.table === "bids")
      ({ rows, lastMs } = JSON.parse(execFileSync(python, [BIDS, path, ...made.files.events], { encoding: "utf8" })));
    else for (const file of made.files[query.table]) linkSync(file, join(path, basename(file)));
    writeFileSync(`${description}.new`, JSON.stringify({ rows, lastMs, bytes: made.bytes }));
    renameSync(`${description}.new`, description);
  }
  return {
    path,
    sides: Object.fromEntries(query.sides.map((side) => [side, made.sides[side]])),
    ...JSON.parse(readFileSync(description, "utf8")),
  };
}
