// Collected lists (collect_list): elements appended one by one in a row's variable bytes, and the finished list in the form of
// src/columnar/list-encoding.ts. While collecting, fixed-width elements lie one after the other, variable ones as length u32 + bytes.
import { arena_alloc } from "./memory";
import { ARENA_BLOCK, PADDING_BYTES } from "./memory-layout";

@inline function view(address: usize, length: u32): i64 {
  return <i64>((<u64>length << 32) | <u64>address);
}

@inline function padded(bytes: u32): u32 {
  return (bytes + 7) & ~7;
}

/** The bytes (ARENA_BLOCK) to append for one element: its bits for `width` > 0, the view of a variable element for 0. */
export function list_element(value: i64, width: u32): i64 {
  if (width != 0) {
    const address = arena_alloc(ARENA_BLOCK, 8);
    store<i64>(address, value);
    return view(address, width);
  }
  const length = <u32>(<u64>value >> 32);
  const address = arena_alloc(ARENA_BLOCK, 4 + length);
  store<u32>(address, length);
  memory.copy(address + 4, <usize>(value & 0xffffffff), length);
  return view(address, 4 + length);
}

/** The finished list (ARENA_BLOCK) of the elements in `collected`. No element is null. */
export function list_finish(collected: i64, width: u32): i64 {
  const start = <usize>(collected & 0xffffffff);
  const bytes = <u32>(<u64>collected >> 32);
  if (width != 0) return finishFixed(start, bytes, width);
  let count: u32 = 0;
  for (let at: u32 = 0; at < bytes; at += 4 + load<u32>(start + at)) count++;
  const offsetsBytes = padded(4 * (count + 1));
  const dataBytes = padded(bytes - 4 * count);
  const total = 8 + padded(count) + offsetsBytes + dataBytes;
  const list = begin(count, total);
  const offsets = list + 8 + padded(count);
  const data = offsets + offsetsBytes;
  let used: u32 = 0;
  let element: u32 = 0;
  for (let at: u32 = 0; at < bytes; element++) {
    const length = load<u32>(start + at);
    store<u32>(offsets + 4 * element, used);
    memory.copy(data + used, start + at + 4, length);
    used += length;
    at += 4 + length;
  }
  store<u32>(offsets + 4 * count, used);
  return view(list, total);
}

function finishFixed(start: usize, bytes: u32, width: u32): i64 {
  const count = bytes / width;
  const total = 8 + padded(count) + padded(bytes);
  const list = begin(count, total);
  memory.copy(list + 8 + padded(count), start, bytes);
  return view(list, total);
}

function begin(count: u32, total: u32): usize {
  const list = arena_alloc(ARENA_BLOCK, total + PADDING_BYTES);
  memory.fill(list, 0, total);
  store<u32>(list, count);
  memory.fill(list + 8, 1, count);
  return list;
}
