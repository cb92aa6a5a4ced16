/**
 * Options of readers and writers: declared, typed, documented, case-insensitive. An option that is not declared is an error
 * with a suggestion; nothing is accepted and ignored.
 */
import { AnalysisError, MillraceError, suggest } from "../base/errors.ts";

export interface OptionSpec {
  readonly description: string;
  /** Text form of the default; null = none. */
  readonly default: string | null;
  /** Checks and converts; throws a plain Error with a reason, which is wrapped with the option's name, or a typed one, which stays. */
  readonly parse: (text: string) => unknown;
}
export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

export const stringOption = (description: string, defaultValue: string | null = null): OptionSpec => ({
  description,
  default: defaultValue,
  parse: (text) => text,
});

export const booleanOption = (description: string, defaultValue: boolean): OptionSpec => ({
  description,
  default: String(defaultValue),
  parse: (text) => {
    const lower = text.trim().toLowerCase();
    if (lower !== "true" && lower !== "false") throw new Error(`"${text}" is not true or false`);
    return lower === "true";
  },
});

export const integerOption = (description: string, defaultValue: number | null, minimum = 0): OptionSpec => ({
  description,
  default: defaultValue === null ? null : String(defaultValue),
  parse: (text) => {
    const value = Number(text.trim());
    if (!/^[+-]?\d+$/.test(text.trim()) || !Number.isSafeInteger(value) || value < minimum)
      throw new Error(`"${text}" is not a whole number of at least ${minimum}`);
    return value;
  },
});

export const choiceOption = (description: string, choices: readonly string[], defaultValue: string | null): OptionSpec => ({
  description,
  default: defaultValue,
  parse: (text) => {
    const found = choices.find((choice) => choice.toLowerCase() === text.trim().toLowerCase());
    if (found === undefined) throw new Error(`"${text}" is not one of ${choices.join(", ")}`);
    return found;
  },
});

/** Checked options. `get` returns the parsed value, or the parsed default, or null. Plain data underneath: crosses threads as `entries`. */
export class ConnectorOptions {
  readonly entries: Readonly<Record<string, string>>;
  readonly #specs: OptionSpecs;
  readonly #values = new Map<string, unknown>();
  readonly #given = new Set<string>();

  /** Throws `DATA_SOURCE_OPTION_UNKNOWN` or `DATA_SOURCE_OPTION_INVALID` for the format `format`. */
  constructor(format: string, entries: Readonly<Record<string, string>>, specs: OptionSpecs) {
    this.entries = entries;
    this.#specs = specs;
    const byLowerCase = new Map(Object.keys(specs).map((name) => [name.toLowerCase(), name]));
    for (const [key, text] of Object.entries(entries)) {
      const name = byLowerCase.get(key.toLowerCase());
      if (name === undefined) {
        throw new AnalysisError("DATA_SOURCE_OPTION_UNKNOWN", {
          option: key,
          format,
          suggestion: suggest(key, Object.keys(specs), 3).join(", "),
        });
      }
      this.#given.add(name);
      this.#values.set(name, this.#parse(format, name, text));
    }
    for (const [name, spec] of Object.entries(specs)) {
      if (!this.#values.has(name)) this.#values.set(name, spec.default === null ? null : this.#parse(format, name, spec.default));
    }
  }

  get<T>(name: string): T {
    if (!(name in this.#specs)) throw new Error(`millrace internal error: option ${name} is not declared`);
    return this.#values.get(name) as T;
  }

  /** Whether the user set it. */
  has(name: string): boolean {
    return this.#given.has(name);
  }

  #parse(format: string, name: string, text: string): unknown {
    try {
      return this.#specs[name]!.parse(text);
    } catch (error) {
      if (error instanceof MillraceError) throw error;
      throw new AnalysisError("DATA_SOURCE_OPTION_INVALID", { option: name, format, value: text, reason: (error as Error).message });
    }
  }
}

const DURATION_UNITS_MS: Readonly<Record<string, number>> = {
  us: 0.001,
  ms: 1,
  s: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** A length of time as Spark writes it in options: "7d", "12h", "90s", "250ms"; a bare number counts in `bareUnit`. Parsed to milliseconds. */
export const durationOption = (description: string, defaultValue: string | null, bareUnit: "ms" | "s" = "ms"): OptionSpec => ({
  description,
  default: defaultValue,
  parse: (text) => {
    const match = /^(\d+)\s*([a-z]*)$/.exec(text.trim().toLowerCase());
    const unit = DURATION_UNITS_MS[match?.[2] || bareUnit];
    if (!match || unit === undefined) throw new Error(`"${text}" is not a time such as 90s, 12h or 7d`);
    return Number(match[1]) * unit;
  },
});

/** A size: "64m", "1g", "4096". Parsed to bytes. */
export const byteSizeOption = (description: string, defaultValue: string | null): OptionSpec => ({
  description,
  default: defaultValue,
  parse: (text) => {
    const bytes = parseByteSize(text);
    if (bytes === undefined) throw new Error(`"${text}" is not a size such as 64m or 1g`);
    return bytes;
  },
});

/** Bytes of a size such as "64m", "1g" or "4096". */
export function parseByteSize(text: string): number | undefined {
  const match = /^(\d+)\s*([kmgtp]?)b?$/.exec(text.trim().toLowerCase());
  return match ? Number(match[1]) * 1024 ** " kmgtp".indexOf(match[2] || " ") : undefined;
}

/** A number between `minimum` and `maximum`. */
export const fractionOption = (description: string, defaultValue: number, minimum: number, maximum: number): OptionSpec => ({
  description,
  default: String(defaultValue),
  parse: (text) => {
    const value = text.trim() === "" ? Number.NaN : Number(text);
    if (!(value >= minimum && value <= maximum)) throw new Error(`"${text}" is not a number from ${minimum} to ${maximum}`);
    return value;
  },
});
