/**
 * Workers with the state of an operator that has several column families, and the ways in which they come back after their death. Rows are written and
 * read one at a time: slow and plain, with nothing but the kernels of the state store's contract.
 */
import { EVICT_WATERMARK, LATE_WATERMARK, TABLE_INSERTED } from "../../src/columnar/memory-layout.ts";
import type { RowLayout } from "../../src/columnar/row-layout.ts";
import type { Kernels } from "../../src/kernels/load.ts";
import { loadChunks } from "../../src/state/chunk-loader.ts";
import { ChunkStager } from "../../src/state/chunk-stager.ts";
import { ChunkWriter } from "../../src/state/chunk-writer.ts";
import { ColdChunks } from "../../src/state/cold-chunks.ts";
import type { StateKernels } from "../../src/state/state-contract.ts";
import { restoreStateFile, StateBuffer, type StateFileHeader, StateFileWriter } from "../../src/state/state-file.ts";
import { StateStore } from "../../src/state/state-store.ts";
import { MemoryChunks } from "../support/memory-chunks.ts";
import { MemoryFileSystem } from "../support/memory-file-system.ts";
import { testPorts } from "../support/test-ports.ts";
import { keyText, newKernels, RowCodec, testHash, type TestRow } from "./row-codec.ts";
import { header, MemoryFile, NO_WATERMARK } from "./store-harness.ts";

export interface FamilySpec {
  readonly operatorId: number;
  readonly layout: RowLayout;
  /** What decides the partition: rows of equal groups are together. */
  readonly group: (keys: TestRow) => TestRow;
}

export interface StateRow {
  readonly keys: TestRow;
  readonly values: TestRow;
}

export type RestartFrom = "changes" | "snapshot" | "chunks";

interface Setup {
  readonly partitionCount: number;
  readonly families: readonly FamilySpec[];
  /** Memory for chunks of one worker; not set: all there is. */
  readonly memoryBytes?: number;
}

/** 31 bits with the group's remainder: all rows of a group are of one partition, and spread over its chunks. */
function rowHash(partition: number, keys: TestRow, partitionCount: number): number {
  return partition + partitionCount * (testHash(keys) % Math.floor(2 ** 31 / partitionCount));
}

interface Member {
  readonly store: StateStore;
  readonly codec: RowCodec;
}

class Worker {
  readonly kernels: Kernels = newKernels();
  readonly members: ReadonlyMap<number, Member>;
  readonly stager: ChunkStager;
  readonly cold: ColdChunks;
  readonly buffer: StateBuffer;

  constructor({ families, partitionCount, memoryBytes }: Setup, ports: Ports, workerIndex: number, workerCount: number) {
    this.members = new Map(
      families.map(({ operatorId, layout, group }) => {
        const hash = (keys: TestRow): number => rowHash(testHash(group(keys)) % partitionCount, keys, partitionCount);
        const options = { operatorId, layout, partitionCount, workerIndex, workerCount, dropsLateRows: false };
        const codec = new RowCodec(this.kernels, layout, hash, 100_000);
        return [operatorId, { codec, store: new StateStore(this.kernels, options) }];
      }),
    );
    const stores = [...this.members.values()].map(({ store }) => store);
    this.buffer = new StateBuffer(this.kernels);
    this.stager = new ChunkStager(this.kernels, stores);
    this.cold = new ColdChunks(this.kernels, ports, "/checkpoint", stores);
    if (memoryBytes !== undefined) this.call("state_set_limit", memoryBytes);
    this.kernels.view().setBigInt64(LATE_WATERMARK, NO_WATERMARK, true);
  }

  call<Name extends keyof StateKernels>(name: Name, ...args: Parameters<StateKernels[Name]>): ReturnType<StateKernels[Name]> {
    return this.kernels.exports[name]!(...args) as ReturnType<StateKernels[Name]>;
  }

  stores(): StateStore[] {
    return [...this.members.values()].map(({ store }) => store);
  }
}

type Ports = ReturnType<typeof testPorts>;

