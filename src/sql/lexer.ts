/**
 * SQL text to tokens with positions. Called by the parsers of this folder, on the thread that builds or analyzes a plan.
 *
 * `>` is always a token of its own, so that `ARRAY<ARRAY<INT>>` closes twice; the expression parser joins adjacent ones into
 * `>>` and `>>>`.
 */
import { ParseError, type ErrorCondition, type MessageParameters, type QueryContext } from "../base/errors.ts";

type TokenKind = "word" | "quoted" | "string" | "number" | "symbol" | "end";

export interface Token {
  readonly kind: TokenKind;
  /** Words and symbols as written; quoted identifiers and strings without quotes and escapes; numbers with their suffix. */
  readonly value: string;
  /** Upper case of a word, the symbol itself, "" otherwise: what grammar rules compare with. */
  readonly key: string;
  /** 0-based offsets into the text, `stop` exclusive. */
  readonly start: number;
  readonly stop: number;
}

/** Throws a `ParseError` for text that cannot be cut into tokens. The last token has the kind `end`. */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let position = 0;
  for (;;) {
    position = skipBlank(text, position);
    if (position >= text.length) break;
    const token = readToken(text, position);
    tokens.push(token);
    position = token.stop;
  }
  tokens.push({ kind: "end", value: "", key: "", start: text.length, stop: text.length });
  return tokens;
}

/** A `ParseError` that points at `[start, stop)` of `text`. */
export function parseErrorAt(
  text: string,
  start: number,
  stop: number,
  condition: ErrorCondition,
  parameters: MessageParameters,
): ParseError {
  return new ParseError(condition, parameters, { queryContext: contextAt(text, start, stop) });
}

/** Names a token in messages as Spark does: `'foo'`, or `end of input`. */
export function describeToken(text: string, token: Token): string {
  return token.kind === "end" ? "end of input" : `'${text.slice(token.start, token.stop)}'`;
}

function contextAt(text: string, start: number, stop: number): QueryContext {
  const before = text.slice(0, start);
  const lineStart = before.lastIndexOf("\n") + 1;
  return {
    fragment: text.slice(start, stop) || text,
    start,
    stop,
    line: before.split("\n").length,
    column: start - lineStart + 1,
  };
}

const SYMBOLS = ["<=>", "||", "==", "!=", "!<", "!>", "<>", "<=", ">=", "<<", "->", "=>", "::"];
const SINGLE_SYMBOLS = new Set("()[],.+-*/%=<>!&|^~:;?@{}");
const WORD = /[\p{L}\p{N}_]+/uy;
const NUMBER = /(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?:BD|[LSYFD])?/iy;

function readToken(text: string, start: number): Token {
  const character = text[start]!;
  if (character === "'" || character === '"') return readString(text, start, start, false);
  if ((character === "r" || character === "R") && (text[start + 1] === "'" || text[start + 1] === '"'))
    return readString(text, start, start + 1, true);
  if (character === "`") return readQuotedIdentifier(text, start);

  const number = matchNumber(text, start);
  if (number !== undefined) return { kind: "number", value: number, key: "", start, stop: start + number.length };

  const word = matchAt(WORD, text, start);
  if (word !== undefined) return { kind: "word", value: word, key: word.toUpperCase(), start, stop: start + word.length };

  const symbol = SYMBOLS.find((candidate) => text.startsWith(candidate, start)) ?? (SINGLE_SYMBOLS.has(character) ? character : undefined);
  if (symbol !== undefined) return { kind: "symbol", value: symbol, key: symbol, start, stop: start + symbol.length };

  const unknown = String.fromCodePoint(text.codePointAt(start)!);
  throw parseErrorAt(text, start, start + unknown.length, "PARSE_SYNTAX_ERROR", { error: `'${unknown}'`, hint: "" });
}

