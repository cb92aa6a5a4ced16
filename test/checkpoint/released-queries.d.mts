/** Types of `released-queries.mjs`. */
export type OutputRow = readonly (string | number)[];
export declare const queries: Readonly<Record<string, { readonly expected: (batch: number) => readonly OutputRow[] }>>;
export declare function goOn(
  name: string,
  checkpoint: string,
  workers: number,
  last: number,
): Promise<ReadonlyMap<number, readonly OutputRow[]>>;
