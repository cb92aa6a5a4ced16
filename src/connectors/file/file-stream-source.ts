/**
 * Files that appear in a directory, as a stream. Mirrors Spark's FileStreamSource: `latestOffset` lists, picks new files within the
 * limit and writes them into the source's log under the next number, which is the offset (`{"logOffset":N}`); `plan` reads them back
 * from there, so the same offsets always mean the same files. Main thread.
 */
import { basename, dirname, join } from "node:path";
import { CheckpointError, ConnectorError, IllegalArgumentError } from "../../base/errors.ts";
import type { FileSystem } from "../../base/ports.ts";
import { type ConnectorOptions, parseByteSize } from "../options.ts";
import type { Offset, ReadLimit, SourceContext, Split, StreamSource } from "../source.ts";
import { CompactibleLog } from "./compactible-log.ts";
import type { FileFormat } from "./file-format.ts";
import { fileUri, type FoundFile, type Listing, localPath, pathOfUri } from "./file-listing.ts";
import { fileSplits } from "./file-splits.ts";
import { SeenFiles } from "./seen-files.ts";

/** One line of the log. Spark's members, and what planning needs to know about the file as it was when it was listed. */
interface LogLine {
  readonly path: string;
  readonly timestamp: number;
  readonly batchId: number;
  readonly millrace?: { readonly size: number; readonly partitions: FoundFile["partitions"] };
}

/** Log entries whose files are carried over however old they are: their micro-batches may have to run again. */
const ENTRIES_KEPT = 200;

export class FileStreamSource implements StreamSource {
  readonly description: string;
  readonly defaultLimit: ReadLimit;
  readonly supportsAvailableNow = true;
  readonly #context: SourceContext;
  readonly #fileSystem: FileSystem;
  readonly #options: ConnectorOptions;
  readonly #format: FileFormat;
  readonly #list: () => Promise<Listing>;
  readonly #log: CompactibleLog;
  readonly #seen: SeenFiles;
  /** Listed, new, and left over for the next batches. */
  #unread: FoundFile[] = [];
  /** What Trigger.AvailableNow may still read. */
  #available: FoundFile[] | null = null;
  #logOffset = -1;
  #cleanedUpTo = -1;

  private constructor(context: SourceContext, format: FileFormat, list: () => Promise<Listing>) {
    const { options } = context;
    this.#context = context;
    this.#fileSystem = context.ports.files;
    this.#options = options;
    this.#format = format;
    this.#list = list;
    this.description = `FileStreamSource[${context.paths.map((path) => `file:${localPath(path)}`).join(", ")}]`;
    const limit = fileLimit(options);
    this.defaultLimit = limit ?? { kind: "max_bytes", bytes: parseByteSize(context.conf.get("millrace.maxBytesPerBatch") ?? "1g")! };
    const isUnaged = options.get<boolean>("latestFirst") && limit !== null;
    this.#seen = new SeenFiles(isUnaged ? Number.POSITIVE_INFINITY : options.get("maxFileAge"), options.get("fileNameOnly"));
    this.#log = new CompactibleLog(context.log!, { firstEntry: 0, retain: (lines, id) => this.#retained(lines, id) });
  }

