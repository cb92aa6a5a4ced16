/**
 * `millrace demo`, also `npm start`: two streaming queries over generated bids and a folder of NDJSON, on a screen and into Parquet.
 * Bounded by events and by the clock; a second run goes on from the checkpoints of the first. Main thread.
 */
import { availableParallelism } from "node:os";
import { join, relative, resolve } from "node:path";
import { Session } from "../../api/session.ts";
import type { StreamingQuery } from "../../api/streaming-query.ts";
import { IllegalArgumentError } from "../../base/errors.ts";
import { nodePorts } from "../../base/node-ports.ts";
import type { FileSystem } from "../../base/ports.ts";
import { EXIT_FAILURE, EXIT_OK } from "../exit-code.ts";
import type { Terminal } from "../terminal.ts";
import { writeEventFiles } from "./events.ts";
import { archivedBids, type DemoPaths, startArchive, startLive } from "./queries.ts";
import { liveScreen, noScreen, plainScreen } from "./screen.ts";
import { type DemoResult, printResult, resultJson } from "./summary.ts";
import { DemoTally, type QueryName } from "./tally.ts";

export interface DemoOptions {
  /** Directory of everything that the demo reads and writes. */
  readonly dir: string;
  /** Longest time. */
  readonly seconds: number;
  /** Events of the auction site that the run adds; default: a million for each second. */
  readonly events?: number;
  readonly json: boolean;
}

const EVENTS_PER_SECOND = 1_000_000;
const EVENTS_PER_BATCH = 500_000;
/** The Nexmark source's event time. */
const EVENTS_PER_EVENT_SECOND = 10_000;

/** What the moving screen needs; a smaller terminal gets plain lines. */
const SCREEN_COLUMNS = 80;
const SCREEN_ROWS = 16;

/** `demo.json`: how far the events go that runs have been given, and whether the queries have read all of them. */
interface DemoState {
  readonly version: 1;
  readonly batches: number;
  readonly isComplete: boolean;
}

export async function runDemo(options: DemoOptions, terminal: Terminal): Promise<number> {
  const ports = nodePorts();
  const root = resolve(options.dir);
  const paths: DemoPaths = {
    events: join(root, "orders"),
    output: join(root, "output"),
    liveCheckpoint: join(root, "checkpoint/live"),
    archiveCheckpoint: join(root, "checkpoint/archive"),
  };
  const state = new StateFile(ports.files, root);
  const before = await state.read();
  const ownBatches = Math.max(1, Math.round((options.events ?? options.seconds * EVENTS_PER_SECOND) / EVENTS_PER_BATCH));
  const batches = before === null ? ownBatches : before.isComplete ? before.batches + ownBatches : before.batches;
  await ports.files.makeDirectory(paths.events);
  const spanMs = (EVENTS_PER_BATCH / EVENTS_PER_EVENT_SECOND) * 1000;
  await writeEventFiles(ports.files, paths.events, { first: 0, count: batches, spanMs });
  await state.write({ version: 1, batches, isComplete: false });

  const queries: StreamingQuery[] = [];
  let stoppedBy: DemoResult["stoppedBy"] = null;
  const stop = (reason: "signal" | "clock") => {
    stoppedBy ??= reason;
    for (const query of queries) void query.stop();
  };
  const onSignal = (): void => stop("signal");
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);

  const tally = new DemoTally();
  const workers = availableParallelism();
  const shown = (path: string): string => relative(process.cwd(), path) || ".";
  if (!options.json) printHeader(terminal, before, workers, shown(root));
  const size = { events: batches * EVENTS_PER_BATCH, eventsPerBatch: EVENTS_PER_BATCH };
  const screen = options.json
    ? noScreen
    : terminal.isInteractive && terminal.columns >= SCREEN_COLUMNS && terminal.rows >= SCREEN_ROWS
      ? liveScreen(terminal, tally, { events: size.events, clock: ports.clock })
      : plainScreen(terminal, tally);

  const startedMs = ports.clock.monotonicMs();
  const cpuBefore = process.cpuUsage();
  const spark = await Session.builder().appName("demo").getOrCreate();
  await spark.streams.addListener({
    onQueryProgress: ({ progress }) => {
      tally.addProgress(progress["name"] as QueryName, progress);
      screen.update(progress["name"] as QueryName);
    },
  });
  const ended = new AbortController();
  try {
    queries.push(await startLive(spark, paths, size, (row) => tally.addRow(row)), await startArchive(spark, paths, size));
    if (stoppedBy !== null) stop(stoppedBy);
    void ports.scheduler.sleep(options.seconds * 1000, ended.signal).then(() => {
      if (!ended.signal.aborted) stop("clock");
    });
    await Promise.all(queries.map((query) => query.awaitTermination()));
    ended.abort();
    const elapsedMs = ports.clock.monotonicMs() - startedMs;
    const { user, system } = process.cpuUsage(cpuBefore);
    screen.end();
    if (stoppedBy === null) await state.write({ version: 1, batches, isComplete: true });
    const check = stoppedBy === null ? tally.differences(await archivedBids(spark, paths)) : null;
    const written = (await ports.files.list(paths.output)).filter(({ path }) => path.endsWith(".parquet"));
    const output = { files: written.length, bytes: written.reduce((bytes, { sizeBytes }) => bytes + sizeBytes, 0) };
    const result: DemoResult = { tally, paths, workers, elapsedMs, cpuMs: (user + system) / 1000, stoppedBy, output, check };
    if (options.json) terminal.write(`${JSON.stringify(resultJson(result), null, 2)}\n`);
    else printResult(terminal, result, shown);
    return check !== null && check.different > 0 ? EXIT_FAILURE : EXIT_OK;
  } finally {
    ended.abort();
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
    screen.close();
    await spark.stop();
  }
}

