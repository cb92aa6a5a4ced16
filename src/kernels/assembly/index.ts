// The kernels module: every export of these files is a kernel. One instance per worker.
export * from "./memory";
export * from "./datetime";
export * from "./decimal";
export * from "./hash";
export * from "./sketch";
export * from "./text-casts";
export * from "./utf8";
