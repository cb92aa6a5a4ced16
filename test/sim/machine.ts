/**
 * Processes of a simulated machine: the five ports over the event loop and the disk, and threads that run the real worker code inside the
 * test's own. A process can be killed, also in the middle of a worker's call to the disk, or paused; a worker can die alone.
 */
import type { DirectoryLock, FileStat, FileSystem, NewFile, Ports, SyncFile } from "../../src/base/ports.ts";
import type { StartWorkerThread } from "../../src/coordinator/worker-thread.ts";
import type { Envelope, Reply } from "../../src/protocol/messages.ts";
import { answer } from "../../src/worker/main.ts";
import { WorkerRuntime } from "../../src/worker/runtime.ts";
import { MemoryChunks } from "../support/memory-chunks.ts";
import type { Dice } from "./dice.ts";
import { type Disk, type Inode, systemError } from "./disk.ts";
import type { EventLoop, Owner } from "./event-loop.ts";

/** Unwinds a thread that is no more; nothing of it is seen outside. */
export class Gone extends Error {}

/** What a process is to suffer at one of its next calls that change the disk. */
export interface DiskFault {
  /** Calls to go. */
  after: number;
  readonly kind: "ENOSPC" | "EIO" | "kill";
  /** If it is to be a call on such a path. */
  readonly path?: RegExp;
}

/** How a worker is to die: before its next command, in a call to the disk within it, or with the work done and not reported. */
export interface WorkerFault {
  readonly when: "before" | "within" | "after";
  readonly worker: number;
  /** Calls to the disk to go, for `within`. */
  after: number;
}

export class Process implements Owner {
  isDead = false;
  isPaused = false;
  diskFault: DiskFault | null = null;
  workerFault: WorkerFault | null = null;
  /** Transactions of the chunk store that are to fail, as on a full disk. */
  chunkFaults = 0;
  /** Chunks that come back from a spill file with a flipped bit. */
  spillFaults = 0;
  /** By which the clock of a worker goes on at every look, ms: what has a time limit comes to it. */
  msPerLook = 0;
  /** Faults that took effect in this process: without one it must not fail. */
  faultsSuffered = 0;
  readonly ports: Ports;
  readonly #loop: EventLoop;
  readonly #disk: Disk;
  readonly #machine: Machine;
  /** Processes of different hosts do not see each other's locks. */
  readonly #host: string;

  constructor(machine: Machine, host: string, dice: Dice) {
    this.#machine = machine;
    this.#loop = machine.loop;
    this.#disk = machine.disk;
    this.#host = host;
    const { loop } = machine;
    this.ports = {
      clock: { nowMs: () => loop.nowMs, monotonicMs: () => loop.monotonicMs },
      random: { uuid: () => dice.uuid(), next: () => dice.next() },
      scheduler: {
        sleep: (ms, signal) => this.#sleep(ms, signal),
        yield: () => loop.request(this, "yield", () => undefined),
      },
      files: this.#files(() => undefined),
      chunks: this.#chunks(),
      network: { connect: () => Promise.reject(new Error("no network here")) },
    };
  }

  kill(): void {
    this.isDead = true;
    this.#machine.releaseLocks(this);
  }

