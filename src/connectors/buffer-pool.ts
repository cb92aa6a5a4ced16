/**
 * Buffers in a worker's memory for one open split: pages, and the columns of blocks. What a block may point to is retired, not freed, and
 * becomes free at `recycle`, when nobody looks at the blocks any more; so a split of any size is read in bounded memory.
 */
import type { Kernels } from "../kernels/load.ts";
import { allocate } from "./block-memory.ts";

/** Kernels read and write so far past the ends of buffers. */
const SLACK_BYTES = 64;
const CLASS_BYTES_MIN = 1024;

export class BufferPool {
  readonly #kernels: Kernels;
  readonly #free = new Map<number, number[]>();
  readonly #classes = new Map<number, number>();
  #retired: number[] = [];
  /** Bytes in retired buffers. */
  retiredBytes = 0;

  constructor(kernels: Kernels) {
    this.#kernels = kernels;
  }

  /** A buffer of `bytes` bytes and the slack; contents undefined. Throws WORKER_OUT_OF_MEMORY. */
  take(bytes: number): number {
    const wanted = bytes + SLACK_BYTES;
    // Between powers of two, so that a class wastes a quarter at most.
    const power = 2 ** Math.ceil(Math.log2(Math.max(wanted, CLASS_BYTES_MIN)));
    const size = wanted <= power * 0.75 ? power * 0.75 : power;
    const address = this.#free.get(size)?.pop() ?? allocate(this.#kernels, size);
    this.#classes.set(address, size);
    return address;
  }

  /** Blocks may still point into the buffer. */
  retire(address: number): void {
    this.#retired.push(address);
    this.retiredBytes += this.#classes.get(address)!;
  }

  /** Nobody looks at the buffer any more. */
  release(address: number): void {
    const size = this.#classes.get(address)!;
    const free = this.#free.get(size);
    if (free) free.push(address);
    else this.#free.set(size, [address]);
  }

  recycle(): void {
    for (const address of this.#retired) this.release(address);
    this.#retired = [];
    this.retiredBytes = 0;
  }
}
