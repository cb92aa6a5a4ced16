/** Chunk environments in memory: transactions are all or nothing; `beforeWrite` may throw where a process would die. */
import type { ChunkEntry, ChunkEnvironment, ChunkEnvironments } from "../../src/base/ports.ts";

export class MemoryChunks implements ChunkEnvironments {
  readonly entries = new Map<string, Map<string, Uint8Array>>();
  beforeWrite: () => void = () => undefined;

  open(directory: string): ChunkEnvironment {
    const entries = this.entries.get(directory) ?? new Map<string, Uint8Array>();
    this.entries.set(directory, entries);
    return {
      get: (key) => entries.get(hex(key)),
      range: (from, to) => sorted(entries).filter(({ key }) => Buffer.compare(key, from) >= 0 && Buffer.compare(key, to) < 0),
      write: (removed, put) => {
        this.beforeWrite();
        for (const key of removed) entries.delete(hex(key));
        for (const { key, value } of put) entries.set(hex(key), Uint8Array.from(value));
      },
      refresh: () => undefined,
      sync: () => undefined,
      close: () => undefined,
    };
  }

  remove(directory: string): void {
    this.entries.delete(directory);
  }
}

const hex = (key: Uint8Array): string => Buffer.from(key).toString("hex");

const sorted = (entries: ReadonlyMap<string, Uint8Array>): ChunkEntry[] =>
  [...entries].map(([key, value]) => ({ key: Buffer.from(key, "hex"), value })).sort((a, b) => Buffer.compare(a.key, b.key));
