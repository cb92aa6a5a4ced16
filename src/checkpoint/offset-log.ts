/**
 * `offsets/N`: everything batch N depends on, durable before it runs. Line 2 is the metadata, then one offset per source, `-` for none.
 *
 *     v1
 *     {"batchWatermarkMs":5000,"batchTimestampMs":1700000000000,"conf":{…},"millrace":{…,"epoch":2,"splits":[[…]],"checksum":"…"}}
 *     {"logOffset":3}
 */
import type { FileSystem } from "../base/ports.ts";
import type { Offset, Split } from "../connectors/source.ts";
import type { AtomicFiles } from "./atomic-file.ts";
import { damagedFile, encodeLogFile } from "./log-file.ts";
import { MetadataLog } from "./metadata-log.ts";

export interface OffsetRecord {
  readonly batchId: number;
  readonly epoch: number;
  /** Watermark that the batch uses; 0 = not set. */
  readonly batchWatermarkMs: number;
  /** The batch's clock: `current_timestamp()` and processing time, epoch ms. */
  readonly batchTimestampMs: number;
  /** Values of `LOGGED_CONF_KEYS` at the first start; later sessions cannot change them. */
  readonly conf: Readonly<Record<string, string>>;
  /** End offset per source, in the plan's order. */
  readonly offsets: readonly (Offset | null)[];
  /** How each source's range was cut. */
  readonly splits: readonly (readonly Split[])[];
  /** Checksums of the static join sides' rows; a batch that runs again may meet others. */
  readonly staticVersions?: readonly string[];
}

/** Session settings that state depends on: the checkpoint's values win over the session's at every restart (Spark's list). */
const LOGGED_CONF_KEYS = [
  "spark.sql.streaming.stateStore.providerClass",
  "spark.sql.streaming.multipleWatermarkPolicy",
  "spark.sql.streaming.flatMapGroupsWithState.stateFormatVersion",
  "spark.sql.streaming.aggregation.stateFormatVersion",
  "spark.sql.streaming.join.stateFormatVersion",
  "spark.sql.streaming.stateStore.compression.codec",
  "spark.sql.streaming.stateStore.rocksdb.formatVersion",
  "spark.sql.streaming.statefulOperator.useStrictDistribution",
  "spark.sql.optimizer.pruneFiltersCanPruneStreamingSubplan",
  "spark.sql.streaming.stateStore.encodingFormat",
  "spark.sql.streaming.stateStore.rowChecksum.enabled",
  "spark.sql.shuffle.partitions",
] as const;

/** The settings a query runs with: the session's, overridden by those its checkpoint fixed (null for a new checkpoint). */
export function effectiveConf(
  session: ReadonlyMap<string, string>,
  logged: Readonly<Record<string, string>> | null,
): ReadonlyMap<string, string> {
  if (logged === null) return session;
  const merged = new Map(session);
  for (const key of LOGGED_CONF_KEYS) if (logged[key] !== undefined) merged.set(key, logged[key]);
  return merged;
}

/** The part of a query's settings that goes into `offsets/N`. */
export function loggedConf(conf: ReadonlyMap<string, string>): Readonly<Record<string, string>> {
  return Object.fromEntries(LOGGED_CONF_KEYS.flatMap((key) => (conf.has(key) ? [[key, conf.get(key)!]] : [])));
}

export type OffsetLog = MetadataLog<OffsetRecord>;

export function offsetLog(files: FileSystem, writer: AtomicFiles, checkpointPath: string, queryId: string): OffsetLog {
  return new MetadataLog<OffsetRecord>(files, writer, `${checkpointPath}/offsets`, queryId, {
    encode: ({ batchId, epoch, batchWatermarkMs, batchTimestampMs, conf, offsets, splits, staticVersions = [] }) =>
      encodeLogFile(
        { batchWatermarkMs, batchTimestampMs, conf },
        { queryId, batchId },
        { epoch, splits, ...(staticVersions.length > 0 && { staticVersions }) },
        offsets.map((offset) => (offset === null ? "-" : JSON.stringify(offset))),
      ),
    decode: ({ metadata, millrace, lines }, batchId, fileName) => {
      const offsets = lines.map((line) => (line === "-" ? null : (JSON.parse(line) as Offset)));
      const fields = { ...metadata, ...millrace } as unknown as OffsetRecord;
      const { epoch, batchWatermarkMs, batchTimestampMs, conf, splits, staticVersions } = fields;
      if (splits?.length !== offsets.length)
        throw damagedFile(fileName, 0, "the number of splits lists differs from the number of offsets");
      return { batchId, epoch, batchWatermarkMs, batchTimestampMs, conf, offsets, splits, ...(staticVersions && { staticVersions }) };
    },
  });
}
