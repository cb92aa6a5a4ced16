/** Building blocks (`columnar/memory-layout.ts`) from TypeScript: what the workers' readers and writers share. */
import { copyBytes } from "../base/copy-bytes.ts";
import { MillraceError } from "../base/errors.ts";
import {
  ARENA_SPLIT,
  BLOCK_COLUMN_BYTES,
  BLOCK_COLUMN_COUNT,
  BLOCK_COLUMN_DICTIONARY,
  BLOCK_COLUMNS,
  BLOCK_NEXT,
  BLOCK_ROW_COUNT,
  DICTIONARIES,
} from "../columnar/memory-layout.ts";
import type { Kernels } from "../kernels/load.ts";

/** `bytes` bytes that live until the arena (the split's if not given) is reset; 16-byte aligned, contents undefined. */
export function allocate(kernels: Kernels, bytes: number, arena: number = ARENA_SPLIT): number {
  const address = kernels.exports["arena_alloc"]!(arena, bytes) >>> 0;
  if (address === 0) throw new MillraceError("WORKER_OUT_OF_MEMORY", { bytes: String(bytes) });
  return address;
}

/** A block of `rowCount` rows; every column has values 0 and validity 0 (not read, all valid) until `setColumn`. */
export function newBlock(kernels: Kernels, columnCount: number, rowCount: number, arena: number = ARENA_SPLIT): number {
  const bytes = BLOCK_COLUMNS + BLOCK_COLUMN_BYTES * columnCount;
  const block = allocate(kernels, bytes, arena);
  kernels.bytes().fill(0, block, block + bytes);
  const view = kernels.view();
  view.setUint32(block + BLOCK_ROW_COUNT, rowCount, true);
  view.setUint32(block + BLOCK_COLUMN_COUNT, columnCount, true);
  view.setUint32(block + BLOCK_NEXT, 0, true);
  return block;
}

/** Column `index`: addresses of the values and of one validity byte per row (0: every row is valid), and `BLOCK_COLUMN_DICTIONARY`. */
export function setColumn(kernels: Kernels, block: number, index: number, values: number, validity: number, dictionary = 0): void {
  const view = kernels.view();
  const at = block + BLOCK_COLUMNS + BLOCK_COLUMN_BYTES * index;
  view.setUint32(at, values, true);
  view.setUint32(at + 4, validity, true);
  view.setUint32(at + BLOCK_COLUMN_DICTIONARY, dictionary, true);
}

/** A number for dictionaries that nothing in this memory has had before. */
export function newDictionary(kernels: Kernels): number {
  const view = kernels.view();
  const number = (view.getUint32(DICTIONARIES, true) % 0xffffffff) + 1;
  view.setUint32(DICTIONARIES, number, true);
  return number;
}

export interface BlockColumn {
  readonly values: number;
  readonly validity: number;
  /** `BLOCK_COLUMN_DICTIONARY`, if it is not 0. */
  readonly dictionary?: number;
}

export function getColumn(kernels: Kernels, block: number, index: number): BlockColumn {
  const view = kernels.view();
  const at = block + BLOCK_COLUMNS + BLOCK_COLUMN_BYTES * index;
  return {
    values: view.getUint32(at, true),
    validity: view.getUint32(at + 4, true),
    dictionary: view.getUint32(at + BLOCK_COLUMN_DICTIONARY, true),
  };
}

export const blockRowCount = (kernels: Kernels, block: number): number => kernels.view().getUint32(block + BLOCK_ROW_COUNT, true);

/** Copies `bytes` (and padding) into the split arena. */
export function copyIn(kernels: Kernels, bytes: Uint8Array, padding = 0): number {
  const address = allocate(kernels, bytes.length + padding);
  copyBytes(kernels.bytes(), address, bytes);
  return address;
}