/** A number, unless letters follow it (`1abc` is an identifier). */
function matchNumber(text: string, start: number): string | undefined {
  const number = matchAt(NUMBER, text, start);
  if (number === undefined) return undefined;
  const next = text.slice(start + number.length, start + number.length + 2);
  return /^[\p{L}\p{N}_]/u.test(next) ? undefined : number;
}

function matchAt(pattern: RegExp, text: string, start: number): string | undefined {
  pattern.lastIndex = start;
  return pattern.exec(text)?.[0];
}

function readQuotedIdentifier(text: string, start: number): Token {
  let value = "";
  let position = start + 1;
  for (;;) {
    const end = text.indexOf("`", position);
    if (end < 0) throw parseErrorAt(text, start, text.length, "PARSE_SYNTAX_ERROR", { error: "'`'", hint: ": missing closing backquote" });
    value += text.slice(position, end);
    position = end + 1;
    if (text[position] !== "`") break;
    value += "`";
    position++;
  }
  return { kind: "quoted", value, key: "", start, stop: position };
}

function readString(text: string, start: number, quoteAt: number, isRaw: boolean): Token {
  const quote = text[quoteAt]!;
  let value = "";
  let position = quoteAt + 1;
  for (;;) {
    if (position >= text.length)
      throw parseErrorAt(text, start, text.length, "PARSE_SYNTAX_ERROR", { error: `'${quote}'`, hint: ": missing closing quote" });
    const character = text[position]!;
    if (character === quote) {
      if (isRaw || text[position + 1] !== quote) break;
      value += quote;
      position += 2;
    } else if (character === "\\" && !isRaw && position + 1 < text.length) {
      const [unescaped, length] = readEscape(text, position);
      value += unescaped;
      position += length;
    } else {
      value += character;
      position++;
    }
  }
  return { kind: "string", value, key: "", start, stop: position + 1 };
}

const ESCAPES: Readonly<Record<string, string>> = { "0": "\0", b: "\b", n: "\n", r: "\r", t: "\t", Z: "\u001a", "%": "\\%", _: "\\_" };

/** The character that the escape at `position` (a backslash) stands for, and the escape's length. */
function readEscape(text: string, position: number): [character: string, length: number] {
  const short = /^\\u([0-9a-fA-F]{4})/.exec(text.slice(position, position + 6));
  if (short) return [String.fromCharCode(Number.parseInt(short[1]!, 16)), 6];
  const long = /^\\U([0-9a-fA-F]{8})/.exec(text.slice(position, position + 10));
  if (long) {
    const codePoint = Number.parseInt(long[1]!, 16);
    if (codePoint <= 0x10ffff) return [String.fromCodePoint(codePoint), 10];
  }
  const octal = /^\\([01][0-7]{2})/.exec(text.slice(position, position + 4));
  if (octal) return [String.fromCharCode(Number.parseInt(octal[1]!, 8)), 4];
  const character = String.fromCodePoint(text.codePointAt(position + 1)!);
  return [Object.hasOwn(ESCAPES, character) ? ESCAPES[character]! : character, 1 + character.length];
}

/** Skips white space, `--` comments and nested bracketed comments. */
function skipBlank(text: string, start: number): number {
  let position = start;
  for (;;) {
    while (position < text.length && /\s/.test(text[position]!)) position++;
    if (text.startsWith("--", position)) {
      const end = text.indexOf("\n", position);
      position = end < 0 ? text.length : end + 1;
    } else if (text.startsWith("/*", position)) {
      position = skipBracketedComment(text, position);
    } else {
      return position;
    }
  }
}

function skipBracketedComment(text: string, start: number): number {
  let depth = 1;
  const mark = /\/\*|\*\//g;
  mark.lastIndex = start + 2;
  for (let match = mark.exec(text); match; match = mark.exec(text)) {
    depth += match[0] === "/*" ? 1 : -1;
    if (depth === 0) return mark.lastIndex;
  }
  throw parseErrorAt(text, start, text.length, "UNCLOSED_BRACKETED_COMMENT", {});
}
