// Statistics of a block's event times. Called by generated code (compile/event-time.ts), once per block, on the worker that owns the memory.

const SIGN: u64 = 1 << 63;
const UNITS: f64 = 4294967296;

/**
 * Adds the times (i64, µs) of `rows` rows, those that are not null, to the cell: max i64, min i64, sum f64, count i64 (EVENT_TIME_STATS).
 * `validity`: a byte per row, 0: none is null. The block's own sum is exact until it is rounded once.
 */
export function event_times(values: usize, validity: usize, rows: u32, cell: usize): void {
  let max: i64 = i64.MIN_VALUE;
  let min: i64 = i64.MAX_VALUE;
  // Of the times with their sign bit flipped: upper and lower halves apart.
  let high: u64 = 0;
  let low: u64 = 0;
  let count: u64 = rows;
  let row: u32 = 0;
  if (validity == 0) {
    const pairs = rows & ~1;
    let maxes = i64x2.splat(max);
    let mins = i64x2.splat(min);
    let highs = i64x2.splat(0);
    let lows = i64x2.splat(0);
    const sign = i64x2.splat(SIGN);
    const lowMask = i64x2.splat(0xffffffff);
    for (; row < pairs; row += 2) {
      const times = v128.load(values + (<usize>row << 3));
      maxes = v128.bitselect(times, maxes, i64x2.gt_s(times, maxes));
      mins = v128.bitselect(times, mins, i64x2.lt_s(times, mins));
      const flipped = v128.xor(times, sign);
      highs = i64x2.add(highs, i64x2.shr_u(flipped, 32));
      lows = i64x2.add(lows, v128.and(flipped, lowMask));
    }
    max = largerOf(i64x2.extract_lane(maxes, 0), i64x2.extract_lane(maxes, 1));
    min = smallerOf(i64x2.extract_lane(mins, 0), i64x2.extract_lane(mins, 1));
    high = <u64>i64x2.extract_lane(highs, 0) + <u64>i64x2.extract_lane(highs, 1);
    low = <u64>i64x2.extract_lane(lows, 0) + <u64>i64x2.extract_lane(lows, 1);
  }
  for (; row < rows; row++) {
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
  if (count == 0) return;
  store<i64>(cell, largerOf(load<i64>(cell), max));
  store<i64>(cell, smallerOf(load<i64>(cell, 8), min), 8);
  const sum = <f64>(<i64>high - <i64>(count << 31)) * UNITS + <f64>low;
  store<f64>(cell, load<f64>(cell, 16) + sum, 16);
  store<i64>(cell, load<i64>(cell, 24) + count, 24);
}

@inline function largerOf(a: i64, b: i64): i64 {
  return a > b ? a : b;
}

@inline function smallerOf(a: i64, b: i64): i64 {
  return a < b ? a : b;
}
