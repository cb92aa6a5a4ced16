// Memory of a worker: 64 KiB pages handed out as segments; on top of them arenas (bump pointers with a common lifetime)
// and the state heap (power-of-two size classes). Single-threaded: only the owning worker allocates.
//
// Failure: allocation beyond 4 GiB or a refused grow sets ERROR_CODE to ERROR_OUT_OF_MEMORY and returns 0.
import { ARENAS, ERROR_CODE, ERROR_OUT_OF_MEMORY, MEMORY_REFUSED } from "./memory-layout";

const PAGE: u32 = 65536;
/** Pages an arena asks for at least. */
const ARENA_SEGMENT_PAGES: u32 = 16;

// First page that was never handed out; set on first use to the size the memory had at start.
let nextPage: u32 = 0;
// Free segments by class: class c holds segments of exactly 2^c pages, linked through their first word.
const segmentClasses: StaticArray<u32> = new StaticArray<u32>(17);
let segmentPagesLive: u32 = 0;

/** A segment of at least `pages` pages (rounded up to a power of two), 64 KiB aligned; 0 if there is no memory. */
export function segment_alloc(pages: u32): usize {
  const sizeClass = pages <= 1 ? 0 : <u32>(32 - clz<u32>(pages - 1));
  if (sizeClass > 16) return fail(pages);
  const free = unchecked(segmentClasses[sizeClass]);
  const rounded: u32 = 1 << sizeClass;
  if (free != 0) {
    unchecked((segmentClasses[sizeClass] = load<u32>(free)));
    segmentPagesLive += rounded;
    return free;
  }
  if (nextPage == 0) nextPage = <u32>memory.size();
  const end = <u64>nextPage + rounded;
  if (end > 65535) return fail(rounded);
  const have = <u64>memory.size();
  if (end > have) {
    // Grow by at least 4 MiB, so that views on the memory are refreshed rarely.
    let wanted = end - have;
    if (wanted < 64) wanted = have + 64 <= 65535 ? 64 : 65535 - have;
    if (memory.grow(<i32>wanted) < 0) return fail(rounded);
  }
  const address: usize = <usize>nextPage * PAGE;
  nextPage = <u32>end;
  segmentPagesLive += rounded;
  return address;
}

export function segment_free(address: usize, pages: u32): void {
  const sizeClass = pages <= 1 ? 0 : <u32>(32 - clz<u32>(pages - 1));
  store<u32>(address, unchecked(segmentClasses[sizeClass]));
  unchecked((segmentClasses[sizeClass] = <u32>address));
  segmentPagesLive -= 1 << sizeClass;
}

/** Bytes in segments that are handed out. */
export function segment_live_bytes(): f64 {
  return <f64>segmentPagesLive * PAGE;
}

function fail(pages: u32): usize {
  store<u32>(MEMORY_REFUSED, pages);
  store<u32>(ERROR_CODE, ERROR_OUT_OF_MEMORY);
  return 0;
}

// Arena descriptor (32 bytes at ARENAS + 32 * id): cursor u32, end u32, first segment u32, current segment u32, used u64.
// Segment header (16 bytes): next u32, pages u32.
const SEGMENT_HEADER: u32 = 16;

/** `bytes` bytes, 16-byte aligned, from arena `id`; contents undefined; valid until `arena_reset`. */
export function arena_alloc(id: u32, bytes: u32): usize {
  const arena: usize = ARENAS + 32 * id;
  const size = (bytes + 15) & ~15;
  const cursor = load<u32>(arena);
  if (<u64>cursor + size <= <u64>load<u32>(arena, 4)) {
    store<u32>(arena, cursor + size);
    return cursor;
  }
  return arenaRefill(arena, size);
}

function arenaRefill(arena: usize, size: u32): usize {
  const current = load<u32>(arena, 12);
  // Segments kept from before the last reset come first.
  let next = current ? load<u32>(current) : load<u32>(arena, 8);
  let previous = current;
  while (next != 0) {
    const capacity = load<u32>(next, 4) * PAGE - SEGMENT_HEADER;
    if (capacity >= size) break;
    previous = next;
    next = load<u32>(next);
  }
  if (next == 0) {
    let pages = (size + SEGMENT_HEADER + PAGE - 1) / PAGE;
    if (pages < ARENA_SEGMENT_PAGES) pages = ARENA_SEGMENT_PAGES;
    next = <u32>segment_alloc(pages);
    if (next == 0) return 0;
    const sizeClass = pages <= 1 ? 0 : <u32>(32 - clz<u32>(pages - 1));
    store<u32>(next, 0);
    store<u32>(next, 1 << sizeClass, 4);
    if (previous != 0) store<u32>(previous, next);
    else store<u32>(arena, next, 8);
  }
  store<u32>(arena, next, 12);
  const base = next + SEGMENT_HEADER;
  store<u32>(arena, base + size);
  store<u32>(arena, next + load<u32>(next, 4) * PAGE, 4);
  return base;
}

