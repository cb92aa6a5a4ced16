// Dates and timestamps in their usual ISO spelling: `yyyy-MM-dd`, and with `T` or a space `HH:mm:ss`, up to six digits of a
// fraction, and `Z`, `+hh:mm` or nothing. Other spellings are left to the reader's plain parser. Used by the JSON and CSV scanners.
import { SCAN_ZONE_FROM, SCAN_ZONE_MISSED, SCAN_ZONE_OFFSET, SCAN_ZONE_UNTIL } from "./scan-block";

/** Whether the last scan understood its text. */
export let datetimeOk: bool = false;

const MICROS_PER_SECOND: i64 = 1000000;
const MICROS_PER_DAY: i64 = 86400000000;

/** Value of the two digits at `p`, or 100 or more. */
@inline function twoDigits(p: usize): u32 {
  const a: u32 = <u32>load<u8>(p) - 48;
  const b: u32 = <u32>load<u8>(p, 1) - 48;
  return a < 10 && b < 10 ? a * 10 + b : 100;
}

/** Days since 1970-01-01 of the ten characters at `p`. */
export function scanDate(p: usize): i32 {
  datetimeOk = false;
  const century = twoDigits(p);
  const yearOfCentury = twoDigits(p + 2);
  const month = twoDigits(p + 5);
  const day = twoDigits(p + 8);
  if (century > 99 || yearOfCentury > 99 || load<u8>(p, 4) != 45 || load<u8>(p, 7) != 45) return 0;
  if (month - 1 > 11 || day - 1 > 30) return 0;
  const year = century * 100 + yearOfCentury;
  if (day > 28) {
    const leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    const last: u32 = month == 2 ? (leap ? 29 : 28) : month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
    if (day > last) return 0;
  }
  datetimeOk = true;
  // Days in a calendar whose years begin in March, counted from 0000-03-01.
  const y: i32 = month <= 2 ? <i32>year - 1 : <i32>year;
  const era: i32 = (y >= 0 ? y : y - 399) / 400;
  const yearOfEra: i32 = y - era * 400;
  const dayOfYear: i32 = (153 * (<i32>month + (month > 2 ? -3 : 9)) + 2) / 5 + <i32>day - 1;
  return era * 146097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719468;
}

/** Microseconds since the epoch of [p, end); local times are taken in the scan's zone, or as they are if `withoutZone`. */
export function scanTimestamp(scan: usize, p: usize, end: usize, withoutZone: bool): i64 {
  const length = end - p;
  datetimeOk = false;
  if (length < 10) return 0;
  let micros = <i64>scanDate(p) * MICROS_PER_DAY;
  if (!datetimeOk) return 0;
  datetimeOk = false;
  p += 10;
  if (length > 10) {
    if (length < 19 || (load<u8>(p) != 84 && load<u8>(p) != 32)) return 0;
    const hour = twoDigits(p + 1);
    const minute = twoDigits(p + 4);
    const second = twoDigits(p + 7);
    if (hour > 23 || minute > 59 || second > 59 || load<u8>(p, 3) != 58 || load<u8>(p, 6) != 58) return 0;
    micros += <i64>(hour * 3600 + minute * 60 + second) * MICROS_PER_SECOND;
    p += 9;
    if (p < end && load<u8>(p) == 46) {
      let unit: i64 = 100000;
      let digit: u32 = <u32>load<u8>(++p) - 48;
      if (p >= end || digit > 9) return 0;
      do {
        if (unit == 0) return 0;
        micros += <i64>digit * unit;
        unit /= 10;
        digit = <u32>load<u8>(++p) - 48;
      } while (p < end && digit < 10);
    }
    if (p < end) {
      if (withoutZone) return 0;
      const sign: u32 = load<u8>(p);
      if (sign == 90) {
        if (p + 1 != end) return 0;
      } else {
        if ((sign != 43 && sign != 45) || end - p != 6 || load<u8>(p, 3) != 58) return 0;
        const hours = twoDigits(p + 1);
        const minutes = twoDigits(p + 4);
        if (hours > 17 || minutes > 59) return 0;
        const offset = <i64>(hours * 3600 + minutes * 60) * MICROS_PER_SECOND;
        micros += sign == 43 ? -offset : offset;
      }
      datetimeOk = true;
      return micros;
    }
  }
  if (!withoutZone) {
    if (micros < load<i64>(scan, SCAN_ZONE_FROM) || micros >= load<i64>(scan, SCAN_ZONE_UNTIL)) {
      store<u32>(scan, 1, SCAN_ZONE_MISSED);
      return 0;
    }
    micros -= load<i64>(scan, SCAN_ZONE_OFFSET);
  }
  datetimeOk = true;
  return micros;
}
