/**
 * Formats by name: the coordinator's half of every connector. A session makes one registry. Main thread. The workers' halves are in
 * `readers.ts` and `writers.ts`.
 */
import { AnalysisError, suggest } from "../base/errors.ts";
import { consoleSink } from "./console/console-sink.ts";
import { fileSink } from "./file/file-sink.ts";
import { fileSource } from "./file/file-source.ts";
import { csvFormat, jsonFormat, textFormat } from "./file/text-formats.ts";
import { foreachBatchSink } from "./foreach-batch/foreach-batch-sink.ts";
import { foreachSink } from "./foreach/foreach-sink.ts";
import { memorySink } from "./memory/memory-sink.ts";
import { type MemoryStream, memorySource } from "./memory/memory-stream.ts";
import { nexmarkSource } from "./nexmark/nexmark-source.ts";
import { noopSink } from "./noop/noop-sink.ts";
import { parquetFormat } from "./parquet/parquet-format.ts";
import { rateMicroBatchSource } from "./rate/rate-micro-batch-source.ts";
import { rateSource } from "./rate/rate-source.ts";
import { socketSource } from "./socket/socket-source.ts";
import type { SinkProvider } from "./sink.ts";
import type { SourceProvider } from "./source.ts";
import { stateMetadataSource } from "./statestore/state-metadata-source.ts";
import { stateStoreSource } from "./statestore/state-source.ts";

/** Formats that Spark has, that the documentation names, and that are not here yet; and what to do instead. */
const PLANNED: ReadonlyMap<string, string> = new Map([
  ["kafka", "Bring the records as files, or through foreachBatch."],
  ["avro", "Use parquet or json."],
  ["orc", "Use parquet or json."],
  ["xml", "Use json or text."],
]);

const FILE_FORMATS = [csvFormat, jsonFormat, parquetFormat, textFormat];

export class ConnectorRegistry {
  /** Streams that programs fill, by the name in option `stream` of format `memory`. */
  readonly memoryStreams: Map<string, MemoryStream>;
  readonly #sources: Map<string, SourceProvider>;
  readonly #sinks: Map<string, SinkProvider>;

  /** With the formats of `origin`, and its memory streams for ever; else with all that Millrace brings. */
  constructor(origin?: ConnectorRegistry) {
    this.memoryStreams = origin?.memoryStreams ?? new Map();
    this.#sources = new Map(origin ? origin.#sources : []);
    this.#sinks = new Map(origin ? origin.#sinks : []);
    if (origin) return;
    const streams = [memorySource(this.memoryStreams), nexmarkSource, rateSource, rateMicroBatchSource, socketSource];
    const sources = [...streams, stateMetadataSource, stateStoreSource];
    for (const source of [...sources, ...FILE_FORMATS.map(fileSource)]) this.addSource(source);
    const sinks = [consoleSink, foreachBatchSink, foreachSink, memorySink, noopSink];
    for (const sink of [...sinks, ...FILE_FORMATS.map(fileSink)]) this.addSink(sink);
  }

  /** Adds a source under its name and aliases; the last one wins. */
  addSource(provider: SourceProvider): void {
    for (const name of [provider.name, ...(provider.aliases ?? [])]) this.#sources.set(name.toLowerCase(), provider);
  }

  addSink(provider: SinkProvider): void {
    for (const name of [provider.name, ...(provider.aliases ?? [])]) this.#sinks.set(name.toLowerCase(), provider);
  }

  /** Case-insensitive. Throws `DATA_SOURCE_NOT_FOUND` with the closest names, `UNSUPPORTED_FEATURE.NOT_YET`. */
  source(name: string): SourceProvider {
    return this.#sources.get(name.toLowerCase()) ?? this.#fail(name, "source", this.#sources, this.#sinks);
  }

  sink(name: string): SinkProvider {
    return this.#sinks.get(name.toLowerCase()) ?? this.#fail(name, "sink", this.#sinks, this.#sources);
  }

  #fail(name: string, use: string, wanted: Map<string, { name: string }>, other: Map<string, unknown>): never {
    if (other.has(name.toLowerCase())) throw new AnalysisError("DATA_SOURCE_UNSUPPORTED", { format: name, use });
    const remedy = PLANNED.get(name.toLowerCase());
    if (remedy !== undefined) throw new AnalysisError("UNSUPPORTED_FEATURE.NOT_YET", { feature: `The ${use} ${name}`, remedy });
    const names = [...wanted.values()].map((provider) => provider.name);
    throw new AnalysisError("DATA_SOURCE_NOT_FOUND", { provider: name, suggestion: suggest(name, names, 3).join(", ") });
  }
}
