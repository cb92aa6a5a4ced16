/** What the demo says at the end, as text and as JSON. */
import { dirname } from "node:path";
import { bytesText, grouped, short, type Terminal } from "../terminal.ts";
import type { DemoPaths } from "./queries.ts";
import { type DemoTally, percentile, type QueryName } from "./tally.ts";

export interface DemoResult {
  readonly tally: DemoTally;
  readonly paths: DemoPaths;
  readonly workers: number;
  readonly elapsedMs: number;
  /** Of the whole process: user and system, all threads, planning and compiling included. */
  readonly cpuMs: number;
  /** Stopped by a signal or by the clock before all input was read. */
  readonly stoppedBy: "signal" | "clock" | null;
  readonly output: { readonly files: number; readonly bytes: number };
  /** Windows in Parquet compared with the live query's; null when the run did not end by itself. */
  readonly check: { readonly compared: number; readonly different: number } | null;
}

const NAMES: readonly QueryName[] = ["live", "archive"];

export function resultJson({ tally, paths, workers, elapsedMs, cpuMs, stoppedBy, output, check }: DemoResult): object {
  const queries = NAMES.map((name) => {
    const { batchMs, rowsIn, rowsOut, stateRows, stateBytes, watermark, lastBatchId } = tally.queries[name];
    return {
      name,
      batches: batchMs.length,
      lastBatchId,
      batchMsP50: percentile(batchMs, 0.5),
      batchMsP99: percentile(batchMs, 0.99),
      rowsIn,
      rowsOut,
      stateRowsMax: stateRows,
      stateBytesMax: stateBytes,
      watermark,
    };
  });
  return {
    rowsIn: tally.rowsIn,
    workers,
    elapsedMs: Math.round(elapsedMs),
    cpuMs: Math.round(cpuMs),
    rowsPerSecond: Math.round(tally.rowsIn / (elapsedMs / 1000)),
    rowsPerSecondPerCore: Math.round(tally.rowsIn / (cpuMs / 1000)),
    stoppedBy,
    queries,
    orders: { lines: tally.orderLines, malformed: tally.malformedLines },
    check,
    output: { path: paths.output, ...output },
    checkpoints: [paths.liveCheckpoint, paths.archiveCheckpoint],
  };
}

export function printResult(terminal: Terminal, result: DemoResult, relative: (path: string) => string): void {
  const { tally, paths, workers, elapsedMs, cpuMs, stoppedBy, output, check } = result;
  const { colors } = terminal;
  const line = (text = ""): void => terminal.write(`${text}\n`);
  const label = (name: string): string => `  ${colors.dim(name.padEnd(14))}`;

  line();
  if (stoppedBy !== null) line(`  Stopped ${stoppedBy === "signal" ? "by signal" : "by the clock"}; the checkpoints are whole.`);
  const perCore = `${short(tally.rowsIn / (cpuMs / 1000))} events/s per core`;
  line(
    `  ${colors.bold(colors.green(perCore))}: ${grouped(tally.rowsIn)} events in ${seconds(elapsedMs)}, ${seconds(cpuMs)} of CPU on ${workers} workers`,
  );
  line(colors.dim("  Each query reads every event; starting, planning and compiling are counted in."));
  line();
  line(colors.dim("               batches   p50 ms   p99 ms   rows out        largest state"));
  for (const name of NAMES) {
    const { batchMs, rowsOut, stateRows, stateBytes } = tally.queries[name];
    const cells = [String(batchMs.length), String(percentile(batchMs, 0.5)), String(percentile(batchMs, 0.99))].map((text) =>
      text.padStart(9),
    );
    line(
      `  ${name.padEnd(11)}${cells.join("")}${grouped(rowsOut).padStart(11)}   ${`${grouped(stateRows)} rows, ${bytesText(stateBytes)}`.padStart(19)}`,
    );
  }
  line();
  line(`${label("orders")}${grouped(tally.orderLines)} JSON lines, ${grouped(tally.malformedLines)} of them malformed and set aside`);
  if (check && check.compared > 0) line(`${label("exactly once")}${checkText(check)}`);
  line(`${label("output")}${relative(paths.output)}   ${colors.dim(`${output.files} Parquet files, ${bytesText(output.bytes)}`)}`);
  line(`${label("checkpoint")}${relative(paths.archiveCheckpoint)}`);
  line();
  line(colors.dim("  Next:"));
  const isNpmStart = process.env["npm_lifecycle_event"] === "start";
  const next: readonly (readonly [string, string])[] = [
    [isNpmStart ? "npm start" : `npx millrace demo --dir ${relative(dirname(paths.output))}`, "goes on with new events"],
    ...(isNpmStart ? [["npx millrace run examples/windowed-counts.mjs", "a first query"] as const] : []),
    [`npx millrace checkpoint inspect ${relative(paths.archiveCheckpoint)}`, "what is in it"],
    [`npx millrace checkpoint verify ${relative(paths.archiveCheckpoint)}`, "is it whole"],
  ];
  const width = Math.max(...next.map(([command]) => command.length));
  for (const [command, why] of next) line(`    ${colors.cyan(command.padEnd(width))}  ${colors.dim(why)}`);
}

function checkText({ compared, different }: NonNullable<DemoResult["check"]>): string {
  if (different > 0) return `${grouped(different)} of ${grouped(compared)} windows in Parquet differ from what the live query counted`;
  return `${grouped(compared)} windows in Parquet agree with what the live query counted`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
