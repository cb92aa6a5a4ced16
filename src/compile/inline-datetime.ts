/**
 * Fields of dates and timestamps, moving and truncating them, and epoch conversions, in integer arithmetic on the proleptic
 * Gregorian calendar. Functions of TIMESTAMP are local time, so they are inlined for UTC only.
 */
import type { DataType } from "../columnar/types.ts";
import type { Call } from "../plan/expr/expression.ts";
import {
  type Civil,
  emitCivil,
  emitClampDay,
  emitDays,
  emitFloorDivide32,
  emitFloorModulo32,
  emitTruncateMonths,
  emitTruncateWeek,
  pushDaysInMonth,
} from "./calendar.ts";
import { datetimeProgram } from "./datetime-program.ts";
import type { FunctionBuilder } from "./emitter.ts";
import type { ExpressionCompiler } from "./expression.ts";
import { integerBits } from "./inline-arithmetic.ts";
import { emitKernelCheck, type InlineConditions, type InlineFunction, type InlineFunctions, strictFunction } from "./inline-function.ts";
import { emitFloorDivide, emitScale, MICROS_PER_DAY } from "./inline-interval.ts";
import type { CompiledValue } from "./value.ts";

const MICROS_PER_SECOND = 1_000_000n;

const isLocal = ({ types, isUtc }: InlineConditions, index = 0): boolean =>
  types[index]!.kind === "timestamp_ntz" || (types[index]!.kind === "timestamp" && isUtc);
const isDay = (conditions: InlineConditions, index = 0): boolean => conditions.types[index]!.kind === "date" || isLocal(conditions, index);

/** Pushes the days since the epoch of a date, or of a timestamp's local date. */
function pushDays(f: FunctionBuilder, value: CompiledValue): void {
  value.push();
  if (value.dataType.kind === "date") return;
  emitFloorDivide(f, MICROS_PER_DAY);
  f.op("i32.wrap_i64");
}

const dateField = (push: (f: FunctionBuilder, civil: Civil) => void): InlineFunction =>
  strictFunction(
    (conditions) => isDay(conditions),
    ({ f, args }) => {
      pushDays(f, args[0]!);
      push(f, emitCivil(f));
    },
    { safe: true },
  );

const year = dateField((f, civil) => f.get(civil.year));
const month = dateField((f, civil) => f.get(civil.month));
const day = dateField((f, civil) => f.get(civil.day));
const quarter = dateField((f, civil) => {
  f.get(civil.month);
  f.i32(2);
  f.op("i32.add");
  f.i32(3);
  f.op("i32.div_u");
});
const dayOfYear: InlineFunction = strictFunction(
  (conditions) => isDay(conditions),
  ({ f, args }) => {
    const days = f.local("i32");
    pushDays(f, args[0]!);
    f.tee(days);
    const civil = emitCivil(f);
    f.i32(1);
    f.set(civil.month);
    f.i32(1);
    f.set(civil.day);
    f.get(days);
    emitDays(f, civil);
    f.op("i32.sub");
    f.i32(1);
    f.op("i32.add");
  },
  { safe: true },
);

/** Days of the week from `first`: 1970-01-01 was a Thursday. */
const weekDay = (shift: number, first: number): InlineFunction =>
  strictFunction(
    (conditions) => isDay(conditions),
    ({ f, args }) => {
      pushDays(f, args[0]!);
      emitFloorModulo32(f, 7);
      f.i32(shift);
      f.op("i32.add");
      f.i32(7);
      f.op("i32.rem_u");
      if (first === 0) return;
      f.i32(first);
      f.op("i32.add");
    },
    { safe: true },
  );

/** `floor(time / unit) mod range`. */
const timeField = (unitMicros: bigint, range: bigint): InlineFunction =>
  strictFunction(
    (conditions) => isLocal(conditions),
    ({ f, args }) => {
      const rest = f.local("i64");
      args[0]!.push();
      emitFloorDivide(f, unitMicros);
      f.i64(range);
      f.op("i64.rem_s");
      f.tee(rest);
      f.i64(range);
      f.i64(0n);
      f.get(rest);
      f.i64(0n);
      f.op("i64.lt_s", "select", "i64.add", "i32.wrap_i64");
    },
    { safe: true },
  );