let epochs = 0;

export class StateWorkers {
  readonly #setup: Setup;
  readonly #ports: Ports;
  #workers: readonly Worker[];
  #writer: ChunkWriter;
  /** The newest snapshot, and all change files: one per worker and batch. */
  #snapshot: { readonly batchId: number; readonly bytes: Uint8Array } | null = null;
  readonly #changes: { readonly batchId: number; readonly bytes: Uint8Array }[] = [];
  batchId = -1;

  constructor(setup: Setup, workerCount = 1) {
    this.#setup = setup;
    this.#ports = { ...testPorts(new MemoryFileSystem()), chunks: new MemoryChunks() };
    this.#workers = this.#newWorkers(workerCount);
    this.#writer = this.#newWriter();
  }

  family(operatorId: number): Family {
    const spec = this.#setup.families.find((family) => family.operatorId === operatorId)!;
    return new Family(spec, this.#setup.partitionCount, () => this.#workers);
  }

  /** Runs a batch; what it changed is in change files before it is committed. `probe` sees the state before that. */
  batch(work: () => void, how: "commit" | "abort" = "commit", probe: () => void = () => undefined): void {
    const epoch = ++epochs;
    for (const worker of this.#workers) for (const store of worker.stores()) store.begin(epoch);
    work();
    probe();
    const files = this.#workers.map((worker) => this.#write(worker, this.batchId + 1));
    for (const worker of this.#workers) {
      for (const store of worker.stores()) store[how]();
      worker.kernels.exports["arena_reset"]!(1);
    }
    if (how === "abort") return;
    this.batchId++;
    this.#changes.push(...files.map((bytes) => ({ batchId: this.batchId, bytes })));
  }

  /** Copies changed chunks to the chunk store, and all of them to a snapshot. */
  save(sliceBytes = 100_000): void {
    const retired = this.#workers.flatMap((worker) => {
      const buffer = new Uint8Array(sliceBytes);
      for (let begins: "changed" | "no" = "changed"; ; begins = "no") {
        const slice = worker.stager.slice(buffer, begins, () => false);
        this.#writer.write([{ chunks: slice.chunks, removed: slice.removed, buffer, batchId: this.batchId }], this.batchId);
        if (slice.isDone) return slice.retired;
      }
    });
    this.#writer.endPass(this.batchId, retired);
    const file = new MemoryFile();
    this.#writer.snapshot(file, header("snapshot", this.batchId));
    this.#snapshot = { batchId: this.batchId, bytes: file.bytes };
  }

  /** All memory is lost; `workerCount` workers begin with what is durable, as of batch `upTo`. */
  restart(from: RestartFrom, workerCount = this.#workers.length, upTo = this.batchId): void {
    for (const worker of this.#workers) worker.cold.close();
    this.#workers = this.#newWorkers(workerCount);
    if (this.#snapshot !== null && this.#snapshot.batchId > upTo) this.#snapshot = null;
    // What the new workers have not loaded from the chunk store they know nothing of.
    if (from !== "chunks") this.#writer.discard();
    this.#writer = this.#newWriter();
    const loaded = from === "chunks" ? this.#loadChunks(upTo) : from === "snapshot" ? this.#loadSnapshot() : null;
    for (const { batchId, bytes } of this.#changes) {
      if (batchId > upTo || (loaded !== null && batchId <= loaded)) continue;
      for (const worker of this.#workers) restore(worker, "changes", batchId, bytes);
    }
    if (upTo === this.batchId) return;
    this.batchId = upTo;
    this.#changes.splice(0, Infinity, ...this.#changes.filter(({ batchId }) => batchId <= upTo));
  }

  #newWorkers(count: number): Worker[] {
    return Array.from({ length: count }, (_, index) => new Worker(this.#setup, this.#ports, index, count));
  }

  #newWriter(): ChunkWriter {
    const operators = this.#setup.families.map(({ operatorId, layout }) => ({
      operatorId,
      partitionCount: this.#setup.partitionCount,
      rowBytes: layout.rowBytes,
      widthMicros: layout.bucket?.widthMicros ?? 1n,
    }));
    const target = { path: "/checkpoint", queryId: header("changes", 0).queryId, inode: 1, bootId: "boot", operators, schema: 0 };
    return new ChunkWriter(this.#ports, new StateBuffer(newKernels()), target);
  }

  /** Returns the batch that was loaded, null if nothing was stored. */
  #loadChunks(upTo: number): number | null {
    const batchId = this.#writer.open(upTo, -1);
    if (batchId === null) return null;
    const path = "/checkpoint/state/chunks";
    for (const { kernels, stager, cold, members } of this.#workers) {
      const environment = this.#ports.chunks.open(path);
      cold.useChunkStore(environment);
      const stores = [...members.values()].map(({ store }) => store);
      loadChunks(kernels, environment, path, stores, (name) => stager.loaded(name), batchId, this.#setup.memoryBytes);
      for (const store of stores) store.endLoading();
    }
    this.#writer.loaded();
    return batchId;
  }

  #loadSnapshot(): number | null {
    const snapshot = this.#snapshot;
    if (snapshot === null) return null;
    for (const worker of this.#workers) {
      restore(worker, "snapshot", snapshot.batchId, snapshot.bytes);
      for (const store of worker.stores()) store.endLoading();
    }
    return snapshot.batchId;
  }

