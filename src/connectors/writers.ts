/** Writers by the name in a sink's delivery: the workers' half of the sinks that workers write to. */
import { assert } from "../base/assert.ts";
import { fileWriterOver, type WritableFormat } from "./file/file-writer.ts";
import { fileWriteOptions } from "./file/file-options.ts";
import { csvOptions } from "./formats/csv-options.ts";
import { csvBlockEncoder } from "./formats/csv-writer.ts";
import { textOptions } from "./formats/text-options.ts";
import { textBlockEncoder } from "./formats/text-writer.ts";
import { jsonBlockEncoder } from "./formats/json-writer.ts";
import { jsonOptions } from "./formats/json-options.ts";
import { noopWriter } from "./noop/noop-sink.ts";
import type { OptionSpecs } from "./options.ts";
import type { FileEncoder } from "./file/file-encoder.ts";
import { parquetWriteOptions } from "./parquet/parquet-options.ts";
import { parquetEncoder } from "./parquet/parquet-writer.ts";
import type { SplitWriter } from "./sink.ts";

const format = (name: string, options: OptionSpecs, encoder: FileEncoder): WritableFormat => ({
  name,
  writeOptions: { ...fileWriteOptions, ...options },
  encoder,
});

const formats = [
  format("csv", csvOptions, csvBlockEncoder),
  format("json", jsonOptions, jsonBlockEncoder),
  format("parquet", parquetWriteOptions, parquetEncoder),
  format("text", textOptions, textBlockEncoder),
];

const fileWriter = fileWriterOver(new Map(formats.map((written) => [written.name, written])));
const writers = new Map<string, SplitWriter>([fileWriter, noopWriter].map((writer) => [writer.name, writer]));

export function splitWriter(name: string): SplitWriter {
  const writer = writers.get(name);
  assert(writer !== undefined, `no split writer is called ${name}`);
  return writer;
}
