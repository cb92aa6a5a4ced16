/** Spark interval texts as used by watermarks, windows and triggers: "10 seconds", "1 minute 30 seconds", "interval 1 day". */
import { IllegalArgumentError } from "../../base/errors.ts";

export interface CalendarInterval {
  readonly months: number;
  readonly days: number;
  readonly micros: bigint;
}

const MICROS: Readonly<Record<string, bigint>> = {
  microsecond: 1n,
  millisecond: 1_000n,
  second: 1_000_000n,
  minute: 60_000_000n,
  hour: 3_600_000_000n,
};
const DAYS: Readonly<Record<string, number>> = { day: 1, week: 7 };
const MONTHS: Readonly<Record<string, number>> = { month: 1, year: 12 };

/** Throws `CANNOT_PARSE_INTERVAL`. Units may be plural; `interval` may lead; numbers may be signed, seconds may have a fraction. */
export function parseInterval(text: string): CalendarInterval {
  const fail = (): never => {
    throw new IllegalArgumentError("CANNOT_PARSE_INTERVAL", { intervalString: text });
  };
  const body = text
    .trim()
    .toLowerCase()
    .replace(/^interval\s+/, "");
  const pattern = /\s*([+-]?)\s*(\d+)(\.\d{1,9})?\s*([a-z]+)(?=\s|$|[+-])/gy;
  let months = 0;
  let days = 0;
  let micros = 0n;
  let end = 0;
  for (let match = pattern.exec(body); match; match = pattern.exec(body)) {
    end = pattern.lastIndex;
    const [, sign, digits, fraction, unitText] = match;
    const negative = sign === "-";
    const unit = unitText!.replace(/s$/, "");
    if (fraction !== undefined && unit !== "second") fail();
    const whole = BigInt(digits!) * (negative ? -1n : 1n);
    if (unit in MICROS) {
      micros += whole * MICROS[unit]!;
      if (fraction) micros += BigInt(Math.trunc(Number(`0${fraction}`) * 1e6)) * (negative ? -1n : 1n);
    } else if (unit in DAYS) days += Number(whole) * DAYS[unit]!;
    else if (unit in MONTHS) months += Number(whole) * MONTHS[unit]!;
    else fail();
  }
  if (end === 0 || body.slice(end).trim() !== "") fail();
  return { months, days, micros };
}

const MICROS_PER_DAY = 86_400_000_000n;

/** Length in microseconds with days of 24 hours and months of `daysPerMonth` days (31 for watermarks). */
export function intervalMicros(interval: CalendarInterval, daysPerMonth = 31): bigint {
  return BigInt(interval.months) * BigInt(daysPerMonth) * MICROS_PER_DAY + BigInt(interval.days) * MICROS_PER_DAY + interval.micros;
}
