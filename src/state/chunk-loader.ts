/**
 * Brings the chunks of a worker's partitions from the chunk store into its memory when a query starts again. On the worker's thread. The writer
 * has checked before that no chunk is missing (`chunk-writer.ts`), and that the store is of batch `batchId`; here the bytes of each are checked, and
 * that it is the same store still: another process that starts at the same time, in another container, may have removed it in between.
 */
import { copyBytes } from "../base/copy-bytes.ts";
import { CheckpointError } from "../base/errors.ts";
import type { ChunkEnvironment } from "../base/ports.ts";
import type { Kernels } from "../kernels/load.ts";
import { chunkKey, type ChunkName, chunkName, partitionRange, VERSION_KEY } from "./chunk-key.ts";
import { CHUNK_HEADER_BYTES, checkChunkHeader, type ChunkSeal, type ChunkStoreVersion, readChunkSeal } from "./chunk-value.ts";
import type { StateStore } from "./state-store.ts";

/**
 * Throws `STATE_CHUNK_STORE_DAMAGED`; the stores are then unusable and must be dropped. `loaded` hears of every chunk. Chunks beyond `bytesMax`
 * bytes stay where they are until they are needed (`cold-chunks.ts`).
 */
export function loadChunks(
  kernels: Kernels,
  environment: ChunkEnvironment,
  path: string,
  stores: Iterable<StateStore>,
  loaded: (name: ChunkName) => void,
  batchId: number,
  bytesMax = Number.POSITIVE_INFINITY,
): void {
  const { state_bytes } = kernels.exports;
  const version = environment.get(VERSION_KEY);
  if (!version || (JSON.parse(Buffer.from(version).toString()) as ChunkStoreVersion).batchId !== batchId)
    throw new CheckpointError("STATE_CHUNK_STORE_DAMAGED", { path, reason: "it is not the one that was looked at before" });
  for (const store of stores) {
    for (const partition of store.partitions()) {
      for (const { key, value } of environment.range(...partitionRange("checksum", store.operatorId, partition))) {
        const name = chunkName(key);
        const problem = loadChunk(kernels, environment, store, name, readChunkSeal(value), bytesMax - (state_bytes!() as number));
        if (problem !== null) {
          const chunk = `operator ${name.operatorId}, partition ${name.partition}, bucket ${name.bucket}, chunk ${name.code}`;
          throw new CheckpointError("STATE_CHUNK_STORE_DAMAGED", { path, reason: `${chunk}: ${problem}` });
        }
        loaded(name);
      }
    }
  }
}

/** What is wrong with the chunk, or null. */
function loadChunk(
  kernels: Kernels,
  environment: ChunkEnvironment,
  store: StateStore,
  name: ChunkName,
  seal: ChunkSeal,
  bytesMax: number,
): string | null {
  const value = environment.get(chunkKey("chunk", name));
  if (value === undefined) return "it is missing";
  const problem = checkChunkHeader(value, seal.checksum);
  if (problem !== null) return problem;
  const bytes = value.length - CHUNK_HEADER_BYTES;
  if (bytes > bytesMax) return store.adoptCold(name, value.subarray(CHUNK_HEADER_BYTES), bytes, seal) ? null : MALFORMED;
  const { heap_alloc, crc32c } = kernels.exports;
  const address = (heap_alloc!(bytes) as number) >>> 0;
  if (address === 0) throw new CheckpointError("STATE_MEMORY_EXHAUSTED", { what: `a chunk of ${bytes} bytes` });
  copyBytes(kernels.bytes(), address, value.subarray(CHUNK_HEADER_BYTES));
  if ((crc32c!(address, bytes, 0) as number) >>> 0 !== seal.checksum) return "its checksum is wrong";
  return store.adoptChunk(name, address, bytes, seal) ? null : MALFORMED;
}

const MALFORMED = "it is malformed, or of another row layout";
