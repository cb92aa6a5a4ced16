/**
 * The ports through which the engine touches the world: clock, randomness, file system, chunk environments, network, scheduler.
 *
 * Every constructor that needs one takes it as its first arguments; nothing else in `src` calls `Date.now`,
 * `Math.random`, `node:fs`, `node:net` or `setTimeout` (`test/tidy.test.ts` checks). The real ones are made in
 * `base/node-ports.ts`; tests bring a manual clock, a seeded random source and fault-injecting file systems.
 */

/** Time. `nowMs` may jump (wall clock, epoch milliseconds); `monotonicMs` never goes back and is for durations only. */
export interface Clock {
  nowMs(): number;
  /** Fractional milliseconds since an arbitrary start. */
  monotonicMs(): number;
}

/** Randomness for names and ids. Query results never depend on it. */
export interface Random {
  /** A version 4 UUID in lower case. */
  uuid(): string;
  /** Uniform in [0, 1). */
  next(): number;
}

/** Timers. `sleep` resolves after `ms` or as soon as `signal` aborts (it resolves then too; it never rejects). */
export interface Scheduler {
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Lets other work of the event loop run. */
  yield(): Promise<void>;
}

export interface FileStat {
  readonly path: string;
  readonly sizeBytes: number;
  /** Epoch milliseconds, fractional part kept. */
  readonly modifiedMs: number;
  readonly inode: number;
  readonly isDirectory: boolean;
}

/** An open file for the worker side: positioned reads and appends, synchronous because workers block anyway. */
export interface SyncFile {
  /** Reads up to `into.length` bytes at `position`; returns the number read, 0 at the end. `into` may view shared memory. */
  read(into: Uint8Array, position: number): number;
  /** Writes all of `bytes` at the end of what this handle has written. */
  append(bytes: Uint8Array): void;
  /** Writes all of `bytes` at `position`, over what is there. Not for a handle that appends. */
  write(bytes: Uint8Array, position: number): void;
  /** Makes the data durable (fdatasync). Throws on failure; the caller must not retry. */
  sync(): void;
  sizeBytes(): number;
  /** Closing again does nothing. */
  close(): void;
}

/** A file that is still empty. */
export interface NewFile {
  /** Writes everything, makes it durable (fdatasync), and closes the file, also when it fails. */
  write(bytes: Uint8Array): Promise<void>;
  /** In place of `write`. */
  close(): void;
}

export interface OpenDirectory {
  /** See `FileSystem.syncDirectory`. */
  sync(): Promise<void>;
  close(): void;
}

/**
 * Files. Asynchronous methods are for the coordinator (they must not block the user's event loop), the `Sync` ones for
 * workers. Paths are absolute. Errors are Node's (`code` is ENOENT, EEXIST, ENOSPC, …).
 */
export interface FileSystem {
  readFile(path: string): Promise<Uint8Array>;
  stat(path: string): Promise<FileStat | undefined>;
  /** Direct children; an empty list when the directory does not exist. */
  list(directory: string): Promise<readonly FileStat[]>;
  makeDirectory(path: string): Promise<void>;
  /** Creates `path`, which must not exist. */
  createNew(path: string): Promise<NewFile>;
  /** `createNew` and `write`. */
  writeNew(path: string, bytes: Uint8Array): Promise<void>;
  /** Hard link; fails with EEXIST when `to` exists. */
  link(from: string, to: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Removes a file or a tree; missing is fine. */
  remove(path: string): Promise<void>;
  /** Makes created, linked and removed names in `directory` durable. */
  syncDirectory(directory: string): Promise<void>;
  /** For a directory that is made durable again and again. */
  openDirectory(directory: string): Promise<OpenDirectory>;

  /**
   * Takes the lock of a directory, which lasts until `release` or until this process dies; null when somebody else holds it.
   * It excludes other processes of this machine, and a second holder in this process.
   */
  lockDirectory(directory: string): Promise<DirectoryLock | null>;

  openReadSync(path: string): SyncFile;
  /** Creates a new file for appending; fails with EEXIST when it exists. */
  createSync(path: string): SyncFile;
  makeDirectorySync(path: string): void;
  removeSync(path: string): void;
  syncDirectorySync(directory: string): void;
}

export interface DirectoryLock {
  readonly owner: ProcessIdentity;
  release(): Promise<void>;
}

/** A value under a key. */
export interface ChunkEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/**
 * Values under keys in a directory of their own, ordered by the bytes of the keys; transactions are all or nothing when a process dies, not when
 * the machine does. One thread writes, any may read. Synchronous: for workers, which block anyway. Holds copies of state (`state/chunk-writer.ts`).
 */
export interface ChunkEnvironment {
  /** Valid until the next call. */
  get(key: Uint8Array): Uint8Array | undefined;
  /** Entries with keys in [from, to), ascending; for many small values. */
  range(from: Uint8Array, to: Uint8Array): Iterable<ChunkEntry>;
  /** One transaction: `removed` keys go, then `put` come. */
  write(removed: readonly Uint8Array[], put: readonly ChunkEntry[]): void;
  /** Ends what reads see of one moment: the next one sees what has been written since. Threads that never wait call it, others need not. */
  refresh(): void;
  /** Makes everything durable. */
  sync(): void;
  close(): void;
}

export interface ChunkEnvironments {
  /** Opens or creates the environment in an existing directory. Throws when it cannot be read. */
  open(directory: string): ChunkEnvironment;
  /** Removes the environment, which nobody has open, and its directory; missing is fine. */
  remove(directory: string): void;
}

/** Names a process for records that others read; `bootId` tells whether `pid` still can mean the same process. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly bootId: string;
  /** Epoch ms. */
  readonly startedMs: number;
}

/** Outgoing TCP (loopback in tests). */
export interface Network {
  connect(host: string, port: number): Promise<Connection>;
}

export interface Connection {
  /** Chunks as they arrive; ends when the peer closes. */
  readonly chunks: AsyncIterable<Uint8Array>;
  close(): void;
}

/** All ports of one process, handed down from `Session`. */
export interface Ports {
  readonly clock: Clock;
  readonly random: Random;
  readonly scheduler: Scheduler;
  readonly files: FileSystem;
  readonly chunks: ChunkEnvironments;
  readonly network: Network;
}
