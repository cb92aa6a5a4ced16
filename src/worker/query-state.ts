/**
 * All keyed state of a query in one worker: a store per stateful operator, and the files they are written to and read from. On the
 * worker's thread.
 */
import { CheckpointError, MillraceError } from "../base/errors.ts";
import type { Ports, SyncFile } from "../base/ports.ts";
import type { BatchAttempt } from "../connectors/sink.ts";
import type { ChangeFile, StateStart } from "../coordinator/batch-runner.ts";
import type { Kernels } from "../kernels/load.ts";
import type { PhysicalProgram } from "../plan/physical/program.ts";
import type { BatchParameters, CheckpointTarget, StateReply, StateSize } from "../protocol/messages.ts";
import type { PaneWindows } from "./pane-windows.ts";
import { loadChunks } from "../state/chunk-loader.ts";
import { ColdChunks } from "../state/cold-chunks.ts";
import { ChunkStager, type PassBegin, type StagedSlice } from "../state/chunk-stager.ts";
import { CHUNKS_DIRECTORY } from "../state/chunk-writer.ts";
import { migratingTargets } from "../state/frame-migration.ts";
import { type FrameTarget, restoreStateFile, StateBuffer, type StateFileHeader, StateFileWriter } from "../state/state-file.ts";
import { queueOf, StateStore } from "../state/state-store.ts";
import { StateMemory } from "./state-memory.ts";
import { explained } from "./write-failure.ts";

/** Where `checkpoint/checkpoint.ts` looks for them. */
const CHANGES_DIRECTORY = "state/changes";

/** Rows of a bucket that are looked at one by one; more would make a batch longer the more state there is. */
const EVICT_ROWS_MAX = 1024;

/** Changes that a restart redoes together, at most, and what part of the memory for state they may take. */
const REDO_BYTES_MAX = 32 << 20;
const REDO_PART = 1 / 8;
/** With what leads to their rows they take less than so many times their bytes. */
const REDO_GROWTH = 2;

export class QueryState {
  readonly #kernels: Kernels;
  readonly #checkpoint: CheckpointTarget;
  readonly #ports: Ports;
  readonly #workerIndex: number;
  readonly #stores: ReadonlyMap<number, StateStore>;
  /** By aggregate, for those that keep panes. */
  readonly #panes: readonly (PaneWindows | null)[];
  readonly #buffer: StateBuffer;
  readonly #stager: ChunkStager;
  readonly #memory: StateMemory;
  readonly #cold: ColdChunks;
  #hasDirectory = false;
  /** A stage of the running batch may have changed rows. */
  #isTouched = false;
  /** Of the batch. */
  #changeBytes = 0;
  /** Writing and syncing its change file. */
  #commitMs = 0;
  /** Its change file, from when it is created until it is durable. */
  #changeFile: { readonly file: SyncFile; readonly path: string } | null = null;