function printHeader({ colors, write }: Terminal, before: DemoState | null, workers: number, directory: string): void {
  const { bold, dim, cyan } = colors;
  write(`\n  ${bold("Millrace")} ${dim(`· ${workers} workers · Node ${process.versions.node} · ${directory}`)}\n\n`);
  write(`  bids    nexmark ┐ filter, join channels,   ┌ ${cyan("live")}     update: this screen\n`);
  write(`  orders  NDJSON  ┴ watermark, 10 s windows ─┴ ${cyan("archive")}  append: Parquet, exactly once\n`);
  if (before !== null) {
    const events = (before.batches * EVENTS_PER_BATCH).toLocaleString("en-US");
    const what = before.isComplete
      ? `Going on after the ${events} events of earlier runs`
      : `Going on with the ${events} events of a run that was stopped`;
    write(`\n  ${what}.\n  ${dim(`Remove ${directory} to begin again.`)}\n`);
  }
}

class StateFile {
  readonly #files: FileSystem;
  readonly #root: string;

  constructor(files: FileSystem, root: string) {
    this.#files = files;
    this.#root = root;
  }

  /** Null for a new directory. Throws `DEMO_DIRECTORY_NOT_EMPTY` when it is somebody else's. */
  async read(): Promise<DemoState | null> {
    const found = await this.#files.list(this.#root);
    if (found.length === 0) return null;
    const path = join(this.#root, "demo.json");
    if (!found.some((file) => file.path === path)) throw new IllegalArgumentError("DEMO_DIRECTORY_NOT_EMPTY", { path: this.#root });
    return JSON.parse(Buffer.from(await this.#files.readFile(path)).toString()) as DemoState;
  }

  async write(state: DemoState): Promise<void> {
    const next = join(this.#root, "demo.json.next");
    await this.#files.remove(next);
    await this.#files.writeNew(next, Buffer.from(JSON.stringify(state)));
    await this.#files.rename(next, join(this.#root, "demo.json"));
  }
}
