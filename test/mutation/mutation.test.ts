/**
 * Plants bugs in the commit protocol, one at a time, and has the simulator find them: tests of the tests. The engine and the simulator are
 * compiled into a temporary folder, a bug is put into the copy there, and `test/sim/hunt.ts` looks for it; what it misses the unit tests of the
 * protocol must find. MILLRACE_LONG=1: all bugs, up to 60 rounds each; MILLRACE_MUTANT=<part of a name> those; otherwise a few that are easy to find.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { root } from "../support/run-process.ts";
import { temporaryDirectory } from "../faults/temporary-directory.ts";
import { applyMutant, findMutants, type Mutant } from "./mutants.ts";

const isLong = process.env["MILLRACE_LONG"] !== undefined;
const only = process.env["MILLRACE_MUTANT"];
const ROUNDS = isLong ? 60 : 8;
/** A hunt that does not end has found something, too. */
const HUNT_MS = isLong ? 900_000 : 240_000;
const SAMPLE = ["a sync beside another call", "the checksum of a log", "the batch is committed before"];

let engine: string;
let mutants: readonly Mutant[];
const pathOf = (file: string): string => join(engine, "src", file);

beforeAll(() => {
  engine = temporaryDirectory("mutation");
  const options = { noEmit: false, outDir: engine, rootDir: root, sourceMap: false, typeRoots: [join(root, "node_modules/@types")] };
  const include = ["test/sim/hunt.ts", "src/**/*.ts", "src/**/*.json"].map((file) => join(root, file));
  const exclude = [join(root, "src/kernels/assembly")];
  const settings = { extends: join(root, "test/tsconfig.json"), compilerOptions: options, include, exclude };
  writeFileSync(join(engine, "tsconfig.json"), JSON.stringify(settings));
  writeFileSync(join(engine, "package.json"), JSON.stringify({ type: "module" }));
  execFileSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", join(engine, "tsconfig.json")]);
  copyFileSync(join(root, "dist/kernels/kernels.wasm"), pathOf("kernels/kernels.wasm"));
  symlinkSync(join(root, "node_modules"), join(engine, "node_modules"));
  mutants = findMutants((file) => readFileSync(pathOf(file), "utf8"));
});
afterAll(() => rmSync(engine, { recursive: true, force: true }));

/** What the hunt said, or null when it found nothing. */
function hunt(rounds: number): string | null {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [join(engine, "test/sim/hunt.js"), String(rounds)], {
    encoding: "utf8",
    timeout: HUNT_MS,
  });
  if (status === 0) return null;
  return signal === null ? stdout.trim() || stderr.trim().slice(0, 300) : "it does not end";
}

/** Tests of the protocol's parts, for what no life of a query shows. */
const UNIT_TESTS = [
  "test/checkpoint",
  "test/connectors/compactible-log",
  "test/connectors/file-sink",
  "test/coordinator",
  "test/state/state-",
];

/** The same by these tests. */
function examine(): string | null {
  const runner = join(root, "node_modules/vitest/vitest.mjs");
  const args = ["run", "--config", join(root, ".tools/vitest.config.mjs"), "--bail", "1", ...UNIT_TESTS];
  const { status, stdout } = spawnSync(process.execPath, [runner, ...args], {
    cwd: root,
    env: { ...process.env, MILLRACE_TEST_ENGINE: join(engine, "src"), MILLRACE_LONG: undefined },
    encoding: "utf8",
    timeout: HUNT_MS,
  });
  return status === 0 ? null : (/FAIL.*/.exec(stdout)?.[0] ?? "a test does not end");
}

test("the engine as it is passes the hunt", { timeout: 3_600_000 }, () => {
  expect(hunt(ROUNDS)).toBeNull();
});

test("every planted bug is found", { timeout: 36_000_000 }, () => {
  expect(mutants.length).toBeGreaterThan(60);
  const survivors: string[] = [];
  let planted = 0;
  let needsUnitTests = false;
  for (const mutant of mutants) {
    const isWanted = only !== undefined ? mutant.name.includes(only) : isLong || SAMPLE.some((name) => mutant.name.startsWith(name));
    if (!isWanted) continue;
    planted++;
    const path = pathOf(mutant.file);
    const text = readFileSync(path, "utf8");
    writeFileSync(path, applyMutant(text, mutant));
    const hunted = hunt(ROUNDS);
    needsUnitTests ||= hunted === null;
    const found = hunted ?? examine();
    writeFileSync(path, text);
    const name = `${mutant.file} ${mutant.name}${mutant.occurrence > 0 ? ` (${mutant.occurrence})` : ""}`;
    if (isLong || only !== undefined) console.log(`${found === null ? "SURVIVES" : "found   "} ${name} → ${found?.slice(0, 120)}`);
    if (found === null) survivors.push(name);
  }
  console.log(`${planted} planted, ${planted - survivors.length} found`);
  expect(planted).toBeGreaterThanOrEqual(only === undefined ? SAMPLE.length : 1);
  if (needsUnitTests) expect(examine(), "the unit tests on the engine as it is").toBeNull();
  expect(survivors).toEqual([]);
});
