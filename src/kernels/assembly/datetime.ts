// Calendar arithmetic on dates (days since 1970-01-01) and timestamps (microseconds), in UTC: sessions in another zone
// take the plain path. The meaning of each kernel is in functions/datetime/*.ts and columnar/civil-date.ts.
import { ERROR_ARITHMETIC_OVERFLOW } from "./memory-layout";
import { addressOf, lengthOf, raise, setNull } from "./view";

const DAY: i64 = 86400000000;
const HOUR: i64 = 3600000000;
const MINUTE: i64 = 60000000;
const SECOND: i64 = 1000000;

// @ts-ignore: decorator
@inline function floorDiv(value: i64, unit: i64): i64 {
  const quotient = value / unit;
  return quotient - (value < quotient * unit ? 1 : 0);
}

// @ts-ignore: decorator
@inline function floorMod(value: i64, unit: i64): i64 {
  const rest = value % unit;
  return rest < 0 ? rest + unit : rest;
}

// The last date taken apart: columns hold runs of equal or near dates.
let civilYear: i32 = 1970;
let civilMonth: i32 = 1;
let civilDay: i32 = 1;
let civilOf: i32 = 0;

/** Sets civilYear, civilMonth and civilDay. */
export function civil_from_days(days: i32): void {
  if (days == civilOf) return;
  civilOf = days;
  const shifted = <i64>days + 719468;
  const era = floorDiv(shifted, 146097);
  const dayOfEra = <i32>(shifted - era * 146097);
  const yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146096) / 365;
  const dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100);
  const marchMonth = (5 * dayOfYear + 2) / 153;
  civilDay = dayOfYear - (153 * marchMonth + 2) / 5 + 1;
  civilMonth = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9;
  civilYear = <i32>(era * 400) + yearOfEra + (civilMonth <= 2 ? 1 : 0);
}

export function civil_year(): i32 {
  return civilYear;
}

export function civil_month(): i32 {
  return civilMonth;
}

export function civil_day(): i32 {
  return civilDay;
}

/** Days since the epoch of a valid date. */
export function days_from_civil(year: i32, month: i32, day: i32): i32 {
  const shifted: i64 = month <= 2 ? <i64>year - 1 : year;
  const era = floorDiv(shifted, 400);
  const yearOfEra = <i32>(shifted - era * 400);
  const dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return <i32>(era * 146097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719468);
}

