/** `+`, `-` and `*` where dates, timestamps or intervals take part. Mirrors Spark's `TimeAdd`, `SubtractTimestamps` and friends. */
import type { ErrorCode } from "../columnar/memory-layout.ts";
import type { TypeKind } from "../columnar/types.ts";
import type { FunctionBuilder } from "./emitter.ts";
import type { InlineConditions, StrictEmission } from "./inline-function.ts";

export const MICROS_PER_DAY = 86_400_000_000n;

type Operator = "add" | "sub" | "mul";

/** `left operator right` → result, for the combinations that are plain 64-bit or 32-bit sums. */
const SUMS: readonly (readonly [TypeKind, Exclude<Operator, "mul">, TypeKind, TypeKind, ErrorCode])[] = [
  ["timestamp", "add", "day_time_interval", "timestamp", "datetime_overflow"],
  ["timestamp", "sub", "day_time_interval", "timestamp", "datetime_overflow"],
  ["timestamp_ntz", "add", "day_time_interval", "timestamp_ntz", "datetime_overflow"],
  ["timestamp_ntz", "sub", "day_time_interval", "timestamp_ntz", "datetime_overflow"],
  ["day_time_interval", "add", "timestamp", "timestamp", "datetime_overflow"],
  ["day_time_interval", "add", "timestamp_ntz", "timestamp_ntz", "datetime_overflow"],
  ["timestamp", "sub", "timestamp", "day_time_interval", "arithmetic_overflow"],
  ["timestamp_ntz", "sub", "timestamp_ntz", "day_time_interval", "arithmetic_overflow"],
  ["day_time_interval", "add", "day_time_interval", "day_time_interval", "interval_overflow"],
  ["day_time_interval", "sub", "day_time_interval", "day_time_interval", "interval_overflow"],
];

export function isTemporalAddition(operator: Operator, { types, returnType, isUtc }: InlineConditions): boolean {
  if (types.length !== 2) return false;
  const [a, b] = [types[0]!.kind, types[1]!.kind];
  if (operator === "sub" && a === "date" && b === "date") return returnType.kind === "day_time_interval";
  // Days are local days: with a zone that changes its offset a day may have 23 hours.
  if (!isUtc && (a === "timestamp" || b === "timestamp")) return false;
  return SUMS.some(([left, op, right, result]) => left === a && op === operator && right === b && result === returnType.kind);
}

export function emitTemporalAddition({ f, args, call, fail }: StrictEmission, operator: Operator): void {
  const [a, b] = args;
  if (a!.dataType.kind === "date") {
    a!.push();
    f.op("i64.extend_i32_s");
    b!.push();
    f.op("i64.extend_i32_s", "i64.sub");
    // 2^32 days are more microseconds than an i64 holds.
    return emitScale(f, MICROS_PER_DAY, () => fail("arithmetic_overflow"));
  }
  const sum = SUMS.find(
    ([left, op, right, result]) =>
      left === a!.dataType.kind && op === operator && right === b!.dataType.kind && result === call.dataType.kind,
  )!;
  emitCheckedSum(f, operator === "add" ? "add" : "sub", a!.push, b!.push, () => fail(sum[4]));
}

/** Pushes `a + b` or `a - b` of two i64; runs `onOverflow` (which must not fall through) when it does not fit. */
function emitCheckedSum(f: FunctionBuilder, operator: "add" | "sub", pushA: () => void, pushB: () => void, onOverflow: () => void): void {
  const result = f.local("i64");
  pushA();
  pushB();
  f.op(`i64.${operator}`);
  f.set(result);
  // The result's sign differs from both operands' (add), or from the minuend's while the operands' signs differ (sub).
  pushA();
  f.get(result);
  f.op("i64.xor");
  if (operator === "add") {
    pushB();
    f.get(result);
  } else {
    pushA();
    pushB();
  }
  f.op("i64.xor", "i64.and");
  f.i64(0n);
  f.op("i64.lt_s");
  f.if(onOverflow);
  f.get(result);
}

/** Pops an i64 and pushes it times the constant (at least 2); runs `onOverflow` (no fall-through) when that does not fit. */
export function emitScale(f: FunctionBuilder, factor: bigint, onOverflow: () => void): void {
  const value = f.local("i64");
  const limit = (2n ** 63n - 1n) / factor;
  f.tee(value);
  f.i64(limit);
  f.op("i64.gt_s");
  f.get(value);
  f.i64(-limit);
  f.op("i64.lt_s", "i32.or");
  f.if(onOverflow);
  f.get(value);
  f.i64(factor);
  f.op("i64.mul");
}

/** Pops an i64, pushes floor(value / divisor) for a positive constant divisor. */
export function emitFloorDivide(f: FunctionBuilder, divisor: bigint): void {
  const [value, quotient] = [f.local("i64"), f.local("i64")];
  f.tee(value);
  f.i64(divisor);
  f.op("i64.div_s");
  f.tee(quotient);
  f.get(quotient);
  f.i64(divisor);
  f.op("i64.mul");
  f.get(value);
  f.op("i64.gt_s", "i64.extend_i32_u", "i64.sub");
}
