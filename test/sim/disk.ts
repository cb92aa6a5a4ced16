/**
 * A disk as a kernel shows it: a page cache over what is durable. Writes become durable by fdatasync of the file, names by fsync of their
 * directory. When power is lost, every block of 512 or 4096 bytes that was not synced survives or not on its own, and so does every change of a
 * directory, in whatever order they were made. A failed sync of a file drops what it should have made durable, as Linux does: another one that
 * succeeds says nothing. (Names are in a journal, which takes nothing more when it has failed.) All calls are synchronous; `machine.ts` makes
 * processes of them.
 */
import type { FileStat } from "../../src/base/ports.ts";
import type { Dice } from "./dice.ts";

interface Write {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export interface Inode {
  readonly id: number;
  readonly modifiedMs: number;
  /** What processes read. */
  cached: Uint8Array;
  durable: Uint8Array;
  /** Since the last sync. */
  unsynced: Write[];
}

type Node = Inode | "directory";

/** A name that appeared (or went, with `node` null) and is not durable. */
interface NameChange {
  readonly directory: string;
  readonly path: string;
  readonly node: Node | null;
}

/** What recorded I/O consists of. `bytes`, `path` and the rest are enough to do it again on another disk. */
export type DiskOperation =
  | { readonly kind: "create" | "mkdir" | "remove" | "fdatasync" | "fsync"; readonly path: string }
  | { readonly kind: "write"; readonly path: string; readonly bytes: Uint8Array }
  | { readonly kind: "link"; readonly path: string; readonly from: string };

/** How power loss treats what was not synced. */
export interface LossModel {
  /** Size of what is written as a whole or not at all. */
  readonly blockBytes: 512 | 4096;
  /** Probability that an unsynced block is there. */
  readonly blocks: number;
  /** Probability that an unsynced change of a directory is there. */
  readonly names: number;
}

export class Disk {
  /** Called after every operation that took effect. */
  onOperation: (operation: DiskOperation) => void = () => undefined;
  /** How often the machine has come up. */
  boots = 1;
  #names = new Map<string, Node>([["/", "directory"]]);
  #durableNames = new Map(this.#names);
  #changes: NameChange[] = [];
  #nextInode = 1;

  stat(path: string): FileStat | undefined {
    const node = this.#names.get(path);
    if (node === undefined) return undefined;
    if (node === "directory") return { path, sizeBytes: 0, modifiedMs: 0, inode: 0, isDirectory: true };
    return { path, sizeBytes: node.cached.length, modifiedMs: node.modifiedMs, inode: node.id, isDirectory: false };
  }

