/**
 * What a sink is. Rows reach it in one of two ways: written by workers (`SplitWriter`: files, noop) or handed to the main
 * thread as encoded column batches (console, memory, foreach, foreachBatch, collect).
 */
import type { Ports } from "../base/ports.ts";
import type { StructType } from "../columnar/types.ts";
import type { Kernels } from "../kernels/load.ts";
import type { ConnectorOptions, OptionSpecs } from "./options.ts";
import type { JsonValue, LogStore } from "./source.ts";

export type OutputMode = "append" | "update" | "complete";

export interface SinkContext {
  readonly ports: Ports;
  readonly options: ConnectorOptions;
  readonly path: string | null;
  readonly schema: StructType;
  readonly partitionBy: readonly string[];
  readonly outputMode: OutputMode;
  readonly queryName: string | null;
  /** Id of the query (persisted in the checkpoint). */
  readonly queryId: string;
  /** Objects that cannot travel: the function of foreachBatch or foreach, a terminal stream for console. */
  readonly attachments: Readonly<Record<string, unknown>>;
  /** Session time zone. */
  readonly timeZone: string;
  /** Opens (and creates with the first file) a log in `directory`, an absolute path. */
  openLog(directory: string): LogStore;
}

export interface SinkProvider {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly options: OptionSpecs;
  readonly outputModes: readonly OutputMode[];
  /** Whether a temporary checkpoint is acceptable (console, memory, noop, foreach, foreachBatch). */
  readonly allowsTemporaryCheckpoint: boolean;
  /** Whether a batch may reach the sink again with other rows, as asynchronous progress tracking does after a crash. */
  readonly allowsAsyncProgress?: boolean;
  create(context: SinkContext): Promise<StreamSink>;
  /**
   * The same for one batch write (`df.write`): `prepare` … `commit` once, with batch id 0. Null: there is nothing to do (mode
   * `ignore`, and something exists). Missing: the format cannot be written in batch.
   */
  createBatch?(context: SinkContext, mode: SaveMode): Promise<StreamSink | null>;
}

/** What a batch write does when its target exists. */
export type SaveMode = "append" | "overwrite" | "errorifexists" | "ignore";

/** Names one try at a batch: a re-run after a failure has another `attempt`. */
export interface BatchAttempt {
  readonly batchId: number;
  /** Unique over all attempts of all runs. */
  readonly attempt: string;
  readonly epoch: number;
}

/**
 * The coordinator's half. Order per batch: `prepare`, tasks run, `commit`; or `abort`. After a restart `lookup` decides.
 */
export interface StreamSink {
  /** As shown in progress JSON. */
  readonly description: string;
  /** Shown beside it: `AT_LEAST_ONCE` of a sink that may get a batch again. */
  readonly metrics?: Readonly<Record<string, string>>;
  /** `worker`: tasks write through the named `SplitWriter`; `main`: encoded batches come to `commit`. */
  readonly delivery: { readonly kind: "worker"; readonly writer: string; readonly settings: JsonValue } | { readonly kind: "main" };
  /**
   * False for sinks whose `lookup` never knows (console, memory, noop, foreach): the loop then saves the disk barrier that makes an
   * attempt adoptable. True when absent.
   */
  readonly remembersCommits?: boolean;
  /** Which attempt committed batch `batchId`, or null. Must be exact for exactly-once sinks; null for those that cannot know. */
  lookup(batchId: number): Promise<string | null>;
  /**
   * Publishes the batch. `messages` are what the tasks' writers returned, in split order; `batches` the encoded rows in output order.
   * Idempotent by (query id, batch id): a batch that is already committed is not published again.
   */
  commit(batch: BatchAttempt, output: SinkOutput): Promise<void>;
  /** Removes what the attempt left behind, best effort. */
  abort(batch: BatchAttempt): Promise<void>;
  stop(): Promise<void>;
}

/** What a sink says of itself in every progress when it promises less than exactly once. */
export const AT_LEAST_ONCE = { guarantee: "at-least-once" } as const;

export interface SinkOutput {
  readonly messages: readonly JsonValue[];
  readonly batches: readonly Uint8Array[];
  /** Rows written, whichever way. */
  readonly rows: number;
}

export interface WriterContext {
  readonly kernels: Kernels;
  readonly files: Ports["files"];
  readonly schema: StructType;
  readonly settings: JsonValue;
  readonly attempt: BatchAttempt;
  /** Index of the task within the batch; part of file names. */
  readonly taskIndex: number;
  /** A UUID for file names. */
  readonly uuid: string;
  readonly timeZone: string;
  /** What is written says which columns there are even if no row comes. */
  readonly writesEmpty?: boolean;
}

/** The worker's half: one per task. */
export interface SplitWriter {
  readonly name: string;
  open(context: WriterContext): TaskWriter;
}

export interface TaskWriter {
  /** Takes the rows of the block at `address`; must not keep addresses after returning. */
  write(address: number): void;
  /** Makes everything durable; returns what `StreamSink.commit` needs. Null if nothing was written. */
  finish(): JsonValue;
  abort(): void;
}
