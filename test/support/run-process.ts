/** Starts a Node process as a user would and waits for its end. For tests of programs: the command line, examples, README. */
import { spawn, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));
const main = join(root, "dist/cli/main.js");

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProcessOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Called with everything printed so far whenever there is more. */
  readonly onOutput?: (stdout: string, child: ChildProcess) => void;
}

export function runNode(args: readonly string[], { cwd = root, env = {}, onOutput }: ProcessOptions = {}): Promise<Finished> {
  const clean = { ...process.env };
  for (const name of Object.keys(clean)) if (/^(VITEST|NODE_OPTIONS|NO_COLOR|FORCE_COLOR|MILLRACE)/.test(name)) delete clean[name];
  const child = spawn(process.execPath, [...args], { cwd, env: { ...clean, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (text: Buffer) => {
    stdout += text.toString();
    onOutput?.(stdout, child);
  });
  child.stderr.on("data", (text: Buffer) => (stderr += text.toString()));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, stdout, stderr }));
  });
}

export const millrace = (args: readonly string[], options?: ProcessOptions): Promise<Finished> => runNode([main, ...args], options);
