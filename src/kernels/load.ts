/**
 * Loads the AssemblyScript kernels: the only place that does. The module is compiled once (main thread) and posted to the
 * workers; each worker has one instance on its own shared memory.
 */
import { readFileSync } from "node:fs";
import { MillraceError } from "../base/errors.ts";

/** A kernel: numbers are i32/f32/f64, bigints i64. Which export takes what is said in `kernels/assembly/*.ts`. */
export type Kernel = (...args: any[]) => any;

/** Kernels and memory of one worker. Views are refreshed when the memory has grown: do not keep them across calls. */
export interface Kernels {
  readonly memory: WebAssembly.Memory;
  readonly exports: Readonly<Record<string, Kernel>>;
  /** Current view on the whole memory. */
  bytes(): Uint8Array;
  view(): DataView;
}

/** Pages the memory has at start; the kernels' static data lies inside. Must equal `initialMemory` in asconfig.json. */
const INITIAL_PAGES = 64;
const MAXIMUM_PAGES = 65536;

let compiled: WebAssembly.Module | undefined;

/** The kernels, compiled on first use: synchronous, a few milliseconds, once per thread. */
export function compileKernels(): WebAssembly.Module {
  compiled ??= new WebAssembly.Module(readFileSync(new URL("./kernels.wasm", import.meta.url)));
  return compiled;
}

export function createMemory(): WebAssembly.Memory {
  try {
    return new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum: MAXIMUM_PAGES, shared: true });
  } catch (error) {
    throw new MillraceError("WORKER_MEMORY_RESERVATION_FAILED", {}, { cause: error });
  }
}

export function instantiateKernels(module: WebAssembly.Module, memory: WebAssembly.Memory): Kernels {
  const abort = (): never => {
    throw new Error("millrace internal error: a kernel aborted");
  };
  const instance = new WebAssembly.Instance(module, { env: { memory, abort } });
  let bytes = new Uint8Array(memory.buffer);
  let view = new DataView(memory.buffer);
  const refresh = (): void => {
    if (bytes.byteLength !== memory.buffer.byteLength) {
      bytes = new Uint8Array(memory.buffer);
      view = new DataView(memory.buffer);
    }
  };
  return {
    memory,
    exports: instance.exports as unknown as Record<string, Kernel>,
    bytes: () => (refresh(), bytes),
    view: () => (refresh(), view),
  };
}