export function days_in_month(year: i32, month: i32): i32 {
  if (month == 2) return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

/** 1 = Monday to 7 = Sunday. */
function isoDayOfWeek(days: i32): i32 {
  return <i32>floorMod(<i64>days + 3, 7) + 1;
}

export function date_year(days: i32): i32 {
  civil_from_days(days);
  return civilYear;
}

export function date_quarter(days: i32): i32 {
  civil_from_days(days);
  return (civilMonth + 2) / 3;
}

export function date_month(days: i32): i32 {
  civil_from_days(days);
  return civilMonth;
}

export function date_day(days: i32): i32 {
  civil_from_days(days);
  return civilDay;
}

export function date_doy(days: i32): i32 {
  civil_from_days(days);
  return days - days_from_civil(civilYear, 1, 1) + 1;
}

/** 1 = Sunday to 7 = Saturday. */
export function date_dayofweek(days: i32): i32 {
  return (isoDayOfWeek(days) % 7) + 1;
}

export function date_weekday(days: i32): i32 {
  return isoDayOfWeek(days) - 1;
}

export function date_week(days: i32): i32 {
  const thursday = days - isoDayOfWeek(days) + 4;
  civil_from_days(thursday);
  return (thursday - days_from_civil(civilYear, 1, 1)) / 7 + 1;
}

export function date_add(days: i32, count: i32): i32 {
  return moved(<i64>days + count, days, count);
}

export function date_sub(days: i32, count: i32): i32 {
  return moved(<i64>days - count, days, count);
}

function moved(result: i64, days: i32, count: i32): i32 {
  if (result != <i64>(<i32>result)) raise(ERROR_ARITHMETIC_OVERFLOW, days, count);
  return <i32>result;
}

export function datediff(end: i32, start: i32): i32 {
  return end - start;
}

export function add_months(days: i32, months: i32): i32 {
  civil_from_days(days);
  const index = <i64>civilYear * 12 + (civilMonth - 1) + months;
  const year = <i32>floorDiv(index, 12);
  const month = <i32>floorMod(index, 12) + 1;
  return days_from_civil(year, month, min<i32>(civilDay, days_in_month(year, month)));
}

export function last_day(days: i32): i32 {
  civil_from_days(days);
  return days - civilDay + days_in_month(civilYear, civilMonth);
}

// Units of trunc and date_trunc.
const UNKNOWN: i32 = 0;
const YEAR: i32 = 1;
const QUARTER: i32 = 2;
const MONTH: i32 = 3;
const WEEK: i32 = 4;
const WHOLE_DAY: i32 = 5;
const FINER: i32 = 6;

/** Length of the unit found last, if it is FINER. */
let fineUnit: i64 = 0;

/** Letters of a unit's name as an upper-case number, first letter highest; 0 for names of more than eight letters. */
function nameCode(name: i64): u64 {
  const length = lengthOf(name);
  if (length > 8) return 0;
  let code: u64 = 0;
  for (let at: u32 = 0; at < length; at++) {
    let letter = load<u8>(addressOf(name) + at);
    if (letter >= 0x61 && letter <= 0x7a) letter -= 0x20;
    code = (code << 8) | letter;
  }
  return code;
}

function isLongName(name: i64, first: u8): bool {
  // MILLISECOND and MICROSECOND are the two names of eleven letters.
  const at = addressOf(name);
  if (lengthOf(name) != 11 || (load<u8>(at) & 0xdf) != 0x4d || (load<u8>(at, 1) & 0xdf) != 0x49) return false;
  if (!sameLetters(at + 5, 0x5345, 2) || !sameLetters(at + 7, 0x434f4e44, 4)) return false;
  return first == 0x4c
    ? sameLetters(at + 2, 0x4c4c49, 3)
    : sameLetters(at + 2, 0x43524f, 3);
}

/** Whether `count` letters at `at` are those of `letters` (upper case, first letter highest). */
function sameLetters(at: usize, letters: u32, count: u32): bool {
  for (let index: u32 = 0; index < count; index++)
    if ((load<u8>(at + index) & 0xdf) != ((letters >> (8 * (count - 1 - index))) & 0xff)) return false;
  return true;
}

function unitOf(name: i64): i32 {
  switch (nameCode(name)) {
    case 0x59454152: // YEAR
    case 0x59595959: // YYYY
    case 0x5959: // YY
      return YEAR;
    case 0x51554152544552: // QUARTER
      return QUARTER;
    case 0x4d4f4e5448: // MONTH
    case 0x4d4d: // MM
    case 0x4d4f4e: // MON
      return MONTH;
    case 0x5745454b: // WEEK
      return WEEK;
    case 0x444159: // DAY
    case 0x4444: // DD
      return WHOLE_DAY;
    case 0x484f5552: // HOUR
      fineUnit = HOUR;
      return FINER;
    case 0x4d494e555445: // MINUTE
      fineUnit = MINUTE;
      return FINER;
    case 0x5345434f4e44: // SECOND
      fineUnit = SECOND;
      return FINER;
  }
  if (isLongName(name, 0x4c)) {
    fineUnit = 1000;
    return FINER;
  }
  if (isLongName(name, 0x43)) {
    fineUnit = 1;
    return FINER;
  }
  return UNKNOWN;
}

function cutDate(days: i32, unit: i32): i32 {
  if (unit == WEEK) return days - isoDayOfWeek(days) + 1;
  if (unit == WHOLE_DAY) return days;
  civil_from_days(days);
  if (unit == YEAR) return days_from_civil(civilYear, 1, 1);
  return days_from_civil(civilYear, unit == QUARTER ? civilMonth - ((civilMonth - 1) % 3) : civilMonth, 1);
}

/** `trunc`: null for units finer than a week. */
export function date_truncate(days: i32, unitName: i64): i32 {
  const unit = unitOf(unitName);
  if (unit == UNKNOWN || unit > WEEK) {
    setNull();
    return 0;
  }
  return cutDate(days, unit);
}

/** `date_trunc`: null for unknown units. */
export function timestamp_truncate(unitName: i64, micros: i64): i64 {
  const unit = unitOf(unitName);
  if (unit == FINER) return micros - floorMod(micros, fineUnit);
  if (unit == UNKNOWN) {
    setNull();
    return 0;
  }
  return <i64>cutDate(<i32>floorDiv(micros, DAY), unit) * DAY;
}

export function timestamp_hour(micros: i64): i32 {
  return <i32>(floorMod(micros, DAY) / HOUR);
}

export function timestamp_minute(micros: i64): i32 {
  return <i32>(floorMod(micros, HOUR) / MINUTE);
}

export function timestamp_second(micros: i64): i32 {
  return <i32>(floorMod(micros, MINUTE) / SECOND);
}

/** The date of a moment. */
export function timestamp_to_date(micros: i64): i32 {
  return <i32>floorDiv(micros, DAY);
}

export function timestamp_unix_seconds(micros: i64): i64 {
  return floorDiv(micros, SECOND);
}

export function timestamp_unix_millis(micros: i64): i64 {
  return floorDiv(micros, 1000);
}

export function timestamp_unix_micros(micros: i64): i64 {
  return micros;
}

export function timestamp_from_seconds(seconds: i64): i64 {
  return scaled(seconds, SECOND);
}

export function timestamp_from_millis(millis: i64): i64 {
  return scaled(millis, 1000);
}

export function timestamp_from_micros(micros: i64): i64 {
  return micros;
}

function scaled(value: i64, unit: i64): i64 {
  const result = value * unit;
  if (result / unit != value) raise(ERROR_ARITHMETIC_OVERFLOW, value, unit);
  return result;
}