const isDateAndInteger = ({ types }: InlineConditions): boolean =>
  types.length === 2 && types[0]!.kind === "date" && ["byte", "short", "integer"].includes(types[1]!.kind);

const shiftDays = (operator: "add" | "sub"): InlineFunction =>
  strictFunction(isDateAndInteger, ({ f, args, fail }) => {
    const result = f.local("i64");
    for (const arg of args) {
      arg.push();
      f.op("i64.extend_i32_s");
    }
    f.op(`i64.${operator}`);
    f.tee(result);
    f.get(result);
    f.op("i64.extend32_s", "i64.ne");
    f.if(() => fail("arithmetic_overflow"));
    f.get(result);
    f.op("i32.wrap_i64");
  });

const dayDifference = strictFunction(
  ({ types }) => types.length === 2 && types.every((type) => type.kind === "date"),
  ({ f, args }) => {
    for (const arg of args) arg.push();
    f.op("i32.sub");
  },
  { safe: true },
);

const lastDay = strictFunction(
  (conditions) => isDay(conditions),
  ({ f, args }) => {
    pushDays(f, args[0]!);
    const civil = emitCivil(f);
    pushDaysInMonth(f, civil);
    f.set(civil.day);
    emitDays(f, civil);
  },
  { safe: true },
);

const addMonths = strictFunction(
  isDateAndInteger,
  ({ f, args }) => {
    pushDays(f, args[0]!);
    const civil = emitCivil(f);
    const index = f.local("i32");
    f.get(civil.year);
    f.i32(12);
    f.op("i32.mul");
    f.get(civil.month);
    f.op("i32.add");
    f.i32(1);
    f.op("i32.sub");
    args[1]!.push();
    f.op("i32.add");
    f.set(index);
    emitFloorDivide32(f, index, 12);
    f.set(civil.year);
    f.get(index);
    emitFloorModulo32(f, 12);
    f.i32(1);
    f.op("i32.add");
    f.set(civil.month);
    emitClampDay(f, civil);
    emitDays(f, civil);
  },
  { safe: true },
);

/** Units of `date_trunc` that are a number of microseconds. */
const FIXED_UNITS: Readonly<Record<string, bigint>> = {
  MICROSECOND: 1n,
  MILLISECOND: 1000n,
  SECOND: MICROS_PER_SECOND,
  MINUTE: 60n * MICROS_PER_SECOND,
  HOUR: 3600n * MICROS_PER_SECOND,
  DAY: MICROS_PER_DAY,
  DD: MICROS_PER_DAY,
};
/** Units that are whole months, and how many. */
const MONTH_UNITS: Readonly<Record<string, 1 | 3 | 12>> = { YEAR: 12, YYYY: 12, YY: 12, QUARTER: 3, MONTH: 1, MON: 1, MM: 1 };

function unitOf(conditions: { readonly call: InlineConditions["call"] }, index: number): string | undefined {
  const unit = conditions.call.args[index];
  if (unit?.kind !== "literal" || typeof unit.value !== "string") return undefined;
  const name = unit.value.toUpperCase();
  return name === "WEEK" || Object.hasOwn(FIXED_UNITS, name) || Object.hasOwn(MONTH_UNITS, name) ? name : undefined;
}

/** `date_trunc(unit, timestamp)`; overflow near the ends of the range wraps, as in Spark. */
const truncateTimestamp: InlineFunction = strictFunction(
  (conditions) => conditions.types.length === 2 && isLocal(conditions, 1) && unitOf(conditions, 0) !== undefined,
  ({ f, args, call }) => {
    const unit = unitOf({ call }, 0)!;
    const length = FIXED_UNITS[unit];
    if (length !== undefined) {
      args[1]!.push();
      if (length === 1n) return;
      emitFloorDivide(f, length);
      f.i64(length);
    } else {
      pushDays(f, args[1]!);
      if (unit === "WEEK") emitTruncateWeek(f);
      else emitTruncateMonths(f, MONTH_UNITS[unit]!);
      f.op("i64.extend_i32_s");
      f.i64(MICROS_PER_DAY);
    }
    f.op("i64.mul");
  },
  { safe: true },
);

