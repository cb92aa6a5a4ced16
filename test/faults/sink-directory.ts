/**
 * Reads the output directory of a file sink the way an outsider does: only the files that `_spark_metadata` lists. Also while somebody writes,
 * checking that a listed file is whole and that what has once been listed stays as it is.
 */
import { mkdirSync, readdirSync, readFileSync, statSync, watch, type FSWatcher } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DuckDBInstance } from "@duckdb/node-api";

interface ListedFile {
  readonly path: string;
  readonly size: number;
  readonly isDir: boolean;
}

/** Lines of the manifest by batch, as far as they have files of their own; and those that a compact file carries. */
function manifest(directory: string): { readonly batches: ReadonlyMap<number, string>; readonly compact: readonly string[] } {
  const metadata = join(directory, "_spark_metadata");
  const names = readdirSync(metadata);
  const compacted = Math.max(-1, ...names.flatMap((name) => (name.endsWith(".compact") ? Number.parseInt(name) : [])));
  const batches = new Map<number, string>();
  for (const name of names) {
    if (!/^\d+$/.test(name) || Number(name) <= compacted) continue;
    batches.set(Number(name), readFileSync(join(metadata, name), "utf8"));
  }
  const compact = compacted < 0 ? [] : manifestLines(readFileSync(join(metadata, `${compacted}.compact`), "utf8"));
  return { batches, compact };
}

function manifestLines(text: string): string[] {
  const [version, ...lines] = text.split("\n");
  if (version !== "v1") throw new Error(`a manifest file begins with ${JSON.stringify(version)}`);
  return lines.filter((line) => line !== "");
}

function filesIn(lines: readonly string[]): ListedFile[] {
  return lines.map((line) => JSON.parse(line) as ListedFile).filter(({ isDir }) => !isDir);
}

/** Paths of the files that count, oldest first. Throws when one is listed twice, or not as long as the manifest says. */
export function listedFiles(directory: string): readonly string[] {
  const { batches, compact } = manifest(directory);
  const ids = [...batches.keys()].sort((a, b) => a - b);
  const files = filesIn([...compact, ...ids.flatMap((id) => manifestLines(batches.get(id)!))]);
  if (new Set(files.map(({ path }) => path)).size !== files.length) throw new Error("the manifest lists a file twice");
  files.forEach(checkWhole);
  return files.map(({ path }) => fileURLToPath(path));
}

function checkWhole({ path, size }: ListedFile): void {
  const found = statSync(fileURLToPath(path)).size;
  if (found !== size) throw new Error(`${path} is listed with ${size} bytes and has ${found}`);
  const bytes = readFileSync(fileURLToPath(path));
  const isWhole = path.endsWith(".parquet") ? bytes.subarray(-4).toString() === "PAR1" : bytes.at(-1) === 0x0a;
  if (!isWhole) throw new Error(`${path} is listed and not whole`);
}

/** The rows of the files that count, in the form of `EventStream.expected`. */
export function jsonRows(directory: string): readonly string[] {
  return listedFiles(directory)
    .flatMap((path) => readFileSync(path, "utf8").trimEnd().split("\n"))
    .map((line) => {
      const { start, key = null, n, total = null } = JSON.parse(line) as { start: string; key?: string; n: number; total?: number };
      return JSON.stringify([start, key, n, String(total)]);
    })
    .sort();
}

/** A reader at work while queries come and go: looks at the manifest at every change of its directory. */
export class WatchingReader {
  readonly #directory: string;
  readonly #watcher: FSWatcher;
  readonly #seen = new Map<number, string>();
  /** What a reader must never see. */
  readonly violations: string[] = [];

  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(join(directory, "_spark_metadata"), { recursive: true });
    this.#watcher = watch(join(directory, "_spark_metadata"), () => this.look());
  }

  /** Batches that were seen before a compact file took them over. */
  get batchesSeen(): number {
    return this.#seen.size;
  }

  look(): void {
    try {
      for (const [id, text] of manifest(this.#directory).batches) {
        const before = this.#seen.get(id);
        if (before !== undefined && before !== text) this.violations.push(`batch ${id} changed: ${before} → ${text}`);
        if (before === undefined) filesIn(manifestLines(text)).forEach(checkWhole);
        this.#seen.set(id, text);
      }
    } catch (error) {
      // A file of the log that a compact file replaced between listing and reading.
      const { code, path } = error as NodeJS.ErrnoException;
      if (code !== "ENOENT" || !path?.includes("_spark_metadata")) this.violations.push(String(error));
    }
  }

  close(): void {
    this.#watcher.close();
  }
}

/** DuckDB's account of the output files, and of the same query over the input files, in the form of `EventStream.expected`. */
export async function byDuckDb(format: string, outputFiles: readonly string[], inputFiles: string) {
  const database = await (await DuckDBInstance.create(":memory:")).connect();
  try {
    await database.run("set TimeZone = 'UTC'");
    const list = `[${outputFiles.map((path) => `'${path}'`).join(",")}]`;
    const columns = "{start: 'TIMESTAMP', key: 'VARCHAR', n: 'BIGINT', total: 'BIGINT'}";
    const output = format === "parquet" ? `read_parquet(${list})` : `read_json(${list}, format = 'nd', columns = ${columns})`;
    const input = `select time_bucket(interval 10 seconds, ts) as start, key, count(*) as n, cast(sum(value) as bigint) as total
      from read_json('${inputFiles}', format = 'nd', columns = {ts: 'TIMESTAMP', key: 'VARCHAR', value: 'BIGINT'})
      where ts < '2099-01-01' group by all`;
    const rows = async (from: string): Promise<string[]> => {
      const result = await database.runAndReadAll(
        `select strftime(cast(start as timestamp), '%Y-%m-%dT%H:%M:%S.%gZ'), key, n, total from (${from})`,
      );
      return result
        .getRows()
        .map(([start, key, n, total]) => JSON.stringify([start, key, Number(n), String(total)]))
        .sort();
    };
    return { output: await rows(`select * from ${output}`), input: await rows(input) };
  } finally {
    database.closeSync();
  }
}
