/** A worker's kernels and memory for scan tests, and blocks as plain rows. */
import { encodeColumnBatch, decodeColumnBatch, PHYSICAL_CODES } from "../../src/columnar/column-batch.ts";
import { ARENA_BATCH, ARENA_SPLIT, BLOCK_NEXT, BLOCK_ROW_COUNT } from "../../src/columnar/memory-layout.ts";
import { leavesOf, type StructType } from "../../src/columnar/types.ts";
import type { Value } from "../../src/columnar/values.ts";
import { compileKernels, createMemory, instantiateKernels, type Kernels } from "../../src/kernels/load.ts";

export function makeKernels(): Kernels {
  return instantiateKernels(compileKernels(), createMemory());
}

/** Copies `bytes` into the split arena and returns the address. */
export function copyIn(kernels: Kernels, bytes: Uint8Array, arena = ARENA_SPLIT): number {
  const address = kernels.exports.arena_alloc!(arena, bytes.length + 16) >>> 0;
  kernels.bytes().set(bytes, address);
  return address;
}

/** Rows as blocks of at most 8192 rows. */
export function toBlocks(kernels: Kernels, schema: StructType, rows: readonly (readonly Value[])[]): number[] {
  const batch = copyIn(kernels, encodeColumnBatch(schema, rows));
  const blocks: number[] = [];
  for (let start = 0; ; start += 8192) {
    const block = kernels.exports.batch_block!(batch, start) >>> 0;
    if (block === 0) return blocks;
    blocks.push(block);
  }
}

/** The rows of blocks (each with its chain), through the batch encoder. */
export function toRows(kernels: Kernels, schema: StructType, blocks: readonly number[]): Value[][] {
  const { exports } = kernels;
  const codes = Uint32Array.from(leavesOf(schema), (leaf) => PHYSICAL_CODES[leaf.physical]);
  const kinds = copyIn(kernels, new Uint8Array(codes.buffer), ARENA_BATCH);
  const encoder = exports.batch_encode_begin!(kinds, codes.length) >>> 0;
  for (const first of blocks) {
    for (let block = first; block !== 0; block = kernels.view().getUint32(block + BLOCK_NEXT, true)) exports.batch_append!(encoder, block);
  }
  const batch = exports.batch_finish!(encoder) >>> 0;
  const length = exports.batch_length!(batch) >>> 0;
  const rows = decodeColumnBatch(schema, kernels.bytes().slice(batch, batch + length));
  exports.arena_reset!(ARENA_BATCH);
  return rows;
}

export const rowCount = (kernels: Kernels, block: number): number => kernels.view().getUint32(block + BLOCK_ROW_COUNT, true);
