/**
 * What the outside saw of a query: which files each batch consists of (from the logs of the checkpoint as they appear), and what the sink
 * showed for it. `check` compares that with the model of the workload.
 */
import { basename } from "node:path";
import { MillraceError } from "../../src/base/errors.ts";
import type { TestSink } from "../../src/testing/test-sink.ts";
import type { Disk } from "./disk.ts";
import type { OutputRow, Row, Workload } from "./workloads.ts";

export const CHECKPOINT = "/checkpoint";
export const INPUT = "/in";
export const OUTPUT = "/out";
const MANIFEST = `${OUTPUT}/_spark_metadata`;

/** Something that must never be. */
export class Violation extends Error {}

interface ManifestLine {
  readonly path: string;
  readonly size: number;
  readonly isDir: boolean;
}

export class History {
  readonly #disk: Disk;
  readonly #workload: Workload;
  /** Rows of the input files, in the order in which they appeared. */
  readonly input = new Map<string, readonly Row[]>();
  /** Files of a number of the source's log. */
  readonly #sourceEntries = new Map<number, readonly string[]>();
  /** Number of the source's log up to which a batch reads. */
  readonly #ends = new Map<number, number>();
  /** Output rows by batch, as sorted JSON. */
  readonly #output = new Map<number, readonly string[]>();
  /** Up to the batch that was published last. */
  #filesRead = 0;

  constructor(disk: Disk, workload: Workload) {
    this.#disk = disk;
    this.#workload = workload;
    disk.put(`${INPUT}/.nothing`, new Uint8Array(0), 0);
    disk.onOperation = (operation) => {
      if (operation.kind === "link") this.#appeared(operation.path);
    };
  }

  /** A file with these rows appears, durable. Returns its path. */
  addFile(number: number, rows: readonly Row[]): string {
    const path = `${INPUT}/${String(number).padStart(5, "0")}.json`;
    const text = rows.map(({ second, key, value }) =>
      JSON.stringify({ ts: second === null ? null : new Date(second * 1000).toISOString(), key, value }),
    );
    this.input.set(path, rows);
    this.#disk.put(path, Buffer.from(`${text.join("\n")}\n`), 1_700_000_000_000 + number * 1000);
    return path;
  }

  /** Takes in what a sink that keeps its batches in memory has got since the last look. */
  lookAt(store: TestSink): void {
    const { latestBatchId } = store;
    if (latestBatchId >= this.batches) this.published(latestBatchId, store.latestRows().map(outputRow));
  }

  /** Batches that the sink has shown. */
  get batches(): number {
    return this.#output.size;
  }

  /** A sink has published a batch. Shown again, it must be the same. */
  published(batchId: number, rows: readonly OutputRow[]): void {
    const sorted = rows.map((row) => JSON.stringify(row)).sort();
    const before = this.#output.get(batchId);
    if (before !== undefined && JSON.stringify(before) !== JSON.stringify(sorted)) {
      throw new Violation(`batch ${batchId} was ${before.join(" ")} and became ${sorted.join(" ")}`);
    }
    this.#output.set(batchId, sorted);
    this.#filesRead = Array.from({ length: batchId + 1 }, (_, id) => this.#filesOf(id).length).reduce((sum, files) => sum + files, 0);
  }

  /** Whether every file has been read by a batch that the sink has. */
  get isComplete(): boolean {
    return this.#filesRead === this.input.size;
  }

