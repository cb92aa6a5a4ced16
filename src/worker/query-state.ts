/**
 * All keyed state of a query in one worker: a store per stateful operator, and the files they are written to and read from. On the
 * worker's thread.
 */
import { CheckpointError, MillraceError } from "../base/errors.ts";
import type { Ports } from "../base/ports.ts";
import type { ChangeFile, StateStart } from "../coordinator/batch-runner.ts";
import type { Kernels } from "../kernels/load.ts";
import type { PhysicalProgram } from "../plan/physical/program.ts";
import type { BatchParameters, ChangesReply, CheckpointTarget, StateReply } from "../protocol/messages.ts";
import type { PaneWindows } from "./pane-windows.ts";
import { restoreStateFile, StateBuffer, type StateFileHeader, StateFileWriter } from "../state/state-file.ts";
import { snapshotIsDue, StateStore } from "../state/state-store.ts";

/** Where `checkpoint/checkpoint.ts` looks for them. */
const DIRECTORIES = { changes: "state/changes", snapshot: "state/snapshots" } as const;

/** Rows of a bucket that are looked at one by one; more would make a batch longer the more state there is. */
const EVICT_ROWS_MAX = 1024;

export class QueryState {
  readonly #checkpoint: CheckpointTarget;
  readonly #ports: Ports;
  readonly #workerIndex: number;
  readonly #stores: ReadonlyMap<number, StateStore>;
  /** By aggregate, for those that keep panes. */
  readonly #panes: readonly (PaneWindows | null)[];
  readonly #buffer: StateBuffer;
  readonly #directories = new Set<string>();
  #batch: BatchParameters | null = null;
  #changeBytes = 0;
  #changedBatches = 0;

  constructor(
    kernels: Kernels,
    program: PhysicalProgram,
    checkpoint: CheckpointTarget,
    ports: Ports,
    workerIndex: number,
    workerCount: number,
    panes: readonly (PaneWindows | null)[],
  ) {
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
  }

  /** Address that generated code and scan kernels take. */
  storeAddress(aggregate: number): number {
    return this.#stores.get(aggregate)!.handle;
  }

  begin(epoch: number): void {
    for (const [aggregate, store] of this.#stores) {
      store.begin(epoch);
      this.#panes[aggregate]?.begin(store.handle);
    }
  }

  /** Evicts what the watermark has passed and returns the numbers of the batch. */
  evict(kernels: Kernels, aggregate: number, isWatermarked: boolean, updatesMs: number): StateReply {
    const store = this.#stores.get(aggregate)!;
    const windows = this.#panes[aggregate]?.count(store.handle);
    if (isWatermarked) kernels.exports["store_evict"]!(store.handle);
    const { rows, updatedRows, removedRows, lateGroups, memoryBytes } = { ...store.metrics(), ...windows };
    return {
      rowsTotal: rows,
      rowsUpdated: updatedRows,
      rowsRemoved: removedRows,
      rowsDroppedByWatermark: lateGroups,
      memoryBytes,
      updatesMs,
      removalsMs: 0,
      customMetrics: {},
    };
  }

