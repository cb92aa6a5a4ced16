/**
 * A small SQL expression reader for tests of functions: text → resolved expression → value, with nothing of the product's
 * parser or analyzer. Covers literals, operators with precedence, calls, CAST, CASE, IN, BETWEEN, LIKE, IS, intervals.
 */
import { evaluate } from "../../../src/compile/interpreter.ts";
import { formatValue } from "../../../src/columnar/format.ts";
import { parseDate, parseTimestamp } from "../../../src/columnar/parse-text.ts";
import { parseDecimal } from "../../../src/columnar/decimal.ts";
import { timeZone } from "../../../src/columnar/time-zone.ts";
import * as types from "../../../src/columnar/types.ts";
import type { DataType } from "../../../src/columnar/types.ts";
import type { Value } from "../../../src/columnar/values.ts";
import { functionRegistry } from "../../../src/functions/registry.ts";
import { call, cast, literal, type Expression } from "../../../src/plan/expr/expression.ts";
import { intervalMicros, parseInterval } from "../../../src/plan/expr/interval.ts";
import { nullableOf, typeOf } from "../../../src/plan/expr/expression-type.ts";
import { canCast, widerTypeOf } from "../../../src/plan/expr/type-coercion.ts";

/** Thrown for syntax or functions outside this reader: such golden cases are skipped. */
export class OutOfScope extends Error {}

export interface Sql {
  readonly expression: Expression;
  /** Text for error messages. */
  readonly sql: string;
}

const context = (zone: string) => ({ batchTimestampMicros: 1_700_000_000_000_000n, timeZone: zone });

export function evaluateSql(text: string, zone = "UTC"): { readonly value: Value; readonly type: DataType; readonly text: string } {
  const { expression } = readExpression(text, zone);
  const value = evaluate(expression, () => null, functionRegistry, context(zone));
  const type = typeOf(expression);
  return { value, type, text: value === null ? "NULL" : formatValue(value, type, zone) };
}

function readExpression(text: string, zone = "UTC"): Sql {
  const reader = new Reader(text, zone);
  const result = reader.expression();
  reader.end();
  return result;
}

/** The items of `SELECT a, b AS c`. */
export function readSelect(text: string, zone: string): Sql[] {
  const reader = new Reader(text, zone);
  if (!reader.word("select")) throw new OutOfScope("not a SELECT");
  const items = [reader.expression()];
  reader.skipAlias();
  while (reader.symbol(",")) {
    items.push(reader.expression());
    reader.skipAlias();
  }
  reader.end();
  return items;
}

/** Resolves one call as the analyzer would: type rule, then casts. */
function resolveCall(name: string, args: readonly Sql[]): Sql {
  const definition = functionRegistry.find(name);
  if (definition?.kind !== "scalar") throw new OutOfScope(`function ${name}`);
  const resolved = definition.resolve(
    args.map(({ expression, sql }) => ({
      dataType: typeOf(expression),
      nullable: nullableOf(expression),
      sql,
      ...(expression.kind === "literal" && { literal: expression.value }),
    })),
  );
  const castArgs = args.map(({ expression }, index) => castTo(expression, resolved.argumentTypes[index]!));
  return {
    expression: call(definition.name, castArgs, resolved.returnType, resolved.nullable),
    sql: `${name}(${args.map((arg) => arg.sql).join(", ")})`,
  };
}

const castTo = (expression: Expression, to: DataType): Expression =>
  types.sameType(typeOf(expression), to) ? expression : cast(expression, to);

const TYPES: Readonly<Record<string, DataType>> = {
  boolean: types.BooleanType,
  tinyint: types.ByteType,
  byte: types.ByteType,
  smallint: types.ShortType,
  short: types.ShortType,
  int: types.IntegerType,
  integer: types.IntegerType,
  bigint: types.LongType,
  long: types.LongType,
  float: types.FloatType,
  real: types.FloatType,
  double: types.DoubleType,
  string: types.StringType,
  binary: types.BinaryType,
  date: types.DateType,
  timestamp: types.TimestampType,
  timestamp_ltz: types.TimestampType,
  timestamp_ntz: types.TimestampNTZType,
};

