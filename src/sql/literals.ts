/** Literals of SQL text with Spark's types: numbers, typed strings (`DATE '…'`, `X'1F'`) and intervals. Called by the expression parser. */
import { FIELD_MICROS, parseIntervalBody } from "../columnar/interval.ts";
import { parseDate, parseTimestamp, parseTimestampNtz } from "../columnar/parse-text.ts";
import { timeZone } from "../columnar/time-zone.ts";
import {
  BinaryType,
  ByteType,
  DAY_TIME_FIELDS,
  DateType,
  DoubleType,
  FloatType,
  IntegerType,
  LongType,
  ShortType,
  StringType,
  TimestampNTZType,
  TimestampType,
  YEAR_MONTH_FIELDS,
  decimalType,
  intervalType,
  sqlType,
  type DataType,
  type IntervalType,
} from "../columnar/types.ts";

import { cast, literal, type Expression, type Literal } from "../plan/expr/expression.ts";
import { parseInterval, type CalendarInterval } from "../plan/expr/interval.ts";
import type { Token } from "./lexer.ts";
import type { TokenCursor } from "./token-cursor.ts";

const PRECISION_MAX = 38;
const LONG_MAX = 2n ** 63n - 1n;
const INTEGER_RANGES: Readonly<Record<string, readonly [DataType, bigint]>> = {
  Y: [ByteType, 2n ** 7n],
  S: [ShortType, 2n ** 15n],
  L: [LongType, 2n ** 63n],
};

/** The value of a number token; `isNegative` when a minus sign stands before it, so that the smallest values can be written. */
export function numberLiteral(cursor: TokenCursor, token: Token, isNegative: boolean): Literal {
  const [, digits, exponent, suffixText] = /^([\d.]+)(e[+-]?\d+)?(BD|[LSYFD])?$/i.exec(token.value)!;
  const suffix = suffixText?.toUpperCase();
  const text = `${isNegative ? "-" : ""}${digits}${exponent ?? ""}`;
  if (suffix === "D" || (suffix === undefined && exponent !== undefined)) return floatingLiteral(cursor, token, text, DoubleType);
  if (suffix === "F") return floatingLiteral(cursor, token, text, FloatType);
  const isInteger = exponent === undefined && !digits!.includes(".");
  if (suffix === "BD" || (suffix === undefined && !isInteger)) return decimalLiteral(cursor, token, text);
  if (!isInteger) throw cursor.error("PARSE_SYNTAX_ERROR", { error: `'${token.value}'`, hint: "" }, token);

  const value = BigInt(text);
  if (suffix !== undefined) {
    const [type, limit] = INTEGER_RANGES[suffix]!;
    if (value < -limit || value >= limit) throw outOfRange(cursor, token, text, type, String(-limit), String(limit - 1n));
    return literal(type === LongType ? value : Number(value), type);
  }
  if (value >= -(2n ** 31n) && value < 2n ** 31n) return literal(Number(value), IntegerType);
  if (value >= -LONG_MAX - 1n && value <= LONG_MAX) return literal(value, LongType);
  return decimalLiteral(cursor, token, text);
}

function floatingLiteral(cursor: TokenCursor, token: Token, text: string, type: DataType): Literal {
  const value = type === FloatType ? Math.fround(Number(text)) : Number(text);
  const limit = type === FloatType ? "3.4028234663852886E+38" : "1.7976931348623157E+308";
  if (!Number.isFinite(value)) throw outOfRange(cursor, token, text, type, `-${limit}`, limit);
  return literal(value, type);
}

