// The kernels module: every export of these files is a kernel. One instance per worker.
export * from "./memory";
export * from "./column-batch";
export { line_end, scan_block_finish, scan_block_slice } from "./scan-block";
export { json_next } from "./json-scan";
export { encode_clear } from "./encode-buffer";
export { json_encode } from "./encode-json";
export { csv_next } from "./csv-scan";
export { csv_encode, text_encode } from "./encode-csv";
export { text_next } from "./text-scan";
