/** Runs suites and native programs, each time in a fresh process. */
import { execFile, fork, spawnSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PROGRAMS = join(ROOT, "native-bench/programs");
const NATIVE = join(PROGRAMS, "target/release/native-bench");

/** Result of one run of the suite `name`, on the engine below `root`. Rejects when the process fails. */
export function runInProcess(name, data, settings, { root = ROOT, execArgv = [] } = {}) {
  return new Promise((resolve, reject) => {
    const child = fork(join(root, "bench/harness/child.mjs"), [JSON.stringify({ name, data, settings })], {
      execArgv,
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    let result;
    child.on("message", (message) => (result = message));
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      if (result) resolve(result);
      else reject(new Error(`the process of ${name} ended with ${signal ?? code} and without a result`));
    });
  });
}

/** The same in this process, for tests. */
export async function runHere(suite, data, settings) {
  const result = await suite.run(data, settings);
  return { peakBytes: process.resourceUsage().maxRSS * 1024, ...result };
}

/** Whether the native programs are built. Throws if they are not those of the sources. */
export function hasNative(programs = PROGRAMS, built = NATIVE) {
  if (!existsSync(built)) return false;
  const sources = readdirSync(join(programs, "src"), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = [join(programs, "Cargo.lock"), ...sources.map(({ parentPath, name }) => join(parentPath, name))];
  const newer = paths.find((path) => statSync(path).mtimeMs > statSync(built).mtimeMs);
  if (newer) throw new Error(`${newer} is newer than the native programs: npm run bench:native, or --no-native`);
  return true;
}

/** Result of one run of a native program, in the form that suites give. */
export async function runNative(args) {
  const { stdout } = await promisify(execFile)(NATIVE, args.map(String));
  return JSON.parse(stdout);
}

/** First line of what a command prints, or null. */
export function firstLine(command, args) {
  const { status, stdout } = spawnSync(command, args, { encoding: "utf8" });
  return status === 0 ? stdout.trim().split("\n")[0] : null;
}
