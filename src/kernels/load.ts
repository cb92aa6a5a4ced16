/**
 * Loads the AssemblyScript kernels: the only place that does. The module is compiled once (main thread) and posted to the
 * workers; each worker has one instance on its own shared memory.
 */
import { readFileSync } from "node:fs";
import { MillraceError } from "../base/errors.ts";

/** A kernel: numbers are i32/f32/f64, bigints i64. Which export takes what is said in `kernels/assembly/*.ts`. */
export type Kernel = (...args: any[]) => any;

/** Names a chunk in the chunk store (`state/chunk-key.ts`), its operator by the address of the store in memory. */
export interface StoredChunkName {
  readonly store: number;
  readonly partition: number;
  readonly bucket: bigint;
  readonly code: number;
  /** Of its bytes: CRC-32C there, `image_checksum` in the spill file. */
  readonly checksum: number;
}

/** Where chunks of state are that are not in memory (`kernels/assembly/cold-chunk.ts`). What these throw goes through the kernels. */
export interface ColdChunkPlaces {
  /** Copies a chunk to `address`; 0: there was no memory for it. With place 0 it is the one of that name in the chunk store. Checks its checksum. */
  read(address: number, bytes: number, place: number, name: StoredChunkName): void;
  /** Keeps a copy of a chunk; its place, never 0, and its checksum go to `to`, two u32. */
  write(address: number, bytes: number, to: number): void;
  forget(place: number, bytes: number): void;
}

/** Kernels and memory of one worker. Views are refreshed when the memory has grown: do not keep them across calls. */
export interface Kernels {
  readonly memory: WebAssembly.Memory;
  readonly exports: Readonly<Record<string, Kernel>>;
  /** Current view on the whole memory. */
  bytes(): Uint8Array;
  view(): DataView;
  /** Without it no chunk may leave memory. */
  coldChunks: ColdChunkPlaces | null;
}

/** Pages the memory has at start; the kernels' static data lies inside. Must equal `initialMemory` in asconfig.json. */
const INITIAL_PAGES = 64;
const MAXIMUM_PAGES = 65536;

let compiled: WebAssembly.Module | undefined;

/** The kernels, compiled on first use: synchronous, a few milliseconds, once per thread. */
export function compileKernels(): WebAssembly.Module {
  compiled ??= new WebAssembly.Module(readFileSync(new URL("../kernels/kernels.wasm", import.meta.url)));
  return compiled;
}

export function createMemory(): WebAssembly.Memory {
  try {
    const memory = new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum: MAXIMUM_PAGES, shared: true });
    // Where address space is short V8 may give a memory that cannot grow.
    memory.grow(1);
    return memory;
  } catch (error) {
    throw new MillraceError("WORKER_MEMORY_RESERVATION_FAILED", {}, { cause: error });
  }
}

export function instantiateKernels(module: WebAssembly.Module, memory: WebAssembly.Memory): Kernels {
  const abort = (): never => {
    throw new Error("millrace internal error: a kernel aborted");
  };
  const host = {
    chunk_read: (
      address: number,
      bytes: number,
      place: number,
      store: number,
      partition: number,
      bucket: bigint,
      code: number,
      checksum: number,
    ) =>
      kernels.coldChunks!.read(address >>> 0, bytes, place >>> 0, {
        store: store >>> 0,
        partition,
        bucket,
        code,
        checksum: checksum >>> 0,
      }),
    chunk_write: (address: number, bytes: number, to: number) => kernels.coldChunks!.write(address >>> 0, bytes, to >>> 0),
    chunk_forget: (place: number, bytes: number) => kernels.coldChunks!.forget(place >>> 0, bytes),
  };
  const instance = new WebAssembly.Instance(module, { env: { memory, abort }, host });
  let bytes = new Uint8Array(memory.buffer);
  let view = new DataView(memory.buffer);
  const refresh = (): void => {
    if (bytes.byteLength !== memory.buffer.byteLength) {
      bytes = new Uint8Array(memory.buffer);
      view = new DataView(memory.buffer);
    }
  };
  const kernels: Kernels = {
    memory,
    exports: instance.exports as unknown as Record<string, Kernel>,
    bytes: () => (refresh(), bytes),
    view: () => (refresh(), view),
    coldChunks: null,
  };
  return kernels;
}