const TOKEN =
  /\s*(?:--[^\n]*\n\s*)*(?:([A-Za-z_]\w*)|(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)(BD|[LSYDF])?(?!\w)|'((?:[^'\\]|\\.|'')*)'|"((?:[^"\\]|\\.)*)"|(<=>|<=|>=|<>|!=|==|\|\||<<|>>|[-+*/%()=<>,!~&|^[\].]))/gy;

class Reader {
  private readonly tokens: { word?: string; number?: string; suffix?: string; text?: string; symbol?: string }[] = [];
  private at = 0;
  private readonly zone: string;
  constructor(text: string, zone: string) {
    this.zone = zone;
    TOKEN.lastIndex = 0;
    let end = 0;
    for (let match = TOKEN.exec(text); match; match = TOKEN.exec(text)) {
      end = TOKEN.lastIndex;
      const [, word, number, suffix, single, double, symbol] = match;
      const quoted = single ?? double;
      this.tokens.push({
        ...(word !== undefined && { word }),
        ...(number !== undefined && { number }),
        ...(suffix !== undefined && { suffix }),
        ...(quoted !== undefined && { text: unescape(single === undefined ? quoted : quoted.replaceAll("''", "'")) }),
        ...(symbol !== undefined && { symbol }),
      });
    }
    if (text.slice(end).trim() !== "") throw new OutOfScope(`syntax at ${text.slice(end, end + 20)}`);
  }

  end(): void {
    if (this.at < this.tokens.length) throw new OutOfScope(`syntax at ${JSON.stringify(this.tokens[this.at])}`);
  }
  word(...words: string[]): boolean {
    for (const [index, word] of words.entries()) if (this.tokens[this.at + index]?.word?.toLowerCase() !== word) return false;
    this.at += words.length;
    return true;
  }
  symbol(symbol: string): boolean {
    if (this.tokens[this.at]?.symbol !== symbol) return false;
    this.at++;
    return true;
  }
  skipAlias(): void {
    if (this.word("as")) this.at++;
  }
  private expect(symbol: string): void {
    if (!this.symbol(symbol)) throw new OutOfScope(`expected ${symbol}`);
  }

