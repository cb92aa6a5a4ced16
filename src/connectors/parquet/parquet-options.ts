/** Options of the Parquet format, and the names of its codecs in file names. Both threads. */
import { choiceOption, type OptionSpecs } from "../options.ts";

const CODECS = ["none", "uncompressed", "snappy", "gzip", "lz4", "brotli", "zstd"] as const;
export type ParquetCodec = (typeof CODECS)[number];

export const parquetReadOptions: OptionSpecs = {};

export const parquetWriteOptions: OptionSpecs = {
  compression: choiceOption("Codec of the pages", CODECS, "snappy"),
};

export const codecExtension: Readonly<Record<ParquetCodec, string>> = {
  none: "parquet",
  uncompressed: "parquet",
  snappy: "snappy.parquet",
  gzip: "gz.parquet",
  lz4: "lz4raw.parquet",
  brotli: "br.parquet",
  zstd: "zstd.parquet",
};
