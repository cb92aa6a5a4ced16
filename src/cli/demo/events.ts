/**
 * The demo's folder of NDJSON: orders from outside the auction site, some of them malformed. Every line is a pure function of its
 * number, so each run continues where the last one ended. Main thread, before the queries start.
 */
import type { FileSystem } from "../../base/ports.ts";

/** Event time of event 0, epoch ms: that of the Nexmark source. */
const START_MS = 1_436_918_400_000;
const LINES_PER_FILE = 400;
/** One line in so many is cut off in the middle. */
const MALFORMED_EVERY = 97;
const CHANNELS = ["newsletter", "Google", "partner", "newsletter", "Facebook", "walk-in"];

export interface EventFiles {
  /** Number of the first file. */
  readonly first: number;
  readonly count: number;
  /** Event time that one file covers. */
  readonly spanMs: number;
}

/** Writes the files into the existing `directory`; those that are there stay as they are. */
export async function writeEventFiles(files: FileSystem, directory: string, { first, count, spanMs }: EventFiles): Promise<void> {
  for (let file = first; file < first + count; file++) {
    const path = `${directory}/orders-${String(file).padStart(6, "0")}.json`;
    if ((await files.stat(path)) === undefined) await files.writeNew(path, Buffer.from(fileText(file, spanMs)));
  }
}

function fileText(file: number, spanMs: number): string {
  let text = "";
  for (let line = 0; line < LINES_PER_FILE; line++) {
    const number = file * LINES_PER_FILE + line;
    const mixed = Math.imul(number, 0x9e3779b1) >>> 0;
    const json = JSON.stringify({
      auction: 1000 + (mixed % 500),
      channel: CHANNELS[(mixed >>> 9) % CHANNELS.length],
      price: 100 + (mixed % 100_000),
      ts: new Date(START_MS + file * spanMs + Math.floor((line * spanMs) / LINES_PER_FILE)).toISOString(),
    });
    text += number % MALFORMED_EVERY === MALFORMED_EVERY - 1 ? `${json.slice(0, 30)}\n` : `${json}\n`;
  }
  return text;
}
