/**
 * `ChunkEnvironments` on LMDB. The library is loaded with the first environment that is opened: most threads never do.
 *
 * What to know of it: transactions are not flushed (`noSync`; the owner throws the environment away after a power failure); it has no checksums
 * of its own; opening another file as one of its, or a read beyond the end of one that was cut, kills the process, so beginning and length are checked; `getBinaryFast` hands out one
 * buffer again and again; a thread must not be ended within a transaction.
 */
import { createRequire } from "node:module";
import { closeSync, fdatasyncSync, openSync, readSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import type * as Lmdb from "lmdb";
import type { ChunkEntry, ChunkEnvironment, ChunkEnvironments } from "./ports.ts";

const DATA_FILE = "data.mdb";

/** In the first two pages, behind the page's header: magic u32, data format u32. */
const META_AT = 24;
const META_MAGIC = 0x2_beefc0den;
const PAGE_SIZES = [4096, 8192, 16384, 32768, 65536];
const PAGE_BYTES_MAX = 65536;
/** Address space that is taken at once: a map that grows moves, under the hands of other threads' reads. */
const MAP_BYTES = 2 ** 36;

export const lmdbChunks: ChunkEnvironments = {
  open: (directory) => new LmdbEnvironment(directory),
  remove: (directory) => rmSync(directory, { recursive: true, force: true }),
};

let library: typeof Lmdb | undefined;

class LmdbEnvironment implements ChunkEnvironment {
  readonly #dataFile: string;
  readonly #database: Lmdb.RootDatabase<Buffer, Buffer>;

  constructor(directory: string) {
    library ??= createRequire(import.meta.url)("lmdb") as typeof Lmdb;
    this.#dataFile = join(directory, DATA_FILE);
    checkBeginning(this.#dataFile);
    this.#database = library.open<Buffer, Buffer>({
      path: this.#dataFile,
      noSubdir: true,
      encoding: "binary",
      keyEncoding: "binary",
      cache: false,
      noSync: true,
      overlappingSync: false,
      maxDbs: 1,
      mapSize: MAP_BYTES,
      commitDelay: 0,
    });
    this.#checkLength();
  }

  get(key: Uint8Array): Uint8Array | undefined {
    const value = this.#database.getBinaryFast(key as Buffer);
    // Its length is an own property that the methods of buffers do not look at.
    return value && new Uint8Array(value.buffer, value.byteOffset, value.length);
  }

  *range(from: Uint8Array, to: Uint8Array): Iterable<ChunkEntry> {
    for (const { key, value } of this.#database.getRange({ start: from as Buffer, end: to as Buffer })) yield { key, value };
  }

  write(removed: readonly Uint8Array[], put: readonly ChunkEntry[]): void {
    this.#database.transactionSync(() => {
      for (const key of removed) this.#database.removeSync(key as Buffer);
      for (const { key, value } of put) this.#database.putSync(key as Buffer, value as Buffer);
    });
  }

  refresh(): void {
    this.#database.resetReadTxn();
  }

  sync(): void {
    const descriptor = openSync(this.#dataFile, "r+");
    try {
      fdatasyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  }

  close(): void {
    void this.#database.close();
  }

  #checkLength(): void {
    const { lastPageNumber, pageSize } = this.#database.getStats() as { lastPageNumber: number; pageSize: number };
    const wanted = (lastPageNumber + 1) * pageSize;
    const { size } = statSync(this.#dataFile);
    if (size >= wanted) return;
    this.close();
    throw new Error(`${this.#dataFile} has ${size} bytes instead of ${wanted}`);
  }
}

/** Both first pages must begin as LMDB writes them. */
function checkBeginning(file: string): void {
  const descriptor = openOrNull(file);
  if (descriptor === null) return;
  const bytes = Buffer.alloc(PAGE_BYTES_MAX + 64);
  const length = readSync(descriptor, bytes, 0, bytes.length, 0);
  closeSync(descriptor);
  const isMeta = (page: number): boolean => page + META_AT + 8 <= length && bytes.readBigUInt64LE(page + META_AT) === META_MAGIC;
  // An empty file is a new environment.
  if (length > 0 && !(isMeta(0) && PAGE_SIZES.some(isMeta))) throw new Error(`${file} is no LMDB environment`);
}

function openOrNull(file: string): number | null {
  try {
    return openSync(file, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}
