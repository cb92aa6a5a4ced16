/**
 * The real ports: Node's clock, randomness, timers, files and sockets. Made once per process by `Session` and by each worker;
 * the only file besides `lmdb-chunks.ts` and `kernels/load.ts` that calls them directly.
 */
import { randomUUID } from "node:crypto";
import {
  close,
  closeSync,
  constants,
  fdatasyncSync,
  fstatSync,
  fsync,
  fsyncSync,
  link,
  mkdir,
  mkdirSync,
  open,
  openSync,
  readdir,
  readFile,
  readFileSync,
  readSync,
  rename,
  rm,
  rmSync,
  stat,
  unlink,
  write,
  writeSync,
  type Stats,
} from "node:fs";
import { connect, createServer } from "node:net";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { lmdbChunks } from "./lmdb-chunks.ts";
import type {
  Clock,
  Connection,
  DirectoryLock,
  FileStat,
  FileSystem,
  NewFile,
  OpenDirectory,
  Network,
  Ports,
  ProcessIdentity,
  Random,
  Scheduler,
  SyncFile,
} from "./ports.ts";

const NEW_DURABLE_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_DSYNC;

const openAsync = promisify(open);
const writeAsync = promisify(write);
const closeAsync = promisify(close);
const fsyncAsync = promisify(fsync);
const linkAsync = promisify(link);
const renameAsync = promisify(rename);
const unlinkAsync = promisify(unlink);
const removeTreeAsync = promisify(rm);
const makeDirectoryAsync = promisify(mkdir);
const readFileAsync = promisify(readFile);
const readDirectoryAsync = promisify(readdir) as (path: string) => Promise<string[]>;
const statAsync = promisify(stat) as (path: string) => Promise<Stats>;

/** All ports, backed by the operating system. */
export function nodePorts(): Ports {
  return {
    clock: nodeClock,
    random: nodeRandom,
    scheduler: nodeScheduler,
    files: new NodeFileSystem(),
    chunks: lmdbChunks,
    network: nodeNetwork,
  };
}

const nodeClock: Clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() };

const nodeRandom: Random = { uuid: () => randomUUID(), next: () => Math.random() };

const nodeScheduler: Scheduler = {
  sleep(ms, signal) {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const finish = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", finish);
        resolve();
      };
      const timer = setTimeout(finish, ms);
      signal?.addEventListener("abort", finish, { once: true });
    });
  },
  yield: () => new Promise((resolve) => setImmediate(resolve)),
};

const nodeNetwork: Network = {
  connect: (host, port) =>
    new Promise<Connection>((resolve, reject) => {
      const socket = connect({ host, port });
      socket.once("error", reject);
      socket.once("connect", () => {
        socket.off("error", reject);
        resolve({ chunks: socket as AsyncIterable<Uint8Array>, close: () => void socket.destroy() });
      });
    }),
};

/** Files of the local disk. */
class NodeFileSystem implements FileSystem {
  async readFile(path: string): Promise<Uint8Array> {
    return await readFileAsync(path);
  }

  async stat(path: string): Promise<FileStat | undefined> {
    try {
      return toFileStat(path, await statAsync(path));
    } catch (error) {
      if (isMissing(error) || (error as NodeJS.ErrnoException).code === "ENOTDIR") return undefined;
      throw error;
    }
  }

  async list(directory: string): Promise<readonly FileStat[]> {
    let names: readonly string[];
    try {
      names = await readDirectoryAsync(directory);
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
    const children = await Promise.all(names.map((name) => this.stat(join(directory, name))));
    return children.filter((child) => child !== undefined);
  }

  async makeDirectory(path: string): Promise<void> {
    try {
      await this.#makeOneDirectory(path);
    } catch (error) {
      // Node's own recursion never ends where the system says ENOENT for ever (/proc), and hides that a disk is read-only.
      if (!isMissing(error) || dirname(path) === path) throw error;
      await this.makeDirectory(dirname(path));
      await this.#makeOneDirectory(path);
    }
  }

  async #makeOneDirectory(path: string): Promise<void> {
    try {
      await makeDirectoryAsync(path);
    } catch (error) {
      const exists = (error as NodeJS.ErrnoException).code === "EEXIST" && (await this.stat(path))?.isDirectory;
      if (!exists) throw error;
    }
  }

  async createNew(path: string): Promise<NewFile> {
    // With O_DSYNC a write is durable when it returns: one trip through the thread pool instead of two.
    const descriptor = await openAsync(path, NEW_DURABLE_FILE);
    return {
      async write(bytes) {
        try {
          for (let done = 0; done < bytes.length;) {
            done += (await writeAsync(descriptor, bytes, done, bytes.length - done, done)).bytesWritten;
          }
        } finally {
          closeSync(descriptor);
        }
      },
      close: () => closeSync(descriptor),
    };
  }

  async writeNew(path: string, bytes: Uint8Array): Promise<void> {
    await (await this.createNew(path)).write(bytes);
  }

  async link(from: string, to: string): Promise<void> {
    await linkAsync(from, to);
  }

