// The kernels module: every export of these files is a kernel. One instance per worker.
export * from "./memory";
export * from "./exchange";
export * from "./hash-table";
export * from "./column-batch";
