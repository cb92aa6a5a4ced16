// HyperLogLog++ for approx_count_distinct: 512 registers of one byte inside the aggregate's buffer (zero at first). The
// oracle is functions/aggregate/distinct-estimate.ts.
import { BIASES, RAW_ESTIMATES } from "./sketch-bias";

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
  return <i64>Math.floor((raw < 5 * m ? raw - biasOf(raw) : raw) + 0.5);
}

/** Known biases that are averaged. */
const NEIGHBOURS: i32 = 6;

/** Mean of the biases measured at the raw estimates nearest to `raw`. */
function biasOf(raw: f64): f64 {
  const count = RAW_ESTIMATES.length;
  let at: i32 = 0;
  while (at < count && unchecked(RAW_ESTIMATES[at]) < raw) at++;
  let low = max(at - NEIGHBOURS + 1, 0);
  let high = min(low + NEIGHBOURS, count);
  while (high < count && distance(raw, high) < distance(raw, low)) {
    low++;
    high++;
  }
  let sum: f64 = 0;
  for (let i = low; i < high; i++) sum += unchecked(BIASES[i]);
  return sum / <f64>(high - low);
}

@inline function distance(raw: f64, index: i32): f64 {
  const difference = raw - unchecked(RAW_ESTIMATES[index]);
  return difference * difference;
}
