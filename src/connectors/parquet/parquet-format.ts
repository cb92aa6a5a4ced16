/** `parquet` as a file format. Main thread. */
import { type FileFormat } from "../file/file-format.ts";
import { readFooter } from "./footer.ts";
import { codecExtension, type ParquetCodec, parquetReadOptions, parquetWriteOptions } from "./parquet-options.ts";
import { fileShape, sparkSchema } from "./parquet-schema.ts";

export const parquetFormat: FileFormat = {
  name: "parquet",
  label: "Parquet",
  extension: (options) => codecExtension[options.get<ParquetCodec>("compression")],
  readOptions: parquetReadOptions,
  writeOptions: parquetWriteOptions,
  fixedSchema: null,
  /** By row groups: a split owns those that begin in its bytes. */
  isSplittable: () => true,
  /** The schema in the footer of the first file; the others are taken to have the same, as Spark does without mergeSchema. */
  async inferSchema([path], { fileSystem }) {
    const file = fileSystem.openReadSync(path!);
    try {
      return sparkSchema(fileShape(readFooter(file, path!), path!));
    } finally {
      file.close();
    }
  },
};
