/**
 * Datetime patterns (`yyyy-MM-dd HH:mm:ss.SSS`): Java's letters as far as Spark allows them, for `date_format`,
 * `to_timestamp` and their kin. A pattern is read once and kept.
 */
import { AnalysisError } from "../base/errors.ts";
import { civilFromDays, dayOfYear, daysFromCivil, isoDayOfWeek, isValidDate, MICROS_PER_DAY } from "./civil-date.ts";
import { findTimeZone, localParts, type TimeZone } from "./time-zone.ts";

type Part =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "field"; readonly letter: string; readonly count: number }
  | { readonly kind: "optional"; readonly parts: readonly Part[] };

export type DateTimePattern = readonly Part[];

export const MONTHS = "January February March April May June July August September October November December".split(" ");
/** From Monday on. */
export const WEEKDAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split(" ");
/** How many of each letter may follow each other. */
const COUNTS_MAX: Readonly<Record<string, number>> = Object.fromEntries(
  "G4 y6 M4 L4 d2 D3 E4 Q4 q4 a1 H2 h2 k2 K2 m2 s2 S9 X5 x5 Z5 z4 V2 O4".split(" ").map(([letter, count]) => [letter!, Number(count)]),
);
/** Letters and signs that mean something else, or nothing, since Spark 3. */
const FORMER = "uwWY#{}";
/** `QQQ` and `QQQQ`. */
const QUARTERS = ["Q1 Q2 Q3 Q4".split(" "), ["1st", "2nd", "3rd", "4th"].map((quarter) => `${quarter} quarter`)];
const known = new Map<string, DateTimePattern>();

/** Throws INVALID_DATETIME_PATTERN.* or INCONSISTENT_BEHAVIOR_CROSS_VERSION.*, as Spark does, for what is no pattern. */
export function dateTimePattern(text: string): DateTimePattern {
  let pattern = known.get(text);
  if (!pattern) {
    const reader = { text, at: 0 };
    pattern = readParts(reader, false);
    if (known.size > 1000) known.clear();
    known.set(text, pattern);
  }
  return pattern;
}

function readParts(reader: { readonly text: string; at: number }, isInner: boolean): Part[] {
  const parts: Part[] = [];
  const { text } = reader;
  while (reader.at < text.length) {
    const character = text[reader.at]!;
    if (character === "]" && isInner) break;
    if (character === "[") {
      reader.at++;
      parts.push({ kind: "optional", parts: readParts(reader, true) });
      reader.at++;
    } else if (character === "'") {
      const end = text.indexOf("'", reader.at + 1);
      if (end < 0) throw refused(character, 1, text);
      parts.push({ kind: "text", text: end === reader.at + 1 ? "'" : text.slice(reader.at + 1, end) });
      reader.at = end + 1;
    } else if (/[A-Za-z]/.test(character)) {
      const start = reader.at;
      while (text[reader.at] === character) reader.at++;
      const count = reader.at - start;
      const isTaken = count <= (COUNTS_MAX[character] ?? 0) && (character !== "V" || count === 2) && (character !== "O" || count % 3 === 1);
      if (!isTaken) throw refused(character, count, text);
      parts.push({ kind: "field", letter: character, count });
    } else {
      if (FORMER.includes(character)) throw refused(character, 1, text);
      parts.push({ kind: "text", text: character });
      reader.at++;
    }
  }
  return parts;
}

function refused(character: string, count: number, pattern: string): AnalysisError {
  const docroot = "https://spark.apache.org/docs/latest";
  if ("ABnNp".includes(character)) return new AnalysisError("INVALID_DATETIME_PATTERN.ILLEGAL_CHARACTER", { c: character, pattern });
  if ("ce".includes(character))
    return new AnalysisError("INCONSISTENT_BEHAVIOR_CROSS_VERSION.DATETIME_WEEK_BASED_PATTERN", { c: character });
  if ("Qq".includes(character)) return new AnalysisError("INVALID_DATETIME_PATTERN.LENGTH", { pattern });
  if (FORMER.includes(character) || (count > (COUNTS_MAX[character] ?? count) && !"XxVO".includes(character))) {
    return new AnalysisError("INCONSISTENT_BEHAVIOR_CROSS_VERSION.DATETIME_PATTERN_RECOGNITION", {
      pattern: `'${pattern}'`,
      config: '"spark.sql.legacy.timeParserPolicy"',
      docroot,
    });
  }
  return new AnalysisError("INVALID_DATETIME_PATTERN.WITH_SUGGESTION", { pattern, docroot });
}

