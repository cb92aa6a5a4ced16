/** `json`, `csv` and `text` as file formats. Main thread; reading and writing are in `formats/`. */
import { csvOptions } from "../formats/csv-options.ts";
import { checkCsvSchema, isCsvSplittable } from "../formats/csv-reader.ts";
import { inferCsvSchema, inferJsonSchema } from "../formats/infer-schema.ts";
import { jsonOptions } from "../formats/json-options.ts";
import { isJsonSplittable } from "../formats/json-reader.ts";
import { textOptions } from "../formats/text-options.ts";
import { checkTextSchema, isTextSplittable, textSchema } from "../formats/text-reader.ts";
import type { FileFormat } from "./file-format.ts";
import { sampleLines, sampleTexts } from "./file-sample.ts";

export const jsonFormat: FileFormat = {
  name: "json",
  label: "JSON",
  extension: () => "json",
  readOptions: jsonOptions,
  writeOptions: jsonOptions,
  fixedSchema: null,
  isSplittable: isJsonSplittable,
  async inferSchema(paths, { fileSystem, options, timeZone }) {
    const texts = sampleTexts(fileSystem, paths);
    const records = options.get<boolean>("multiLine") ? texts : sampleLines(texts, options.get("lineSep"));
    return inferJsonSchema(records, options, timeZone);
  },
};

export const csvFormat: FileFormat = {
  name: "csv",
  label: "CSV",
  extension: () => "csv",
  readOptions: csvOptions,
  writeOptions: csvOptions,
  fixedSchema: null,
  checkSchema: checkCsvSchema,
  isSplittable: isCsvSplittable,
  inferSchema: async (paths, { fileSystem, options, timeZone }) => inferCsvSchema(sampleTexts(fileSystem, paths), options, timeZone),
};

export const textFormat: FileFormat = {
  name: "text",
  label: "Text",
  extension: () => "txt",
  readOptions: textOptions,
  writeOptions: textOptions,
  fixedSchema: textSchema,
  checkSchema: checkTextSchema,
  isSplittable: isTextSplittable,
  inferSchema: async () => textSchema,
};
