/** Options of a reader or writer while it is being built: text by key, a later one replaces an earlier one in any case of letters. */

export type OptionValue = string | number | boolean | bigint;

export class OptionMap {
  readonly #entries = new Map<string, readonly [key: string, value: string]>();

  set(key: string, value: OptionValue): void {
    this.#entries.set(key.toLowerCase(), [key, String(value)]);
  }

  setAll(options: Readonly<Record<string, OptionValue>>): void {
    for (const [key, value] of Object.entries(options)) this.set(key, value);
  }

  get(key: string): string | undefined {
    return this.#entries.get(key.toLowerCase())?.[1];
  }

  /** As written, without the key `except`. */
  toRecord(except?: string): Record<string, string> {
    return Object.fromEntries([...this.#entries].filter(([key]) => key !== except).map(([, entry]) => entry));
  }
}
