// Which time buckets of a partition may hold a key: a Bloom filter for 32 buckets side by side, bit `bucket mod 32` of each word. A key has
// three words, all in one cache line: so a key whose bucket is not known beforehand (deduplication within the watermark: the bucket is that of
// its first row) costs one cache miss instead of one per bucket. Bits are hints: one that is set for nothing costs a look-up, so evictions and
// aborts leave them; they are cleared in bulk, once for so many added keys. Used by row-operator.ts, touch.ts and the store; no kernels.
import { ROW_FLAGS, ROW_HASH } from "./memory-layout";
import { countStateBytes, inMemory, limitShare, nextInMemory } from "./cold-chunk";
import { heap_alloc, heap_free } from "./memory";
import { C_ROWS_USED, ROW_NOT_LIVE, T_BUCKET, T_ROWS, T_ROW_BYTES, chunkFirst, remix, rowsOf } from "./table-layout";
import { P_COUNT, P_FILTER, P_FILTER_ADDED, P_FILTER_SHIFT, tableAt } from "./store-tables";

const LINE_BYTES: u32 = 64;
const LINE_WORDS: u32 = 16;
/** Words per key, at least, when the filter is made or grown. */
const WORDS_PER_KEY: u32 = 2;
const LINES_LOG2_MIN: u32 = 2;
const LINES_LOG2_MAX: u32 = 24;
/** No partition's filter grows beyond this part of the memory for state: more look-ups take the place of a larger one. */
const LIMIT_PARTS: u32 = 64;

@inline export function bucketBit(bucket: i64): u32 {
  return <u32>1 << (<u32>bucket & 31);
}

/** Address of the line of a key, by its remixed hash. The partition must have a filter. */
@inline export function filterLine(entry: usize, remixed: u32): usize {
  return <usize>load<u32>(entry, P_FILTER) + ((remixed >> load<u32>(entry, P_FILTER_SHIFT)) << 6);
}

/** Bits of the buckets that may hold the key. */
@inline export function filterMask(line: usize, remixed: u32): u32 {
  return load<u32>(first(line, remixed)) & load<u32>(second(line, remixed)) & load<u32>(third(line, remixed));
}

@inline export function filterAdd(line: usize, remixed: u32, bit: u32): void {
  const a = first(line, remixed);
  store<u32>(a, load<u32>(a) | bit);
  const b = second(line, remixed);
  store<u32>(b, load<u32>(b) | bit);
  const c = third(line, remixed);
  store<u32>(c, load<u32>(c) | bit);
}

// The top bits of the hash choose the line.
@inline function first(line: usize, remixed: u32): usize {
  return line + ((remixed & 15) << 2);
}
@inline function second(line: usize, remixed: u32): usize {
  return line + (((remixed >> 4) & 15) << 2);
}
@inline function third(line: usize, remixed: u32): usize {
  return line + (((remixed >> 8) & 15) << 2);
}

@inline function lines(entry: usize): u32 {
  return <u32>(<u64>1 << (32 - load<u32>(entry, P_FILTER_SHIFT)));
}

/** To be called before a key is added: makes the filter, larger or clean again when it is due. False: memory is exhausted. */
@inline export function filterReady(entry: usize): bool {
  if (load<u32>(entry, P_FILTER) != 0 && load<u32>(entry, P_FILTER_ADDED) < lines(entry) * (LINE_WORDS / WORDS_PER_KEY)) return true;
  return renew(entry);
}

function rowsIn(entry: usize): u32 {
  let rows: u32 = 0;
  for (let t: u32 = 0; t < load<u32>(entry, P_COUNT); t++) rows += load<u32>(tableAt(entry, t), T_ROWS);
  return rows;
}

function renew(entry: usize): bool {
  const before: usize = load<u32>(entry, P_FILTER);
  const log2Before = before == 0 ? LINES_LOG2_MIN : 32 - load<u32>(entry, P_FILTER_SHIFT);
  let log2 = log2Before;
  const words = <u64>rowsIn(entry) * WORDS_PER_KEY;
  while (log2 < LINES_LOG2_MAX && words > <u64>LINE_WORDS << log2 && <u64>LINE_BYTES << log2 < limitShare(LIMIT_PARTS)) log2++;
  if (before == 0 || log2 != log2Before) {
    const address = heap_alloc(LINE_BYTES << log2);
    if (address == 0) return false;
    countStateBytes(<i64>LINE_BYTES << log2);
    store<u32>(entry, <u32>address, P_FILTER);
    store<u32>(entry, 32 - log2, P_FILTER_SHIFT);
    if (before == 0) enterAll(entry, address, log2);
    else {
      // Each line becomes a run of equal ones.
      const spread = log2 - log2Before;
      for (let i: u32 = 0; i < <u32>1 << log2; i++) memory.copy(address + LINE_BYTES * i, before + LINE_BYTES * (i >> spread), LINE_BYTES);
      countStateBytes(-(<i64>LINE_BYTES << log2Before));
      heap_free(before, LINE_BYTES << log2Before);
    }
  }
  clearDead(entry, log2);
  store<u32>(entry, 0, P_FILTER_ADDED);
  return true;
}

function enterAll(entry: usize, filter: usize, log2: u32): void {
  memory.fill(filter, 0, LINE_BYTES << log2);
  for (let t: u32 = 0; t < load<u32>(entry, P_COUNT); t++) {
    const table = tableAt(entry, t);
    const bit = bucketBit(load<i64>(table, T_BUCKET));
    const rowBytes = load<u32>(table, T_ROW_BYTES);
    for (let chunk = inMemory(table, chunkFirst(table)); chunk != 0; chunk = nextInMemory(table, chunk)) {
      const end = rowsOf(chunk) + load<u32>(chunk, C_ROWS_USED) * rowBytes;
      for (let row = rowsOf(chunk); row < end; row += rowBytes) {
        if (load<u32>(row, ROW_FLAGS) & ROW_NOT_LIVE) continue;
        const remixed = remix(load<u32>(row, ROW_HASH));
        filterAdd(filterLine(entry, remixed), remixed, bit);
      }
    }
  }
}

/** Clears the bits of buckets that are gone. */
function clearDead(entry: usize, log2: u32): void {
  let alive: u32 = 0;
  for (let t: u32 = 0; t < load<u32>(entry, P_COUNT); t++) alive |= bucketBit(load<i64>(tableAt(entry, t), T_BUCKET));
  const both = (<u64>alive << 32) | alive;
  const end = <usize>load<u32>(entry, P_FILTER) + (LINE_BYTES << log2);
  for (let word: usize = load<u32>(entry, P_FILTER); word < end; word += 8) store<u64>(word, load<u64>(word) & both);
}

/** Bytes of a partition's filter. */
export function filterBytes(entry: usize): u32 {
  return load<u32>(entry, P_FILTER) == 0 ? 0 : LINE_BYTES * lines(entry);
}

/** Gives the filter's memory back. */
export function filterFree(entry: usize): void {
  countStateBytes(-<i64>filterBytes(entry));
  heap_free(load<u32>(entry, P_FILTER), filterBytes(entry));
}
