// The kernels module: every export of these files is a kernel. One instance per worker.
export * from "./memory";
export * from "./exchange";
export * from "./hash-table";
export * from "./column-batch";
export * from "./column-copy";
export * from "./generate";
export * from "./nexmark";
export { line_end, scan_block_finish, scan_block_slice } from "./scan-block";
export { json_next } from "./json-scan";
export * from "./change-log";
export * from "./crc32c";
export * from "./hash-table";
export * from "./memory";
export * from "./state-store";
export { encode_clear } from "./encode-buffer";
export { json_encode } from "./encode-json";
export { csv_next } from "./csv-scan";
