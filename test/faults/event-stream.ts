/**
 * Input files for queries that are killed, and what must come out: the windows of `window-query.mjs` recomputed in plain TypeScript. Times of
 * neighbouring files overlap, but no row is ever late, however the files are cut into batches, so the output does not depend on batches.
 */
import { mkdirSync, renameSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface Event {
  readonly ts: string;
  readonly key: string | null;
  readonly value: number | null;
}

const START_SECOND = 1_700_000_000;
const SECONDS_PER_FILE = 7;
/** Longer than `SECONDS_PER_FILE` by less than the watermark delay of 5 s. */
const FILE_SPAN_MS = 11_000;
const WINDOW_MS = 10_000;
const KEYS = ["a", "b", "ключ", 'quo"te', "", null, "a longer key that is not kept inline"];

/** Numbers in [0, 1) that depend on the seed only. */
export function seededNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Files of events in `<directory>/in`, each complete when it appears, with a modification time that gives their order. */
export class EventStream {
  readonly #directory: string;
  readonly #random: () => number;
  readonly #windows = new Map<string, { n: number; total: bigint | null }>();
  #files = 0;

  constructor(directory: string, random: () => number) {
    this.#directory = directory;
    this.#random = random;
    mkdirSync(join(directory, "in"), { recursive: true });
  }

  add(files: number, rowsPerFile = 60): void {
    for (let i = 0; i < files; i++) {
      const from = (START_SECOND + this.#files * SECONDS_PER_FILE) * 1000;
      const events = Array.from({ length: rowsPerFile }, (): Event => {
        const ts = new Date(from + Math.floor(this.#random() * FILE_SPAN_MS)).toISOString();
        const key = KEYS[Math.floor(this.#random() * KEYS.length)]!;
        return { ts, key, value: this.#random() < 0.05 ? null : Math.floor((this.#random() - 0.3) * 2 ** 45) };
      });
      events.forEach((event) => this.count(event));
      this.#write(events);
    }
  }

  /** An event of the far future, which closes all windows but its own. */
  finish(): void {
    this.#write([{ ts: "2100-01-01T00:00:00.000Z", key: "end", value: 0 }]);
  }

  /** The rows of all windows that `finish` closes: `[start, key, n, total]` as JSON, sorted. */
  expected(): readonly string[] {
    return [...this.#windows].map(([id, { n, total }]) => JSON.stringify([...(JSON.parse(id) as unknown[]), n, String(total)])).sort();
  }

  /** Counts an event that is in the input otherwise. */
  count({ ts, key, value }: Event): void {
    const start = new Date(Math.floor(Date.parse(ts) / WINDOW_MS) * WINDOW_MS).toISOString();
    const id = JSON.stringify([start, key]);
    const window = this.#windows.get(id) ?? { n: 0, total: null };
    window.n++;
    if (value !== null) window.total = (window.total ?? 0n) + BigInt(value);
    this.#windows.set(id, window);
  }

  #write(events: readonly Event[]): void {
    const hidden = join(this.#directory, `in/.${this.#files}.json`);
    writeFileSync(hidden, events.map((event) => `${JSON.stringify(event)}\n`).join(""));
    utimesSync(hidden, START_SECOND + this.#files, START_SECOND + this.#files);
    renameSync(hidden, join(this.#directory, `in/${String(this.#files).padStart(5, "0")}.json`));
    this.#files++;
  }
}