  expression(): Sql {
    let left = this.conjunction();
    while (this.word("or")) left = resolveCall("or", [left, this.conjunction()]);
    return left;
  }
  private conjunction(): Sql {
    let left = this.negation();
    while (this.word("and")) left = resolveCall("and", [left, this.negation()]);
    return left;
  }
  private negation(): Sql {
    if (this.word("not") || this.symbol("!")) return resolveCall("not", [this.negation()]);
    return this.predicate();
  }
  private predicate(): Sql {
    const left = this.comparison();
    if (this.word("is")) {
      const negated = this.word("not");
      if (this.word("null")) return resolveCall(negated ? "isnotnull" : "isnull", [left]);
      throw new OutOfScope("IS");
    }
    const negated = this.word("not");
    const finish = (result: Sql): Sql => (negated ? resolveCall("not", [result]) : result);
    if (this.word("between")) {
      const low = this.comparison();
      if (!this.word("and")) throw new OutOfScope("BETWEEN");
      return finish(resolveCall("between", [left, low, this.comparison()]));
    }
    if (this.word("in")) return finish(resolveCall("in", [left, ...this.list()]));
    for (const name of ["like", "ilike"])
      if (this.word(name)) {
        if (this.word("all") || this.word("any") || this.word("some")) throw new OutOfScope("quantified LIKE");
        const pattern = this.comparison();
        const escape = this.word("escape") ? [this.comparison()] : [];
        return finish(resolveCall(name, [left, pattern, ...escape]));
      }
    if (negated) throw new OutOfScope("NOT");
    return left;
  }
  private comparison(): Sql {
    const left = this.binary(0);
    for (const operator of ["<=>", "<=", ">=", "<>", "!=", "==", "=", "<", ">"])
      if (this.symbol(operator)) return resolveCall(operator, [left, this.binary(0)]);
    return left;
  }
  private static readonly LEVELS = [["|"], ["^"], ["&"], ["<<", ">>"], ["+", "-", "||"], ["*", "/", "%", "div"]];
  private binary(level: number): Sql {
    if (level === Reader.LEVELS.length) return this.unary();
    let left = this.binary(level + 1);
    for (;;) {
      const operator = Reader.LEVELS[level]!.find((symbol) => this.symbol(symbol) || (symbol === "div" && this.word("div")));
      if (!operator) return left;
      left = resolveCall(operator, [left, this.binary(level + 1)]);
    }
  }
  private unary(): Sql {
    if (this.symbol("-")) {
      const next = this.tokens[this.at];
      if (next?.number !== undefined) {
        this.at++;
        return this.number(`-${next.number}`, next.suffix);
      }
      return resolveCall("negative", [this.unary()]);
    }
    if (this.symbol("+")) return resolveCall("positive", [this.unary()]);
    if (this.symbol("~")) return resolveCall("~", [this.unary()]);
    return this.primary();
  }
  private list(): Sql[] {
    this.expect("(");
    if (this.symbol(")")) return [];
    const items = [this.expression()];
    while (this.symbol(",")) items.push(this.expression());
    this.expect(")");
    return items;
  }
  private number(digits: string, suffix: string | undefined): Sql {
    const of = (value: Value, type: DataType): Sql => ({ expression: literal(value, type), sql: digits });
    if (suffix === "L") return of(BigInt(digits), types.LongType);
    if (suffix === "S") return of(Number(digits), types.ShortType);
    if (suffix === "Y") return of(Number(digits), types.ByteType);
    if (suffix === "D" || (!suffix && /[eE]/.test(digits))) return of(Number(digits), types.DoubleType);
    if (suffix === "F") return of(Math.fround(Number(digits)), types.FloatType);
    if (suffix === "BD" || digits.includes(".")) {
      const exact = parseDecimal(digits)!;
      const scale = Math.max(exact.scale, 0);
      const unscaled = exact.unscaled * 10n ** BigInt(scale - exact.scale);
      const precision = Math.max(String(unscaled).replace("-", "").length, scale);
      if (precision > 38) throw new OutOfScope("decimal literal");
      return of(unscaled, types.decimalType(precision, scale));
    }
    const value = BigInt(digits);
    if (BigInt.asIntN(32, value) === value) return of(Number(value), types.IntegerType);
    if (BigInt.asIntN(64, value) === value) return of(value, types.LongType);
    return of(value, types.decimalType(digits.replace("-", "").length, 0));
  }
  private type(): DataType {
    const name = this.tokens[this.at++]?.word?.toLowerCase() ?? "";
    if (name === "decimal" || name === "dec" || name === "numeric") {
      if (!this.symbol("(")) return types.decimalType(10, 0);
      const precision = Number(this.tokens[this.at++]!.number);
      const scale = this.symbol(",") ? Number(this.tokens[this.at++]!.number) : 0;
      this.expect(")");
      return types.decimalType(precision, scale);
    }
    const type = TYPES[name];
    if (!type) throw new OutOfScope(`type ${name}`);
    return type;
  }
  private primary(): Sql {
    const token = this.tokens[this.at++];
    if (!token) throw new OutOfScope("unexpected end");
    if (token.number !== undefined) return this.number(token.number, token.suffix);
    if (token.text !== undefined) return { expression: literal(token.text, types.StringType), sql: token.text };
    if (token.symbol === "(") {
      const inner = this.expression();
      this.expect(")");
      return inner;
    }
    const word = token.word?.toLowerCase();
    if (word === undefined) throw new OutOfScope(`syntax at ${token.symbol}`);
    if (word === "null") return { expression: literal(null, types.VoidType), sql: "NULL" };
    if (word === "true" || word === "false") return { expression: literal(word === "true", types.BooleanType), sql: word };
    if ((word === "cast" || word === "try_cast") && this.symbol("(")) return this.cast(word);
    if (word === "case") return this.caseWhen();
    if (word === "interval") return this.interval();
    const next = this.tokens[this.at];
    if (next?.text !== undefined) return this.typedLiteral(word, next.text);
    if (next?.symbol !== "(") throw new OutOfScope(`name ${word}`);
    return this.call(word);
  }
  private cast(word: string): Sql {
    const child = this.expression();
    if (!this.word("as")) throw new OutOfScope("CAST");
    const to = this.type();
    this.expect(")");
    const from = typeOf(child.expression);
    if (!canCast(from, to)) throw new OutOfScope("cast that the analyzer refuses");
    if (from.kind.endsWith("interval") && to.kind !== "string") throw new OutOfScope("intervals with fields");
    return { expression: cast(child.expression, to, word === "cast" ? "ansi" : "try"), sql: `CAST(${child.sql})` };
  }
  private caseWhen(): Sql {
    const subject = this.tokens[this.at]?.word?.toLowerCase() === "when" ? undefined : this.expression();
    const branches: { condition: Sql; value: Sql }[] = [];
    while (this.word("when")) {
      const test = this.expression();
      if (!this.word("then")) throw new OutOfScope("CASE");
      branches.push({ condition: subject ? resolveCall("=", [subject, test]) : test, value: this.expression() });
    }
    const otherwise = this.word("else") ? this.expression() : undefined;
    if (!this.word("end")) throw new OutOfScope("CASE");
    const common = widerTypeOf(
      [...branches.map(({ value }) => value), ...(otherwise ? [otherwise] : [])].map(({ expression }) => typeOf(expression)),
    );
    if (!common) throw new OutOfScope("CASE types");
    return {
      sql: "CASE",
      expression: {
        kind: "case_when",
        branches: branches.map(({ condition, value }) => ({
          condition: castTo(condition.expression, types.BooleanType),
          value: castTo(value.expression, common),
        })),
        otherwise: otherwise ? castTo(otherwise.expression, common) : null,
      },
    };
  }
  private interval(): Sql {
    const parts: string[] = [];
    for (;;) {
      const sign = this.symbol("-") ? "-" : "";
      const token = this.tokens[this.at];
      const unit = this.tokens[this.at + 1]?.word;
      const amount = token?.number ?? token?.text;
      if (amount === undefined || unit === undefined || !/^(year|month|week|day|hour|minute|second|millisecond|microsecond)s?$/i.test(unit))
        break;
      if (!/^-?\d+(\.\d+)?$/.test(amount)) throw new OutOfScope("interval fields");
      this.at += 2;
      if (this.word("to")) throw new OutOfScope("interval fields");
      parts.push(`${sign}${amount} ${unit}`);
    }
    if (parts.length === 0) throw new OutOfScope("interval");
    const interval = parseInterval(parts.join(" "));
    if (interval.months !== 0) {
      if (interval.days !== 0 || interval.micros !== 0n) throw new OutOfScope("calendar interval");
      return { expression: literal(interval.months, types.YearMonthIntervalType), sql: "INTERVAL" };
    }
    const isDays = parts.every((part) => /(?:day|week)s?$/i.test(part));
    const type = isDays ? types.intervalType("day_time_interval", 0, 0) : types.DayTimeIntervalType;
    return { expression: literal(intervalMicros(interval), type), sql: "INTERVAL" };
  }
  private typedLiteral(word: string, text: string): Sql {
    this.at++;
    const value =
      word === "date"
        ? parseDate(text)
        : word === "timestamp" || word === "timestamp_ltz"
          ? parseTimestamp(text, timeZone(this.zone))
          : undefined;
    if (value === undefined) throw new OutOfScope(`literal ${word}`);
    return { expression: literal(value, word === "date" ? types.DateType : types.TimestampType), sql: `${word} '${text}'` };
  }
  private call(word: string): Sql {
    if (word === "extract") {
      this.expect("(");
      const field = this.tokens[this.at++]!.word!;
      if (!this.word("from")) throw new OutOfScope("extract");
      const source = this.expression();
      this.expect(")");
      return resolveCall("extract", [{ expression: literal(field, types.StringType), sql: field }, source]);
    }
    if (word === "array") {
      const items = this.list();
      const common = widerTypeOf(items.map(({ expression }) => typeOf(expression))) ?? types.VoidType;
      const values = items.map(({ expression }) => evaluate(castTo(expression, common), () => null, functionRegistry, context(this.zone)));
      return { expression: literal(values, types.arrayType(common)), sql: "array" };
    }
    const target = TYPES[word];
    const args = this.list();
    if (target && args.length === 1) return { expression: cast(args[0]!.expression, target), sql: word };
    return resolveCall(word, args);
  }
}

function unescape(text: string): string {
  return text.replace(/\\(u[0-9a-fA-F]{4}|.)/gs, (whole, escape: string) => {
    if (escape.length === 5) return String.fromCharCode(parseInt(escape.slice(1), 16));
    if (escape === "%" || escape === "_") return whole;
    return ({ n: "\n", t: "\t", r: "\r", b: "\b", "0": "\0", Z: "\u001a" } as Record<string, string>)[escape] ?? escape;
  });
}
