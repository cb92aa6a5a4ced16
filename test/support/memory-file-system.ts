/**
 * A disk in memory that fails on purpose. It tells apart what the process sees (page cache) and what survives power loss: file
 * contents up to the last fdatasync, directory entries up to the last fsync of the directory. A fault plan makes the k-th call fail,
 * or end the "process": every later call throws until `restart` or `powerLoss`.
 */
import type { DirectoryLock, FileStat, FileSystem, NewFile, OpenDirectory, SyncFile } from "../../src/base/ports.ts";

interface Inode {
  readonly id: number;
  bytes: Uint8Array;
  synced: Uint8Array;
}

/** What happens at call number `at` (counted from 0): an error, or death before (`crash`) or half-way through (`tear`) the call. */
export interface Fault {
  readonly at: number;
  readonly kind: "crash" | "tear" | "ENOSPC" | "EIO";
}

export class Crash extends Error {}

type Entries = Map<string, Inode | "directory">;

export class MemoryFileSystem implements FileSystem {
  /** Calls so far, as `operation path`. */
  calls: string[] = [];
  fault: Fault | null = null;
  #current: Entries = new Map([["/", "directory"]]);
  #durable: Entries = new Map(this.#current);
  #locks = new Set<string>();
  #nextInode = 1;
  #isDead = false;

  /** The process died; the page cache lived on. */
  restart(): void {
    this.#isDead = false;
    this.#locks.clear();
    this.fault = null;
    this.calls = [];
  }

  /** The machine died: unsynced entries are gone, unsynced content is cut to what was synced, or to `tornBytes` more of it. */
  powerLoss(tornBytes = 0): void {
    this.restart();
    this.#current = new Map(this.#durable);
    for (const [path, inode] of this.#current) {
      if (inode === "directory") continue;
      const kept = inode.bytes.slice(0, inode.synced.length + tornBytes);
      const copy: Inode = { id: inode.id, bytes: kept, synced: kept };
      this.#current.set(path, copy);
    }
    this.#durable = new Map(this.#current);
  }

