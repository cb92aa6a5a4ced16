/**
 * Writes a stream into a directory, exactly once, or a batch. Mirrors Spark's FileStreamSink: workers put part files into their final
 * place, and the manifest (`sink-manifest.ts`) lists those that count. A batch counts with its manifest entry and not before. Main thread.
 */
import { basename, join } from "node:path";
import { makeDurableDirectory } from "../../base/durable-directory.ts";
import { AnalysisError, CheckpointError, ConnectorError, IllegalArgumentError } from "../../base/errors.ts";
import type { Clock, FileSystem } from "../../base/ports.ts";
import { simpleString, type StructType, structType } from "../../columnar/types.ts";
import type { BatchAttempt, SaveMode, SinkContext, SinkOutput, SinkProvider, StreamSink } from "../sink.ts";
import { CompactibleLog } from "./compactible-log.ts";
import type { FileFormat } from "./file-format.ts";
import { fileUri, localPath } from "./file-listing.ts";
import { fileWriteOptions } from "./file-options.ts";
import type { FileWriterSettings, WrittenFiles } from "./file-writer.ts";
import { attemptUuid } from "./part-names.ts";
import { type ManifestEntry, MANIFEST_DIRECTORY, manifestLine, parseManifestLine } from "./sink-manifest.ts";

export function fileSink(format: FileFormat): SinkProvider {
  return {
    name: format.name,
    options: { ...fileWriteOptions, ...format.writeOptions },
    outputModes: ["append"],
    allowsTemporaryCheckpoint: false,
    async create(context) {
      if (context.outputMode !== "append")
        throw new AnalysisError("STREAMING_OUTPUT_MODE.UNSUPPORTED_DATASOURCE", { className: format.name, outputMode: context.outputMode });
      const directory = await targetDirectory(context, format);
      // From here on readers go by the manifest, so they never see files of a batch that is not committed.
      await makeTarget(context.ports.files, join(directory, MANIFEST_DIRECTORY));
      return new FileStreamSink(context, format, directory);
    },
    async createBatch(context, mode) {
      const directory = await targetDirectory(context, format);
      const existing = await context.ports.files.list(directory);
      if (existing.length > 0) {
        if (mode === "ignore") return null;
        if (mode === "errorifexists") throw new AnalysisError("PATH_ALREADY_EXISTS", { outputPath: fileUri(directory) });
      }
      return new FileBatchSink(context, format, directory, mode);
    },
  };
}

async function targetDirectory(context: SinkContext, format: FileFormat): Promise<string> {
  const { ports, partitionBy, schema, options } = context;
  const path = context.path ?? options.get<string | null>("path");
  if (path === null)
    throw new IllegalArgumentError("DATA_SOURCE_OPTION_MISSING", { option: "path", format: format.name, reason: "it says where to write" });
  if (hasEmptyStruct(schema)) throw new AnalysisError("EMPTY_SCHEMA_NOT_SUPPORTED_FOR_DATASOURCE", { format: format.label });
  for (const column of partitionBy) {
    if (!schema.fields.some((field) => field.name.toLowerCase() === column.toLowerCase()))
      throw new AnalysisError("PARTITION_COLUMN_NOT_FOUND", { column, schema: simpleString(schema) });
  }
  if (partitionBy.length > 0 && partitionBy.length === schema.fields.length) throw new AnalysisError("ALL_PARTITION_COLUMNS_NOT_ALLOWED");
  const isPartition = (name: string): boolean => partitionBy.some((column) => column.toLowerCase() === name.toLowerCase());
  format.checkSchema?.(structType(schema.fields.filter((field) => !isPartition(field.name))));
  const directory = localPath(path);
  await makeTarget(ports.files, directory);
  return directory;
}

/** Whether rows, or structs in them, have no fields. */
const hasEmptyStruct = ({ fields }: StructType): boolean =>
  fields.length === 0 || fields.some(({ dataType }) => dataType.kind === "struct" && hasEmptyStruct(dataType));

