/**
 * Checks everything in a checkpoint that has a checksum, and that what the logs list is there. Reads only. Called by `millrace checkpoint
 * verify`; main thread.
 */
import { MillraceError, newerFile } from "../base/errors.ts";
import type { FileSystem, Ports, SyncFile } from "../base/ports.ts";
import { unsealText } from "../base/sealed-text.ts";
import type { Offset } from "../connectors/source.ts";
import { checkStateFile } from "../state/state-file-check.ts";
import { parseStateSchema } from "../state/state-metadata.ts";
import { CheckpointReader } from "./checkpoint-reader.ts";
import type { BatchFiles, CommitRecord } from "./commit-log.ts";
import { damagedFile } from "./log-file.ts";
import { isSchemaName } from "./operator-metadata.ts";

export interface CheckpointProblem {
  /** Relative to the checkpoint. */
  readonly file: string;
  readonly offset: number;
  readonly reason: string;
  readonly condition: string;
}

export interface CheckpointReport {
  readonly path: string;
  /** Null where the file that says so is damaged: nothing else can be checked then. */
  readonly queryId: string | null;
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
  const problems: CheckpointProblem[] = [];
  const reader = await openDamaged(ports, path, problems);
  if (reader === null) return { path, queryId: null, problems, ...NOTHING_CHECKED };
  const attempt = async <T>(file: string, check: () => T | Promise<T>): Promise<T | null> => {
    onFile(file);
    try {
      return await check();
    } catch (error) {
      problems.push(describe(error, path, file));
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
  const operatorFiles = (await reader.filesIn("operators")).filter(({ name }) => isSchemaName(name));
  // Without state, asynchronous progress tracking leaves batches out.
  if (operatorFiles.length > 0) {
    for (const name of await missingRecords(reader))
      await attempt(name, () => Promise.reject(damagedFile(`${path}/${name}`, 0, "the file is missing")));
  }

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
    for (const { path: index } of record.indexes) {
      if ((await reader.text(index)) === null && (await isStillListed(reader, [record.batchId])))
        await attempt(index, () => Promise.reject(damagedFile(`${path}/${index}`, 0, "the file is missing")));
    }
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

  await attempt("epoch", () => reader.newestEpoch());
  if (operatorFiles.length === 0 && wanted.size > 0)
    await attempt("operators/state", () => Promise.reject(damagedFile(`${path}/operators/state`, 0, "the file is missing")));
  for (const { name } of operatorFiles) {
    const file = `operators/${name}`;
    await attempt(file, async () => parseStateSchema((await reader.text(file)) ?? "", `${path}/${file}`));
  }
  const needed = newestOffset < 0 ? [] : ((await readOrNull(reader.offsets.get(newestOffset)))?.offsets ?? []);
  let sourceLogFiles = 0;
  for (const source of await reader.sourceDirectories()) {
    const files = (await reader.filesIn(`sources/${source}`)).filter(({ name }) => /^\d+(\.compact)?$/.test(name));
    const hole = missingEntry(
      files.map(({ name }) => name),
      needed[Number(source)],
    );
    if (hole !== null) {
      const file = `sources/${source}/${hole}`;
      await attempt(file, () => Promise.reject(damagedFile(`${path}/${file}`, 0, "the file is missing")));
    }
    for (const { name } of files) {
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

/**
 * `offsets/` has every batch from its oldest to its newest, and `commits/` all but the newest of these. A query that runs meanwhile removes the
 * oldest and adds newer ones: what is missing must be missing the second time, too.
 */
async function missingRecords(reader: CheckpointReader): Promise<readonly string[]> {
  const look = async (): Promise<readonly string[]> => {
    const [offsetIds, commitIds] = [await reader.offsets.list(), await reader.commits.list()];
    const newest = offsetIds.at(-1) ?? -1;
    const holes = holesIn(offsetIds).map((id) => `offsets/${id}`);
    return newest > 0 && (commitIds.at(-1) ?? -1) < newest - 1 ? [...holes, `commits/${newest - 1}`] : holes;
  };
  const missing = await look();
  if (missing.length === 0) return [];
  const again = await look();
  return missing.filter((name) => again.includes(name));
}

function holesIn(ids: readonly number[]): readonly number[] {
  return ids.flatMap((id, index) => {
    const previous = ids[index - 1] ?? id - 1;
    return Array.from({ length: id - previous - 1 }, (_, at) => previous + 1 + at);
  });
}

/**
 * The first entry that is missing in a source's log: after the newest compact file all of them are there, up to the one that the offset of a file source
 * names.
 */
function missingEntry(names: readonly string[], offset: Offset | null | undefined): string | null {
  const compact = Math.max(-1, ...names.map((name) => Number(/^(\d+)\.compact$/.exec(name)?.[1] ?? -1)));
  const entries = names.filter((name) => /^\d+$/.test(name)).map(Number);
  const needed = Number((offset as { readonly logOffset?: number } | null | undefined)?.logOffset ?? -1);
  const ids = [compact, ...entries.filter((id) => id > compact).sort((a, b) => a - b)];
  const hole = holesIn(ids.at(-1)! < needed ? [...ids, needed + 1] : ids)[0];
  return hole === undefined ? null : String(hole);
}

/** What is damaged has been reported already. */
async function readOrNull<T>(record: Promise<T | null>): Promise<T | null> {
  return await record.catch(() => null);
}

/** A source's log: a version, then lines, with a checksum in the last of them. */
function checkSourceLog(fileName: string, sealed: string | null): void {
  if (sealed === null) return;
  const unsealed = unsealText(sealed);
  if (unsealed === null) throw damagedFile(fileName, 0, "its checksum is wrong");
  const [version, ...lines] = unsealed.text.split("\n") as [string, ...string[]];
  const number = Number(/^v(\d+)$/.exec(version)?.[1]);
  if (number > 1) throw newerFile(fileName, 1, number);
  if (version !== "v1") throw damagedFile(fileName, 0, "the first line is not v1");
  if (lines.length === 0) throw damagedFile(fileName, version.length, "the file ends after its first line");
  if (!unsealed.isSealed && !CREATION_TIME.test(unsealed.text)) throw damagedFile(fileName, version.length + 1, "its checksum is missing");
}

/** What version 0.1.0 has written for a `rate` source: no checksum. */
const CREATION_TIME = /^v1\n\d{13}$/;

/** Without a readable `metadata` nobody can tell which files belong to the checkpoint. */
async function openDamaged(ports: Ports, path: string, problems: CheckpointProblem[]): Promise<CheckpointReader | null> {
  try {
    return await CheckpointReader.open(ports, path);
  } catch (error) {
    if (!(error instanceof MillraceError) || error.condition !== "CHECKPOINT_FILE_CHECKSUM_VERIFICATION_FAILED") throw error;
    problems.push(describe(error, path, "metadata"));
    return null;
  }
}

const NOTHING_CHECKED = { offsetRecords: 0, commitRecords: 0, stateFiles: 0, stateFrames: 0, stateBytes: 0, sourceLogFiles: 0 };

/** The file is the one that the error names, if it is one of the checkpoint `path`. */
function describe(error: unknown, path: string, file: string): CheckpointProblem {
  if (!(error instanceof MillraceError)) return { file, offset: 0, reason: (error as Error).message, condition: "INTERNAL_ERROR" };
  const { offset, reason, fileName = "" } = error.messageParameters;
  const named = fileName.startsWith(`${path}/`) ? fileName.slice(path.length + 1) : file;
  return { file: named, offset: Number(offset ?? 0), reason: reason ?? error.message, condition: error.condition };
}
