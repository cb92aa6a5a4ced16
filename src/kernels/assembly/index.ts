// The kernels module: every export of these files is a kernel. One instance per worker.
export * from "./change-log";
export * from "./crc32c";
export * from "./hash-table";
export * from "./memory";
export * from "./state-store";
