/**
 * What a worker's state may take of its memory: the worker's share of `millrace.memory.limit` less what else is in use, at least a quarter of
 * it. Beyond that, chunks leave memory whenever nobody holds on to one. On the worker's thread.
 */
import { CheckpointError } from "../base/errors.ts";
import type { Kernels } from "../kernels/load.ts";

/** A WebAssembly memory ends at 4 GiB; exchange blocks, undo records and output need their part of it. */
const SHARE_BYTES_MAX = 3 * 2 ** 30;
/** The state gets so much of the share whatever else is in memory. */
const STATE_PART_MIN = 1 / 4;
/** What a run of merged rows may bring in before chunks leave. */
const RUN_PART = 1 / 8;
const CHUNK_BYTES_FULL = 65536;
/** Rows of a batch may take so many times their bytes in the exchange. */
const GROWTH = 2;

export class StateMemory {
  readonly #kernels: Kernels;
  readonly #limitBytes: number;
  readonly #shareBytes: number;
  #stateMax: number;

  constructor(kernels: Kernels, limitBytes: number, workerCount: number) {
    this.#kernels = kernels;
    this.#limitBytes = limitBytes;
    this.#shareBytes = Math.min(Math.floor(limitBytes / workerCount), SHARE_BYTES_MAX);
    this.#stateMax = this.#shareBytes;
    this.#kernel("state_set_limit", this.#stateMax);
  }

  get stateBytes(): number {
    return this.#kernel("state_bytes");
  }

  /** Of the state in memory. */
  get stateBytesMax(): number {
    return this.#stateMax;
  }

  /** Chunks that may come in between two calls of `reclaim`. */
  get chunksMax(): number {
    return Math.max(1, Math.floor((this.#stateMax * RUN_PART) / CHUNK_BYTES_FULL));
  }

  /** Adapts to what else is in memory now. */
  adapt(): void {
    const others = this.#kernel("segment_live_bytes") - this.stateBytes;
    this.#stateMax = Math.max(this.#shareBytes * STATE_PART_MIN, this.#shareBytes - others);
    this.#kernel("state_set_limit", this.#stateMax);
  }

  /** Whether rows of so many bytes may not find room beside what is there. */
  isTightFor(bytes: number): boolean {
    return this.stateBytes + GROWTH * bytes > this.#stateMax;
  }

  /** Lets chunks leave memory until the rest fits; nobody may hold the address of a row. Throws `STATE_MEMORY_LIMIT_EXCEEDED`. */
  reclaim(): void {
    if (this.#kernel("state_reclaim") === 0) return;
    const wanted = this.stateBytes;
    const limit = Math.ceil((this.#limitBytes * wanted) / this.#stateMax);
    throw new CheckpointError("STATE_MEMORY_LIMIT_EXCEEDED", {
      limit: String(this.#limitBytes),
      wanted: String(wanted),
      share: String(Math.floor(this.#stateMax)),
      remedy: String(2 * limit),
    });
  }

  #kernel(name: string, ...args: number[]): number {
    return this.#kernels.exports[name]!(...args) as number;
  }
}
