// The kernels module: every export of these files is a kernel. One instance per worker.
export * from "./memory";
export * from "./exchange";
export * from "./hash-table";
export { store_touch, table_touch } from "./touch";
export * from "./column-batch";
export * from "./column-copy";
export * from "./gather";
export * from "./generate";
export * from "./nexmark";
export { line_end, scan_block_finish, scan_block_slice } from "./scan-block";
export { json_next } from "./json-scan";
export * from "./change-log";
export * from "./crc32c";
export { frame_crc } from "./state-frame";
export * from "./hash-table";
export * from "./memory";
export * from "./state-store";
export * from "./store-scan";
export { encode_clear } from "./encode-buffer";
export { json_encode } from "./encode-json";
export * from "./list";
export * from "./panes";
export * from "./parquet-block-codecs";
export * from "./parquet-delta";
export {
  parquet_gather, parquet_old_levels, parquet_stream, parquet_stream_bytes, parquet_stream_of_bytes, parquet_validity,
} from "./parquet-hybrid";
export * from "./parquet-values";
export { parquet_zstd } from "./parquet-zstd";
export { csv_next } from "./csv-scan";
export { csv_encode, text_encode } from "./encode-csv";
export { text_next } from "./text-scan";
export * from "./datetime";
export * from "./decimal";
export * from "./hash";
export * from "./sketch";
export * from "./text-casts";
export * from "./utf8";