interface LastText {
  readonly hasFraction: boolean;
  zone: TimeZone | null;
  second: bigint;
  text: string;
}
/** What each pattern gave last: rows of one second come together, and few patterns show less than a second. */
const lastTexts = new WeakMap<DateTimePattern, LastText>();

/** Text of a moment in local time of `zone`. */
export function formatWithPattern(micros: bigint, pattern: DateTimePattern, zone: TimeZone): string {
  let last = lastTexts.get(pattern);
  if (!last) lastTexts.set(pattern, (last = { hasFraction: showsFraction(pattern), zone: null, second: 0n, text: "" }));
  if (last.hasFraction) return formatAnew(micros, pattern, zone);
  // Towards negative infinity: a moment before 1970 belongs to the second that began before it.
  const second = micros >= 0n ? micros / 1_000_000n : (micros - 999_999n) / 1_000_000n;
  if (last.zone !== zone || last.second !== second) {
    last.text = formatAnew(micros, pattern, zone);
    last.zone = zone;
    last.second = second;
  }
  return last.text;
}

const showsFraction = (pattern: DateTimePattern): boolean =>
  pattern.some((part) => (part.kind === "optional" ? showsFraction(part.parts) : part.kind === "field" && part.letter === "S"));

function formatAnew(micros: bigint, pattern: DateTimePattern, zone: TimeZone): string {
  const { days, microsOfDay } = localParts(micros, zone);
  const offsetSeconds = Number(zone.offsetMicrosAt(micros) / 1_000_000n);
  const seconds = Number(microsOfDay / 1_000_000n);
  const fields: Fields = {
    ...civilFromDays(days),
    days,
    hour: Math.floor(seconds / 3600),
    minute: Math.floor(seconds / 60) % 60,
    second: seconds % 60,
    micros: Number(microsOfDay % 1_000_000n),
    offsetSeconds,
    zoneId: zone.id,
  };
  return formatParts(pattern, fields);
}

interface Fields {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly days: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly micros: number;
  readonly offsetSeconds: number;
  readonly zoneId: string;
}

function formatParts(parts: DateTimePattern, fields: Fields): string {
  return parts
    .map((part) =>
      part.kind === "text"
        ? part.text
        : part.kind === "optional"
          ? formatParts(part.parts, fields)
          : formatField(part.letter, part.count, fields),
    )
    .join("");
}

function formatField(letter: string, count: number, fields: Fields): string {
  const padded = (value: number): string => String(value).padStart(count, "0");
  switch (letter) {
    case "y":
      return count === 2 ? padded(((fields.year % 100) + 100) % 100) : formatYear(fields.year <= 0 ? 1 - fields.year : fields.year, count);
    case "M":
    case "L":
      return count === 3 ? MONTHS[fields.month - 1]!.slice(0, 3) : count >= 4 ? MONTHS[fields.month - 1]! : padded(fields.month);
    case "Q":
    case "q":
      return count >= 3 ? QUARTERS[count - 3]![Math.ceil(fields.month / 3) - 1]! : padded(Math.ceil(fields.month / 3));
    case "d":
      return padded(fields.day);
    case "D":
      return padded(dayOfYear(fields.days));
    case "E":
      return count >= 4 ? WEEKDAYS[isoDayOfWeek(fields.days) - 1]! : WEEKDAYS[isoDayOfWeek(fields.days) - 1]!.slice(0, 3);
    case "G":
      if (count === 4) return fields.year > 0 ? "Anno Domini" : "Before Christ";
      return fields.year > 0 ? "AD" : "BC";
    case "H":
      return padded(fields.hour);
    case "k":
      return padded(fields.hour === 0 ? 24 : fields.hour);
    case "K":
      return padded(fields.hour % 12);
    case "h":
      return padded(fields.hour % 12 === 0 ? 12 : fields.hour % 12);
    case "a":
      return fields.hour < 12 ? "AM" : "PM";
    case "m":
      return padded(fields.minute);
    case "s":
      return padded(fields.second);
    case "S":
      return String(fields.micros).padStart(6, "0").padEnd(count, "0").slice(0, count);
    case "V":
    case "z":
      return fields.zoneId;
    default:
      return formatOffset(letter, count, fields.offsetSeconds);
  }
}

