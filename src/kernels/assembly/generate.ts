// Columns made from nothing: series, the rate source's times, constants. Used by the readers of `range`, `rate` and by the file
// reader for partition columns; one call per column and block.

/** `count` values `first`, `first + step`, … as i64 (wraps around). */
export function generate_series(values: usize, first: i64, step: i64, count: u32): void {
  let value = first;
  for (let i: u32 = 0; i < count; i++) {
    store<i64>(values + (<usize>i << 3), value);
    value += step;
  }
}

/**
 * Times (µs) of the rate source's rows `first`, `first + step`, …: `startMicros` plus the row's distance from `rangeStart` times
 * `msPerRow`, rounded to the nearest millisecond as Java's Math.round does.
 */
export function generate_rate_times(
  times: usize,
  first: i64,
  step: i64,
  rangeStart: i64,
  startMicros: i64,
  msPerRow: f64,
  count: u32,
): void {
  let distance = first - rangeStart;
  for (let i: u32 = 0; i < count; i++) {
    const ms = <i64>Math.floor(<f64>distance * msPerRow + 0.5);
    store<i64>(times + (<usize>i << 3), startMicros + ms * 1000);
    distance += step;
  }
}

/** `count` copies of the low `width` (1, 2, 4 or 8) bytes of `value`. */
export function generate_constant(values: usize, width: u32, value: i64, count: u32): void {
  if (width == 8) {
    for (let i: u32 = 0; i < count; i++) store<i64>(values + (<usize>i << 3), value);
  } else if (width == 4) {
    for (let i: u32 = 0; i < count; i++) store<i32>(values + (<usize>i << 2), <i32>value);
  } else if (width == 2) {
    for (let i: u32 = 0; i < count; i++) store<i16>(values + (<usize>i << 1), <i16>value);
  } else {
    memory.fill(values, <u8>value, count);
  }
}
