/** What the file connector asks of a format, on the main thread. The workers' halves are in `file-reader.ts` and `file-writer.ts`. */
import type { FileSystem } from "../../base/ports.ts";
import type { StructType } from "../../columnar/types.ts";
import type { ConnectorOptions, OptionSpecs } from "../options.ts";

export interface FileFormat {
  readonly name: string;
  /** As Spark names its provider in descriptions and errors. */
  readonly label: string;
  /** Of part files, without the dot; may depend on the compression. */
  extension(options: ConnectorOptions): string;
  readonly readOptions: OptionSpecs;
  readonly writeOptions: OptionSpecs;
  /** The schema that every file of the format has. */
  readonly fixedSchema: StructType | null;
  /** Throws for columns that a file of the format cannot hold. Partition columns are not among them. */
  checkSchema?(schema: StructType): void;
  /** Whether a file can be read from any byte on (records end at line breaks). */
  isSplittable(options: ConnectorOptions): boolean;
  /** The schema of files, from as much of them as the options say. */
  inferSchema(files: readonly string[], context: InferenceContext): Promise<StructType>;
}

export interface InferenceContext {
  readonly fileSystem: FileSystem;
  readonly options: ConnectorOptions;
  readonly timeZone: string;
}
