/**
 * Seeded random tables in the values of the API: extremes, nulls, duplicates, empty and multi-byte texts. The same rows go to the engine
 * and to DuckDB.
 */
import { Decimal, LocalDate, Timestamp, TimestampNtz } from "../../../src/index.ts";

export interface Column {
  readonly name: string;
  /** As both dialects spell it. */
  readonly type: string;
  readonly value: (random: Random, row: number) => unknown;
}

export interface Table {
  readonly columns: readonly Column[];
  readonly rows: readonly Readonly<Record<string, unknown>>[];
}

export const ddlOf = (table: Table): string => table.columns.map(({ name, type }) => `${name} ${type}`).join(", ");

/** A generator of pseudo-random numbers (mulberry32). */
export class Random {
  #state: number;
  constructor(seed: number) {
    this.#state = seed | 0;
  }
  /** In [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }
  /** In [0, bound). */
  below(bound: number): number {
    return Math.floor(this.next() * bound);
  }
  chance(probability: number): boolean {
    return this.next() < probability;
  }
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }
  bits64(): bigint {
    return BigInt.asIntN(64, (BigInt(this.below(2 ** 32)) << 32n) | BigInt(this.below(2 ** 32)));
  }
}

const WORDS = [
  "",
  "a",
  "A",
  "ab",
  "abc",
  "Zürich",
  "Ünï",
  "東京",
  "😀",
  "😀x",
  "\uffee",
  " space ",
  "a,b",
  'quo"te',
  "x\ty",
  "back\\slash",
  "%_",
  "null",
];
const LONG = ["lorem ipsum dolor sit amet ".repeat(3), "é".repeat(40)];

const or =
  <T>(special: readonly T[], chance: number, rest: (random: Random) => T) =>
  (random: Random): T =>
    random.chance(chance) ? random.pick(special) : rest(random);

/** Values of every flat type; `null` with the chance given to `randomTable`. */
export const ALL_TYPES: readonly Column[] = [
  { name: "k", type: "INT", value: (random) => Math.floor(random.below(1000) ** 2 / 20_000) },
  { name: "u", type: "BIGINT", value: (_, row) => BigInt(row) * 1_000_003n - 7n },
  { name: "g", type: "STRING", value: (random) => random.pick(WORDS) },
  { name: "bo", type: "BOOLEAN", value: (random) => random.chance(0.3) },
  { name: "ti", type: "TINYINT", value: or([-128, 127, 0], 0.1, (random) => random.below(100) - 50) },
  { name: "si", type: "SMALLINT", value: or([-32768, 32767, 0], 0.1, (random) => random.below(2000) - 1000) },
  { name: "i", type: "INT", value: or([-(2 ** 31), 2 ** 31 - 1, 0], 0.1, (random) => random.below(200_000) - 100_000) },
  { name: "l", type: "BIGINT", value: or([-(2n ** 63n), 2n ** 63n - 1n, 0n], 0.05, (random) => random.bits64()) },
  { name: "q", type: "BIGINT", value: (random) => random.bits64() >> 24n },
  { name: "f", type: "FLOAT", value: or([NaN, -0, 0, Infinity, -Infinity, 1.5], 0.2, (random) => Math.fround(random.next() * 1000 - 500)) },
  { name: "d", type: "DOUBLE", value: or([NaN, -0, 0, Infinity, -Infinity, 5e-324, 1.5], 0.2, (random) => random.next() * 2e6 - 1e6) },
  { name: "x", type: "DOUBLE", value: (random) => (random.below(40_000) - 20_000) / 8 },
  {
    name: "de",
    type: "DECIMAL(10,2)",
    value: or(["99999999.99", "-99999999.99", "0.00", "0.01"], 0.05, (r) => ((r.below(2e6) - 1e6) / 100).toFixed(2)),
  },
  { name: "dw", type: "DECIMAL(30,5)", value: (random) => `${random.bits64()}.${String(random.below(100_000)).padStart(5, "0")}` },
  { name: "s", type: "STRING", value: (random) => (random.chance(0.05) ? random.pick(LONG) : `${random.pick(WORDS)}${random.below(500)}`) },
  { name: "b", type: "BINARY", value: (random) => Uint8Array.from({ length: random.below(6) }, () => random.below(256)) },
  { name: "da", type: "DATE", value: or([-719_162, 2_932_896, 0, -1], 0.05, (r) => r.below(20_000)) },
  {
    name: "ts",
    type: "TIMESTAMP",
    value: (random) => 1_700_000_000_000_000n + BigInt(random.below(7200 * 1000)) * 1000n + BigInt(random.below(1000)),
  },
  { name: "tn", type: "TIMESTAMP_NTZ", value: (random) => (random.bits64() >> 12n) / 1n },
];

const wrap = (type: string, value: unknown): unknown => {
  if (value === null) return null;
  if (type === "DATE") return new LocalDate(value as number);
  if (type === "TIMESTAMP") return new Timestamp(value as bigint);
  if (type === "TIMESTAMP_NTZ") return new TimestampNtz(value as bigint);
  if (type.startsWith("DECIMAL")) return Decimal.parse(value as string);
  return value;
};

/** `nulls` is the chance of a null in a column. */
export function randomTable(seed: number, rowCount: number, columns: readonly Column[] = ALL_TYPES, nulls = 0.08): Table {
  const random = new Random(seed);
  const rows = Array.from({ length: rowCount }, (_, row) =>
    Object.fromEntries(columns.map(({ name, type, value }) => [name, random.chance(nulls) ? null : wrap(type, value(random, row))])),
  );
  return { columns, rows };
}
