/**
 * The files that a stream has read, by path and modification time, as far back as the age limit goes. Mirrors Spark's SeenFilesMap:
 * age counts from the newest file seen, not from now. Main thread.
 */
import { basename } from "node:path";

export class SeenFiles {
  readonly #maxAgeMs: number;
  readonly #byNameOnly: boolean;
  readonly #seen = new Map<string, number>();
  #latestMs = 0;
  #purgedBeforeMs = 0;

  /** `maxAgeMs` may be Infinity: nothing is forgotten. */
  constructor(maxAgeMs: number, byNameOnly: boolean) {
    this.#maxAgeMs = maxAgeMs;
    this.#byNameOnly = byNameOnly;
  }

  add(path: string, modifiedMs: number): void {
    this.#seen.set(this.#key(path), modifiedMs);
    this.#latestMs = Math.max(this.#latestMs, modifiedMs);
  }

  /** Neither read before nor older than what has been forgotten. */
  isNew(path: string, modifiedMs: number): boolean {
    return modifiedMs >= this.#purgedBeforeMs && !this.#seen.has(this.#key(path));
  }

  /** Forgets files beyond the age limit, which from then on are not new either. */
  purge(): void {
    this.#purgedBeforeMs = Math.max(0, this.#latestMs - this.#maxAgeMs);
    for (const [key, modifiedMs] of this.#seen) if (modifiedMs < this.#purgedBeforeMs) this.#seen.delete(key);
  }

  get purgedBeforeMs(): number {
    return this.#purgedBeforeMs;
  }

  get size(): number {
    return this.#seen.size;
  }

  #key(path: string): string {
    return this.#byNameOnly ? basename(path) : path;
  }
}
