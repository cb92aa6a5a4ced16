/**
 * A plain JSON parser with the liberties that Spark's options allow. It keeps where each value stands in the text, because a value
 * read as a string is its own text. Slow and obvious: it parses the lines that the scanner kernel defers, whole files in multi-line
 * mode, and is the kernel's oracle in tests.
 */

export interface JsonSyntaxOptions {
  readonly allowComments: boolean;
  readonly allowSingleQuotes: boolean;
  readonly allowUnquotedFieldNames: boolean;
  readonly allowNumericLeadingZeros: boolean;
  readonly allowNonNumericNumbers: boolean;
  readonly allowBackslashEscapingAnyCharacter: boolean;
  readonly allowUnquotedControlChars: boolean;
}

/** A value and its place [start, end) in the text, in UTF-16 units. */
export type JsonNode = { readonly start: number; readonly end: number } & (
  | { readonly kind: "null" }
  | { readonly kind: "boolean"; readonly value: boolean }
  /** `NaN` and the infinities have `isFinite` false. */
  | { readonly kind: "number"; readonly text: string; readonly isFinite: boolean }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "array"; readonly items: readonly JsonNode[] }
  | { readonly kind: "object"; readonly entries: readonly (readonly [string, JsonNode])[] }
);

/** The text is not JSON. */
export class JsonSyntaxError extends Error {}

/** As in Spark's JSON library. */
const NESTING_MAX = 1000;

