/**
 * A log of numbered entries, each a few lines of JSON, in the form of Spark's CompactibleFileStreamLog: file `N` holds `v1` and the
 * lines that entry N added, every tenth entry also gets a file `N.compact` with all lines that still count. A reader takes the newest
 * compact file and the plain ones after it. Kept by the file source (`sources/<i>`) and the file sink (`_spark_metadata`). Main thread.
 *
 * `N` is written first, as fast as any other, and `N.compact` afterwards in the background: it holds nothing new, so a crash between
 * the two loses nothing, and no entry has to wait for it but the next but one.
 */
import { ConnectorError } from "../../base/errors.ts";
import type { LogStore } from "../source.ts";

const VERSION = "v1";
const COMPACT_SUFFIX = ".compact";
const COMPACT_INTERVAL = 10;

export interface CompactibleLogSettings {
  /** Entries between compact files. */
  readonly compactInterval?: number;
  /** Lines to carry into the compact file of entry `id`, made from those of the one before and all since. Default: every line. */
  retain?(lines: readonly string[], id: number): readonly string[];
}

export class CompactibleLog {
  readonly #store: LogStore;
  readonly #settings: CompactibleLogSettings;
  #latest: number | undefined;
  #compaction: Promise<void> = Promise.resolve();

  constructor(store: LogStore, settings: CompactibleLogSettings = {}) {
    this.#store = store;
    this.#settings = settings;
  }

  /** Number of the newest entry; -1 if there is none. */
  async latest(): Promise<number> {
    this.#latest ??= Math.max(-1, ...logNumbers(await this.#store.list()));
    return this.#latest;
  }

  /** Adds entry `id`, later than all before. False, and nothing changed, if it exists. */
  async add(id: number, lines: readonly string[]): Promise<boolean> {
    await this.#compaction;
    if (!(await this.#store.putIfAbsent(String(id), render(lines)))) return false;
    this.#latest = id;
    if ((id + 1) % (this.#settings.compactInterval ?? COMPACT_INTERVAL) === 0) {
      this.#compaction = this.#compact(id);
      // Whoever comes next sees the failure; it must not be an unhandled rejection until then.
      this.#compaction.catch(() => undefined);
    }
    return true;
  }

  /** Lines that entry `id` added, or null if its own file is gone. */
  async entry(id: number): Promise<readonly string[] | null> {
    const text = await this.#store.read(String(id));
    return text === null ? null : parse(String(id), text);
  }

  /** All lines that count, oldest first. */
  all(): Promise<string[]> {
    return readCompactibleLog(this.#store);
  }

  /** Waits for work in the background; throws what went wrong there. */
  async settle(): Promise<void> {
    await this.#compaction;
  }

  async #compact(id: number): Promise<void> {
    const lines = await this.all();
    await this.#store.putIfAbsent(`${id}${COMPACT_SUFFIX}`, render(this.#settings.retain?.(lines, id) ?? lines));
    // Readers that listed the directory a moment ago may be at work on the compact file before this one and its successors.
    const names = await this.#store.list();
    const previous = compactNumbers(names)
      .filter((compact) => compact < id)
      .sort((a, b) => b - a)[0];
    if (previous === undefined) return;
    const isOld = (name: string): boolean => {
      const number = logNumber(name);
      return number !== null && number < previous;
    };
    for (const name of names.filter(isOld)) await this.#store.remove(name);
  }
}

/** All lines that count in a log that somebody else may be writing, oldest first. */
export async function readCompactibleLog(store: Pick<LogStore, "read" | "list">): Promise<string[]> {
  const names = await store.list();
  const compact = Math.max(-1, ...compactNumbers(names));
  const latest = Math.max(-1, ...logNumbers(names));
  const wanted = [
    ...(compact < 0 ? [] : [`${compact}${COMPACT_SUFFIX}`]),
    ...Array.from({ length: latest - compact }, (_, index) => String(compact + 1 + index)),
  ];
  const first = Math.min(...logNumbers(names));
  const lines: string[] = [];
  for (const name of wanted) {
    // A log may begin later than 0: its first query started elsewhere.
    if (compact < 0 && Number(name) < first) continue;
    const text = await store.read(name);
    if (text === null) throw new ConnectorError("FILE_LOG_ENTRY_MISSING", { entry: name, latest: String(latest) });
    lines.push(...parse(name, text));
  }
  return lines;
}

function render(lines: readonly string[]): string {
  return [VERSION, ...lines].join("\n");
}

function parse(name: string, text: string): string[] {
  const [version, ...lines] = text.split("\n");
  if (version !== VERSION) throw new ConnectorError("DATA_SOURCE_LOG_MALFORMED", { file: name, content: text.slice(0, 80) });
  return lines.filter((line) => line !== "");
}

/** Number of `N` or `N.compact`; null for other names. */
function logNumber(name: string): number | null {
  const match = /^(\d+)(\.compact)?$/.exec(name);
  return match ? Number(match[1]) : null;
}

const logNumbers = (names: readonly string[]): number[] => names.map(logNumber).filter((number) => number !== null);
const compactNumbers = (names: readonly string[]): number[] => logNumbers(names.filter((name) => name.endsWith(COMPACT_SUFFIX)));
