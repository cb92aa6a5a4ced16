// Timestamps as text in a pattern, in UTC. `compile/datetime-program.ts` makes a program of the pattern, once per query; what the letters mean
// is in columnar/datetime-pattern.ts. Called by generated code, on the worker that owns the memory.
//
// Program: bytes of the longest text u16, then instructions of a code byte and
//   TEXT      length u8, bytes
//   NUMBER    field u8, digits at least u8
//   YEAR      digits at least u8
//   FRACTION  digits u8
//   NAME      field u8, bytes that follow u8, then the names of field 0, 1, …: length u8, bytes
import { civil_day, civil_from_days, civil_month, civil_year, date_dayofweek, date_doy, timestamp_to_date } from "./datetime";
import { writePadded } from "./number-format";
import { addressOf, allocateText, lengthOf, viewOf } from "./view";

const TEXT: u32 = 0;
const NUMBER: u32 = 1;
const YEAR: u32 = 2;
const FRACTION: u32 = 3;

const DAY: i64 = 86400000000;

export function datetime_format(micros: i64, program: i64): i64 {
  let at = addressOf(program);
  const end = at + lengthOf(program);
  const room = allocateText(load<u16>(at));
  if (room == 0) return 0;
  at += 2;
  const days = timestamp_to_date(micros);
  const microsOfDay = micros - <i64>days * DAY;
  const second = <u32>(microsOfDay / 1000000);
  let to = room;
  while (at < end) {
    const code: u32 = load<u8>(at);
    const first: u32 = load<u8>(at, 1);
    const count: u32 = load<u8>(at, 2);
    if (code == TEXT) {
      for (let i: u32 = 0; i < first; i++) store<u8>(to + i, load<u8>(at + i, 2));
      to += first;
      at += 2 + first;
    } else if (code == NUMBER) {
      to = writeAtLeast(to, fieldOf(first, days, second), count);
      at += 3;
    } else if (code == YEAR) {
      to = writeYear(to, days, first);
      at += 2;
    } else if (code == FRACTION) {
      let rest = <u32>(microsOfDay % 1000000);
      for (let unit: u32 = 100000, left = first; left > 0; left--, unit /= 10) {
        const digit = unit == 0 ? 0 : rest / unit;
        rest -= digit * unit;
        store<u8>(to++, <u8>(0x30 + digit));
      }
      at += 2;
    } else {
      let name = at + 3;
      for (let skip = fieldOf(first, days, second); skip > 0; skip--) name += 1 + load<u8>(name);
      const length: u32 = load<u8>(name);
      for (let i: u32 = 0; i < length; i++) store<u8>(to + i, load<u8>(name + i, 1));
      to += length;
      at += 3 + count;
    }
  }
  return viewOf(room, <u32>(to - room));
}

/** In the order of `FIELDS` in `compile/datetime-program.ts`. */
function fieldOf(field: u32, days: i32, second: u32): u32 {
  const hour = second / 3600;
  switch (field) {
    case 0:
      civil_from_days(days);
      return civil_month();
    case 1:
      civil_from_days(days);
      return civil_day();
    case 2:
      return date_doy(days);
    case 3:
      return hour;
    case 4:
      return hour == 0 ? 24 : hour;
    case 5:
      return hour % 12;
    case 6:
      return hour % 12 == 0 ? 12 : hour % 12;
    case 7:
      return (second / 60) % 60;
    case 8:
      return second % 60;
    case 9:
      civil_from_days(days);
      return ((civil_year() % 100) + 100) % 100;
    case 10:
      return hour / 12;
    case 11:
      return date_dayofweek(days) - 1;
    default:
      civil_from_days(days);
      return civil_month() - 1;
  }
}

function writeAtLeast(to: usize, value: u32, count: u32): usize {
  let digits: u32 = 1;
  for (let rest = value / 10; rest != 0; rest /= 10) digits++;
  return writePadded(to, value, max(digits, count));
}

/** The year of its era: before year 1 they count backwards. */
function writeYear(to: usize, days: i32, count: u32): usize {
  civil_from_days(days);
  const year = civil_year();
  const ofEra = <u32>(year <= 0 ? 1 - year : year);
  let digits: u32 = 1;
  for (let rest = ofEra / 10; rest != 0; rest /= 10) digits++;
  if (count >= 4 && digits > count) store<u8>(to++, 0x2b);
  return writePadded(to, ofEra, max(digits, count));
}