function formatYear(yearOfEra: number, count: number): string {
  const digits = String(yearOfEra).padStart(count, "0");
  return count >= 4 && digits.length > count ? `+${digits}` : digits;
}

/** `X`: `Z` for zero; `x`, `Z`: digits always; counts choose colons and minutes as in Java. */
function formatOffset(letter: string, count: number, seconds: number): string {
  if (letter === "X" && seconds === 0) return "Z";
  if (letter === "Z" && count === 5 && seconds === 0) return "Z";
  const sign = seconds < 0 ? "-" : "+";
  const hours = String(Math.floor(Math.abs(seconds) / 3600)).padStart(2, "0");
  const minutes = String(Math.floor(Math.abs(seconds) / 60) % 60).padStart(2, "0");
  if (letter === "O" || (letter === "Z" && count === 4)) return seconds === 0 ? "GMT" : `GMT${sign}${hours}:${minutes}`;
  if (letter === "Z") return count === 5 ? `${sign}${hours}:${minutes}` : `${sign}${hours}${minutes}`;
  if (count === 1) return minutes === "00" ? `${sign}${hours}` : `${sign}${hours}${minutes}`;
  return count === 2 || count === 4 ? `${sign}${hours}${minutes}` : `${sign}${hours}:${minutes}`;
}

interface ParseState {
  readonly text: string;
  at: number;
  values: Readonly<Record<string, number>>;
  zone: TimeZone | undefined;
}

/** Microseconds since the epoch; undefined when the text does not fit. Missing fields are 1970-01-01 00:00:00 in `zone`. */
export function parseWithPattern(text: string, pattern: DateTimePattern, zone: TimeZone): bigint | undefined {
  const state: ParseState = { text, at: 0, values: {}, zone: undefined };
  if (!parseParts(pattern, state) || state.at !== text.length) return undefined;
  const { values } = state;
  const year = values["era"] === 0 ? 1 - (values["year"] ?? 1970) : (values["year"] ?? 1970);
  const [month, day] = [values["month"] ?? 1, values["day"] ?? 1];
  let days: number;
  if (values["dayOfYear"] !== undefined && values["month"] === undefined) {
    days = daysFromCivil(year, 1, 1) + values["dayOfYear"] - 1;
    if (values["dayOfYear"] < 1 || civilFromDays(days).year !== year) return undefined;
  } else {
    if (!isValidDate(year, month, day)) return undefined;
    days = daysFromCivil(year, month, day);
  }
  if (values["weekday"] !== undefined && isoDayOfWeek(days) !== values["weekday"]) return undefined;
  let hour = values["hour"] ?? 0;
  if (values["halfHour"] !== undefined) hour = (values["halfHour"] % 12) + 12 * (values["half"] ?? 0);
  const [minute, second] = [values["minute"] ?? 0, values["second"] ?? 0];
  if (hour > 23 || minute > 59 || second > 59 || (values["halfHour"] ?? 0) > 12) return undefined;
  const local = BigInt(days) * MICROS_PER_DAY + BigInt(hour * 3600 + minute * 60 + second) * 1_000_000n + BigInt(values["micros"] ?? 0);
  return (state.zone ?? zone).localToUtc(local);
}

