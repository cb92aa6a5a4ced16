/**
 * Makes the source provider of a file format: `json`, `csv`, `text`, `parquet` differ in their `FileFormat` only. Main thread.
 */
import { AnalysisError, IllegalArgumentError } from "../../base/errors.ts";
import { parseTimestamp } from "../../columnar/parse-text.ts";
import { timeZone } from "../../columnar/time-zone.ts";
import { type StructField, type StructType, structField, structType } from "../../columnar/types.ts";
import type { SourceContext, SourceProvider } from "../source.ts";
import type { FileFormat } from "./file-format.ts";
import { type Listing, listFiles } from "./file-listing.ts";
import { fileReadOptions } from "./file-options.ts";
import { fileSplits } from "./file-splits.ts";
import { FileStreamSource } from "./file-stream-source.ts";
import { inferPartitionType } from "./partition-values.ts";

export function fileSource(format: FileFormat): SourceProvider {
  return {
    name: format.name,
    takesSchema: true,
    options: { ...fileReadOptions, ...format.readOptions },
    async schema(given, isStreaming) {
      const context = withPaths(given);
      if (isStreaming) refuseTimeFilters(context);
      return fileSchema(context, format, isStreaming);
    },
    async createStream(given) {
      const context = withPaths(given);
      return FileStreamSource.open(context, format, () => list(context, true));
    },
    async planBatch(given) {
      const context = withPaths(given);
      const { files } = await list(context, false);
      const sorted = [...files].sort((a, b) => (a.path < b.path ? -1 : 1));
      return fileSplits(sorted, format.name, format.isSplittable(context.options), context.parallelism);
    },
  };
}

/** The paths given to load(), or else the option `path`. */
function withPaths(context: SourceContext): SourceContext {
  const path = context.options.get<string | null>("path");
  return context.paths.length > 0 || path === null ? context : { ...context, paths: [path] };
}

function list({ ports, options, paths, conf }: SourceContext, isStreaming: boolean): Promise<Listing> {
  const time = (name: string): number | null => {
    const text = options.get<string | null>(name);
    if (text === null || isStreaming) return null;
    const micros = parseTimestamp(text, timeZone(zoneOf(conf)));
    if (micros === undefined)
      throw new AnalysisError("DATA_SOURCE_OPTION_INVALID", { option: name, format: "file", value: text, reason: "it is not a timestamp" });
    return Number(micros / 1000n);
  };
  return listFiles(ports.files, paths, {
    isRecursive: options.get("recursiveFileLookup"),
    nameGlob: options.get("pathGlobFilter"),
    modifiedBeforeMs: time("modifiedBefore"),
    modifiedAfterMs: time("modifiedAfter"),
    ignoresManifest: conf.get("spark.sql.streaming.fileStreamSink.ignoreMetadata") === "true",
    mayMatchNothing: isStreaming,
  });
}

const zoneOf = (conf: ReadonlyMap<string, string>): string => conf.get("spark.sql.session.timeZone") ?? "UTC";

function refuseTimeFilters({ options }: SourceContext): void {
  for (const option of ["modifiedBefore", "modifiedAfter"]) {
    if (options.has(option)) throw new IllegalArgumentError("FILE_STREAM_OPTION_NOT_ALLOWED", { option });
  }
}

/**
 * Data columns (the user's, the format's or inferred ones) and after them the partition columns, with the user's type if there is one and
 * an inferred one otherwise. Everything is nullable: files promise nothing.
 */
async function fileSchema(context: SourceContext, format: FileFormat, isStreaming: boolean): Promise<StructType> {
  const { schema, options, ports, conf, paths } = context;
  if (paths.length === 0)
    throw new IllegalArgumentError("DATA_SOURCE_OPTION_MISSING", {
      option: "path",
      format: format.name,
      reason: "it says which files to read",
    });
  const infers = !isStreaming || conf.get("spark.sql.streaming.schemaInference") === "true";
  if (schema === null && format.fixedSchema === null && !infers) throw new IllegalArgumentError("STREAMING_SOURCE_SCHEMA_MISSING");
  const { files } = await list(context, isStreaming);

  let columns = schema ?? format.fixedSchema;
  if (columns === null) {
    const filled = files.filter((file) => file.sizeBytes > 0).map((file) => file.path);
    if (filled.length === 0) throw new AnalysisError("UNABLE_TO_INFER_SCHEMA", { format: format.label });
    columns = await format.inferSchema(filled, { fileSystem: ports.files, options, timeZone: zoneOf(conf) });
  }
  const isSame = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();
  const partitionNames = options.get<boolean>("recursiveFileLookup")
    ? []
    : [...new Set(files.flatMap((file) => Object.keys(file.partitions)))];
  const partitions = partitionNames.map((name): StructField => {
    const given = schema?.fields.find((field) => isSame(field.name, name));
    return (
      given ??
      structField(
        name,
        inferPartitionType(
          files.map((file) => file.partitions[name] ?? null),
          zoneOf(conf),
        ),
      )
    );
  });
  const data = columns.fields.filter((field) => !partitionNames.some((name) => isSame(name, field.name)));
  format.checkSchema?.(structType(data));
  return structType([...data, ...partitions].map((field) => (field.nullable ? field : { ...field, nullable: true })));
}
