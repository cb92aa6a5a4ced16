/** Writers by the name in a sink's delivery: the workers' half of the sinks that workers write to. */
import { assert } from "../base/assert.ts";
import { fileWriterOver, type WritableFormat } from "./file/file-writer.ts";
import { fileWriteOptions } from "./file/file-options.ts";
import { jsonBlockEncoder } from "./formats/json-writer.ts";
import { jsonOptions } from "./formats/json-options.ts";
import { noopWriter } from "./noop/noop-sink.ts";
import type { SplitWriter } from "./sink.ts";

const formats: readonly WritableFormat[] = [
  { name: "json", writeOptions: { ...fileWriteOptions, ...jsonOptions }, encoder: jsonBlockEncoder },
];

const fileWriter = fileWriterOver(new Map(formats.map((format) => [format.name, format])));
const writers = new Map<string, SplitWriter>([fileWriter, noopWriter].map((writer) => [writer.name, writer]));

export function splitWriter(name: string): SplitWriter {
  const writer = writers.get(name);
  assert(writer !== undefined, `no split writer is called ${name}`);
  return writer;
}