  /** Goes on from the source's log. `list` lists what is there now. */
  static async open(context: SourceContext, format: FileFormat, list: () => Promise<Listing>): Promise<FileStreamSource> {
    const source = new FileStreamSource(context, format, list);
    if (context.options.get<string>("cleanSource") !== "off") checkCleanSource(context, (await list()).hasManifest);
    source.#logOffset = await source.#log.latest();
    for (const { path, timestamp } of (await source.#log.all()).map(parseLine)) source.#seen.add(pathOfUri(path), timestamp);
    source.#seen.purge();
    return source;
  }

  async prepareAvailableNow(): Promise<void> {
    this.#available = await this.#newFiles();
    this.#unread = [];
  }

  async latestOffset(start: Offset | null, limit: ReadLimit): Promise<Offset | null> {
    // Else files would be taken for read that are not, or be read again.
    await this.#log.reach(logOffset(start));
    const files = await this.#select(limit);
    if (files.length > 0) {
      const id = this.#logOffset + 1;
      const lines = files.map(({ path, modifiedMs, sizeBytes, partitions }): string => {
        const line: LogLine = { path: fileUri(path), timestamp: modifiedMs, batchId: id, millrace: { size: sizeBytes, partitions } };
        return JSON.stringify(line);
      });
      if (!(await this.#log.add(id, lines))) throw new CheckpointError("CONCURRENT_STREAM_LOG_UPDATE", { batchId: String(id) });
      this.#logOffset = id;
    }
    return this.#logOffset < 0 ? null : { logOffset: this.#logOffset };
  }

  async reportLatest(): Promise<Offset | null> {
    return this.#logOffset < 0 ? null : { logOffset: this.#logOffset };
  }

  async plan(start: Offset | null, end: Offset): Promise<readonly Split[]> {
    const files = await this.#filesBetween(logOffset(start), logOffset(end));
    return fileSplits(files, this.#format.name, this.#format.isSplittable(this.#options), this.#context.parallelism);
  }

  /** Archives or deletes what has been read, as far as asked for. */
  async commit(end: Offset): Promise<void> {
    const mode = this.#options.get<string>("cleanSource");
    const to = logOffset(end);
    if (mode === "off" || to <= this.#cleanedUpTo) return;
    // After a restart only the last batch is cleaned again, in case it was not before.
    const from = this.#cleanedUpTo < 0 ? to - 1 : this.#cleanedUpTo;
    this.#cleanedUpTo = to;
    for (const { path } of await this.#filesBetween(from, to))
      await (mode === "delete" ? this.#fileSystem.remove(path) : this.#archive(path));
  }

  metrics(): Readonly<Record<string, string>> {
    return { numFilesSeen: String(this.#seen.size), numFilesUnread: String(this.#available?.length ?? this.#unread.length) };
  }

  async stop(): Promise<void> {
    await this.#log.settle();
  }

  /** The files of the next batch, no longer new after this. */
  async #select(limit: ReadLimit): Promise<FoundFile[]> {
    const isNewestFirst = this.#options.get<boolean>("latestFirst");
    if (this.#available === null && (this.#unread.length === 0 || isNewestFirst)) this.#unread = await this.#newFiles();
    const source = this.#available ?? this.#unread;
    const { taken, left } = takeFiles(source, limit);
    if (this.#available) this.#available = left;
    else {
      const isWorthKeeping = !isNewestFirst && !isLeftoverSmall(left, limit, this.#options.get("discardCachedInputRatio"));
      this.#unread = isWorthKeeping ? left.slice(0, this.#options.get<number>("maxCachedFiles")) : [];
    }
    for (const file of taken) this.#seen.add(file.path, file.modifiedMs);
    this.#seen.purge();
    return taken;
  }

  async #newFiles(): Promise<FoundFile[]> {
    const { files } = await this.#list();
    const sign = this.#options.get<boolean>("latestFirst") ? -1 : 1;
    const names = new Set<string>();
    const byNameOnly = this.#options.get<boolean>("fileNameOnly");
    return files
      .filter((file) => this.#seen.isNew(file.path, file.modifiedMs))
      .sort((a, b) => sign * (a.modifiedMs - b.modifiedMs) || (a.path < b.path ? -1 : 1))
      .filter((file) => !byNameOnly || (!names.has(basename(file.path)) && names.add(basename(file.path))));
  }

  async #filesBetween(start: number, end: number): Promise<FoundFile[]> {
    const lines: LogLine[] = [];
    for (let id = start + 1; id <= end; id++) {
      const entry = await this.#log.entry(id);
      if (entry === null) {
        // Compacted away: the compact file still knows which entry each line came from.
        const all = (await this.#log.all()).map(parseLine);
        return this.#toFiles(all.filter(({ batchId }) => batchId > start && batchId <= end));
      }
      lines.push(...entry.map(parseLine));
    }
    return this.#toFiles(lines);
  }

  async #toFiles(lines: readonly LogLine[]): Promise<FoundFile[]> {
    return Promise.all(
      lines.map(async ({ path: uri, timestamp, millrace }) => {
        const path = pathOfUri(uri);
        // Logs that Spark wrote do not know sizes.
        const sizeBytes = millrace?.size ?? (await this.#fileSystem.stat(path))?.sizeBytes ?? 0;
        return { path, sizeBytes, modifiedMs: timestamp, partitions: millrace?.partitions ?? {} };
      }),
    );
  }

  #retained(lines: readonly string[], id: number): readonly string[] {
    return lines.filter((text) => {
      const line = parseLine(text);
      return line.timestamp >= this.#seen.purgedBeforeMs || line.batchId > id - ENTRIES_KEPT;
    });
  }

  async #archive(path: string): Promise<void> {
    if (!(await this.#fileSystem.stat(path))) return;
    const target = join(localPath(this.#options.get("sourceArchiveDir")), path);
    await this.#fileSystem.makeDirectory(dirname(target));
    await this.#fileSystem.rename(path, target);
  }
}

/** The limit of the options; null: none is given. */
function fileLimit(options: ConnectorOptions): ReadLimit | null {
  const files = options.get<number | null>("maxFilesPerTrigger");
  const bytes = options.get<number | null>("maxBytesPerTrigger");
  if (files !== null && bytes !== null)
    throw new IllegalArgumentError("DATA_SOURCE_OPTIONS_EXCLUSIVE", { option1: "maxFilesPerTrigger", option2: "maxBytesPerTrigger" });
  if (files !== null) return { kind: "max_files", files };
  return bytes === null ? null : { kind: "max_bytes", bytes };
}

function checkCleanSource({ options, paths }: SourceContext, hasManifest: boolean): void {
  const mode = options.get<string>("cleanSource");
  const refuse = (reason: string) =>
    new IllegalArgumentError("DATA_SOURCE_OPTION_INVALID", { option: "cleanSource", format: "file", value: mode, reason });
  if (hasManifest) throw refuse("the directory is the output of another query, whose manifest must keep pointing to files that exist");
  if (mode !== "archive") return;
  const archive = options.get<string | null>("sourceArchiveDir");
  if (archive === null) throw refuse("sourceArchiveDir says where to, and is not given");
  for (const path of paths.map(localPath)) {
    if (`${localPath(archive)}/`.startsWith(`${path}/`)) throw refuse(`sourceArchiveDir ${archive} lies inside the source ${path}`);
  }
}

function takeFiles(files: readonly FoundFile[], limit: ReadLimit): { taken: FoundFile[]; left: FoundFile[] } {
  let count = files.length;
  if (limit.kind === "max_files") count = Math.min(count, limit.files);
  else if (limit.kind === "max_bytes") {
    let bytes = 0;
    count = files.findIndex((file, index) => (bytes += file.sizeBytes) > limit.bytes && index > 0);
    if (count < 0) count = files.length;
  }
  return { taken: files.slice(0, count), left: files.slice(count) };
}

function isLeftoverSmall(left: readonly FoundFile[], limit: ReadLimit, ratio: number): boolean {
  if (limit.kind === "max_files") return left.length < limit.files * ratio;
  if (limit.kind === "max_bytes") return left.reduce((sum, file) => sum + file.sizeBytes, 0) < limit.bytes * ratio;
  return true;
}

function logOffset(offset: Offset | null): number {
  if (offset === null) return -1;
  const value = typeof offset === "object" ? (offset as { logOffset?: unknown }).logOffset : offset;
  if (typeof value !== "number") throw new ConnectorError("DATA_SOURCE_LOG_MALFORMED", { file: "offset", content: JSON.stringify(offset) });
  return value;
}

const parseLine = (text: string): LogLine => JSON.parse(text) as LogLine;
