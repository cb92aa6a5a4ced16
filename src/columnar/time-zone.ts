/**
 * Time zones: one transition table per IANA zone, built once from `Intl.DateTimeFormat`, looked up by binary search.
 * Used on every thread wherever local fields of a timestamp are read or written.
 */
import { MillraceError } from "../base/errors.ts";
import { daysFromCivil, floorDiv, MICROS_PER_DAY } from "./civil-date.ts";

export interface TimeZone {
  readonly id: string;
  /** Local time minus UTC at a moment, in microseconds. */
  offsetMicrosAt(utcMicros: bigint): bigint;
  /** The moment of a local time. In a gap the offset before it counts, in an overlap the earlier moment, as in Java. */
  localToUtc(localMicros: bigint): bigint;
}

const zones = new Map<string, TimeZone>();

/** `id`: `Europe/Berlin`, `UTC`, `Z`, `GMT+2`, `+02:00`. Throws INVALID_TIMEZONE. */
export function timeZone(id: string): TimeZone {
  let zone = zones.get(id);
  if (!zone) {
    zone = makeZone(id);
    zones.set(id, zone);
  }
  return zone;
}

/** The zone, or undefined when `id` names none. */
export function findTimeZone(id: string): TimeZone | undefined {
  try {
    return timeZone(id);
  } catch {
    return undefined;
  }
}

function makeZone(id: string): TimeZone {
  const fixed = parseFixedOffset(id);
  if (fixed !== undefined) return fixedZone(id, fixed);
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat("en-US", {
      timeZone: id,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
  } catch {
    throw new MillraceError("INVALID_TIMEZONE", { timeZone: id });
  }
  return tableZone(id, format);
}

/** Offset in microseconds of `UTC`, `Z`, `UTC+1`, `GMT-03:30`, `+5`, `-08:00`, `+01:02:03`; undefined for region names. */
function parseFixedOffset(id: string): bigint | undefined {
  if (/^(?:UTC|GMT|UT|Z|Etc\/UTC|Etc\/GMT)$/i.test(id)) return 0n;
  const match = /^(?:UTC|GMT|UT)?([+-])(\d{1,2})(?::?(\d{2})(?::?(\d{2}))?)?$/.exec(id);
  if (!match) return undefined;
  const [hours, minutes, seconds] = [Number(match[2]), Number(match[3] ?? 0), Number(match[4] ?? 0)];
  if (hours > 18 || minutes > 59 || seconds > 59) return undefined;
  const total = BigInt(hours * 3600 + minutes * 60 + seconds) * 1_000_000n;
  return match[1] === "-" ? -total : total;
}

const fixedZone = (id: string, offset: bigint): TimeZone => ({
  id,
  offsetMicrosAt: () => offset,
  localToUtc: (local) => local - offset,
});

// Offsets change at whole seconds; transitions are searched in this range. Before it the first offset holds, after it the
// rules of its last years repeat every 400 years.
const FIRST_SECOND = daysFromCivil(1800, 1, 1) * 86_400;
const LAST_SECOND = daysFromCivil(2500, 1, 1) * 86_400;
const CYCLE_MICROS = 146_097n * MICROS_PER_DAY;
/** Shorter than any two changes lie apart. */
const PROBE_SECONDS = 20 * 86_400;

function tableZone(id: string, format: Intl.DateTimeFormat): TimeZone {
  let starts: Float64Array | undefined; // UTC seconds from which offsets[i] holds
  let offsets: Float64Array | undefined; // seconds
  const load = (): void => {
    if (starts) return;
    const startList = [-Infinity];
    const offsetList = [offsetSeconds(format, FIRST_SECOND)];
    let previous = FIRST_SECOND;
    for (let at = FIRST_SECOND + PROBE_SECONDS; at <= LAST_SECOND; at += PROBE_SECONDS) {
      const offset = offsetSeconds(format, at);
      if (offset !== offsetList.at(-1)) {
        let low = previous;
        let high = at;
        while (high - low > 1) {
          const middle = Math.floor((low + high) / 2);
          if (offsetSeconds(format, middle) === offsetList.at(-1)) low = middle;
          else high = middle;
        }
        startList.push(high);
        offsetList.push(offset);
      }
      previous = at;
    }
    starts = Float64Array.from(startList);
    offsets = Float64Array.from(offsetList);
  };
  const offsetMicrosAt = (utcMicros: bigint): bigint => {
    load();
    let second = Number(floorDiv(utcMicros, 1_000_000n));
    if (second >= LAST_SECOND) {
      const cycles = floorDiv(utcMicros - BigInt(LAST_SECOND) * 1_000_000n, CYCLE_MICROS) + 1n;
      second = Number(floorDiv(utcMicros - cycles * CYCLE_MICROS, 1_000_000n));
    }
    let low = 0;
    let high = starts!.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (starts![middle]! <= second) low = middle;
      else high = middle - 1;
    }
    return BigInt(offsets![low]!) * 1_000_000n;
  };
  return {
    id,
    offsetMicrosAt,
    localToUtc: (local) => {
      const before = offsetMicrosAt(local - MICROS_PER_DAY);
      const after = offsetMicrosAt(local + MICROS_PER_DAY);
      if (before === after) return local - before;
      // Near a change: the earlier offset if it is right there, else the later; in a gap neither is, and the earlier counts.
      if (offsetMicrosAt(local - before) === before) return local - before;
      if (offsetMicrosAt(local - after) === after) return local - after;
      return local - before;
    },
  };
}

function offsetSeconds(format: Intl.DateTimeFormat, utcSecond: number): number {
  const field: Record<string, number> = {};
  for (const part of format.formatToParts(utcSecond * 1000)) field[part.type] = Number(part.value);
  const days = daysFromCivil(field["year"]!, field["month"]!, field["day"]!);
  return days * 86_400 + field["hour"]! * 3600 + field["minute"]! * 60 + field["second"]! - utcSecond;
}

/** Local date and time of day of a moment. */
export function localParts(utcMicros: bigint, zone: TimeZone): { readonly days: number; readonly microsOfDay: bigint } {
  const local = utcMicros + zone.offsetMicrosAt(utcMicros);
  const days = floorDiv(local, MICROS_PER_DAY);
  return { days: Number(days), microsOfDay: local - days * MICROS_PER_DAY };
}

/** The moment at which a local date begins. */
export function startOfDay(days: number, zone: TimeZone): bigint {
  return zone.localToUtc(BigInt(days) * MICROS_PER_DAY);
}