async function makeDurable(files: FileSystem, directory: string): Promise<void> {
  try {
    await files.syncDirectory(directory);
  } catch (cause) {
    throw new ConnectorError("TASK_WRITE_FAILED", { path: directory, reason: (cause as Error).message }, { cause });
  }
}

/** Makes the directory and those above it; their names survive a power loss. Throws `TASK_WRITE_FAILED`. */
async function makeTarget(files: FileSystem, directory: string): Promise<void> {
  try {
    await makeDurableDirectory(files, directory);
  } catch (cause) {
    throw new ConnectorError("TASK_WRITE_FAILED", { path: directory, reason: (cause as Error).message }, { cause });
  }
}

const delivery = ({ options, partitionBy, queryId }: SinkContext, format: FileFormat, directory: string): StreamSink["delivery"] => {
  const settings: FileWriterSettings = {
    format: format.name,
    directory,
    extension: format.extension(options),
    queryId,
    partitionBy,
    options: options.entries,
  };
  return { kind: "worker", writer: "file", settings };
};

const writtenFiles = ({ messages }: SinkOutput): WrittenFiles["files"] =>
  messages.flatMap((message) => (message as WrittenFiles | null)?.files ?? []);

/** Removes part files of an attempt wherever they are under `directory`. Failures do not matter: the files count for nothing. */
async function removeAttempt(files: FileSystem, directory: string, uuid: string): Promise<void> {
  for (const child of await files.list(directory)) {
    if (child.isDirectory && basename(child.path).includes("=")) await removeAttempt(files, child.path, uuid);
    else if (basename(child.path).includes(`-${uuid}-`)) await files.remove(child.path).catch(() => undefined);
  }
}

class FileStreamSink implements StreamSink {
  readonly description: string;
  readonly delivery: StreamSink["delivery"];
  readonly #files: FileSystem;
  readonly #clock: Clock;
  readonly #directory: string;
  readonly #queryId: string;
  readonly #log: CompactibleLog;