  /** For `LocalExecutor`: the real runtime, one command per task. */
  readonly startThread: StartWorkerThread = ({ workerIndex, workerCount }, events) => {
    const thread: Owner & { callsLeft: number } = { isDead: false, isPaused: false, callsLeft: Number.POSITIVE_INFINITY };
    const files = this.#files(() => {
      if (thread.isDead) throw new Gone();
      if (thread.callsLeft-- === 0) {
        thread.isDead = true;
        throw new Gone();
      }
    });
    const loop = this.#loop;
    let looks = 0;
    const clock = { nowMs: () => loop.nowMs, monotonicMs: () => loop.monotonicMs + this.msPerLook * looks++ };
    const runtime = new WorkerRuntime(workerIndex, workerCount, { ...this.ports, files, clock });
    const waiting: Envelope[] = [];
    const die = (): void => {
      thread.isDead = true;
      this.faultsSuffered++;
      loop.add(this, `worker ${workerIndex} is gone`, () => events.ended(new Error("exit code 7")));
    };
    const runNext = (): void => {
      const envelope = waiting.shift()!;
      if (thread.isDead) return;
      const fault = this.workerFault?.worker === workerIndex ? this.workerFault : null;
      if (fault) this.workerFault = null;
      if (fault?.when === "before") return die();
      if (fault?.when === "within") thread.callsLeft = fault.after;
      const reply: Reply = answer(runtime, envelope);
      if (this.isDead) return;
      if (fault?.when === "after" || thread.isDead) return die();
      thread.callsLeft = Number.POSITIVE_INFINITY;
      loop.note(JSON.stringify(reply, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value)));
      replies.push(reply);
      loop.add(this, `worker ${workerIndex} answered`, () => events.answered(replies.shift()!));
    };
    const replies: Reply[] = [];
    return {
      post: (envelope) => {
        waiting.push(envelope);
        loop.add(this, `worker ${workerIndex} ${envelope.command.kind}`, runNext);
      },
      stop: () => loop.request(this, `worker ${workerIndex} stops`, () => void (thread.isDead = true)),
      kill: () => void (thread.isDead = true),
    };
  };

  #sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = this.#loop.addTimer(this, ms, () => finish());
      const finish = (): void => {
        cancel();
        signal?.removeEventListener("abort", finish);
        resolve();
      };
      signal?.addEventListener("abort", finish, { once: true });
    });
  }

  /** Transactions live as long as the machine; whatever is left of them after a power loss is of another boot. */
  #chunks(): Ports["chunks"] {
    const { chunks } = this.#machine;
    const change = (note: string): void => {
      if (this.isDead) throw new Gone();
      this.#loop.note(note);
    };
    return {
      open: (directory) => {
        const environment = chunks.open(directory);
        return {
          ...environment,
          write: (removed, put) => {
            change(`transaction ${removed.length} ${put.length}`);
            if (this.chunkFaults > 0) {
              this.chunkFaults--;
              throw systemError("ENOSPC", "write", directory);
            }
            environment.write(removed, put);
          },
        };
      },
      remove: (directory) => {
        change(`remove ${directory}`);
        chunks.remove(directory);
      },
    };
  }

  /** Called before everything that changes the disk; `halfWay` is what an error may leave behind. Returns whether a sync has to fail. */
  #change(isSync: boolean, path: string, halfWay: () => void = () => undefined): boolean {
    if (this.isDead) throw new Gone();
    const fault = this.diskFault;
    if (fault === null || fault.path?.test(path) === false || fault.after-- > 0) return false;
    if ((fault.kind === "EIO" && !isSync) || (fault.kind === "ENOSPC" && isSync)) return false;
    this.diskFault = null;
    this.faultsSuffered++;
    switch (fault.kind) {
      case "kill":
        halfWay();
        this.kill();
        throw new Gone();
      case "EIO":
        return true;
      case "ENOSPC":
        halfWay();
        throw systemError("ENOSPC", "write", path);
    }
  }

  #append(path: string, inode: Inode, bytes: Uint8Array): void {
    this.#change(false, path, () => this.#disk.append(path, inode, bytes.slice(0, bytes.length >> 1)));
    this.#loop.note(bytes.slice());
    this.#disk.append(path, inode, bytes);
  }

  #sync(path: string, inode: Inode): void {
    if (this.#change(true, path)) throw this.#disk.failSync(inode, path);
    this.#disk.sync(path, inode);
  }

  #create(path: string): Inode {
    this.#change(false, path);
    return this.#disk.create(path, this.#loop.nowMs);
  }

  #makeDirectory(path: string): void {
    if (this.#disk.stat(path) === undefined) this.#change(false, path);
    this.#disk.makeDirectory(path);
  }

  #remove(path: string): void {
    if (this.#disk.stat(path) === undefined) return;
    this.#change(false, path);
    this.#disk.remove(path);
  }

  #syncDirectory(path: string): void {
    if (this.#change(true, path)) throw this.#disk.failSyncDirectory(path);
    this.#disk.syncDirectory(path);
  }

  /** `enter` is called before every synchronous call: it throws when the thread is gone. */
  #files(enter: () => void): FileSystem {
    const disk = this.#disk;
    const call = <T>(operation: string, path: string, work: () => T): Promise<T> => this.#loop.request(this, `${operation} ${path}`, work);
    const blocking = <T>(operation: string, path: string, work: () => T): T => {
      enter();
      if (this.isDead) throw new Gone();
      this.#loop.note(`${operation} ${path}`);
      return work();
    };
    const open = (path: string, inode: Inode): SyncFile => ({
      read: (into, position) => {
        const part = inode.cached.subarray(position, position + into.length);
        into.set(part);
        if (this.spillFaults > 0 && path.includes("/spill-")) {
          this.spillFaults--;
          into[part.length >> 1]! ^= 4;
        }
        return part.length;
      },
      append: (bytes) => blocking("write", path, () => this.#append(path, inode, bytes)),
      write: (bytes, position) =>
        blocking("write", path, () => {
          this.#change(false, path, () => this.#disk.overwrite(inode, bytes.slice(0, bytes.length >> 1), position));
          this.#disk.overwrite(inode, bytes.slice(), position);
        }),
      sync: () => blocking("fdatasync", path, () => this.#sync(path, inode)),
      sizeBytes: () => inode.cached.length,
      close: () => undefined,
    });
    const createNew = async (path: string): Promise<NewFile> => {
      const inode = await call("open", path, () => this.#create(path));
      return {
        write: async (bytes) => {
          await call("write", path, () => this.#append(path, inode, bytes));
          await call("fdatasync", path, () => this.#sync(path, inode));
        },
        close: () => undefined,
      };
    };
    const syncDirectory = (path: string): Promise<void> => call("fsync", path, () => this.#syncDirectory(path));
    return {
      readFile: (path) => call("readFile", path, () => disk.read(path)),
      stat: (path) => call<FileStat | undefined>("stat", path, () => disk.stat(path)),
      list: (path) => call("list", path, () => disk.list(path)),
      makeDirectory: (path) => call("mkdir", path, () => this.#makeDirectory(path)),
      createNew,
      writeNew: async (path, bytes) => (await createNew(path)).write(bytes),
      link: (from, to) =>
        call("link", to, () => {
          this.#change(false, to);
          disk.link(from, to);
        }),
      rename: (from, to) =>
        call("rename", to, () => {
          this.#change(false, to);
          disk.remove(to);
          disk.link(from, to);
          disk.remove(from);
        }),
      remove: (path) => call("remove", path, () => this.#remove(path)),
      syncDirectory,
      openDirectory: async (path) => ({ sync: () => syncDirectory(path), close: () => undefined }),
      lockDirectory: (path) => call("lock", path, () => this.#machine.lock(this, `${this.#host} ${path}`)),
      openReadSync: (path) => blocking("open", path, () => open(path, disk.open(path))),
      createSync: (path) => blocking("create", path, () => open(path, this.#create(path))),
      makeDirectorySync: (path) => blocking("mkdir", path, () => this.#makeDirectory(path)),
      removeSync: (path) => blocking("remove", path, () => this.#remove(path)),
      syncDirectorySync: (path) => blocking("fsync", path, () => this.#syncDirectory(path)),
    };
  }
}

/** What outlives processes: disk, time, locks. */
export class Machine {
  readonly disk: Disk;
  readonly loop: EventLoop;
  readonly chunks = new MemoryChunks();
  readonly #dice: Dice;
  readonly #locks = new Map<string, Process>();

  constructor(disk: Disk, loop: EventLoop, dice: Dice) {
    this.disk = disk;
    this.loop = loop;
    this.#dice = dice;
  }

  start(host: string): Process {
    return new Process(this, host, this.#dice);
  }

  lock(process: Process, name: string): DirectoryLock | null {
    if (this.#locks.has(name)) return null;
    this.#locks.set(name, process);
    const owner = { pid: 1, bootId: `boot ${this.disk.boots}`, startedMs: this.loop.nowMs };
    return { owner, release: async () => void (this.#locks.get(name) === process && this.#locks.delete(name)) };
  }

  releaseLocks(process: Process): void {
    for (const [name, holder] of this.#locks) if (holder === process) this.#locks.delete(name);
  }
}
