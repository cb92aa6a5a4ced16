/**
 * A plain CSV tokenizer with the rules of Spark's parser. It cuts text into records of values; types are `csv-record.ts`'s business.
 * It parses the lines that the kernel defers, whole files in multi-line mode, and is the kernel's oracle in tests. Any thread.
 */

export interface CsvDialect {
  readonly separator: string;
  /** One character, or empty. So are `escape` and `comment`. */
  readonly quote: string;
  readonly escape: string;
  readonly comment: string;
  /** What values without and with quotes read as when they are empty. */
  readonly nullValue: string;
  readonly emptyValue: string;
  readonly ignoreLeadingWhiteSpace: boolean;
  readonly ignoreTrailingWhiteSpace: boolean;
}

export interface CsvRecord {
  readonly values: readonly string[];
  /** Place [start, end) in the text, without the line end. */
  readonly start: number;
  readonly end: number;
}

/** The records in `text`; empty lines and comments are skipped. Values in quotes may span lines. */
export function* parseCsvRecords(text: string, dialect: CsvDialect): Generator<CsvRecord> {
  const tokenizer = new Tokenizer(text, dialect);
  while (!tokenizer.atEnd) {
    const start = tokenizer.at;
    if (tokenizer.skipBlankLine()) continue;
    const values = tokenizer.record();
    const end = tokenizer.at;
    tokenizer.skipLineEnd();
    yield { values, start, end };
  }
}

class Tokenizer {
  at = 0;
  readonly #text: string;
  readonly #dialect: CsvDialect;

  constructor(text: string, dialect: CsvDialect) {
    this.#text = text;
    this.#dialect = dialect;
  }

  get atEnd(): boolean {
    return this.at >= this.#text.length;
  }

  skipBlankLine(): boolean {
    const { comment } = this.#dialect;
    const end = this.#lineEnd(this.at);
    const isComment = comment !== "" && this.#text.startsWith(comment, this.at);
    if (!isComment && /[^\0-\x20]/.test(this.#text.slice(this.at, end))) return false;
    this.at = end;
    this.skipLineEnd();
    return true;
  }

  skipLineEnd(): void {
    if (this.#text.startsWith("\r\n", this.at)) this.at += 2;
    else if (!this.atEnd) this.at++;
  }

  record(): string[] {
    const { separator } = this.#dialect;
    const values: string[] = [];
    for (;;) {
      values.push(this.#value());
      if (!this.#text.startsWith(separator, this.at)) return values;
      this.at += separator.length;
    }
  }

  #value(): string {
    const { quote, ignoreLeadingWhiteSpace, ignoreTrailingWhiteSpace, nullValue } = this.#dialect;
    if (ignoreLeadingWhiteSpace) while (this.#isBlank(this.at)) this.at++;
    const start = this.at;
    if (quote !== "" && this.#text[start] === quote) {
      const value = this.#quoted();
      if (value !== null) return value === "" ? this.#dialect.emptyValue : value;
    }
    const end = this.#valueEnd(start);
    this.at = end;
    let last = end;
    if (ignoreTrailingWhiteSpace) while (last > start && this.#isBlank(last - 1)) last--;
    return last === start ? nullValue : this.#text.slice(start, last);
  }

  /** The value in quotes; null if a quote inside it is not escaped: then the quotes belong to the value. */
  #quoted(): string | null {
    const { quote, escape, separator } = this.#dialect;
    const text = this.#text;
    let value = "";
    for (let at = this.at + 1; at < text.length; at++) {
      const character = text[at]!;
      const next = text[at + 1];
      if (character === escape && next !== undefined && (next === quote || next === escape) && !(escape === quote && next !== quote)) {
        value += next;
        at++;
      } else if (character === quote) {
        let behind = at + 1;
        while (this.#isBlank(behind)) behind++;
        if (behind < text.length && !text.startsWith(separator, behind) && !/[\n\r]/.test(text[behind]!)) return null;
        this.at = behind;
        return value;
      } else if (character === "\r" && next === "\n") {
        // Line ends inside values become line feeds.
        value += "\n";
        at++;
      } else {
        value += character;
      }
    }
    this.at = text.length;
    return value;
  }

  /** Space within a line that is not (part of) the separator. */
  #isBlank(at: number): boolean {
    const character = this.#text[at];
    return character !== undefined && character <= " " && !/[\n\r]/.test(character) && !this.#text.startsWith(this.#dialect.separator, at);
  }

  #valueEnd(start: number): number {
    const lineEnd = this.#lineEnd(start);
    const separator = this.#text.indexOf(this.#dialect.separator, start);
    return separator >= 0 && separator < lineEnd ? separator : lineEnd;
  }

  #lineEnd(start: number): number {
    const pattern = /[\n\r]/g;
    pattern.lastIndex = start;
    return pattern.exec(this.#text)?.index ?? this.#text.length;
  }
}
