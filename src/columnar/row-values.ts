/**
 * The classes that values of dates, times and decimals have in rows. Immutable; exact beyond the range of `Date` and `number`.
 * Made by `row.ts` on the session's thread, and by programs as inputs.
 */
import { IllegalArgumentError } from "../base/errors.ts";
import { civilFromDays, daysFromCivil, isValidDate } from "./civil-date.ts";
import { formatDecimal, parseDecimal, rescale } from "./decimal.ts";
import { formatDate, formatLocalTimestamp } from "./format.ts";
import { parseDate, parseTimestamp, parseTimestampNtz } from "./parse-text.ts";
import { timeZone } from "./time-zone.ts";

const INSPECT = Symbol.for("nodejs.util.inspect.custom");

/** A moment, in microseconds since 1970-01-01T00:00:00Z: TIMESTAMP. */
export class Timestamp {
  readonly epochMicros: bigint;

  constructor(epochMicros: bigint) {
    this.epochMicros = epochMicros;
  }

  static fromDate(date: Date): Timestamp {
    return new Timestamp(BigInt(date.getTime()) * 1000n);
  }

  /** ISO text such as `2024-01-31T10:00:00.123456+01:00`; without a zone it is UTC. Throws `CAST_INVALID_INPUT`. */
  static parse(text: string): Timestamp {
    return new Timestamp(parseTimestamp(text, timeZone("UTC")) ?? malformed(text, "TIMESTAMP"));
  }

  /** Loses what is below a millisecond; an invalid `Date` beyond its range. */
  toDate(): Date {
    return new Date(Number(floorDivide(this.epochMicros, 1000n)));
  }

  /** ISO 8601 in UTC: `2024-01-31T10:00:00.123Z`, six digits where microseconds need them. */
  toString(): string {
    return `${isoText(this.epochMicros)}Z`;
  }

  /** What `console.log` shows. */
  [INSPECT](): string {
    return `Timestamp(${this.toString()})`;
  }

  toJSON(): string {
    return this.toString();
  }

  /** So that `<` and `>` compare moments. */
  valueOf(): bigint {
    return this.epochMicros;
  }

  equals(other: unknown): boolean {
    return other instanceof Timestamp && other.epochMicros === this.epochMicros;
  }
}

/** A date and time of day without a zone: TIMESTAMP_NTZ. */
export class TimestampNtz {
  /** Microseconds since 1970-01-01T00:00:00 on the same wall clock. */
  readonly localMicros: bigint;

  constructor(localMicros: bigint) {
    this.localMicros = localMicros;
  }

  /** ISO text such as `2024-01-31T10:00:00.123456`. Throws `CAST_INVALID_INPUT`. */
  static parse(text: string): TimestampNtz {
    return new TimestampNtz(parseTimestampNtz(text) ?? malformed(text, "TIMESTAMP_NTZ"));
  }

  /** ISO 8601 without a zone: `2024-01-31T10:00:00.123`. */
  toString(): string {
    return isoText(this.localMicros);
  }

  /** What `console.log` shows. */
  [INSPECT](): string {
    return `TimestampNtz(${this.toString()})`;
  }

  toJSON(): string {
    return this.toString();
  }

  valueOf(): bigint {
    return this.localMicros;
  }

  equals(other: unknown): boolean {
    return other instanceof TimestampNtz && other.localMicros === this.localMicros;
  }
}

/** A day of the proleptic Gregorian calendar: DATE. */
export class LocalDate {
  /** Days since 1970-01-01. */
  readonly epochDays: number;

  constructor(epochDays: number) {
    this.epochDays = epochDays;
  }

  /** `month` and `day` count from 1. Throws `CAST_INVALID_INPUT` for a day that does not exist. */
  static of(year: number, month: number, day: number): LocalDate {
    if (!isValidDate(year, month, day)) malformed(`${year}-${month}-${day}`, "DATE");
    return new LocalDate(daysFromCivil(year, month, day));
  }

  /** `2024-01-31`. Throws `CAST_INVALID_INPUT`. */
  static parse(text: string): LocalDate {
    return new LocalDate(parseDate(text) ?? malformed(text, "DATE"));
  }

  get year(): number {
    return civilFromDays(this.epochDays).year;
  }
  get month(): number {
    return civilFromDays(this.epochDays).month;
  }
  get day(): number {
    return civilFromDays(this.epochDays).day;
  }

  /** Midnight of the day in UTC. */
  toDate(): Date {
    return new Date(this.epochDays * 86_400_000);
  }

  /** `2024-01-31`. */
  toString(): string {
    return formatDate(this.epochDays);
  }

  /** What `console.log` shows. */
  [INSPECT](): string {
    return `LocalDate(${this.toString()})`;
  }

  toJSON(): string {
    return this.toString();
  }

  valueOf(): number {
    return this.epochDays;
  }

  equals(other: unknown): boolean {
    return other instanceof LocalDate && other.epochDays === this.epochDays;
  }
}

/** The exact number `unscaled` × 10^-`scale`: DECIMAL. */
export class Decimal {
  readonly unscaled: bigint;
  readonly scale: number;

  constructor(unscaled: bigint, scale: number) {
    this.unscaled = unscaled;
    this.scale = scale;
  }

  /** Exactly what `text` says: `Decimal.parse("1.50")` has scale 2. Throws `CAST_INVALID_INPUT`. */
  static parse(text: string): Decimal {
    const { unscaled, scale } = parseDecimal(text) ?? malformed(text, "DECIMAL");
    return scale < 0 ? new Decimal(rescale(unscaled, scale, 0), 0) : new Decimal(unscaled, scale);
  }

  /** Plain digits, `-0.05`; the scale shows: `1.50`. */
  toString(): string {
    return formatDecimal(this.unscaled, this.scale);
  }

  /** What `console.log` shows. */
  [INSPECT](): string {
    return `Decimal(${this.toString()})`;
  }

  toJSON(): string {
    return this.toString();
  }

  /** The nearest double. */
  toNumber(): number {
    return Number(this.toString());
  }

  /** Negative, 0 or positive, by value: 1.5 and 1.50 compare as 0. */
  compare(other: Decimal): number {
    const scale = Math.max(this.scale, other.scale);
    const difference = rescale(this.unscaled, this.scale, scale) - rescale(other.unscaled, other.scale, scale);
    return difference < 0n ? -1 : difference > 0n ? 1 : 0;
  }

  /** Equal by value. */
  equals(other: unknown): boolean {
    return other instanceof Decimal && this.compare(other) === 0;
  }
}

function isoText(micros: bigint): string {
  const [day, time] = formatLocalTimestamp(micros).split(" ") as [string, string];
  const [clock, fraction = ""] = time.split(".") as [string, string?];
  return `${day}T${clock}.${fraction.padEnd(fraction.length > 3 ? 6 : 3, "0")}`;
}

const floorDivide = (value: bigint, divisor: bigint): bigint => (value - (((value % divisor) + divisor) % divisor)) / divisor;

function malformed(text: string, targetType: string): never {
  throw new IllegalArgumentError("CAST_INVALID_INPUT", { expression: `'${text}'`, sourceType: '"STRING"', targetType: `"${targetType}"` });
}
