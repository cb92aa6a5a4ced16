/**
 * What coordinator and workers say to each other: tagged unions of plain data. Commands go through a MessagePort and a worker
 * that blocks is woken by a counter in shared memory (`WAKE`); every command gets exactly one reply, in order.
 */
import type { TransferredError } from "../base/errors.ts";
import type { StructType } from "../columnar/types.ts";
import type { Value } from "../columnar/values.ts";
import type { CompiledStage } from "../compile/pipeline.ts";
import type { BatchAttempt } from "../connectors/sink.ts";
import type { JsonValue, Split } from "../connectors/source.ts";
import type { StateSchema } from "../state/state-metadata.ts";
import type { ChunkName } from "../state/chunk-key.ts";
import type { PassBegin, StagedSlice } from "../state/chunk-stager.ts";
import type { ChunkStoreTarget, StagedWrite } from "../state/chunk-writer.ts";
import type { PhysicalProgram } from "../plan/physical/program.ts";
import type { ChangeFile, StateStart } from "../coordinator/batch-runner.ts";

/** Names a query within the process; worker-side state is kept per query. */
export type QueryNumber = number;

export type Command =
  /** Prepares a query: program, compiled stages and the memories of all workers. */
  | {
      readonly kind: "load";
      readonly query: QueryNumber;
      readonly program: PhysicalProgram;
      readonly stages: readonly LoadedStage[];
      readonly kernels: WebAssembly.Module;
      readonly memories: readonly WebAssembly.Memory[];
      /** Names the set of memories: one that was kept by `unload` comes with the kernels that a worker has for it. */
      readonly memorySet: number;
      readonly output: OutputTarget;
      /** Where change files and snapshots go; null: no durable state. */
      readonly checkpoint: CheckpointTarget | null;
    }
  /** Rows of a static join side, in the order of the tables; those of table 0 replace everything that was loaded before. */
  | { readonly kind: "table"; readonly query: QueryNumber; readonly table: number; readonly batches: readonly Uint8Array[] }
  | {
      readonly kind: "restore";
      readonly query: QueryNumber;
      readonly start: StateStart;
      /** The chunk store is loaded instead of the snapshot; change files of later batches than this one are redone. */
      readonly chunksBatch: number | null;
    }
  | { readonly kind: "begin"; readonly query: QueryNumber; readonly batch: BatchParameters }
  | {
      readonly kind: "scan";
      readonly query: QueryNumber;
      readonly stage: number;
      readonly splits: readonly ScanSplit[];
      /** Shared: index of the next unclaimed split. */
      readonly next: Int32Array;
    }
  | { readonly kind: "merge"; readonly query: QueryNumber; readonly stage: number; readonly blocks: readonly ExchangeBlock[] }
  /** Writes the batch's change file; `sync` makes it durable. */
  | { readonly kind: "changes"; readonly query: QueryNumber }
  | { readonly kind: "sync"; readonly query: QueryNumber }
  | { readonly kind: "commit"; readonly query: QueryNumber; readonly next: BatchAttempt }
  | { readonly kind: "abort"; readonly query: QueryNumber }
  /** Copies changed chunks into the buffer, which is shared; null while a batch is open. */
  | { readonly kind: "stage"; readonly query: QueryNumber; readonly buffer: Uint8Array; readonly begins: PassBegin; readonly forMs: number }
  /** To the thread that writes chunk stores; of one query, in the order of `ChunkWriter`'s methods. */
  | { readonly kind: "chunks"; readonly query: QueryNumber; readonly target: ChunkStoreTarget; readonly request: ChunkRequest }
  /** `keepMemory`: the memory is empty but for what the query put into arenas, and goes to a later query. */
  | { readonly kind: "unload"; readonly query: QueryNumber; readonly keepMemory: boolean };

export type ChunkRequest =
  | { readonly kind: "open"; readonly committedBatch: number; readonly oldestBatch: number }
  | { readonly kind: "loaded" }
  | { readonly kind: "write"; readonly slices: readonly StagedWrite[]; readonly newestBatch: number }
  | { readonly kind: "endPass"; readonly batchId: number; readonly retired: readonly ChunkName[] }
  | { readonly kind: "snapshot"; readonly batchId: number; readonly epoch: number }
  | { readonly kind: "close" }
  | { readonly kind: "discard" };

/** To `open`: the batch of the chunks; to `snapshot`: the file. */
export interface ChunkReply {
  readonly batchId: number | null;
  readonly file: ChangeFile | null;
}

export interface LoadedStage extends Omit<CompiledStage, "bytes"> {
  readonly module: WebAssembly.Module;
}

export interface CheckpointTarget {
  readonly path: string;
  readonly queryId: string;
  /** Of the directory. */
  readonly inode: number;
  /** Of the machine. */
  readonly bootId: string;
  /** For the state of all workers. */
  readonly memoryLimitBytes: number;
  /** That state files may have, from the checkpoint's first to the one that is written now; empty: there is no state. */
  readonly schemas: readonly StateSchema[];
}

