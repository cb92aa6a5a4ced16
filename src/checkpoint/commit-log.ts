/**
 * `commits/N`: batch N counts from the moment this file exists. It names the attempt that the sink holds and all files that the state
 * after the batch consists of, so the newest record alone is enough to continue.
 *
 *     v1
 *     {"nextBatchWatermarkMs":5000,"millrace":{…,"epoch":2,"attempt":"…","receipt":{"rows":3},"snapshots":[…],"indexes":[…],"changes":[…],"checksum":"…"}}
 *
 * Before the sink commits, the same bytes lie durable under `.N.<attempt>.prepared`: if the process dies between the sink's commit and
 * this file, recovery finds them by the attempt that the sink names, and adopts the batch by linking them to `N`.
 */
import type { FileSystem } from "../base/ports.ts";
import type { ChangeFile } from "../coordinator/batch-runner.ts";
import type { AtomicFiles } from "./atomic-file.ts";
import { decodeLogFile, encodeLogFile } from "./log-file.ts";
import { MetadataLog } from "./metadata-log.ts";

/** State files that belong to one batch. */
export interface BatchFiles {
  readonly batchId: number;
  readonly files: readonly ChangeFile[];
}

/** `state/index/…`: the change files of a run of batches, up to and including `lastBatch`. */
export interface ChangeIndex {
  readonly lastBatch: number;
  readonly path: string;
}

export interface CommitRecord {
  readonly batchId: number;
  readonly epoch: number;
  /** The attempt whose output the sink published. */
  readonly attempt: string;
  readonly nextBatchWatermarkMs: number;
  readonly receipt: { readonly rows: number };
  /** Schema of the state after the batch (`operators/state-<n>`); 0: that of the first start. */
  readonly stateSchema: number;
  /** Snapshots of the whole state, at most two, older first. */
  readonly snapshots: readonly BatchFiles[];
  /** Lists of earlier change files, in batch order, so that a record stays small however many batches there are after a snapshot. */
  readonly indexes: readonly ChangeIndex[];
  /** Change files of every batch after the older snapshot and after the indexes, in batch order. */
  readonly changes: readonly BatchFiles[];
}

export type CommitLog = MetadataLog<CommitRecord>;

export function commitLog(files: FileSystem, writer: AtomicFiles, checkpointPath: string, queryId: string): CommitLog {
  return new MetadataLog<CommitRecord>(files, writer, `${checkpointPath}/commits`, queryId, {
    encode: ({ batchId, epoch, attempt, nextBatchWatermarkMs, receipt, stateSchema, snapshots, indexes, changes }) =>
      encodeLogFile(
        { nextBatchWatermarkMs },
        { queryId, batchId },
        {
          epoch,
          attempt,
          receipt,
          ...(stateSchema > 0 && { stateSchema }),
          snapshots: snapshots.map(toRow),
          indexes,
          changes: changes.map(toRow),
        },
        [],
      ),
    decode: ({ metadata, millrace }, batchId) => {
      const { epoch, attempt, receipt, indexes, stateSchema = 0 } = millrace as unknown as CommitRecord;
      const rows = millrace as unknown as { snapshots: readonly BatchFilesRow[]; changes: readonly BatchFilesRow[] };
      return {
        batchId,
        epoch,
        attempt,
        nextBatchWatermarkMs: Number(metadata["nextBatchWatermarkMs"]),
        receipt,
        stateSchema,
        snapshots: rows.snapshots.map(fromRow),
        indexes,
        changes: rows.changes.map(fromRow),
      };
    },
  });
}

/** An index file: a log file without metadata of its own. */
export function encodeChangeIndex(queryId: string, lastBatch: number, changes: readonly BatchFiles[]): Uint8Array {
  return encodeLogFile({}, { queryId, batchId: lastBatch }, { changes: changes.map(toRow) }, []);
}

/** Inverse of `encodeChangeIndex`; throws like `decodeLogFile`. */
export function decodeChangeIndex(fileName: string, bytes: Uint8Array, queryId: string, lastBatch: number): readonly BatchFiles[] {
  const { millrace } = decodeLogFile(fileName, bytes, { queryId, batchId: lastBatch });
  return (millrace as unknown as { changes: readonly BatchFilesRow[] }).changes.map(fromRow);
}

const PREPARED = /^\.(\d+)\.(.+)\.prepared$/;

/** Name of a record that does not count yet. */
export function preparedName(batchId: number, attempt: string): string {
  return `.${batchId}.${attempt}.prepared`;
}

export function isPreparedName(name: string): boolean {
  return PREPARED.test(name);
}

/** `[batchId, [[path, lengthBytes, crc32c], …]]`: short, because a record repeats the files since the older snapshot. */
type BatchFilesRow = readonly [number, readonly (readonly [string, number, number])[]];

function toRow({ batchId, files }: BatchFiles): BatchFilesRow {
  return [batchId, files.map(({ path, lengthBytes, crc32c }) => [path, lengthBytes, crc32c] as const)];
}

function fromRow([batchId, files]: BatchFilesRow): BatchFiles {
  return { batchId, files: files.map(([path, lengthBytes, crc32c]) => ({ path, lengthBytes, crc32c })) };
}
