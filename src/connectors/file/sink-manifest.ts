/**
 * The manifest of a file sink, `_spark_metadata`: which files of the directory count. One log entry per micro-batch, one line per file, in
 * Spark's form with one member more: the first line of a batch carries `millrace`, naming the query and the attempt that wrote it, so
 * that recovery can tell exactly. A batch without files has one line for the directory itself, which readers pass over. Main thread.
 */
import { ConnectorError } from "../../base/errors.ts";
import type { LogStore } from "../source.ts";
import { CompactibleLog } from "./compactible-log.ts";

export const MANIFEST_DIRECTORY = "_spark_metadata";

export interface ManifestEntry {
  /** `file:` URI. */
  readonly path: string;
  readonly size: number;
  readonly isDir: boolean;
  /** Epoch milliseconds. */
  readonly modificationTime: number;
  readonly blockReplication: number;
  readonly blockSize: number;
  readonly action: string;
  readonly millrace?: { readonly batchId: number; readonly queryId: string; readonly attempt: string };
}

/** What Hadoop's local file system reports; readers of the manifest use it to cut files. */
const BLOCK_BYTES = 33_554_432;

export function manifestLine(
  file: { readonly uri: string; readonly sizeBytes: number; readonly modifiedMs: number; readonly isDirectory: boolean },
  receipt: ManifestEntry["millrace"] | null,
): string {
  const entry: ManifestEntry = {
    path: file.uri,
    size: file.sizeBytes,
    isDir: file.isDirectory,
    modificationTime: file.modifiedMs,
    blockReplication: 1,
    blockSize: BLOCK_BYTES,
    action: "add",
    ...(receipt && { millrace: receipt }),
  };
  return JSON.stringify(entry);
}

export const parseManifestLine = (line: string): ManifestEntry => JSON.parse(line) as ManifestEntry;

/** The files that count, oldest first. Spark's older versions could also delete. */
export function liveFiles(lines: readonly string[]): ManifestEntry[] {
  const entries = lines.map(parseManifestLine);
  const deleted = new Set(entries.filter((entry) => entry.action === "delete").map((entry) => entry.path));
  return entries.filter((entry) => !entry.isDir && !deleted.has(entry.path));
}

/**
 * Takes the output of query `queryId` back to batch `batchId`: later entries go, and with them their files count no longer. First checks that this is
 * possible; what it resolves to does it and tells how many entries went. Throws when the manifest is another query's
 * (`FILE_SINK_FOREIGN_MANIFEST`) or does not go back that far (`FILE_SINK_BATCH_COMPACTED`).
 */
export async function manifestRollback(log: LogStore, directory: string, queryId: string, batchId: number): Promise<() => Promise<number>> {
  const manifest = new CompactibleLog(log);
  const entry = (await manifest.entry(await manifest.latest())) ?? [];
  const newest = entry.map(parseManifestLine).find(({ millrace }) => millrace)?.millrace;
  if (newest && newest.queryId !== queryId) {
    const parameters = { path: directory, batchId: String(newest.batchId), otherQueryId: newest.queryId };
    throw new ConnectorError("FILE_SINK_FOREIGN_MANIFEST", parameters);
  }
  if (!(await manifest.reachesBackTo(batchId))) {
    throw new ConnectorError("FILE_SINK_BATCH_COMPACTED", { path: directory, batchId: String(batchId) });
  }
  return () => manifest.removeAfter(batchId);
}
