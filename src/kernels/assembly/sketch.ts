// HyperLogLog++ for approx_count_distinct: 512 registers of one byte inside the aggregate's buffer (zero at first). The
// oracle is functions/aggregate/distinct-estimate.ts.
const PRECISION: u32 = 9;
const REGISTERS: u32 = 1 << PRECISION;

/** Takes in a value by its xxhash64. */
export function hll_update(buffer: u32, hash: i64): void {
  const index = <u32>(<u64>hash >> (64 - PRECISION));
  const rest = (<u64>hash << PRECISION) | (1 << (PRECISION - 1));
  const rank = <u8>clz<u64>(rest) + 1;
  const register: usize = buffer + index;
  if (load<u8>(register) < rank) store<u8>(register, rank);
}

/** Takes the registers at `right` into those at `left`. */
export function hll_merge(left: u32, right: u32): void {
  for (let at: u32 = 0; at < REGISTERS; at += 16)
    v128.store(left + at, i8x16.max_u(v128.load(left + at), v128.load(right + at)));
}

/** The estimated number of distinct values. */
export function hll_evaluate(buffer: u32): i64 {
  let inverse: f64 = 0;
  let empty: u32 = 0;
  for (let at: u32 = 0; at < REGISTERS; at++) {
    const register = load<u8>(buffer + at);
    inverse += 1 / <f64>(<u64>1 << register);
    if (register == 0) empty++;
  }
  const m: f64 = <f64>REGISTERS;
  const raw = ((0.7213 / (1 + 1.079 / m)) * m * m) / inverse;
  if (empty > 0) {
    const linear = m * Math.log(m / <f64>empty);
    if (linear <= 400 || raw <= 2.5 * m) return <i64>Math.floor(linear + 0.5);
  }
  return <i64>Math.floor(raw + 0.5);
}
