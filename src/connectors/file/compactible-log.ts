/**
 * A log of numbered entries, each a few lines of JSON, in the form of Spark's CompactibleFileStreamLog: file `N` holds `v1` and the
 * lines that entry N added, every tenth entry also gets a file `N.compact` with all lines that still count. A reader takes the newest
 * compact file and the plain ones after it. Kept by the file source (`sources/<i>`) and the file sink (`_spark_metadata`). Main thread.
 *
 * `N` is written first, as fast as any other, and `N.compact` afterwards in the background: it holds nothing new, so a crash between
 * the two loses nothing, and no entry has to wait for it but the next but one.
 */
import { ConnectorError, newerFile } from "../../base/errors.ts";
import { sealText, unsealText } from "../../base/sealed-text.ts";
import type { LogStore } from "../source.ts";

const VERSION = "v1";
const COMPACT_SUFFIX = ".compact";
const COMPACT_INTERVAL = 10;

export interface CompactibleLogSettings {
  /** Entries between compact files. */
  readonly compactInterval?: number;
  /** Number of the first entry that there ever was; unknown if not given: then a log without compact files begins with the oldest that is there. */
  readonly firstEntry?: number;
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

  /** Number of the newest entry; -1 if there is none. The first call makes up for a compaction that a crash cut off. */
  async latest(): Promise<number> {
    if (this.#latest !== undefined) return this.#latest;
    const names = await this.#store.list();
    this.#latest = Math.max(-1, ...logNumbers(names));
    const due = Math.floor((this.#latest + 1) / this.#interval) * this.#interval - 1;
    if (names.includes(String(due)) && !names.includes(`${due}${COMPACT_SUFFIX}`)) this.#startCompaction(due);
    return this.#latest;
  }

  /** Throws `FILE_LOG_ENTRY_MISSING` unless entry `id`, which somebody counts on, is at most the newest. */
  async reach(id: number): Promise<void> {
    if ((await this.latest()) < id) throw missingEntry(this.#store, String(id), id);
  }

  /** Adds entry `id`, later than all before. False, and nothing changed, if it exists. */
  async add(id: number, lines: readonly string[]): Promise<boolean> {
    await this.#compaction;
    if (!(await this.#store.putIfAbsent(String(id), render(lines)))) return false;
    this.#latest = id;
    if ((id + 1) % this.#interval === 0) this.#startCompaction(id);
    return true;
  }

  /** Whether what the log held when `last` was its newest entry can still be told apart: a later compact file may have taken its place. */
  async reachesBackTo(last: number): Promise<boolean> {
    await this.latest();
    await this.#compaction;
    const names = await this.#store.list();
    const kept = names.filter((name) => (logNumber(name) ?? -1) <= last);
    if (logNumbers(kept).length > 0) return filesToRead(kept, last).every((name) => kept.includes(name));
    return last < 0 || compactNumbers(names).length === 0;
  }

  /** Removes the entries after `last`, newest first, so that the log is whole at every moment; returns how many. See `reachesBackTo`. */
  async removeAfter(last: number): Promise<number> {
    await this.#compaction;
    const later = new Set(logNumbers(await this.#store.list()).filter((number) => number > last));
    for (const number of [...later].sort((a, b) => b - a)) {
      await this.#store.remove(`${number}${COMPACT_SUFFIX}`);
      await this.#store.remove(String(number));
    }
    this.#latest = undefined;
    return later.size;
  }

  /** Lines that entry `id` added, or null if its own file is gone. */
  async entry(id: number): Promise<readonly string[] | null> {
    const text = await this.#store.read(String(id));
    if (text === null) return null;
    const { lines } = parse(this.#store, String(id), text);
    // Whether an entry may have no lines, the others tell.
    if (lines.length === 0) await this.all();
    return lines;
  }

  /** All lines that count, oldest first. */
  all(): Promise<string[]> {
    return readCompactibleLog(this.#store, Number.POSITIVE_INFINITY, this.#settings.firstEntry);
  }

  /** Waits for work in the background; throws what went wrong there. */
  async settle(): Promise<void> {
    await this.#compaction;
  }

  get #interval(): number {
    return this.#settings.compactInterval ?? COMPACT_INTERVAL;
  }

  #startCompaction(id: number): void {
    this.#compaction = this.#compact(id);
    // Whoever comes next sees the failure; it must not be an unhandled rejection until then.
    this.#compaction.catch(() => undefined);
  }

  async #compact(id: number): Promise<void> {
    const lines = await readCompactibleLog(this.#store, id, this.#settings.firstEntry);
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
    // What cannot be removed now costs only space; the next compaction tries again.
    for (const name of names.filter(isOld)) await this.#store.remove(name).catch(() => undefined);
  }
}

export type ReadableLog = Pick<LogStore, "directory" | "read" | "list">;

/** All lines that count in a log (up to entry `last`) that somebody else may be writing, oldest first. */
export async function readCompactibleLog(store: ReadableLog, last = Number.POSITIVE_INFINITY, firstEntry?: number): Promise<string[]> {
  // Files that were listed may be compacted away before they are read: then the compact file is there.
  return (await tryRead(store, last, firstEntry)) ?? (await tryRead(store, last, firstEntry)) ?? raiseMissing(store, firstEntry);
}

async function tryRead(store: ReadableLog, last: number, firstEntry: number | undefined): Promise<string[] | null> {
  const files: ParsedFile[] = [];
  for (const name of filesToRead(await store.list(), last, firstEntry)) {
    const text = await store.read(name);
    if (text === null) return null;
    files.push(parse(store, name, text));
  }
  // Spark writes files without lines, Millrace does not: among its own it is one that was cut off.
  const empty = files.find(({ lines }) => lines.length === 0);
  if (empty && files.some(({ isSealed }) => isSealed)) throw malformed(store, empty.name, "it has no lines");
  return files.flatMap(({ lines }) => lines);
}

/** The newest compact file and every entry after it. */
function filesToRead(names: readonly string[], last: number, firstEntry?: number): string[] {
  const numbers = logNumbers(names).filter((number) => number <= last);
  const compact = Math.max(-1, ...compactNumbers(names).filter((number) => number <= last));
  const latest = Math.max(-1, ...numbers);
  const first = compact < 0 ? (firstEntry ?? Math.min(...numbers)) : compact + 1;
  const entries = Array.from({ length: Math.max(0, latest - first + 1) }, (_, index) => String(first + index));
  return compact < 0 ? entries : [`${compact}${COMPACT_SUFFIX}`, ...entries];
}

async function raiseMissing(store: ReadableLog, firstEntry: number | undefined): Promise<never> {
  const names = await store.list();
  const entry = filesToRead(names, Number.POSITIVE_INFINITY, firstEntry).find((name) => !names.includes(name)) ?? "?";
  throw missingEntry(store, entry, Math.max(...logNumbers(names)));
}

const missingEntry = ({ directory }: ReadableLog, entry: string, latest: number): ConnectorError =>
  new ConnectorError("FILE_LOG_ENTRY_MISSING", { entry: `${directory}/${entry}`, latest: String(latest) });

/** The checksum is in the last line; what the lines of another file had is taken out when they are read. */
function render(lines: readonly string[]): string {
  const text = [VERSION, ...lines].join("\n");
  return lines.length === 0 ? text : sealText(text);
}

interface ParsedFile {
  readonly name: string;
  readonly lines: string[];
  /** Whether it has a checksum: what Spark wrote has none. */
  readonly isSealed: boolean;
}

function parse(store: ReadableLog, name: string, sealed: string): ParsedFile {
  const unsealed = unsealText(sealed);
  if (unsealed === null) throw malformed(store, name, "its checksum is wrong");
  const { text, isSealed } = unsealed;
  const [version, ...lines] = text.split("\n") as [string, ...string[]];
  const number = Number(/^v(\d+)$/.exec(version)?.[1]);
  if (number > 1) throw newerFile(`${store.directory}/${name}`, 1, number);
  if (version !== VERSION) throw malformed(store, name, text.slice(0, 80));
  if (!isSealed && text.includes(',"millrace":{')) throw malformed(store, name, "its checksum is missing");
  const entries = lines.filter((line) => line !== "");
  const broken = isSealed ? undefined : entries.find((line) => !isJson(line));
  if (broken !== undefined) throw malformed(store, name, broken.slice(0, 80));
  return { name, lines: entries, isSealed };
}

function isJson(line: string): boolean {
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}

const malformed = ({ directory }: ReadableLog, name: string, content: string) =>
  new ConnectorError("DATA_SOURCE_LOG_MALFORMED", { file: `${directory}/${name}`, content });

/** Number of `N` or `N.compact`; null for other names. */
function logNumber(name: string): number | null {
  const match = /^(\d+)(\.compact)?$/.exec(name);
  return match ? Number(match[1]) : null;
}

const logNumbers = (names: readonly string[]): number[] => names.map(logNumber).filter((number) => number !== null);
const compactNumbers = (names: readonly string[]): number[] => logNumbers(names.filter((name) => name.endsWith(COMPACT_SUFFIX)));