/** The values in `text`, one after the other; none if it is blank. Throws JsonSyntaxError. */
export function parseJsonValues(text: string, options: JsonSyntaxOptions): JsonNode[] {
  const parser = new JsonParser(text, options);
  const nodes: JsonNode[] = [];
  for (parser.skipSpace(); !parser.atEnd; parser.skipSpace()) nodes.push(parser.value(0));
  return nodes;
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const NUMBER_WITH_LEADING_ZEROS = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const NOT_A_NUMBER = /NaN|[+-]?(?:Infinity|INF)/y;
const FIELD_NAME = /[\p{L}\p{Nl}$_@#*+-][\p{L}\p{Nl}\p{Nd}\p{Mn}\p{Mc}\p{Pc}$@#*+-]*/uy;
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

// oxlint-disable-next-line no-control-regex -- control characters end a run
const PLAIN_CHARACTERS = /[^"'\\\0-\x1f]*/y;
const LONE_SURROGATE = /\p{Cs}/gu;

class JsonParser {
  readonly #text: string;
  readonly #options: JsonSyntaxOptions;
  #at = 0;

  constructor(text: string, options: JsonSyntaxOptions) {
    this.#text = text;
    this.#options = options;
  }

  get atEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  skipSpace(): void {
    for (;;) {
      const unit = this.#text.charCodeAt(this.#at);
      if (unit === 32 || unit === 9 || unit === 10 || unit === 13) this.#at++;
      else if (unit === 47 && this.#options.allowComments) this.#skipComment();
      else return;
    }
  }

  value(depth: number): JsonNode {
    const start = this.#at;
    const first = this.#text[start];
    switch (first) {
      case "{":
        return this.#object(depth + 1);
      case "[":
        return this.#array(depth + 1);
      case "t":
        return this.#word("true", { kind: "boolean", value: true });
      case "f":
        return this.#word("false", { kind: "boolean", value: false });
      case "n":
        return this.#word("null", { kind: "null" });
    }
    if (this.#atQuote()) {
      const value = this.#string();
      return { kind: "string", value, start, end: this.#at };
    }
    const nonFinite = this.#options.allowNonNumericNumbers ? this.#match(NOT_A_NUMBER) : null;
    const text = nonFinite ?? this.#match(this.#options.allowNumericLeadingZeros ? NUMBER_WITH_LEADING_ZEROS : NUMBER);
    const next = this.#text[this.#at];
    if (text === null || (next !== undefined && !/[\s,\]}/]/.test(next))) this.#fail();
    return { kind: "number", text, isFinite: nonFinite === null, start, end: this.#at };
  }

  #object(depth: number): JsonNode {
    const start = this.#open(depth);
    const entries: [string, JsonNode][] = [];
    if (!this.#take("}")) {
      do {
        this.skipSpace();
        const key = this.#fieldName();
        this.skipSpace();
        if (!this.#take(":")) this.#fail();
        this.skipSpace();
        entries.push([key, this.value(depth)]);
        this.skipSpace();
      } while (this.#take(","));
      if (!this.#take("}")) this.#fail();
    }
    return { kind: "object", entries, start, end: this.#at };
  }

  #array(depth: number): JsonNode {
    const start = this.#open(depth);
    const items: JsonNode[] = [];
    if (!this.#take("]")) {
      do {
        this.skipSpace();
        items.push(this.value(depth));
        this.skipSpace();
      } while (this.#take(","));
      if (!this.#take("]")) this.#fail();
    }
    return { kind: "array", items, start, end: this.#at };
  }

  #open(depth: number): number {
    if (depth > NESTING_MAX) throw new JsonSyntaxError(`nested deeper than ${NESTING_MAX} levels`);
    const start = this.#at++;
    this.skipSpace();
    return start;
  }

  #fieldName(): string {
    if (this.#atQuote()) return this.#string();
    const name = this.#options.allowUnquotedFieldNames ? this.#match(FIELD_NAME) : null;
    return name ?? this.#fail();
  }

  #atQuote(): boolean {
    const first = this.#text[this.#at];
    return first === '"' || (first === "'" && this.#options.allowSingleQuotes);
  }

  #string(): string {
    const quote = this.#text[this.#at++]!;
    let value = "";
    for (;;) {
      // Ordinary characters up to the next one that may mean something, at once.
      PLAIN_CHARACTERS.lastIndex = this.#at;
      const plain = PLAIN_CHARACTERS.exec(this.#text)![0];
      value += plain;
      this.#at += plain.length;
      const unit = this.#text[this.#at++];
      if (unit === undefined) this.#fail();
      if (unit === quote) return value.replace(LONE_SURROGATE, "\ufffd");
      if (unit === "\\") value += this.#escape();
      else if (unit < " " && !this.#options.allowUnquotedControlChars) this.#fail();
      else value += unit;
    }
  }

  #escape(): string {
    const unit = this.#text[this.#at++];
    if (unit === undefined) this.#fail();
    if (unit === "u") {
      const digits = this.#text.slice(this.#at, this.#at + 4);
      if (!/^[0-9a-fA-F]{4}$/.test(digits)) this.#fail();
      this.#at += 4;
      return String.fromCharCode(Number.parseInt(digits, 16));
    }
    const escaped = ESCAPES[unit];
    if (escaped !== undefined) return escaped;
    const isLenient = this.#options.allowBackslashEscapingAnyCharacter || (unit === "'" && this.#options.allowSingleQuotes);
    return isLenient ? unit : this.#fail();
  }

  #skipComment(): void {
    const close = this.#text[this.#at + 1] === "*" ? "*/" : this.#text[this.#at + 1] === "/" ? "\n" : this.#fail();
    const end = this.#text.indexOf(close, this.#at + 2);
    if (end < 0 && close === "*/") this.#fail();
    this.#at = end < 0 ? this.#text.length : end + close.length;
  }

  #word(word: string, node: { kind: "null" } | { kind: "boolean"; value: boolean }): JsonNode {
    const start = this.#at;
    if (!this.#text.startsWith(word, start)) this.#fail();
    this.#at += word.length;
    const next = this.#text[this.#at];
    if (next !== undefined && /[\p{L}\d_$]/u.test(next)) this.#fail();
    return { ...node, start, end: this.#at };
  }

  #match(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? null;
    if (found !== null) this.#at += found.length;
    return found;
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #fail(): never {
    throw new JsonSyntaxError(`unexpected ${this.#at < this.#text.length ? "character" : "end"} at position ${this.#at}`);
  }
}