  #write({ buffer, members }: Worker, batchId: number): Uint8Array {
    const file = new MemoryFile();
    const writer = new StateFileWriter(buffer, file, header("changes", batchId));
    for (const { store } of members.values()) store.writeChanges(writer, batchId);
    writer.finish();
    return file.bytes;
  }
}

function restore({ buffer, members }: Worker, kind: StateFileHeader["kind"], batchId: number, bytes: Uint8Array): void {
  const expected = { path: `${kind}-${batchId}`, kind, batchId, queryId: header(kind, batchId).queryId };
  restoreStateFile(buffer, new MemoryFile(bytes), expected, new Map([...members].map(([id, { store }]) => [id, store])));
}

/** One column family over all workers: what an operator's code does with it. */
export class Family {
  readonly spec: FamilySpec;
  readonly #partitionCount: number;
  readonly #workers: () => readonly Worker[];

  constructor(spec: FamilySpec, partitionCount: number, workers: () => readonly Worker[]) {
    this.spec = spec;
    this.#partitionCount = partitionCount;
    this.#workers = workers;
  }

  get(keys: TestRow): TestRow | null {
    const { worker, member } = this.#of(keys);
    const row = this.#find(worker, member, keys);
    return row === 0 ? null : member.codec.valuesOf(row, member.codec.base());
  }

  put(keys: TestRow, values: TestRow): void {
    const { worker, member } = this.#of(keys);
    const { codec, store } = member;
    worker.call("state_reclaim");
    let row = inMemory(worker.call("store_upsert", store.handle, codec.write(keys, values), 0));
    if (codec.cell(TABLE_INSERTED) === 1) return;
    this.spec.layout.values.forEach(({ isVariable, offset, nullsOffset, nullBit, physical }, i) => {
      const value = values[i]!;
      const view = worker.kernels.view();
      const nulls = view.getBigUint64(row + nullsOffset, true) & ~(1n << BigInt(nullBit));
      view.setBigUint64(row + nullsOffset, value === null ? nulls | (1n << BigInt(nullBit)) : nulls, true);
      if (isVariable) {
        const { address, length } = codec.writeText((value ?? "") as string);
        row = inMemory(worker.call("store_set_variable", store.handle, row, offset, address, length));
      } else if (physical === "i64") view.setBigInt64(row + offset, (value ?? 0n) as bigint, true);
      else view.setInt32(row + offset, (value ?? 0) as number, true);
    });
  }