/** `1.50` is DECIMAL(3,2), `0.05` is DECIMAL(2,2). */
function decimalLiteral(cursor: TokenCursor, token: Token, text: string): Literal {
  const [, sign, whole, fraction = "", exponentText = "0"] = /^(-?)(\d*)\.?(\d*)(?:e([+-]?\d+))?$/i.exec(text)!;
  const exponent = Number(exponentText);
  const tooLong = Math.abs(exponent) > 10 * PRECISION_MAX;
  const scale = Math.max(0, fraction.length - exponent);
  const digits = tooLong ? "" : `${whole}${fraction}${"0".repeat(Math.max(0, exponent - fraction.length))}`.replace(/^0+/, "");
  const precision = Math.max(digits.length, scale, 1);
  if (tooLong || precision > PRECISION_MAX)
    throw cursor.error(
      "DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION",
      { precision: tooLong ? "of the literal" : String(precision), maxPrecision: String(PRECISION_MAX) },
      token,
    );
  return literal(BigInt(`${sign}${digits || "0"}`), decimalType(precision, scale));
}

function outOfRange(cursor: TokenCursor, token: Token, raw: string, type: DataType, minimum: string, maximum: string): Error {
  return cursor.error(
    "INVALID_NUMERIC_LITERAL_RANGE",
    { rawLiteral: raw, typeName: sqlType(type), minValue: minimum, maxValue: maximum },
    token,
  );
}

const DATE_ONLY = /^[+-]?\d{4,7}(-\d{1,2}){0,2}$/;
const UTC = timeZone("UTC");
const NOT_UTC = timeZone("+01:00");

/**
 * `DATE '2024-01-31'` and the like. A time without a zone is one in the session's zone, which is not known here: it becomes a cast,
 * which the optimizer folds.
 */
export function typedLiteral(cursor: TokenCursor, typeToken: Token, text: string): Expression {
  const invalid = (): Error => {
    const at = cursor.originFrom(typeToken.start);
    return cursor.error("INVALID_TYPED_LITERAL", { valueType: `"${typeToken.key}"`, value: `'${text}'` }, at);
  };
  const checked = (value: number | bigint | undefined, type: DataType): Literal => {
    if (value === undefined) throw invalid();
    return literal(value, type);
  };
  switch (typeToken.key) {
    case "DATE":
      return checked(DATE_ONLY.test(text.trim()) ? parseDate(text) : undefined, DateType);
    case "TIMESTAMP":
    case "TIMESTAMP_LTZ": {
      const parsed = checked(parseTimestamp(text, UTC), TimestampType);
      const hasZone = parsed.value === parseTimestamp(text, NOT_UTC);
      return hasZone ? parsed : cast(literal(text, StringType), TimestampType);
    }
    case "TIMESTAMP_NTZ":
      return checked(parseTimestampNtz(text), TimestampNTZType);
    case "X": {
      const padded = text.length % 2 === 0 ? text : `0${text}`;
      if (!/^[0-9a-fA-F]*$/.test(padded)) throw invalid();
      return literal(
        Uint8Array.from(padded.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16)),
        BinaryType,
      );
    }
    default:
      throw cursor.error(
        "UNSUPPORTED_TYPED_LITERAL",
        { unsupportedType: `"${typeToken.key}"`, supportedTypes: '"DATE", "TIMESTAMP_NTZ", "TIMESTAMP_LTZ", "TIMESTAMP", "INTERVAL", "X"' },
        cursor.originFrom(typeToken.start),
      );
  }
}

const UNIT = /^(YEAR|MONTH|WEEK|DAY|HOUR|MINUTE|SECOND|MILLISECOND|MICROSECOND)S?$/;

/** Whether the word INTERVAL at the cursor begins a literal, and is not a column of that name. */
export function startsInterval(cursor: TokenCursor): boolean {
  const first = cursor.peek(1);
  if (first.kind === "string") return true;
  const signed = first.key === "-" || first.key === "+" ? 2 : 1;
  const value = cursor.peek(signed);
  return (value.kind === "number" || value.kind === "string") && UNIT.test(cursor.peek(signed + 1).key);
}

/**
 * `INTERVAL '1' DAY`, `INTERVAL 1 day 2 hours`, `INTERVAL '1 10:00' DAY TO MINUTE`, `INTERVAL '1 day'`. The type is a day-time or
 * a year-month interval; mixing both is an error, as in Spark's ANSI mode.
 */
