/**
 * What a source is. Two halves: the coordinator's (`StreamSource`, main thread: which offsets exist, how a range is cut into
 * splits) and the worker's (`SplitReader`, in a worker: reads a split into blocks). One folder per connector;
 * `connectors/registry.ts` lists the coordinator halves, `connectors/readers.ts` the worker halves.
 */
import type { Ports, SyncFile } from "../base/ports.ts";
import type { ScanPredicate } from "../columnar/scan-predicate.ts";
import type { Leaf, StructType } from "../columnar/types.ts";
import type { Kernels } from "../kernels/load.ts";
import type { ConnectorOptions, OptionSpecs } from "./options.ts";

/** Any JSON value. It is written into `offsets/N` as it is; `JSON.stringify` of it must be stable. */
export type Offset = JsonValue;
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** Admission control, as Spark's ReadLimit. */
export type ReadLimit =
  | { readonly kind: "all_available" }
  | { readonly kind: "max_files"; readonly files: number }
  | { readonly kind: "max_bytes"; readonly bytes: number }
  | { readonly kind: "max_rows"; readonly rows: number };

/**
 * A piece of a batch that one worker reads alone. Plain JSON, complete: reading it again gives the same rows. It is written into
 * `offsets/N`, so keep it small (a file range, a row range).
 */
export interface Split {
  /** Name of the `SplitReader` in `connectors/readers.ts`. */
  readonly reader: string;
  readonly [field: string]: JsonValue;
}

/**
 * A directory of small text files, each written whole, once and durably. Connectors keep their logs in it (file source, file
 * sink, rate); the coordinator implements it over `checkpoint/atomic-file.ts`. Main thread only.
 */
export interface LogStore {
  /** Where it is, for messages. */
  readonly directory: string;
  /** The text of `name`, or null if there is none. */
  read(name: string): Promise<string | null>;
  /** Creates `name` atomically and durably. False, and nothing changed, if it exists. */
  putIfAbsent(name: string, text: string): Promise<boolean>;
  /** Names of all files, in no particular order; empty if the directory does not exist. */
  list(): Promise<readonly string[]>;
  /** Missing is fine. */
  remove(name: string): Promise<void>;
}

export interface SourceContext {
  readonly ports: Ports;
  readonly options: ConnectorOptions;
  readonly paths: readonly string[];
  /** Given by the user, else null. */
  readonly schema: StructType | null;
  /** The log at `<checkpoint>/sources/<i>`. Null in batch reads and while only the schema is asked for. */
  readonly log: LogStore | null;
  /** Session configuration. */
  readonly conf: ReadonlyMap<string, string>;
  readonly parallelism: number;
  /** Epoch ms of the current trigger. */
  readonly nowMs: number;
}

/** One entry of the registry: a format name and how to make its two kinds of reads. */
export interface SourceProvider {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly options: OptionSpecs;
  /** Whether the reader may be given a schema; else one is refused (`USER_SPECIFIED_SCHEMA_UNSUPPORTED`) before `schema` is called. */
  readonly takesSchema?: true;
  /** The schema rows will have; throws if one is required and not given. Also the place to check options. */
  schema(context: SourceContext, isStreaming: boolean): Promise<StructType>;
  createStream?(context: SourceContext): Promise<StreamSource>;
  /** All splits of a batch read. */
  planBatch?(context: SourceContext): Promise<readonly Split[]>;
}

/**
 * The coordinator's half of a streaming source. Calls come one at a time, from the query's loop.
 * Life: `latestOffset` … `plan` … `commit` per batch, `stop` at the end.
 */