  async rename(from: string, to: string): Promise<void> {
    await renameAsync(from, to);
  }

  async remove(path: string): Promise<void> {
    try {
      await unlinkAsync(path);
    } catch (error) {
      if (isMissing(error)) return;
      await removeTreeAsync(path, { recursive: true, force: true });
    }
  }

  async syncDirectory(directory: string): Promise<void> {
    const opened = await this.openDirectory(directory);
    try {
      await opened.sync();
    } finally {
      opened.close();
    }
  }

  async openDirectory(directory: string): Promise<OpenDirectory> {
    const descriptor = await openAsync(directory, constants.O_RDONLY);
    return { sync: async () => fsyncAsync(descriptor), close: () => closeSync(descriptor) };
  }

  async lockDirectory(directory: string): Promise<DirectoryLock | null> {
    return process.platform === "linux" ? await lockBySocket(directory) : await lockByFile(directory);
  }

  openReadSync(path: string): SyncFile {
    return new NodeFile(openSync(path, "r"));
  }

  createSync(path: string): SyncFile {
    return new NodeFile(openSync(path, "wx"));
  }

  makeDirectorySync(path: string): void {
    mkdirSync(path, { recursive: true });
  }

  removeSync(path: string): void {
    rmSync(path, { recursive: true, force: true });
  }

  syncDirectorySync(directory: string): void {
    const descriptor = openSync(directory, constants.O_RDONLY);
    try {
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  }
}

class NodeFile implements SyncFile {
  readonly #descriptor: number;
  #isOpen = true;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  read(into: Uint8Array, position: number): number {
    return readSync(this.#descriptor, into, 0, into.length, position);
  }

  append(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length;) done += writeSync(this.#descriptor, bytes, done, bytes.length - done);
  }

  write(bytes: Uint8Array, position: number): void {
    for (let done = 0; done < bytes.length;) done += writeSync(this.#descriptor, bytes, done, bytes.length - done, position + done);
  }

  sync(): void {
    fdatasyncSync(this.#descriptor);
  }

  sizeBytes(): number {
    return fstatSync(this.#descriptor).size;
  }

  close(): void {
    // A second time the number may already mean a file of another thread.
    if (!this.#isOpen) return;
    this.#isOpen = false;
    closeSync(this.#descriptor);
  }
}

/**
 * Binds an abstract unix socket named after the directory's device and inode. The kernel frees the name when the process dies,
 * however it dies, and no path or symbolic link leads around it. The directory stays open meanwhile: were it removed, another one could get
 * its inode.
 */
async function lockBySocket(directory: string): Promise<DirectoryLock | null> {
  const descriptor = await openAsync(directory, constants.O_RDONLY);
  try {
    const { dev, ino } = fstatSync(descriptor);
    const server = createServer((socket) => socket.destroy());
    const isBound = await new Promise<boolean>((resolve, reject) => {
      server.once("error", (error: NodeJS.ErrnoException) => (error.code === "EADDRINUSE" ? resolve(false) : reject(error)));
      server.listen({ path: `\0millrace-${dev}-${ino}` }, () => resolve(true));
    });
    if (isBound) {
      server.unref();
      const unbind = (): Promise<void> => new Promise((resolve) => void server.close(() => resolve()));
      return { owner: processIdentity(), release: () => unbind().then(() => closeAsync(descriptor)) };
    }
  } catch (error) {
    await closeAsync(descriptor);
    throw error;
  }
  await closeAsync(descriptor);
  return null;
}

/** Where there are no abstract sockets: an exclusive file with the owner's identity, taken over when that process is gone. */
async function lockByFile(directory: string): Promise<DirectoryLock | null> {
  const path = join(directory, ".lock");
  const owner = processIdentity();
  const take = () => writeLock(path, JSON.stringify(owner));
  if (!(await take())) {
    if (isAlive(JSON.parse(readFileSync(path, "utf8")) as ProcessIdentity, owner)) return null;
    await unlinkAsync(path);
    if (!(await take())) return null;
  }
  return { owner, release: () => unlinkAsync(path) };
}

async function writeLock(path: string, text: string): Promise<boolean> {
  try {
    const descriptor = await openAsync(path, "wx");
    await writeAsync(descriptor, Buffer.from(text));
    await closeAsync(descriptor);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** Whether the process that `holder` names still runs. */
export function isAlive(holder: ProcessIdentity, self = processIdentity()): boolean {
  if (holder.bootId !== self.bootId) return false;
  try {
    process.kill(holder.pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function processIdentity(): ProcessIdentity {
  return { pid: process.pid, bootId: bootId(), startedMs: Math.round(performance.timeOrigin) };
}

/** Changes with every boot of the machine; empty where the system does not tell. */
function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return "";
  }
}

function toFileStat(path: string, stats: Stats): FileStat {
  return { path, sizeBytes: stats.size, modifiedMs: stats.mtimeMs, inode: stats.ino, isDirectory: stats.isDirectory() };
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "ENOENT";
}
