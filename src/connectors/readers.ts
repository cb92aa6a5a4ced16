/** Readers by the name that splits carry: the workers' half of every source. */
import { assert } from "../base/assert.ts";
import { fileReaderOver } from "./file/file-reader.ts";
import { csvReader } from "./formats/csv-reader.ts";
import { jsonReader } from "./formats/json-reader.ts";
import { textReader } from "./formats/text-reader.ts";
import { memoryReader } from "./memory/memory-reader.ts";
import { nexmarkReader } from "./nexmark/nexmark-reader.ts";
import { parquetReader } from "./parquet/parquet-reader.ts";
import { rangeReader } from "./range/range-reader.ts";
import { rateReader } from "./rate/rate-reader.ts";
import type { SplitReader } from "./source.ts";
import { stateMetadataReader } from "./statestore/state-metadata-source.ts";
import { stateReader } from "./statestore/state-reader.ts";

const byName = (readers: readonly SplitReader[]) => new Map(readers.map((reader) => [reader.name, reader]));

const fileReader = fileReaderOver(byName([csvReader, jsonReader, parquetReader, textReader]));
const readers = byName([fileReader, memoryReader, nexmarkReader, rangeReader, rateReader, stateMetadataReader, stateReader]);

export function splitReader(name: string): SplitReader {
  const reader = readers.get(name);
  assert(reader !== undefined, `no split reader is called ${name}`);
  return reader;
}
