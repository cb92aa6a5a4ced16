/**
 * Has the state of a query copied to its chunk store and, now and then, to snapshot files, while batches go on. Workers copy what has changed
 * into buffers right after a commit, a few milliseconds at a time; the pool's writer thread does the rest. Owned by `StageRunner`,
 * main thread; nothing here is awaited by a batch.
 */
import { type ErrorCondition, MillraceError } from "../base/errors.ts";
import type { Ports } from "../base/ports.ts";
import type { PhysicalProgram } from "../plan/physical/program.ts";
import type { CheckpointTarget, ChunkReply, ChunkRequest, Command, QueryNumber, StateSize } from "../protocol/messages.ts";
import type { ChangeFile, StateStart } from "./batch-runner.ts";
import { isWorkerDeath } from "./worker-death.ts";
import type { WorkerPool } from "./worker-pool.ts";

export interface SnapshotSettings {
  /** From the start of one pass to that of the next, at most, while state changes. */
  readonly intervalMs: number;
  /** Little state gets a snapshot file after so many batches that changed it. */
  readonly minDeltas: number;
}

export interface SnapshotFile {
  readonly batchId: number;
  readonly files: readonly ChangeFile[];
}

/** What a worker copies at a time: a sixteenth of its state, within these bounds. */
const SLICE_BYTES_MIN = 16 << 20;
const SLICE_BYTES_MAX = 64 << 20;
/**
 * How long that may take. Where batches are long it is a share of their time, or much state that changes all over would change faster than it is
 * copied: the numbers are in docs/reliability.md.
 */
const SLICE_MS_MIN = 2;
const SLICE_MS_MAX = 25;
const SLICE_BATCH_SHARE = 0.05;
/** State up to this size gets snapshot files by the number of batches instead of bytes. */
const SMALL_STATE_BYTES = 4 << 20;

/** What has been logged, since some moment. */
interface Logged {
  readonly bytes: number;
  /** Batches that changed state. */
  readonly batches: number;
}

/** A pass begins when the redo of what was logged since the last one would take a restart so long. */
const REDO_MS_MAX = 500;
/** Change files that one worker redoes in a millisecond. */
const REDO_BYTES_PER_MS = 250_000;
/** Opening and checking a file. */
const REDO_MS_PER_FILE = 0.1;
/** After a failure of the chunk store, before it is begun anew. */
const RETRY_MS = 10_000;

export class BackgroundSnapshots {
  readonly #pool: WorkerPool;
  readonly #query: QueryNumber;
  readonly #ports: Ports;
  readonly #checkpoint: CheckpointTarget;
  readonly #operators: Extract<Command, { kind: "chunks" }>["target"]["operators"];
  readonly #settings: SnapshotSettings;
  #buffers: readonly Uint8Array[] = [];
  /** The writer thread knows this query. */
  #isOpen = false;
  #pass: Promise<void> | null = null;
  #passStartMs = Number.NEGATIVE_INFINITY;
  #committedMs = Number.POSITIVE_INFINITY;
  #sliceMs = SLICE_MS_MIN;
  #sincePass: Logged = { bytes: 0, batches: 0 };
  #sinceFile: Logged = { bytes: 0, batches: 0 };
  #stateBytes = 0;
  #committedBatch = -1;
  #epoch = 0;
  #isBatchRunning = false;
  /** To be called when the batch that runs has ended. */
  #batchEnded: () => void = () => {};
  #isEnding = false;
  /** The store is empty, or not there: the next pass copies all chunks. */
  #isAnew = false;
  #failures = 0;
  #pauseMs = 0;
  #retryMs = Number.NEGATIVE_INFINITY;
  #file: SnapshotFile | null = null;
  #failure: unknown = null;

