/**
 * An engine of its own in a temporary folder, for bugs: the compiled sources, the simulator beside them, and what looks for a bug there, in
 * processes that are ended when they take too long. Used by `mutation.test.ts`.
 */
import { execFileSync, spawn } from "node:child_process";
import { copyFileSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../support/run-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { applyMutant, type Mutant } from "./mutants.ts";

/** Many times what a search takes on an engine without a bug. */
const SEARCH_MS = 400_000;

/** How a search for the bug has ended. A bug may be what made it too slow, and so may a machine that had other things to do. */
export type Outcome = { readonly kind: "nothing" | "timed out" } | { readonly kind: "found"; readonly what: string };

export class PlantedEngine {
  readonly #folder = temporaryDirectory("mutation");

  constructor() {
    const folder = this.#folder;
    const options = { noEmit: false, outDir: folder, rootDir: root, sourceMap: false, typeRoots: [join(root, "node_modules/@types")] };
    const include = ["test/sim/hunt.ts", "src/**/*.ts", "src/**/*.json"].map((file) => join(root, file));
    const exclude = [join(root, "src/kernels/assembly")];
    const settings = { extends: join(root, "test/tsconfig.json"), compilerOptions: options, include, exclude };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(settings));
    writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
    execFileSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", join(folder, "tsconfig.json")]);
    copyFileSync(join(root, "dist/kernels/kernels.wasm"), this.#path("kernels/kernels.wasm"));
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  }

  readonly source = (file: string): string => readFileSync(this.#path(file), "utf8");

  /** Does `work` with the bug in the engine. */
  async with<T>(mutant: Mutant, work: () => Promise<T>): Promise<T> {
    const path = this.#path(mutant.file);
    const text = this.source(mutant.file);
    writeFileSync(path, applyMutant(text, mutant));
    try {
      // A file that does not even load would count as found.
      execFileSync(process.execPath, ["--check", path]);
      return await work();
    } finally {
      writeFileSync(path, text);
    }
  }

  /** What the simulator finds in these rounds. */
  async hunt(firstRound: number, lastRound: number): Promise<Outcome> {
    const args = [join(this.#folder, "test/sim/hunt.js"), String(firstRound), String(lastRound)];
    return await search(
      () => run(args),
      (output) => output.trim().slice(0, 300),
    );
  }

  /** What these test files find, by beginnings of their names. */
  async examine(tests: readonly string[]): Promise<Outcome> {
    const runner = join(root, "node_modules/vitest/vitest.mjs");
    const files = tests.map((name) => `test/${name}`);
    const env = { MILLRACE_TEST_ENGINE: join(this.#folder, "src") };
    // The second time all of them have their say: the first one may be slow, and another one wrong.
    return await search(
      (isSecond) => run([runner, "run", "--config", join(root, ".tools/vitest.config.mjs"), `--bail=${isSecond ? 0 : 1}`, ...files], env),
      failureIn,
    );
  }

  #path(file: string): string {
    return join(this.#folder, "src", file);
  }
}

interface Ended {
  readonly isGood: boolean;
  readonly output: string;
  readonly hasTimedOut: boolean;
}

/** Does a search that took too long once more. `found`: what its output says, or null when that is only about time. */
async function search(start: (isSecond: boolean) => Promise<Ended>, found: (output: string) => string | null): Promise<Outcome> {
  for (const isSecond of [false, true]) {
    const { isGood, output, hasTimedOut } = await start(isSecond);
    if (isGood) return { kind: "nothing" };
    const what = hasTimedOut ? null : found(output);
    if (what !== null) return { kind: "found", what };
  }
  return { kind: "timed out" };
}

/** The first test that failed in the output of the test runner, unless all of those were too slow: null. */
export function failureIn(output: string): string | null {
  // oxlint-disable-next-line no-control-regex
  const text = output.replace(/\u001b\[\d*m/g, "");
  // Tests with the same error stand together above it.
  const failures = [...text.matchAll(/^ *(FAIL .*)\n(?: *FAIL .*\n)*(.*)/gm)].map(([, name, error]) => ({ name: name!, error: error! }));
  if (failures.length === 0) return text.trim().slice(-300);
  return failures.find(({ error }) => !/^Error: (?:Test|Hook) timed out in/.test(error))?.name ?? null;
}

/** Runs Node to the end, or to the end of patience, together with everything that it has started. */
function run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const inherited = { ...process.env };
  for (const name of Object.keys(inherited)) if (/^(VITEST|MILLRACE)/.test(name)) delete inherited[name];
  const child = spawn(process.execPath, args, {
    cwd: root,
    detached: true,
    env: { ...inherited, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  const take = (text: Buffer): void => void (output += text.toString());
  child.stdout.on("data", take);
  child.stderr.on("data", take);
  let hasTimedOut = false;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      process.kill(-child.pid!, "SIGKILL");
      hasTimedOut = true;
    }, SEARCH_MS);
    child.once("error", reject);
    child.once("close", (code) => {
      clearTimeout(timer);
      resolve({ isGood: code === 0, output, hasTimedOut });
    });
  });
}
