/** `parquet` as a file format. Main thread. */
import { type FileFormat } from "../file/file-format.ts";
import { parquetLibraries, sparkSchema } from "./arrow-types.ts";
import { codecExtension, type ParquetCodec, parquetReadOptions, parquetWriteOptions } from "./parquet-options.ts";
import { footerError } from "./parquet-reader.ts";

export const parquetFormat: FileFormat = {
  name: "parquet",
  label: "Parquet",
  extension: (options) => codecExtension[options.get<ParquetCodec>("compression")],
  readOptions: parquetReadOptions,
  writeOptions: parquetWriteOptions,
  fixedSchema: null,
  isSplittable: () => false,
  /** The schema in the footer of the first file; the others are taken to have the same, as Spark does without mergeSchema. */
  async inferSchema([path], { fileSystem }) {
    const { arrow, parquet } = parquetLibraries();
    const bytes = await fileSystem.readFile(path!);
    let schema;
    try {
      schema = arrow.tableFromIPC(parquet.readSchema(bytes).intoIPCStream()).schema;
    } catch (cause) {
      throw footerError(path!, cause);
    }
    return sparkSchema(schema);
  },
};