  paths(): readonly string[] {
    return [...this.#current].filter(([, inode]) => inode !== "directory").map(([path]) => path);
  }

  /** Changes a file behind the engine's back. */
  overwrite(path: string, bytes: Uint8Array): void {
    const inode: Inode = { id: this.#nextInode++, bytes, synced: bytes };
    this.#current.set(path, inode);
    this.#durable.set(path, inode);
  }

  /** Counts as a call, for whatever else of the "outside world" should be able to fail: a sink, a worker. */
  step(name: string): void {
    this.#call("step", name);
  }

  async readFile(path: string): Promise<Uint8Array> {
    this.#call("readFile", path);
    return this.#file(path).bytes.slice();
  }

  async stat(path: string): Promise<FileStat | undefined> {
    this.#call("stat", path);
    return this.#stat(path);
  }

  async list(directory: string): Promise<readonly FileStat[]> {
    this.#call("list", directory);
    return [...this.#current.keys()].filter((path) => path !== "/" && parentOf(path) === directory).map((path) => this.#stat(path)!);
  }

  async makeDirectory(path: string): Promise<void> {
    this.makeDirectorySync(path);
  }

  async createNew(path: string): Promise<NewFile> {
    this.#call("open", path);
    const inode = this.#createFile(path);
    return {
      write: async (bytes) => {
        this.#call("write", path, () => (inode.bytes = bytes.slice(0, bytes.length >> 1)));
        inode.bytes = bytes.slice();
        this.#call("fdatasync", path);
        inode.synced = inode.bytes;
      },
      close: () => undefined,
    };
  }

  async writeNew(path: string, bytes: Uint8Array): Promise<void> {
    await (await this.createNew(path)).write(bytes);
  }

  async link(from: string, to: string): Promise<void> {
    this.#call("link", to);
    if (this.#current.has(to)) throw systemError("EEXIST", "link", to);
    this.#current.set(to, this.#file(from));
  }

  async rename(from: string, to: string): Promise<void> {
    this.#call("rename", to);
    this.#current.set(to, this.#file(from));
    this.#current.delete(from);
  }

  async remove(path: string): Promise<void> {
    this.removeSync(path);
  }

  async syncDirectory(directory: string): Promise<void> {
    this.syncDirectorySync(directory);
  }

  async openDirectory(directory: string): Promise<OpenDirectory> {
    return { sync: () => this.syncDirectory(directory), close: () => undefined };
  }

  async lockDirectory(directory: string): Promise<DirectoryLock | null> {
    this.#call("lock", directory);
    if (this.#locks.has(directory)) return null;
    this.#locks.add(directory);
    return { owner: { pid: 1, bootId: "boot", startedMs: 0 }, release: async () => void this.#locks.delete(directory) };
  }

  openReadSync(path: string): SyncFile {
    this.#call("openRead", path);
    return this.#handle(path, this.#file(path));
  }

  createSync(path: string): SyncFile {
    this.#call("open", path);
    return this.#handle(path, this.#createFile(path));
  }

  makeDirectorySync(path: string): void {
    this.#call("mkdir", path);
    for (let directory = path; directory !== "/"; directory = parentOf(directory)) {
      if (!this.#current.has(directory)) this.#current.set(directory, "directory");
    }
  }

  removeSync(path: string): void {
    this.#call("remove", path);
    for (const candidate of this.#current.keys()) {
      if (candidate === path || candidate.startsWith(`${path}/`)) this.#current.delete(candidate);
    }
  }

  syncDirectorySync(directory: string): void {
    this.#call("fsync", directory);
    for (const path of this.#durable.keys()) {
      if (path !== "/" && parentOf(path) === directory && !this.#current.has(path)) this.#durable.delete(path);
    }
    for (const [path, inode] of this.#current) if (parentOf(path) === directory) this.#durable.set(path, inode);
  }

  #call(operation: string, path: string, halfWay: () => void = () => undefined): void {
    if (this.#isDead) throw new Crash("the process is dead");
    const index = this.calls.push(`${operation} ${path}`) - 1;
    if (this.fault?.at !== index) return;
    const { kind } = this.fault;
    if (kind === "ENOSPC" || kind === "EIO") {
      halfWay();
      throw systemError(kind, operation, path);
    }
    if (kind === "tear") halfWay();
    this.#isDead = true;
    throw new Crash(`crash at call ${index}: ${operation} ${path}`);
  }

  #createFile(path: string): Inode {
    if (!this.#current.has(parentOf(path))) throw systemError("ENOENT", "open", path);
    if (this.#current.has(path)) throw systemError("EEXIST", "open", path);
    const inode: Inode = { id: this.#nextInode++, bytes: new Uint8Array(0), synced: new Uint8Array(0) };
    this.#current.set(path, inode);
    return inode;
  }

  #file(path: string): Inode {
    const inode = this.#current.get(path);
    if (inode === undefined || inode === "directory") throw systemError("ENOENT", "open", path);
    return inode;
  }

  #stat(path: string): FileStat | undefined {
    const inode = this.#current.get(path);
    if (inode === undefined) return undefined;
    const isDirectory = inode === "directory";
    return { path, sizeBytes: isDirectory ? 0 : inode.bytes.length, modifiedMs: 0, inode: isDirectory ? 0 : inode.id, isDirectory };
  }

  #handle(path: string, inode: Inode): SyncFile {
    return {
      read: (into, position) => {
        const part = inode.bytes.subarray(position, position + into.length);
        into.set(part);
        return part.length;
      },
      append: (bytes) => {
        this.#call("write", path);
        inode.bytes = Uint8Array.from([...inode.bytes, ...bytes]);
      },
      write: (bytes, position) => {
        this.#call("write", path);
        // What was made durable stays as it was.
        if (inode.bytes === inode.synced || position + bytes.length > inode.bytes.length)
          inode.bytes = overwritten(inode.bytes, bytes, position);
        else inode.bytes.set(bytes, position);
      },
      sync: () => {
        this.#call("fdatasync", path);
        inode.synced = inode.bytes;
      },
      sizeBytes: () => inode.bytes.length,
      close: () => undefined,
    };
  }
}

/** A copy of `before` with `bytes` at `position`. */
export function overwritten(before: Uint8Array, bytes: Uint8Array, position: number): Uint8Array {
  const after = new Uint8Array(Math.max(before.length, position + bytes.length));
  after.set(before);
  after.set(bytes, position);
  return after;
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}

function systemError(code: string, syscall: string, path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${syscall} '${path}'`), { code, syscall, path });
}
