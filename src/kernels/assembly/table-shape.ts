// A new time bucket begins with chunks for as many rows as the bucket before it has: the next minute mostly brings as many keys as the last, and
// would otherwise come to these chunks by doubling and splitting, which moves each row more than once. Used by store-tables.ts; no kernels.
import { isCold, leavesRoomFor } from "./cold-chunk";
import { chunkFree, chunkNew, deepen, enter, fits } from "./table-chunk";
import {
  CHUNK_BYTES_FULL, C_BYTES, C_ROWS_USED, C_VARIABLE_TOP, DEPTH_MAX, T_LOADING, T_ROWS, T_ROW_BYTES, chunkFirst, chunkNext, chunkOf,
} from "./table-layout";

/** Prepares the empty `table` for what `model` holds, where there is memory to spare. False: there is none (ERROR_CODE is set). */
export function shapeLike(table: usize, model: usize): bool {
  if (load<u32>(model, T_LOADING) != 0) return true;
  const rows = load<u32>(model, T_ROWS);
  const content = contentOf(model);
  const first = chunkOf(table, 0);
  let bytes = load<u32>(first, C_BYTES);
  while (bytes < CHUNK_BYTES_FULL && !fits(table, bytes, rows, content)) bytes <<= 1;
  let depth: u32 = 0;
  while (depth < DEPTH_MAX && !fits(table, bytes, rows >> depth, content >> depth)) depth++;
  if ((depth == 0 && bytes == load<u32>(first, C_BYTES)) || !leavesRoomFor(<u64>bytes << depth)) return true;
  if (!deepen(table, depth)) return false;
  for (let prefix: u32 = 0; prefix < <u32>1 << depth; prefix++) {
    const chunk = chunkNew(table, bytes, depth, prefix);
    if (chunk == 0) return false;
    enter(table, chunk);
  }
  chunkFree(table, first);
  return true;
}

/** Bytes of rows and their variable bytes, as far as they are in memory. */
function contentOf(table: usize): u64 {
  let bytes: u64 = 0;
  for (let chunk = chunkFirst(table); chunk != 0; chunk = chunkNext(table, chunk)) {
    if (isCold(chunk)) continue;
    bytes += load<u32>(chunk, C_ROWS_USED) * load<u32>(table, T_ROW_BYTES) + load<u32>(chunk, C_BYTES) - load<u32>(chunk, C_VARIABLE_TOP);
  }
  return bytes;
}
