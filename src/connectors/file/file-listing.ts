/**
 * Which files a path stands for: globs, hidden names, `key=value` directories, nested directories, and the manifest of a file sink, which
 * is the whole truth about its directory. Main thread.
 */
import { basename, join, relative, resolve, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { AnalysisError, ConnectorError, MillraceError } from "../../base/errors.ts";
import type { FileStat, FileSystem } from "../../base/ports.ts";
import { type ReadableLog, readCompactibleLog } from "./compactible-log.ts";
import { parsePartitionDirectory } from "./partition-values.ts";
import { liveFiles, MANIFEST_DIRECTORY } from "./sink-manifest.ts";

export interface FoundFile {
  readonly path: string;
  readonly sizeBytes: number;
  /** Epoch milliseconds, whole. */
  readonly modifiedMs: number;
  /** Texts of the `key=value` directories between the path that was asked for and the file. */
  readonly partitions: Readonly<Record<string, string | null>>;
}

export interface ListingOptions {
  /** Every nested directory is read, and `key=value` means nothing. */
  readonly isRecursive: boolean;
  /** Glob that file names must match. */
  readonly nameGlob: string | null;
  readonly modifiedBeforeMs: number | null;
  readonly modifiedAfterMs: number | null;
  /** Read a file sink's directory like any other. */
  readonly ignoresManifest: boolean;
  /** Whether a glob may match nothing: a stream waits for what will. */
  readonly mayMatchNothing: boolean;
}

export interface Listing {
  readonly files: readonly FoundFile[];
  /** Whether a path was a file sink's directory, read through its manifest. */
  readonly hasManifest: boolean;
}

/** All files under `paths` in no particular order. Throws `PATH_NOT_FOUND`, `FAILED_READ_FILE.NO_HINT`. */
export async function listFiles(fileSystem: FileSystem, paths: readonly string[], options: ListingOptions): Promise<Listing> {
  try {
    return await listAll(fileSystem, paths, options);
  } catch (error) {
    if (error instanceof MillraceError) throw error;
    const { path = paths.join(", "), message } = error as NodeJS.ErrnoException;
    throw new ConnectorError("FAILED_READ_FILE.NO_HINT", { path, reason: message }, { cause: error });
  }
}

async function listAll(fileSystem: FileSystem, paths: readonly string[], options: ListingOptions): Promise<Listing> {
  const files: FoundFile[] = [];
  let hasManifest = false;
  for (const given of paths) {
    const path = localPath(given);
    const roots = isGlob(path) ? await expandGlob(fileSystem, path) : await existing(fileSystem, path);
    if (roots.length === 0 && !options.mayMatchNothing) throw new AnalysisError("PATH_NOT_FOUND", { path: fileUri(path) });
    for (const root of roots) {
      if (root.isDirectory && !isGlob(path) && !options.ignoresManifest && (await isSinkDirectory(fileSystem, root.path))) {
        hasManifest = true;
        files.push(...(await manifestFiles(fileSystem, root.path)));
      } else if (root.isDirectory) files.push(...(await filesIn(fileSystem, root.path, options, {})));
      else files.push(found(root, {}));
    }
  }
  const matches = options.nameGlob === null ? null : globPattern(options.nameGlob);
  const wanted = files.filter(
    (file) =>
      (!matches || matches.test(basename(file.path))) &&
      (options.modifiedBeforeMs === null || file.modifiedMs < options.modifiedBeforeMs) &&
      (options.modifiedAfterMs === null || file.modifiedMs > options.modifiedAfterMs),
  );
  return { files: wanted, hasManifest };
}

/** An absolute path of this machine, from a path or a `file:` URI. Globs stay as they are. Throws `DATA_SOURCE_PATH_INVALID`. */
export function localPath(path: string): string {
  if (!path.startsWith("file:")) return resolve(path);
  try {
    return resolve(decodeURIComponent(path.replace(/^file:(\/\/)?/, "")));
  } catch (cause) {
    throw new AnalysisError("DATA_SOURCE_PATH_INVALID", { path }, { cause });
  }
}

/** The form in which logs name files: `file:///a%20b`. */
export const fileUri = (path: string): string => pathToFileURL(path).href;
export const pathOfUri = (uri: string): string => fileURLToPath(uri);

const isGlob = (path: string): boolean => /[*?[\]{}]/.test(path);

async function existing(fileSystem: FileSystem, path: string): Promise<readonly FileStat[]> {
  const stat = await fileSystem.stat(path);
  if (!stat) throw new AnalysisError("PATH_NOT_FOUND", { path: fileUri(path) });
  return [stat];
}

async function isSinkDirectory(fileSystem: FileSystem, directory: string): Promise<boolean> {
  return (await fileSystem.stat(join(directory, MANIFEST_DIRECTORY)))?.isDirectory ?? false;
}

async function manifestFiles(fileSystem: FileSystem, directory: string): Promise<FoundFile[]> {
  const log = join(directory, MANIFEST_DIRECTORY);
  const store: ReadableLog = {
    directory: log,
    list: async () => (await fileSystem.list(log)).map((stat) => basename(stat.path)),
    read: async (name: string) =>
      (await fileSystem.stat(join(log, name))) ? new TextDecoder().decode(await fileSystem.readFile(join(log, name))) : null,
  };
  return liveFiles(await readCompactibleLog(store)).map((entry) => {
    const path = pathOfUri(entry.path);
    return { path, sizeBytes: entry.size, modifiedMs: entry.modificationTime, partitions: partitionsBetween(directory, path) };
  });
}

function partitionsBetween(directory: string, path: string): Record<string, string | null> {
  const partitions: Record<string, string | null> = {};
  for (const name of relative(directory, path).split(sep).slice(0, -1)) {
    const partition = parsePartitionDirectory(name);
    if (partition) partitions[partition[0]] = partition[1];
  }
  return partitions;
}

/** Names that mean something to writers only: `_SUCCESS`, `_temporary`, `.crc`, … */
const isHidden = (name: string): boolean =>
  name.startsWith(".") || (name.startsWith("_") && !name.includes("=")) || name.endsWith("._COPYING_");

async function filesIn(
  fileSystem: FileSystem,
  directory: string,
  options: ListingOptions,
  partitions: Readonly<Record<string, string | null>>,
): Promise<FoundFile[]> {
  const children = (await fileSystem.list(directory)).filter((child) => !isHidden(basename(child.path)));
  const parts = await Promise.all(
    children.map(async (child) => {
      if (!child.isDirectory) return [found(child, partitions)];
      if (options.isRecursive) return filesIn(fileSystem, child.path, options, {});
      const partition = parsePartitionDirectory(basename(child.path));
      return partition ? filesIn(fileSystem, child.path, options, { ...partitions, [partition[0]]: partition[1] }) : [];
    }),
  );
  return parts.flat();
}

const found = (stat: FileStat, partitions: Readonly<Record<string, string | null>>): FoundFile => ({
  path: stat.path,
  sizeBytes: stat.sizeBytes,
  modifiedMs: Math.floor(stat.modifiedMs),
  partitions,
});

/** Everything that matches, level by level; nothing is an answer, too. */
async function expandGlob(fileSystem: FileSystem, path: string): Promise<readonly FileStat[]> {
  const [, ...segments] = path.split(sep);
  const firstGlob = segments.findIndex(isGlob);
  const root = await fileSystem.stat(sep + segments.slice(0, firstGlob).join(sep));
  let level = root?.isDirectory ? [root.path] : [];
  let matched: FileStat[] = [];
  for (const [index, segment] of segments.slice(firstGlob).entries()) {
    const pattern = globPattern(segment);
    const isLast = firstGlob + index === segments.length - 1;
    matched = [];
    for (const directory of level) {
      for (const child of await fileSystem.list(directory)) {
        const name = basename(child.path);
        if (!pattern.test(name) || (isHidden(name) && isGlob(segment))) continue;
        if (isLast || child.isDirectory) matched.push(child);
      }
    }
    level = matched.map((stat) => stat.path);
  }
  return matched;
}

/** Hadoop's globs: `*`, `?`, `[abc]`, `[a-z]`, `[^a]`, `{ab,cd}`, `\` before a character that means itself. */
function globPattern(glob: string): RegExp {
  let source = "";
  let depth = 0;
  for (let index = 0; index < glob.length; index++) {
    const character = glob[index]!;
    if (character === "*") source += "[^/]*";
    else if (character === "?") source += "[^/]";
    else if (character === "{") {
      source += "(?:";
      depth++;
    } else if (character === "}" && depth > 0) {
      source += ")";
      depth--;
    } else if (character === "," && depth > 0) source += "|";
    else if (character === "[" && glob.indexOf("]", index + 2) > 0) {
      const end = glob.indexOf("]", index + 2);
      const body = glob
        .slice(index + 1, end)
        .replace(/^!/, "^")
        .replace(/[\\[\]]/g, "\\$&");
      source += `[${body}]`;
      index = end;
    } else if (character === "\\" && index + 1 < glob.length) source += escapePattern(glob[++index]!);
    else source += escapePattern(character);
  }
  if (depth > 0) throw new AnalysisError("DATA_SOURCE_GLOB_INVALID", { glob });
  try {
    return new RegExp(`^${source}$`, "u");
  } catch {
    // A range that runs backwards, such as [z-a].
    throw new AnalysisError("DATA_SOURCE_GLOB_INVALID", { glob });
  }
}

const escapePattern = (character: string): string => character.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
