/**
 * What the demo shows while it runs: a table that redraws itself on a terminal, one line per batch everywhere else. Main thread.
 */
import type { Clock } from "../../base/ports.ts";
import { grouped, short, type Terminal } from "../terminal.ts";
import type { DemoTally, QueryName } from "./tally.ts";

export interface Screen {
  /** The numbers have changed; `name` had a batch. */
  update(name: QueryName): void;
  /** Draws the last picture, which stays. */
  end(): void;
  /** Gives the terminal back; also after a failure. */
  close(): void;
}

export interface ScreenOptions {
  /** Position in the stream of bids at which the run ends. */
  readonly events: number;
  readonly clock: Clock;
}

const WINDOWS_SHOWN = 8;
const MEDIA = ["search", "social", "app store", "mail"];
const REDRAW_MS = 50;
const BAR_CELLS = 18;

export function liveScreen(terminal: Terminal, tally: DemoTally, { events, clock }: ScreenOptions): Screen {
  const { colors } = terminal;
  let drawnLines = 0;
  let drawnAtMs = -REDRAW_MS;
  const startedMs = clock.monotonicMs();

  const queryLine = (name: QueryName): string => {
    const query = tally.queries[name];
    const first = query.firstPosition ?? 0;
    const done = Math.max(0, (query.position - first) / Math.max(1, events - first));
    const cells = Math.round(done * BAR_CELLS);
    const bar = colors.green("━".repeat(cells)) + colors.dim("━".repeat(BAR_CELLS - cells));
    const rate = query.rowsIn / Math.max(0.001, (clock.monotonicMs() - startedMs) / 1000);
    const time = timeOfDay(query.watermark);
    return `  ${colors.bold(name.padEnd(8))} ${bar} ${colors.dim(`${short(query.rowsIn).padStart(7)} rows ${short(rate).padStart(7)}/s   watermark`)} ${time}`;
  };

  const draw = (): void => {
    const lines = ["", ...windowLines(tally, terminal), "", queryLine("live"), queryLine("archive")];
    const up = drawnLines === 0 ? "" : `\x1b[${drawnLines}A`;
    terminal.write(`${up}${lines.map((line) => `\x1b[2K${line}\n`).join("")}`);
    drawnLines = lines.length;
    drawnAtMs = clock.monotonicMs();
  };
  terminal.write("\x1b[?25l");
  draw();
  return {
    update() {
      if (clock.monotonicMs() - drawnAtMs >= REDRAW_MS) draw();
    },
    end: draw,
    close: () => terminal.write("\x1b[?25h"),
  };
}

export function plainScreen(terminal: Terminal, tally: DemoTally): Screen {
  terminal.write("\n");
  return {
    update(name) {
      const query = tally.queries[name];
      const [batchId, ms] = [String(query.lastBatchId).padStart(4), String(query.batchMs.at(-1)).padStart(5)];
      terminal.write(
        `${name.padEnd(8)} batch ${batchId} ${ms} ms  ${short(query.rowsIn).padStart(7)} rows in, ${grouped(query.rowsOut)} out, watermark ${timeOfDay(query.watermark)}\n`,
      );
    },
    end() {},
    close() {},
  };
}

/** Shows nothing. */
export const noScreen: Screen = { update() {}, end() {}, close() {} };

/** A line per window, the newest last; windows that the last batch changed stand out. */
function windowLines(tally: DemoTally, { colors }: Terminal): string[] {
  const starts = [...tally.windows.keys()].sort((a, b) => (a < b ? -1 : 1)).slice(-WINDOWS_SHOWN);
  const totals = starts.map((start) => [...tally.windows.get(start)!.bids.values()].reduce((sum, bids) => sum + bids, 0n));
  const newest = Math.max(0, ...starts.map((start) => tally.windows.get(start)!.changedInBatch));
  const head = colors.dim(`  window   ${MEDIA.map((medium) => medium.padStart(10)).join("")}    all bids`);
  const lines = starts.map((start, index) => {
    const { bids, changedInBatch } = tally.windows.get(start)!;
    const paint = changedInBatch === newest ? colors.cyan : colors.dim;
    const cells = MEDIA.map((medium) => grouped(bids.get(medium) ?? 0n).padStart(10)).join("");
    return `  ${timeOfDay(new Date(Number(start / 1000n)).toISOString())} ${paint(`${cells}${grouped(totals[index]!).padStart(12)}`)}`;
  });
  return [head, ...lines, ...Array<string>(WINDOWS_SHOWN - lines.length).fill("")];
}

/** The time in an ISO 8601 text. */
function timeOfDay(iso: string): string {
  return iso === "" ? "not set" : iso.slice(11, 19);
}
