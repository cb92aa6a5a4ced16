/** The proleptic Gregorian calendar as instructions, in 32-bit integer arithmetic. Used by the date functions on the main thread. */
import type { FunctionBuilder, Local } from "./emitter.ts";

const DAYS_PER_ERA = 146_097;
/** 1970-01-01 in days since 0000-03-01, less four eras of 400 years. */
const EPOCH_SHIFT = 719_468 - 4 * DAYS_PER_ERA;

export interface Civil {
  readonly year: Local;
  /** 1 to 12. */
  readonly month: Local;
  /** 1 to 31. */
  readonly day: Local;
}

/** Pops days since the epoch (i32, any) and computes its calendar date. The arithmetic year begins in March. */
export function emitCivil(f: FunctionBuilder): Civil {
  const [days, era, yearOfEra, dayOfYear, marchMonth] = Array.from({ length: 5 }, () => f.local("i32")) as [
    Local,
    Local,
    Local,
    Local,
    Local,
  ];
  const [year, month, day] = [f.local("i32"), f.local("i32"), f.local("i32")];
  f.set(days);
  emitFloorDivide32(f, days, DAYS_PER_ERA);
  f.set(era);
  // Day within the era, shifted to begin on 1 March.
  f.get(days);
  f.get(era);
  f.i32(DAYS_PER_ERA);
  f.op("i32.mul", "i32.sub");
  f.i32(EPOCH_SHIFT);
  f.op("i32.add");
  f.tee(days);
  f.i32(DAYS_PER_ERA);
  f.op("i32.ge_s");
  f.if(() => {
    f.get(days);
    f.i32(DAYS_PER_ERA);
    f.op("i32.sub");
    f.set(days);
    f.get(era);
    f.i32(1);
    f.op("i32.add");
    f.set(era);
  });
  f.get(days);
  for (const [divisor, op] of [
    [1460, "i32.sub"],
    [36_524, "i32.add"],
    [146_096, "i32.sub"],
  ] as const) {
    f.get(days);
    f.i32(divisor);
    f.op("i32.div_u", op);
  }
  f.i32(365);
  f.op("i32.div_u");
  f.set(yearOfEra);
  f.get(days);
  f.get(yearOfEra);
  f.i32(365);
  f.op("i32.mul", "i32.sub");
  f.get(yearOfEra);
  f.i32(2);
  f.op("i32.shr_u", "i32.sub");
  f.get(yearOfEra);
  f.i32(100);
  f.op("i32.div_u", "i32.add");
  f.tee(dayOfYear);
  f.i32(5);
  f.op("i32.mul");
  f.i32(2);
  f.op("i32.add");
  f.i32(153);
  f.op("i32.div_u");
  f.set(marchMonth);
  f.get(dayOfYear);
  f.get(marchMonth);
  f.i32(153);
  f.op("i32.mul");
  f.i32(2);
  f.op("i32.add");
  f.i32(5);
  f.op("i32.div_u", "i32.sub");
  f.i32(1);
  f.op("i32.add");
  f.set(day);
  f.get(marchMonth);
  f.i32(3);
  f.op("i32.add");
  f.get(marchMonth);
  f.i32(9);
  f.op("i32.sub");
  f.get(marchMonth);
  f.i32(10);
  f.op("i32.lt_u", "select");
  f.set(month);
  f.get(era);
  f.i32(4);
  f.op("i32.add");
  f.i32(400);
  f.op("i32.mul");
  f.get(yearOfEra);
  f.op("i32.add");
  f.get(month);
  f.i32(2);
  f.op("i32.le_u", "i32.add");
  f.set(year);
  return { year, month, day };
}

