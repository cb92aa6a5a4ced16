/**
 * An engine of its own in a temporary folder, for bugs: the compiled sources, the simulator beside them, and what looks for a bug there, in
 * processes that are ended when they take too long. Used by `mutation.test.ts`.
 */
import { execFileSync, spawn } from "node:child_process";
import { copyFileSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../support/run-process.ts";
import { temporaryDirectory } from "../faults/temporary-directory.ts";
import { applyMutant, type Mutant } from "./mutants.ts";

/** Many times what a search takes on an engine without a bug: one that does not end has found something. */
const SEARCH_MS = 400_000;

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

  /** What the simulator says in these rounds, or null when it finds nothing. */
  async hunt(firstRound: number, lastRound: number): Promise<string | null> {
    const { code, output } = await run([join(this.#folder, "test/sim/hunt.js"), String(firstRound), String(lastRound)]);
    return code === 0 ? null : output.trim().slice(0, 300);
  }

  /** The same of these test files, by beginnings of their names. */
  async examine(tests: readonly string[]): Promise<string | null> {
    const runner = join(root, "node_modules/vitest/vitest.mjs");
    const files = tests.map((name) => `test/${name}`);
    const { code, output } = await run([runner, "run", "--config", join(root, ".tools/vitest.config.mjs"), "--bail", "1", ...files], {
      MILLRACE_TEST_ENGINE: join(this.#folder, "src"),
    });
    // oxlint-disable-next-line no-control-regex
    return code === 0 ? null : (/FAIL.*/.exec(output.replace(/\u001b\[\d*m/g, ""))?.[0] ?? output.trim().slice(-300));
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #path(file: string): string {
    return join(this.#folder, "src", file);
  }
}

/** Runs Node to the end, or to the end of patience, together with everything that it has started. */
function run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<{ code: number | null; output: string }> {
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
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      process.kill(-child.pid!, "SIGKILL");
      output += "it does not end";
    }, SEARCH_MS);
    child.once("error", reject);
    child.once("close", (code) => {
      clearTimeout(timer);
      resolve({ code, output });
    });
  });
}
