/**
 * Rows of a merge in the order of the chunks that they go to, for state that does not fit into memory: each cold chunk then comes back once for
 * all rows of the batch that need it. In a worker; the rows stay in the exchange blocks, short runs of copies are handed out.
 */
import { copyBytes } from "../base/copy-bytes.ts";
import type { Kernels } from "../kernels/load.ts";
import { outOfMemory } from "../kernels/out-of-memory.ts";
import type { ExchangeBlock } from "../protocol/messages.ts";

export interface GroupedRowsParts {
  readonly kernels: Kernels;
  readonly workerIndex: number;
  readonly memories: readonly WebAssembly.Memory[];
  /** Where copies and lists go; the caller empties it. */
  readonly arena: number;
  /** Address of the state store. */
  readonly store: number;
  readonly partitions: number;
  /** Chunks that a run may bring into memory. */
  readonly chunksMax: number;
}

/** Bytes of a run. */
const RUN_BYTES = 1 << 18;
const CHUNK_BYTES_FULL = 65536;
const GROUPS_LOG2_MAX = 16;
/** A row of the state takes up to twice the bytes of a row of the exchange, slots and free space included. */
const GROWTH = 2;
/** In a row of the exchange: the bytes to the next one. */
const ROW_NEXT = 8;

/** Calls `run` with [from, to) of one run after the other. Rows of equal keys keep their order. */
export function forEachGroupedRun(
  parts: GroupedRowsParts,
  blocks: readonly ExchangeBlock[],
  run: (from: number, to: number) => void,
): void {
  const { kernels, store, partitions } = parts;
  const { rows_count, rows_starts, rows_place, rows_copy } = kernels.exports;
  const own = blocks.map((block) => inOwnMemory(parts, block));
  const { bits, chunksPerGroup } = grouping(
    parts,
    blocks.reduce((sum, { bytes }) => sum + bytes, 0),
  );
  const groups = partitions * 2 ** bits;
  const counts = allocate(parts, 4 * groups);
  kernels.bytes().fill(0, counts, counts + 4 * groups);
  const rows = own.reduce((sum, { from, to }) => sum + (rows_count!(store, from, to, counts, bits) as number), 0);
  const ordered = allocate(parts, 4 * rows);
  rows_starts!(counts, groups);
  for (const { from, to } of own) rows_place!(store, from, to, counts, bits, ordered);
  const copies = allocate(parts, RUN_BYTES);
  const length = allocate(parts, 4);
  const groupsMax = Math.max(1, Math.floor(parts.chunksMax / chunksPerGroup));
  for (let place = 0; place < rows;) {
    const next = rows_copy!(store, ordered, place, rows, bits, groupsMax, copies, RUN_BYTES, length) as number;
    if (next === place) {
      // Longer than a run may be.
      const row = kernels.view().getUint32(ordered + 4 * place, true);
      run(row, row + kernels.view().getUint32(row + ROW_NEXT, true));
      place++;
    } else {
      place = next;
      run(copies, copies + kernels.view().getUint32(length, true));
    }
  }
}

/** How many bits of the hash tell groups apart, and how many chunks the rows of one may need. */
function grouping(parts: GroupedRowsParts, bytes: number): { bits: number; chunksPerGroup: number } {
  const { kernels, store, partitions } = parts;
  const shape = allocate(parts, 8);
  kernels.exports["store_shape"]!(store, shape);
  const tables = Math.max(1, kernels.view().getUint32(shape + 4, true));
  const comingDepth = Math.ceil(Math.log2(Math.max(1, (bytes * GROWTH) / partitions / CHUNK_BYTES_FULL)));
  const depth = Math.max(kernels.view().getUint32(shape, true), comingDepth);
  const bits = Math.min(depth, Math.max(0, GROUPS_LOG2_MAX - Math.ceil(Math.log2(partitions))));
  return { bits, chunksPerGroup: tables * 2 ** (depth - bits) };
}

function inOwnMemory(parts: GroupedRowsParts, { worker, address, bytes }: ExchangeBlock): { from: number; to: number } {
  if (worker === parts.workerIndex) return { from: address, to: address + bytes };
  const copy = allocate(parts, bytes);
  copyBytes(parts.kernels.bytes(), copy, new Uint8Array(parts.memories[worker]!.buffer, address, bytes));
  return { from: copy, to: copy + bytes };
}

function allocate({ kernels, arena }: GroupedRowsParts, bytes: number): number {
  const address = (kernels.exports["arena_alloc"]!(arena, bytes) as number) >>> 0;
  if (address === 0) throw outOfMemory(kernels);
  return address;
}