/** Pushes days since the epoch of the calendar date; `month` 1 to 12, `day` valid. Changes `year` and `month`. */
export function emitDays(f: FunctionBuilder, { year, month, day }: Civil): void {
  const era = f.local("i32");
  const yearOfEra = f.local("i32");
  f.get(year);
  f.get(month);
  f.i32(2);
  f.op("i32.le_s", "i32.sub");
  f.set(year);
  emitFloorDivide32(f, year, 400);
  f.set(era);
  f.get(year);
  f.get(era);
  f.i32(400);
  f.op("i32.mul", "i32.sub");
  f.set(yearOfEra);
  f.get(month);
  f.i32(9);
  f.op("i32.add");
  f.i32(12);
  f.op("i32.rem_u");
  f.i32(153);
  f.op("i32.mul");
  f.i32(2);
  f.op("i32.add");
  f.i32(5);
  f.op("i32.div_u");
  f.get(day);
  f.op("i32.add");
  f.get(yearOfEra);
  f.i32(365);
  f.op("i32.mul", "i32.add");
  f.get(yearOfEra);
  f.i32(2);
  f.op("i32.shr_u", "i32.add");
  f.get(yearOfEra);
  f.i32(100);
  f.op("i32.div_u", "i32.sub");
  f.get(era);
  f.i32(DAYS_PER_ERA);
  f.op("i32.mul", "i32.add");
  f.i32(719_469);
  f.op("i32.sub");
}

/** Pushes floor(value / divisor) for a positive constant divisor. */
export function emitFloorDivide32(f: FunctionBuilder, value: Local, divisor: number): void {
  f.get(value);
  f.i32(divisor);
  f.op("i32.div_s");
  f.get(value);
  f.i32(divisor);
  f.op("i32.rem_s");
  f.i32(0);
  f.op("i32.lt_s", "i32.sub");
}

/** Pops an i32 and pushes it modulo a positive constant, not negative. */
export function emitFloorModulo32(f: FunctionBuilder, divisor: number): void {
  const value = f.local("i32");
  f.i32(divisor);
  f.op("i32.rem_s");
  f.tee(value);
  f.get(value);
  f.i32(31);
  f.op("i32.shr_s");
  f.i32(divisor);
  f.op("i32.and", "i32.add");
}

/** Moves `civil` to the last day of its month if its day lies beyond it. */
export function emitClampDay(f: FunctionBuilder, civil: Civil): void {
  const last = f.local("i32");
  pushDaysInMonth(f, civil);
  f.tee(last);
  f.get(civil.day);
  f.get(last);
  f.get(civil.day);
  f.op("i32.lt_u", "select");
  f.set(civil.day);
}

export function pushDaysInMonth(f: FunctionBuilder, { year: yearLocal, month: monthLocal }: Civil): void {
  f.get(monthLocal);
  f.i32(2);
  f.op("i32.eq");
  f.if(
    () => {
      // Leap: divisible by 4, and by 16 if by 100 (which is: by 400).
      f.i32(28);
      f.get(yearLocal);
      f.i32(15);
      f.i32(3);
      f.get(yearLocal);
      f.i32(100);
      f.op("i32.rem_s", "i32.eqz", "select", "i32.and", "i32.eqz", "i32.add");
    },
    () => {
      // 30 or 31: months alternate, with the turn after July.
      f.i32(30);
      f.get(monthLocal);
      f.get(monthLocal);
      f.i32(3);
      f.op("i32.shr_u", "i32.add");
      f.i32(1);
      f.op("i32.and", "i32.add");
    },
    "i32",
  );
}

/** Pops days, pushes the first day of the month, quarter or year that they are in. */
export function emitTruncateMonths(f: FunctionBuilder, months: 1 | 3 | 12): void {
  const civil = emitCivil(f);
  if (months > 1) {
    f.get(civil.month);
    f.get(civil.month);
    f.i32(1);
    f.op("i32.sub");
    f.i32(months);
    f.op("i32.rem_u", "i32.sub");
    f.set(civil.month);
  }
  f.i32(1);
  f.set(civil.day);
  emitDays(f, civil);
}

/** Pops days, pushes the Monday at or before. */
export function emitTruncateWeek(f: FunctionBuilder): void {
  const days = f.local("i32");
  f.tee(days);
  f.get(days);
  emitFloorModulo32(f, 7);
  f.i32(3);
  f.op("i32.add");
  f.i32(7);
  f.op("i32.rem_u", "i32.sub");
}