  constructor(
    kernels: Kernels,
    program: PhysicalProgram,
    checkpoint: CheckpointTarget,
    ports: Ports,
    workerIndex: number,
    workerCount: number,
    panes: readonly (PaneWindows | null)[],
  ) {
    this.#kernels = kernels;
    this.#panes = panes;
    this.#checkpoint = checkpoint;
    this.#ports = ports;
    this.#workerIndex = workerIndex;
    this.#buffer = new StateBuffer(kernels);
    this.#stores = new Map(
      program.operators.flatMap(({ kind, index, layout, state }) => {
        if (!state) return [];
        const partitionCount = program.partitions;
        const { operatorId, watermarked } = state;
        return [
          [
            index,
            new StateStore(kernels, {
              operatorId,
              layout,
              partitionCount,
              workerIndex,
              workerCount,
              dropsLateRows: kind === "aggregate" && watermarked,
              ...(kind !== "aggregate" && { evictRowsMax: EVICT_ROWS_MAX }),
            }),
          ] as const,
        ];
      }),
    );
    this.#stager = new ChunkStager(kernels, [...this.#stores.values()]);
    this.#memory = new StateMemory(kernels, checkpoint.memoryLimitBytes, workerCount);
    this.#cold = new ColdChunks(kernels, ports, checkpoint.path, this.#stores.values());
  }

  /** Address that generated code and scan kernels take. */
  storeAddress(aggregate: number): number {
    return this.#stores.get(aggregate)!.handle;
  }

  memoryBytes(aggregate: number): number {
    return this.#stores.get(aggregate)!.metrics().memoryBytes;
  }

  /** `epoch`: of the batch's marks in tables. */
  begin({ attempt }: BatchParameters, epoch: number): void {
    this.#changeBytes = 0;
    this.#commitMs = 0;
    for (const [aggregate, store] of this.#stores) {
      store.begin(epoch);
      this.#panes[aggregate]?.begin(store.handle);
    }
    if (this.#changeFile?.path !== this.#changesPath(attempt)) this.#closeChangeFile();
  }

  /** From now on, up to the end of the batch, chunks hold what may be undone. */
  touch(): void {
    this.#isTouched = true;
  }

  /** Chunks that may come into memory between two calls of `reclaim`. */
  get chunksMax(): number {
    return this.#memory.chunksMax;
  }

  /**
   * To be called before the rows of a stage change the state; `bytes`: of these rows. True: not all of it may find room in memory, so rows come in
   * the order of the chunks, with `reclaim` after every few.
   */
  beginUpdates(bytes: number): boolean {
    this.#memory.adapt();
    return this.#isPartlyCold() || this.#memory.isTightFor(bytes);
  }

  /** Until `evict` the state is only read. True: chunks may leave memory with each call that reads it. */
  endUpdates(): boolean {
    this.reclaim();
    this.#cold.setReadOnly(true);
    return this.#isPartlyCold();
  }

  #isPartlyCold(): boolean {
    return [...this.#stores.values()].some((store) => store.chunkCounts().coldChunks > 0);
  }

  /** Lets chunks leave memory that have no room in it; nobody may hold the address of a row. */
  reclaim(): void {
    this.#memory.reclaim();
  }

  /** Evicts what the watermark has passed and returns the numbers of the batch. */
  evict(kernels: Kernels, aggregate: number, isWatermarked: boolean, updatesMs: number): StateReply {
    const store = this.#stores.get(aggregate)!;
    const windows = this.#panes[aggregate]?.count(store.handle);
    this.#cold.setReadOnly(false);
    if (isWatermarked) kernels.exports["store_evict"]!(store.handle);
    this.reclaim();
    const { rows, updatedRows, removedRows, lateGroups, memoryBytes, chunksInMemory, coldChunks, loadedChunks } = {
      ...store.metrics(),
      ...windows,
    };
    return {
      rowsTotal: rows,
      rowsUpdated: updatedRows,
      rowsRemoved: removedRows,
      rowsDroppedByWatermark: lateGroups,
      memoryBytes,
      updatesMs,
      removalsMs: 0,
      customMetrics: { numChunksInMemory: chunksInMemory, numChunksOnDisk: coldChunks, numChunksLoaded: loadedChunks },
    };
  }

  /** Writes what the batch did to one file, which `sync` makes durable; no file if it did nothing. */
  writeChanges(batch: BatchParameters): readonly ChangeFile[] {
    const isChanged = [...this.#stores.values()].some((store) => {
      const { updatedRows, removedRows } = store.metrics();
      return updatedRows > 0 || removedRows > 0;
    });
    if (!isChanged) {
      this.#removeChangeFile();
      return [];
    }
    this.#cold.setReadOnly(true);
    const file = this.#timed(() => this.#write(batch.attempt));
    this.reclaim();
    this.#changeBytes = file.lengthBytes;
    return [file];
  }

  /** Makes the change file of the batch durable. Returns the milliseconds that writing and syncing it took. */
  sync(): number {
    const changes = this.#changeFile;
    if (changes) {
      this.#timed(() =>
        explained(changes.path, () => {
          changes.file.sync();
          this.#ports.files.syncDirectorySync(`${this.#checkpoint.path}/${CHANGES_DIRECTORY}`);
        }),
      );
      this.#closeChangeFile();
    }
    return this.#commitMs;
  }

  /** `next`: the next attempt, as far as anybody knows. */
  commit(next: BatchAttempt): StateSize {
    this.#cold.setReadOnly(false);
    for (const [aggregate, store] of this.#stores) {
      store.commit();
      this.#panes[aggregate]?.commit();
    }
    this.#isTouched = false;
    this.#tryCreateChangeFile(next);
    const stateBytes = [...this.#stores.values()].reduce((sum, store) => {
      const { memoryBytes, coldBytes } = store.metrics();
      return sum + memoryBytes + coldBytes;
    }, 0);
    return { stateBytes, changeBytes: this.#changeBytes };
  }

  abort(): void {
    this.#cold.setReadOnly(false);
    this.#closeChangeFile();
    for (const store of this.#stores.values()) store.abort();
    this.#isTouched = false;
  }

  /** Copies changed chunks into `buffer`, for `forMs` and half a millisecond at most; null while they hold what may be undone. */
  stage(buffer: Uint8Array, begins: PassBegin, forMs: number): (StagedSlice & { readonly elapsedMs: number }) | null {
    if (this.#isTouched) return null;
    const { clock } = this.#ports;
    const startedMs = clock.monotonicMs();
    this.#cold.setReadOnly(true);
    const slice = this.#stager.slice(buffer, begins, () => clock.monotonicMs() - startedMs > forMs);
    this.reclaim();
    this.#cold.setReadOnly(false);
    return { ...slice, elapsedMs: clock.monotonicMs() - startedMs };
  }

  /** Gives back what is not memory. */
  close(): void {
    try {
      this.#removeChangeFile();
    } catch {
      // No record lists it, so the next start sweeps it.
    }
    this.#cold.close();
  }

  /**
   * Loads the chunk store or, if `chunksBatch` is null, the newest snapshot, and redoes the change files after it; this worker's partitions
   * only. Throws `STATE_CHUNK_STORE_DAMAGED` among others; the state is then unusable.
   */
  restore({ snapshot, changes }: StateStart, chunksBatch: number | null): void {
    const queues = new Map([...this.#stores.values()].map((store) => [store.operatorId, queueOf(store)]));
    const targets = migratingTargets(this.#kernels, this.#checkpoint.schemas, queues);
    const read = (kind: StateFileHeader["kind"], file: ChangeFile, batchId: number): void => this.#read(kind, file, batchId, targets);
    if (chunksBatch !== null) this.#loadChunks(chunksBatch);
    else if (snapshot) {
      for (const file of snapshot.files) read("snapshot", file, snapshot.batchId);
      for (const store of this.#stores.values()) store.endLoading();
    }
    const later = changes.filter(({ batchId }) => chunksBatch === null || batchId > chunksBatch);
    const bytes = later.reduce((sum, { files }) => sum + files.reduce((total, { lengthBytes }) => total + lengthBytes, 0), 0);
    const queueBytes = Math.min(REDO_GROWTH * bytes, REDO_BYTES_MAX, this.#memory.stateBytesMax * REDO_PART) / this.#stores.size;
    for (const store of this.#stores.values()) store.beginRedo(queueBytes);
    for (const { batchId, files } of later) for (const file of files) read("changes", file, batchId);
    for (const store of this.#stores.values()) store.endRedo();
    this.reclaim();
  }

  #loadChunks(chunksBatch: number): void {
    const path = `${this.#checkpoint.path}/${CHUNKS_DIRECTORY}`;
    const environment = this.#ports.chunks.open(path);
    this.#cold.useChunkStore(environment);
    try {
      // So that the first batch need not begin with making room.
      const bytesMax = (this.#memory.stateBytesMax * 7) / 8;
      loadChunks(this.#kernels, environment, path, this.#stores.values(), (name) => this.#stager.loaded(name), chunksBatch, bytesMax);
      environment.refresh();
    } catch (cause) {
      if (cause instanceof MillraceError) throw cause;
      throw new CheckpointError("STATE_CHUNK_STORE_DAMAGED", { path, reason: (cause as Error).message }, { cause });
    }
    for (const store of this.#stores.values()) store.endLoading();
  }

  #write(attempt: BatchAttempt): ChangeFile {
    const schema = this.#checkpoint.schemas.at(-1)!.schema;
    const header: StateFileHeader = {
      kind: "changes",
      queryId: this.#checkpoint.queryId,
      ...attempt,
      ...(schema > 0 && { schema }),
    };
    const { file, path } = this.#changeFile ?? this.#createChangeFile(attempt);
    return explained(path, () => {
      const writer = new StateFileWriter(this.#buffer, file, header);
      for (const store of this.#stores.values()) store.writeChanges(writer, attempt.batchId);
      const { lengthBytes, fileCrc32c } = writer.finish();
      return { path, lengthBytes, crc32c: fileCrc32c };
    });
  }

  #changesPath({ batchId, attempt }: BatchAttempt): string {
    return `${CHANGES_DIRECTORY}/${batchId}-${this.#workerIndex}-${attempt}`;
  }

  /** While the disk has nothing else to do: beside the batch the new name would wait for what is made durable then. */
  #tryCreateChangeFile(next: BatchAttempt): void {
    try {
      this.#createChangeFile(next);
    } catch {
      // Whoever needs the file tries again, and says what is wrong.
    }
  }

  #createChangeFile(attempt: BatchAttempt): { readonly file: SyncFile; readonly path: string } {
    const path = this.#changesPath(attempt);
    return explained(path, () => {
      this.#makeDirectory(`${this.#checkpoint.path}/${CHANGES_DIRECTORY}`);
      return (this.#changeFile = { file: this.#ports.files.createSync(`${this.#checkpoint.path}/${path}`), path });
    });
  }

  #removeChangeFile(): void {
    const changes = this.#changeFile;
    this.#closeChangeFile();
    if (changes) explained(changes.path, () => this.#ports.files.removeSync(`${this.#checkpoint.path}/${changes.path}`));
  }

  #timed<T>(work: () => T): T {
    const { clock } = this.#ports;
    const startMs = clock.monotonicMs();
    const result = work();
    this.#commitMs += clock.monotonicMs() - startMs;
    return result;
  }

  #closeChangeFile(): void {
    this.#changeFile?.file.close();
    this.#changeFile = null;
  }

  #makeDirectory(directory: string): void {
    if (this.#hasDirectory) return;
    const { files } = this.#ports;
    files.makeDirectorySync(directory);
    files.syncDirectorySync(`${this.#checkpoint.path}/state`);
    files.syncDirectorySync(this.#checkpoint.path);
    this.#hasDirectory = true;
  }

  #read(kind: StateFileHeader["kind"], { path }: ChangeFile, batchId: number, targets: ReadonlyMap<number, FrameTarget>): void {
    const absolute = `${this.#checkpoint.path}/${path}`;
    const file = this.#ports.files.openReadSync(absolute);
    const { queryId } = this.#checkpoint;
    const schemas = this.#checkpoint.schemas.map(({ schema }) => schema);
    try {
      restoreStateFile(this.#buffer, file, { path: absolute, kind, queryId, batchId, schemas }, targets);
      this.reclaim();
    } finally {
      file.close();
    }
  }
}
