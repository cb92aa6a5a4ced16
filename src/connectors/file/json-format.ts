/** `json` as a file format: one object a line. Main thread; reading and writing are in `formats/json-*.ts`. */
import { AnalysisError } from "../../base/errors.ts";
import { jsonOptions } from "../formats/json-options.ts";
import { isJsonSplittable } from "../formats/json-reader.ts";
import type { FileFormat } from "./file-format.ts";

export const jsonFormat: FileFormat = {
  name: "json",
  label: "JSON",
  extension: () => "json",
  readOptions: jsonOptions,
  writeOptions: jsonOptions,
  fixedSchema: null,
  isSplittable: isJsonSplittable,
  async inferSchema() {
    throw new AnalysisError("UNABLE_TO_INFER_SCHEMA", { format: "JSON" });
  },
};