export interface StreamSource {
  /** As shown in progress JSON, e.g. `FileStreamSource[file:/data]`. */
  readonly description: string;
  /** The limit that the options ask for. */
  readonly defaultLimit: ReadLimit;
  /** Whether a Trigger.AvailableNow can cut its work into several batches. */
  readonly supportsAvailableNow: boolean;
  /** Fixes the end for Trigger.AvailableNow; called once, before the first `latestOffset`. */
  prepareAvailableNow?(): Promise<void>;
  /** The end offset of the next batch: at most `limit` beyond `start`; equal to `start` (or null) if there is nothing new. */
  latestOffset(start: Offset | null, limit: ReadLimit): Promise<Offset | null>;
  /** The newest offset there is, for progress; may be null. */
  reportLatest(): Promise<Offset | null>;
  /** Cuts (start, end] into splits. The same arguments give the same splits, also after a restart. */
  plan(start: Offset | null, end: Offset): Promise<readonly Split[]>;
  /**
   * For sources whose data is in this process: the encoded column batches (`columnar/column-batch.ts`, in shared memory) that go
   * with `splits`, one per split, in order. The worker's reader gets its own as the third argument of `open`.
   */
  attachments?(splits: readonly Split[]): readonly Uint8Array[];
  /** Everything up to `end` is committed. Idempotent. */
  commit(end: Offset): Promise<void>;
  /** Extra numbers for progress JSON. */
  metrics?(): Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

/** What a worker gives a reader. */
export interface ReaderContext {
  readonly kernels: Kernels;
  readonly files: Pick<Ports["files"], "openReadSync">;
  /** Options of the `Read` node. */
  readonly options: ConnectorOptions;
  /** Full schema of the relation. */
  readonly schema: StructType;
  /**
   * Leaves of `schema` in order; `needed[i]` false means the query does not look at it: the reader leaves its values
   * address 0 and need not parse it.
   */
  readonly leaves: readonly Leaf[];
  readonly needed: readonly boolean[];
  /** Conditions that all rows which the query keeps fulfil: a reader may leave others out, and need not. */
  readonly predicates: readonly ScanPredicate[];
  /** Session time zone. */
  readonly timeZone: string;
  /** Given to readers of the formats in `plan/physical/scan-selection.ts`, if the query begins with a filter: blocks then hold only rows that pass it. */
  readonly selection?: RowSelection | null;
}

/** The filter in front of everything else, for readers that decode columns one by one: first those that it looks at, then of the others what it keeps. */
export interface RowSelection {
  /** Conditions that a row passes all of to be kept. */
  readonly tests: readonly RowTest[];
  /** Leaves that are looked at in the rows that are kept. */
  readonly kept: readonly boolean[];
  /** The filter cannot fail: it may be asked about values that no row has. */
  readonly isSafe: boolean;
  /** To be told how many rows of each block are kept. */
  count(rows: number): void;
}

export interface RowTest {
  /** Leaves that it looks at; no other test does. */
  readonly tested: readonly boolean[];
  /** Writes a byte of 1 (passes) or 0 to `flags` for each row of the block, whose tested columns are set. Throws what the condition throws. */
  select(block: number, flags: number): void;
}

/** The worker's half. Synchronous: workers block. */
export interface SplitReader {
  readonly name: string;
  /** `attachment` is what `StreamSource.attachments` gave for this split; undefined for all readers that need none. */
  open(split: Split, context: ReaderContext, attachment?: Uint8Array): SplitCursor;
}

export interface SplitCursor {
  /**
   * Address of the next block (at most BLOCK_ROWS_MAX rows; column order = leaves), or 0 at the end. A block and its columns are valid until the
   * next call; the bytes its strings point to stay until the split arena is reset (after `close`).
   * A reader that reads much memory per split allocates it from ARENA_SPLIT, so splits should stay around 4 to 32 MB; or it
   * keeps count of what it could use again (`reusableBytes`).
   * Throws a typed error that names file, line and offset.
   */
  next(): number;
  /** Counts so far; `malformed` rows were dropped or became corrupt records, `skipped` ones were left out by the predicates. */
  readonly metrics: { readonly rows: number; readonly bytes: number; readonly malformed: number; readonly skipped?: number };
  /** Bytes that only blocks which were given out may point to. */
  readonly reusableBytes?: number;
  /** The blocks that were given out are not looked at any more. */
  reuse?(): void;
  close(): void;
}

export type { SyncFile };
