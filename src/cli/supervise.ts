/**
 * `millrace run --supervise`: the program in a process of its own, which is started again when it did not end by itself: aborted by V8 (a
 * worker's heap can take the whole process along), killed for memory, or by a fault of native code. Its queries go on from their checkpoints. A
 * program that ends, in whatever way, has ended. Main thread of the supervising process.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { nodePorts } from "../base/node-ports.ts";
import { EXIT_FAILURE } from "./exit-code.ts";
import type { RunOptions } from "./run.ts";
import type { Terminal } from "./terminal.ts";

/** What a process that V8 aborts ends with where the shell stands in between. */
const ABORTED = 134;
/** A run this long was a success: the next death counts as the first. */
const GOOD_RUN_MS = 60_000;
/** Deaths in a row after which another start is no use. */
const DEATHS_MAX = 5;
/** The first restart is at once; the pause before the second, doubled with each further one. */
const PAUSE_MS = 500;

/** Resolves to the exit code of the program's last process, or `EXIT_FAILURE` when it kept dying. */
export async function superviseProgram(program: string, { conf, args }: RunOptions, terminal: Terminal): Promise<number> {
  const { clock, scheduler } = nodePorts();
  const settings = Object.entries(conf).flatMap(([key, value]) => ["--conf", `${key}=${value}`]);
  const command = [
    ...process.execArgv,
    fileURLToPath(new URL("../cli/main.js", import.meta.url)),
    "run",
    program,
    ...settings,
    "--",
    ...args,
  ];
  const stopping = new AbortController();
  for (let deaths = 0; ;) {
    const startedMs = clock.monotonicMs();
    // In a process group of its own: a signal from the terminal comes once, from here. The channel tells it when this process is gone.
    const child = spawn(process.execPath, command, { stdio: ["ignore", "inherit", "inherit", "ipc"], detached: true });
    const forward = (signal: NodeJS.Signals): void => {
      stopping.abort();
      child.kill(signal);
    };
    process.on("SIGINT", forward).on("SIGTERM", forward);
    const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
    process.off("SIGINT", forward).off("SIGTERM", forward);
    if (code !== null && code !== ABORTED) return code;
    if (stopping.signal.aborted) return EXIT_FAILURE;
    deaths = clock.monotonicMs() - startedMs > GOOD_RUN_MS ? 1 : deaths + 1;
    const how = `The program's process was ended by ${signal ?? "an abort"}`;
    if (deaths === DEATHS_MAX) {
      terminal.error(`millrace: ${how}, for the ${DEATHS_MAX}th time in a row. It is not started again.\n`);
      return EXIT_FAILURE;
    }
    terminal.error(`millrace: ${how}. It is started again.\n`);
    const stop = (): void => stopping.abort();
    process.on("SIGINT", stop).on("SIGTERM", stop);
    if (deaths > 1) await scheduler.sleep(PAUSE_MS * 2 ** (deaths - 2), stopping.signal);
    process.off("SIGINT", stop).off("SIGTERM", stop);
    if (stopping.signal.aborted) return EXIT_FAILURE;
  }
}