  constructor(
    pool: WorkerPool,
    query: QueryNumber,
    program: PhysicalProgram,
    ports: Ports,
    checkpoint: CheckpointTarget,
    settings: SnapshotSettings,
  ) {
    this.#pool = pool;
    this.#query = query;
    this.#ports = ports;
    this.#checkpoint = checkpoint;
    this.#settings = settings;
    this.#operators = program.operators.flatMap(({ layout, state }) =>
      state
        ? [
            {
              operatorId: state.operatorId,
              partitionCount: program.partitions,
              rowBytes: layout.rowBytes,
              widthMicros: layout.bucket?.widthMicros ?? 1n,
            },
          ]
        : [],
    );
    this.#passStartMs = ports.clock.monotonicMs();
  }

  /** The batch that the chunk store can be loaded for, or null: then the snapshot is to be loaded. */
  async open({ committedBatch, snapshot, changes }: StateStart): Promise<number | null> {
    await this.#settle();
    this.#sinceFile = { bytes: bytesOf(changes.flatMap(({ files }) => files)), batches: changes.length };
    this.#sincePass = this.#sinceFile;
    const isThere = (await this.#ports.files.stat(`${this.#checkpoint.path}/state/chunks`)) !== undefined;
    // Workers that load nothing have nothing staged either.
    this.#isAnew = false;
    if (!isThere) return null;
    const { batchId } = await this.#send({ kind: "open", committedBatch, oldestBatch: snapshot?.batchId ?? -1 });
    return batchId;
  }

  async loaded(): Promise<void> {
    await this.#send({ kind: "loaded" });
  }

  /** What was loaded turned out to be damaged. */
  async discard(): Promise<void> {
    await this.#send({ kind: "discard" });
  }

  /** A batch begins: workers copy nothing more until it has ended. */
  begun(): void {
    this.#isBatchRunning = true;
  }

  aborted(): void {
    this.#endBatch();
  }

  #endBatch(): void {
    this.#isBatchRunning = false;
    this.#batchEnded();
  }

  /** A batch is committed and the next has not begun. Starts a pass if one is due; one that waits for this goes on. */
  committed(batchId: number, epoch: number, sizes: readonly StateSize[]): void {
    const bytes = sizes.reduce((sum, size) => sum + size.changeBytes, 0);
    const logged = { bytes, batches: bytes > 0 ? 1 : 0 };
    this.#stateBytes = sizes.reduce((sum, size) => sum + size.stateBytes, 0);
    this.#sincePass = sum(this.#sincePass, logged);
    this.#sinceFile = sum(this.#sinceFile, logged);
    this.#committedBatch = batchId;
    this.#epoch = epoch;
    const nowMs = this.#ports.clock.monotonicMs();
    this.#sliceMs = Math.min(SLICE_MS_MAX, Math.max(SLICE_MS_MIN, SLICE_BATCH_SHARE * (nowMs - this.#committedMs)));
    this.#committedMs = nowMs;
    this.#endBatch();
    if (this.#pass === null && this.#isPassDue(nowMs) && !this.#isEnding) {
      this.#pass = this.#runPass(batchId).finally(() => (this.#pass = null));
    }
  }

  #isPassDue(nowMs: number): boolean {
    const { bytes, batches } = this.#sincePass;
    if (batches === 0 || nowMs < this.#retryMs) return false;
    const redoMs = bytes / (this.#pool.size * REDO_BYTES_PER_MS) + batches * REDO_MS_PER_FILE;
    return redoMs >= REDO_MS_MAX || nowMs - this.#passStartMs >= this.#settings.intervalMs;
  }

  /** Passes of this run that could not be written; change files then stay until one can. */
  get failures(): number {
    return this.#failures;
  }

  /** The longest time since the last call that a worker did nothing but copy chunks. */
  takePauseMs(): number {
    const pauseMs = this.#pauseMs;
    this.#pauseMs = 0;
    return pauseMs;
  }

  /** A snapshot file that has been finished since the last call. Throws what went wrong with one. */
  take(): SnapshotFile | null {
    if (this.#failure !== null) throw this.#failure;
    const file = this.#file;
    this.#file = null;
    return file;
  }

  async stop(): Promise<void> {
    await this.#settle();
    if (this.#isOpen) await this.#send({ kind: "close" }).catch(() => undefined);
  }

  /** Ends the pass that is running, if one is. */
  async #settle(): Promise<void> {
    this.#isEnding = true;
    this.#batchEnded();
    await this.#pass;
    this.#isEnding = false;
  }

  async #runPass(batchId: number): Promise<void> {
    this.#passStartMs = this.#ports.clock.monotonicMs();
    this.#sincePass = { bytes: 0, batches: 0 };
    const before = this.#sinceFile;
    try {
      if (!(await this.#copyChunks(batchId))) return;
      if (!this.#isFileDue(before)) return;
      const { file } = await this.#send({ kind: "snapshot", batchId, epoch: this.#epoch });
      this.#file = { batchId, files: [file!] };
      this.#sinceFile = { bytes: this.#sinceFile.bytes - before.bytes, batches: this.#sinceFile.batches - before.batches };
    } catch (error) {
      // The batch in which a worker died loads the state again. A new writer's thread knows no store, so it begins one.
      this.#isAnew = true;
      if (isWorkerDeath(error)) return;
      await this.#send({ kind: "discard" }).catch(() => undefined);
      if (!isOfChunkStore(error)) this.#failure = error;
      else this.#failed(error as MillraceError);
    }
  }

  #failed({ condition, message }: MillraceError): void {
    this.#retryMs = this.#ports.clock.monotonicMs() + Math.min(RETRY_MS, this.#settings.intervalMs);
    if (this.#failures++ > 0) return;
    const kept = "The query goes on; its change files are kept, and redone at a restart, until the store can be written.";
    process.emitWarning(`${message} ${kept}`, { type: "MillraceWarning", code: condition });
  }

  /** Whether all that had changed up to `batchId` has got into the chunk store. The first slices are asked for at once. */
  async #copyChunks(batchId: number): Promise<boolean> {
    const perWorker = this.#stateBytes / this.#pool.size;
    const most = Math.min(SLICE_BYTES_MAX, Math.max(SLICE_BYTES_MIN, powerOfTwo(perWorker / 16)));
    const size = Math.min(most, Math.max(SLICE_BYTES_LEAST, powerOfTwo(this.#stateBytes)));
    if ((this.#buffers[0]?.length ?? 0) < size) {
      this.#buffers = Array.from({ length: this.#pool.size }, () => new Uint8Array(new SharedArrayBuffer(size)));
    }
    const retired = [];
    const first = this.#isAnew ? "all" : "changed";
    for (let begins: Extract<Command, { kind: "stage" }>["begins"] = first, isDone = false; !isDone; begins = "no") {
      const batchEnds = new Promise<void>((resolve) => (this.#batchEnded = resolve));
      const covered = this.#committedBatch;
      const slices = await this.#pool.each((index) => ({
        kind: "stage",
        query: this.#query,
        buffer: this.#buffers[index]!,
        begins,
        forMs: this.#sliceMs,
      }));
      const staged = slices.flatMap((slice, index) => (slice ? [{ ...slice, buffer: this.#buffers[index]! }] : []));
      this.#pauseMs = Math.max(this.#pauseMs, ...staged.map(({ elapsedMs }) => elapsedMs));
      if (staged.some(({ chunks, removed }) => chunks.length + removed.length > 0)) {
        await this.#send({
          kind: "write",
          newestBatch: this.#committedBatch,
          slices: staged.map(({ chunks, removed, buffer }) => ({ chunks, removed, buffer, batchId: covered })),
        });
      }
      isDone = staged.length === slices.length && staged.every((slice) => slice.isDone);
      if (isDone) retired.push(...staged.flatMap((slice) => slice.retired));
      if (this.#isEnding && !isDone) return false;
      // A batch waits for one slice at most.
      if (!isDone && (staged.length < slices.length || this.#isBatchRunning)) await batchEnds;
    }
    this.#isAnew = false;
    await this.#send({ kind: "endPass", batchId, retired });
    return true;
  }

  #isFileDue({ bytes, batches }: Logged): boolean {
    if (bytes > Math.max(2 * this.#stateBytes, SMALL_STATE_BYTES)) return true;
    return batches >= this.#settings.minDeltas && this.#stateBytes <= SMALL_STATE_BYTES;
  }

  async #send(request: ChunkRequest): Promise<ChunkReply> {
    this.#isOpen = true;
    const { path, queryId, inode, bootId, schemas } = this.#checkpoint;
    const target = { path, queryId, inode, bootId, operators: this.#operators, schema: schemas.at(-1)?.schema ?? 0 };
    return await this.#pool.writer.send({ kind: "chunks", query: this.#query, target, request });
  }
}

/** At least one full chunk. */
const SLICE_BYTES_LEAST = 1 << 18;

const powerOfTwo = (bytes: number): number => 2 ** Math.ceil(Math.log2(Math.max(bytes, 1)));

const OF_CHUNK_STORE: readonly ErrorCondition[] = ["STATE_CHUNK_STORE_FAILED", "STATE_CHUNK_STORE_DAMAGED"];

const isOfChunkStore = (error: unknown): boolean => error instanceof MillraceError && OF_CHUNK_STORE.includes(error.condition);

const sum = (a: Logged, b: Logged): Logged => ({ bytes: a.bytes + b.bytes, batches: a.batches + b.batches });

const bytesOf = (files: readonly ChangeFile[]): number => files.reduce((total, { lengthBytes }) => total + lengthBytes, 0);