  list(directory: string): FileStat[] {
    return [...this.#names.keys()].filter((path) => path !== "/" && parentOf(path) === directory).map((path) => this.stat(path)!);
  }

  /** Every file, as paths. */
  files(): string[] {
    return [...this.#names].flatMap(([path, node]) => (node === "directory" ? [] : [path])).sort();
  }

  open(path: string): Inode {
    const node = this.#names.get(path);
    if (node === undefined || node === "directory") throw systemError("ENOENT", "open", path);
    return node;
  }

  read(path: string): Uint8Array {
    return this.open(path).cached.slice();
  }

  create(path: string, modifiedMs: number): Inode {
    if (this.#names.get(parentOf(path)) !== "directory") throw systemError("ENOENT", "open", path);
    if (this.#names.has(path)) throw systemError("EEXIST", "open", path);
    const inode: Inode = {
      id: this.#nextInode++,
      modifiedMs,
      cached: new Uint8Array(0),
      durable: new Uint8Array(0),
      unsynced: [],
    };
    this.#change(path, inode);
    this.onOperation({ kind: "create", path });
    return inode;
  }

  append(path: string, inode: Inode, bytes: Uint8Array): void {
    const write = { offset: inode.cached.length, bytes: bytes.slice() };
    inode.cached = patch(inode.cached, write);
    inode.unsynced.push(write);
    this.onOperation({ kind: "write", path, bytes: write.bytes });
  }

  /** Of a file that nobody ever makes durable. */
  overwrite(inode: Inode, bytes: Uint8Array, position: number): void {
    inode.cached = patch(inode.cached, { offset: position, bytes });
  }

  sync(path: string, inode: Inode): void {
    for (const write of inode.unsynced.splice(0)) inode.durable = patch(inode.durable, write);
    this.onOperation({ kind: "fdatasync", path });
  }

  /** The error of a sync that failed; what it was about is not going to be durable any more. */
  failSync(inode: Inode, path: string): Error {
    inode.unsynced = [];
    return systemError("EIO", "fdatasync", path);
  }

  link(from: string, to: string): void {
    if (this.#names.has(to)) throw systemError("EEXIST", "link", to);
    if (this.#names.get(parentOf(to)) !== "directory") throw systemError("ENOENT", "link", to);
    this.#change(to, this.open(from));
    this.onOperation({ kind: "link", path: to, from });
  }

  makeDirectory(path: string): void {
    if (this.#names.has(path)) return;
    this.makeDirectory(parentOf(path));
    this.#change(path, "directory");
    this.onOperation({ kind: "mkdir", path });
  }

  remove(path: string): void {
    if (!this.#names.has(path)) return;
    for (const inside of this.#names.keys()) if (inside.startsWith(`${path}/`)) this.#change(inside, null);
    this.#change(path, null);
    this.onOperation({ kind: "remove", path });
  }

  syncDirectory(directory: string): void {
    for (const change of this.#changes) if (change.directory === directory) apply(this.#durableNames, change);
    this.#changes = this.#changes.filter((change) => change.directory !== directory);
    this.onOperation({ kind: "fsync", path: directory });
  }

  failSyncDirectory(directory: string): Error {
    return systemError("EIO", "fsync", directory);
  }

  /** Puts a file there that was durable before it appeared: what comes from outside. */
  put(path: string, bytes: Uint8Array, modifiedMs: number): void {
    this.makeDirectory(parentOf(path));
    const inode: Inode = { id: this.#nextInode++, modifiedMs, cached: bytes, durable: bytes, unsynced: [] };
    for (let name = path, node: Node = inode; name !== "/"; name = parentOf(name), node = "directory") {
      this.#names.set(name, node);
      this.#durableNames.set(name, node);
    }
  }

  /** Bytes change behind everybody's back. */
  damage(path: string, bytes: Uint8Array): void {
    const inode = this.open(path);
    inode.cached = bytes;
    inode.durable = bytes;
    inode.unsynced = [];
  }

  /** Does again what another disk has recorded. */
  redo(operation: DiskOperation, modifiedMs: number): void {
    const { kind, path } = operation;
    switch (kind) {
      case "create":
        return void this.create(path, modifiedMs);
      case "write":
        return this.append(path, this.open(path), operation.bytes);
      case "fdatasync":
        return this.sync(path, this.open(path));
      case "link":
        return this.link(operation.from, path);
      case "mkdir":
        return this.makeDirectory(path);
      case "remove":
        return this.remove(path);
      case "fsync":
        return this.syncDirectory(path);
    }
  }

  /** The machine loses power; what comes up again is what `loss` lets through. */
  losePower(dice: Dice, { blockBytes, blocks, names }: LossModel): void {
    this.boots++;
    for (const change of this.#changes) if (dice.chance(names)) apply(this.#durableNames, change);
    this.#changes = [];
    this.#names = new Map();
    for (const [path, node] of [...this.#durableNames].sort(([a], [b]) => (a < b ? -1 : 1))) {
      // A directory that was lost takes along what was in it.
      if (path !== "/" && this.#names.get(parentOf(path)) !== "directory") continue;
      this.#names.set(path, node);
    }
    this.#durableNames = new Map(this.#names);
    for (const inode of new Set(this.#names.values())) {
      if (inode === "directory") continue;
      for (const { offset, bytes } of inode.unsynced.splice(0)) {
        for (let from = 0, to = 0; from < bytes.length; from = to) {
          to = Math.min(bytes.length, from + blockBytes - ((offset + from) % blockBytes));
          if (dice.chance(blocks)) inode.durable = patch(inode.durable, { offset: offset + from, bytes: bytes.subarray(from, to) });
        }
      }
      inode.cached = inode.durable;
    }
  }

  #change(path: string, node: Node | null): void {
    const change = { directory: parentOf(path), path, node };
    apply(this.#names, change);
    this.#changes.push(change);
  }
}

/** The parts of `write` that lie beyond the end leave a hole of zeros. */
function patch(content: Uint8Array, { offset, bytes }: Write): Uint8Array {
  const patched = new Uint8Array(Math.max(content.length, offset + bytes.length));
  patched.set(content);
  patched.set(bytes, offset);
  return patched;
}

function apply(names: Map<string, Node>, { path, node }: NameChange): void {
  if (node === null) names.delete(path);
  else names.set(path, node);
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}

export function systemError(code: string, syscall: string, path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${syscall} '${path}'`), { code, syscall, path });
}
