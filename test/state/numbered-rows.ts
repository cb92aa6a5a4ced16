/** Prefix scans, lists and the like: what the state store's contract says of numbered rows. */
import type { TestRow, TestValue } from "./row-codec.ts";
import type { Family } from "./state-workers.ts";

/** The rows of a prefix, as `(prefix, number)`; number 0 counts them, in the first value. */
export class NumberedRows {
  readonly family: Family;

  constructor(family: Family) {
    this.family = family;
  }

  /** Prefix scan; the row of index i has number i + 1. */
  rows(prefix: TestRow): TestRow[] {
    return Array.from({ length: this.count(prefix) }, (_, i) => this.family.get([...prefix, BigInt(i + 1)])!);
  }

  count(prefix: TestRow): number {
    const head = this.family.get([...prefix, 0n]);
    return head === null ? 0 : Number(head[0]);
  }

  /** Returns the number of the new row. */
  add(prefix: TestRow, values: TestRow): number {
    const count = this.count(prefix) + 1;
    this.#setCount(prefix, count);
    this.set(prefix, count, values);
    return count;
  }

  set(prefix: TestRow, number: number, values: TestRow): void {
    this.family.put([...prefix, BigInt(number)], values);
  }

  /** The last row takes the place of the removed one; returns its values if it has moved. */
  removeAt(prefix: TestRow, number: number): TestRow | null {
    const count = this.count(prefix);
    const last = [...prefix, BigInt(count)];
    const moved = number === count ? null : this.family.get(last)!;
    if (moved) this.set(prefix, number, moved);
    this.family.remove(last);
    if (count === 1) this.family.remove([...prefix, 0n]);
    else this.#setCount(prefix, count - 1);
    return moved;
  }

  clear(prefix: TestRow): void {
    for (let number = this.count(prefix); number > 0; number--) this.removeAt(prefix, number);
  }

  #setCount(prefix: TestRow, count: number): void {
    const values: TestValue[] = this.family.spec.layout.values.map(({ isVariable }) => (isVariable ? "" : 0n));
    values[0] = BigInt(count);
    this.family.put([...prefix, 0n], values);
  }
}
