/**
 * A position in a list of tokens: what the recursive-descent parsers of this folder share. Every failure is a `ParseError`
 * that points into the text.
 */
import type { ErrorCondition, MessageParameters, ParseError } from "../base/errors.ts";
import type { Origin } from "../plan/expr/expression.ts";
import { describeToken, parseErrorAt, tokenize, type Token } from "./lexer.ts";

/** Parentheses, function calls and types nested deeper than this are refused, long before the stack runs out. */
const NESTING_MAX = 400;

export class TokenCursor {
  readonly text: string;
  readonly #tokens: readonly Token[];
  #index = 0;
  #nesting = 0;

  /** Throws `PARSE_EMPTY_STATEMENT` if there is nothing but blanks and comments. */
  constructor(text: string) {
    this.text = text;
    this.#tokens = tokenize(text);
    if (this.#tokens.length === 1) throw parseErrorAt(text, 0, text.length, "PARSE_EMPTY_STATEMENT", {});
  }

  /** The token `ahead` of the current one; the end token when there is none. */
  peek(ahead = 0): Token {
    return this.#tokens[Math.min(this.#index + ahead, this.#tokens.length - 1)]!;
  }

  next(): Token {
    const token = this.peek();
    if (this.#index < this.#tokens.length - 1) this.#index++;
    return token;
  }

  /** Whether the coming tokens are these words (in upper case) and symbols. */
  at(...keys: readonly string[]): boolean {
    return keys.every((key, ahead) => this.peek(ahead).key === key);
  }

  atAny(keys: ReadonlySet<string>): boolean {
    return keys.has(this.peek().key);
  }

  /** Takes the words or symbols if all of them come next. */
  accept(...keys: readonly string[]): boolean {
    if (!this.at(...keys)) return false;
    for (const _ of keys) this.next();
    return true;
  }

  expect(key: string): Token {
    if (this.peek().key !== key) throw this.syntaxError(`: missing '${key}'`);
    return this.next();
  }

  expectKind(kind: Token["kind"]): Token {
    if (this.peek().kind !== kind) throw this.syntaxError();
    return this.next();
  }

  expectEnd(): void {
    if (this.peek().kind !== "end") throw this.syntaxError(`: extra input ${describeToken(this.text, this.peek())}`);
  }

  /** An identifier, plain or in backquotes. Every word will do, as in Spark's default mode. */
  identifier(): string {
    const token = this.peek();
    if (token.kind !== "word" && token.kind !== "quoted") throw this.syntaxError();
    return this.next().value;
  }

  /** `read` separated by commas, at least once. */
  list<T>(read: () => T): T[] {
    const items = [read()];
    while (this.accept(",")) items.push(read());
    return items;
  }

  /** Runs `read` one level deeper; throws `FAILED_TO_PARSE_TOO_COMPLEX` when that is too deep. */
  nested<T>(read: () => T): T {
    if (++this.#nesting > NESTING_MAX) throw this.error("FAILED_TO_PARSE_TOO_COMPLEX", {});
    const result = read();
    this.#nesting--;
    return result;
  }

  /** The text from `start` to the last token taken. */
  originFrom(start: number): Origin {
    const last = this.#tokens[Math.max(0, this.#index - 1)]!;
    return { text: this.text, start, stop: last.stop };
  }

  syntaxError(hint = ""): ParseError {
    return this.error("PARSE_SYNTAX_ERROR", { error: describeToken(this.text, this.peek()), hint });
  }

  /** An error at `at`, by default the current token. */
  error(condition: ErrorCondition, parameters: MessageParameters, at: Pick<Token, "start" | "stop"> = this.peek()): ParseError {
    return parseErrorAt(this.text, at.start, at.stop, condition, parameters);
  }
}
