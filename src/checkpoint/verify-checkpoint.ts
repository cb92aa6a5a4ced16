/**
 * Checks everything in a checkpoint that has a checksum, and that what the logs list is there. Reads only. Called by `millrace checkpoint
 * verify`; main thread.
 */
import { MillraceError, newerFile } from "../base/errors.ts";
import type { FileSystem, Ports, SyncFile } from "../base/ports.ts";
import { checkStateFile } from "../state/state-file-check.ts";
import { parseStateSchema } from "../state/state-metadata.ts";
import { CheckpointReader } from "./checkpoint-reader.ts";
import type { BatchFiles, CommitRecord } from "./commit-log.ts";
import { damagedFile } from "./log-file.ts";

export interface CheckpointProblem {
  /** Relative to the checkpoint. */
  readonly file: string;
  readonly offset: number;
  readonly reason: string;
  readonly condition: string;
}

export interface CheckpointReport {
  readonly path: string;
  readonly queryId: string;
  readonly problems: readonly CheckpointProblem[];
  readonly offsetRecords: number;
  readonly commitRecords: number;
  readonly stateFiles: number;
  readonly stateFrames: number;
  readonly stateBytes: number;
  readonly sourceLogFiles: number;
}

/** Throws `NO_CHECKPOINT`; damage is in the report. `onFile` hears of each file before it is read. */
export async function verifyCheckpoint(ports: Ports, path: string, onFile: (file: string) => void = () => {}): Promise<CheckpointReport> {
  const reader = await CheckpointReader.open(ports, path);
  const problems: CheckpointProblem[] = [];
  const attempt = async <T>(file: string, check: () => T | Promise<T>): Promise<T | null> => {
    onFile(file);
    try {
      return await check();
    } catch (error) {
      problems.push(describe(error, file));
      return null;
    }
  };

  // Commits first: while a query runs, offsets that are listed later are at least as new.
  const commitIds = await reader.commits.list();
  const offsetIds = await reader.offsets.list();
  for (const id of offsetIds) await attempt(`offsets/${id}`, () => reader.offsets.get(id));
  const records: CommitRecord[] = [];
  for (const id of commitIds) {
    const record = await attempt(`commits/${id}`, () => reader.commits.get(id));
    if (record) records.push(record);
  }
  const [newestOffset, newestCommit] = [offsetIds.at(-1) ?? -1, commitIds.at(-1) ?? -1];
  if (newestCommit > newestOffset)
    await attempt(`commits/${newestCommit}`, () => {
      throw damagedFile(`${path}/commits/${newestCommit}`, 0, `the batch is committed, but offsets/${newestCommit} is missing`);
    });

  const wanted = new Map<
    string,
    { readonly kind: "changes" | "snapshot"; readonly batchId: number; lengthBytes: number; crc32c: number }
  >();
  const listedBy = new Map<string, number[]>();
  for (const record of records) {
    const changes = (await attempt(`commits/${record.batchId}`, () => reader.changesOf(record))) ?? [];
    const add = (kind: "changes" | "snapshot", { batchId, files }: BatchFiles): void => {
      for (const { path: file, lengthBytes, crc32c } of files) {
        wanted.set(file, { kind, batchId, lengthBytes, crc32c });
        listedBy.set(file, [...(listedBy.get(file) ?? []), record.batchId]);
      }
    };
    for (const batch of changes) add("changes", batch);
    for (const snapshot of record.snapshots) add("snapshot", snapshot);
  }
  let [stateFiles, stateFrames, stateBytes] = [0, 0, 0];
  for (const [file, { kind, batchId, lengthBytes, crc32c }] of wanted) {
    const fileName = `${path}/${file}`;
    const open = openIfThere(ports.files, fileName);
    if (open === null) {
      if (await isStillListed(reader, listedBy.get(file)!))
        await attempt(file, () => Promise.reject(damagedFile(fileName, 0, "the file is missing")));
      continue;
    }
    await attempt(file, () => {
      try {
        const contents = checkStateFile(open, fileName, { kind, queryId: reader.queryId, batchId });
        stateFiles++;
        stateFrames += contents.frames;
        stateBytes += contents.lengthBytes;
        if (contents.lengthBytes !== lengthBytes || contents.crc32c !== crc32c)
          throw damagedFile(fileName, 0, "length or checksum are not those of the commit record");
      } finally {
        open.close();
      }
    });
  }

  for (const { name } of await reader.filesIn("operators")) {
    const file = `operators/${name}`;
    await attempt(file, async () => parseStateSchema((await reader.text(file)) ?? "", `${path}/${file}`));
  }
  let sourceLogFiles = 0;
  for (const source of await reader.sourceDirectories()) {
    for (const { name } of await reader.filesIn(`sources/${source}`)) {
      sourceLogFiles++;
      const file = `sources/${source}/${name}`;
      await attempt(file, async () => checkSourceLog(`${path}/${file}`, await reader.text(file)));
    }
  }
  return {
    path,
    queryId: reader.queryId,
    problems,
    offsetRecords: offsetIds.length,
    commitRecords: commitIds.length,
    stateFiles,
    stateFrames,
    stateBytes,
    sourceLogFiles,
  };
}

function openIfThere(files: FileSystem, path: string): SyncFile | null {
  try {
    return files.openReadSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/** A query that runs meanwhile removes records and then the files that they list: a missing file is missed if a record that lists it is still there. */
async function isStillListed(reader: CheckpointReader, batchIds: readonly number[]): Promise<boolean> {
  const kept = await reader.commits.list();
  return batchIds.some((batchId) => kept.includes(batchId));
}

/** A source's log has no checksum: a version, then lines of JSON. */
function checkSourceLog(fileName: string, text: string | null): void {
  if (text === null) return;
  const [version, ...lines] = text.split("\n") as [string, ...string[]];
  const number = Number(/^v(\d+)$/.exec(version)?.[1]);
  if (number > 1) throw newerFile(fileName, 1, number);
  if (version !== "v1") throw damagedFile(fileName, 0, "the first line is not v1");
  let offset = version.length + 1;
  for (const line of lines) {
    try {
      if (line !== "") JSON.parse(line);
    } catch {
      throw damagedFile(fileName, offset, "the line is not JSON");
    }
    offset += Buffer.byteLength(line) + 1;
  }
}

function describe(error: unknown, file: string): CheckpointProblem {
  if (!(error instanceof MillraceError)) return { file, offset: 0, reason: (error as Error).message, condition: "INTERNAL_ERROR" };
  const { offset, reason } = error.messageParameters;
  return { file, offset: Number(offset ?? 0), reason: reason ?? error.message, condition: error.condition };
}
