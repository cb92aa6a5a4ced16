// Statistics of a block's event times. Called by generated code (compile/event-time.ts), once per block, on the worker that owns the memory.
import { EVENT_TIME_BLOCK } from "./memory-layout";

const SIGN: u64 = 1 << 63;
const UNITS: f64 = 4294967296;

/**
 * Adds the times (i64, µs) of `rows` rows, those that are not null, to the cell: max i64, min i64, sum f64, count i64 (EVENT_TIME_STATS).
 * `validity`: a byte per row, 0: none is null. The block's own sum is exact until it is rounded once. Least and largest time of the block alone go to
 * EVENT_TIME_BLOCK.
 */
export function event_times(values: usize, validity: usize, rows: u32, cell: usize): void {
  if (validity != 0 || rows == 0 || !closeTimes(values, rows, cell)) anyTimes(values, validity, rows, cell);
}

/** Times without nulls that lie within six days of each other; false, and nothing has happened, where they do not. */
function closeTimes(values: usize, rows: u32, cell: usize): bool {
  const first = v128.load_splat<i64>(values);
  let maxes = first;
  let mins = first;
  let otherMaxes = first;
  let otherMins = first;
  // Modulo 2^64: with the least time taken from each they are small.
  let sums = i64x2.splat(0);
  let row: u32 = 0;
  for (const fours = rows & ~3; row < fours; row += 4) {
    const at = values + (<usize>row << 3);
    const times = v128.load(at);
    const others = v128.load(at, 16);
    maxes = v128.bitselect(times, maxes, i64x2.gt_s(times, maxes));
    mins = v128.bitselect(times, mins, i64x2.gt_s(mins, times));
    otherMaxes = v128.bitselect(others, otherMaxes, i64x2.gt_s(others, otherMaxes));
    otherMins = v128.bitselect(others, otherMins, i64x2.gt_s(otherMins, others));
    sums = i64x2.add(sums, i64x2.add(times, others));
  }
  maxes = v128.bitselect(maxes, otherMaxes, i64x2.gt_s(maxes, otherMaxes));
  mins = v128.bitselect(otherMins, mins, i64x2.gt_s(mins, otherMins));
  let max = largerOf(i64x2.extract_lane(maxes, 0), i64x2.extract_lane(maxes, 1));
  let min = smallerOf(i64x2.extract_lane(mins, 0), i64x2.extract_lane(mins, 1));
  let sum = i64x2.extract_lane(sums, 0) + i64x2.extract_lane(sums, 1);
  for (; row < rows; row++) {
    const time = load<i64>(values + (<usize>row << 3));
    max = largerOf(time, max);
    min = smallerOf(time, min);
    sum += time;
  }
  if (<u64>max - <u64>min >> 39 != 0) return false;
  const beyond = sum - min * <i64>rows;
  keep(cell, max, min, <f64>((min >> 32) * <i64>rows) * UNITS + <f64>((min & 0xffffffff) * <i64>rows + beyond), rows);
  return true;
}

function anyTimes(values: usize, validity: usize, rows: u32, cell: usize): void {
  let max: i64 = i64.MIN_VALUE;
  let min: i64 = i64.MAX_VALUE;
  // Of the times with their sign bit flipped: upper and lower halves apart.
  let high: u64 = 0;
  let low: u64 = 0;
  let count: u64 = rows;
  for (let row: u32 = 0; row < rows; row++) {
    if (validity != 0 && load<u8>(validity + row) == 0) {
      count--;
      continue;
    }
    const time = load<i64>(values + (<usize>row << 3));
    max = largerOf(time, max);
    min = smallerOf(time, min);
    const flipped = <u64>time ^ SIGN;
    high += flipped >> 32;
    low += flipped & 0xffffffff;
  }
  keep(cell, max, min, <f64>(<i64>high - <i64>(count << 31)) * UNITS + <f64>low, count);
}

function keep(cell: usize, max: i64, min: i64, sum: f64, count: u64): void {
  store<i64>(EVENT_TIME_BLOCK, min);
  store<i64>(EVENT_TIME_BLOCK, max, 8);
  if (count == 0) return;
  store<i64>(cell, largerOf(load<i64>(cell), max));
  store<i64>(cell, smallerOf(load<i64>(cell, 8), min), 8);
  store<f64>(cell, load<f64>(cell, 16) + sum, 16);
  store<i64>(cell, load<i64>(cell, 24) + count, 24);
}

@inline function largerOf(a: i64, b: i64): i64 {
  return a > b ? a : b;
}

@inline function smallerOf(a: i64, b: i64): i64 {
  return a < b ? a : b;
}