  /** Throws a `Violation` unless every input row is in exactly one batch and every batch shows what the model says. */
  check(): void {
    const ids = [...this.#output.keys()].sort((a, b) => a - b);
    const model = this.#workload.model();
    const read: string[] = [];
    for (const [index, batchId] of ids.entries()) {
      if (batchId !== index) throw new Violation(`batch ${index} is missing in the sink, which has ${ids.join(" ")}`);
      const files = this.#filesOf(batchId);
      read.push(...files);
      const expected = model
        .batch(files.flatMap((path) => this.input.get(path)!))
        .map((row) => JSON.stringify(row))
        .sort();
      const found = this.#output.get(batchId)!;
      if (JSON.stringify(expected) !== JSON.stringify(found)) {
        throw new Violation(`batch ${batchId} of ${files.join(" ")} is ${found.join(" ")} instead of ${expected.join(" ")}`);
      }
    }
    const wanted = [...this.input.keys()];
    if (JSON.stringify([...read].sort()) !== JSON.stringify(wanted.sort())) {
      throw new Violation(`the batches read ${read.join(" ")} instead of ${wanted.join(" ")}`);
    }
    if (this.#workload.sink === "files") this.#checkManifest();
  }

  /** What a reader who comes now finds: all batches, each once. */
  #checkManifest(): void {
    const found = this.#manifestLines().flatMap((line) => this.#rowsOf(line));
    const wanted = [...this.#output.values()].flat();
    if (JSON.stringify([...found].sort()) !== JSON.stringify([...wanted].sort())) {
      throw new Violation(`the manifest leads to ${found.length} rows, the batches had ${wanted.length}`);
    }
  }

  #manifestLines(): ManifestLine[] {
    const names = this.#disk.list(MANIFEST).map(({ path }) => basename(path));
    const compact = Math.max(-1, ...names.flatMap((name) => (name.endsWith(".compact") ? Number.parseInt(name) : [])));
    const plain = names.filter((name) => /^\d+$/.test(name) && Number(name) > compact);
    const files = compact < 0 ? plain : [`${compact}.compact`, ...plain];
    return files.flatMap((name) => this.#linesOf(`${MANIFEST}/${name}`));
  }

  #linesOf(path: string): ManifestLine[] {
    const [version, ...lines] = Buffer.from(this.#disk.read(path)).toString().split("\n");
    if (version !== "v1") throw new Violation(`${path} begins with ${JSON.stringify(version)}`);
    return lines.map((line) => JSON.parse(line) as ManifestLine);
  }

  #rowsOf({ path, size, isDir }: ManifestLine): string[] {
    if (isDir) return [];
    const file = decodeURIComponent(path.replace("file://", ""));
    const bytes = this.#disk.stat(file) ? this.#disk.read(file) : new Uint8Array(0);
    const text = Buffer.from(bytes).toString();
    if (bytes.length !== size || !text.endsWith("\n")) throw new Violation(`${file} is listed with ${size} bytes and has ${bytes.length}`);
    return text
      .trimEnd()
      .split("\n")
      .map((line) => {
        const row = JSON.parse(line) as Record<string, string | number>;
        return JSON.stringify(this.#workload.columns.map((column) => row[column] ?? null));
      });
  }

  #filesOf(batchId: number): string[] {
    const [from, to] = [this.#ends.get(batchId - 1) ?? -1, this.#ends.get(batchId) ?? -1];
    return Array.from({ length: Math.max(0, to - from) }, (_, i) => this.#sourceEntries.get(from + 1 + i) ?? []).flat();
  }

  #appeared(path: string): void {
    const name = basename(path);
    if (!/^\d+$/.test(name)) return;
    const text = (): string => Buffer.from(this.#disk.read(path)).toString();
    switch (path.slice(0, -name.length - 1)) {
      case `${CHECKPOINT}/offsets`:
        this.#ends.set(Number(name), (JSON.parse(text().split("\n")[2]!) as { logOffset: number }).logOffset);
        return;
      case `${CHECKPOINT}/sources/0`: {
        const lines = text().split("\n").slice(1);
        this.#sourceEntries.set(
          Number(name),
          lines.map((line) => (JSON.parse(line) as { path: string }).path.replace("file://", "")),
        );
        return;
      }
      case MANIFEST: {
        const rows = this.#linesOf(path).flatMap((line) => this.#rowsOf(line));
        this.published(
          Number(name),
          rows.map((row) => JSON.parse(row) as OutputRow),
        );
      }
    }
  }
}

export function outputRow(row: readonly unknown[]): OutputRow {
  return row.map((value) => (typeof value === "bigint" ? Number(value) : (value as string | number | null)));
}

/** Of the error, or of what ended the query. */
export function conditionOf(error: unknown): string {
  if (!(error instanceof MillraceError)) return String(error);
  const isWrapper = error.condition === "STREAM_FAILED" || error.condition === "FOREACH_BATCH_USER_FUNCTION_ERROR";
  return isWrapper ? conditionOf(error.cause) : error.condition;
}