function parseParts(parts: DateTimePattern, state: ParseState): boolean {
  for (const [index, part] of parts.entries()) {
    if (part.kind === "text") {
      if (!state.text.startsWith(part.text, state.at)) return false;
      state.at += part.text.length;
    } else if (part.kind === "optional") {
      const before = { at: state.at, values: state.values, zone: state.zone };
      if (!parseParts(part.parts, state)) Object.assign(state, before);
    } else if (!parseField(part.letter, part.count, parts[index + 1]?.kind === "field", state)) return false;
  }
  return true;
}

const NUMBER_FIELDS: Readonly<Record<string, string>> = {
  M: "month",
  L: "month",
  d: "day",
  D: "dayOfYear",
  H: "hour",
  k: "hour",
  K: "halfHour",
  h: "halfHour",
  m: "minute",
  s: "second",
};

/** `isAdjacent`: a field follows at once, so that only as many digits as letters belong to this one. */
function parseField(letter: string, count: number, isAdjacent: boolean, state: ParseState): boolean {
  // A field that comes twice must say the same.
  const set = (name: string, value: number): boolean => {
    if (state.values[name] !== undefined && state.values[name] !== value) return false;
    state.values = { ...state.values, [name]: value };
    return true;
  };
  const take = (expression: RegExp): string | undefined => {
    expression.lastIndex = state.at;
    const match = expression.exec(state.text);
    if (match) state.at += match[0].length;
    return match?.[0];
  };
  const digits = (min: number, max: number): string | undefined => take(new RegExp(`\\d{${min},${max}}`, "y"));
  switch (letter) {
    case "y": {
      const negative = state.text[state.at] === "-" ? (state.at++, -1) : (state.text[state.at] === "+" && state.at++, 1);
      const text = count === 2 ? digits(2, 2) : digits(isAdjacent || count >= 4 ? count : 1, isAdjacent ? count : 10);
      return text !== undefined && set("year", negative * (count === 2 ? 2000 : 0) + negative * Number(text));
    }
    case "M":
    case "L":
      if (count >= 3) return parseName(MONTHS, count, state, (index) => set("month", index + 1));
      break;
    case "E":
      return parseName(WEEKDAYS, count, state, (index) => set("weekday", index + 1));
    case "a": {
      const half = take(/[AP]M/iy);
      return half !== undefined && set("half", half.toUpperCase() === "PM" ? 1 : 0);
    }
    case "G": {
      const era = take(/AD|BC/y);
      return era !== undefined && set("era", era === "AD" ? 1 : 0);
    }
    case "S": {
      const text = digits(1, isAdjacent ? count : 9);
      return text !== undefined && text.length <= count && set("micros", Number(text.padEnd(6, "0").slice(0, 6)));
    }
    case "X":
    case "x":
    case "Z":
    case "O": {
      const text = take(/Z|(?:GMT|UTC)?[+-]\d{1,2}(?::?\d{2}){0,2}|GMT|UTC/y);
      state.zone = text === undefined ? undefined : findTimeZone(text);
      return state.zone !== undefined;
    }
    case "V":
    case "z": {
      const text = take(/[A-Za-z]+(?:[/_+-][A-Za-z0-9_+:-]+)*|[+-]\d{2}:\d{2}/y);
      state.zone = text === undefined ? undefined : findTimeZone(text);
      return state.zone !== undefined;
    }
  }
  const name = NUMBER_FIELDS[letter];
  if (name === undefined) return false;
  const text = count === 1 && !isAdjacent ? digits(1, 3) : digits(count, count);
  return text !== undefined && set(name, letter === "k" ? Number(text) % 24 : Number(text));
}

function parseName(names: readonly string[], count: number, state: ParseState, found: (index: number) => boolean): boolean {
  for (const [index, name] of names.entries()) {
    const wanted = count >= 4 ? name : name.slice(0, 3);
    if (state.text.startsWith(wanted, state.at)) {
      state.at += wanted.length;
      return found(index);
    }
  }
  return false;
}
