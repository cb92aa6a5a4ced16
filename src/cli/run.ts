/**
 * `millrace run <program>`: loads a program's ES module in this process, with settings for its sessions, and sees to it that signals
 * stop its queries in good order and that a failed query is a failed run. Main thread.
 */
import { createRequire, register } from "node:module";
import { extname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type Launcher, setLauncher } from "../api/launcher.ts";
import type { Session } from "../api/session.ts";
import { AnalysisError, IllegalArgumentError } from "../base/errors.ts";
import { nodePorts } from "../base/node-ports.ts";
import { EXIT_FAILURE, EXIT_OK } from "./exit-code.ts";
import { reportError } from "./report-error.ts";
import type { Terminal } from "./terminal.ts";

/** How long a program may go on after a signal has stopped its queries. */
const GRACE_MS = 5000;

export interface RunOptions {
  /** Of new sessions, by key. */
  readonly conf: Readonly<Record<string, string>>;
  /** The program's own arguments. */
  readonly args: readonly string[];
  readonly compared?: NonNullable<Launcher["compared"]>;
}

/** Resolves when the program's module has run and all its queries have ended. */
export async function runProgram(program: string, { conf, args, compared }: RunOptions, terminal: Terminal): Promise<number> {
  const ports = nodePorts();
  const path = resolve(program);
  if ((await ports.files.stat(path)) === undefined) throw new IllegalArgumentError("PATH_NOT_FOUND", { path });
  await prepareLoader(path);

  const sessions: Session[] = [];
  let hasFailed = false;
  /** Failures of queries, in case nothing in the program waits for them. */
  const failures: string[] = [];
  setLauncher({
    conf,
    ...(compared && { compared }),
    opened(session) {
      sessions.push(session);
      void session.streams.addListener({
        onQueryTerminated: ({ exception }) => {
          if (exception !== null) failures.push(exception);
        },
      });
    },
  });

  let isStopping = false;
  const ended = new AbortController();
  const stopQueries = async (): Promise<void> => {
    for (const session of sessions) await Promise.all((await session.streams.active()).map((query) => query.stop()));
  };
  const onSignal = (): void => {
    if (isStopping) process.exit(EXIT_FAILURE);
    isStopping = true;
    void stopQueries().then(async () => {
      await ports.scheduler.sleep(GRACE_MS, ended.signal);
      if (!ended.signal.aborted) process.exit(failures.length > 0 ? EXIT_FAILURE : EXIT_OK);
    });
  };
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  // Without its supervisor nobody would stop it any more.
  process.once("disconnect", onSignal).channel?.unref();
  process.argv.splice(1, process.argv.length - 1, path, ...args);
  try {
    await import(pathToFileURL(path).href);
    for (const session of sessions) await allEnded(session);
  } catch (error) {
    reportError(error, terminal);
    hasFailed = true;
  } finally {
    for (const session of sessions) await session.stop();
    ended.abort();
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal).off("disconnect", onSignal);
  }
  if (!hasFailed) for (const failure of failures) terminal.error(`${failure}\n`);
  return hasFailed || failures.length > 0 ? EXIT_FAILURE : EXIT_OK;
}

async function allEnded(session: Session): Promise<void> {
  for (let active = await session.streams.active(); active.length > 0; active = await session.streams.active()) {
    await Promise.all(active.map((query) => query.awaitTermination()));
  }
}

/** Makes the program's language and its `import "millrace"` loadable. Throws `PROGRAM_CANNOT_RUN`, `UNSUPPORTED_FEATURE.NOT_YET`. */
async function prepareLoader(path: string): Promise<void> {
  const cannotRun = (reason: string, remedy: string) => new IllegalArgumentError("PROGRAM_CANNOT_RUN", { path, reason, remedy });
  switch (extname(path)) {
    case ".js":
    case ".mjs":
      break;
    case ".ts":
    case ".mts": {
      const tsx = resolveFrom(path, "tsx/esm/api");
      if (tsx === null) throw cannotRun("Node needs help to run TypeScript", "Install it with `npm install tsx`, or compile the program.");
      ((await import(pathToFileURL(tsx).href)) as { register(): void }).register();
      break;
    }
    case ".sql":
      throw new AnalysisError("UNSUPPORTED_FEATURE.NOT_YET", {
        feature: "running SQL files",
        remedy: "Write the query as a .mjs program.",
      });
    default:
      throw cannotRun("it is no .js, .mjs or .ts file", "Give an ES module.");
  }
  register("../cli/package-resolver.js", import.meta.url, { data: { root: new URL("../../", import.meta.url).href } });
}

function resolveFrom(path: string, name: string): string | null {
  try {
    return createRequire(path).resolve(name);
  } catch {
    return null;
  }
}