  /** Appends to a text of a row that is there. */
  append(keys: TestRow, field: number, text: string): void {
    const { worker, member } = this.#of(keys);
    const { codec, store } = member;
    worker.call("state_reclaim");
    const empty = this.spec.layout.values.map(({ isVariable }) => (isVariable ? "" : 0n));
    const row = inMemory(worker.call("store_upsert", store.handle, codec.write(keys, empty), 0));
    if (codec.cell(TABLE_INSERTED) === 1) throw new Error(`no row ${keyText(keys)} to append to`);
    const { address, length } = codec.writeText(text);
    inMemory(worker.call("store_append_variable", store.handle, row, this.spec.layout.values[field]!.offset, address, length));
  }

  /** Whether the row was there. */
  remove(keys: TestRow): boolean {
    const { worker, member } = this.#of(keys);
    const row = this.#find(worker, member, keys);
    if (row !== 0) inMemory(worker.call("store_remove", member.store.handle, row));
    return row !== 0;
  }

  all(): StateRow[] {
    return this.#scan("store_scan_all");
  }

  dirty(): StateRow[] {
    return this.#scan("store_scan_dirty");
  }

  /** Rows of times in (low, high]. */
  between(low: bigint, high: bigint): StateRow[] {
    return this.#scan("store_scan_between", low, high);
  }

  dirtyBetween(low: bigint, high: bigint): StateRow[] {
    return this.#scan("store_scan_dirty_between", low, high);
  }

  /** Rows of times at or before `watermark`. */
  due(watermark: bigint): StateRow[] {
    this.#setWatermark(watermark);
    return this.#scan("store_scan_evictable");
  }

  hasDue(watermark: bigint): boolean {
    return this.#workers().some((worker) => this.#in(worker).store.hasEvictable(watermark));
  }

  /** Drops them; returns how many. */
  evict(watermark: bigint): number {
    this.#setWatermark(watermark);
    return this.#workers().reduce((sum, worker) => sum + worker.call("store_evict", this.#in(worker).store.handle), 0);
  }

  metrics(): { rows: number; updatedRows: number; removedRows: number } {
    const sum = { rows: 0, updatedRows: 0, removedRows: 0 };
    for (const worker of this.#workers()) {
      const { rows, updatedRows, removedRows } = this.#in(worker).store.metrics();
      sum.rows += rows;
      sum.updatedRows += updatedRows;
      sum.removedRows += removedRows;
    }
    return sum;
  }

  /** `loaded`: of the running batch. */
  chunks(): { total: number; cold: number; loaded: number } {
    const sum = { total: 0, cold: 0, loaded: 0 };
    for (const worker of this.#workers()) {
      const { chunksInMemory, coldChunks, loadedChunks } = this.#in(worker).store.chunkCounts();
      sum.total += chunksInMemory + coldChunks;
      sum.cold += coldChunks;
      sum.loaded += loadedChunks;
    }
    return sum;
  }

  #in(worker: Worker): Member {
    return worker.members.get(this.spec.operatorId)!;
  }

  #of(keys: TestRow): { worker: Worker; member: Member } {
    const partition = testHash(this.spec.group(keys)) % this.#partitionCount;
    const worker = this.#workers()[partition % this.#workers().length]!;
    return { worker, member: this.#in(worker) };
  }

  #find(worker: Worker, { codec, store }: Member, keys: TestRow): number {
    worker.call("state_reclaim");
    return worker.call("store_find", store.handle, codec.write(keys, []), 0);
  }

  #setWatermark(watermark: bigint): void {
    for (const { kernels } of this.#workers()) kernels.view().setBigInt64(EVICT_WATERMARK, watermark, true);
  }

  #scan(scan: keyof StateKernels, ...range: bigint[]): StateRow[] {
    return this.#workers().flatMap((worker) => {
      const { codec, store } = this.#in(worker);
      const read = (row: number, base: number): StateRow => ({ keys: codec.keysOf(row, base), values: codec.valuesOf(row, base) });
      return codec.scan(scan, store.handle, 7, read, ...range);
    });
  }
}

function inMemory(row: number): number {
  if (row === 0) throw new Error("memory is exhausted");
  return row;
}