/** What happens to rows that leave the last stage. */
export type OutputTarget =
  | { readonly kind: "main" }
  | {
      readonly kind: "writer";
      readonly writer: string;
      readonly settings: JsonValue;
      readonly schema: StructType;
      /** Tasks without rows write, too. */
      readonly writesEmpty?: boolean;
    };

export interface BatchParameters {
  readonly attempt: BatchAttempt;
  readonly timestampMs: number;
  readonly lateWatermarkMs: number;
  readonly evictWatermarkMs: number;
}

export interface ScanSplit {
  readonly pipeline: number;
  readonly split: Split;
  /** Encoded column batch of a source that lives on the main thread. */
  readonly attachment?: Uint8Array;
}

/** Rows for one worker, in the memory of the worker that made them. */
export interface ExchangeBlock {
  readonly worker: number;
  readonly address: number;
  readonly bytes: number;
  /** All rows of which it holds some: those with these top bits of the remixed hash. */
  readonly group: number;
  /** How many bits that are; 0: rows are not grouped. */
  readonly groupsLog2: number;
}

export interface ScanReply {
  readonly tasks: readonly TaskResult[];
  /** Per watermark operator; null when no row was seen. Cumulative over the batch. */
  readonly eventTime: readonly ({
    readonly maxMicros: bigint;
    readonly minMicros: bigint;
    readonly sumMicros: number;
    readonly rows: number;
  } | null)[];
  /** Buffers per observed metric, or null where no row was seen. Cumulative over the batch. */
  readonly observed: readonly (readonly Value[] | null)[];
}

/** One split, or the one merge of a worker. */
export interface TaskResult {
  /** Index of the split within the stage; the worker's index for a merge. */
  readonly index: number;
  readonly inputRows: number;
  readonly malformedRows: number;
  /** Rows that the reader left out, as no row with such statistics is kept. */
  readonly skippedRows: number;
  readonly outputRows: number;
  /** Blocks (or runs of merged rows) that went through generated code. */
  readonly blocks: number;
  /** Calls between JavaScript and generated code, both ways: a few per block, never one per row. */
  readonly calls: number;
  readonly elapsedMs: number;
  /** Bytes that the source has read. */
  readonly inputBytes: number;
  /** Of the time, what the reader took. */
  readonly readMs: number;
  /** Rows behind each counted step of the stage. */
  readonly stepRows: readonly number[];
  /** Per destination worker: blocks for the next stage. */
  readonly lanes: readonly (readonly Omit<ExchangeBlock, "worker">[])[];
  /** Encoded rows in the worker's memory, valid until the batch ends. */
  readonly batches: readonly { readonly address: number; readonly bytes: number }[];
  /** What the sink's writer returned. */
  readonly message: JsonValue;
}

export interface MergeReply extends ScanReply {
  readonly state: StateReply | null;
}

/** Per stateful operator and worker, over the batch. */
export interface StateReply {
  readonly rowsTotal: number;
  readonly rowsUpdated: number;
  readonly rowsRemoved: number;
  readonly rowsDroppedByWatermark: number;
  readonly memoryBytes: number;
  readonly updatesMs: number;
  readonly removalsMs: number;
  /** Numbers that only this operator has. */
  readonly customMetrics: Readonly<Record<string, number>>;
}

/** Of one worker. */
export interface StateSize {
  /** In memory and out of it. */
  readonly stateBytes: number;
  /** Of the batch's change files. */
  readonly changeBytes: number;
}

/** By command kind. */
export interface Replies {
  readonly load: null;
  readonly table: null;
  readonly restore: null;
  readonly begin: null;
  readonly scan: ScanReply;
  readonly merge: MergeReply;
  readonly changes: readonly ChangeFile[];
  /** Milliseconds that the batch's change file took, written and synced. */
  readonly sync: number;
  readonly commit: StateSize;
  readonly abort: null;
  readonly stage: (StagedSlice & { readonly elapsedMs: number }) | null;
  readonly chunks: ChunkReply;
  readonly unload: null;
}

export interface Envelope {
  readonly id: number;
  readonly command: Command;
}

export type Reply =
  | { readonly id: number; readonly value: Replies[keyof Replies] }
  | { readonly id: number; readonly error: TransferredError | { readonly internal: string; readonly stack: string | undefined } };

/** Index into the Int32Array shared with a worker: incremented before every notify; the worker waits on it. */
export const WAKE = 0;
/** 1: the worker must leave its loop. */
export const STOP = 1;
/** Goes up while the worker works (`worker/heartbeat.ts`). */
export const HEARTBEAT = 2;
export const CONTROL_WORDS = 16;
