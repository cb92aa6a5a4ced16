/**
 * The seam between the micro-batch loop (what to run, when, what is durable) and execution (stages on workers).
 * `MicroBatchExecution` drives it; `StageRunner` (`coordinator/stage-runner.ts`) implements it over the worker pool; the loop's own tests use a
 * fake. One query has one runner. Calls come one at a time.
 */
import type { BatchAttempt, SinkOutput } from "../connectors/sink.ts";
import type { JsonValue, Split } from "../connectors/source.ts";
import type { StateOperatorMetrics } from "../metrics/query-progress.ts";

export interface BatchInput {
  readonly attempt: BatchAttempt;
  /** The batch's clock, from `offsets/N`. */
  readonly timestampMs: number;
  /** Watermark that the previous batch used: rows at or before it are late. 0 = not set. */
  readonly lateWatermarkMs: number;
  /** Watermark of this batch: state at or before it is evicted. 0 = not set. */
  readonly evictWatermarkMs: number;
  /** Splits per streaming source, in the plan's source order. */
  readonly splits: readonly (readonly Split[])[];
}

/** Statistics of one watermark operator over the rows of a batch. */
export interface EventTimeStats {
  readonly rows: number;
  /** Microseconds. */
  readonly minMicros: bigint;
  readonly maxMicros: bigint;
  /** Milliseconds. */
  readonly averageMs: number;
}

/** A change file written by one worker in S3, as the commit record lists it. */
export interface ChangeFile {
  /** Relative to the checkpoint directory. */
  readonly path: string;
  readonly lengthBytes: number;
  readonly crc32c: number;
}

export interface BatchOutput {
  readonly sink: SinkOutput;
  /** Rows read per streaming source. */
  readonly inputRows: readonly number[];
  /** Per watermark operator, in plan order; null when it saw no row. */
  readonly eventTime: readonly (EventTimeStats | null)[];
  /** Downstream first. */
  readonly stateOperators: readonly StateOperatorMetrics[];
  /** Per `observe` name, column values as JSON. */
  readonly observedMetrics: Readonly<Record<string, JsonValue>>;
  /** Change files of this attempt, which `sync` makes durable. */
  readonly changeFiles: readonly ChangeFile[];
}

/** What state a query starts from: a snapshot and the change files after it, all committed. */
export interface StateStart {
  /** The last committed batch, or -1. */
  readonly committedBatch: number;
  /** Newest usable snapshot: its batch and its files; null = none. */
  readonly snapshot: { readonly batchId: number; readonly files: readonly ChangeFile[] } | null;
  /** Change files of the batches after the snapshot, in batch order. */
  readonly changes: readonly { readonly batchId: number; readonly files: readonly ChangeFile[] }[];
}

export interface BatchRunner {
  /** Loads state. Called once, and again after a failed batch whose worker died. */
  restore(start: StateStart): Promise<void>;
  /**
   * S2: runs all stages and, once `mayWriteState` has resolved, writes the change files of this attempt and begins to make them durable. State
   * in memory is at the new version but can still be undone. Rejects with a typed error when a task failed; the caller then calls `abort`.
   */
  run(input: BatchInput, mayWriteState: Promise<void>): Promise<BatchOutput>;
  /** S3: waits until the change files are durable. Resolves to the output with the time that they took. */
  sync(output: BatchOutput): Promise<BatchOutput>;
  /**
   * The batch is committed: forget the undo records. From now on its state may be copied in the background. `next` is the attempt that comes
   * next unless something happens: files may be made ready for it.
   */
  commit(batchId: number, next: BatchAttempt): Promise<void>;
  /** Undo everything the batch did to the state in memory. */
  abort(batchId: number): Promise<void>;
  /**
   * A durable snapshot that was finished since the last call, and holds nothing that is not committed; null if there is none. It is of some
   * batch before: redo of the batches after that one over it gives the newest state. Throws if one could not be written.
   */
  takeSnapshot(): { readonly batchId: number; readonly files: readonly ChangeFile[] } | null;
  /** Whether a batch without data would do something under the new watermark (evict state, emit windows). */
  needsBatchWithoutData(evictWatermarkMs: number): boolean;
  /** Loads the static join sides again, as they are now. Between batches. */
  refreshStaticTables?(): Promise<void>;
  /** Per static join side: which rows are loaded, as a checksum of them. */
  staticVersions?(): readonly string[];
  /** What it has been waiting for for a while: "3 s for worker 1 (scan)"; null = nothing. */
  waitingFor?(): string | null;
  stop(): Promise<void>;
}