/** Forgets everything in arena `id`. Up to 64 MiB of segments are kept for reuse, the rest is freed. */
export function arena_reset(id: u32): void {
  const arena: usize = ARENAS + 32 * id;
  let kept: u32 = 0;
  let segment = load<u32>(arena, 8);
  let last: u32 = 0;
  while (segment != 0) {
    const next = load<u32>(segment);
    const pages = load<u32>(segment, 4);
    if (kept + pages <= 1024) {
      kept += pages;
      last = segment;
    } else {
      if (last != 0) store<u32>(last, next);
      else store<u32>(arena, next, 8);
      segment_free(segment, pages);
    }
    segment = next;
  }
  store<u32>(arena, 0);
  store<u32>(arena, 0, 4);
  store<u32>(arena, 0, 12);
}

/** Bytes of segments that arena `id` holds. */
export function arena_bytes(id: u32): f64 {
  let segment = load<u32>(ARENAS + 32 * id + 8);
  let pages: u32 = 0;
  while (segment != 0) {
    pages += load<u32>(segment, 4);
    segment = load<u32>(segment);
  }
  return <f64>pages * PAGE;
}

// State heap: classes of 64 B to 32 KiB are carved from 1 MiB segments; larger blocks are segments of their own.
const HEAP_CLASSES: u32 = 10;
const heapFree: StaticArray<u32> = new StaticArray<u32>(10);
let heapCursor: u32 = 0;
let heapEnd: u32 = 0;
let heapLive: u64 = 0;

@inline function heapClass(bytes: u32): u32 {
  return bytes <= 64 ? 0 : 26 - <u32>clz<u32>(bytes - 1);
}

/** Bytes that `heap_alloc(bytes)` really gives. */
export function heap_size(bytes: u32): u32 {
  const sizeClass = heapClass(bytes);
  if (sizeClass < HEAP_CLASSES) return 64 << sizeClass;
  const pages = (bytes + PAGE - 1) / PAGE;
  return (pages <= 1 ? 1 : 1 << (32 - <u32>clz<u32>(pages - 1))) * PAGE;
}

/** A block of the state heap, 64-byte aligned; contents undefined; freed by `heap_free` with the same `bytes`. */
export function heap_alloc(bytes: u32): usize {
  const sizeClass = heapClass(bytes);
  const size = heap_size(bytes);
  heapLive += size;
  if (sizeClass >= HEAP_CLASSES) return segment_alloc(size / PAGE);
  const free = unchecked(heapFree[sizeClass]);
  if (free != 0) {
    unchecked((heapFree[sizeClass] = load<u32>(free)));
    return free;
  }
  if (heapCursor + size > heapEnd) {
    // What is left of the old segment goes to the free lists, largest blocks first.
    while (heapEnd - heapCursor >= 64) {
      let c: u32 = HEAP_CLASSES - 1;
      while (heapCursor + (64 << c) > heapEnd) c--;
      store<u32>(heapCursor, unchecked(heapFree[c]));
      unchecked((heapFree[c] = heapCursor));
      heapCursor += 64 << c;
    }
    heapCursor = <u32>segment_alloc(16);
    if (heapCursor == 0) {
      heapEnd = 0;
      return 0;
    }
    heapEnd = heapCursor + 16 * PAGE;
  }
  const address = heapCursor;
  heapCursor += size;
  return address;
}

export function heap_free(address: usize, bytes: u32): void {
  const sizeClass = heapClass(bytes);
  const size = heap_size(bytes);
  heapLive -= size;
  if (sizeClass >= HEAP_CLASSES) {
    segment_free(address, size / PAGE);
    return;
  }
  store<u32>(address, unchecked(heapFree[sizeClass]));
  unchecked((heapFree[sizeClass] = <u32>address));
}

/** Live bytes of the state heap. */
export function heap_live_bytes(): f64 {
  return <f64>heapLive;
}