export function intervalLiteral(cursor: TokenCursor): Literal {
  const start = cursor.expect("INTERVAL").start;
  const fail = (): never => {
    const origin = cursor.originFrom(start);
    throw cursor.error("CANNOT_PARSE_INTERVAL", { intervalString: cursor.text.slice(origin.start, origin.stop) }, origin);
  };
  const parse = (text: string): CalendarInterval => {
    try {
      return parseInterval(text);
    } catch {
      return fail();
    }
  };
  if (isFieldRange(cursor)) {
    const isNegative = cursor.at("-");
    if (cursor.peek().kind === "symbol") cursor.next();
    const text = cursor.next().value;
    const from = cursor.next().key;
    cursor.expect("TO");
    const type = rangeType(from, cursor.next().key) ?? fail();
    const value = parseIntervalBody(text.trim(), type) ?? fail();
    return ofType(isNegative ? -value : value, type) ?? fail();
  }
  const isText = cursor.peek().kind === "string" && !UNIT.test(cursor.peek(1).key);
  const text = isText ? cursor.next().value : readUnits(cursor, fail);
  const { months, days, micros } = parse(text);
  const type = typeOfUnits(text) ?? fail();
  return ofType(type.kind === "year_month_interval" ? BigInt(months) : BigInt(days) * FIELD_MICROS[0] + micros, type) ?? fail();
}

function ofType(value: bigint, type: IntervalType): Literal | undefined {
  const bits = type.kind === "day_time_interval" ? 64 : 32;
  if (BigInt.asIntN(bits, value) !== value) return undefined;
  return literal(bits === 64 ? value : Number(value), type);
}

/** From the largest to the smallest unit in the text; undefined for months beside shorter ones. */
function typeOfUnits(text: string): IntervalType | undefined {
  const units = (text.toLowerCase().match(/[a-z]+/g) ?? []).filter((word) => word !== "interval").map((word) => word.replace(/s$/, ""));
  const fields = units.map((unit) => (unit === "week" ? "day" : unit.endsWith("second") ? "second" : unit));
  const names = YEAR_MONTH_FIELDS.includes(fields[0]!) ? YEAR_MONTH_FIELDS : DAY_TIME_FIELDS;
  const indexes = fields.map((field) => names.indexOf(field));
  if (indexes.includes(-1)) return undefined;
  const kind = names === YEAR_MONTH_FIELDS ? "year_month_interval" : "day_time_interval";
  return intervalType(kind, Math.min(...indexes), Math.max(...indexes));
}

function rangeType(from: string, to: string): IntervalType | undefined {
  for (const [kind, names] of [["day_time_interval", DAY_TIME_FIELDS] as const, ["year_month_interval", YEAR_MONTH_FIELDS] as const]) {
    const [first, last] = [names.indexOf(from.toLowerCase()), names.indexOf(to.toLowerCase())];
    if (first >= 0 && last > first) return intervalType(kind, first, last);
  }
  return undefined;
}

/** Whether `[-]'…' FIELD TO` comes next. */
function isFieldRange(cursor: TokenCursor): boolean {
  const signs = cursor.at("-") || cursor.at("+") ? 1 : 0;
  return cursor.peek(signs).kind === "string" && cursor.peek(signs + 2).key === "TO";
}

/** `1 day -2 hours` as the text that `parseInterval` reads. */
function readUnits(cursor: TokenCursor, fail: () => never): string {
  const parts: string[] = [];
  for (;;) {
    const signed = cursor.at("-") || cursor.at("+");
    const value = cursor.peek(signed ? 1 : 0);
    if ((value.kind !== "number" && value.kind !== "string") || !UNIT.test(cursor.peek(signed ? 2 : 1).key)) break;
    let isNegative = signed && cursor.next().key === "-";
    let text = cursor.next().value.trim();
    if (text.startsWith("-")) isNegative = !isNegative;
    text = text.replace(/^[+-]/, "");
    const unit = cursor.next().key.toLowerCase();
    if (!/^\d{1,18}(\.\d{1,9})?$/.test(text)) fail();
    parts.push(`${isNegative ? "-" : ""}${text} ${unit}`);
  }
  if (parts.length === 0) throw cursor.syntaxError();
  return parts.join(" ");
}