  /** Writes what the batch did to one durable file; no file if it did nothing. */
  writeChanges(batch: BatchParameters): ChangesReply {
    this.#batch = batch;
    const { clock } = this.#ports;
    const started = clock.monotonicMs();
    const isChanged = [...this.#stores.values()].some((store) => {
      const { updatedRows, removedRows } = store.metrics();
      return updatedRows > 0 || removedRows > 0;
    });
    if (!isChanged) return { files: [], commitMs: clock.monotonicMs() - started };
    const { batchId, attempt, epoch } = batch.attempt;
    const file = this.#write("changes", { batchId, attempt, epoch }, (store, writer) => store.writeChanges(writer, batchId));
    this.#changeBytes += file.lengthBytes;
    this.#changedBatches++;
    return { files: [file], commitMs: clock.monotonicMs() - started };
  }

  commit(): void {
    for (const [aggregate, store] of this.#stores) {
      store.commit();
      this.#panes[aggregate]?.commit();
    }
  }

  abort(): void {
    for (const store of this.#stores.values()) store.abort();
  }

  /** Loads the newest snapshot and redoes the change files after it, this worker's partitions only. */
  restore({ snapshot, changes }: StateStart): void {
    for (const file of snapshot?.files ?? []) this.#read("snapshot", file, snapshot!.batchId);
    if (snapshot) for (const store of this.#stores.values()) store.endSnapshot(snapshot.files[0]?.path ?? this.#checkpoint.path);
    for (const { batchId, files } of changes) {
      for (const file of files) this.#read("changes", file, batchId);
      this.#changeBytes += files.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
      this.#changedBatches += files.length > 0 ? 1 : 0;
    }
  }

  /** Whether this worker's log since the last snapshot is long enough for a new one. */
  get isSnapshotDue(): boolean {
    const stateBytes = [...this.#stores.values()].reduce((sum, store) => sum + store.metrics().memoryBytes, 0);
    return snapshotIsDue({ changeBytes: this.#changeBytes, changedBatches: this.#changedBatches, stateBytes });
  }

  snapshot(batchId: number): readonly ChangeFile[] {
    const { attempt, epoch } = this.#batch?.attempt ?? { attempt: this.#ports.random.uuid(), epoch: 0 };
    const file = this.#write("snapshot", { batchId, attempt, epoch }, (store, writer) => store.writeSnapshot(writer, batchId));
    this.#changeBytes = 0;
    this.#changedBatches = 0;
    return [file];
  }

  #write(
    kind: StateFileHeader["kind"],
    { batchId, attempt, epoch }: Pick<StateFileHeader, "batchId" | "attempt" | "epoch">,
    write: (store: StateStore, writer: StateFileWriter) => void,
  ): ChangeFile {
    const directory = `${this.#checkpoint.path}/${DIRECTORIES[kind]}`;
    const path = `${DIRECTORIES[kind]}/${batchId}-${this.#workerIndex}-${attempt}`;
    const header: StateFileHeader = { kind, queryId: this.#checkpoint.queryId, epoch, batchId, attempt };
    try {
      this.#makeDirectory(directory);
      const { lengthBytes, fileCrc32c } = this.#writeFile(`${this.#checkpoint.path}/${path}`, header, write);
      this.#ports.files.syncDirectorySync(directory);
      return { path, lengthBytes, crc32c: fileCrc32c };
    } catch (cause) {
      if (cause instanceof MillraceError) throw cause;
      throw new CheckpointError("CHECKPOINT_WRITE_FAILED", { path, reason: (cause as Error).message }, { cause });
    }
  }

  #makeDirectory(directory: string): void {
    if (this.#directories.has(directory)) return;
    const { files } = this.#ports;
    files.makeDirectorySync(directory);
    files.syncDirectorySync(`${this.#checkpoint.path}/state`);
    files.syncDirectorySync(this.#checkpoint.path);
    this.#directories.add(directory);
  }

  #writeFile(path: string, header: StateFileHeader, write: (store: StateStore, writer: StateFileWriter) => void) {
    const file = this.#ports.files.createSync(path);
    try {
      const writer = new StateFileWriter(this.#buffer, file, header);
      for (const store of this.#stores.values()) write(store, writer);
      return writer.finish();
    } finally {
      file.close();
    }
  }

  #read(kind: StateFileHeader["kind"], { path }: ChangeFile, batchId: number): void {
    const absolute = `${this.#checkpoint.path}/${path}`;
    const file = this.#ports.files.openReadSync(absolute);
    const byOperator = new Map([...this.#stores.values()].map((store) => [store.operatorId, store]));
    try {
      restoreStateFile(this.#buffer, file, { path: absolute, kind, queryId: this.#checkpoint.queryId, batchId }, byOperator);
    } finally {
      file.close();
    }
  }
}