  constructor(context: SinkContext, format: FileFormat, directory: string) {
    this.description = `FileSink[file:${directory}]`;
    this.delivery = delivery(context, format, directory);
    this.#files = context.ports.files;
    this.#clock = context.ports.clock;
    this.#directory = directory;
    this.#queryId = context.queryId;
    const retentionMs = context.options.get<number | null>("retention") ?? Number.POSITIVE_INFINITY;
    this.#log = new CompactibleLog(context.openLog(join(directory, MANIFEST_DIRECTORY)), {
      retain: (lines, id) => retainedLines(lines, id, this.#clock.nowMs() - retentionMs),
    });
  }

  async lookup(batchId: number): Promise<string | null> {
    const receipt = await this.#receipt(batchId);
    if (receipt?.queryId !== this.#queryId) return null;
    // A process may have died between the entry's link and the sync that makes it last.
    await makeDurable(this.#files, join(this.#directory, MANIFEST_DIRECTORY));
    return receipt.attempt;
  }

  async commit(batch: BatchAttempt, output: SinkOutput): Promise<void> {
    if (batch.batchId <= (await this.#log.latest())) return this.#skip(batch);
    const receipt = { batchId: batch.batchId, queryId: this.#queryId, attempt: batch.attempt };
    const files = writtenFiles(output);
    const lines = await Promise.all(
      files.map(async ({ path, sizeBytes }, index) => {
        const stat = await this.#files.stat(path);
        if (stat?.sizeBytes !== sizeBytes)
          throw new ConnectorError("TASK_WRITE_FAILED", { path, reason: `it has ${stat?.sizeBytes ?? 0} bytes instead of ${sizeBytes}` });
        const file = { uri: fileUri(path), sizeBytes, modifiedMs: Math.floor(stat.modifiedMs), isDirectory: false };
        return manifestLine(file, index === 0 ? receipt : null);
      }),
    );
    if (lines.length === 0) {
      const directory = { uri: fileUri(this.#directory), sizeBytes: 0, modifiedMs: Math.floor(this.#clock.nowMs()), isDirectory: true };
      lines.push(manifestLine(directory, receipt));
    }
    if (!(await this.#log.add(batch.batchId, lines)))
      throw new CheckpointError("CONCURRENT_STREAM_LOG_UPDATE", { batchId: String(batch.batchId) });
  }

  async abort({ attempt }: BatchAttempt): Promise<void> {
    await removeAttempt(this.#files, this.#directory, attemptUuid(this.#queryId, attempt));
  }

  async stop(): Promise<void> {
    await this.#log.settle();
  }

  /**
   * The batch is in the manifest: this query's, written before a restart, or Spark's. Another query's would be a loss of data; where compaction has
   * left nothing of the batch, the newest entry tells whose manifest it is.
   */
  async #skip(batch: BatchAttempt): Promise<void> {
    const receipt = (await this.#receipt(batch.batchId)) ?? (await this.#receipt(await this.#log.latest()));
    if (receipt && receipt.queryId !== this.#queryId)
      throw new ConnectorError("FILE_SINK_FOREIGN_MANIFEST", {
        path: fileUri(this.#directory),
        batchId: String(batch.batchId),
        otherQueryId: receipt.queryId,
      });
    if (receipt?.attempt !== batch.attempt) await this.abort(batch);
  }

  async #receipt(batchId: number): Promise<ManifestEntry["millrace"] | null> {
    const lines = (await this.#log.entry(batchId)) ?? (await this.#log.all());
    for (const line of lines) {
      const { millrace } = parseManifestLine(line);
      if (millrace?.batchId === batchId) return millrace;
    }
    return null;
  }
}

/** What a compact file carries on: no marks of old empty batches, no files older than the retention allows. */
function retainedLines(lines: readonly string[], id: number, oldestMs: number): readonly string[] {
  return lines.filter((line) => {
    const entry = parseManifestLine(line);
    return entry.millrace?.batchId === id || (!entry.isDir && entry.modificationTime >= oldestMs);
  });
}

/** A batch write: no manifest, `_SUCCESS` at the end. Overwriting removes what was there when the new files are complete. */
class FileBatchSink implements StreamSink {
  readonly description: string;
  readonly delivery: StreamSink["delivery"];
  readonly #files: FileSystem;
  readonly #directory: string;
  readonly #queryId: string;
  readonly #mode: SaveMode;

  constructor(context: SinkContext, format: FileFormat, directory: string, mode: SaveMode) {
    this.description = `File[file:${directory}]`;
    this.delivery = delivery(context, format, directory);
    this.#files = context.ports.files;
    this.#directory = directory;
    this.#queryId = context.queryId;
    this.#mode = mode;
  }

  async lookup(): Promise<string | null> {
    return null;
  }

  async commit(_batch: BatchAttempt, output: SinkOutput): Promise<void> {
    const success = join(this.#directory, "_SUCCESS");
    if (this.#mode === "overwrite") await this.#removeOthers(this.#directory, new Set(writtenFiles(output).map(({ path }) => path)));
    else await this.#files.remove(success);
    await this.#files.writeNew(success, new Uint8Array(0));
    await this.#files.syncDirectory(this.#directory);
  }

  async abort({ attempt }: BatchAttempt): Promise<void> {
    await removeAttempt(this.#files, this.#directory, attemptUuid(this.#queryId, attempt));
  }

  async stop(): Promise<void> {}

  async #removeOthers(directory: string, kept: ReadonlySet<string>): Promise<void> {
    for (const child of await this.#files.list(directory)) {
      const holdsKept = child.isDirectory && [...kept].some((path) => path.startsWith(`${child.path}/`));
      if (holdsKept) await this.#removeOthers(child.path, kept);
      else if (!kept.has(child.path)) await this.#files.remove(child.path);
    }
  }
}
