// Puts rows of the exchange into the order of the chunks that they go to, so that each cold chunk is read once per batch: by partition and the
// first bits of the remixed hash, otherwise in the order in which they come. Two passes over the rows (count, place), then runs of them are
// copied one behind the other. Called by worker/grouped-rows.ts on the worker that owns the memory, which must hold all rows.
import { ROW_HASH, ROW_NEXT } from "./memory-layout";
import { P_COUNT, S_PARTITIONS, partitionEntry, partitionOf, tableAt } from "./store-tables";
import { T_SHIFT, remix } from "./table-layout";

/** Bits of the hash that tell the chunks of the store's deepest directory apart, and the most tables that a partition has, u32 each, to `out`. */
export function store_shape(state: usize, out: usize): void {
  let depth: u32 = 0;
  let tables: u32 = 0;
  for (let partition: u32 = 0; partition < load<u32>(state, S_PARTITIONS); partition++) {
    const entry = partitionEntry(state, partition);
    const count = load<u32>(entry, P_COUNT);
    if (count > tables) tables = count;
    for (let t: u32 = 0; t < count; t++) {
      const ofTable: u32 = <u32>32 - load<u32>(tableAt(entry, t), T_SHIFT);
      if (ofTable > depth) depth = ofTable;
    }
  }
  store<u32>(out, depth);
  store<u32>(out, tables, 4);
}

@inline function groupOf(state: usize, row: usize, bits: u32): u32 {
  const hash = load<u32>(row, ROW_HASH);
  return (partitionOf(state, hash) << bits) | <u32>(<u64>remix(hash) >> (32 - bits));
}

/** Counts the rows in [row, end) into `counts`, a u32 per group (partitions × 2^bits of them); returns how many rows there are. */
export function rows_count(state: usize, row: usize, end: usize, counts: usize, bits: u32): u32 {
  let rows: u32 = 0;
  for (; row < end; rows++) {
    const count = counts + 4 * groupOf(state, row, bits);
    store<u32>(count, load<u32>(count) + 1);
    row += load<u32>(row, ROW_NEXT);
  }
  return rows;
}

/** Turns counts into the places where the groups begin. */
export function rows_starts(counts: usize, groups: u32): void {
  let start: u32 = 0;
  for (let i: u32 = 0; i < groups; i++) {
    const count = load<u32>(counts + 4 * i);
    store<u32>(counts + 4 * i, start);
    start += count;
  }
}

/** Writes the addresses of the rows in [row, end) to their places in `ordered`; blocks come in the order of the counting. */
export function rows_place(state: usize, row: usize, end: usize, starts: usize, bits: u32, ordered: usize): void {
  while (row < end) {
    const start = starts + 4 * groupOf(state, row, bits);
    const place = load<u32>(start);
    store<u32>(start, place + 1);
    store<u32>(ordered + 4 * place, <u32>row);
    row += load<u32>(row, ROW_NEXT);
  }
}

/**
 * Copies rows one behind the other to `out`, from place `from` of `ordered` on until `capacity` bytes are full or rows of more than `groupsMax`
 * groups would be there; at least one row. Returns the place of the next row; the bytes come at `cursor`.
 */
export function rows_copy(
  state: usize,
  ordered: usize,
  from: u32,
  rows: u32,
  bits: u32,
  groupsMax: u32,
  out: usize,
  capacity: u32,
  cursor: usize,
): u32 {
  let bytes: u32 = 0;
  let groups: u32 = 0;
  let last: u32 = ~0;
  let place = from;
  for (; place < rows; place++) {
    const row: usize = load<u32>(ordered + 4 * place);
    const length = load<u32>(row, ROW_NEXT);
    const group = groupOf(state, row, bits);
    if (group != last && groups++ == groupsMax) break;
    if (bytes + length > capacity) break;
    last = group;
    memory.copy(out + bytes, row, length);
    bytes += length;
  }
  store<u32>(cursor, bytes);
  return place;
}