/** `trunc(date, unit)`: weeks and whole months only. */
const truncateDate: InlineFunction = strictFunction(
  (conditions) => {
    const unit = conditions.types.length === 2 && conditions.types[0]!.kind === "date" ? unitOf(conditions, 1) : undefined;
    return unit !== undefined && FIXED_UNITS[unit] === undefined;
  },
  ({ f, args, call }) => {
    const unit = unitOf({ call }, 1)!;
    pushDays(f, args[0]!);
    if (unit === "WEEK") emitTruncateWeek(f);
    else emitTruncateMonths(f, MONTH_UNITS[unit]!);
  },
  { safe: true },
);

const isTimestamp = ({ types }: InlineConditions): boolean => types.length === 1 && types[0]!.kind === "timestamp";
const isIntegral = ({ types }: InlineConditions): boolean => types.length === 1 && integerBits(types[0]!) !== undefined;

/** Whole units since the epoch. */
const toEpoch = (unitMicros: bigint): InlineFunction =>
  strictFunction(
    isTimestamp,
    ({ f, args }) => {
      args[0]!.push();
      if (unitMicros > 1n) emitFloorDivide(f, unitMicros);
    },
    { safe: true },
  );

const fromEpoch = (unitMicros: bigint): InlineFunction =>
  strictFunction(isIntegral, ({ f, args, fail }) => {
    args[0]!.push();
    if (args[0]!.physical !== "i64") f.op("i64.extend_i32_s");
    if (unitMicros > 1n) emitScale(f, unitMicros, () => fail("arithmetic_overflow"));
  });

/** A value whose bits are already the result's. */
const reinterpret = (from: DataType["kind"]): InlineFunction =>
  strictFunction(
    ({ types }) => types.length === 1 && types[0]!.kind === from,
    ({ args }) => args[0]!.push(),
    { safe: true },
  );

/** `unix_timestamp(timestamp)`: seconds, cut; the format, used for strings only, plays no part. */
const unixTimestamp: InlineFunction = {
  accepts: ({ types }) => types[0]?.kind === "timestamp",
  isSafe: true,
  compile: (compiler: ExpressionCompiler, call) => {
    const value = compiler.compile(call.args[0]!);
    return compiler.strictSafe(call.dataType, [value], () => {
      value.push();
      compiler.f.i64(MICROS_PER_SECOND);
      compiler.f.op("i64.div_s");
    });
  },
};

const programOf = ({ args: [, pattern] }: Call): Uint8Array | null =>
  pattern?.kind === "literal" && typeof pattern.value === "string" ? datetimeProgram(pattern.value) : null;

/** `date_format` with a pattern that is known beforehand. */
const formatTimestamp: InlineFunction = strictFunction(
  (conditions) => isLocal(conditions) && conditions.isUtc && programOf(conditions.call) !== null,
  ({ f, module, args, call, fail }) => {
    args[0]!.push();
    module.pushLiteralView(f, programOf(call)!);
    f.call(module.kernel("datetime_format", ["i64", "i64"], ["i64"]));
    emitKernelCheck(f, fail);
  },
);

export const datetimeFunctions: InlineFunctions = {
  year,
  month,
  day,
  quarter,
  dayofyear: dayOfYear,
  dayofweek: weekDay(4, 1),
  weekday: weekDay(3, 0),
  hour: timeField(3600n * MICROS_PER_SECOND, 24n),
  minute: timeField(60n * MICROS_PER_SECOND, 60n),
  second: timeField(MICROS_PER_SECOND, 60n),
  date_add: shiftDays("add"),
  date_sub: shiftDays("sub"),
  datediff: dayDifference,
  last_day: lastDay,
  add_months: addMonths,
  date_trunc: truncateTimestamp,
  trunc: truncateDate,
  date_format: formatTimestamp,
  unix_date: reinterpret("date"),
  date_from_unix_date: reinterpret("integer"),
  unix_seconds: toEpoch(MICROS_PER_SECOND),
  unix_millis: toEpoch(1000n),
  unix_micros: toEpoch(1n),
  unix_timestamp: unixTimestamp,
  to_unix_timestamp: unixTimestamp,
  timestamp_seconds: fromEpoch(MICROS_PER_SECOND),
  timestamp_millis: fromEpoch(1000n),
  timestamp_micros: fromEpoch(1n),
};
